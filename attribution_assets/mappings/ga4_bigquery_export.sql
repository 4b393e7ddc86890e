-- Google Analytics 4's export to BigQuery (https://support.google.com/analytics/answer/7029846).
--
-- Use: export the daily tables events_YYYYMMDD from BigQuery as Parquet files, events_20240301.parquet or in parts
-- (events_20240301-000000000000.parquet), into one folder; copy this file there as views.sql, and set
--     ATTRIBUTION_SOURCE_URL=files:///that/folder
-- Google changes a daily table for up to three days after its day: export the last four days again each time, over the
-- old files. What has changed is found and restated. Leave out events_intraday_...: their events come again with the
-- day. Runs in DuckDB; for BigQuery itself the same columns can be selected there.
--
-- A visit is a session (user_pseudo_id and ga_session_id); it begins with its first event, in UTC, also where it lasts
-- past midnight. Its channel is the default channel group of the session's last click, else its source / medium, else
-- Direct: of exports since October 2024, earlier ones have no such field. A visitor is user_id where one is known in the session,
-- else the browser. Orders are purchase events with a transaction_id; one that is sent twice counts once, at its first
-- time. Amounts are in the property's currency. Spend is not in the export: see ad_platforms.sql.

CREATE VIEW ga4_events AS
SELECT * FROM read_parquet('events_[0-9]*.parquet', union_by_name = true);

CREATE VIEW ga4_sessions AS
WITH events AS (
    SELECT
        user_pseudo_id,
        user_id,
        event_timestamp,
        session_traffic_source_last_click AS last_click,
        (SELECT p.value.int_value FROM unnest(event_params) AS params(p) WHERE p.key = 'ga_session_id') AS ga_session_id,
        (
            SELECT coalesce(p.value.string_value, CAST(p.value.int_value AS VARCHAR))
            FROM unnest(event_params) AS params(p) WHERE p.key = 'session_engaged'
        ) AS engaged
    FROM ga4_events
    WHERE user_pseudo_id IS NOT NULL
)
SELECT
    concat(user_pseudo_id, '.', ga_session_id) AS session_id,
    coalesce(min(user_id), user_pseudo_id) AS user_id,
    make_timestamp(min(event_timestamp)) AS started_at,
    arg_min(last_click.cross_channel_campaign.default_channel_group, event_timestamp) AS channel_group,
    arg_min(last_click.manual_campaign.source, event_timestamp) AS source,
    arg_min(last_click.manual_campaign.medium, event_timestamp) AS medium,
    arg_min(last_click.cross_channel_campaign.campaign_name, event_timestamp) AS campaign,
    max(CASE WHEN engaged = '1' THEN 1 ELSE 0 END) AS engaged
FROM events
WHERE ga_session_id IS NOT NULL
GROUP BY user_pseudo_id, ga_session_id;

CREATE VIEW session_sources AS
SELECT
    session_id,
    user_id,
    CAST(started_at AS DATE) AS event_date,
    CAST(started_at AS TIME) AS event_time,
    coalesce(channel_group, source || ' / ' || coalesce(medium, '(none)'), 'Direct') AS channel_name,
    engaged AS holder_engagement,
    engaged AS closer_engagement,
    0 AS impression_interaction,
    campaign
FROM ga4_sessions;

CREATE VIEW session_costs AS
SELECT CAST(NULL AS VARCHAR) AS session_id, CAST(NULL AS DOUBLE) AS cost WHERE false;

CREATE VIEW conversions AS
WITH events AS (
    SELECT
        *,
        (SELECT p.value.int_value FROM unnest(event_params) AS params(p) WHERE p.key = 'ga_session_id') AS ga_session_id
    FROM ga4_events
    WHERE event_name IN ('purchase', 'refund') AND ecommerce.transaction_id <> '(not set)'
),
purchases AS (
    SELECT
        ecommerce.transaction_id AS conv_id,
        make_timestamp(min(event_timestamp) FILTER (WHERE event_name = 'purchase')) AS ordered_at,
        arg_min(coalesce(ga4_sessions.user_id, events.user_id, user_pseudo_id), event_timestamp)
            FILTER (WHERE event_name = 'purchase') AS user_id,
        arg_min(ecommerce.purchase_revenue, event_timestamp) FILTER (WHERE event_name = 'purchase') AS revenue,
        sum(ecommerce.refund_value) FILTER (WHERE event_name = 'refund') AS refunded
    FROM events
    LEFT JOIN ga4_sessions ON ga4_sessions.session_id = concat(user_pseudo_id, '.', ga_session_id)
    GROUP BY ecommerce.transaction_id
)
SELECT
    conv_id,
    user_id,
    CAST(ordered_at AS DATE) AS conv_date,
    CAST(ordered_at AS TIME) AS conv_time,
    revenue,
    refunded
FROM purchases
WHERE ordered_at IS NOT NULL;
