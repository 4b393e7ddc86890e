"""The mappings: what people have, in its own shape, comes out as the source tables, through one file of views each."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

import attribution_assets
from attribution_assets.attribution.source.database import SourceDatabase, SourceUnreachableError
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.command.cli import app
from attribution_assets_tests.support.databases import execute
from attribution_assets_tests.support.places import SHARED_DATA
from attribution_assets_tests.support.source_tables import DAYS, extracted_orders, extracted_sessions, source

MAPPINGS = Path(attribution_assets.__file__).parent / "mappings"
PLAYBOOK = SHARED_DATA.parent / "inputs/playbook"

PUBLISHED = {
    "first_touch": {"facebook_ads": 95, "google": 30, "adwords": 10, "direct": 140},
    "last_touch": {"facebook_ads": 50, "google": 40, "adwords": 15, "bing": 25, "direct": 145},
    "linear": {
        "facebook_ads": 70.178571,
        "google": 37.857143,
        "adwords": 19.107143,
        "bing": 6.428571,
        "direct": 141.428571,
    },
    "position_based": {"facebook_ads": 71.4, "google": 35.8, "adwords": 16.4, "bing": 10, "direct": 141.4},
}
"""Revenue by model and channel, of the playbook's own SQL (models/attribution_touches.sql) over its seed files."""


def mapped(name: str) -> list[str]:
    """The statements of a mapping."""
    return [each.query for each in duckdb.extract_statements((MAPPINGS / f"{name}.sql").read_text(encoding="utf-8"))]


def selected(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a query over the source gives."""
    with SourceDatabase(url, DAYS[0]).place.database.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


@pytest.fixture
def playbook(tmp_path: Path) -> str:
    """The playbook's seed files with the mapping beside them."""
    if not PLAYBOOK.is_dir():
        pytest.skip("the playbook's seed files are not there: ATTRIBUTION_SHARED_DATA")
    folder = tmp_path / "playbook"
    shutil.copytree(PLAYBOOK, folder)
    shutil.copy(MAPPINGS / "dbt_attribution_playbook.sql", folder / "views.sql")
    return f"files://{folder}"


def test_the_published_models_of_the_playbook_come_out_of_its_seed_files(
    playbook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "SOURCE_URL": playbook,
        "START_DATE": "2020-02-01",
        "END_DATE": "2020-02-17",
        "LOOKBACK_DAYS": "30",
        "JOURNEY_END": "at",
    }.items():
        monkeypatch.setenv(f"ATTRIBUTION_{name}", value)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["run"])
    assert result.exit_code == 0, result.output
    frames = [frame for _, frame in AssetStorage("data/assets").all_days("model_comparison").frames()]
    revenue = pd.concat(frames).groupby(["model", "channel_name"])["revenue"].sum()
    for model, channels in PUBLISHED.items():
        of_model = {str(channel): float(each) for channel, each in revenue[model].items() if each}
        assert of_model == pytest.approx(channels, abs=1e-6), model


def test_all_spend_of_the_playbook_is_there_and_166_of_it_where_visits_are(playbook: str) -> None:
    assert selected(playbook, "SELECT sum(CAST(cost AS DOUBLE)), count(*) FROM ad_spend") == [(359.0, 42)]
    beside_visits = (
        "SELECT sum(CAST(cost AS DOUBLE)) FROM ad_spend WHERE (date, channel_name, campaign) IN"
        " (SELECT (event_date, channel_name, campaign) FROM session_sources)"
    )
    assert selected(playbook, beside_visits) == [(166.0,)]


EVENT = """
    SELECT
        '{user}' AS user_pseudo_id, {known} AS user_id, epoch_us(TIMESTAMP '{at}') AS event_timestamp,
        '{name}' AS event_name,
        [{{'key': 'ga_session_id', 'value': {{'string_value': NULL::VARCHAR, 'int_value': {session}::BIGINT}}}},
         {{'key': 'session_engaged', 'value': {{'string_value': '{engaged}', 'int_value': NULL::BIGINT}}}}]
            AS event_params,
        {{'cross_channel_campaign': {{'default_channel_group': {group}, 'campaign_name': 'spring'}},
          'manual_campaign': {{'source': {source}, 'medium': 'cpc'}}}} AS session_traffic_source_last_click,
        {{'transaction_id': {order}, 'purchase_revenue': {revenue}, 'refund_value': {refund}}} AS ecommerce
"""


