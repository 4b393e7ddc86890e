"""Unusable source rows in whole runs: what is stored and shown of them, and when they stop a run."""

import dagster as dg
import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.source.schemas import SOURCE_TABLES
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.tables.schemas import RESULT_TABLES
from attribution_assets.definitions import build_definitions
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.source_tables import create_unkeyed_tables

DAY, NEXT_DAY = "2024-02-20", "2024-02-21"  # the first two days of all


@pytest.fixture
def flawed_shop(shop: Shop) -> Shop:
    """On the first day one session too many and a cost below zero; on the second an order below zero."""
    shop.session("s1", "ann", f"{DAY} 10:00:00", cost=2.0)
    shop.session("s2", "ann", f"{DAY} 11:00:00", cost=-1.0)
    shop.session("s3", "eve", f"{DAY} 25:00:00")
    shop.session("s4", "ben", f"{NEXT_DAY} 10:00:00")
    shop.order("o1", "ann", f"{DAY} 20:00:00", 90.0)
    shop.order("o2", "ben", f"{NEXT_DAY} 20:00:00", 30.0)
    shop.order("o3", "ben", f"{NEXT_DAY} 21:00:00", -30.0)
    return shop


def stored(shop: Shop, table: str, first: str = DAY, last: str = NEXT_DAY) -> pd.DataFrame:
    storage = AssetStorage(str(shop.folder / "data/assets"))
    days = days_between(pd.Timestamp(first).date(), pd.Timestamp(last).date())
    return pd.concat([frame for _, frame in storage.days(table, days).frames()], ignore_index=True)


def run_one_day(shop: Shop, day: str) -> dg.ExecuteInProcessResult:
    job = build_definitions(resources=vars(resources_of(Settings.from_environment()))).resolve_job_def("attribution")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance, partition_key=day, raise_on_error=False)
    assert shop.folder.exists()
    return result


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {str(event.asset_key.path[-1]) for event in result.get_asset_materialization_events() if event.asset_key}


def test_a_range_with_few_rows_set_aside_is_reported_and_says_so(flawed_shop: Shop) -> None:
    flawed_shop.set(ATTRIBUTION_MAX_REJECTED_SHARE="0.5")
    result = flawed_shop.run(DAY, NEXT_DAY)
    assert result.exit_code == 0, result.output
    assert (
        "3 source rows were set aside (2 of sessions with a cost of 1.00 and -1.00, 1 of conversions with a revenue of"
        " -30.00): see the check rows_are_usable, or the tables"
        " rejected_sessions and rejected_conversions in the asset storage."
    ) in result.output.splitlines()
    assert stored(flawed_shop, "rejected_sessions")["reason"].tolist() == [
        "cost -1.0 is negative, in its row of session_costs",
        "event_time '25:00:00' is not a time HH:MM:SS",
    ]
    assert stored(flawed_shop, "rejected_conversions")["row_key"].tolist() == ["o3"]
    assert stored(flawed_shop, "journeys")["session_id"].tolist() == ["s1", "s2", "s4"]
    assert [(row["date"], row["cost"]) for row in flawed_shop.report()] == [(DAY, "2.0"), (NEXT_DAY, "1.0")]


def test_a_range_all_of_whose_days_hang_on_too_many_rows_set_aside_stops_before_the_journeys(flawed_shop: Shop) -> None:
    flawed_shop.set(ATTRIBUTION_MAX_REJECTED_SHARE="0.4")  # two of four on the first day, one of two orders
    result = flawed_shop.run(DAY, NEXT_DAY)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == (
        f"Failed: 2 of 4 source rows of sessions of {DAY} were set aside, more than ATTRIBUTION_MAX_REJECTED_SHARE=0.4"
        " allows: s2: cost -1.0 is negative, in its row of session_costs; not made because of this:"
        f" journeys of {DAY}, channel_reporting of {DAY};"
        f" 1 of 2 source rows of conversions of {NEXT_DAY} were set aside, more than ATTRIBUTION_MAX_REJECTED_SHARE=0.4"
        " allows: o3: revenue -30.0 is negative: refunds are not attributed; not made because of this:"
        f" journeys of {NEXT_DAY}, channel_reporting of {NEXT_DAY}"
    )
    assert len(stored(flawed_shop, "rejected_sessions")) == 2
    assert not (flawed_shop.folder / "data/assets/journeys").exists()


def test_a_clean_range_says_nothing_of_rows_set_aside_and_stores_none(shop: Shop) -> None:
    shop.session("s1", "ann", f"{DAY} 10:00:00")
    result = shop.run(DAY, NEXT_DAY)
    assert result.exit_code == 0, result.output
    assert "set aside" not in result.output
    assert not [*(shop.folder / "data/assets").glob("rejected_*")]


