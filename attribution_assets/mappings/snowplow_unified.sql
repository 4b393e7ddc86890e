-- The tables snowplow_unified_sessions and snowplow_unified_conversions of Snowplow's Unified Digital dbt package
-- (https://docs.snowplow.io/docs/modeling-your-data/modeling-your-data-with-dbt/dbt-models/dbt-unified-data-model/).
--
-- Use: run this file once in the database that has the tables, in a schema that is searched, and set
-- ATTRIBUTION_SOURCE_URL to the database. With exported files instead, snowplow_unified_sessions.parquet and so on, copy
-- it as views.sql into their folder, with these two lines before all others, without the dashes:
-- CREATE VIEW snowplow_unified_sessions AS SELECT * FROM 'snowplow_unified_sessions.parquet';
-- CREATE VIEW snowplow_unified_conversions AS SELECT * FROM 'snowplow_unified_conversions.parquet';
-- Runs in PostgreSQL and DuckDB.
--
-- A visit's channel is its default channel group. A visitor is stitched_user_id, else user_identifier: it must be
-- stitched in both tables or in none (snowplow__session_stitching, snowplow__conversion_stitching). The packages keep
-- times in UTC. All conversions count as orders: add WHERE cv_type = '...' for those of one type. Spend is in neither
-- table: see ad_platforms.sql.

CREATE VIEW session_sources AS
SELECT
    session_identifier AS session_id,
    coalesce(stitched_user_id, user_identifier) AS user_id,
    CAST(start_tstamp AS DATE) AS event_date,
    CAST(start_tstamp AS TIME) AS event_time,
    coalesce(default_channel_group, 'Unassigned') AS channel_name,
    CASE WHEN is_engaged THEN 1 ELSE 0 END AS holder_engagement,
    CASE WHEN is_engaged THEN 1 ELSE 0 END AS closer_engagement,
    0 AS impression_interaction,
    mkt_campaign AS campaign
FROM snowplow_unified_sessions;

CREATE VIEW session_costs AS
SELECT CAST(NULL AS VARCHAR) AS session_id, CAST(NULL AS DOUBLE PRECISION) AS cost WHERE false;

CREATE VIEW conversions AS
SELECT
    event_id AS conv_id,
    coalesce(stitched_user_id, user_identifier) AS user_id,
    CAST(cv_tstamp AS DATE) AS conv_date,
    CAST(cv_tstamp AS TIME) AS conv_time,
    cv_value AS revenue
FROM snowplow_unified_conversions;
