import datetime as dt
import gc
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.database.database import DatabaseError, DatabaseUrlError
from attribution_assets.attribution.source.database import SourceSchemaError, SourceUnreachableError
from attribution_assets_tests.support.databases import PASSWORD, create_source_tables, execute, insert, rows_of
from attribution_assets_tests.support.source_tables import (
    DAYS,
    FIRST,
    in_pandas,
    order,
    read_conversions,
    read_sessions,
    session,
    source,
)

SPAN = (dt.datetime(2024, 2, 27), dt.datetime(2024, 3, 3))  # noqa: DTZ001  all times are UTC without saying so

SESSION_DTYPES = {
    "session_id": "object",
    "user_id": "object",
    "session_time": "datetime64[us]",
    "channel_name": "object",
    "holder_engagement": "int64",
    "closer_engagement": "int64",
    "impression_interaction": "int64",
    "cost": "float64",
}
CONVERSION_DTYPES = {
    "conv_id": "object",
    "user_id": "object",
    "conversion_time": "datetime64[us]",
    "revenue": "float64",
}


class TestFrames:
    def test_every_day_comes_out_in_order_with_its_rows_by_time_then_id(self, source_url: str) -> None:
        create_source_tables(source_url)
        rows = [
            session("b", date="2024-02-29", time="09:00:00"),
            session("a", date="2024-02-29", time="09:00:00"),
            session("z", date="2024-02-29", time="00:00:00", channel="SEA, „Größe“", holder=0, closer=1, impression=1),
            session("late", date="2024-03-01", time="23:59:59.999999"),
            session("before", date="2024-02-27"),
            session("after", date="2024-03-03"),
        ]
        insert(source_url, "session_sources", rows)
        insert(source_url, "session_costs", [("a", 1.25), ("b", None), ("z", 0.0)])
        days = [in_pandas(extracted) for extracted in source(source_url).sessions(DAYS)]
        assert [extracted.day for extracted in days] == DAYS
        assert [len(extracted.frame) for extracted in days] == [0, 3, 1, 0]
        expected = pd.DataFrame(
            {
                "session_id": ["z", "a", "b"],
                "user_id": ["u", "u", "u"],
                "session_time": pd.to_datetime(["2024-02-29 00:00:00", "2024-02-29 09:00:00", "2024-02-29 09:00:00"]),
                "channel_name": ["SEA, „Größe“", "SEO", "SEO"],
                "holder_engagement": [0, 1, 1],
                "closer_engagement": [1, 0, 0],
                "impression_interaction": [1, 0, 0],
                "cost": [0.0, 1.25, np.nan],
            }
        ).astype({"session_time": "datetime64[us]"})
        pd.testing.assert_frame_equal(days[1].frame, expected)
        assert days[2].frame["session_time"].tolist() == [pd.Timestamp("2024-03-01 23:59:59.999999")]
        assert days[2].frame["cost"].isna().all()

    def test_empty_days_have_the_dtypes_of_full_ones(self, source_url: str) -> None:
        create_source_tables(source_url)
        insert(source_url, "session_sources", [session()])
        insert(source_url, "conversions", [order()])
        for frame in read_sessions(source_url).values():
            assert frame.dtypes.astype(str).to_dict() == SESSION_DTYPES
        for frame in read_conversions(source_url).values():
            assert frame.dtypes.astype(str).to_dict() == CONVERSION_DTYPES

    def test_orders_come_by_time_then_id(self, source_url: str) -> None:
        create_source_tables(source_url)
        rows = [order("b"), order("a", revenue=0.0), order("c", time="11:59:59.5", revenue=99.95)]
        insert(source_url, "conversions", rows)
        frame = read_conversions(source_url)[FIRST]
        assert frame["conv_id"].tolist() == ["c", "a", "b"]
        assert frame["revenue"].tolist() == [99.95, 0.0, 10.0]
        assert frame["conversion_time"].iloc[0] == pd.Timestamp("2024-02-28 11:59:59.500000")

    def test_a_fraction_of_a_second_is_kept_to_the_microsecond_and_sorted_by(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        times = {"d": "12:00:00.25", "c": "12:00:00.250", "b": "12:00:00.3", "a": "12:00:00.250001"}
        insert(sqlite_url, "session_sources", [session(name, time=time) for name, time in times.items()])
        frame = read_sessions(sqlite_url)[FIRST]
        assert frame["session_id"].tolist() == ["c", "d", "a", "b"]
        assert frame["session_time"].dt.microsecond.tolist() == [250_000, 250_000, 250_001, 300_000]

    def test_a_day_larger_than_several_fetches_comes_out_whole(self, source_url: str) -> None:
        create_source_tables(source_url)
        rows = [session(f"{number:05}", date=str(DAYS[number % 3])) for number in range(7_000)]
        insert(source_url, "session_sources", rows)
        frames = read_sessions(source_url)
        assert [len(frame) for frame in frames.values()] == [2_334, 2_333, 2_333, 0]
        assert frames[DAYS[1]]["session_id"].tolist() == [f"{number:05}" for number in range(1, 7_000, 3)]

    def test_no_days_are_no_read(self) -> None:
        assert list(source("sqlite:///nowhere.db").sessions([])) == []

    @pytest.mark.parametrize("days", [[DAYS[0], DAYS[2]], [DAYS[1], DAYS[0]], [DAYS[0], DAYS[0]]])
    def test_days_that_are_not_consecutive_are_refused(self, days: list[dt.date]) -> None:
        with pytest.raises(ValueError, match="not consecutive days: 2024-02-2"):
            source("sqlite:///nowhere.db").sessions(days)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        stamps=st.lists(st.datetimes(*SPAN), max_size=30),
        first=st.integers(0, 3),
        length=st.integers(1, 4),
    )
    def test_a_range_read_at_once_is_what_its_days_are_one_by_one(
        self, sqlite_url: str, stamps: list[dt.datetime], first: int, length: int
    ) -> None:
        create_source_tables(sqlite_url)
        execute(sqlite_url, "DELETE FROM session_sources")
        rows = [session(f"s{n}", date=str(at.date()), time=str(at.time())) for n, at in enumerate(stamps)]
        insert(sqlite_url, "session_sources", rows)
        days = DAYS[first : first + length]
        expected = {
            day: [name for at, name in sorted((at, f"s{n}") for n, at in enumerate(stamps)) if at.date() == day]
            for day in days
        }
        assert {day: list(frame["session_id"]) for day, frame in read_sessions(sqlite_url, days).items()} == expected
        assert {day: list(read_sessions(sqlite_url, [day])[day]["session_id"]) for day in days} == expected


