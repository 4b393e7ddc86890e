"""The channel report: what each channel cost and earned per day, to the last digit."""

import datetime as dt
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.invariants.attribution import cost_problems, schema_problems
from attribution_assets.attribution.reporting.channel_report import by_channel, channel_report, with_phases
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 1))
FIRST, LAST = DAYS[0], DAYS[-1]
ON_27 = "2024-02-27 12:00:00"
ON_28 = "2024-02-28 12:00:00"


class Stored:
    """Sessions, orders and credit, stored for `DAYS`."""

    def __init__(self, storage: AssetStorage, table: Table, keep: Keep, **rows: Sequence[Row]) -> None:
        self.sessions, self.spend, self.conversions, self.credit = (
            keep(storage, asset, table(asset, *rows.get(asset, ())), DAYS)
            for asset in ("sessions", "spend", "conversions", "ihc_attributions")
        )

    def report(self, first: dt.date = FIRST, last: dt.date = LAST) -> pd.DataFrame:
        visits, spend = self.sessions.within(first, last), self.spend.within(first, last)
        return channel_report(visits, spend, self.credit, self.conversions, first, last)

    def cells(self, first: dt.date = FIRST, last: dt.date = LAST) -> list[tuple[Any, ...]]:
        """(channel, date, cost, ihc, revenue) of each row of the report."""
        return list(self.report(first, last).itertuples(index=False, name=None))

    def phases(self, first: dt.date = FIRST, last: dt.date = LAST) -> list[tuple[Any, ...]]:
        """(channel, date, initializer, holder, closer) of each row of the report."""
        report = with_phases(self.report(first, last), self.credit, self.conversions, first, last)
        return list(
            report[["channel_name", "date", "initializer", "holder", "closer"]].itertuples(index=False, name=None)
        )


Store = Callable[..., Stored]


@pytest.fixture
def store(storage: AssetStorage, table: Table, keep: Keep) -> Store:
    """`store(sessions=[...], conversions=[...], ihc_attributions=[...])`."""
    return lambda **rows: Stored(storage, table, keep, **rows)


# Cost and credit


def test_a_row_has_the_cost_of_all_visits_and_the_credit_of_some(store: Store) -> None:
    stored = store(
        sessions=[{"session_id": "s1", "cost": 1.5}, {"session_id": "s2", "cost": 2.0}],
        conversions=[{"revenue": 80.0}],
        ihc_attributions=[{"ihc": 1.0}],
    )
    assert stored.cells() == [("Search", "2024-02-26", 3.5, 1.0, 80.0)]


def test_a_session_in_two_journeys_costs_once_and_is_credited_twice(store: Store) -> None:
    stored = store(
        sessions=[{"session_id": "s1", "cost": 5.0}],
        conversions=[{"conv_id": "o1", "revenue": 100.0}, {"conv_id": "o2", "revenue": 10.0}],
        ihc_attributions=[{"conv_id": "o1", "ihc": 0.75}, {"conv_id": "o2", "ihc": 0.5}],
    )
    assert stored.cells() == [("Search", "2024-02-26", 5.0, 1.25, 80.0)]


def test_credit_lands_on_the_day_and_channel_of_the_session_not_of_the_order(store: Store) -> None:
    order = {"conversion_time": ON_28}
    stored = store(
        conversions=[order],
        ihc_attributions=[
            order | {"session_id": "s1", "session_time": "2024-02-26 23:59:59.999999", "ihc": 0.25},
            order | {"session_id": "s2", "session_time": "2024-02-27 00:00:00", "ihc": 0.5},
            order | {"session_id": "s3", "session_time": "2024-02-27 00:00:00", "channel_name": "Direct", "ihc": 0.25},
        ],
    )
    assert stored.cells() == [
        ("Search", "2024-02-26", 0.0, 0.25, 25.0),
        ("Direct", "2024-02-27", 0.0, 0.25, 25.0),
        ("Search", "2024-02-27", 0.0, 0.5, 50.0),
    ]


