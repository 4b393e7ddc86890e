-- The seed files of the dbt attribution playbook (https://github.com/dbt-labs/attribution-playbook, folder data).
--
-- Use: copy this file as views.sql into the folder of sessions.csv, customer_conversions.csv and ad_spend.csv, and set
--     ATTRIBUTION_SOURCE_URL=files:///that/folder  ATTRIBUTION_START_DATE=2020-02-01  ATTRIBUTION_END_DATE=2020-02-17
--     ATTRIBUTION_JOURNEY_END=at    (its journeys last up to and including the order's own second)
-- For files of your own of this kind, change names here. Runs in DuckDB.
--
-- A visit's channel is its utm_source. Lines may end before the last column (null_padding). An order has no id: it is
-- its customer and its time.

CREATE VIEW session_sources AS
SELECT
    session_id,
    customer_id AS user_id,
    split_part(started_at, ' ', 1) AS event_date,
    split_part(started_at, ' ', 2) AS event_time,
    utm_source AS channel_name,
    1 AS holder_engagement,
    1 AS closer_engagement,
    0 AS impression_interaction,
    utm_campaign AS campaign
FROM read_csv('sessions.csv', all_varchar = true, header = true, delim = ',', null_padding = true);

CREATE VIEW session_costs AS
SELECT CAST(NULL AS VARCHAR) AS session_id, CAST(NULL AS DOUBLE) AS cost WHERE false;

CREATE VIEW conversions AS
SELECT
    concat(customer_id, ' ', converted_at) AS conv_id,
    customer_id AS user_id,
    split_part(converted_at, ' ', 1) AS conv_date,
    split_part(converted_at, ' ', 2) AS conv_time,
    revenue
FROM read_csv('customer_conversions.csv', all_varchar = true, header = true, delim = ',');

CREATE VIEW ad_spend AS
SELECT date_day AS "date", utm_source AS channel_name, utm_campaign AS campaign, spend AS cost
FROM read_csv('ad_spend.csv', all_varchar = true, header = true, delim = ',');