@pytest.mark.parametrize(("share", "succeeds"), [("0.5", True), ("0.4", False)])
def test_one_day_warns_or_stops_by_its_share(flawed_shop: Shop, share: str, *, succeeds: bool) -> None:
    flawed_shop.set(ATTRIBUTION_MAX_REJECTED_SHARE=share)
    result = run_one_day(flawed_shop, DAY)
    assert result.success == succeeds
    assert ("channel_reporting_csv" in materialized(result)) == succeeds
    assert ("journeys" in materialized(result)) == succeeds
    assert {"sessions", "conversions"} <= materialized(result)
    [evaluation] = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert (evaluation.asset_key, evaluation.check_name) == (dg.AssetKey("sessions"), "rows_are_usable")
    assert evaluation.severity == (dg.AssetCheckSeverity.WARN if succeeds else dg.AssetCheckSeverity.ERROR)


def test_each_day_says_how_many_rows_were_set_aside_and_how_many_have_no_day(flawed_shop: Shop) -> None:
    flawed_shop.set(ATTRIBUTION_MAX_REJECTED_SHARE="1")
    insert(flawed_shop.url, "session_sources", [("s9", "u", "garbage", "10:00:00", "SEO", 1, 0, 0)])
    insert(flawed_shop.url, "session_costs", [("s9", 2.5), ("gone", 4.0), ("other", 1.5)])
    said = (
        "1 of 5 rows of session_sources with a cost of 2.50 are in no report: their event_date is no date written"
        " YYYY-MM-DD, such as session_id 's9' with event_date 'garbage'. 2 rows of session_costs with a cost of 5.50"
        " are in no report: session_sources has no row of their session, such as session_id 'gone'."
    )
    for day, expected in (
        (DAY, {"rows_rejected": 3, "rows_repeated": 0, "rows_in_no_report": said}),
        (NEXT_DAY, {"rows_rejected": 0, "rows_repeated": 0, "rows_in_no_report": said}),
    ):
        result = run_one_day(flawed_shop, day)
        assert result.success
        [event] = [
            event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey("sessions")
        ]
        metadata = event.step_materialization_data.materialization.metadata
        assert {name: value.value for name, value in metadata.items() if name.startswith("rows_")} == expected
    assert "s9" in stored(flawed_shop, "rejected_sessions", DAY, DAY)["row_key"].tolist()


def test_visits_and_orders_without_a_visitor_count_and_of_equal_rows_one_does(any_shop: Shop) -> None:
    any_shop.sql(*(f"DROP TABLE {table}" for table in ("session_sources", "session_costs", "conversions")))
    create_unkeyed_tables(any_shop.url)
    any_shop.session("s1", "ann", f"{DAY} 10:00:00", " Ads", cost=10.0)
    any_shop.session("s2", "", f"{DAY} 11:00:00", "Ads ", cost=90.0)
    for _ in range(2):
        any_shop.session("s3", "ben", f"{DAY} 12:00:00", "Mail", cost=5.0)
        any_shop.order("o1", "ann", f"{NEXT_DAY} 10:00:00", 100.0)
    any_shop.order("o2", "", f"{NEXT_DAY} 11:00:00", 30.0)
    result = any_shop.run(DAY, NEXT_DAY)
    assert result.exit_code == 0, result.output
    assert (
        "3 source rows repeat others in every column (2 of sessions, 1 of conversions): of equal rows one counts."
    ) in result.output.splitlines()
    columns = ("channel_name", "date", "cost", "ihc_revenue")
    assert [tuple(row[column] for column in columns) for row in any_shop.report()] == [
        ("Ads", DAY, "100.0", "100.0"),
        ("Mail", DAY, "5.0", "0.0"),
    ]
    left = stored(any_shop, "unattributed_orders")
    assert left[["conv_id", "reason", "revenue"]].to_numpy().tolist() == [["o2", "no_sessions", 30.0]]


@pytest.mark.parametrize("share", ["1.5", "-0.1", "nan", "some"])
def test_a_share_that_is_none_is_refused_before_anything_runs(shop: Shop, share: str) -> None:
    shop.set(ATTRIBUTION_MAX_REJECTED_SHARE=share)
    result = shop.run()
    words = f"Not possible: ATTRIBUTION_MAX_REJECTED_SHARE is '{share}': it takes a number from 0 to 1\n"
    assert (result.exit_code, result.output) == (2, words)


def test_source_and_result_tables_match_their_schemas(any_shop: Shop) -> None:
    any_shop.session("s1", "ann", f"{DAY} 10:00:00", cost=2.0)
    any_shop.order("o1", "ann", f"{DAY} 20:00:00", 90.0)
    assert any_shop.run(DAY, DAY).exit_code == 0
    for name, schema in (SOURCE_TABLES | RESULT_TABLES).items():
        if name != "ad_spend":  # which a shop may lack, as further columns
            needed = [column for column, of in schema.columns.items() if of.required]
            rows = pd.DataFrame(any_shop.rows(name), columns=needed)
            assert len(schema.validate(rows, lazy=True)) == 1
    for name in ("rejected_sessions", "rejected_conversions", "too_long_orders", "unattributed_orders"):
        assert not (any_shop.folder / "data/assets" / name).exists()