def test_channels_with_cost_only_or_credit_only_keep_their_row(store: Store) -> None:
    stored = store(
        sessions=[{"channel_name": "Cost only", "cost": 3.0}],
        conversions=[{}],
        ihc_attributions=[{"channel_name": "Credit only"}],
    )
    assert stored.cells() == [
        ("Cost only", "2024-02-26", 3.0, 0.0, 0.0),
        ("Credit only", "2024-02-26", 0.0, 1.0, 100.0),
    ]


def test_a_session_without_known_cost_counts_nothing_and_keeps_the_channels_row(store: Store) -> None:
    stored = store(
        sessions=[
            {"session_id": "s1", "cost": None},
            {"session_id": "s2", "cost": 2.0},
            {"session_id": "s3", "cost": None, "channel_name": "Direct"},
        ]
    )
    assert stored.cells() == [("Direct", "2024-02-26", 0.0, 0.0, 0.0), ("Search", "2024-02-26", 2.0, 0.0, 0.0)]


def test_what_was_spent_is_the_cost_of_its_channel_and_day_and_visits_give_that_of_the_others(store: Store) -> None:
    stored = store(
        sessions=[
            {"session_id": "s1", "cost": 2.0},
            {"session_id": "s2", "cost": 3.0, "channel_name": "Direct"},
            {"session_id": "s3", "cost": 4.0, "session_time": ON_27},
        ],
        spend=[
            {"campaign": "a", "cost": 10.0},
            {"campaign": "b", "cost": 0.25},
            {"campaign": None, "cost": 0.5},
            {"channel_name": "TV", "cost": 7.0, "date": "2024-02-28"},
            {"channel_name": "Direct", "cost": 0.0, "date": "2024-02-27"},
        ],
        conversions=[{"conversion_time": ON_28}],
        ihc_attributions=[{"conversion_time": ON_28}],
    )
    assert stored.cells() == [
        ("Direct", "2024-02-26", 3.0, 0.0, 0.0),
        ("Search", "2024-02-26", 10.75, 1.0, 100.0),
        ("Direct", "2024-02-27", 0.0, 0.0, 0.0),
        ("Search", "2024-02-27", 4.0, 0.0, 0.0),
        ("TV", "2024-02-28", 7.0, 0.0, 0.0),
    ]


@pytest.mark.parametrize("outcome", ["too_long", "refused"])
def test_touchpoints_of_orders_that_are_not_attributed_give_no_credit_and_no_row(store: Store, outcome: str) -> None:
    unattributed = {"ihc": None, "outcome": outcome, "reason": "so it is"}
    stored = store(
        sessions=[{"cost": 2.0}],
        conversions=[{}],
        ihc_attributions=[unattributed, unattributed | {"session_id": "s2", "channel_name": "Direct"}],
    )
    assert stored.cells() == [("Search", "2024-02-26", 2.0, 0.0, 0.0)]


def test_an_order_without_revenue_is_credited_as_an_order(store: Store) -> None:
    stored = store(conversions=[{"revenue": 0.0}], ihc_attributions=[{}])
    assert stored.cells() == [("Search", "2024-02-26", 0.0, 1.0, 0.0)]


