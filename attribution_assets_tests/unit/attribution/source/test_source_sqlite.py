"""SQLite columns hold values of any type: what is extracted of them, and what a day's fingerprint tells apart."""

import datetime as dt
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.source.database import SourceUnreachableError
from attribution_assets_tests.support.databases import create_source_tables, execute
from attribution_assets_tests.support.source_tables import (
    DAYS,
    FIRST,
    create_unkeyed_tables,
    extracted_orders,
    extracted_sessions,
    source,
)

Row = tuple[Any, ...]

DATES = st.sampled_from([str(day) for day in DAYS[:2]])
TIMES = st.one_of(st.times().map(str), st.sampled_from(["09:00:00", "09:00:00.5", "09:00:00.50", "23:59:59"]))
IDS = st.one_of(st.integers(0, 999).map("{:03}".format), st.sampled_from(["é", "\U0001f6d2", "a b", "x" * 256]))
AMOUNTS = st.one_of(st.floats(0, 1e14), st.sampled_from([0.0, 0.1 + 0.2, 5e-324, 999999999999999.9]))
ODD = st.sampled_from([None, "", "1", "a\nb", "\x85", "x" * 257, b"", b"1", b"\xff", 0, 1, 2, -1, 1.0, 0.5, 1e15, -0.5])
ODD_DATES = st.sampled_from([None, "", "2024-02-28x", "2024-02-30", "2024-02-29 09:00:00", b"2024-02-28"])


FLAG = st.integers(0, 1)
CHANNELS = st.sampled_from(["SEO", "SEA, „Größe“"])
SESSION = (IDS, IDS, DATES, TIMES, CHANNELS, FLAG, FLAG, FLAG)
GOOD_SESSIONS = st.lists(st.tuples(*SESSION), max_size=12, unique_by=lambda row: row[0])
GOOD_ORDERS = st.lists(st.tuples(IDS, IDS, DATES, TIMES, AMOUNTS), max_size=12, unique_by=lambda row: row[0])
ODD_SESSIONS = st.lists(
    st.tuples(*(strategy | (ODD_DATES if strategy is DATES else ODD) for strategy in SESSION)), max_size=4
)
ODD_ORDERS = st.lists(st.tuples(IDS | ODD, IDS | ODD, DATES | ODD_DATES, TIMES | ODD, AMOUNTS | ODD), max_size=4)
COSTS = st.lists(st.tuples(IDS | ODD, AMOUNTS | ODD), max_size=6)
SAME_DATABASE = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def fill(url: str, sessions: Sequence[Row] = (), costs: Sequence[Row] = (), orders: Sequence[Row] = ()) -> None:
    """Have the database hold these rows, and no others, as SQLite stores them."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        for table, rows in (("session_sources", sessions), ("session_costs", costs), ("conversions", orders)):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  the tests' own names
            for row in rows:
                values = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({values})", row)  # noqa: S608  the same


def assert_extracted_days_carry_their_fingerprints(url: str) -> None:
    """The fingerprint of each extracted day is the one that is made without extracting, of many days or of one."""
    for table, days in (("sessions", extracted_sessions(url)), ("conversions", extracted_orders(url))):
        assert {day.day: day.fingerprint for day in days.values()} == source(url).fingerprints(table, DAYS)
        assert source(url).fingerprints(table, DAYS[1:2]) == {DAYS[1]: days[DAYS[1]].fingerprint}


@pytest.fixture
def unkeyed_url(sqlite_url: str) -> str:
    """A SQLite database without keys, whose numbers are of any type."""
    create_unkeyed_tables(sqlite_url)
    return sqlite_url


@SAME_DATABASE
@given(sessions=GOOD_SESSIONS, costs=st.lists(AMOUNTS | st.none(), max_size=12), orders=GOOD_ORDERS)
def test_good_rows_come_out_as_they_were_put_in(
    unkeyed_url: str, sessions: list[Row], costs: list[float | None], orders: list[Row]
) -> None:
    cost_of = dict(zip((row[0] for row in sessions), costs, strict=False))
    fill(unkeyed_url, sessions, list(cost_of.items()), orders)
    for day, extracted in extracted_sessions(unkeyed_url).items():
        of_day = sorted((row for row in sessions if row[2] == str(day)), key=by_time_and_id)
        frame = extracted.frame
        assert frame["session_id"].tolist() == [row[0] for row in of_day]
        assert frame["cost"].astype(object).where(frame["cost"].notna(), None).tolist() == [
            cost_of.get(row[0]) for row in of_day
        ]
        flags = ["holder_engagement", "closer_engagement", "impression_interaction"]
        assert frame[flags].to_numpy().tolist() == [list(row[5:]) for row in of_day]
    for day, extracted in extracted_orders(unkeyed_url).items():
        of_day = sorted((row for row in orders if row[2] == str(day)), key=by_time_and_id)
        assert extracted.frame[["conv_id", "user_id", "revenue"]].to_numpy().tolist() == [
            [row[0], row[1], row[4]] for row in of_day
        ]
    assert_extracted_days_carry_their_fingerprints(unkeyed_url)


def by_time_and_id(row: Row) -> tuple[dt.time, str]:
    """How the rows of a day are sorted."""
    return dt.time.fromisoformat(row[3]), row[0]


@SAME_DATABASE
@given(sessions=st.tuples(GOOD_SESSIONS, ODD_SESSIONS), costs=COSTS, orders=st.tuples(GOOD_ORDERS, ODD_ORDERS))
def test_values_of_any_type_have_the_fingerprint_that_they_are_extracted_with(
    unkeyed_url: str, sessions: tuple[list[Row], ...], costs: list[Row], orders: tuple[list[Row], ...]
) -> None:
    fill(unkeyed_url, [*chain(*sessions)], costs, [*chain(*orders)])
    assert_extracted_days_carry_their_fingerprints(unkeyed_url)


@SAME_DATABASE
@given(
    sessions=st.tuples(GOOD_SESSIONS, ODD_SESSIONS),
    costs=COSTS,
    change=st.tuples(st.integers(0, 7), ODD | IDS),
    random=st.randoms(),
)
def test_a_fingerprint_changes_with_a_value_and_not_with_the_order_of_rows(
    unkeyed_url: str, sessions: tuple[list[Row], ...], costs: list[Row], change: tuple[int, Any], random: Random
) -> None:
    row = ("changed", "u", str(FIRST), "09:00:00", "SEO", 1, 0, 0)
    rows = [row, *chain(*sessions)]
    fill(unkeyed_url, rows, costs)
    stored, before = stored_rows(unkeyed_url), source(unkeyed_url).fingerprints("sessions", DAYS)
    random.shuffle(rows)
    fill(unkeyed_url, rows, random.sample(costs, len(costs)))
    assert source(unkeyed_url).fingerprints("sessions", DAYS) == before
    position, value = change
    rows[rows.index(row)] = (*row[:position], value, *row[position + 1 :])
    fill(unkeyed_url, rows, costs)
    same = stored_rows(unkeyed_url) == stored
    assert (source(unkeyed_url).fingerprints("sessions", DAYS)[FIRST] == before[FIRST]) == same


def stored_rows(url: str) -> list[str]:
    """The sessions as SQLite stores them, whatever their order."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return sorted(map(repr, connection.execute("SELECT * FROM session_sources")))


