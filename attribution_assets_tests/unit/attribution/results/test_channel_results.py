"""What each channel cost and earned over a range of days, as it is read from small stored tables."""

import datetime as dt
import math
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.results.channel_results import (
    MODELS,
    compared_models,
    results_by_day,
    roas_by_days_since_touch,
)
from attribution_assets.attribution.results.result_days import (
    DateBasis,
    compared_days,
    final_and_provisional_days,
    known_until,
    orders_known_until,
    report_written_at,
    reported_days,
    results_version,
)
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays
from attribution_assets.attribution.tables.schemas import STORED_TABLES
from attribution_assets_tests.support.evenly_credited_shop import DAYS, LOOKBACK, Row, Table, stored_shop
from attribution_assets_tests.support.waiting import looks

Keep = Callable[..., StoredDays]
Store = Callable[..., AssetStorage]

FIRST, LAST = DAYS[0], DAYS[-1]
TOUCH, CONVERSION = DateBasis.TOUCH, DateBasis.CONVERSION
NOTHING = {"lookback_days": LOOKBACK}


def spent(day: dt.date, channel: str, cost: float, ihc: float = 0.0, revenue: float = 0.0) -> Row:
    """A row of `channel_reporting`."""
    return {"date": str(day), "channel_name": channel, "cost": cost, "ihc": ihc, "ihc_revenue": revenue}


def credited(touch: dt.date, ordered: dt.date, orders: float, revenue: float, **more: str) -> Row:
    """A row of `model_comparison`."""
    dates = {"touch_date": str(touch), "conversion_date": str(ordered)}
    return {"model": "linear", "channel_name": "Search", **dates, "orders": orders, "revenue": revenue, **more}


