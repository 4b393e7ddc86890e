"""A day's fingerprint changes with what is read of the day, and with nothing else; the marker with every change."""

import datetime as dt
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets_tests.support.databases import create_source_tables, execute, insert
from attribution_assets_tests.support.source_tables import (
    DAYS,
    FIRST,
    create_unkeyed_tables,
    extracted_orders,
    extracted_sessions,
    order,
    session,
    source,
)

STATISTICS_LAG_SECONDS = 15
SESSIONS = [session("a"), session("b"), session("c", date="2024-02-29"), session("d", date="2024-02-30")]


def changed_days(url: str, *statements: str, table: str = "sessions") -> list[int]:
    """The positions in DAYS of the days whose fingerprint the statements change."""
    before = source(url).fingerprints(table, DAYS)
    execute(url, *statements)
    after = source(url).fingerprints(table, DAYS)
    return [number for number, day in enumerate(DAYS) if before[day] != after[day]]


@pytest.fixture
def filled_url(source_url: str) -> str:
    """A database without keys that has sessions on two days, one of them with a cost."""
    create_unkeyed_tables(source_url)
    insert(source_url, "session_sources", SESSIONS)
    insert(source_url, "session_costs", [("a", 1.0), ("b", 1.0), ("b", 2.0), ("elsewhere", 1.0)])
    insert(source_url, "conversions", [order("o"), order("p", date="2024-03-01")])
    return source_url


@pytest.mark.parametrize(
    ("statement", "days"),
    [
        ("UPDATE session_costs SET cost = 1.5 WHERE session_id = 'a'", [0]),
        ("UPDATE session_costs SET cost = NULL WHERE session_id = 'a'", [0]),
        ("UPDATE session_costs SET cost = 0.5 WHERE session_id = 'b' AND cost = 1.0", [0]),
        ("UPDATE session_costs SET cost = 5 WHERE session_id = 'elsewhere'", []),
        ("INSERT INTO session_costs VALUES ('c', 0)", [1]),
        ("DELETE FROM session_costs WHERE session_id = 'a'", [0]),
        ("UPDATE session_sources SET closer_engagement = 1 WHERE session_id = 'c'", [1]),
        ("UPDATE session_sources SET user_id = 'v' WHERE session_id = 'c'", [1]),
        ("UPDATE session_sources SET user_id = NULL WHERE session_id = 'c'", [1]),
        ("UPDATE session_sources SET event_date = '2024-03-02' WHERE session_id = 'c'", [1, 3]),
        ("UPDATE session_sources SET event_date = '2024-02-31' WHERE session_id = 'd'", [1]),
        ("UPDATE session_sources SET event_date = '' WHERE session_id = 'd'", [0, 1]),
        ("INSERT INTO session_sources SELECT * FROM session_sources WHERE session_id = 'c'", [1]),
        (
            "INSERT INTO session_sources SELECT session_id, 'u', '2030-01-01', '1', 'SEO', 1, 1, 1 FROM session_costs",
            [0],
        ),
        ("INSERT INTO session_sources SELECT * FROM session_sources WHERE session_id = 'none'", []),
        ("DELETE FROM session_sources WHERE event_date = '2024-02-29'", [1]),
        ("UPDATE conversions SET revenue = 11 WHERE conv_id = 'o'", []),
    ],
)
def test_exactly_the_days_whose_rows_change_change_their_fingerprint(
    filled_url: str, statement: str, days: list[int]
) -> None:
    assert changed_days(filled_url, statement) == days


def test_orders_have_fingerprints_of_their_own(filled_url: str) -> None:
    moved = "UPDATE conversions SET conv_date = '2024-03-02' WHERE conv_id = 'p'"
    assert changed_days(filled_url, moved, table="conversions") == [2, 3]
    assert changed_days(filled_url, "UPDATE session_costs SET cost = 9", table="conversions") == []


def test_each_extracted_day_carries_its_fingerprint(filled_url: str) -> None:
    days = [DAYS[0], DAYS[1]]
    for table, extracted in (("sessions", extracted_sessions), ("conversions", extracted_orders)):
        expected = source(filled_url).fingerprints(table, DAYS)
        assert {day: each.fingerprint for day, each in extracted(filled_url).items()} == expected
        assert source(filled_url).fingerprints(table, days) == {day: expected[day] for day in days}
    assert expected[DAYS[1]] == expected[DAYS[3]]
    assert source(filled_url).fingerprints("sessions", []) == {}
    scattered = [DAYS[2], DAYS[0]]
    everything = source(filled_url).fingerprints("sessions", DAYS)
    assert source(filled_url).fingerprints("sessions", scattered) == {day: everything[day] for day in scattered}


def test_the_order_of_rows_and_columns_does_not_matter(filled_url: str) -> None:
    reordered = (
        "CREATE TABLE copied AS SELECT channel_name, impression_interaction, event_time, event_date, user_id,"
        " closer_engagement, session_id, holder_engagement FROM session_sources ORDER BY session_id DESC"
    )
    rename = "ALTER TABLE copied RENAME TO session_sources"
    assert changed_days(filled_url, reordered, "DROP TABLE session_sources", rename) == []


