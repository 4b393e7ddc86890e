"""Customer journeys: exactly which sessions lead to which order, and in which order they stand."""

import datetime as dt
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import JourneyEnd, Windows
from attribution_assets.attribution.invariants.attribution import schema_problems
from attribution_assets.attribution.reporting.journeys import (
    JourneysOfDay,
    customer_journeys,
    orders_without_their_journey,
)
from attribution_assets.attribution.storage import stored_days
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]
Build = Callable[..., pd.DataFrame]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 3))
LOOKBACK = 4
WINDOWS = Windows(DAYS[0], LOOKBACK)
AT = replace(WINDOWS, journey_end=JourneyEnd.AT)
ORDER = {"conv_id": "o1", "user_id": "u1", "conversion_time": "2024-03-01 12:00:00"}


@pytest.fixture
def build(storage: AssetStorage, table: Table, keep: Keep) -> Build:
    """The journeys of orders over sessions, with a lookback window of four days."""

    def journeys(orders: Sequence[Row], sessions: Sequence[Row], windows: Windows = WINDOWS) -> pd.DataFrame:
        return all_of_them(
            customer_journeys(
                keep(storage, "conversions", table("conversions", *orders), DAYS),
                keep(storage, "sessions", table("sessions", *sessions), DAYS),
                windows,
            )
        )

    return journeys


def all_of_them(journeys: Iterable[JourneysOfDay]) -> pd.DataFrame:
    """The journeys of all days in one table."""
    return pa.concat_tables([of_day.table for of_day in journeys]).to_pandas()


def touchpoints(journeys: pd.DataFrame) -> list[tuple[Any, ...]]:
    """(order, session, conversion flag) of each row, as they stand."""
    return list(journeys[["conv_id", "session_id", "conversion"]].itertuples(index=False, name=None))


# The window


@pytest.mark.parametrize(
    ("session_time", "is_in"),
    [
        ("2024-03-01 12:00:00.000001", False),
        ("2024-03-01 12:00:00", False),
        ("2024-03-01 11:59:59.999999", True),
        ("2024-03-01 11:59:59", True),
        ("2024-02-26 12:00:01", True),
        ("2024-02-26 12:00:00.000001", True),
        ("2024-02-26 12:00:00", True),
        ("2024-02-26 11:59:59.999999", False),
        ("2024-02-26 11:59:59", False),
        ("2024-02-26 00:00:00", False),
        ("2024-03-02 00:00:00", False),
    ],
)
def test_the_window_holds_the_time_four_days_before_and_ends_before_the_order(
    build: Build,
    session_time: str,
    is_in: bool,  # noqa: FBT001 - a parameter of the cases above
) -> None:
    journeys = build([ORDER], [{"session_id": "s1", "session_time": session_time}])
    assert touchpoints(journeys) == ([("o1", "s1", 1)] if is_in else [])


@pytest.mark.parametrize(
    ("session_time", "is_in"),
    [
        ("2024-03-01 12:00:00", True),
        ("2024-03-01 12:00:00.25", True),
        ("2024-03-01 12:00:00.999999", True),
        ("2024-03-01 11:59:59.999999", True),
        ("2024-03-01 12:00:01", False),
        ("2024-02-26 12:00:00.5", True),
        ("2024-02-26 12:00:00.499999", False),
    ],
)
def test_a_journey_that_ends_at_the_order_holds_the_sessions_of_its_whole_second(
    build: Build,
    session_time: str,
    is_in: bool,  # noqa: FBT001 - a parameter of the cases above
) -> None:
    order = ORDER | {"conversion_time": "2024-03-01 12:00:00.5"}
    journeys = build([order], [{"session_id": "s1", "session_time": session_time}], AT)
    assert touchpoints(journeys) == ([("o1", "s1", 1)] if is_in else [])


def test_the_last_session_of_the_orders_own_second_carries_the_conversion(build: Build) -> None:
    times = {"s1": "11:00:00", "s2": "12:00:00.75", "s3": "12:00:00"}
    sessions = [{"session_id": name, "session_time": f"2024-03-01 {time}"} for name, time in times.items()]
    assert touchpoints(build([ORDER], sessions, AT)) == [("o1", "s1", 0), ("o1", "s3", 0), ("o1", "s2", 1)]


def test_a_session_in_the_orders_own_second_is_not_in_its_journey_but_one_a_second_earlier_is(build: Build) -> None:
    sessions = [
        {"session_id": "same", "session_time": "2024-03-01 12:00:00"},
        {"session_id": "before", "session_time": "2024-03-01 11:59:59"},
    ]
    assert touchpoints(build([ORDER], sessions)) == [("o1", "before", 1)]