def test_the_phases_of_a_channel_are_summed_on_the_day_of_the_session_and_the_report_stays_as_it_is(
    store: Store,
) -> None:
    order = {"conversion_time": ON_28}
    stored = store(
        sessions=[{"channel_name": "Cost only"}],
        conversions=[order, order | {"conv_id": "o2"}],
        ihc_attributions=[
            order | {"session_id": "s1", "initializer": 0.75, "holder": 0.25, "closer": 0.0},
            order | {"session_id": "s2", "initializer": 0.25, "holder": 0.5, "closer": None},
            order | {"session_id": "s3", "session_time": ON_27, "initializer": 0.0, "holder": 0.25, "closer": 1.0},
            order | {"conv_id": "o2", "ihc": None, "initializer": None, "outcome": "refused"},
            order | {"conv_id": "gone", "initializer": 1.0},
        ],
    )
    assert stored.phases() == [
        ("Cost only", "2024-02-26", 0.0, 0.0, 0.0),
        ("Search", "2024-02-26", 1.0, 0.75, 0.0),
        ("Search", "2024-02-27", 0.0, 0.25, 1.0),
    ]
    assert stored.phases(DAYS[1], DAYS[1]) == [("Search", "2024-02-27", 0.0, 0.25, 1.0)]
    report = stored.report()
    pd.testing.assert_frame_equal(
        with_phases(report, stored.credit, stored.conversions, FIRST, LAST)[list(report)], report
    )


def test_a_report_of_nothing_has_no_phases(store: Store) -> None:
    assert store().phases() == []


def test_phases_are_summed_over_days_like_the_amounts(store: Store) -> None:
    order = {"conversion_time": ON_28}
    sessions = [{"session_id": f"s{n}", "session_time": time, "cost": 2.0} for n, time in enumerate((ON_27, ON_28))]
    credit = [session | order | {"ihc": 0.5, "initializer": 0.5, "closer": 0.25} for session in sessions[:1]]
    stored = store(sessions=sessions, conversions=[order], ihc_attributions=credit)
    report = with_phases(stored.report(), stored.credit, stored.conversions, FIRST, LAST)
    assert by_channel(report).to_dict("records") == [
        {
            "channel_name": "Search",
            "cost": 4.0,
            "ihc": 0.5,
            "ihc_revenue": 50.0,
            "initializer": 0.5,
            "holder": 0.0,
            "closer": 0.25,
        }
    ]


# Days


def test_rows_stand_by_date_then_channel(store: Store) -> None:
    names = ["b", "B", "a", "Ä"]
    stored = store(
        sessions=[
            {"session_id": f"{name} {time}", "channel_name": name, "session_time": time}
            for name in names
            for time in (ON_28, ON_27)
        ]
    )
    expected = [(name, day) for day in ("2024-02-27", "2024-02-28") for name in ("B", "a", "b", "Ä")]
    assert [cell[:2] for cell in stored.cells()] == expected


def test_a_report_holds_the_days_asked_for_and_credit_of_later_orders(store: Store) -> None:
    sessions = [{"session_id": f"s{day.day}", "session_time": f"{day} 10:00:00", "cost": 1.0} for day in DAYS]
    order = {"conversion_time": "2024-03-01 12:00:00"}
    stored = store(
        sessions=sessions,
        conversions=[order],
        ihc_attributions=[session | order | {"ihc": 0.2} for session in sessions],
    )
    assert stored.cells(DAYS[1], DAYS[2]) == [
        ("Search", "2024-02-27", 1.0, 0.2, 20.0),
        ("Search", "2024-02-28", 1.0, 0.2, 20.0),
    ]


def test_a_range_reported_at_once_is_its_days_reported_one_by_one(store: Store) -> None:
    order = {"conversion_time": "2024-03-01 12:00:00"}
    sessions = [
        {"session_id": f"s{n}", "session_time": f"{day} 10:00:00", "cost": 0.1 * n, "channel_name": "ABC"[n % 3]}
        for n, day in enumerate(DAYS * 5)
    ]
    stored = store(
        sessions=sessions,
        conversions=[order],
        ihc_attributions=[session | order | {"ihc": 0.04} for session in sessions],
    )
    assert stored.cells() == [cell for day in DAYS for cell in stored.cells(day, day)]


