"""One value in many forms: ids of several types, numbers, flags and times in text, names, tables and rows twice."""

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.source.database import SourceSchemaError
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

SQLITE_PAIRS = [
    ("integer", "real"), ("real", "text"), ("text", "integer"), ("text", "text"), ("numeric", "text"), ("", "text"),
    ("real", ""), ("", ""),
]  # fmt: skip
POSTGRESQL_PAIRS = [
    ("bigint", "numeric(12, 2)"), ("numeric(12, 2)", "bigint"), ("double precision", "integer"), ("text", "bigint"),
    ("numeric(9, 1)", "text"), ("real", "varchar(20)"), ("char(9)", "text"), ("numeric", "double precision"),
]  # fmt: skip


def visitors(url: str) -> tuple[list[Any], list[Any]]:
    """The visitors of the first day's sessions and of its orders."""
    return (
        extracted_sessions(url)[FIRST].frame["user_id"].tolist(),
        extracted_orders(url)[FIRST].frame["user_id"].tolist(),
    )


def set_type(url: str, table: str, column: str, type_: str) -> None:
    """Have a column of a PostgreSQL table be of another type."""
    execute(url, f"ALTER TABLE {table} ALTER {column} TYPE {type_} USING {column}::{type_}")


class TestIds:
    @pytest.mark.parametrize(("one", "other"), SQLITE_PAIRS)
    @pytest.mark.parametrize("value", [101, 101.0, "'101'", "'101.0'"])
    def test_a_visitor_is_the_same_in_columns_of_any_two_types_of_sqlite(
        self, sqlite_url: str, one: str, other: str, value: object
    ) -> None:
        create_unkeyed_tables(sqlite_url)
        execute(
            sqlite_url,
            "DROP TABLE conversions",
            f"CREATE TABLE conversions (conv_id text, user_id {one}, conv_date text, conv_time text, revenue)",
            "DROP TABLE session_sources",
            f"CREATE TABLE session_sources (session_id text, user_id {other}, event_date text, event_time text,"
            " channel_name text, holder_engagement, closer_engagement, impression_interaction)",
            f"INSERT INTO session_sources VALUES ('s', {value}, '2024-02-28', '12:00:00', 'SEO', 1, 0, 0)",  # noqa: S608
            "INSERT INTO conversions VALUES ('c', 101, '2024-02-28', '12:00:00', 1)",
        )
        session_user, order_user = visitors(sqlite_url)
        with_point = (one, other) == ("text", "text") and "." in str(value)
        assert session_user == (["101.0"] if with_point else ["101"])
        assert order_user == ["101"]

    @pytest.mark.parametrize(("one", "other"), POSTGRESQL_PAIRS)
    def test_a_visitor_and_a_cost_are_found_in_columns_of_any_two_types_of_postgresql(
        self, postgresql_url: str, one: str, other: str
    ) -> None:
        create_unkeyed_tables(postgresql_url)
        insert(postgresql_url, "session_sources", [session("7", user="101"), session("8", user="102")])
        insert(postgresql_url, "session_costs", [("7", 1.5)])
        insert(postgresql_url, "conversions", [order(user="101")])
        set_type(postgresql_url, "session_sources", "session_id", one)
        set_type(postgresql_url, "session_costs", "session_id", other)
        set_type(postgresql_url, "session_sources", "user_id", one)
        set_type(postgresql_url, "conversions", "user_id", other)
        assert visitors(postgresql_url) == (["101", "102"], ["101"])
        frame = extracted_sessions(postgresql_url)[FIRST].frame
        assert frame["session_id"].tolist() == ["7", "8"]
        assert frame["cost"].fillna(-1).tolist() == [1.5, -1]
        before = source(postgresql_url).fingerprints("sessions", [FIRST])
        execute(postgresql_url, "UPDATE session_costs SET cost = 2")
        assert source(postgresql_url).fingerprints("sessions", [FIRST]) != before
        execute(postgresql_url, "INSERT INTO session_costs SELECT * FROM session_costs WHERE cost = 2")
        assert extracted_sessions(postgresql_url)[FIRST].repeated == 1

    @pytest.mark.parametrize(
        ("type_", "value", "text"),
        [
            ("text", "007", "007"),
            ("text", "101.0", "101.0"),
            ("text", "1e3", "1e3"),
            ("numeric", "9007199254740993.00", "9007199254740993"),
            ("numeric", "100", "100"),
            ("numeric", "1.50", "1.5"),
            ("numeric", "-0.0", "0"),
            ("numeric", "NaN", "NaN"),
            ("numeric", "Infinity", "Infinity"),
            ("double precision", "1e15", "1000000000000000"),
            ("double precision", "9007199254740992", "9007199254740992"),
            ("double precision", "1e300", "1e+300"),
            ("double precision", "-0", "0"),
            ("double precision", "1.5", "1.5"),
            ("double precision", "NaN", "NaN"),
            ("double precision", "Infinity", "Infinity"),
        ],
    )
    def test_a_whole_number_is_the_id_of_its_digits_in_postgresql(
        self, postgresql_url: str, type_: str, value: str, text: str
    ) -> None:
        create_unkeyed_tables(postgresql_url)
        insert(postgresql_url, "conversions", [order(user=value)])
        set_type(postgresql_url, "conversions", "user_id", type_)
        assert visitors(postgresql_url)[1] == [text]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("'007'", "007"),
            ("'1e3'", "1e3"),
            ("1e15", "1000000000000000"),
            ("9007199254740993", "9007199254740993"),
            ("9007199254740993.0", "9007199254740992"),
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9.22337203685478e+18"),
            ("-0.0", "0"),
            ("1.5", "1.5"),
            ("9e999", "Inf"),
            ("'100.0'", "100"),
            ("'101.50'", "101.50"),
            ("'007.0'", "007.0"),
        ],
    )
    def test_a_whole_number_is_the_id_of_its_digits_in_sqlite(self, sqlite_url: str, value: str, text: str) -> None:
        create_unkeyed_tables(sqlite_url)
        execute(
            sqlite_url,
            "DROP TABLE conversions",
            "CREATE TABLE conversions (conv_id text, user_id, conv_date text, conv_time text, revenue)",
            f"INSERT INTO conversions VALUES ('c', {value}, '2024-02-28', '12:00:00', 1)",  # noqa: S608
        )
        assert visitors(sqlite_url)[1] == [text]

    @pytest.mark.parametrize(("sessions", "costs"), [("text", "integer"), ("real", "text"), ("", "text"), ("real", "")])
    def test_a_cost_is_found_by_a_session_id_of_another_type_in_sqlite(
        self, sqlite_url: str, sessions: str, costs: str
    ) -> None:
        create_source_tables(sqlite_url)
        execute(
            sqlite_url,
            "DROP TABLE session_sources",
            f"CREATE TABLE session_sources (session_id {sessions} PRIMARY KEY, user_id text, event_date text,"
            " event_time text, channel_name text, holder_engagement, closer_engagement, impression_interaction)",
            "DROP TABLE session_costs",
            f"CREATE TABLE session_costs (session_id {costs} PRIMARY KEY, cost)",
            "INSERT INTO session_sources VALUES (7, 'u', '2024-02-28', '12:00:00', 'SEO', 1, 0, 0)",
            "INSERT INTO session_costs VALUES (7, 1.5)",
        )
        frame = extracted_sessions(sqlite_url)[FIRST].frame
        assert (frame["session_id"].tolist(), frame["cost"].tolist()) == (["7"], [1.5])

    def test_a_visitor_who_is_not_known_is_none_and_no_reason_to_set_a_row_aside(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        users = ["u", None, "", "  ", "\t\u3000"]
        insert(source_url, "session_sources", [session(str(number), user=user) for number, user in enumerate(users)])
        insert(source_url, "conversions", [order(str(number), user=user) for number, user in enumerate(users)])
        assert visitors(source_url) == (["u", None, None, None, None], ["u", None, None, None, None])
        assert extracted_sessions(source_url)[FIRST].rejected.empty

    @pytest.mark.parametrize("type_", ["", "blob"])
    def test_bytes_in_sqlite_set_their_row_aside_wherever_they_are(self, sqlite_url: str, type_: str) -> None:
        create_unkeyed_tables(sqlite_url)
        columns = [
            f"{name} {type_}"
            for name in (
                "session_id", "user_id", "event_date", "event_time", "channel_name",
                "holder_engagement", "closer_engagement", "impression_interaction",
            )
        ]  # fmt: skip
        execute(
            sqlite_url,
            *(f"DROP TABLE {table}" for table in ("session_sources", "session_costs", "conversions")),
            f"CREATE TABLE session_sources ({', '.join(columns)})",
            f"CREATE TABLE session_costs (session_id {type_}, cost {type_})",
            f"CREATE TABLE conversions (conv_id {type_}, user_id, conv_date, conv_time, revenue {type_})",
        )
        good = session("good")
        rows = [(*good[:place], b"\xff\x00", *good[place + 1 :]) for place in range(1, len(good))]
        rows = [(f"s{number}", *row[1:]) for number, row in enumerate(rows)]
        insert(sqlite_url, "session_sources", [good, (b"\xff\x00", *good[1:]), *rows])
        insert(sqlite_url, "session_costs", [("good", 1.5), (b"\xff\x00", 2.0), ("s0", b"\xff")])
        insert(sqlite_url, "conversions", [order("c"), order(b"\xff"), order("d", revenue=b"\xff")])
        day = extracted_sessions(sqlite_url)[FIRST]
        assert (day.frame["session_id"].tolist(), day.frame["cost"].tolist()) == (["good"], [1.5])
        assert len(day.rejected) == 8
        assert day.rejected["amount"].sum() == 2.0
        assert extracted_orders(sqlite_url)[FIRST].frame["conv_id"].tolist() == ["c"]

    def test_bytes_in_postgresql_set_their_row_aside_wherever_they_are(self, postgresql_url: str) -> None:
        for table, column in (
            ("session_sources", "session_id"), ("session_sources", "user_id"), ("session_sources", "event_date"),
            ("session_sources", "event_time"), ("session_sources", "channel_name"),
            ("session_sources", "holder_engagement"), ("session_costs", "session_id"), ("session_costs", "cost"),
        ):  # fmt: skip
            execute(
                postgresql_url,
                "DROP TABLE IF EXISTS session_sources",
                "DROP TABLE IF EXISTS session_costs",
                "DROP TABLE IF EXISTS conversions",
            )
            create_unkeyed_tables(postgresql_url)
            execute(
                postgresql_url,
                f"ALTER TABLE {table} ALTER {column} TYPE bytea USING '\\xff00'::bytea",
            )
            insert(
                postgresql_url,
                "session_sources",
                [
                    tuple(
                        b"\xff" if (table, column) == ("session_sources", name) else value
                        for name, value in zip(SESSION_COLUMNS, session("s"), strict=True)
                    )
                ],
            )
            insert(
                postgresql_url,
                "session_costs",
                [
                    (
                        b"\xff" if column == "session_id" and table == "session_costs" else "s",
                        b"\xff" if column == "cost" else 1.5,
                    )
                ],
            )
            day = extracted_sessions(postgresql_url)[FIRST]
            kept = table == "session_costs"
            assert len(day.frame) == kept, column
            assert len(day.rejected) == (column != "session_id" or not kept), column


SESSION_COLUMNS = (
    "session_id", "user_id", "event_date", "event_time", "channel_name",
    "holder_engagement", "closer_engagement", "impression_interaction",
)  # fmt: skip


class TestText:
    def test_text_columns_hold_the_numbers_that_they_say(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        flags = ("holder_engagement", "closer_engagement", "impression_interaction")
        if not source_url.startswith("sqlite"):
            for table, column in (("conversions", "revenue"), ("session_costs", "cost")):
                set_type(source_url, table, column, "text")
            for flag in flags:
                set_type(source_url, "session_sources", flag, "text")
        rows = [("0", "1", "1.0"), ("true", "FALSE", "t"), ("yes", "", "2")]
        insert(
            source_url,
            "session_sources",
            [
                session(f"s{number}", holder=holder, closer=closer, impression=impression)
                for number, (holder, closer, impression) in enumerate(rows)
            ],
        )
        insert(source_url, "session_costs", [("s0", "1.50"), ("s1", ""), ("s2", "3")])
        revenues = ["50", "1e2", "1,50", " 5", "", "-1", "nan", "1_0"]
        insert(source_url, "conversions", [order(f"c{number}", revenue=each) for number, each in enumerate(revenues)])
        day = extracted_sessions(source_url)[FIRST]
        assert day.frame[list(flags)].to_numpy().tolist() == [[0, 1, 1], [1, 0, 1]]
        assert day.frame["cost"].fillna(-1).tolist() == [1.5, -1]
        assert day.rejected["reason"].tolist() == [
            "; ".join(
                f"{flag} {value!r} is neither 0 nor 1 (the column holds text)"
                for flag, value in zip(flags, rows[2], strict=True)
            )
        ]
        assert day.rejected["amount"].tolist() == [3.0]
        orders = extracted_orders(source_url)[FIRST]
        assert orders.frame["revenue"].tolist() == [50.0, 100.0]
        assert orders.rejected["reason"].tolist() == [
            "revenue '1,50' is not a number (the column holds text)",
            "revenue ' 5' is not a number (the column holds text)",
            "revenue '' is missing",
            "revenue '-1' is negative: refunds are not attributed",
            "revenue 'nan' is not a number (the column holds text)",
            "revenue '1_0' is not a number (the column holds text)",
        ]

    @pytest.mark.parametrize(
        ("time", "in_utc"),
        [
            ("9:30:00", "09:30:00"),
            ("09:30:00Z", "09:30:00"),
            ("9:30:00.25z", "09:30:00.25"),
            ("09:30:00 UTC", "09:30:00"),
            ("09:30:00+00:00", "09:30:00"),
            ("09:30:00-0000", "09:30:00"),
            ("09:30:00+02", "07:30:00"),
            ("09:30:00.5 -05:30", "15:00:00.5"),
        ],
    )
    def test_a_time_is_read_in_utc_whatever_its_form(self, source_url: str, time: str, in_utc: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "conversions", [order("a", time=time), order("b", time="12:00:00")])
        frame = extracted_orders(source_url)[FIRST].frame.set_index("conv_id")
        assert frame["conversion_time"]["a"] == pd.Timestamp(f"{FIRST} {in_utc}")

    def test_a_time_with_its_zone_in_postgresql_is_read_in_utc(self, postgresql_url: str) -> None:
        create_unkeyed_tables(postgresql_url)
        set_type(postgresql_url, "conversions", "conv_time", "timetz")
        insert(postgresql_url, "conversions", [order("a", time="09:30:00+02")])
        frame = extracted_orders(postgresql_url)[FIRST].frame
        assert frame["conversion_time"].tolist() == [pd.Timestamp(f"{FIRST} 07:30:00")]

    def test_channel_names_are_trimmed(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        names = ["LinkedIn", " LinkedIn\u00a0", "\ufeffLinkedIn\t\u3000", "Linked In"]
        insert(source_url, "session_sources", [session(str(n), channel=name) for n, name in enumerate(names)])
        frame = extracted_sessions(source_url)[FIRST].frame
        assert frame["channel_name"].tolist() == ["LinkedIn"] * 3 + ["Linked In"]


class TestNames:
    def test_capital_letters_in_the_names_of_tables_and_columns_make_no_difference(self, source_url: str) -> None:
        create_source_tables(source_url)
        insert(source_url, "session_sources", [session("a")])
        insert(source_url, "session_costs", [("a", 1.5)])
        insert(source_url, "conversions", [order("c")])
        before = {table: source(source_url).fingerprints(table, DAYS) for table in ("sessions", "conversions")}
        renamed = {
            "session_sources": ("session_id", "user_id", "event_date", "holder_engagement", "channel_name"),
            "session_costs": ("session_id", "cost"),
            "conversions": ("conv_id", "user_id", "conv_time", "revenue"),
        }
        for table, columns in renamed.items():
            execute(source_url, *(f'ALTER TABLE {table} RENAME {name} TO "{name.upper()}"' for name in columns))
            execute(
                source_url,
                f"ALTER TABLE {table} RENAME TO renamed",
                f'ALTER TABLE renamed RENAME TO "{table.title()}"',
            )
        database = source(source_url)
        database.check()
        assert extracted_sessions(source_url)[FIRST].frame["cost"].tolist() == [1.5]
        assert extracted_orders(source_url)[FIRST].frame["conv_id"].tolist() == ["c"]
        assert {table: database.fingerprints(table, DAYS) for table in before} == before
        assert database.days_with_data() == (FIRST, FIRST)
        assert database.change_marker()

    def test_a_name_in_lower_case_goes_before_others_and_of_several_others_none_is_taken(
        self, postgresql_url: str
    ) -> None:
        create_source_tables(postgresql_url)
        execute(
            postgresql_url, 'ALTER TABLE conversions ADD "Revenue" text', 'ALTER TABLE conversions ADD "REVENUE" text'
        )
        execute(postgresql_url, "INSERT INTO conversions VALUES ('c', 'u', '2024-02-28', '12:00:00', 2, 'x', 'y')")
        assert extracted_orders(postgresql_url)[FIRST].frame["revenue"].tolist() == [2.0]
        execute(postgresql_url, "ALTER TABLE conversions DROP revenue")
        with pytest.raises(SourceSchemaError, match="lacks the column revenue of table conversions"):
            source(postgresql_url).check()


class TestRowsTwice:
    def test_of_equal_rows_one_counts(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        sessions = [session("a"), session("b", time="13:00:00"), session("c", time="noon")]
        insert(source_url, "session_sources", [*sessions, *sessions, sessions[0]])
        insert(source_url, "session_costs", [("a", 1.5), ("a", 1.5), ("b", 1.0), ("b", 2.0), ("b", 2.0), ("c", 4.0)])
        insert(source_url, "conversions", [order("o"), order("o"), order("p"), order("p", user="v")])
        day, orders = extracted_sessions(source_url)[FIRST], extracted_orders(source_url)[FIRST]
        assert day.frame["session_id"].tolist() == ["a", "b"]
        assert day.frame["cost"].fillna(-1).tolist() == [1.5, -1]
        assert day.repeated == 4 + 2
        assert day.rejected["row_key"].tolist() == ["b", "b", "c"]
        assert day.rejected["amount"].tolist() == [1.0, 2.0, 4.0]
        assert (orders.frame["conv_id"].tolist(), orders.repeated) == (["o"], 1)
        assert orders.rejected["reason"].tolist() == ["conv_id 'p' has several rows in conversions"] * 2
        assert orders.rejected["amount"].tolist() == [10.0, 10.0]

    def test_equal_rows_beside_another_one_of_their_id_on_another_day_are_set_aside(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "conversions", [order("o"), order("o"), order("o", date="2024-02-29")])
        days = extracted_orders(source_url)
        assert [len(day.frame) for day in days.values()] == [0] * 4
        assert [len(day.rejected) for day in days.values()] == [1, 1, 0, 0]

    def test_a_row_that_comes_twice_or_goes_again_changes_the_fingerprint(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session("a")])
        insert(source_url, "session_costs", [("a", 1.5)])
        found = [source(source_url).fingerprints("sessions", [FIRST])]
        for table, row in (("session_sources", session("a")), ("session_costs", ("a", 1.5))):
            insert(source_url, table, [row])
            found.append(source(source_url).fingerprints("sessions", [FIRST]))
        assert len({fingerprint[FIRST] for fingerprint in found}) == 3


def test_what_is_set_aside_carries_its_money_once(source_url: str) -> None:
    create_unkeyed_tables(source_url)
    rows = [session("a", time="noon"), session("b"), session("b", user="v"), session("c", channel=" ")]
    insert(source_url, "session_sources", rows)
    insert(source_url, "session_costs", [("a", 90.0), ("b", 5.0), ("c", 1.0), ("c", 2.0)])
    insert(source_url, "conversions", [order("o", time="x", revenue=70.0), order("p", revenue=None)])
    rejected = extracted_sessions(source_url)[FIRST].rejected
    assert rejected["amount"].fillna(0).tolist() == [90.0, 5.0, 0.0, 3.0]
    assert extracted_orders(source_url)[FIRST].rejected["amount"].fillna(0).tolist() == [70.0, 0.0]


@pytest.mark.parametrize("change", ["user_id = '101.0'", "event_time = '12:00:00Z'", "channel_name = ' SEO'"])
def test_another_form_of_a_value_is_a_change_that_is_seen(source_url: str, change: str) -> None:
    create_unkeyed_tables(source_url)
    insert(source_url, "session_sources", [session("a", user="101")])
    before: dict[dt.date, str] = source(source_url).fingerprints("sessions", [FIRST])
    execute(source_url, f"UPDATE session_sources SET {change}")  # noqa: S608  the changes above
    assert source(source_url).fingerprints("sessions", [FIRST]) != before
