"""What a SQLite database lets readers and writers do at once."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from attribution_assets.attribution.database.database import Database, DatabaseError
from attribution_assets_tests.support.databases import execute, rows_of

ROWS_IN_ANOTHER_PROCESS = """
import sys
from attribution_assets.attribution.database.database import Database
with Database(sys.argv[1]).reading() as connection:
    print(connection.exec_driver_sql("SELECT count(*) FROM t").scalar())
"""


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def mode(url: str) -> str:
    with closing(sqlite3.connect(path_of(url))) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_the_first_writer_switches_the_file_to_wal(sqlite_url: str) -> None:
    with closing(sqlite3.connect(path_of(sqlite_url))) as connection:
        connection.execute("CREATE TABLE t (a int)")
    assert mode(sqlite_url) == "delete"
    assert rows_of(sqlite_url, "t") == []
    assert mode(sqlite_url) == "delete"
    execute(sqlite_url, "INSERT INTO t VALUES (1)")
    assert mode(sqlite_url) == "wal"


def test_a_writer_does_not_wait_for_a_reader_which_sees_what_was_there_at_its_start(sqlite_url: str) -> None:
    execute(sqlite_url, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    with Database(sqlite_url).reading() as connection:
        assert connection.exec_driver_sql("SELECT a FROM t").scalars().all() == [1]
        execute(sqlite_url, "INSERT INTO t VALUES (2)")
        assert connection.exec_driver_sql("SELECT a FROM t").scalars().all() == [1]
    assert rows_of(sqlite_url, "t") == [(1,), (2,)]


def test_a_file_that_is_being_read_in_its_old_mode_is_written_in_it_later(sqlite_url: str) -> None:
    with closing(sqlite3.connect(path_of(sqlite_url), isolation_level=None)) as old:
        old.execute("CREATE TABLE t (a int)")
        old.execute("BEGIN")
        old.execute("SELECT * FROM t").fetchall()
        with Database(sqlite_url).writing() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            old.execute("COMMIT")
    assert rows_of(sqlite_url, "t") == [(1,)]


def test_reading_leaves_no_file_behind_and_works_from_another_process(sqlite_url: str) -> None:
    execute(sqlite_url, "CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    before = path_of(sqlite_url).read_bytes()
    arguments = [sys.executable, "-c", ROWS_IN_ANOTHER_PROCESS, sqlite_url]
    assert subprocess.run(arguments, capture_output=True, text=True, check=True).stdout == "1\n"  # noqa: S603  this module's own
    assert rows_of(sqlite_url, "t") == [(1,)]
    assert [file.name for file in path_of(sqlite_url).parent.iterdir()] == ["source.db"]
    assert path_of(sqlite_url).read_bytes() == before


def test_a_reader_cannot_write(database_url: str) -> None:
    execute(database_url, "CREATE TABLE t (a int)")
    with (
        pytest.raises(DatabaseError, match=r"read-?only"),
        Database(database_url).reading() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    assert rows_of(database_url, "t") == []