def test_days_whose_orders_have_not_been_attributed_yet_give_no_credit_yet(
    storage: AssetStorage, table: Table, keep: Keep
) -> None:
    sessions = keep(storage, "sessions", table("sessions", {"cost": 2.0}), DAYS)
    spend, credit, orders = (storage.days(asset, DAYS) for asset in ("spend", "ihc_attributions", "conversions"))
    report = channel_report(sessions, spend, credit, orders, FIRST, LAST)
    pd.testing.assert_frame_equal(report, table("channel_reporting", {"cost": 2.0, "ihc": 0.0, "ihc_revenue": 0.0}))


def test_a_report_of_nothing_is_an_empty_table_with_its_types(store: Store, table: Table) -> None:
    pd.testing.assert_frame_equal(store().report(), table("channel_reporting"))


def test_the_report_matches_its_schema(store: Store) -> None:
    report = store(sessions=[{}], conversions=[{}], ihc_attributions=[{}]).report()
    assert schema_problems("channel_reporting", report) == []


def test_an_order_that_moved_to_another_day_is_credited_with_the_revenue_of_the_day_it_was_attributed_on(
    store: Store,
) -> None:
    """The source moved order o1 from the 27th to the 28th; only `conversions` of the 28th have been read since."""
    stored = store(
        conversions=[
            {"conversion_time": ON_27, "revenue": 100.0},
            {"conversion_time": ON_28, "revenue": 300.0},
        ],
        ihc_attributions=[{"conversion_time": ON_27}],
    )
    assert stored.cells() == [("Search", "2024-02-26", 0.0, 1.0, 100.0)]


def test_credit_of_an_order_that_is_no_longer_placed_that_day_counts_nothing(store: Store) -> None:
    stored = store(conversions=[{"conversion_time": ON_28}], ihc_attributions=[{"conversion_time": ON_27}])
    assert stored.cells() == []


# Exact sums


def test_sums_of_amounts_with_decimals_are_exact(store: Store) -> None:
    stored = store(
        sessions=[{"session_id": f"s{n}", "cost": cost} for n, cost in enumerate([0.1, 0.2, 4120.68, 4120.68])],
        conversions=[{"conv_id": "o1", "revenue": 0.1}, {"conv_id": "o2", "revenue": 0.2}],
        ihc_attributions=[{"conv_id": "o1"}, {"conv_id": "o2"}],
    )
    assert 0.1 + 0.2 != 0.3
    assert stored.cells() == [("Search", "2024-02-26", 8241.66, 2.0, 0.3)]


AMOUNTS = st.integers(0, 10**8).map(lambda thousandths: thousandths / 1000)
SESSION = st.fixed_dictionaries(
    {
        "session_time": st.sampled_from([f"{day} {time}" for day in DAYS[:3] for time in ("00:00:00", "23:59:59")]),
        "channel_name": st.sampled_from(["Search", "Direct", 'Größe, "A"']),
        "cost": st.none() | AMOUNTS,
    }
)
ORDER = st.fixed_dictionaries(
    {
        "conversion_time": st.sampled_from([f"{day} 23:59:59.5" for day in DAYS]),
        "revenue": AMOUNTS,
        "outcome": st.sampled_from(["attributed", "attributed", "refused", "no_sessions"]),
        "credit": st.dictionaries(st.integers(0, 7), st.integers(0, 10_000).map(lambda n: n / 10_000), max_size=4),
    }
)


def exact_report(sessions: Sequence[Row], credit: Sequence[Row], revenue: dict[str, float]) -> list[tuple[Any, ...]]:
    """Decimals added one by one."""
    cells: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0)])
    for session in sessions:
        cells[session["session_time"][:10], session["channel_name"]][0] += Decimal(str(session["cost"] or 0))
    for touchpoint in credit:
        if touchpoint["outcome"] == "attributed":
            cell = cells[touchpoint["session_time"][:10], touchpoint["channel_name"]]
            cell[1] += Decimal(str(touchpoint["ihc"]))
            cell[2] += Decimal(str(touchpoint["ihc"])) * Decimal(str(revenue[touchpoint["conv_id"]]))
    return [(channel, day, *map(float, cell)) for (day, channel), cell in sorted(cells.items())]