GOOD: dict[str, Any] = {
    "session_id": "", "user_id": "u", "event_date": str(FIRST), "event_time": "09:00:00", "channel_name": "SEO",
    "holder_engagement": 1, "closer_engagement": 0, "impression_interaction": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("channel_name", ["a", "b\nc"], ["a\nb", "c"]),
        ("channel_name", ["a\nb", None], ["a", "b"]),
        ("user_id", ["ab", "c"], ["a", "bc"]),
        ("user_id", ["1", "2"], ["1", b"2"]),
        ("event_time", ["12:00:0", "012:00:00"], ["12:00:00", "12:00:00"]),
        ("event_time", ["09:00:00.5", "09:00:00.50"], ["09:00:00.50", "09:00:00.5"]),
        ("cost", [None, 1.0], [1.0, None]),
        ("cost", [1.0, 2.0], [1, 2]),
        ("cost", [0.1 + 0.2, 1.0], [0.3, 1.0]),
        ("cost", [None, None], [0.0, 0.0]),
        ("holder_engagement", [0, 1], ["0", "1"]),
        ("holder_engagement", [0, 1], [0.0, 1.0]),
        ("holder_engagement", [0, 1], [0, None]),
        ("holder_engagement", [0, 1], [0, b"1"]),
    ],
)
def test_columns_that_look_alike_have_different_fingerprints(
    unkeyed_url: str, column: str, one: list[Any], other: list[Any]
) -> None:
    found = []
    for values in (one, other):
        rows = [GOOD | {"session_id": f"s{number}", column: value} for number, value in enumerate(values)]
        costs = [(row["session_id"], row.pop("cost")) for row in rows if column == "cost"]
        fill(unkeyed_url, [tuple(row.values()) for row in rows], costs)
        assert_extracted_days_carry_their_fingerprints(unkeyed_url)
        found.append(source(unkeyed_url).fingerprints("sessions", [FIRST])[FIRST])
    assert found[0] != found[1]


STORED_FINGERPRINTS: dict[str, tuple[list[dict[str, Any]], list[Row], str]] = {
    "no row": ([], [], "0 4f53cda18c2baa0c0354bb5f9a3ecbe5"),
    "plain rows": (
        [{}, {"event_time": "08:00:00", "channel_name": "é"}],
        [("s0", 0.5), ("s1", None)],
        "2 a87da57f3a64f623e4b24806c1bc5c1e",
    ),
    "plain rows beside others": (
        [{}, {"user_id": None}, {"event_date": "2024-02-28x"}],
        [("s0", 0.5)],
        "3 6e81c51e8541589ad488afd66d10c1cc",
    ),
    "rows without an order": (
        [{"session_id": "s"}, {"session_id": "s", "user_id": "v"}],
        [("s", 0.5)],
        "2 e94f5860a577609f1bf62910c28fdbd7",
    ),
    "a newline": ([{}, {"channel_name": "a\nb"}], [("s0", 0.5)], "2 fcf42efc3a6a1956e2c5710325761690"),
    "a flag of another type": ([{}, {"closer_engagement": 1.0}], [("s0", 0.5)], "2 433893e80662e5b5a39f1fafc970289d"),
    "costs of other types": ([{}, {}, {}], [("s0", 1), ("s1", "1"), ("s2", 0.5)], "3 a31f346c3d4b56e92b7c5369a373afa7"),
    "several costs": ([{}, {}], [("s0", 0.5), ("s0", 1.5), ("s1", 1.0)], "2 1caec63e46f7312e14417950587561d3"),
}


