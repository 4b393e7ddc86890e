"""The invariants: each passes on what is right, and names exactly what is wrong."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.invariants import attribution as invariants
from attribution_assets.attribution.invariants.attribution import (
    cost_problems,
    credit_problems,
    order_problems,
    schema_problems,
    schema_problems_by_day,
    sessions_problems,
    spend_problems,
    touchpoint_problems,
    users_with_too_long_orders,
)
from attribution_assets.attribution.invariants.schema_match import match_schema
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS, stored_form
from attribution_assets.attribution.tables.schemas import STORED_TABLES

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]

DAYS = list(days_between(dt.date(2024, 2, 27), dt.date(2024, 3, 2)))
NEGATIVE_COST = "cost: greater_than_or_equal_to(0) fails on -1.0"
ADDED = "column_in_schema fails on 'currency'"
MISSING = "column_in_dataframe fails on 'channel_name'"
WITH_UNIQUE_ROWS = [
    name
    for name, schema in STORED_TABLES.items()
    if schema.unique or any(column.unique for column in schema.columns.values())
]


def in_arrow(asset: str, frame: pd.DataFrame) -> pa.Table:
    """The frame in Arrow: as it is stored, if it has the columns for it."""
    stored = list(frame.columns) == ARROW_SCHEMAS[asset].names
    return stored_form(asset, frame) if stored else pa.Table.from_pandas(frame, preserve_index=False)


def matches(asset: str, frame: pd.DataFrame) -> bool:
    """Whether the frame's columns in Arrow match the schema, as one day."""
    return match_schema(asset, in_arrow(asset, frame), np.zeros(len(frame), dtype=int))


# Schema


@pytest.mark.parametrize("asset", STORED_TABLES)
def test_a_table_as_it_should_be_has_no_schema_problems(table: Table, asset: str) -> None:
    assert schema_problems(asset, table(asset, {})) == []
    assert matches(asset, table(asset, {}))


@pytest.mark.parametrize("asset", STORED_TABLES)
def test_a_day_without_rows_has_no_schema_problems(table: Table, asset: str) -> None:
    assert schema_problems(asset, table(asset)) == []


@pytest.mark.parametrize(
    ("asset", "row"),
    [
        ("sessions", {"cost": None}),
        ("sessions", {"cost": 0.0}),
        ("conversions", {"revenue": 0.0}),
        ("ihc_attributions", {"reason": "excluded from the journey", "ihc": 0.0, "initializer": 0.0}),
        ("ihc_attributions", {"outcome": "refused", "ihc": None, "initializer": None, "holder": None, "closer": None}),
        ("channel_reporting", {"cost": 0.0, "ihc": 0.0, "ihc_revenue": 0.0}),
    ],
)
def test_values_that_may_be_zero_or_empty_are_no_problem(table: Table, asset: str, row: Row) -> None:
    assert schema_problems(asset, table(asset, row)) == []
    assert matches(asset, table(asset, row))


@pytest.mark.parametrize(
    ("asset", "row", "problem"),
    [
        ("sessions", {"session_id": None}, "session_id: not_nullable fails on None"),
        ("sessions", {"channel_name": None}, "channel_name: not_nullable fails on None"),
        ("sessions", {"session_time": None}, "session_time: not_nullable fails on NaT"),
        ("sessions", {"holder_engagement": 2}, "holder_engagement: isin([0, 1]) fails on 2"),
        ("sessions", {"cost": -0.01}, "cost: greater_than_or_equal_to(0) fails on -0.01"),
        ("sessions", {"cost": np.inf}, "cost: less_than(inf) fails on inf"),
        ("conversions", {"revenue": None}, "revenue: not_nullable fails on nan"),
        ("conversions", {"revenue": -1.0}, "revenue: greater_than_or_equal_to(0) fails on -1.0"),
        ("journeys", {"conversion": 3}, "conversion: isin([0, 1]) fails on 3"),
        (
            "journeys",
            {"session_time": "2024-02-26 12:00:01", "conversion_time": "2024-02-26 12:00:00.9"},
            "conv_id 'o1': touchpoint_precedes_order fails",
        ),
        ("ihc_attributions", {"ihc": 1.0001}, "ihc: in_range(0, 1) fails on 1.0001"),
        ("ihc_attributions", {"holder": -0.1}, "holder: in_range(0, 1) fails on -0.1"),
        ("ihc_attributions", {"ihc": None}, "conv_id 'o1': credit_where_attributed fails"),
        ("ihc_attributions", {"outcome": "refused"}, "conv_id 'o1': credit_where_attributed fails"),
        (
            "ihc_attributions",
            {"outcome": "lost", "ihc": None},
            "outcome: isin(['attributed', 'too_long', 'refused']) fails on 'lost'",
        ),
        (
            "channel_reporting",
            {"date": "26.2.2024"},
            r"date: str_matches('^\d{4}-\d{2}-\d{2}$') fails on '26.2.2024'",
        ),
        ("channel_reporting", {"cost": None}, "cost: not_nullable fails on nan"),
        ("channel_reporting", {"ihc": np.inf}, "ihc: less_than(inf) fails on inf"),
        ("channel_reporting", {"ihc_revenue": np.inf}, "ihc_revenue: less_than(inf) fails on inf"),
    ],
)
def test_a_row_that_breaks_the_schema_is_named_by_column_check_and_value(
    table: Table, asset: str, row: Row, problem: str
) -> None:
    assert schema_problems(asset, table(asset, row)) == [problem]
    assert not matches(asset, table(asset, row))


