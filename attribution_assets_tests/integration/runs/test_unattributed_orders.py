"""Orders without credit are kept with their reason and revenue, in the storage and in the result tables."""

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.invariants.attribution import unattributed_problems
from attribution_assets.attribution.reporting.missing_sessions import why_no_sessions
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes, unattributed_orders
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.schemas import UNATTRIBUTED_ORDERS
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.made_shop import ATTRIBUTION, REPORTS, MadeShop, day
from attribution_assets_tests.support.shop import Shop

Table = Callable[..., pd.DataFrame]
NEVER = "the visitor was never seen in the stored days, from two lookback windows before the order to one after it"
COLUMNS = ["conv_id", "conversion_time", "reason", "detail", "revenue"]


def kept(*rows: tuple[str, float]) -> pd.DataFrame:
    """A table of unattributed orders: order and revenue of each."""
    time = pd.Timestamp("2024-02-26 12:00:00")
    return pd.DataFrame([(order, time, "no_sessions", None, revenue) for order, revenue in rows], columns=COLUMNS)


def in_rows(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """The rows as they stand, with None where there is nothing."""
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))


def stored(shop: Shop, number: int) -> list[tuple[object, ...]]:
    """What the storage keeps of a day of February 2024."""
    storage = AssetStorage(str(shop.folder / "data/assets"))
    return in_rows(storage.days("unattributed_orders", [day(number)]).frame(day(number)))


def test_the_orders_of_attributed_days_that_got_no_credit_are_told_by_time_with_reason_and_detail(
    storage: AssetStorage, table: Table, keep: Callable[..., StoredDays]
) -> None:
    days = days_between(dt.date(2024, 2, 26), dt.date(2024, 2, 28))
    orders = keep(
        storage,
        "conversions",
        table(
            "conversions",
            {"conv_id": "o1", "revenue": 1.0},
            {"conv_id": "o2", "revenue": 2.0},
            {"conv_id": "o3", "revenue": 3.0, "conversion_time": "2024-02-26 11:00:00"},
            {"conv_id": "o4", "revenue": 4.0},
            {"conv_id": "not attributed yet", "conversion_time": "2024-02-28 12:00:00"},
        ),
        days,
    )
    credit = table(
        "ihc_attributions",
        {"conv_id": "o1"},
        {"conv_id": "o2", "outcome": "refused", "ihc": None, "reason": "not a journey"},
        {"conv_id": "o3", "conversion_time": "2024-02-26 11:00:00", "session_time": "2024-02-26 10:00:00",
         "outcome": "too_long", "ihc": None, "reason": "260 touchpoints"},
    )  # fmt: skip
    attributions = keep(storage, "ihc_attributions", credit, days[:2])
    too_long, sessions = storage.days("too_long_orders", days), storage.days("sessions", days)
    why = why_no_sessions(orders, attributions, too_long, sessions, Windows(days[0], 30))
    found = unattributed_orders(order_outcomes(orders, attributions, too_long), why)
    UNATTRIBUTED_ORDERS.validate(found.astype({"conversion_time": "datetime64[ns]"}))
    assert in_rows(found) == [
        ("o3", pd.Timestamp("2024-02-26 11:00:00"), "too_long", "260 touchpoints", 3.0),
        ("o2", pd.Timestamp("2024-02-26 12:00:00"), "refused", "not a journey", 2.0),
        ("o4", pd.Timestamp("2024-02-26 12:00:00"), "no_sessions", NEVER, 4.0),
    ]