class TestPostgresqlTypes:
    def test_columns_of_other_types_give_the_same_frames(self, postgresql_url: str) -> None:
        execute(
            postgresql_url,
            "CREATE TABLE session_sources (session_id uuid PRIMARY KEY, user_id bigint NOT NULL, event_date date,"
            " event_time time, channel_name varchar(20), holder_engagement boolean, closer_engagement smallint,"
            " impression_interaction numeric)",
            "CREATE TABLE session_costs (session_id uuid PRIMARY KEY, cost numeric(12, 4))",
            "CREATE TABLE conversions (conv_id integer UNIQUE, user_id bigint, conv_date timestamp,"
            " conv_time timestamp, revenue real)",
            "INSERT INTO session_sources VALUES ('00000000-0000-0000-0000-00000000000a', 7, '2024-02-29', '08:00:00.5',"
            " 'SEO', true, 0, 1), ('00000000-0000-0000-0000-00000000000b', 7, '2024-02-28', '8:00', 'SEO', false, 1,"
            " 0)",
            "INSERT INTO session_costs VALUES ('00000000-0000-0000-0000-00000000000a', 0.1235)",
            "INSERT INTO conversions VALUES (12, 7, '2024-02-29 23:59:59', '2024-02-29 23:59:59', 0.5),"
            " (13, 7, '2024-03-01', '2024-03-01', 2)",
        )
        frames = read_sessions(postgresql_url)
        frame = frames[DAYS[1]]
        assert frame.dtypes.astype(str).to_dict() == SESSION_DTYPES
        assert frame.to_numpy().tolist() == [
            ["00000000-0000-0000-0000-00000000000a", "7", pd.Timestamp("2024-02-29 08:00:00.5"), "SEO", 1, 0, 1, 0.1235]
        ]
        assert frames[DAYS[0]]["session_time"].tolist() == [pd.Timestamp("2024-02-28 08:00:00")]
        frames = read_conversions(postgresql_url)
        assert [len(frame) for frame in frames.values()] == [0, 1, 1, 0]
        assert frames[DAYS[1]].to_numpy().tolist() == [["12", "7", pd.Timestamp("2024-02-29 23:59:59"), 0.5]]
        database = source(postgresql_url)
        assert database.days_with_data() == (DAYS[0], DAYS[2])
        assert database.holds_data(DAYS[2], DAYS[2])
        assert not database.holds_data(DAYS[3], DAYS[3])

    def test_timestamps_with_a_zone_are_read_in_utc_whatever_the_session_zone(self, postgresql_url: str) -> None:
        create_source_tables(postgresql_url)
        execute(
            postgresql_url,
            "DROP TABLE conversions",
            "CREATE TABLE conversions (conv_id text PRIMARY KEY, user_id text, conv_date timestamptz,"
            " conv_time timestamptz, revenue float)",
            "INSERT INTO conversions VALUES ('a', 'u', '2024-02-29 00:30+02', '2024-02-29 00:30+02', 1)",
        )
        in_zone = f"{postgresql_url}?options=-c%20timezone%3DAsia/Tokyo%20-c%20datestyle%3DSQL,DMY"
        frames = read_conversions(in_zone)
        assert [len(frame) for frame in frames.values()] == [1, 0, 0, 0]
        assert frames[FIRST]["conversion_time"].tolist() == [pd.Timestamp("2024-02-28 22:30:00")]
        assert source(in_zone).days_with_data() == (FIRST, FIRST)

    def test_a_table_in_another_schema_of_the_search_path_is_found(self, postgresql_url: str) -> None:
        execute(postgresql_url, "CREATE SCHEMA shop")
        in_schema = f"{postgresql_url}?options=-csearch_path%3Dshop"
        create_source_tables(in_schema)
        insert(in_schema, "conversions", [order()])
        assert len(read_conversions(in_schema)[FIRST]) == 1
        with pytest.raises(SourceSchemaError, match="the table conversions"):
            source(postgresql_url).check()

    def test_views_can_be_the_source_tables(self, source_url: str) -> None:
        create_source_tables(source_url)
        insert(source_url, "session_sources", [session("a"), session("b")])
        insert(source_url, "session_costs", [("a", 1.5)])
        for table in ("session_sources", "session_costs"):
            execute(source_url, f"ALTER TABLE {table} RENAME TO the_{table}")
            execute(source_url, f"CREATE VIEW {table} AS SELECT * FROM the_{table}")  # noqa: S608  the names above
        frame = read_sessions(source_url)[FIRST]
        assert frame["session_id"].tolist() == ["a", "b"]
        assert frame["cost"].fillna(-1).tolist() == [1.5, -1.0]

    def test_a_date_in_a_language_collation_is_cut_at_the_same_days(self, postgresql_url: str) -> None:
        create_source_tables(postgresql_url)
        execute(
            postgresql_url,
            'ALTER TABLE session_sources ALTER event_date TYPE text COLLATE "en-x-icu",'
            ' ALTER session_id TYPE text COLLATE "en-x-icu"',
        )
        rows = [session(name, date=str(day)) for day in DAYS for name in (f"B{day}", f"a{day}")]
        insert(postgresql_url, "session_sources", rows)
        for day, frame in read_sessions(postgresql_url).items():
            assert frame["session_id"].tolist() == [f"B{day}", f"a{day}"]


