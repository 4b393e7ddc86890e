"""Why an order has no session in its lookback window is said by where the sessions of its visitor are."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.reporting.missing_sessions import why_no_sessions
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays

Why = Callable[..., dict[str, str]]

DAYS = days_between(dt.date(2024, 2, 20), dt.date(2024, 3, 12))
ORDER = {"conv_id": "o1", "user_id": "u1", "conversion_time": "2024-03-05 12:00:00"}
NEVER = "the visitor was never seen in the stored days, from two lookback windows before the order to one after it"


@pytest.fixture
def why(storage: AssetStorage, table: Callable[..., pd.DataFrame], keep: Callable[..., StoredDays]) -> Why:
    """`why(*times)`: what is said of an order of 5 March whose visitor came then; lookback is four days."""

    def said(*times: str, orders: Sequence[dict[str, Any]] = (ORDER,)) -> dict[str, str]:
        sessions = [{"session_id": f"s{number}", "session_time": time} for number, time in enumerate(times)]
        sessions.append({"session_id": "other", "user_id": "u2", "session_time": "2024-03-05 12:00:00"})
        conversions = keep(storage, "conversions", table("conversions", *orders), DAYS)
        attributions = keep(storage, "ihc_attributions", table("ihc_attributions"), DAYS)
        stored = keep(storage, "sessions", table("sessions", *sessions), DAYS)
        too_long = keep(storage, "too_long_orders", table("too_long_orders"), DAYS)
        found = why_no_sessions(conversions, attributions, too_long, stored, Windows(DAYS[0], 4))
        return dict(zip(found["conv_id"], found["detail"], strict=True))

    return said


@pytest.mark.parametrize(
    ("times", "detail"),
    [
        (["2024-03-05 12:00:00"], "a visit in the order's own second, which ATTRIBUTION_JOURNEY_END=at counts"),
        (
            ["2024-02-27 10:00:00", "2024-03-05 12:00:00.9"],
            "a visit in the order's own second, which ATTRIBUTION_JOURNEY_END=at counts",
        ),
        (
            ["2024-02-27 10:00:00", "2024-03-01 11:59:59"],
            "all visits before the lookback window, the last on 2024-03-01",
        ),
        (
            ["2024-03-06 10:00:00", "2024-03-05 12:00:01"],
            "all visits after the order, the first on 2024-03-05",
        ),
        (
            ["2024-02-27 10:00:00", "2024-03-09 10:00:00"],
            "no visit in the lookback window: the last before it on 2024-02-27, the first after on 2024-03-09",
        ),
        ([], NEVER),
        (["2024-02-25 23:59:59", "2024-03-10 00:00:00"], NEVER),
    ],
)
def test_the_visits_around_the_order_say_why_it_has_none_in_its_window(why: Why, times: list[str], detail: str) -> None:
    assert why(*times) == {"o1": detail}


def test_many_orders_of_one_visitor_are_each_told_apart(why: Why) -> None:
    orders = [ORDER, ORDER | {"conv_id": "o2", "conversion_time": "2024-03-08 12:00:00"}]
    assert why("2024-03-10 08:00:00", orders=orders) == {
        "o1": NEVER,
        "o2": "all visits after the order, the first on 2024-03-10",
    }


def test_of_an_order_without_a_visitor_that_is_said(why: Why) -> None:
    orders = [ORDER | {"user_id": None}, ORDER | {"conv_id": "o2"}]
    assert why("2024-03-06 10:00:00", orders=orders) == {
        "o1": "the order has no user_id",
        "o2": "all visits after the order, the first on 2024-03-06",
    }