@pytest.mark.parametrize(
    ("asset", "problem"),
    [
        ("sessions", "session_id: field_uniqueness fails on 's1'"),
        ("conversions", "conv_id: field_uniqueness fails on 'o1'"),
        ("journeys", "conv_id 'o1': multiple_fields_uniqueness fails"),
        ("ihc_attributions", "conv_id 'o1': multiple_fields_uniqueness fails"),
        ("channel_reporting", "channel_name: field_uniqueness fails on 'Search'"),
    ],
)
def test_a_row_that_stands_twice_is_named_once(table: Table, asset: str, problem: str) -> None:
    assert schema_problems(asset, table(asset, {}, {})) == [problem]


def test_one_session_may_be_in_several_journeys_and_one_journey_hold_several_sessions(table: Table) -> None:
    rows = [{"conv_id": conv, "session_id": session} for conv in ("o1", "o2") for session in ("s1", "s2")]
    for asset in ("journeys", "ihc_attributions"):
        assert schema_problems(asset, table(asset, *rows)) == []


def test_a_row_that_breaks_the_schema_is_named_by_its_own_order(table: Table) -> None:
    frame = table("ihc_attributions", {"conv_id": "o1"}, {"conv_id": "o2", "ihc": None})
    assert schema_problems("ihc_attributions", frame) == ["conv_id 'o2': credit_where_attributed fails"]


@pytest.mark.parametrize("asset", STORED_TABLES)
def test_the_same_row_on_each_of_several_days_has_no_schema_problems(table: Table, asset: str) -> None:
    days = [(day, in_arrow(asset, table(asset, {}))) for day in DAYS]
    assert list(schema_problems_by_day(asset, days)) == [(day, []) for day in DAYS]


@pytest.mark.parametrize("asset", WITH_UNIQUE_ROWS)
def test_of_several_days_only_those_that_break_the_schema_are_named(table: Table, asset: str) -> None:
    wrong = [table(asset, {}, {}), table(asset, {}).iloc[:, :-1], table(asset, {}).assign(currency="EUR")]
    days = dict(zip(DAYS, [table(asset, {}), wrong[0], table(asset), *wrong[1:]], strict=True))
    found = dict(schema_problems_by_day(asset, ((day, in_arrow(asset, frame)) for day, frame in days.items())))
    assert found == {day: schema_problems(asset, frame) for day, frame in days.items()}
    assert [bool(found[day]) for day in DAYS] == [False, True, False, True, True]