class TestDaysWithData:
    def test_the_span_is_over_sessions_and_orders(self, source_url: str) -> None:
        create_source_tables(source_url)
        database = source(source_url)
        assert database.days_with_data() is None
        insert(source_url, "conversions", [order("a", date="2024-03-02")])
        assert database.days_with_data() == (dt.date(2024, 3, 2), dt.date(2024, 3, 2))
        insert(source_url, "session_sources", [session("a", date="2024-03-01"), session("b", date="2024-02-27")])
        assert database.days_with_data() == (dt.date(2024, 2, 27), dt.date(2024, 3, 2))

    def test_a_range_holds_data_if_a_session_or_an_order_is_in_it(self, source_url: str) -> None:
        create_source_tables(source_url)
        database = source(source_url)
        insert(source_url, "conversions", [order(date="2024-03-02")])
        insert(source_url, "session_sources", [session(date="2024-02-28")])
        assert database.holds_data(dt.date(2024, 2, 1), dt.date(2024, 2, 28))
        assert not database.holds_data(dt.date(2024, 2, 29), dt.date(2024, 3, 1))
        assert database.holds_data(dt.date(2024, 3, 2), dt.date(2024, 3, 2))


class TestSchema:
    def test_a_complete_database_passes_the_check(self, source_url: str) -> None:
        create_source_tables(source_url)
        source(source_url).check()

    def test_everything_missing_is_named_at_once(self, source_url: str) -> None:
        create_source_tables(source_url)
        execute(
            source_url,
            "DROP TABLE session_costs",
            "ALTER TABLE session_sources DROP COLUMN channel_name",
            "ALTER TABLE conversions DROP COLUMN revenue",
        )
        words = (
            " lacks the column channel_name of table session_sources, the column revenue of table conversions,"
            " the table session_costs. Add what is missing"
        )
        database = source(source_url)
        for read in (
            database.check,
            database.days_with_data,
            lambda: database.holds_data(FIRST, FIRST),
            lambda: next(database.sessions(DAYS)),
            lambda: next(database.conversions(DAYS)),
        ):
            with pytest.raises(SourceSchemaError) as caught:
                read()
            assert words in str(caught.value)


