-- Spend by day and campaign, from a table of each ad platform as the platform or a loader exports it:
--     google_ads  Google Ads reports (https://developers.google.com/google-ads/api/fields/latest/campaign):
--                 segments_date, campaign_name, campaign_advertising_channel_type, customer_currency_code,
--                 metrics_cost_micros (millionths), metrics_impressions, metrics_clicks
--     meta_ads    Meta's ads insights (https://developers.facebook.com/docs/marketing-api/reference/ads-insights):
--                 date_start, campaign_name, account_currency, spend, impressions, clicks
--
-- Use: run it, beside the mapping of the visits, in the database that has these tables; or add it to views.sql in a
-- folder of exported files, with the line CREATE VIEW google_ads AS SELECT * FROM 'google_ads.csv'; and the like before
-- it. Leave out what you do not have; add platforms with a SELECT each. Runs in PostgreSQL and DuckDB.
--
-- Channels have to be those of the visits: change the names to yours. Rows of one day, channel and campaign are summed.
-- All amounts have to be in one currency: with several, reading ad_spend fails and names them.

CREATE VIEW ad_platform_costs AS
SELECT
    CAST(segments_date AS DATE) AS "date",
    CASE campaign_advertising_channel_type
        WHEN 'SEARCH' THEN 'Paid Search'
        WHEN 'SHOPPING' THEN 'Paid Shopping'
        WHEN 'VIDEO' THEN 'Paid Video'
        WHEN 'DISPLAY' THEN 'Display'
        ELSE 'Cross-network'
    END AS channel_name,
    campaign_name AS campaign,
    customer_currency_code AS currency,
    CAST(metrics_cost_micros AS DOUBLE PRECISION) / 1000000 AS cost,
    CAST(metrics_impressions AS DOUBLE PRECISION) AS impressions,
    CAST(metrics_clicks AS DOUBLE PRECISION) AS clicks
FROM google_ads
UNION ALL
SELECT
    CAST(date_start AS DATE),
    'Paid Social',
    campaign_name,
    account_currency,
    CAST(spend AS DOUBLE PRECISION),
    CAST(impressions AS DOUBLE PRECISION),
    CAST(clicks AS DOUBLE PRECISION)
FROM meta_ads;

CREATE VIEW ad_spend AS
SELECT
    "date",
    channel_name,
    campaign,
    CASE
        WHEN (SELECT count(DISTINCT currency) FROM ad_platform_costs) > 1
        THEN CAST(
            'amounts in several currencies: '
            || (SELECT string_agg(DISTINCT currency, ', ') FROM ad_platform_costs) AS DOUBLE PRECISION
        )
        ELSE sum(cost)
    END AS cost,
    sum(impressions) AS impressions,
    sum(clicks) AS clicks
FROM ad_platform_costs
GROUP BY "date", channel_name, campaign;
