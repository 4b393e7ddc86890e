"""Calendar days: ranges, blocks, batches, and tables cut into days."""

import datetime as dt
from collections.abc import Callable, Sequence
from itertools import pairwise

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.calendar.days import adjacent_ranges, blocks, days_between, in_words, whole_weeks
from attribution_assets.attribution.calendar.tables_by_day import batches, batches_by_day, by_day

Table = Callable[..., pd.DataFrame]

DAYS = st.dates(dt.date(2023, 12, 1), dt.date(2024, 4, 1))


def february(day: int) -> dt.date:
    return dt.date(2024, 2, day)


def test_days_between_holds_both_ends_and_the_leap_day() -> None:
    assert days_between(february(28), dt.date(2024, 3, 1)) == [february(28), february(29), dt.date(2024, 3, 1)]


def test_days_between_a_day_and_itself_is_that_day() -> None:
    assert days_between(february(20), february(20)) == [february(20)]


def test_there_are_no_days_between_a_day_and_an_earlier_one() -> None:
    assert days_between(february(20), february(19)) == []


def test_adjacent_ranges_take_in_as_many_days_between_as_they_are_to() -> None:
    days = [dt.date(2024, 2, 1), dt.date(2024, 2, 2), dt.date(2024, 2, 17), dt.date(2024, 3, 20)]
    assert adjacent_ranges(days, 14) == [(days[0], days[2]), (days[3], days[3])]
    assert adjacent_ranges(days, 13) == [(days[0], days[1]), (days[2], days[2]), (days[3], days[3])]


def test_whole_weeks_begin_on_monday_and_lack_no_day() -> None:
    days = days_between(dt.date(2024, 2, 25), dt.date(2024, 3, 17))  # from a Sunday to a Sunday
    weeks = whole_weeks(reversed(days))
    assert list(weeks) == [dt.date(2024, 2, 26), dt.date(2024, 3, 4), dt.date(2024, 3, 11)]
    assert weeks[dt.date(2024, 3, 4)] == days_between(dt.date(2024, 3, 4), dt.date(2024, 3, 10))
    assert list(whole_weeks(day for day in days if day.day != 6)) == [dt.date(2024, 2, 26), dt.date(2024, 3, 11)]


def test_adjacent_ranges_join_neighbours_in_any_order_and_ignore_repeats() -> None:
    days = [february(9), february(2), february(1), february(3), february(2), february(11), february(10)]
    assert adjacent_ranges(days) == [(february(1), february(3)), (february(9), february(11))]


def test_no_days_are_no_ranges() -> None:
    assert adjacent_ranges([]) == []


@given(st.sets(DAYS, max_size=30))
def test_adjacent_ranges_hold_each_day_once_and_never_touch(days: set[dt.date]) -> None:
    ranges = adjacent_ranges(days)
    assert [day for first, last in ranges for day in days_between(first, last)] == sorted(days)
    assert all((later - last).days > 1 for (_, last), (later, _) in pairwise(ranges))


def test_days_in_words_are_ranges_and_single_days() -> None:
    assert in_words([february(9), *days_between(february(1), february(5))]) == "2024-02-01..2024-02-05, 2024-02-09"


def test_blocks_hold_the_days_that_fit_in_turn_and_at_least_one() -> None:
    days = days_between(february(1), february(6))
    rows = dict(zip(days, (2, 0, 1, 5, 0, 9), strict=True))
    assert list(blocks(days, rows, 3)) == [days[:3], days[3:4], days[4:5], days[5:]]
    assert list(blocks(days, rows, 17)) == [days]
    assert list(blocks(days, {}, 1)) == [days]
    assert list(blocks([], rows, 3)) == []


def in_batches(days: Sequence[int], size: int) -> pa.RecordBatchReader:
    """A table with a row for each of these days of February 2024, some rows at a time."""
    moments = [dt.datetime(2024, 2, day, 23, 59) for day in days]  # noqa: DTZ001 - UTC, naive
    table = pa.table({"at": pa.array(moments, pa.timestamp("us")), "row": range(len(days))})
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(size))


@given(st.lists(st.integers(2, 6)).map(sorted), st.integers(1, 5))
def test_batches_cut_into_days_hold_each_row_on_its_day_in_its_order(numbers: list[int], size: int) -> None:
    days = days_between(february(1), february(7))
    cut = [(day, rows.column("row").to_pylist()) for day, rows in batches_by_day(in_batches(numbers, size), "at", days)]
    assert cut == [(day, [row for row, number in enumerate(numbers) if number == day.day]) for day in days]