class TestUnreachable:
    def test_a_missing_sqlite_file_is_an_error_and_stays_missing(self, tmp_path: Path) -> None:
        path = tmp_path / "none.db"
        with pytest.raises(SourceUnreachableError) as caught:
            source(f"sqlite:///{path}").check()
        assert str(caught.value) == (
            f"There is no database at {path}: set ATTRIBUTION_DATABASE_URL to the one that is to be read, or make one"
            " with `attribution-assets demo`."
        )
        assert not path.exists()

    def test_a_file_that_is_no_database_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("not a database, but text\n" * 100)
        with pytest.raises(SourceUnreachableError, match=r"SQLite database .*notes\.txt cannot be used: file is not a"):
            source(f"sqlite:///{path}").check()

    def test_a_path_with_special_characters_is_that_path(self, tmp_path: Path) -> None:
        path = tmp_path / "a b#ü.db"
        path.touch()
        create_source_tables(f"sqlite:///{path}")
        source(f"sqlite:///{path}").check()
        assert [found.name for found in tmp_path.iterdir()] == ["a b#ü.db"]

    @pytest.mark.parametrize("password", ["p@ss/w:rd", "pä€ss", 'it\'s "quoted"\\', "line\nbreak", "100%41", "x=y z"])
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://ann:{}@127.0.0.1:1/shop",
            "postgresql://127.0.0.1:1/shop?user=ann&password={}",
            "postgresql://an/n:{}@127.0.0.1:1/shop",
        ],
    )
    def test_no_password_shows_in_an_error(self, url: str, password: str) -> None:
        for written in (quote(password, safe=""), password):
            with pytest.raises(DatabaseError) as caught:
                source(url.format(written)).check()
            assert not any(part in str(caught.value) for part in (password[:4], written[:4]))

    def test_a_server_that_is_not_there_is_an_error(self) -> None:
        url = f"postgresql://someone:{quote(PASSWORD, safe='')}@127.0.0.1:1/shop"
        with pytest.raises(
            SourceUnreachableError, match=r"^The PostgreSQL database shop at 127\.0\.0\.1:1 cannot be"
        ) as caught:
            source(url).check()
        assert PASSWORD not in str(caught.value)
        assert caught.value.__cause__ is None
        assert "ATTRIBUTION_DATABASE_URL" in str(caught.value)

    def test_a_wrong_password_is_an_error_that_does_not_show_it(self, postgresql_url: str) -> None:
        url = postgresql_url.replace(quote(PASSWORD, safe=""), "s3cret%2Fwrong")
        with pytest.raises(SourceUnreachableError, match="password authentication failed") as caught:
            source(url).check()
        assert "s3cret" not in str(caught.value)

    def test_a_database_that_is_not_there_is_an_error(self, postgresql_url: str) -> None:
        with pytest.raises(SourceUnreachableError, match='database "none_such" does not exist'):
            source(postgresql_url.rpartition("/")[0] + "/none_such").check()

    def test_a_table_that_may_not_be_read_is_an_error(self, postgresql_url: str) -> None:
        create_source_tables(postgresql_url)
        execute(postgresql_url, "CREATE ROLE reader LOGIN PASSWORD 'reader'")
        try:
            url = "postgresql://reader:reader@" + postgresql_url.rpartition("@")[2]
            with pytest.raises(SourceUnreachableError, match="permission denied for table session_sources"):
                next(source(url).sessions(DAYS))
        finally:
            execute(postgresql_url, "DROP ROLE reader")

    @pytest.mark.parametrize("form", ["postgresql://u:{}@host/db", "postgresql+psycopg://u:{}@host:5/db"])
    def test_neither_str_nor_repr_shows_the_password(self, form: str) -> None:
        database = source(form.format("hunter2"))
        for text in (str(database), repr(database), repr(vars(database))):
            assert "hunter2" not in text
            assert "host" in text

    def test_a_password_among_the_options_is_not_shown_either(self) -> None:
        database = source("postgresql://u@host/db?password=hunter2")
        assert "hunter2" not in f"{database!r} {vars(database.place.database)}"

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "hunter2",
            "postgresql://u:hunter2@part@host/db",
            "postgresql://u@host:hunter2/db",
            "mysql://u:hunter2@host/db",
            "postgresql+psycopg2://u:hunter2@host/db",
            "postgres://u:hunter2@host/db",
            "sqlite://",
            "sqlite:///:memory:",
            "sqlite://host/file.db",
            "sqlite:///file.db?mode=rwc",
            "sqlite:///file:some.db",
        ],
    )
    def test_any_other_url_is_refused_without_showing_it(self, url: str) -> None:
        with pytest.raises(DatabaseUrlError) as caught:
            source(url)
        assert "hunter2" not in str(caught.value)
        assert "part@" not in str(caught.value)
        assert caught.value.__context__ is None
        assert "sqlite:///" in str(caught.value)


