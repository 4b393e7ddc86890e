"""The breakdown of the channel report: each dimension shares out cost and credit, to the last digit."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.invariants.attribution import schema_problems
from attribution_assets.attribution.invariants.breakdown import breakdown_problems
from attribution_assets.attribution.reporting.channel_breakdown import BreakdownInputs, channel_breakdowns
from attribution_assets.attribution.reporting.channel_report import channel_report
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]
Breakdown = Callable[..., pd.DataFrame]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 1))
WINDOWS = Windows(DAYS[0], 4, dimensions=("campaign", "country"), order_dimensions=("market",))
STORED = ("sessions", "spend", "ihc_attributions", "conversions", "session_dimensions", "spend_by_dimension")


@pytest.fixture
def broken_down(storage: AssetStorage, table: Table, keep: Keep) -> Breakdown:
    """`broken_down(sessions=[...], ...)`: the breakdown of what is stored, which is that of its report."""

    def build(**rows: Sequence[Row]) -> pd.DataFrame:
        stored = {
            name: keep(storage, name, table(name, *rows.get(name, ())), DAYS) for name in (*STORED, "order_dimensions")
        }
        report = channel_report(
            *(stored[name] for name in ("sessions", "spend", "ihc_attributions", "conversions")), DAYS[0], DAYS[-1]
        )
        inputs = BreakdownInputs(keep(storage, "channel_reporting", report, DAYS), *stored.values())._replace(
            credit=stored["ihc_attributions"], orders=stored["conversions"]
        )
        [(days, breakdown)] = channel_breakdowns(inputs, DAYS, WINDOWS)
        assert list(days) == DAYS
        for day in map(str, DAYS):
            of_day = breakdown[breakdown["date"] == day]
            assert breakdown_problems(report[report["date"] == day], of_day, ("campaign", "country"), ("market",)) == []
            assert schema_problems("channel_breakdown", of_day) == []
        return breakdown

    return build


def cells(breakdown: pd.DataFrame, dimension: str, *columns: str) -> list[list[object]]:
    """Channel, value and the given columns of a dimension's rows, None where a number is missing."""
    rows = breakdown[breakdown["dimension"] == dimension][["channel_name", "value", *columns]].astype(object)
    return rows.where(rows.notna(), None).to_numpy().tolist()


ALL = ("cost", "ihc", "ihc_revenue")


def test_without_spend_cost_and_credit_are_those_of_the_visits_with_the_value(broken_down: Breakdown) -> None:
    found = broken_down(
        sessions=[
            {"session_id": "s1", "cost": 1.5},
            {"session_id": "s2", "cost": 2.0},
            {"session_id": "s3", "cost": 4.0},
            {"session_id": "s4", "cost": None, "channel_name": "Direct"},
        ],
        session_dimensions=[
            {"session_id": "s1"},
            {"session_id": "s2", "value": "summer"},
            {"session_id": "s1", "dimension": "country", "value": "DE"},
        ],
        conversions=[{"revenue": 80.0}],
        ihc_attributions=[{"session_id": "s1", "ihc": 0.25}, {"session_id": "s3", "ihc": 0.75}],
    )
    assert cells(found, "campaign", *ALL) == [
        ["Direct", "(none)", 0.0, 0.0, 0.0],
        ["Search", "(none)", 4.0, 0.75, 60.0],
        ["Search", "spring", 1.5, 0.25, 20.0],
        ["Search", "summer", 2.0, 0.0, 0.0],
    ]
    assert cells(found, "country", *ALL) == [
        ["Direct", "(none)", 0.0, 0.0, 0.0],
        ["Search", "(none)", 6.0, 0.75, 60.0],
        ["Search", "DE", 1.5, 0.25, 20.0],
    ]


