"""The asset graph as users see it: what depends on what, over which days. Needs no database, no key, no network."""

import datetime as dt
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph  # noqa: TID251  # what `defs` resolves to

from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.definitions import build_definitions, defs
from attribution_assets.defs.partitions import daily_partitions
from attribution_assets.settings import Settings

daily = daily_partitions(dt.date(2024, 2, 20))

GRAPH = {
    "sessions": {"source/session_sources", "source/session_costs"},
    "conversions": {"source/conversions"},
    "spend": {"source/ad_spend"},
    "journeys": {"sessions", "conversions"},
    "ihc_attributions": {"journeys"},
    "channel_reporting": {"sessions", "spend", "conversions", "ihc_attributions"},
    "channel_reporting_csv": {"channel_reporting"},
    "model_comparison": {"ihc_attributions", "conversions"},
}
SOURCE_TABLES = {"source/session_sources", "source/session_costs", "source/conversions", "source/ad_spend"}
CHECKS = {
    ("sessions", "matches_schema"),
    ("sessions", "rows_are_usable"),
    ("conversions", "matches_schema"),
    ("conversions", "rows_are_usable"),
    ("spend", "matches_schema"),
    ("spend", "rows_are_usable"),
    ("journeys", "matches_schema"),
    ("journeys", "journeys_fit_into_a_request"),
    ("journeys", "orders_have_sessions"),
    ("ihc_attributions", "matches_schema"),
    ("ihc_attributions", "credit_sums_to_one"),
    ("ihc_attributions", "orders_are_conserved"),
    ("channel_reporting", "matches_schema"),
    ("channel_reporting", "cost_is_conserved"),
    ("channel_reporting", "unattributed_orders_are_kept"),
    ("model_comparison", "matches_schema"),
    ("model_comparison", "comparisons_are_of_all_orders"),
}


@pytest.fixture(scope="module")
def graph() -> AssetGraph:
    return defs.resolve_asset_graph()


def parents_of(graph: AssetGraph, asset: str, day: str, parent: str) -> list[str]:
    """The days of `parent` that the asset's day reads."""
    mapping = graph.get_partition_mapping(dg.AssetKey(asset), dg.AssetKey(parent))
    subset = daily.empty_subset().with_partition_keys([day])
    upstream = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, daily, daily)
    return sorted(upstream.partitions_subset.get_partition_keys())


def test_the_assets_depend_on_each_other_as_drawn(graph: AssetGraph) -> None:
    drawn = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    trained = {"trained_conversion_type": {"ihc_attributions"}}
    assert drawn == GRAPH | {table: set() for table in SOURCE_TABLES} | trained


def test_the_source_tables_are_shown_with_their_columns_and_made_by_nobody(graph: AssetGraph) -> None:
    shown = {key.to_user_string(): graph.get(key) for key in graph.external_asset_keys}
    assert set(shown) == SOURCE_TABLES
    assert all(node.description and node.group_name == "source" for node in shown.values())
    columns = {
        table: {column.name: column.description for column in node.metadata["dagster/column_schema"].columns}
        for table, node in shown.items()
    }
    assert columns["source/session_costs"] == {
        "session_id": "The visit",
        "cost": "Paid for the visit; NULL where it is not known",
    }
    needed = ["conv_id", "user_id", "conv_date", "conv_time", "revenue"]
    assert list(columns["source/conversions"]) == [*needed, "conversion_type", "refunded"]


def test_every_asset_is_daily_and_runs_a_range_of_days_in_one_run(graph: AssetGraph) -> None:
    trained = graph.get(dg.AssetKey("trained_conversion_type"))
    assert (trained.partitions_def, trained.group_name) == (None, "training")
    for key in graph.materializable_asset_keys - {trained.key}:
        node = graph.get(key)
        assert node.partitions_def == daily
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        assert node.group_name == ("comparison" if key.to_user_string() == "model_comparison" else "attribution")
        assert node.owners == ["team:marketing-analytics"]
        assert node.description
        assert 1 <= len(node.kinds) <= 3


def test_every_stored_table_shows_its_columns(graph: AssetGraph) -> None:
    shown = {
        asset: [
            column.name for column in graph.get(dg.AssetKey(asset)).metadata["dagster/column_schema"].schema.columns
        ]
        for asset in GRAPH
        if not asset.endswith("_csv")
    }
    assert shown["channel_reporting"] == ["channel_name", "date", "cost", "ihc", "ihc_revenue"]
    assert shown["conversions"] == ["conv_id", "user_id", "conversion_time", "revenue"]
    assert all(shown.values())