def test_the_window_counts_from_the_second_of_the_order_across_midnight_and_the_leap_day(build: Build) -> None:
    order = ORDER | {"conversion_time": "2024-03-02 00:00:01"}
    sessions = [
        {"session_id": "too early", "session_time": "2024-02-27 00:00:00"},
        {"session_id": "first", "session_time": "2024-02-27 00:00:01"},
        {"session_id": "leap day", "session_time": "2024-02-29 23:59:59"},
        {"session_id": "midnight", "session_time": "2024-03-02 00:00:00"},
    ]
    assert touchpoints(build([order], sessions)) == [("o1", "first", 0), ("o1", "leap day", 0), ("o1", "midnight", 1)]


# Order and flag


def test_touchpoints_stand_in_time_order_and_the_last_one_carries_the_conversion(build: Build) -> None:
    sessions = [
        {"session_id": "s1", "session_time": "2024-03-01 11:00:00"},
        {"session_id": "s2", "session_time": "2024-02-28 11:00:00"},
        {"session_id": "s3", "session_time": "2024-02-29 11:00:00"},
    ]
    assert touchpoints(build([ORDER], sessions)) == [("o1", "s2", 0), ("o1", "s3", 0), ("o1", "s1", 1)]


def test_sessions_of_the_same_second_stand_in_the_order_of_their_ids_code_points(build: Build) -> None:
    ids = ["s9", "s10", "é", "S", "z", "\U0001f600", "\uffee", "s"]
    sessions = [{"session_id": name, "session_time": "2024-03-01 11:00:00"} for name in ids]
    expected = ["S", "s", "s10", "s9", "z", "é", "\uffee", "\U0001f600"]
    assert expected == sorted(ids)
    assert touchpoints(build([ORDER], sessions)) == [("o1", name, int(name == "\U0001f600")) for name in expected]


def test_journeys_stand_in_the_order_of_their_orders_times_then_ids_each_in_one_piece(build: Build) -> None:
    orders = [
        ORDER | {"conv_id": "b", "conversion_time": "2024-03-01 12:00:00"},
        ORDER | {"conv_id": "c", "conversion_time": "2024-03-01 11:30:00"},
        ORDER | {"conv_id": "a", "conversion_time": "2024-03-01 12:00:00", "user_id": "u2"},
    ]
    sessions = [
        {"session_id": "s1", "session_time": "2024-03-01 10:00:00"},
        {"session_id": "s2", "session_time": "2024-03-01 11:00:00"},
        {"session_id": "s3", "session_time": "2024-03-01 10:30:00", "user_id": "u2"},
    ]
    assert touchpoints(build(orders, sessions)) == [
        ("c", "s1", 0), ("c", "s2", 1), ("a", "s3", 1), ("b", "s1", 0), ("b", "s2", 1),
    ]  # fmt: skip


# Users


def test_journeys_of_one_user_share_sessions(build: Build) -> None:
    orders = [ORDER, ORDER | {"conv_id": "o2", "conversion_time": "2024-03-03 12:00:00"}]
    sessions = [
        {"session_id": "s1", "session_time": "2024-02-27 12:00:00"},
        {"session_id": "s2", "session_time": "2024-02-28 12:00:00"},
        {"session_id": "s3", "session_time": "2024-03-02 12:00:00"},
    ]
    assert touchpoints(build(orders, sessions)) == [("o1", "s1", 0), ("o1", "s2", 1), ("o2", "s2", 0), ("o2", "s3", 1)]


def test_sessions_of_other_users_are_in_no_journey_of_the_order(build: Build) -> None:
    users = ["u2", "U1", "u1 ", "u", "u11", "u1"]
    sessions = [{"session_id": f"of {u}", "user_id": u, "session_time": "2024-03-01 11:00:00"} for u in users]
    assert touchpoints(build([ORDER], sessions)) == [("o1", "of u1", 1)]


def test_an_order_without_sessions_has_no_row_beside_one_that_has(build: Build) -> None:
    orders = [ORDER, ORDER | {"conv_id": "o2", "user_id": "nobody"}]
    sessions = [{"session_id": "s1", "session_time": "2024-03-01 11:00:00"}]
    assert touchpoints(build(orders, sessions)) == [("o1", "s1", 1)]


# Too many sessions