def cells(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The rows as they stand."""
    return list(frame.itertuples(index=False, name=None))


@pytest.fixture
def store(storage: AssetStorage, table: Table, keep: Keep) -> Store:
    """`store(spent rows, credited rows)`: `channel_reporting` and `model_comparison`, stored for all of `DAYS`."""

    def build(reports: Iterable[Row] = (), credit: Iterable[Row] = ()) -> AssetStorage:
        keep(storage, "channel_reporting", table("channel_reporting", *reports), DAYS)
        keep(storage, "model_comparison", table("model_comparison", *credit), DAYS)
        return storage

    return build


# By day


def test_by_touch_date_ihc_is_what_the_report_says_to_the_last_digit(store: Store) -> None:
    storage = store(
        [
            spent(DAYS[0], "Search", 0.1, 0.123456789012, 1 / 3),
            spent(DAYS[0], "Email", 1e14 + 0.03, 1.0, 0.1 + 0.2),
            spent(DAYS[1], "Search", 0.0, 2.0, 5e-324),
            spent(DAYS[2], "Search", 7.0, 7.0, 7.0),
        ],
        [credited(DAYS[0], DAYS[1], 5.0, 5.0, model="ihc")],
    )
    assert cells(results_by_day(storage, DAYS[0], DAYS[1], **NOTHING)) == [
        ("2024-02-26", "Email", 1e14 + 0.03, 1.0, 0.1 + 0.2),
        ("2024-02-26", "Search", 0.1, 0.123456789012, 1 / 3),
        ("2024-02-27", "Search", 0.0, 2.0, 5e-324),
    ]


def test_by_touch_date_another_model_credits_the_day_of_the_visit(store: Store) -> None:
    storage = store(
        [spent(DAYS[1], "Search", 3.0, 9.0, 9.0), spent(DAYS[1], "Cost only", 4.0)],
        [
            credited(DAYS[1], DAYS[1], 0.25, 10.0),
            credited(DAYS[1], DAYS[3], 0.5, 20.1),
            credited(DAYS[1], DAYS[3], 1.0, 0.7, channel_name="Credit only"),
            credited(DAYS[1], DAYS[3], 64.0, 64.0, model="first_touch"),
            credited(DAYS[0], DAYS[1], 64.0, 64.0),
            credited(DAYS[2], DAYS[2], 64.0, 64.0),
        ],
    )
    assert cells(results_by_day(storage, DAYS[1], DAYS[1], **NOTHING, model="linear")) == [
        ("2024-02-27", "Cost only", 4.0, 0.0, 0.0),
        ("2024-02-27", "Credit only", 0.0, 1.0, 0.7),
        ("2024-02-27", "Search", 3.0, 0.75, 30.1),
    ]


@pytest.mark.parametrize("model", ["ihc", "linear"])
def test_by_conversion_date_credit_is_that_of_the_days_orders_and_cost_stays_where_it_was_spent(
    store: Store, model: str
) -> None:
    storage = store(
        [spent(DAYS[1], "Search", 3.0, 9.0, 9.0), spent(DAYS[2], "Search", 4.0)],
        [
            credited(DAYS[0], DAYS[2], 0.25, 10.0, model=model),
            credited(DAYS[2], DAYS[2], 0.5, 20.1, model=model),
            credited(DAYS[2], DAYS[3], 64.0, 64.0, model=model),
            credited(DAYS[1], DAYS[2], 1.0, 2.0, model=model, channel_name="Email"),
        ],
    )
    assert cells(results_by_day(storage, DAYS[1], DAYS[2], **NOTHING, model=model, basis=CONVERSION)) == [
        ("2024-02-27", "Search", 3.0, 0.0, 0.0),
        ("2024-02-28", "Email", 0.0, 1.0, 2.0),
        ("2024-02-28", "Search", 4.0, 0.75, 30.1),
    ]


def test_orders_are_looked_for_until_the_end_of_the_lookback_window(store: Store) -> None:
    storage = store([spent(DAYS[0], "Search", 1.0)], [credited(DAYS[0], DAYS[n], 10.0**n, 0.0) for n in range(4)])
    found = [
        results_by_day(storage, DAYS[0], DAYS[0], lookback_days=n, model="linear")["orders"].item() for n in range(4)
    ]
    assert found == [1.0, 11.0, 111.0, 1111.0]


@pytest.mark.parametrize("model", ["ihc", "linear"])
def test_only_orders_up_to_a_day_count_where_it_is_named(store: Store, model: str) -> None:
    reports = [spent(DAYS[0], "Search", 1.0, 111.0, 0.0), spent(DAYS[1], "Search", 4.0, 5.0, 0.0)]
    credit = [credited(DAYS[0], DAYS[n], 10.0**n, 0.0, model=model) for n in range(3)]
    storage = store(reports, [*credit, credited(DAYS[1], DAYS[3], 5.0, 0.0, model=model)])
    found = results_by_day(storage, DAYS[0], DAYS[1], **NOTHING, model=model, orders_until=DAYS[1])
    assert cells(found) == [("2024-02-26", "Search", 1.0, 11.0, 0.0), ("2024-02-27", "Search", 4.0, 0.0, 0.0)]


def test_orders_are_known_until_the_first_day_that_is_not_attributed_and_not_at_all_with_a_gap(
    storage: AssetStorage, table: Table
) -> None:
    def attribute(*days: dt.date) -> None:
        for day in days:
            storage.write("ihc_attributions", DayTable(day, table("ihc_attributions"), {}))

    assert orders_known_until(storage, DAYS[0], DAYS[1], LOOKBACK) is None
    attribute(DAYS[0], DAYS[1])
    assert orders_known_until(storage, DAYS[0], DAYS[1], LOOKBACK) == DAYS[1]
    attribute(DAYS[3])
    assert orders_known_until(storage, DAYS[0], DAYS[1], LOOKBACK) is None
    attribute(DAYS[2], DAYS[4])
    assert orders_known_until(storage, DAYS[0], DAYS[1], LOOKBACK) == DAYS[3]


@pytest.mark.parametrize("basis", [TOUCH, CONVERSION])
def test_a_day_with_an_unknown_cost_or_an_unknown_credit_is_left_out(
    storage: AssetStorage, table: Table, basis: DateBasis
) -> None:
    for day, with_report, with_comparison in [
        (DAYS[0], True, True),
        (DAYS[1], False, True),
        (DAYS[2], True, False),
        (DAYS[3], True, True),
    ]:
        if with_report:
            report = table("channel_reporting", spent(day, "Search", 1.0))
            storage.write("channel_reporting", DayTable(day, report, {}))
        if with_comparison:
            credit = table("model_comparison", credited(day, day, 1.0, 2.0))
            storage.write("model_comparison", DayTable(day, credit, {}))
    assert cells(results_by_day(storage, FIRST, LAST, **NOTHING, model="linear", basis=basis)) == [
        ("2024-02-26", "Search", 1.0, 1.0, 2.0),
        ("2024-02-29", "Search", 1.0, 1.0, 2.0),
    ]
    compared = compared_models(storage, FIRST, LAST, **NOTHING, basis=basis).set_index("model")
    assert cells(compared.loc[["linear"]]) == [("Search", 2.0, 2.0, 4.0)]


def test_a_model_that_there_is_none_of_is_named_beside_those_that_there_are(storage: AssetStorage) -> None:
    message = "there is no model 'lineal': it takes one of ihc, first_touch, last_touch, last_non_direct, linear, "
    with pytest.raises(ValueError, match=message):
        results_by_day(storage, FIRST, LAST, **NOTHING, model="lineal")
    with pytest.raises(ValueError, match=message):
        roas_by_days_since_touch(storage, FIRST, LAST, **NOTHING, model="lineal")


# Models side by side


def test_compared_models_have_the_same_channels_with_the_same_cost(store: Store) -> None:
    storage = store(
        [
            spent(DAYS[0], "Search", 0.1, 0.5, 10.0),
            spent(DAYS[1], "Search", 0.2, 0.25, 5.0),
            spent(DAYS[1], "Cost only", 4.0),
        ],
        [
            credited(DAYS[0], DAYS[1], 0.1, 0.1),
            credited(DAYS[1], DAYS[3], 0.2, 0.2),
            credited(DAYS[1], DAYS[3], 1.0, 3.0, model="last_touch", channel_name="Credit only"),
            credited(DAYS[0], DAYS[0], 64.0, 64.0, model="ihc"),
            credited(DAYS[2], DAYS[2], 64.0, 64.0),
        ],
    )
    found = compared_models(storage, DAYS[0], DAYS[1], **NOTHING, basis=TOUCH)
    assert cells(found) == [
        (model, channel, cost, *credit.get((model, channel), (0.0, 0.0)))
        for credit in [
            {
                ("ihc", "Search"): (0.75, 15.0),
                ("linear", "Search"): (0.3, 0.3),
                ("last_touch", "Credit only"): (1.0, 3.0),
            }
        ]
        for model in MODELS
        for channel, cost in [("Cost only", 4.0), ("Credit only", 0.0), ("Search", 0.3)]
    ]


def test_by_conversion_date_ihc_is_compared_by_conversion_date_too(store: Store) -> None:
    storage = store(
        [spent(DAYS[1], "Search", 2.0, 9.0, 9.0)],
        [
            credited(DAYS[0], DAYS[1], 0.5, 10.0, model="ihc"),
            credited(DAYS[1], DAYS[2], 64.0, 64.0, model="ihc"),
            credited(DAYS[1], DAYS[1], 0.25, 4.0),
        ],
    )
    found = compared_models(storage, DAYS[1], DAYS[1], **NOTHING, basis=CONVERSION).set_index("model")
    assert cells(found.loc[["ihc", "linear", "last_touch"]]) == [
        ("Search", 2.0, 0.5, 10.0),
        ("Search", 2.0, 0.25, 4.0),
        ("Search", 2.0, 0.0, 0.0),
    ]


# By days since touch


def test_roas_by_days_since_touch_counts_orders_up_to_so_many_calendar_days_after_the_visit(store: Store) -> None:
    storage = store(
        [spent(DAYS[0], "Search", 4.0, 9.0, 9.0), spent(DAYS[1], "Search", 1.0), spent(DAYS[2], "Search", 64.0)],
        [
            credited(DAYS[0], DAYS[0], 0.1, 1.0, model="ihc"),
            credited(DAYS[0], DAYS[1], 0.2, 2.0, model="ihc"),
            credited(DAYS[1], DAYS[2], 0.4, 4.0, model="ihc"),
            credited(DAYS[1], DAYS[3], 0.8, 8.0, model="ihc"),
            credited(DAYS[2], DAYS[2], 64.0, 64.0, model="ihc"),
            credited(DAYS[0], DAYS[0], 64.0, 64.0),
        ],
    )
    found = roas_by_days_since_touch(storage, DAYS[0], DAYS[1], **NOTHING, days=(0, 1, 2))
    assert list(found.columns) == [
        *("channel_name", "cost", "orders_0", "revenue_0", "roas_0"),
        *("orders_1", "revenue_1", "roas_1", "orders_2", "revenue_2", "roas_2"),
    ]
    assert cells(found) == [("Search", 5.0, 0.1, 1.0, 0.2, 0.7, 7.0, 1.4, 1.5, 15.0, 3.0)]


def test_roas_since_touch_is_empty_where_nothing_was_spent_and_0_where_nothing_was_earned(store: Store) -> None:
    storage = store(
        [spent(DAYS[0], "Cost only", 4.0)],
        [credited(DAYS[0], DAYS[1], 1.0, 6.0, model="ihc", channel_name="Credit only")],
    )
    found = roas_by_days_since_touch(storage, DAYS[0], DAYS[0], **NOTHING, days=(1,))
    assert cells(found.iloc[:1]) == [("Cost only", 4.0, 0.0, 0.0, 0.0)]
    assert cells(found.iloc[1:, :4]) == [("Credit only", 0.0, 1.0, 6.0)]
    assert math.isnan(found["roas_1"][1])


def test_roas_since_touch_is_empty_until_all_orders_that_could_count_are_attributed(store: Store) -> None:
    storage = store([spent(LAST, "Search", 4.0)], [credited(LAST, LAST, 1.0, 8.0, model="ihc")])
    until = roas_by_days_since_touch(storage, LAST, LAST, **NOTHING, days=(0, 1))
    assert cells(until[["cost", "orders_0", "revenue_0", "roas_0"]]) == [(4.0, 1.0, 8.0, 2.0)]
    assert until[["orders_1", "revenue_1", "roas_1"]].isna().all(axis=None)


def test_roas_since_touch_is_empty_beyond_the_lookback_window(store: Store) -> None:
    storage = store([spent(FIRST, "Search", 4.0)], [credited(FIRST, FIRST, 1.0, 8.0, model="ihc")])
    found = roas_by_days_since_touch(storage, FIRST, FIRST, lookback_days=2, days=(2, 3))
    assert cells(found[["orders_2", "roas_2"]]) == [(1.0, 2.0)]
    assert found[["orders_3", "revenue_3", "roas_3"]].isna().all(axis=None)


def test_what_visits_have_earned_is_known_until_the_first_visit_whose_orders_are_still_to_come(store: Store) -> None:
    storage = store([spent(day, "Search", 1.0) for day in DAYS], [])
    assert known_until(storage, FIRST, LAST, 0) == LAST
    assert known_until(storage, FIRST, LAST, 1) == LAST - dt.timedelta(days=1)
    assert known_until(storage, LAST, LAST, 1) is None


# What is stored


def test_a_day_whose_visits_orders_not_yet_compared_can_credit_is_left_out(
    store: Store, table: Table, keep: Keep
) -> None:
    storage = store([spent(day, "Search", 1.0) for day in DAYS], [])
    keep(storage, "ihc_attributions", table("ihc_attributions"), DAYS)
    storage.days("model_comparison", DAYS).files[DAYS[3]].unlink()
    by_touch = compared_days(storage, FIRST, LAST, lookback_days=2, basis=DateBasis.TOUCH)
    assert by_touch == [DAYS[0], *DAYS[4:]]
    by_conversion = compared_days(storage, FIRST, LAST, lookback_days=2, basis=DateBasis.CONVERSION)
    assert by_conversion == [*DAYS[:3], *DAYS[4:]]
    shown = results_by_day(storage, FIRST, LAST, lookback_days=2, model="linear")
    assert shown["date"].tolist() == [str(day) for day in by_touch]


def test_a_stored_report_is_provisional_until_the_lookback_window_after_it_is_attributed(
    storage: AssetStorage, table: Table
) -> None:
    for day in DAYS[1:]:
        storage.write("channel_reporting", DayTable(day, table("channel_reporting"), {}))
    for day in DAYS:
        storage.write("ihc_attributions", DayTable(day, table("ihc_attributions"), {}))
    assert final_and_provisional_days(storage, FIRST, LAST, LOOKBACK) == (DAYS[1:-2], DAYS[-2:])
    assert final_and_provisional_days(storage, FIRST, DAYS[-2], 0) == (DAYS[1:-1], [])
    assert final_and_provisional_days(storage, FIRST, LAST, 100) == ([], DAYS[1:])


def test_reported_days_are_those_of_stored_reports(storage: AssetStorage, table: Table) -> None:
    assert reported_days(storage) == []
    for day in (DAYS[3], DAYS[0]):
        storage.write("channel_reporting", DayTable(day, table("channel_reporting", spent(day, "Search", 1.0)), {}))
    storage.write("model_comparison", DayTable(DAYS[1], table("model_comparison"), {}))
    assert reported_days(storage) == [DAYS[0], DAYS[3]]


def test_a_stray_report_without_rows_is_not_the_last_day(storage: AssetStorage, table: Table) -> None:
    report = table("channel_reporting", spent(DAYS[0], "Search", 1.0))
    storage.write("channel_reporting", DayTable(DAYS[0], report, {}))
    for day in DAYS[1:3]:
        storage.write("channel_reporting", DayTable(day, table("channel_reporting"), {}))
    assert reported_days(storage) == [DAYS[0]]


def test_a_report_was_written_when_its_file_was(storage: AssetStorage, table: Table) -> None:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    storage.write("channel_reporting", DayTable(FIRST, table("channel_reporting"), {}))
    assert before <= report_written_at(storage, FIRST) <= dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)


def empty_frame(name: str) -> pd.DataFrame:
    types = {"str": "object", "datetime64[ns]": "datetime64[us]"}
    columns = STORED_TABLES[name].columns
    return pd.DataFrame(
        {key: pd.Series([], dtype=types.get(str(of.dtype), str(of.dtype))) for key, of in columns.items()}
    )


def write_day(storage: AssetStorage, name: str, day: dt.date) -> None:
    """A day without rows; of a table beside another, that one alone."""
    storage._write(name, DayTable(day, empty_frame(name), {}))  # noqa: SLF001  # nobody else writes them one by one


def test_the_version_of_the_results_is_another_once_a_day_has_been_replaced(storage: AssetStorage) -> None:
    versions = set()
    for _ in range(20):
        write_day(storage, "channel_reporting", FIRST)
        versions.add(results_version(storage))
    assert len(versions) == 20


def test_of_nothing_stored_there_are_tables_without_rows(storage: AssetStorage) -> None:
    amounts = {"cost": "float64", "orders": "float64", "revenue": "float64"}
    by_day = {"date": "object", "channel_name": "object"} | amounts
    for basis in DateBasis:
        for model in ("ihc", "linear"):
            found = results_by_day(storage, FIRST, LAST, **NOTHING, model=model, basis=basis)
            assert (len(found), found.dtypes.astype(str).to_dict()) == (0, by_day)
        found = compared_models(storage, FIRST, LAST, **NOTHING, basis=basis)
        assert (len(found), list(found.columns)) == (0, ["model", "channel_name", "cost", "orders", "revenue"])
    found = roas_by_days_since_touch(storage, FIRST, LAST, **NOTHING, days=(1,))
    assert (len(found), list(found.columns)) == (0, ["channel_name", "cost", "orders_1", "revenue_1", "roas_1"])
    assert final_and_provisional_days(storage, FIRST, LAST, LOOKBACK) == ([], [])


def test_a_range_that_ends_before_it_begins_has_no_rows(store: Store) -> None:
    storage = store([spent(FIRST, "Search", 1.0)], [credited(FIRST, FIRST, 1.0, 1.0)])
    assert results_by_day(storage, LAST, FIRST, **NOTHING).empty
    assert compared_models(storage, LAST, FIRST, **NOTHING).empty


def test_each_day_is_read_whole_while_it_is_being_replaced(storage: AssetStorage, table: Table) -> None:
    """Each version of a day says its number in every row, for cost as for credit; versions of a day never mix."""

    def write(number: int) -> None:
        for day in DAYS:
            rows = [spent(day, f"channel {n}", float(number), float(number)) for n in range(50)]
            storage.write("channel_reporting", DayTable(day, table("channel_reporting", *rows), {}))

    write(1)
    stop = threading.Event()

    def keep_writing() -> None:
        number = 1
        while not stop.is_set():
            write(number := number + 1)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        seen: set[float] = set()
        for _ in looks(seen):
            found = results_by_day(storage, FIRST, LAST, **NOTHING)
            assert found.groupby("date").size().tolist() == [50] * len(DAYS)
            of_days = found.melt("date", ["cost", "orders"]).groupby("date")["value"]
            assert (of_days.min() == of_days.max()).all()
            seen.update(found["cost"])
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 1


# Against plain sums


VISIT = st.tuples(st.sampled_from(["Search", "Email", 'Größe, "A"', "O'Hare; --"]), st.integers(0, LOOKBACK * 24 - 1))
ORDER = st.fixed_dictionaries(
    {
        "day": st.sampled_from(DAYS),
        "revenue": st.integers(0, 10**7).map(lambda cents: cents / 100),
        "visits": st.lists(VISIT, min_size=1, max_size=4),
    }
)
COSTS = st.lists(st.integers(0, 10**5).map(lambda thousandths: thousandths / 1000), min_size=4, max_size=4)


def exactly(orders: list[Row], costs: list[float], basis: DateBasis) -> dict[tuple[str, str], list[Fraction]]:
    """Cost, orders and revenue by date and channel, of credit that is even: linear's, and here IHC's."""
    expected: dict[tuple[str, str], list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0), Fraction(0)])
    for order in orders:
        ordered = dt.datetime.combine(order["day"], dt.time(12))
        share = Fraction(1, len(order["visits"]))
        for place, (channel, hours) in enumerate(sorted(order["visits"], key=lambda visit: -visit[1])):
            touched = str((ordered - dt.timedelta(hours=hours, minutes=4 - place)).date())
            expected[touched, channel][0] += Fraction(str(costs[place]))
            cell = expected[touched if basis is TOUCH else str(order["day"]), channel]
            cell[1] += share
            cell[2] += share * Fraction(str(order["revenue"]))
    return expected


@settings(max_examples=8)
@given(st.lists(ORDER, max_size=6), COSTS, st.sampled_from(["ihc", "linear"]), st.sampled_from([*DateBasis]))
def test_results_are_those_of_adding_fractions(
    table: Table, orders: list[Row], costs: list[float], model: str, basis: DateBasis
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = stored_shop(folder, table, orders, costs)
        found = results_by_day(storage, DAYS[1], DAYS[4], **NOTHING, model=model, basis=basis)
    expected = exactly(orders, costs, basis)
    wanted = {key: cell for key, cell in expected.items() if str(DAYS[1]) <= key[0] <= str(DAYS[4])}
    assert [row[:2] for row in cells(found)] == sorted(wanted)
    for row in cells(found):
        assert row[2:] == pytest.approx([float(number) for number in wanted[row[:2]]], rel=1e-12, abs=2e-9)


@settings(max_examples=5)
@given(st.lists(ORDER, max_size=6), COSTS)
def test_over_all_days_all_models_and_both_bases_sum_to_the_attributed_orders_their_revenue_and_the_cost(
    table: Table, orders: list[Row], costs: list[float]
) -> None:
    spent_in_all = sum(cost for order in orders for cost, _ in zip(costs, order["visits"], strict=False))
    sums = (spent_in_all, len(orders), sum(order["revenue"] for order in orders))
    amounts = ["cost", "orders", "revenue"]
    whole = {"first": FIRST - dt.timedelta(days=LOOKBACK), "last": LAST} | NOTHING
    with tempfile.TemporaryDirectory() as folder:
        storage = stored_shop(folder, table, orders, costs)
        for basis in DateBasis:
            compared = compared_models(storage, **whole, basis=basis).set_index(["model", "channel_name"])
            for model in MODELS if orders else ():
                assert tuple(compared.loc[model].sum()) == pytest.approx(sums, rel=1e-9, abs=1e-7)
            for model in ("ihc", "time_decay"):
                days = results_by_day(storage, **whole, model=model, basis=basis)
                assert tuple(days[amounts].sum()) == pytest.approx(sums, rel=1e-9, abs=1e-7)
                by_channel = days.groupby("channel_name")[amounts].sum()
                of_model = compared[compared.index.get_level_values("model") == model].droplevel("model")
                pd.testing.assert_frame_equal(of_model, by_channel, rtol=1e-12, atol=1e-8)
        report = pd.concat([frame for _, frame in storage.all_days("channel_reporting").frames()], ignore_index=True)
        days = results_by_day(storage, **whole)
    renamed = {"ihc": "orders", "ihc_revenue": "revenue"}
    pd.testing.assert_frame_equal(days, report.rename(columns=renamed)[list(days.columns)], check_exact=True)