def test_storage_and_result_table_hold_each_order_without_credit(any_shop: Shop) -> None:
    any_shop.session("s1", "ann", "2024-02-24 10:00:00")
    any_shop.session("s2", "ann", "2024-02-24 11:00:00")
    any_shop.session("s3", "ben", "2024-02-24 12:00:00")
    any_shop.order("o1", "ann", "2024-02-24 20:00:00", 90.0)
    any_shop.order("o2", "ben", "2024-02-24 21:00:00", 30.0)
    any_shop.order("o3", "dan", "2024-02-24 22:00:00", 7.0)
    any_shop.order("o4", "ben", "2024-02-25 10:00:00", 8.0)
    any_shop.set(IHC_MAX_SESSIONS_PER_REQUEST="1")
    with IhcEndpoint(refused=["o2"]) as endpoint:
        any_shop.asks(endpoint)
        assert any_shop.run("2024-02-24", "2024-02-25").exit_code == 0
    too_long, refused, no_sessions = any_shop.rows("unattributed_order")
    assert (too_long[:3], refused[:3]) == (("o1", "2024-02-24", "too_long"), ("o2", "2024-02-24", "refused"))
    assert all(details for details in (too_long[3], refused[3]))
    assert (too_long[4], refused[4]) == (90.0, 30.0)
    assert no_sessions == ("o3", "2024-02-24", "no_sessions", NEVER, 7.0)
    assert [(row[0], *row[2:]) for row in stored(any_shop, 24)] == [
        (row[0], *row[2:]) for row in (too_long, refused, no_sessions)
    ]
    assert stored(any_shop, 25) == []


def test_an_order_that_becomes_attributable_moves_over_and_one_that_loses_its_sessions_moves_back(
    made_shop: MadeShop,
) -> None:
    o3 = ("o3", "2024-02-27", "no_sessions", NEVER, 7.0)
    assert made_shop.rows("unattributed_order") == [o3]
    made_shop.session("d1", "dan", "2024-02-26 10:00:00")
    made_shop.sql("DELETE FROM session_sources WHERE session_id = 'b1'")
    assert made_shop.make(["sessions"], 26).success
    made_shop.make_next(made_shop.stale())
    made_shop.make_next(made_shop.stale())
    assert not made_shop.stale()
    assert made_shop.rows("unattributed_order") == [("o2", "2024-02-27", "no_sessions", NEVER, 30.0)]
    assert [row[0] for row in stored(made_shop, 27)] == ["o2"]
    assert ("o3", "d1", 1.0) in made_shop.rows("attribution_customer_journey")


def test_a_run_over_the_reports_alone_keeps_what_is_unattributed(made_shop: MadeShop) -> None:
    before = made_shop.rows("unattributed_order")
    result = made_shop.make(REPORTS, 20, 28)
    assert result.success
    assert made_shop.rows("unattributed_order") == before
    assert made_shop.make(ATTRIBUTION, 27).success
    assert made_shop.rows("unattributed_order") == before


def test_orders_with_credit_and_orders_kept_without_it_have_no_problems(table: Table) -> None:
    orders = table("conversions", {"conv_id": "o1", "revenue": 1.0}, {"conv_id": "o2", "revenue": 2.0})
    credit = table("ihc_attributions", {"conv_id": "o1"}, {"conv_id": "o2", "outcome": "refused", "ihc": None})
    assert unattributed_problems(orders, credit, kept(("o2", 2.0))) == []
    empty = table("conversions"), table("ihc_attributions"), kept()
    assert unattributed_problems(*empty) == []


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        ([], [
            "order o2 is neither attributed nor kept as unattributed",
            "revenue of 1.0 is accounted for, 3.0 was placed",
        ]),
        ([("o1", 0.0), ("o2", 2.0)], ["order o1 is attributed and kept as unattributed"]),
        ([("o2", 2.5)], ["revenue of 3.5 is accounted for, 3.0 was placed"]),
        ([("o2", 2.0), ("o9", 4.0)], [
            "order o9 is kept as unattributed, but was never placed",
            "revenue of 7.0 is accounted for, 3.0 was placed",
        ]),
        ([("o2", 2.0), ("o9", 0.0)], ["order o9 is kept as unattributed, but was never placed"]),
    ],
)  # fmt: skip
def test_orders_and_revenue_that_are_lost_or_counted_twice_are_named(
    table: Table, rows: list[tuple[str, float]], problems: list[str]
) -> None:
    orders = table("conversions", {"conv_id": "o1", "revenue": 1.0}, {"conv_id": "o2", "revenue": 2.0})
    credit = table("ihc_attributions", {"conv_id": "o1"}, {"conv_id": "o2", "outcome": "refused", "ihc": None})
    assert unattributed_problems(orders, credit, kept(*rows)) == problems