def write_events(folder: Path, name: str, *events: dict[str, Any]) -> None:
    """A file of a daily table of GA4's export."""
    usual = {"user": "b1", "known": "NULL", "name": "page_view", "session": 1, "engaged": 1, "group": "NULL::VARCHAR"}
    usual |= {"source": "NULL::VARCHAR", "order": "'(not set)'", "revenue": "NULL::DOUBLE", "refund": "NULL::DOUBLE"}
    rows = " UNION ALL ".join(EVENT.format(**(usual | event)) for event in events)
    folder.mkdir(exist_ok=True)
    duckdb.sql(f"COPY ({rows}) TO '{folder}/{name}.parquet'")


class TestGa4:
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        folder = tmp_path / "ga4"
        paid, bought = {"group": "'Paid Search'"}, {"name": "purchase", "order": "'T1'", "revenue": 50.5}
        write_events(
            folder,
            "events_20240228",
            {"at": "2024-02-28 23:50:00", **paid},
            {"at": "2024-02-28 10:00:00", "user": "b2", "session": 7, "engaged": 0, "source": "'news'"},
        )
        write_events(
            folder,
            "events_20240229-000000000000",
            {"at": "2024-02-29 00:10:00", "known": "'ann'", **paid},
            {"at": "2024-02-29 00:20:00", "known": "'ann'", **paid, **bought},
            {"at": "2024-02-29 00:21:00", "known": "'ann'", **paid, **bought},
            {"at": "2024-02-29 09:00:00", "user": "b3", "session": 9, "name": "purchase"},
        )
        write_events(
            folder,
            "events_20240301",
            {"at": "2024-03-01 08:00:00", "user": "b9", "name": "refund", "order": "'T1'", "refund": 20.0},
        )
        write_events(folder, "events_intraday_20240301", {"at": "2024-03-01 09:00:00", "user": "again"})
        shutil.copy(MAPPINGS / "ga4_bigquery_export.sql", folder / "views.sql")
        return f"files://{folder}"

    def test_sessions_begin_with_their_first_event_and_have_the_channel_of_their_last_click(self, url: str) -> None:
        days = extracted_sessions(url)
        columns = ["session_id", "user_id", "channel_name", "holder_engagement"]
        assert days[DAYS[0]].frame[columns].to_numpy().tolist() == [
            ["b2.7", "b2", "news / cpc", 0],
            ["b1.1", "ann", "Paid Search", 1],
        ]
        assert str(days[DAYS[0]].frame["session_time"].iloc[1]) == "2024-02-28 23:50:00"
        assert days[DAYS[1]].frame[columns].to_numpy().tolist() == [["b3.9", "b3", "Direct", 1]]
        assert days[DAYS[2]].frame["session_id"].tolist() == ["b9.1"]
        assert all(day.rejected.empty for day in days.values())

    def test_a_purchase_that_is_sent_twice_is_one_order_and_one_without_an_id_is_none(self, url: str) -> None:
        days = extracted_orders(url)
        assert [len(day.frame) for day in days.values()] == [0, 1, 0, 0]
        [order] = days[DAYS[1]].frame.to_dict("records")
        assert (order["conv_id"], order["user_id"], str(order["conversion_time"])) == (
            "T1",
            "ann",
            "2024-02-29 00:20:00",
        )
        assert selected(url, "SELECT revenue, refunded FROM conversions") == [(50.5, 20.0)]

    def test_a_daily_table_that_is_exported_again_changes_its_days_alone(self, url: str) -> None:
        before = source(url).fingerprints("sessions", DAYS)
        write_events(
            Path(url.removeprefix("files://")),
            "events_20240301",
            {"at": "2024-03-01 08:00:00", "user": "b9", "name": "refund", "order": "'T1'", "refund": 20.0},
            {"at": "2024-03-01 07:00:00", "user": "late", "session": 3},
        )
        after = source(url).fingerprints("sessions", DAYS)
        assert [day for day in DAYS if before[day] != after[day]] == [dt.date(2024, 3, 1)]


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_snowplow_s_sessions_and_conversions_are_visits_and_orders(request: pytest.FixtureRequest, kind: str) -> None:
    url = str(request.getfixturevalue(f"{kind}_url"))
    execute(
        url,
        "CREATE TABLE snowplow_unified_sessions (session_identifier text, user_identifier text, stitched_user_id text,"
        " start_tstamp timestamp, default_channel_group text, is_engaged boolean, mkt_campaign text)",
        "CREATE TABLE snowplow_unified_conversions (event_id text, user_identifier text, stitched_user_id text,"
        " cv_tstamp timestamp, cv_value double precision, cv_type text)",
        "INSERT INTO snowplow_unified_sessions VALUES"
        " ('s1', 'c1', 'ann', '2024-02-28 10:00:00.25', 'Paid Search', true, 'spring'),"
        " ('s2', 'c2', NULL, '2024-02-28 11:00:00', NULL, false, NULL)",
        "INSERT INTO snowplow_unified_conversions VALUES ('e1', 'c9', 'ann', '2024-02-29 12:00:00', 19.5, 'order')",
        *mapped("snowplow_unified"),
    )
    sessions = extracted_sessions(url)[DAYS[0]].frame
    assert sessions[["session_id", "user_id", "channel_name", "holder_engagement"]].to_numpy().tolist() == [
        ["s1", "ann", "Paid Search", 1],
        ["s2", "c2", "Unassigned", 0],
    ]
    assert str(sessions["session_time"].iloc[0]) == "2024-02-28 10:00:00.250000"
    orders = extracted_orders(url)[DAYS[1]].frame
    assert orders[["conv_id", "user_id", "revenue"]].to_numpy().tolist() == [["e1", "ann", 19.5]]


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_spend_of_ad_platforms_is_summed_by_day_and_campaign_in_one_currency(
    request: pytest.FixtureRequest, kind: str
) -> None:
    url = str(request.getfixturevalue(f"{kind}_url"))
    execute(
        url,
        "CREATE TABLE google_ads (segments_date date, campaign_name text, campaign_advertising_channel_type text,"
        " customer_currency_code text, metrics_cost_micros bigint, metrics_impressions bigint, metrics_clicks bigint)",
        "CREATE TABLE meta_ads (date_start text, campaign_name text, account_currency text, spend text,"
        " impressions text, clicks text)",
        "INSERT INTO google_ads VALUES ('2024-02-28', 'brand', 'SEARCH', 'EUR', 1250000, 100, 7),"
        " ('2024-02-28', 'brand', 'SEARCH', 'EUR', 250000, 10, 1),"
        " ('2024-02-28', 'all', 'PERFORMANCE_MAX', 'EUR', 3000000, 50, 2)",
        "INSERT INTO meta_ads VALUES ('2024-02-28', 'look', 'EUR', '12.34', '1000', '9')",
        *mapped("ad_platforms"),
    )
    query = 'SELECT CAST("date" AS text), channel_name, campaign, cost, impressions, clicks FROM ad_spend ORDER BY 2, 3'
    assert selected(url, query) == [
        ("2024-02-28", "Cross-network", "all", 3.0, 50.0, 2.0),
        ("2024-02-28", "Paid Search", "brand", 1.5, 110.0, 8.0),
        ("2024-02-28", "Paid Social", "look", 12.34, 1000.0, 9.0),
    ]
    execute(url, "UPDATE meta_ads SET account_currency = 'USD'")
    with pytest.raises(SourceUnreachableError, match=r"amounts in several currencies: .*(EUR, USD|USD, EUR)"):
        selected(url, query)