def test_spend_is_shared_out_by_its_own_values_and_else_is_that_of_no_value(broken_down: Breakdown) -> None:
    found = broken_down(
        sessions=[{"session_id": "s1", "cost": 100.0}, {"session_id": "s2", "cost": 3.0, "channel_name": "Direct"}],
        session_dimensions=[{"session_id": "s1"}],
        spend=[
            {"campaign": "spring", "cost": 10.0, "impressions": 1000.0, "clicks": 20.0},
            {"campaign": "winter", "cost": 5.0, "impressions": 500.0},
            {"campaign": None, "cost": 1.0},
        ],
        spend_by_dimension=[
            {"cost": 10.0, "impressions": 1000.0, "clicks": 20.0},
            {"value": "winter", "cost": 5.0, "impressions": 500.0},
            {"value": None, "cost": 1.0},
        ],
    )
    assert cells(found, "campaign", "cost", "impressions", "clicks") == [
        ["Direct", "(none)", 3.0, None, None],
        ["Search", "(none)", 1.0, None, None],
        ["Search", "spring", 10.0, 1000.0, 20.0],
        ["Search", "winter", 5.0, 500.0, None],
    ]
    assert cells(found, "country", "cost", "impressions", "clicks") == [
        ["Direct", "(none)", 3.0, None, None],
        ["Search", "(none)", 16.0, 1500.0, 20.0],
    ]


def test_a_dimension_of_orders_shares_out_credit_on_the_visits_day_and_has_no_cost(
    broken_down: Breakdown,
) -> None:
    later = {"conversion_time": "2024-02-28 12:00:00"}
    found = broken_down(
        sessions=[{"session_id": "s1", "cost": 2.0}, {"session_id": "s2", "channel_name": "TV"}],
        conversions=[
            {"conv_id": "o1", "revenue": 100.0},
            later | {"conv_id": "o2", "revenue": 10.0},
            later | {"conv_id": "o3", "revenue": 50.0},
        ],
        order_dimensions=[
            {"conv_id": "o1"},
            {"conv_id": "o2", "date": "2024-02-28", "value": "south"},
            {"conv_id": "o3", "date": "2024-02-27", "value": "of an order that has moved since"},
        ],
        ihc_attributions=[
            {"conv_id": "o1", "ihc": 1.0},
            later | {"conv_id": "o2", "ihc": 0.5},
            later | {"conv_id": "o3", "ihc": 0.25},
        ],
    )
    assert cells(found, "market", *ALL) == [
        ["Search", "(none)", None, 0.25, 12.5],
        ["Search", "north", None, 1.0, 100.0],
        ["Search", "south", None, 0.5, 5.0],
        ["TV", "(none)", None, 0.0, 0.0],
    ]
    assert set(found["date"]) == {"2024-02-26"}


def test_a_day_of_nothing_has_no_rows(broken_down: Breakdown) -> None:
    assert broken_down().empty


def test_dimensions_and_channels_that_do_not_make_up_the_report_are_named(table: Table) -> None:
    report = table(
        "channel_reporting", {"cost": 3.0}, {"channel_name": "TV", "cost": 7.0, "ihc": 0.0, "ihc_revenue": 0.0}
    )
    rows = [
        {"value": "a", "cost": 2.0, "ihc": 0.5, "ihc_revenue": 50.0},
        {"value": "b", "cost": 1.0, "ihc": 0.5, "ihc_revenue": 50.0},
        {"channel_name": "TV", "value": "a", "cost": 7.0, "ihc": 0.0, "ihc_revenue": 0.0},
        {"dimension": "market", "value": "a", "cost": None, "ihc": 1.0, "ihc_revenue": 100.0},
        {"channel_name": "TV", "dimension": "market", "value": "a", "cost": None, "ihc": 0.0, "ihc_revenue": 0.0},
    ]
    by = (("campaign",), ("market",))
    assert breakdown_problems(report, table("channel_breakdown", *rows), *by) == []
    rows[0]["cost"], rows[1]["ihc"], rows[3]["cost"] = 2.5, 0.75, 0.0
    assert breakdown_problems(report, table("channel_breakdown", *rows[:2], *rows[3:]), *by) == [
        "campaign, Search: ihc of its values sums to 1.25, the report has 1",
        "campaign, TV: ihc of its values sums to nan, the report has 0",
        "campaign, TV: ihc_revenue of its values sums to nan, the report has 0",
        "campaign, Search: cost of its values sums to 3.5, the report has 3",
        "campaign, TV: cost of its values sums to nan, the report has 7",
        "market: cost is given, though it is a dimension of orders",
    ]
    assert breakdown_problems(report, table("channel_breakdown", *rows[:0]), (), ()) == []
    assert breakdown_problems(report[:0], table("channel_breakdown", rows[0] | {"dimension": "old"}), (), ()) == [
        "old: no dimension of the settings"
    ]