def test_a_value_of_one_day_among_many_is_named(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [(day, table("sessions", {"cost": -1.0 if day == DAYS[3] else 1.0})) for day in DAYS]
    days = [(day, in_arrow("sessions", frame)) for day, frame in frames]
    for rows_together in (10_000, 2, 1):
        monkeypatch.setattr(invariants, "ROWS_LOOKED_AT_TOGETHER", rows_together)
        found = dict(schema_problems_by_day("sessions", iter(days)))
        assert list(found) == DAYS
        assert {day: problems for day, problems in found.items() if problems} == {DAYS[3]: [NEGATIVE_COST]}


@pytest.mark.parametrize("asset", ["sessions", "journeys", "ihc_attributions", "channel_reporting"])
def test_columns_that_are_missing_or_unknown_are_named(table: Table, asset: str) -> None:
    frame = table(asset, {})
    assert schema_problems(asset, frame.drop(columns="channel_name")) == [f"{asset}: {MISSING}"]
    assert schema_problems(asset, frame.assign(currency="EUR")) == [f"{asset}: {ADDED}"]


def test_columns_of_another_type_are_named(table: Table) -> None:
    sessions = table("sessions", {})
    for wrong, problem in (
        (sessions.astype({"session_time": str}), "session_time: dtype('datetime64[ns]') fails on 'object'"),
        (
            sessions.assign(session_time=sessions["session_time"].dt.tz_localize("UTC")),
            "session_time: dtype('datetime64[ns]') fails on 'datetime64[us, UTC]'",
        ),
        (sessions.astype({"closer_engagement": float}), "closer_engagement: dtype('int64') fails on 'float64'"),
    ):
        assert schema_problems("sessions", wrong) == [problem]


def test_of_many_problems_five_different_ones_are_named(table: Table) -> None:
    rows = [{"session_id": f"s{n}", "cost": -1.0 - n // 2} for n in range(20)]
    problems = schema_problems("sessions", table("sessions", *rows))
    assert len(problems) == len(set(problems)) == 5
    assert set(problems) < {f"cost: greater_than_or_equal_to(0) fails on {-1.0 - n}" for n in range(10)}


# Credit


@pytest.mark.parametrize("shares", [[1.0], [0.3333, 0.3333, 0.3334], [0.9995], [0.0365, 0.963], [0.7, 0.3005]])
def test_credit_that_sums_to_one_within_the_apis_rounding_is_no_problem(table: Table, shares: list[float]) -> None:
    touchpoints = [{"session_id": f"s{n}", "ihc": share} for n, share in enumerate(shares)]
    assert credit_problems(table("ihc_attributions", *touchpoints)) == []


def test_each_order_whose_credit_does_not_sum_to_one_is_named(table: Table) -> None:
    attributions = table(
        "ihc_attributions",
        {"conv_id": "o1", "ihc": 0.9994},
        {"conv_id": "o2", "ihc": 1.0},
        {"conv_id": "o3", "session_id": "s1", "ihc": 0.5},
        {"conv_id": "o3", "session_id": "s2", "ihc": 0.5006},
        {"conv_id": "o4", "ihc": 0.0},
    )
    assert credit_problems(attributions) == [
        "order o1: credit sums to 0.999400",
        "order o3: credit sums to 1.000600",
        "order o4: credit sums to 0.000000",
    ]


def test_orders_that_are_not_attributed_need_no_credit(table: Table) -> None:
    unattributed = {"ihc": None, "outcome": "refused", "reason": "no"}
    assert credit_problems(table("ihc_attributions", unattributed, {"conv_id": "o2"})) == []
    assert credit_problems(table("ihc_attributions")) == []


# Touchpoints


def test_the_same_touchpoints_in_any_order_are_no_problem(table: Table) -> None:
    rows = [{"session_id": "s1"}, {"session_id": "s2"}, {"conv_id": "o2"}]
    journeys, attributions = table("journeys", *rows), table("ihc_attributions", *rows[::-1])
    assert touchpoint_problems(journeys, attributions) == []
    assert touchpoint_problems(table("journeys"), table("ihc_attributions")) == []


def test_touchpoints_that_got_lost_or_were_made_up_are_named(table: Table) -> None:
    journeys = table("journeys", {"session_id": "s1"}, {"session_id": "s2"}, {"conv_id": "o2", "session_id": "s1"})
    attributions = table("ihc_attributions", {"session_id": "s1"}, {"session_id": "s3"})
    assert touchpoint_problems(journeys, attributions) == [
        "order o1: its touchpoint s2 was never attributed",
        "order o2: its touchpoint s1 was never attributed",
        "order o1: its touchpoint s3 is in no journey",
    ]


def test_touchpoints_are_lost_or_made_up_where_the_other_table_is_empty(table: Table) -> None:
    empty_journeys, empty_attributions = table("journeys"), table("ihc_attributions")
    assert touchpoint_problems(table("journeys", {}), empty_attributions) == [
        "order o1: its touchpoint s1 was never attributed"
    ]
    assert touchpoint_problems(empty_journeys, table("ihc_attributions", {})) == [
        "order o1: its touchpoint s1 is in no journey"
    ]


# Orders


def outcomes(*rows: tuple[str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["conv_id", "revenue"])


def test_orders_that_are_each_accounted_for_once_are_no_problem(table: Table) -> None:
    conversions = table("conversions", {"conv_id": "o1", "revenue": 0.1}, {"conv_id": "o2", "revenue": 0.2})
    attributions = table("ihc_attributions", {"session_id": "s1"}, {"session_id": "s2"})
    assert order_problems(conversions, attributions, outcomes(("o2", 0.2), ("o1", 0.1))) == []


def test_a_day_without_orders_has_no_problem(table: Table) -> None:
    assert order_problems(table("conversions"), table("ihc_attributions"), outcomes()) == []


def test_attributed_orders_that_were_never_placed_are_named_in_order(table: Table) -> None:
    attributions = table("ihc_attributions", *({"conv_id": conv_id} for conv_id in ("o9", "o1", "o7", "o8")))
    assert order_problems(table("conversions", {}), attributions, outcomes(("o1", 100.0))) == [
        "order o7 was never placed",
        "order o8 was never placed",
        "order o9 was never placed",
    ]


def test_an_order_with_several_outcomes_is_named(table: Table) -> None:
    attributions = table(
        "ihc_attributions", {"session_id": "s1"}, {"session_id": "s2", "outcome": "refused", "ihc": None}
    )
    assert order_problems(table("conversions", {}), attributions, outcomes(("o1", 100.0))) == [
        "order o1 has 2 outcomes"
    ]


def test_an_order_that_is_lost_is_told_by_numbers_and_revenue(table: Table) -> None:
    conversions = table("conversions", {"conv_id": "o1", "revenue": 100.0}, {"conv_id": "o2", "revenue": 20.5})
    assert order_problems(conversions, table("ihc_attributions"), outcomes(("o1", 100.0))) == [
        "1 orders are accounted for, 2 were placed",
        "revenue of 100.0 is accounted for, 120.5 was placed",
    ]


def test_an_order_without_revenue_that_is_lost_is_told_by_the_numbers(table: Table) -> None:
    conversions = table("conversions", {"conv_id": "o1", "revenue": 0.0})
    assert order_problems(conversions, table("ihc_attributions"), outcomes()) == [
        "0 orders are accounted for, 1 were placed"
    ]


def test_revenue_that_differs_by_a_millionth_is_told(table: Table) -> None:
    conversions = table("conversions", {"revenue": 100.0})
    assert order_problems(conversions, table("ihc_attributions", {}), outcomes(("o1", 99.999999))) == [
        "revenue of 99.999999 is accounted for, 100.0 was placed"
    ]


# Cost


def test_cost_that_is_reported_as_it_was_spent_is_no_problem(table: Table) -> None:
    sessions = table(
        "sessions",
        {"session_id": "s1", "cost": 0.1},
        {"session_id": "s2", "cost": 0.2},
        {"session_id": "s3", "cost": None},
        {"session_id": "s4", "cost": None, "channel_name": "Direct"},
    )
    report = table(
        "channel_reporting",
        {"channel_name": "Search", "cost": 0.3},
        {"channel_name": "Direct", "cost": 0.0},
        {"channel_name": "Credit only", "cost": 0.0},
    )
    assert cost_problems(sessions, report, table("spend")) == []


def test_a_day_without_sessions_and_report_has_no_problem(table: Table) -> None:
    assert cost_problems(table("sessions"), table("channel_reporting"), table("spend")) == []


def test_each_channel_whose_cost_differs_is_named(table: Table) -> None:
    sessions = table(
        "sessions",
        {"session_id": "s1", "cost": 2.0, "channel_name": "Twice"},
        {"session_id": "s2", "cost": 2.0, "channel_name": "Right"},
        {"session_id": "s3", "cost": 5.0, "channel_name": "Lost"},
        {"session_id": "s4", "cost": 1.0, "channel_name": "A cent off"},
    )
    report = table(
        "channel_reporting",
        {"channel_name": "Twice", "cost": 4.0},
        {"channel_name": "Right", "cost": 2.0},
        {"channel_name": "Made up", "cost": 3.0},
        {"channel_name": "A cent off", "cost": 1.01},
    )
    assert cost_problems(sessions, report, table("spend")) == [
        "A cent off: cost 1.01 is reported, 1.0 was spent",
        "Lost: cost 0.0 is reported, 5.0 was spent",
        "Made up: cost 3.0 is reported, 0.0 was spent",
        "Twice: cost 4.0 is reported, 2.0 was spent",
    ]


def test_costs_that_swap_their_channels_are_a_problem_though_the_total_is_right(table: Table) -> None:
    sessions = table("sessions", {"session_id": "s1", "cost": 1.0}, {"session_id": "s2", "channel_name": "Direct"})
    report = table("channel_reporting", {"cost": 2.0}, {"channel_name": "Direct", "cost": 0.0})
    assert cost_problems(sessions, report, table("spend")) == [
        "Direct: cost 0.0 is reported, 1.0 was spent",
        "Search: cost 2.0 is reported, 1.0 was spent",
    ]


def test_a_channel_that_is_reported_twice_has_the_sum_of_both(table: Table) -> None:
    assert cost_problems(table("sessions", {}), table("channel_reporting", {}, {}), table("spend")) == [
        "Search: cost 2.0 is reported, 1.0 was spent"
    ]


def test_costs_of_many_decimals_may_be_reported_as_rounded(table: Table) -> None:
    cost = 1.23456789012e-05
    sessions = table("sessions", *({"session_id": f"s{n}", "cost": cost} for n in range(1000)))
    assert cost_problems(sessions, table("channel_reporting", {"cost": 0.012345679}), table("spend")) == []
    assert cost_problems(sessions, table("channel_reporting", {"cost": 0.012345683}), table("spend")) == [
        "Search: cost 0.012345683 is reported, 0.0123456789012 was spent"
    ]


def test_spend_is_the_cost_of_a_channel_that_has_a_row_of_it_and_visits_are_that_of_the_others(table: Table) -> None:
    sessions = table(
        "sessions",
        {"session_id": "s1", "cost": 2.0, "channel_name": "Both"},
        {"session_id": "s2", "cost": 3.0, "channel_name": "Visits"},
        {"session_id": "s3", "cost": 4.0, "channel_name": "Nothing spent"},
    )
    spend = table(
        "spend",
        {"channel_name": "Both", "campaign": "a", "cost": 10.0},
        {"channel_name": "Both", "campaign": "b", "cost": 0.5},
        {"channel_name": "TV", "cost": 7.0},
        {"channel_name": "Nothing spent", "cost": 0.0},
    )
    costs = {"Both": 10.5, "Visits": 3.0, "TV": 7.0, "Nothing spent": 0.0}
    rows = [{"channel_name": channel, "cost": cost} for channel, cost in costs.items()]
    assert cost_problems(sessions, table("channel_reporting", *rows), spend) == []
    rows[0]["cost"] = 12.5
    assert cost_problems(sessions, table("channel_reporting", *rows), spend) == [
        "Both: cost 12.5 is reported, 10.5 was spent"
    ]


def test_it_is_said_where_spend_and_visits_do_not_go_together(table: Table) -> None:
    sessions = table(
        "sessions",
        {"session_id": "s1", "cost": 2.0, "channel_name": "Both"},
        {"session_id": "s2", "cost": None, "channel_name": "Both"},
        {"session_id": "s3", "cost": None, "channel_name": "As it should be"},
        {"session_id": "s4", "cost": 3.0, "channel_name": "Visits"},
        {"session_id": "s5", "cost": 0.0, "channel_name": "Late"},
        {"session_id": "s6", "cost": 0.0, "channel_name": "Free"},
    )
    names = ("Both", "Both", "As it should be", "TV")
    spend = table("spend", *({"channel_name": name, "campaign": n, "cost": 50.0} for n, name in enumerate(names)))
    assert spend_problems(sessions, spend, {"Late", "Both"}) == [
        "Both: spend gives a cost of 100.00, its visits 2.00: spend counts",
        "Late: no spend, but 1 visit; it had spend in the days before",
        "Visits: no spend, though other channels have some; the cost of its visits, 3.00, counts",
        "TV: spend of 50.00, but no visit",
    ]
    assert spend_problems(sessions, table("spend"), set()) == []


@pytest.mark.parametrize(
    ("orders", "without", "warns"), [(0, 0, False), (1, 1, False), (2, 2, True), (4, 2, False), (5, 3, True)]
)
def test_more_than_half_of_all_orders_without_sessions_are_a_problem_unless_it_is_one_order(
    orders: int,
    without: int,
    warns: bool,  # noqa: FBT001 - a parameter of the cases above
) -> None:
    problems = sessions_problems(orders, without)
    assert [problem.split(". ")[0] for problem in problems] == (
        [f"{without} of {orders} orders have no session in their lookback window"] if warns else []
    )


def test_users_with_too_many_sessions_are_named_those_with_most_orders_first(table: Table) -> None:
    rows = [
        {"conv_id": f"o{number}", "user_id": f"u{min(number, 2)}", "sessions": 201 + number} for number in (1, 2, 3)
    ]
    assert users_with_too_long_orders(table("too_long_orders", *rows)) == [
        "user 'u2': 2 orders with 203 to 204 sessions in the lookback window, but a request may hold only 200",
        "user 'u1': 1 order with 202 sessions in the lookback window, but a request may hold only 200",
    ]
    assert users_with_too_long_orders(table("too_long_orders")) == []