class TestTheSourceIsNotTouched:
    def test_the_connections_it_reads_through_cannot_write(self, source_url: str) -> None:
        create_source_tables(source_url)
        insert(source_url, "conversions", [order()])
        with (
            pytest.raises(DatabaseError, match=r"readonly|read-only"),
            source(source_url).place.database.reading() as connection,
        ):
            connection.exec_driver_sql("DELETE FROM conversions")
        assert len(rows_of(source_url, "conversions")) == 1

    def test_a_sqlite_file_is_the_same_after_all_reads(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        insert(sqlite_url, "session_sources", [session()])
        path = Path(sqlite_url.removeprefix("sqlite:///"))
        before = path.read_bytes()
        database = source(sqlite_url)
        database.check()
        database.days_with_data()
        read_sessions(sqlite_url)
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    def test_reading_goes_on_while_another_connection_writes_in_wal_mode(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        insert(sqlite_url, "session_sources", [session("a"), session("b", date="2024-02-29")])
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode = wal")
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO session_costs VALUES ('a', 5)")
            days = source(sqlite_url).sessions(DAYS)
            assert in_pandas(next(days)).frame["cost"].isna().all()
            writer.execute("INSERT INTO session_costs VALUES ('b', 5)")
            writer.execute("COMMIT")
            assert in_pandas(next(days)).frame["cost"].isna().all(), "a range is read in one state of the database"
            days.close()  # type: ignore[attr-defined]  # a generator
            assert read_sessions(sqlite_url)[DAYS[1]]["cost"].tolist() == [5.0]

    def test_reading_waits_for_a_short_lock(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        locked = threading.Event()

        def lock() -> None:
            with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
                writer.execute("BEGIN EXCLUSIVE")
                locked.set()
                threading.Event().wait(0.3)
                writer.execute("INSERT INTO session_costs VALUES ('s', 5)")
                writer.execute("COMMIT")

        writing = threading.Thread(target=lock)
        writing.start()
        locked.wait()
        source(sqlite_url).check()
        writing.join()
        assert rows_of(sqlite_url, "session_costs") == [("s", 5.0)]

    def test_an_iterator_that_is_left_early_lets_go_of_the_database(self, source_url: str) -> None:
        create_source_tables(source_url)
        insert(source_url, "session_sources", [session(f"{n}", date=str(DAYS[n % 4])) for n in range(40)])
        for extracted in source(source_url).sessions(DAYS):
            assert len(extracted.frame) == 10
            break
        execute(source_url, "DROP TABLE session_sources")

    def test_an_iterator_that_the_garbage_collector_finds_lets_go_without_an_error(self, source_url: str) -> None:
        create_source_tables(source_url)
        insert(source_url, "session_sources", [session(f"{n}", date=str(DAYS[n % 4])) for n in range(40)])
        days = source(source_url).sessions(DAYS)
        next(days)
        cycle: list[object] = [days]
        cycle.append(cycle)
        del days, cycle
        gc.collect()  # an error there is a warning, and warnings are errors
        execute(source_url, "DROP TABLE session_sources")