@pytest.mark.parametrize("stray", [1, 5])
def test_batches_with_rows_of_another_day_are_refused(stray: int) -> None:
    with pytest.raises(ValueError, match=f"rows of 2024-02-0{stray} in a table of 2024-02-02..2024-02-04"):
        list(batches_by_day(in_batches(sorted([3, stray]), 9), "at", days_between(february(2), february(4))))


def test_a_batch_closes_with_the_day_that_fills_it_and_the_last_takes_the_rest(table: Table) -> None:
    sizes = {february(1): 1, february(2): 2, february(3): 0, february(4): 5, february(5): 0, february(6): 1}
    frames = {
        day: table("journeys", *({"conv_id": f"o{day.day}", "session_id": f"{day.day}.{row}"} for row in range(size)))
        for day, size in sizes.items()
    }
    closed = [(days, frame["session_id"].tolist()) for days, frame in batches(frames.items(), 3)]
    assert closed == [
        ([february(1), february(2)], ["1.0", "2.0", "2.1"]),
        ([february(3), february(4)], ["4.0", "4.1", "4.2", "4.3", "4.4"]),
        ([february(5), february(6)], ["6.0"]),
    ]


def test_a_batch_of_days_without_rows_keeps_the_columns_and_their_types(table: Table) -> None:
    empty = table("journeys")
    [(days, frame)] = batches([(february(1), empty), (february(2), empty)], 3)
    assert days == [february(1), february(2)]
    pd.testing.assert_frame_equal(frame, empty)


def test_a_batch_is_numbered_from_zero(table: Table) -> None:
    days = [(february(day), table("journeys", {"conv_id": f"o{day}"})) for day in (1, 2)]
    [(_, frame)] = batches(days, 2)
    assert frame.index.tolist() == [0, 1]


def test_an_order_that_stands_on_two_days_is_in_two_batches(table: Table) -> None:
    orders = {1: ["moved", "o1"], 2: ["o2"], 3: ["moved"]}
    days = [
        (february(day), table("journeys", *({"conv_id": order} for order in of_day))) for day, of_day in orders.items()
    ]
    assert [(days, frame["conv_id"].tolist()) for days, frame in batches(days, 9)] == [
        ([february(1), february(2)], ["moved", "o1", "o2"]),
        ([february(3)], ["moved"]),
    ]


def test_no_days_are_no_batches() -> None:
    assert list(batches([], 3)) == []


def test_by_day_gives_each_day_in_turn_with_its_rows_in_their_order(table: Table) -> None:
    frame = table(
        "conversions",
        {"conv_id": "o3", "conversion_time": "2024-02-21 23:59:59.999999"},
        {"conv_id": "o1", "conversion_time": "2024-02-20 00:00:00"},
        {"conv_id": "o2", "conversion_time": "2024-02-21 00:00:00"},
    )
    cut = list(by_day(frame, "conversion_time", [february(20), february(21), february(22)]))
    assert [(day, part["conv_id"].tolist(), part.index.tolist()) for day, part in cut] == [
        (february(20), ["o1"], [0]),
        (february(21), ["o3", "o2"], [0, 1]),
        (february(22), [], []),
    ]
    assert all((part.dtypes == frame.dtypes).all() for _, part in cut)


def test_by_day_reads_dates_that_are_text(table: Table) -> None:
    report = table("channel_reporting", {"date": "2024-02-21"})
    cut = [(day, len(part)) for day, part in by_day(report, "date", [february(20), february(21)])]
    assert cut == [(february(20), 0), (february(21), 1)]


@pytest.mark.parametrize(("asset", "column"), [("conversions", "conversion_time"), ("channel_reporting", "date")])
def test_by_day_of_a_table_without_rows_is_empty_days(table: Table, asset: str, column: str) -> None:
    [(day, part)] = by_day(table(asset), column, [february(20)])
    assert day == february(20)
    pd.testing.assert_frame_equal(part, table(asset))


def test_rows_of_other_days_are_refused_before_any_day_is_handed_out(table: Table) -> None:
    frame = table(
        "conversions",
        {"conv_id": "o1", "conversion_time": "2024-02-20 12:00:00"},
        {"conv_id": "o2", "conversion_time": "2024-02-22 00:00:00"},
    )
    with pytest.raises(ValueError, match=r"^rows of 2024-02-22 in a table of 2024-02-20\.\.2024-02-21$"):
        next(by_day(frame, "conversion_time", [february(20), february(21)]))


def test_a_row_without_a_time_is_refused_and_not_dropped(table: Table) -> None:
    frame = table("conversions", {"conv_id": "o1"}, {"conv_id": "o2", "conversion_time": None})
    with pytest.raises(ValueError, match="NaT"):
        next(by_day(frame, "conversion_time", [february(26)]))
