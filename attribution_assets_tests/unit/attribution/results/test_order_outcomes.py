"""What became of each order: exactly one outcome for each order of an attributed day."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]
OutcomesOf = Callable[..., pd.DataFrame]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 2, 28))
ON_27 = "2024-02-27 12:00:00"
ON_28 = "2024-02-28 12:00:00"


@pytest.fixture
def outcomes_of(storage: AssetStorage, table: Table, keep: Keep) -> OutcomesOf:
    """`outcomes_of(orders, credit, too_long)`: the outcomes of orders, with these tables stored for all days."""

    def outcomes(orders: Sequence[Row], credit: Sequence[Row], too_long: Sequence[Row] = ()) -> pd.DataFrame:
        return order_outcomes(
            keep(storage, "conversions", table("conversions", *orders), DAYS),
            keep(storage, "ihc_attributions", table("ihc_attributions", *credit), DAYS),
            keep(storage, "too_long_orders", table("too_long_orders", *too_long), DAYS),
        )

    return outcomes


def in_rows(outcomes: pd.DataFrame) -> list[tuple[Any, ...]]:
    """(order, outcome, reason, revenue) of each order, as they stand."""
    columns = outcomes[["conv_id", "outcome", "reason", "revenue"]]
    return list(columns.itertuples(index=False, name=None))


def test_every_order_of_an_attributed_day_has_exactly_one_outcome(outcomes_of: OutcomesOf) -> None:
    outcomes = outcomes_of(
        [
            {"conv_id": "o1", "revenue": 1.0},
            {"conv_id": "o2", "revenue": 2.0},
            {"conv_id": "o3", "revenue": 3.0},
            {"conv_id": "o4", "revenue": 4.0},
        ],
        [
            {"conv_id": "o1", "session_id": "s1", "ihc": 0.0, "reason": "excluded from the journey"},
            {"conv_id": "o1", "session_id": "s2"},
            {"conv_id": "o2", "outcome": "refused", "ihc": None, "reason": "error in parsing customer journey"},
            {"conv_id": "o3", "outcome": "too_long", "ihc": None, "reason": "260 touchpoints", "session_id": "s1"},
            {"conv_id": "o3", "outcome": "too_long", "ihc": None, "reason": "260 touchpoints", "session_id": "s2"},
        ],
    )
    assert in_rows(outcomes) == [
        ("o1", "attributed", None, 1.0),
        ("o2", "refused", "error in parsing customer journey", 2.0),
        ("o3", "too_long", "260 touchpoints", 3.0),
        ("o4", "no_sessions", None, 4.0),
    ]


def test_an_order_with_too_many_sessions_is_too_long_and_says_how_many_it_has(outcomes_of: OutcomesOf) -> None:
    orders = [{"conv_id": "o1", "revenue": 1.0}, {"conv_id": "o2", "revenue": 2.0}]
    counted = {"conv_id": "o2", "sessions": 10_000, "most_sessions": 200}
    assert in_rows(outcomes_of(orders, [], [counted])) == [
        ("o1", "no_sessions", None, 1.0),
        ("o2", "too_long", "10000 sessions, but a request may hold only 200", 2.0),
    ]


def test_outcomes_stand_by_time_then_order(outcomes_of: OutcomesOf) -> None:
    orders = [("b", ON_27), ("a", ON_28), ("c", "2024-02-27 11:59:59"), ("a2", ON_27)]
    outcomes = outcomes_of([{"conv_id": name, "conversion_time": time} for name, time in orders], [])
    assert outcomes["conv_id"].tolist() == ["c", "a2", "b", "a"]


def test_orders_of_days_that_have_not_been_attributed_have_no_outcome_yet(
    storage: AssetStorage, table: Table, keep: Keep
) -> None:
    orders = [{"conv_id": "o1", "conversion_time": ON_27}, {"conv_id": "o2", "conversion_time": ON_28}]
    conversions = keep(storage, "conversions", table("conversions", *orders), DAYS)
    storage.write("ihc_attributions", DayTable(dt.date(2024, 2, 28), table("ihc_attributions"), {}))
    outcomes = order_outcomes(
        conversions, storage.days("ihc_attributions", DAYS), storage.days("too_long_orders", DAYS)
    )
    assert outcomes[["conv_id", "outcome"]].to_numpy().tolist() == [["o2", "no_sessions"]]


def test_an_order_that_stands_in_two_days_has_the_outcome_of_each_day(outcomes_of: OutcomesOf) -> None:
    outcomes = outcomes_of(
        [{"conversion_time": ON_27, "revenue": 1.0}, {"conversion_time": ON_28, "revenue": 2.0}],
        [
            {"conversion_time": ON_27},
            {"conversion_time": ON_28, "outcome": "refused", "ihc": None, "reason": "no"},
        ],
    )
    assert in_rows(outcomes) == [("o1", "attributed", None, 1.0), ("o1", "refused", "no", 2.0)]


def test_outcomes_of_nothing_keep_their_columns_and_types(outcomes_of: OutcomesOf) -> None:
    outcomes = outcomes_of([], [])
    assert outcomes.dtypes.astype(str).to_dict() == {
        "conv_id": "object",
        "conversion_time": "datetime64[us]",
        "outcome": "object",
        "reason": "object",
        "revenue": "float64",
    }
    assert outcomes.empty