def test_an_order_with_more_sessions_than_a_journey_may_have_is_counted_and_has_no_row(
    storage: AssetStorage, table: Table, keep: Keep
) -> None:
    orders = [
        ORDER | {"conv_id": "two", "conversion_time": "2024-03-01 10:00:02"},
        ORDER | {"conv_id": "three", "conversion_time": "2024-03-01 10:00:03"},
        ORDER | {"conv_id": "four", "conversion_time": "2024-03-02 10:00:00"},
        ORDER | {"conv_id": "three again", "conversion_time": "2024-03-01 10:00:03"},
        ORDER | {"conv_id": "of another", "user_id": "u2", "conversion_time": "2024-03-01 10:00:03"},
    ]
    sessions = [{"session_id": f"s{second}", "session_time": f"2024-03-01 10:00:0{second}"} for second in range(4)]
    sessions += [{"session_id": "other", "user_id": "u2", "session_time": "2024-03-01 10:00:00"}]
    conversions = keep(storage, "conversions", table("conversions", *orders), DAYS)
    made = list(
        customer_journeys(
            conversions,
            keep(storage, "sessions", table("sessions", *sessions), DAYS),
            replace(WINDOWS, most_sessions=2),
        )
    )
    assert touchpoints(all_of_them(made)) == [("two", "s0", 0), ("two", "s1", 1), ("of another", "other", 1)]
    columns = ["conv_id", "user_id", "sessions", "most_sessions"]
    counted = {day.day: day_of.too_long[columns].to_numpy().tolist() for day_of in made for day in [day_of.day]}
    assert {day: rows for day, rows in counted.items() if rows} == {
        1: [["three", "u1", 3, 2], ["three again", "u1", 3, 2]],
        2: [["four", "u1", 4, 2]],
    }


def test_an_order_that_is_too_long_or_has_a_journey_is_not_missed_and_one_that_lost_it_is(
    storage: AssetStorage, table: Table, keep: Keep
) -> None:
    placed = [ORDER | {"conv_id": name} for name in ("kept", "counted", "lost")]
    conversions = keep(storage, "conversions", table("conversions", *placed), DAYS)
    sessions = keep(storage, "sessions", table("sessions", {"session_time": "2024-03-01 11:00:00"}), DAYS)
    journeys = keep(storage, "journeys", table("journeys", ORDER | {"conv_id": "kept"}), DAYS)
    too_long = keep(storage, "too_long_orders", table("too_long_orders", ORDER | {"conv_id": "counted"}), DAYS)
    missed = orders_without_their_journey(conversions, sessions, journeys, too_long, WINDOWS)
    assert missed["conv_id"].tolist() == ["lost"]


# The table


def test_a_journey_carries_what_the_session_says(build: Build, table: Table) -> None:
    session = {
        "session_id": "s7",
        "session_time": "2024-02-29 10:11:12",
        "channel_name": 'Größe, "A"',
        "holder_engagement": 0,
        "closer_engagement": 1,
        "impression_interaction": 1,
        "cost": None,
    }
    wanted = table("journeys", {name: value for name, value in session.items() if name != "cost"} | ORDER)
    pd.testing.assert_frame_equal(build([ORDER], [session]), wanted)


def test_journeys_of_no_orders_are_an_empty_table_with_its_types(build: Build, table: Table) -> None:
    pd.testing.assert_frame_equal(build([], [{}]), table("journeys"))


def test_each_day_with_orders_stored_has_its_journeys_whether_or_not_there_are_any(
    storage: AssetStorage, table: Table, keep: Keep
) -> None:
    orders = table("conversions", ORDER, {**ORDER, "conv_id": "o2", "conversion_time": "2024-03-01 13:00:00"})
    sessions = table("sessions", {"user_id": "u1", "session_time": "2024-02-28 10:00:00"})
    conversions = keep(storage, "conversions", orders, DAYS[1:5])
    journeys = customer_journeys(conversions, keep(storage, "sessions", sessions, DAYS), WINDOWS)
    assert [(made.day, len(made.table)) for made in journeys] == [(day, 2 * (day.day == 1)) for day in DAYS[1:5]]


def test_no_days_of_orders_have_no_journeys(storage: AssetStorage) -> None:
    conversions, sessions = storage.days("conversions", DAYS), storage.days("sessions", DAYS)
    assert list(customer_journeys(conversions, sessions, WINDOWS)) == []