@settings(max_examples=20)
@given(st.lists(SESSION, max_size=8), st.lists(ORDER, max_size=5), st.randoms(use_true_random=False))
def test_a_report_is_that_of_adding_exact_decimals_one_by_one_in_any_order_of_rows(
    table: Table, keep: Keep, sessions: list[Row], orders: list[Row], rng: random.Random
) -> None:
    sessions = [session | {"session_id": f"s{n}"} for n, session in enumerate(sessions)]
    orders = [order | {"conv_id": f"o{n}"} for n, order in enumerate(orders)]
    credit = [
        sessions[n] | order | {"ihc": share if order["outcome"] == "attributed" else None, "reason": None}
        for order in orders
        if order["outcome"] != "no_sessions"
        for n, share in order["credit"].items()
        if n < len(sessions)
    ]
    wanted = exact_report(sessions, credit, {order["conv_id"]: order["revenue"] for order in orders})
    for rows in (sessions, orders, credit):
        rng.shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        stored = Stored(
            AssetStorage(folder), table, keep, sessions=sessions, conversions=orders, ihc_attributions=credit
        )
        assert stored.cells() == wanted
        all_sessions = pd.concat([frame for _, frame in stored.sessions.frames()])
        assert cost_problems(all_sessions, stored.report(), table("spend")) == []


def test_sums_are_the_same_in_any_order_of_rows_where_those_of_floating_point_numbers_are_not(store: Store) -> None:
    amounts = [100_000_000.1, *[0.01] * 100]
    assert reduce(add, amounts) != reduce(add, reversed(amounts))

    def cells(amounts: Sequence[float]) -> list[tuple[Any, ...]]:
        return store(
            sessions=[{"session_id": f"s{n}", "cost": amount} for n, amount in enumerate(amounts)],
            conversions=[{"conv_id": f"o{n}", "revenue": amount} for n, amount in enumerate(amounts)],
            ihc_attributions=[{"conv_id": f"o{n}", "ihc": 0.5} for n in range(len(amounts))],
        ).cells()

    assert cells(amounts) == cells(amounts[::-1])


ANY_SHARE = st.floats(0, 1)
ANY_AMOUNT = st.floats(0, 1e6)


@settings(max_examples=10)
@given(
    st.lists(st.tuples(ANY_AMOUNT, ANY_AMOUNT, ANY_SHARE), min_size=2, max_size=20), st.randoms(use_true_random=False)
)
def test_sums_of_any_amounts_are_the_same_in_any_order_of_rows(
    table: Table, keep: Keep, numbers: list[tuple[float, float, float]], rng: random.Random
) -> None:
    rows = [
        {"session_id": f"s{n}", "conv_id": f"o{n}", "cost": cost, "revenue": revenue, "ihc": share}
        for n, (cost, revenue, share) in enumerate(numbers)
    ]
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        report = Stored(storage, table, keep, sessions=rows, conversions=rows, ihc_attributions=rows).report()
        rng.shuffle(rows)
        shuffled = Stored(storage, table, keep, sessions=rows, conversions=rows, ihc_attributions=rows).report()
    pd.testing.assert_frame_equal(report, shuffled, check_exact=True)
    assert cost_problems(table("sessions", *rows), report, table("spend")) == []


@settings(max_examples=10)
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True, min_size=1, max_size=5))
def test_channels_of_any_name_are_kept_apart_and_stand_in_the_order_of_their_code_points(
    table: Table, keep: Keep, names: list[str]
) -> None:
    sessions = [{"session_id": f"s{n}", "channel_name": name, "cost": float(n)} for n, name in enumerate(names)]
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        stored = Stored(storage, table, keep, sessions=sessions, conversions=[{}], ihc_attributions=sessions)
        cells = stored.cells()
    assert cells == [(name, "2024-02-26", float(names.index(name)), 1.0, 100.0) for name in sorted(names)]