@pytest.mark.parametrize(("changed", "costs", "fingerprint"), STORED_FINGERPRINTS.values(), ids=STORED_FINGERPRINTS)
def test_a_day_has_the_fingerprint_that_stamps_of_earlier_versions_hold(
    unkeyed_url: str, changed: list[dict[str, Any]], costs: list[Row], fingerprint: str
) -> None:
    rows = [GOOD | {"session_id": f"s{number}"} | values for number, values in enumerate(changed)]
    fill(unkeyed_url, [tuple(row.values()) for row in rows], costs)
    assert source(unkeyed_url).fingerprints("sessions", [FIRST]) == {FIRST: fingerprint}


def test_ids_that_are_the_same_text_are_several_rows_of_it_although_a_key_keeps_them_apart(sqlite_url: str) -> None:
    create_source_tables(sqlite_url)
    execute(
        sqlite_url,
        "DROP TABLE conversions",
        "CREATE TABLE conversions (conv_id PRIMARY KEY, user_id text, conv_date text, conv_time text, revenue real)",
        *(
            f"INSERT INTO conversions VALUES ({key}, 'u', '2024-02-28', '12:00:00', {revenue})"  # noqa: S608  the same
            for revenue, key in enumerate(("1", "'1'", "2"))
        ),
    )
    day = extracted_orders(sqlite_url)[FIRST]
    assert day.frame["conv_id"].tolist() == ["2"]
    assert day.rejected["row_key"].tolist() == ["1", "1"]


def test_text_that_is_not_utf_8_is_an_error(sqlite_url: str) -> None:
    create_source_tables(sqlite_url)
    execute(sqlite_url, "INSERT INTO conversions VALUES ('a', CAST(X'ff' AS TEXT), '2024-02-28', '12:00:00', 1)")
    with pytest.raises(SourceUnreachableError, match="Could not decode to UTF-8"):
        extracted_orders(sqlite_url)


def test_an_index_on_the_date_changes_nothing(unkeyed_url: str) -> None:
    rows = [
        (f"{number:03}", "u", str(DAYS[number % 3]), f"12:00:{59 - number % 60:02}", "SEO", 1, 0, 1)
        for number in range(400)
    ]
    fill(unkeyed_url, rows, [("001", 0.5), ("002", 0.25)])
    before = extracted_sessions(unkeyed_url)
    execute(unkeyed_url, "CREATE INDEX by_date ON session_sources (event_date)")
    for day, extracted in extracted_sessions(unkeyed_url).items():
        pd.testing.assert_frame_equal(extracted.frame, before[day].frame)
        assert extracted.fingerprint == before[day].fingerprint
    assert_extracted_days_carry_their_fingerprints(unkeyed_url)


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_database_in_utf_16_is_read_like_any_other(sqlite_url: str, encoding: str) -> None:
    execute(sqlite_url, f"PRAGMA encoding = '{encoding}'")
    create_unkeyed_tables(sqlite_url)
    fill(sqlite_url, [("é", "u", "2024-02-28", "09:00:00", "SEO", 1, 0, 1)], [("é", 0.5)])
    execute(sqlite_url, "INSERT INTO conversions VALUES ('c1', 'u', '2024-02-28', '12:00:00', 1.5)")
    assert extracted_orders(sqlite_url)[FIRST].frame["conv_id"].tolist() == ["c1"]
    assert extracted_sessions(sqlite_url)[FIRST].frame["session_id"].tolist() == ["é"]
    assert_extracted_days_carry_their_fingerprints(sqlite_url)


def test_a_date_that_its_column_takes_for_another_is_set_aside_and_hides_no_later_day(sqlite_url: str) -> None:
    create_source_tables(sqlite_url)
    execute(
        sqlite_url,
        "DROP TABLE conversions",
        "CREATE TABLE conversions (conv_id text, user_id text, conv_date text COLLATE RTRIM, conv_time text, revenue)",
        *(
            f"INSERT INTO conversions VALUES ('{date}', 'u', '{date}', '12:00:00', 1.5)"  # noqa: S608  the tests' own
            for date in ("2024-02-28", "2024-02-28 ", "2024-02-29", "2024-03-01")
        ),
    )
    days = extracted_orders(sqlite_url)
    assert [day.frame["conv_id"].tolist() for day in days.values()][:3] == [
        ["2024-02-28"],
        ["2024-02-29"],
        ["2024-03-01"],
    ]
    assert [day.rejected["row_key"].tolist() for day in days.values()][:3] == [["2024-02-28 "], [], []]