def test_the_invariants_are_blocking_checks_of_a_run_and_days_not_made_block_nothing(graph: AssetGraph) -> None:
    nodes = [graph.get(key) for key in graph.asset_check_keys if key.name != "latest_day_is_stored"]
    blocking = {(node.key.asset_key.to_user_string(), node.key.name): node.blocking for node in nodes}
    made = {(asset, "every_day_is_made"): False for asset in GRAPH if asset not in SOURCE_ASSETS}
    warn = {("ihc_attributions", "answers_are_as_learned"), ("channel_reporting", "spend_goes_with_visits")}
    assert blocking == dict.fromkeys(CHECKS, True) | made | dict.fromkeys(warn, False)
    assert not any(node.partitions_def for node in nodes)


def test_a_check_of_no_day_asks_each_asset_for_its_latest_and_blocks_nothing(graph: AssetGraph) -> None:
    nodes = [graph.get(key) for key in graph.asset_check_keys if key.name == "latest_day_is_stored"]
    assert {node.key.asset_key.to_user_string() for node in nodes} == set(GRAPH)
    assert not any(node.blocking or node.partitions_def for node in nodes)
    for job in ("attribution", "extraction"):
        of_the_job = defs.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys
        assert {key.name for key in of_the_job} & {"latest_day_is_stored", "matches_schema"} == {"matches_schema"}


def test_a_days_journeys_read_the_sessions_of_the_lookback_window(graph: AssetGraph) -> None:
    assert parents_of(graph, "journeys", "2024-03-10", "sessions") == [
        "2024-03-06", "2024-03-07", "2024-03-08", "2024-03-09", "2024-03-10",
    ]  # fmt: skip
    assert parents_of(graph, "journeys", "2024-03-10", "conversions") == ["2024-03-10"]


def test_a_days_report_reads_the_credit_of_later_orders(graph: AssetGraph) -> None:
    days = ["2024-03-10", "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-14"]
    assert parents_of(graph, "channel_reporting", "2024-03-10", "ihc_attributions") == days
    assert parents_of(graph, "channel_reporting", "2024-03-10", "conversions") == days
    assert parents_of(graph, "channel_reporting", "2024-03-10", "sessions") == ["2024-03-10"]


def test_the_windows_end_at_the_ends_of_the_calendar(graph: AssetGraph) -> None:
    first, last = daily.get_first_partition_key(), daily.get_last_partition_key()
    assert first == "2024-02-20"
    assert parents_of(graph, "journeys", first, "sessions") == [first]
    assert parents_of(graph, "journeys", "2024-02-21", "sessions") == [first, "2024-02-21"]
    assert parents_of(graph, "channel_reporting", last, "ihc_attributions") == [last]


BROKEN_DOWN = {
    "channel_breakdown": {"channel_reporting", "sessions", "spend", "ihc_attributions", "conversions"},
    "channel_breakdown_csv": {"channel_breakdown"},
}


def test_with_dimensions_the_report_is_broken_down_by_two_more_assets() -> None:
    settings = replace(Settings.from_environment(), order_dimensions=("market",))
    definitions = build_definitions(settings)
    graph = definitions.resolve_asset_graph()
    drawn = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }
    assert drawn == GRAPH | BROKEN_DOWN | {"trained_conversion_type": {"ihc_attributions"}}
    checks = {
        (key.asset_key.to_user_string(), key.name): graph.get(key).blocking
        for key in graph.asset_check_keys
        if key.asset_key.to_user_string() in BROKEN_DOWN
    }
    assert checks == {
        ("channel_breakdown", "matches_schema"): True,
        ("channel_breakdown", "breakdown_is_that_of_the_report"): True,
        ("channel_breakdown", "every_day_is_made"): False,
        ("channel_breakdown_csv", "every_day_is_made"): False,
    }
    later = ["2024-03-10", "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-14"]
    assert parents_of(graph, "channel_breakdown", "2024-03-10", "conversions") == later
    assert parents_of(graph, "channel_breakdown", "2024-03-10", "sessions") == later[:1]
    of_the_job = definitions.resolve_job_def("attribution").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in of_the_job} == {*GRAPH, *BROKEN_DOWN}
