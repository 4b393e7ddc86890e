"""Which days of the source are looked at when, and what is read again of those that have changed."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.freshness.late_data import Watch, extraction_stages
from attribution_assets_tests.support.made_shop import SOURCES, day, days, stage

STORED = days_between(day(1), day(10))


def test_without_a_cursor_the_watch_begins_at_the_beginning() -> None:
    assert Watch.from_cursor(None) == Watch.from_cursor("") == Watch(marker="", look_on_from=None)


@pytest.mark.parametrize("watch", [Watch(), Watch("17/ä", None), Watch("", "2024-02-20"), Watch("m", "2024-02-20")])
def test_a_watch_is_what_its_cursor_says(watch: Watch) -> None:
    assert Watch.from_cursor(watch.cursor()) == watch


def test_the_recent_days_are_looked_at_each_time_and_the_others_in_turn_the_latest_first() -> None:
    watch, looks = Watch("m"), []
    for _ in range(4):
        looked_at = watch.next_days(STORED, 2, 3)
        watch = watch.after(looked_at, STORED, changes=False)
        looks.append(([each.day for each in looked_at], watch.look_on_from))
    assert looks == [
        ([6, 7, 8, 9, 10], "2024-02-05"),
        ([3, 4, 5, 9, 10], "2024-02-02"),
        ([1, 2, 9, 10], None),
        ([6, 7, 8, 9, 10], "2024-02-05"),
    ]
    assert watch.marker == "m"


def test_few_days_are_all_looked_at_at_once() -> None:
    assert Watch("m").next_days(STORED, 30, 60) == STORED
    assert Watch("m").after(STORED, STORED, changes=False) == Watch("m", None)
    assert Watch("m").next_days([], 30, 60) == []
    assert Watch("m").after([], [], changes=False) == Watch("m", None)


def test_a_pass_that_has_found_changes_goes_on_and_is_followed_by_another_whatever_the_marker_says() -> None:
    watch = Watch("m")
    looked_at = watch.next_days(STORED, 2, 3)
    watch = watch.after(looked_at, STORED, changes=True)
    assert watch == Watch("", "2024-02-05")
    for left in ("2024-02-02", None):
        watch = watch.after(watch.next_days(STORED, 2, 3), STORED, changes=False)
        assert watch == Watch("", left)


@given(
    stored=st.sets(st.dates(dt.date(2024, 1, 1), dt.date(2024, 12, 31)), max_size=80).map(sorted),
    recent=st.integers(1, 10),
    others=st.integers(1, 10),
    cursor=st.one_of(st.none(), st.dates(dt.date(2024, 1, 1), dt.date(2024, 12, 31)).map(str)),
)
def test_every_stored_day_is_looked_at_within_a_bounded_number_of_turns(
    stored: list[dt.date], recent: int, others: int, cursor: str | None
) -> None:
    watch, turns, of_this_pass = Watch("m", cursor), 0, set()
    while turns == 0 or watch.look_on_from is not None:
        looked_at = watch.next_days(stored, recent, others)
        assert looked_at == sorted(set(looked_at))
        assert looked_at[len(looked_at) - min(recent, len(stored)) :] == stored[-recent:]
        assert len(looked_at) <= recent + others
        of_this_pass |= set(looked_at)
        watch = watch.after(looked_at, stored, changes=False)
        turns += 1
        assert turns <= 2 + len(stored) / others  # one more where the storage has lost the day to go on from
    assert of_this_pass >= {each for each in stored if cursor is None or str(each) <= cursor}


@given(
    stored=st.sets(st.dates(dt.date(2024, 1, 1), dt.date(2024, 3, 31)), min_size=1, max_size=40).map(sorted),
    added=st.lists(st.dates(dt.date(2024, 1, 1), dt.date(2024, 3, 31)), max_size=10),
    others=st.integers(1, 5),
)
def test_days_that_are_stored_during_a_pass_neither_stop_it_nor_hide_a_day_that_was_due(
    stored: list[dt.date], added: list[dt.date], others: int
) -> None:
    watch, due, seen, new = Watch("m"), set(stored), set(), iter(added)
    for _ in range(len(stored) + len(added) + 1):
        looked_at = watch.next_days(stored, 3, others)
        seen |= set(looked_at)
        watch = watch.after(looked_at, stored, changes=False)
        if watch.look_on_from is None:
            break
        stored = sorted({*stored, *([later] if (later := next(new, None)) else [])})
    assert watch == Watch("m", None)
    assert due <= seen


def test_both_tables_are_read_together_where_both_have_changed_and_alone_elsewhere() -> None:
    assert extraction_stages({"sessions": days(20, 21, 22, 25), "conversions": days(22, 23, 25, 26)}) == [
        stage(SOURCES, 22),
        stage(SOURCES, 25),
        stage(("sessions",), 20, 21),
        stage(("conversions",), 23),
        stage(("conversions",), 26),
    ]
    assert extraction_stages({"sessions": set(), "conversions": set()}) == []


def test_no_changed_day_is_read_twice() -> None:
    stages = extraction_stages({"sessions": days(20, 21, 23), "conversions": days(21, 22)})
    read = [(asset, one) for each in stages for asset in each.assets for one in days_between(each.first, each.last)]
    assert len(read) == len(set(read)) == 5