def test_days_that_several_queries_serve_have_the_journeys_of_one_query(
    storage: AssetStorage, table: Table, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = [{"session_id": f"s{day.day}", "session_time": f"{day} 10:00:00"} for day in DAYS]
    placed = [{"conv_id": f"o{day.day}", "conversion_time": f"{day} 11:00:00"} for day in DAYS]
    conversions = keep(storage, "conversions", table("conversions", *placed), DAYS)
    sessions = keep(storage, "sessions", table("sessions", *visits), DAYS)
    at_once = [(made.day, made.table) for made in customer_journeys(conversions, sessions, WINDOWS)]
    monkeypatch.setattr(stored_days, "ORDERS_PER_QUERY", 2)
    assert [(made.day, made.table) for made in customer_journeys(conversions, sessions, WINDOWS)] == at_once
    assert [len(of_day) for _, of_day in at_once] == [1, 2, 3, 4, 4, 4, 4]


# Any data

SECONDS = st.sampled_from([0, 1, 43_200, 86_399])
MICROSECONDS = st.sampled_from([0, 0, 0, 1, 999_999])
TIMES = st.builds(
    lambda day, second, micro: dt.datetime(2024, 2, 27) + dt.timedelta(day, second, micro),  # noqa: DTZ001 - UTC, naive
    st.integers(0, 4),
    SECONDS,
    MICROSECONDS,
)
USERS = st.sampled_from(["u1", "u2", "u3"])
FLAGS = st.integers(0, 1)
SESSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "session_id": st.text("aB1é", min_size=1, max_size=3),
            "user_id": USERS,
            "session_time": TIMES,
            "channel_name": st.sampled_from(["Search", "Direct"]),
            "holder_engagement": FLAGS,
            "closer_engagement": FLAGS,
            "impression_interaction": FLAGS,
        }
    ),
    max_size=15,
    unique_by=lambda session: session["session_id"],
)
ORDERS = st.lists(
    st.fixed_dictionaries({"conv_id": st.text("ab", min_size=1), "user_id": USERS, "conversion_time": TIMES}),
    max_size=6,
    unique_by=lambda order: order["conv_id"],
)


def journeys_the_slow_way(
    orders: Sequence[Row], sessions: Sequence[Row], windows: Windows
) -> tuple[list[Row], list[Row]]:
    """All sessions looked through for each order: the rows of the journeys, and the orders that are too long."""
    rows, too_long = [], []
    for order in sorted(orders, key=lambda order: (order["conversion_time"], order["conv_id"])):
        ordered, journey = order["conversion_time"], []
        for session in sessions:
            visited = session["session_time"]
            same_second = visited.replace(microsecond=0) == ordered.replace(microsecond=0)
            in_time = visited < ordered or (same_second and windows.journey_end is JourneyEnd.AT)
            reached = ordered - visited <= dt.timedelta(windows.lookback_days)
            if session["user_id"] == order["user_id"] and in_time and reached:
                journey.append(session)
        journey.sort(key=lambda session: (session["session_time"], session["session_id"]))
        if len(journey) > windows.most_sessions:
            too_long.append(order | {"sessions": len(journey), "most_sessions": windows.most_sessions})
        else:
            rows += [order | session | {"conversion": int(session is journey[-1])} for session in journey]
    return rows, too_long


@settings(max_examples=25)
@given(
    orders=ORDERS,
    sessions=SESSIONS,
    lookback_days=st.integers(1, 4),
    most_sessions=st.sampled_from([1, 2, 3, 200]),
    end=st.sampled_from(JourneyEnd),
)
def test_journeys_are_those_that_looking_through_all_sessions_finds(  # noqa: PLR0913 - what is drawn
    table: Table,
    keep: Keep,
    *,
    orders: Sequence[Row],
    sessions: Sequence[Row],
    lookback_days: int,
    most_sessions: int,
    end: JourneyEnd,
) -> None:
    days = days_between(dt.date(2024, 2, 27), dt.date(2024, 3, 2))
    windows = Windows(days[0], lookback_days, most_sessions=most_sessions, journey_end=end)
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        stored_orders = keep(storage, "conversions", table("conversions", *orders), days)
        stored_sessions = keep(storage, "sessions", table("sessions", *sessions), days)
        made = list(customer_journeys(stored_orders, stored_sessions, windows))
    rows, too_long = journeys_the_slow_way(orders, sessions, windows)
    journeys = all_of_them(made)
    pd.testing.assert_frame_equal(journeys, table("journeys", *rows))
    counted = pd.concat([of_day.too_long for of_day in made], ignore_index=True)
    pd.testing.assert_frame_equal(counted, table("too_long_orders", *too_long))
    assert schema_problems("journeys", journeys) == []
