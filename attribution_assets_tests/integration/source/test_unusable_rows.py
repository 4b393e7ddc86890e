"""Source rows that cannot be used are set aside with their reason, each on one day, and hold up nothing else."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.source.database import ExtractedDay, SourceDatabase
from attribution_assets_tests.support.databases import create_source_tables, execute, insert
from attribution_assets_tests.support.source_tables import (
    DAYS,
    FIRST,
    create_unkeyed_tables,
    extracted_orders,
    extracted_sessions,
    in_pandas,
    order,
    session,
    source,
)

LEAP_DAY = DAYS[1]
Rejected = list[tuple[str | None, str]]


def rejected(extracted: ExtractedDay) -> Rejected:
    """Key and reason of each row that was set aside."""
    return list(zip(extracted.rejected["row_key"], extracted.rejected["reason"], strict=True))


def rejected_of(days: dict[dt.date, ExtractedDay]) -> dict[dt.date, Rejected]:
    """The same by day, of the days that have any."""
    return {day: rows for day, extracted in days.items() if (rows := rejected(extracted))}


def rejected_sessions(url: str, rows: Sequence[tuple[Any, ...]]) -> dict[dt.date, Rejected]:
    create_unkeyed_tables(url)
    insert(url, "session_sources", rows)
    return rejected_of(extracted_sessions(url))


class TestValues:
    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"time": "25:00:00"}, "event_time '25:00:00' is not a time HH:MM:SS"),
            ({"time": "12:00"}, "event_time '12:00' is not a time HH:MM:SS"),
            ({"time": "12:00:00.1234567"}, "event_time '12:00:00.1234567' is not a time HH:MM:SS"),
            ({"time": "1\uff12:00:00"}, "event_time '1\uff12:00:00' is not a time HH:MM:SS"),
            ({"time": "12:00:00\n12:00:00"}, r"event_time '12:00:00\n12:00:00' is not a time HH:MM:SS"),
            ({"time": None}, "event_time None is not a time HH:MM:SS"),
            ({"time": "9:00"}, "event_time '9:00' is not a time HH:MM:SS"),
            (
                {"time": "00:30:00+01:00"},
                "event_time '00:30:00+01:00' is on another day in UTC: write date and time in UTC",
            ),
            (
                {"time": "23:30:00 -0030"},
                "event_time '23:30:00 -0030' is on another day in UTC: write date and time in UTC",
            ),
            ({"session_id": None}, "session_id None is missing"),
            ({"session_id": ""}, "session_id '' is empty"),
            ({"session_id": "a\nb"}, r"session_id 'a\nb' holds a control character"),
            ({"session_id": "a\x85b"}, r"session_id 'a\x85b' holds a control character"),
            ({"session_id": "x" * 257}, f"session_id '{'x' * 56}... is longer than 256 characters"),
            ({"user": "x" * 257}, f"user_id '{'x' * 56}... is longer than 256 characters"),
            ({"user": "\x7f"}, r"user_id '\x7f' holds a control character"),
            ({"channel": ""}, "channel_name '' is empty"),
            ({"channel": "\u3000 \u200b"}, r"channel_name '\u3000 \u200b' is empty"),
            ({"channel": None}, "channel_name None is missing"),
            ({"holder": 2}, "holder_engagement 2 is neither 0 nor 1"),
            ({"closer": None}, "closer_engagement None is neither 0 nor 1"),
            ({"impression": -1}, "impression_interaction -1 is neither 0 nor 1"),
        ],
    )
    def test_a_session_is_set_aside_with_column_value_and_reason_and_the_others_stay(
        self, source_url: str, changed: dict[str, object], reason: str
    ) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session("fine"), session(**({"session_id": "bad"} | changed))])
        days = extracted_sessions(source_url)
        assert rejected_of(days) == {FIRST: [(changed.get("session_id", "bad"), reason)]}
        assert days[FIRST].frame["session_id"].tolist() == ["fine"]

    def test_all_that_is_wrong_with_a_row_is_one_reason_and_its_values_are_shown(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        bad = session("bad", user="\x7f", time="noon " * 20, channel="", holder=7)
        insert(source_url, "session_sources", [bad, session()])
        [(_, key, reason, row, amount)] = extracted_sessions(source_url)[FIRST].rejected.itertuples()
        assert key == "bad"
        assert reason.split("; ") == [
            r"user_id '\x7f' holds a control character",
            f"event_time '{('noon ' * 20)[:56]}... is not a time HH:MM:SS",
            "channel_name '' is empty",
            "holder_engagement 7 is neither 0 nor 1",
        ]
        assert json.loads(row) == {
            "session_id": "bad",
            "user_id": "\x7f",
            "event_date": "2024-02-28",
            "event_time": f"{('noon ' * 20)[:57]}...",
            "channel_name": "",
            "holder_engagement": 7,
            "closer_engagement": 0,
            "impression_interaction": 0,
        }
        assert pd.isna(amount)

    def test_rows_set_aside_come_by_key_then_row_those_without_key_first(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        rows = [order("b", user="\x7f"), order("a", time="x"), order(None, user="v"), order(None, user="u")]
        insert(source_url, "conversions", rows)
        table = extracted_orders(source_url)[FIRST].rejected
        assert list(table.columns) == ["row_key", "reason", "row", "amount"]
        assert table["row_key"].tolist() == [None, None, "a", "b"]
        assert [json.loads(row)["user_id"] for row in table["row"]] == ["u", "v", "u", "\x7f"]

    def test_a_day_of_unusable_rows_only_is_an_empty_day_with_types(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session(time="noon")])
        insert(source_url, "conversions", [order(time="noon")])
        sessions, orders = extracted_sessions(source_url)[FIRST], extracted_orders(source_url)[FIRST]
        assert (len(sessions.frame), len(sessions.rejected), len(orders.frame), len(orders.rejected)) == (0, 1, 0, 1)
        assert (
            str(sessions.frame["session_time"].dtype) == str(orders.frame["conversion_time"].dtype) == "datetime64[us]"
        )

    def test_an_id_that_is_no_text_in_a_text_column_of_sqlite_is_set_aside(self, sqlite_url: str) -> None:
        reasons = rejected_sessions(sqlite_url, [session("a"), session(b"b")])
        assert reasons == {FIRST: [("b'b'", "session_id b'b' is not text")]}

    def test_ids_that_are_the_same_as_text_are_several_rows(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        execute(
            sqlite_url,
            "DROP TABLE conversions",
            "CREATE TABLE conversions (conv_id PRIMARY KEY, user_id, conv_date, conv_time, revenue)",
        )
        insert(sqlite_url, "conversions", [order("7"), order(7, revenue=1), order("8")])
        days = extracted_orders(sqlite_url)
        assert rejected(days[FIRST]) == [("7", "conv_id '7' has several rows in conversions")] * 2
        assert days[FIRST].frame["conv_id"].tolist() == ["8"]

    def test_odd_but_printable_values_are_usable(self, source_url: str) -> None:
        create_source_tables(source_url)
        names = ["x" * 256, " ", "a\u00a0b", "\u200b", 'o\'neil; DROP TABLE "x" --', "🛒", "%s :x ?"]
        channels = ['Display, "Größe"', "two\r\nlines", "\\t", "🛒", "{}", "x" * 10_000, "NULL"]
        rows = [session(name, channel=channel) for name, channel in zip(names, channels, strict=True)]
        insert(source_url, "session_sources", rows)
        day = extracted_sessions(source_url)[FIRST]
        assert dict(zip(day.frame["session_id"], day.frame["channel_name"], strict=True)) == dict(
            zip(names, channels, strict=True)
        )
        assert day.rejected.empty


class TestAmounts:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ("-0.01", "-0.01 is negative"),
            ("9e999", "inf is not finite"),
            ("-9e999", "-inf is not finite"),
            ("'a'", "'a' is not a number (the column holds text)"),
            ("1e15", "1000000000000000.0 is not below 1e+15"),
        ],
    )
    def test_a_bad_cost_is_set_aside_without_its_session_and_a_bad_order_whole(
        self, sqlite_url: str, value: str, words: str
    ) -> None:
        create_source_tables(sqlite_url)
        insert(sqlite_url, "session_sources", [session("s"), session("t")])
        execute(
            sqlite_url,
            f"INSERT INTO session_costs VALUES ('s', {value}), ('t', 2.5)",  # noqa: S608  the values above
            f"INSERT INTO conversions VALUES ('c', 'u', '2024-02-28', '12:00:00', {value})",  # noqa: S608  the same
        )
        day = extracted_sessions(sqlite_url)[FIRST]
        assert rejected(day) == [("s", f"cost {words}, in its row of session_costs")]
        assert day.frame["session_id"].tolist() == ["s", "t"]
        assert day.frame["cost"].fillna(-1).tolist() == [-1, 2.5]
        shown = json.loads(day.rejected["row"][0])
        assert (list(shown), shown["session_id"]) == (["session_id", "cost"], "s")
        refund = ": refunds are not attributed" if words.endswith("negative") else ""
        orders = extracted_orders(sqlite_url)[FIRST]
        assert (rejected(orders), len(orders.frame)) == ([("c", f"revenue {words}{refund}")], 0)

    @pytest.mark.parametrize("type_", ["numeric", "double precision", "real"])
    def test_amounts_of_postgresql_are_set_aside_alike(self, postgresql_url: str, type_: str) -> None:
        create_source_tables(postgresql_url)
        insert(postgresql_url, "session_sources", [session(name) for name in "stuv"])
        execute(
            postgresql_url,
            f"ALTER TABLE session_costs ALTER cost TYPE {type_}",
            f"ALTER TABLE conversions ALTER revenue TYPE {type_}",
            "INSERT INTO session_costs VALUES ('s', -1), ('t', 'NaN'), ('u', NULL)",
            "INSERT INTO conversions VALUES ('c', 'u', '2024-02-28', '12:00:00', -1)",
            "INSERT INTO conversions VALUES ('d', 'u', '2024-02-28', '12:00:00', 'NaN')",
        )
        day = extracted_sessions(postgresql_url)[FIRST]
        assert rejected(day) == [
            ("s", "cost -1.0 is negative, in its row of session_costs"),
            ("t", "cost nan is not finite, in its row of session_costs"),
        ]
        assert (len(day.frame), int(day.frame["cost"].isna().sum())) == (4, 4)
        assert [json.loads(row)["cost"] for row in day.rejected["row"]] == [-1.0, "nan"]
        assert rejected(extracted_orders(postgresql_url)[FIRST]) == [
            ("c", "revenue -1.0 is negative: refunds are not attributed"),
            ("d", "revenue nan is not finite"),
        ]

    def test_an_order_without_revenue_is_set_aside_and_one_of_zero_is_not(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "conversions", [order("none", revenue=None), order("zero", revenue=0)])
        day = extracted_orders(source_url)[FIRST]
        assert rejected(day) == [("none", "revenue None is missing")]
        assert day.frame["conv_id"].tolist() == ["zero"]

    def test_the_cost_of_a_session_that_is_set_aside_is_not_looked_at(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session("a", time="noon"), session("b", time="noon")])
        insert(source_url, "session_costs", [("a", -1.0), ("b", 1.0), ("b", 2.0)])
        assert [key for key, _ in rejected(extracted_sessions(source_url)[FIRST])] == ["a", "b"]


class TestSeveralRows:
    def test_all_rows_of_a_session_are_set_aside_each_on_its_day(self, source_url: str) -> None:
        reasons = rejected_sessions(source_url, [session("a"), session("b"), session("b", date="2024-03-01")])
        several = [("b", "session_id 'b' has several rows in session_sources")]
        assert reasons == {FIRST: several, DAYS[2]: several}

    def test_a_second_row_on_a_day_that_is_not_read_counts(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "conversions", [order("a"), order("b"), order("b", date="2030-01-01")])
        day = extracted_orders(source_url)[FIRST]
        assert rejected(day) == [("b", "conv_id 'b' has several rows in conversions")]
        assert day.frame["conv_id"].tolist() == ["a"]

    def test_several_costs_of_a_session_are_all_set_aside_and_double_no_session(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session("a"), session("b"), session("c", date="2024-02-29")])
        insert(source_url, "session_costs", [("a", 1.0), ("b", 1.0), ("b", -2.0), ("c", 1.0), ("c", 1.5)])
        days = extracted_sessions(source_url)
        assert days[FIRST].frame["session_id"].tolist() == ["a", "b"]
        assert days[FIRST].frame["cost"].fillna(-1).tolist() == [1.0, -1.0]
        reason = "session_id 'b' has several rows in session_costs, this is one"
        assert rejected(days[FIRST]) == [("b", reason), ("b", reason)]
        assert [json.loads(row)["cost"] for row in days[FIRST].rejected["row"]] == [-2.0, 1.0]
        assert len(days[LEAP_DAY].rejected) == 2

    def test_tables_without_keys_whose_rows_are_single_are_read(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session("a"), session("b")])
        insert(source_url, "session_costs", [("a", 1.0), ("x", 1.0), ("x", 1.0)])
        day = extracted_sessions(source_url)[FIRST]
        assert day.frame["cost"].fillna(-1).tolist() == [1.0, -1.0]
        assert day.rejected.empty

    def test_a_partial_unique_index_is_no_key_and_a_whole_one_is(self, database_url: str) -> None:
        create_unkeyed_tables(database_url)
        execute(database_url, "CREATE UNIQUE INDEX partly ON conversions (conv_id) WHERE user_id = 'u'")
        insert(database_url, "conversions", [order("a"), order("a", user="v")])
        assert len(extracted_orders(database_url)[FIRST].rejected) == 2
        execute(database_url, "DELETE FROM conversions WHERE user_id = 'v'")
        execute(database_url, "CREATE UNIQUE INDEX wholly ON conversions (conv_id)")
        assert extracted_orders(database_url)[FIRST].frame["conv_id"].tolist() == ["a"]


class TestDates:
    @pytest.mark.parametrize(
        ("date", "day"),
        [
            ("2024-02-30", LEAP_DAY),
            ("2024-02-29 10:00:00", LEAP_DAY),
            ("2024-02-29x", LEAP_DAY),
            ("2024-02-28T", FIRST),
            ("2024-03-00", LEAP_DAY),
            (None, FIRST),
            ("", FIRST),
            ("0000-00-00", FIRST),
            ("1970-00-00", FIRST),
            ("garbage", FIRST),
            (" 2024-02-29", FIRST),
            ("1.3.2024", FIRST),
            ("20.02.2024", FIRST),
            ("29.02.2024", FIRST),
            ("10000-01-01", FIRST),
        ],
    )
    def test_a_date_that_is_none_is_filed_with_one_day(self, source_url: str, date: str | None, day: dt.date) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "conversions", [order("a"), order("bad", date=date), order("b", date="2024-02-29")])
        days = extracted_orders(source_url)
        assert rejected_of(days) == {day: [("bad", f"conv_date {date!r} is not a date YYYY-MM-DD")]}
        assert [len(extracted.frame) for extracted in days.values()] == [1, 1, 0, 0]
        one_by_one = {day: extracted_orders(source_url, [day])[day] for day in DAYS}
        assert rejected_of(one_by_one) == rejected_of(days)

    def test_rows_whose_date_is_no_day_are_counted_for_runs_that_do_not_read_them(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session("a"), session("b", date=None), session("c", date="none")])
        insert(source_url, "conversions", [order("a", date="2024-02-30"), order("b", date="2000-01-01")])
        database = source(source_url)
        assert database.rows_in_no_report("sessions").unusable == 2
        example = "conv_id 'a' with conv_date '2024-02-30'"
        assert database.rows_in_no_report("conversions")[3:8] == (1, (10.0,), example, 1, 0)
        assert rejected_of(extracted_sessions(source_url, DAYS[1:])) == {}
        assert [key for key, _ in rejected(extracted_sessions(source_url)[FIRST])] == ["b", "c"]

    def test_costs_whose_session_does_not_exist_are_counted_with_their_money(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        insert(source_url, "session_sources", [session("a"), session("7", date="garbage"), session(None)])
        costs = [("a", 1.0), ("7", 2.0), ("gone", 3.0), ("gone", 4.5), ("b", None), (None, -1.0)]
        insert(source_url, "session_costs", costs)
        found = source(source_url).rows_in_no_report("sessions")
        assert (found.unusable, found.amounts) == (1, (2.0,))
        assert (found.costs.rows, sorted(found.costs.amounts)) == (4, [-1.0, 3.0, 4.5])
        assert found.costs.example == "session_id 'b'"
        assert source(source_url).rows_in_no_report("conversions").costs.rows == 0

    def test_costs_find_sessions_whose_ids_have_another_type(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        execute(
            source_url,
            "DROP TABLE session_costs",
            "CREATE TABLE session_costs (session_id double precision, cost double precision)",
        )
        insert(source_url, "session_sources", [session("1"), session("2")])
        insert(source_url, "session_costs", [(1.0, 1.0), (2.0, 2.0), (3.0, 4.0)])
        assert source(source_url).rows_in_no_report("sessions").costs == (1, (4.0,), "session_id '3'")

    @pytest.mark.parametrize("type_", ["date", "timestamp", "timestamptz"])
    def test_null_and_infinity_in_a_date_column_of_postgresql_are_filed_with_the_first_day(
        self, postgresql_url: str, type_: str
    ) -> None:
        create_unkeyed_tables(postgresql_url)
        execute(postgresql_url, f"ALTER TABLE conversions ALTER conv_date TYPE {type_} USING NULL")
        dates = [None, "infinity", "-infinity", "0044-03-15 BC", "12000-01-01"]
        rows = [order("fine", date="2024-02-29"), *(order(f"{date}", date=date) for date in dates)]
        insert(postgresql_url, "conversions", rows)
        in_zone = f"{postgresql_url}?options=-c%20timezone%3DAsia/Tokyo%20-c%20datestyle%3DSQL,DMY"
        days = extracted_orders(in_zone)
        assert {key for key, _ in rejected(days[FIRST])} == {f"{date}" for date in dates}
        assert ("infinity", "conv_date 'infinity' is not a date YYYY-MM-DD") in rejected(days[FIRST])
        assert days[LEAP_DAY].frame["conv_id"].tolist() == ["fine"]
        assert source(in_zone).rows_in_no_report("conversions").unusable == 5
        assert source(in_zone).days_with_data() == (LEAP_DAY, LEAP_DAY)

    def test_dates_of_fixed_length_in_postgresql_are_read_alike(self, postgresql_url: str) -> None:
        create_unkeyed_tables(postgresql_url)
        execute(postgresql_url, "ALTER TABLE conversions ALTER conv_date TYPE char(10)")
        dates = ["2024-02-28", "2024-02-29", "2024-02-30", "2024-02-2", "", None]
        insert(postgresql_url, "conversions", [order(f"{date}", date=date) for date in dates])
        days = extracted_orders(postgresql_url)
        assert [list(each.frame["conv_id"]) for each in days.values()] == [["2024-02-28"], ["2024-02-29"], [], []]
        assert [[key for key, _ in rejected(each)] for each in days.values()] == [
            ["", "2024-02-2", "None"], ["2024-02-30"], [], [],
        ]  # fmt: skip
        fingerprints = source(postgresql_url).fingerprints("conversions", DAYS)
        assert [text.split()[0] for text in fingerprints.values()] == ["4", "2", "0", "0"]

    def test_days_with_data_are_made_of_real_dates_only(self, source_url: str) -> None:
        create_unkeyed_tables(source_url)
        dates = [
            "2024-02-29",
            "2024-2-29",
            "2024-02-30",
            "0000-01-01",
            "1900-02-29",
            "9999-99-99",
            None,
            "x",
            "2024-12-31",
        ]
        insert(source_url, "conversions", [order(f"{date}", date=date) for date in dates])
        assert source(source_url).days_with_data() == (LEAP_DAY, dt.date(2024, 12, 31))
        execute(source_url, "DELETE FROM conversions WHERE conv_date IN ('2024-02-29', '2024-12-31')")
        assert source(source_url).days_with_data() is None

    def test_dates_of_other_types_in_sqlite_are_set_aside(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        execute(
            sqlite_url,
            "DROP TABLE conversions",
            "CREATE TABLE conversions (conv_id, user_id, conv_date DATE, conv_time, revenue)",
        )
        dates = ["2024-02-28", 20240228, b"2024-02-28", 2024.5]
        insert(sqlite_url, "conversions", [order(str(number), date=date) for number, date in enumerate(dates)])
        day = extracted_orders(sqlite_url)[FIRST]
        assert day.frame["conv_id"].tolist() == ["0"]
        assert [key for key, _ in rejected(day)] == ["1", "2", "3"]

    def test_an_index_on_the_date_answers_for_the_days_and_for_rows_without_one(self, sqlite_url: str) -> None:
        create_source_tables(sqlite_url)
        execute(sqlite_url, "CREATE INDEX by_date ON conversions (conv_date)")
        for plan in _query_plans(sqlite_url):
            assert "SCAN conversions" not in plan.replace("SCAN conversions USING COVERING INDEX", "")
            assert "by_date" in plan


def _query_plans(url: str) -> list[str]:
    from attribution_assets.attribution.database.database import Database  # noqa: PLC0415
    from attribution_assets.attribution.source import statements as source_query  # noqa: PLC0415

    plans = []
    with Database(url).reading() as connection:
        table = source_query.with_further_columns(connection, source_query.CONVERSIONS)
        for query in (
            source_query.rows_of_days(connection, table, FIRST, LEAP_DAY),
            source_query.rows_without_a_day(connection, table, FIRST),
        ):
            sql = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")
            plans.append("; ".join(str(step[-1]) for step in plan))
    return plans


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "conv_id": st.sampled_from(["a", "b", "c", "d", "e", "f", "", None, "x" * 257]),
    "user": st.sampled_from(["u", "u", "u", "", None, "\x7f"]),
    "date": st.sampled_from([*map(str, DAYS), "2024-02-30", "2024-02-28 1", "", None, "garbage", "29.02.2024", "0"]),
    "time": st.sampled_from(["12:00:00", "12:00:00", "24:00:00"]),
    "revenue": st.sampled_from([1.0, 0.0, 1.0, -1.0, None]),
}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "duckdb"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.fixed_dictionaries(VALUES), max_size=12))
def test_every_row_is_kept_or_set_aside_on_exactly_one_day(
    request: pytest.FixtureRequest, kind: str, rows: list[dict[str, Any]]
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    execute(url, *(f"DROP TABLE IF EXISTS {table}" for table in ("session_sources", "session_costs", "conversions")))
    create_unkeyed_tables(url)
    insert(url, "conversions", [order(**row) for row in rows])
    days = extracted_orders(url)
    tables = [day.rejected for day in days.values()]
    kept = pd.concat([day.frame for day in days.values()])
    assert len(kept) + sum(map(len, tables)) + sum(day.repeated for day in days.values()) == len(rows)
    assert kept["conv_id"].is_unique
    for day in DAYS:
        [alone] = SourceDatabase(url, FIRST).conversions([day])
        pd.testing.assert_frame_equal(in_pandas(alone).frame, days[day].frame)
        pd.testing.assert_frame_equal(alone.rejected, days[day].rejected)
        assert alone.fingerprint == days[day].fingerprint