def test_null_a_number_and_its_text_are_different_in_sqlite(sqlite_url: str) -> None:
    create_unkeyed_tables(sqlite_url)
    insert(sqlite_url, "session_sources", [session("a", holder=1)])
    for value in ("1.0", "'1'", "NULL", "''", "X'31'", "1"):
        assert changed_days(sqlite_url, f"UPDATE session_sources SET holder_engagement = {value}") == [0]  # noqa: S608


def test_the_settings_of_a_postgresql_connection_do_not_matter(postgresql_url: str) -> None:
    create_source_tables(postgresql_url)
    execute(
        postgresql_url,
        "DROP TABLE conversions",
        "CREATE TABLE conversions (conv_id timestamptz, user_id text, conv_date timestamptz, conv_time timestamptz,"
        " revenue double precision)",
        "INSERT INTO conversions VALUES ('2024-02-29 00:30+02', 'u', '2024-02-29 00:30+02', '2024-02-29 00:30+02',"
        " 0.1::float8 + 0.2::float8)",
    )
    other = (
        "timezone%3DAsia/Tokyo%20-c%20datestyle%3DSQL,DMY%20-c%20extra_float_digits%3D-3%20-c%20bytea_output%3Descape"
    )
    here, there = source(postgresql_url), source(f"{postgresql_url}?options=-c%20{other}")
    assert here.fingerprints("conversions", DAYS) == there.fingerprints("conversions", DAYS)
    assert here.fingerprints("conversions", DAYS)[FIRST].startswith("1 ")


CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("insert"), st.sampled_from(["n1", "n2", "a"]), st.sampled_from([*map(str, DAYS), "", "2024-02-30"])
        ),
        st.tuples(st.just("delete"), st.sampled_from("abcd"), st.just("")),
        st.tuples(st.just("move"), st.sampled_from("abcd"), st.sampled_from([str(day) for day in DAYS])),
        st.tuples(st.just("cost"), st.sampled_from("abcd"), st.sampled_from(["1.0", "2.0", "NULL"])),
        st.tuples(st.just("user"), st.sampled_from("abcd"), st.sampled_from(["'u'", "'v'", "NULL"])),
    ),
    min_size=1,
    max_size=4,
)
STATEMENTS = {
    "insert": "INSERT INTO session_sources VALUES ('{0}', 'u', '{1}', '12:00:00', 'SEO', 1, 0, 0)",
    "delete": "DELETE FROM session_sources WHERE session_id = '{0}'",
    "move": "UPDATE session_sources SET event_date = '{1}' WHERE session_id = '{0}'",
    "cost": "UPDATE session_costs SET cost = {1} WHERE session_id = '{0}'",
    "user": "UPDATE session_sources SET user_id = {1} WHERE session_id = '{0}'",
}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "duckdb"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES)
def test_a_fingerprint_changes_if_and_only_if_what_is_extracted_of_the_day_does(
    request: pytest.FixtureRequest, kind: str, changes: list[tuple[str, str, str]]
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    execute(url, *(f"DROP TABLE IF EXISTS {table}" for table in ("session_sources", "session_costs", "conversions")))
    create_unkeyed_tables(url)
    insert(url, "session_sources", SESSIONS)
    insert(url, "session_costs", [("a", 1.0), ("b", 1.0), ("b", 2.0), ("d", 1.0)])
    before = _contents(url)
    execute(url, *(STATEMENTS[kind].format(key, value) for kind, key, value in changes))
    after = _contents(url)
    for day in DAYS:
        assert (before[day][0] == after[day][0]) == (before[day][1] == after[day][1])


def _contents(url: str) -> dict[dt.date, tuple[Any, str]]:
    """By day: the source's own rows of it with all that belongs to them, and its fingerprint."""
    fingerprints = source(url).fingerprints("sessions", DAYS)
    with closing(_connection(url)) as connection:
        sessions = connection.execute("SELECT * FROM session_sources").fetchall()
        costs = connection.execute("SELECT * FROM session_costs").fetchall()
    day_of = {**{str(day): day for day in DAYS}, "": FIRST, "2024-02-30": DAYS[1]}
    ids = [row[0] for row in sessions]
    by_day: dict[dt.date, list[str]] = {day: [] for day in DAYS}
    for row in sessions:
        paid = sorted(str(cost) for key, cost in costs if key == row[0])
        by_day[day_of[row[2]]].append(repr((tuple(row), ids.count(row[0]), paid)))
    return {day: (sorted(rows), fingerprints[day]) for day, rows in by_day.items()}


def _connection(url: str) -> Any:  # noqa: ANN401  one driver or the other
    import psycopg  # noqa: PLC0415  of one kind of database only

    if url.startswith("duckdb"):
        return duckdb.connect(url.removeprefix("duckdb:///"))
    return psycopg.connect(url) if url.startswith("postgresql") else sqlite3.connect(url.removeprefix("sqlite:///"))


class TestChangeMarker:
    @pytest.mark.parametrize("journal", ["delete", "wal"])
    def test_of_sqlite_it_stays_while_nothing_changes_and_differs_after_each_change(
        self, sqlite_url: str, journal: str
    ) -> None:
        create_source_tables(sqlite_url)
        markers = []
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
            writer.execute(f"PRAGMA journal_mode = {journal}")
            writer.execute("INSERT INTO session_costs VALUES ('s', 0)")
            for cost in range(20):
                writer.execute("UPDATE session_costs SET cost = ?", [cost])
                markers.append(source(sqlite_url).change_marker())
                if cost == 10:
                    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert len(set(markers)) == 20
            time.sleep(1.1)
            settled = source(sqlite_url).change_marker()
            assert source(sqlite_url).change_marker() == settled
            writer.execute("UPDATE session_costs SET cost = 98")
            time.sleep(1.1)
            assert source(sqlite_url).change_marker() not in (settled, *markers)
        time.sleep(1.1)
        closed = source(sqlite_url).change_marker()
        execute(sqlite_url, "UPDATE session_costs SET cost = 99")
        time.sleep(1.1)
        assert source(sqlite_url).change_marker() != closed

    def test_of_sqlite_it_sees_what_is_written_to_the_log_of_a_file_behind_a_link(
        self, sqlite_url: str, tmp_path: Path
    ) -> None:
        create_source_tables(sqlite_url)
        (tmp_path / "elsewhere").mkdir()
        link = tmp_path / "elsewhere/link.db"
        link.symlink_to(sqlite_url.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode = wal")
            writer.execute("INSERT INTO session_costs VALUES ('s', 0)")
            time.sleep(1.1)
            before = source(f"sqlite:///{link}").change_marker()
            writer.execute("UPDATE session_costs SET cost = 1")
            time.sleep(1.1)
            assert source(f"sqlite:///{link}").change_marker() != before

    def test_of_sqlite_taking_it_leaves_this_process_its_locks(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        path = sqlite_url.removeprefix("sqlite:///")
        write = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('DELETE FROM session_costs')"
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            source(sqlite_url).change_marker()
            other = subprocess.run([sys.executable, "-c", write, path], capture_output=True, text=True, check=False)  # noqa: S603  this module's own
        assert "database is locked" in other.stderr

    def test_of_a_missing_sqlite_file_it_is_an_error(self, sqlite_url: str) -> None:
        with pytest.raises(
            Exception, match=r"nothere cannot be read: No such file or directory\. Check ATTRIBUTION_DATA"
        ):
            source(f"{sqlite_url}nothere").change_marker()

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO conversions VALUES ('c', 'u', '2024-02-28', '12:00:00', 1)",
            "UPDATE session_costs SET cost = 2",
            "DELETE FROM session_sources",
            "TRUNCATE session_sources",
        ],
    )
    def test_of_postgresql_it_differs_soon_after_a_change(self, postgresql_url: str, statement: str) -> None:
        create_source_tables(postgresql_url)
        insert(postgresql_url, "session_sources", [session()])
        insert(postgresql_url, "session_costs", [("s", 1.0)])
        before = _settled_marker(postgresql_url)
        execute(postgresql_url, statement)
        assert _differs_soon(postgresql_url, before)

    def test_of_postgresql_it_sees_partitions(self, postgresql_url: str) -> None:
        create_source_tables(postgresql_url)
        execute(
            postgresql_url,
            "DROP TABLE conversions",
            "CREATE TABLE conversions (conv_id text, user_id text, conv_date text, conv_time text, revenue float)"
            " PARTITION BY LIST (conv_date)",
            "CREATE TABLE conversions_rest PARTITION OF conversions DEFAULT",
        )
        before = _settled_marker(postgresql_url)
        insert(postgresql_url, "conversions", [order()])
        assert _differs_soon(postgresql_url, before)

    def test_without_statistics_it_differs_every_time(self, postgresql_url: str) -> None:
        create_source_tables(postgresql_url)
        untracked = source(f"{postgresql_url}?options=-c%20track_counts%3Doff")
        assert untracked.change_marker() != untracked.change_marker()
        execute(
            postgresql_url,
            "ALTER TABLE conversions RENAME TO the_conversions",
            "CREATE VIEW conversions AS SELECT * FROM the_conversions",
        )
        assert source(postgresql_url).change_marker() != source(postgresql_url).change_marker()


def _settled_marker(url: str) -> str:
    """The marker once it has been the same for longer than the server takes to count."""
    marker, since = source(url).change_marker(), time.monotonic()
    while time.monotonic() - since < 1.5:
        time.sleep(0.1)
        if (now := source(url).change_marker()) != marker:
            marker, since = now, time.monotonic()
    return marker


def _differs_soon(url: str, before: str) -> bool:
    deadline = time.monotonic() + STATISTICS_LAG_SECONDS
    while time.monotonic() < deadline:
        if source(url).change_marker() != before:
            return True
        time.sleep(0.1)
    return False
