"""The same rows give the same days, whether they are in SQLite, PostgreSQL, DuckDB, Parquet or CSV files."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets_tests.support.copied_sources import make_source, write_csv, write_parquet
from attribution_assets_tests.support.databases import execute
from attribution_assets_tests.support.source_tables import (
    DAYS,
    FIRST,
    create_unkeyed_tables,
    extracted_orders,
    extracted_sessions,
    source,
)

DATES = st.sampled_from([*map(str, DAYS), "2024-02-30", "2024-03-03", "29.02.2024", "garbage", None])
TIMES = st.sampled_from(["12:00:00", "9:00:00", "12:00:00.25", "23:59:59+01", "00:30:00+02", "24:00:00", "noon", None])
IDS = st.sampled_from(["a", "b", "c", "ß, ;\"'\n", "7", "007", "x" * 300, " ", None])
USERS = st.sampled_from(["u", "v", "7", " ", None])
CHANNELS = st.sampled_from(["SEO", " SEO ", "„Größe“; a|b, c", "NULL", "NaN", " ", None])
FLAG_TEXTS = st.sampled_from(["0", "1", "1.0", "true", "F", "2", "yes", None])
AMOUNT_TEXTS = st.sampled_from(["1", "0.1", "1e2", "1,5", "-1", "1e15", "nan", " 2", "0.30000000000000004", None])
AMOUNTS = st.sampled_from([0.0, 0.1, 0.1 + 0.2, 99.95, 1e14, 1e15, -1.0, None])


def rows(flags: st.SearchStrategy[Any], amounts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Rows of the source tables, good ones and bad ones."""
    return st.fixed_dictionaries(
        {
            "session_sources": st.lists(st.tuples(IDS, USERS, DATES, TIMES, CHANNELS, flags, flags, flags), max_size=8),
            "session_costs": st.lists(st.tuples(IDS, amounts), max_size=6),
            "conversions": st.lists(st.tuples(IDS, USERS, DATES, TIMES, amounts), max_size=8),
        }
    )


def content(url: str) -> list[Any]:
    """All that is read of a source over four days, and of the tables as a whole, but for fingerprints."""
    database = source(url)
    days = [*extracted_sessions(url).values(), *extracted_orders(url).values()]
    found = [[day.day, as_text(day.frame), as_text(day.rejected), day.repeated, day.undated] for day in days]
    of_tables = [database.rows_in_no_report(table) for table in ("sessions", "conversions")]
    counted = [[each.rows, each.unusable, each.too_early, each.too_late, each.costs.rows] for each in of_tables]
    money = [sorted([*each.amounts, *each.costs.amounts]) for each in of_tables]
    return [*found, counted, money, database.days_with_data(), database.holds_data(DAYS[1], DAYS[2], usable=True)]


def as_text(frame: pd.DataFrame) -> tuple[str, str]:
    """The rows and the types of a table."""
    return repr(frame.to_numpy().tolist()), repr(frame.dtypes.to_dict())


def fingerprints(url: str) -> list[dict[dt.date, str]]:
    """The fingerprints of both tables, after they have been found to be those of the extracted days."""
    found = [source(url).fingerprints(table, DAYS) for table in ("sessions", "conversions")]
    assert found[0] == {day: each.fingerprint for day, each in extracted_sessions(url).items()}
    assert found[1] == {day: each.fingerprint for day, each in extracted_orders(url).items()}
    return found


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows(FLAG_TEXTS, AMOUNT_TEXTS), separator=st.sampled_from([",", ";", "\t", "|"]))
def test_rows_of_text_are_the_same_in_all_places(
    sqlite_url: str, duckdb_url: str, tmp_path: Path, rows: dict[str, Any], separator: str
) -> None:
    expected = content(make_source(sqlite_url, rows, text=True))
    in_duckdb = make_source(duckdb_url, rows, text=True)
    in_parquet = write_parquet(tmp_path / "parquet", in_duckdb)
    assert content(in_duckdb) == expected
    assert content(in_parquet) == expected
    assert content(write_csv(tmp_path / "csv", rows, separator, "utf-8-sig")) == expected
    assert fingerprints(in_duckdb) == fingerprints(in_parquet)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows(st.sampled_from([0, 1, 2, None]), AMOUNTS))
def test_rows_with_types_are_the_same_in_all_databases(
    sqlite_url: str, postgresql_url: str, duckdb_url: str, tmp_path: Path, rows: dict[str, Any]
) -> None:
    expected = content(make_source(sqlite_url, rows, text=False))
    in_duckdb = make_source(duckdb_url, rows, text=False)
    assert content(make_source(postgresql_url, rows, text=False)) == expected
    assert content(in_duckdb) == expected
    assert content(write_parquet(tmp_path / "parquet", in_duckdb)) == expected


@pytest.mark.parametrize(
    ("day", "time"),
    [
        ("DATE", "TIME"),
        ("TIMESTAMP", "TIMESTAMP"),
        ("TIMESTAMP_NS", "TIMESTAMP_NS"),
        ("TIMESTAMP_S", "TIMESTAMP_MS"),
        ("TIMESTAMPTZ", "TIMESTAMPTZ"),
        ("VARCHAR", "TIMETZ"),
    ],
)
@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_columns_of_other_types_of_duckdb_give_the_same_days(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, day: str, time: str
) -> None:
    sqlite_url, duckdb_url = (str(request.getfixturevalue(f"{each}_url")) for each in ("sqlite", "duckdb"))
    session = ("7", "101", "2024-02-29", "08:00:00.5", "SEO", 1, 0, 1)
    order = ("12", "101", "2024-02-29", "23:59:59", 0.1)
    plain = {"session_sources": [session], "session_costs": [("7", 0.1235)], "conversions": [order]}
    execute(
        duckdb_url,
        f"CREATE TABLE session_sources (session_id UINTEGER, user_id DECIMAL(9, 1), event_date {day},"
        f" event_time {time}, channel_name ENUM ('SEO', 'SEA'), holder_engagement BOOLEAN, closer_engagement TINYINT,"
        " impression_interaction DECIMAL(3, 1))",
        "CREATE TABLE session_costs (session_id VARCHAR, cost DECIMAL(12, 4))",
        f"CREATE TABLE conversions (conv_id HUGEINT, user_id DOUBLE, conv_date {day}, conv_time {time}, revenue FLOAT)",
        "INSERT INTO session_costs VALUES ('7', 0.1235)",
    )
    of_day = (day, time) if "TIMESTAMP" in day else ("DATE", time)
    for table, values, clock, rest in (
        ("session_sources", "7, 101", "08:00:00.5", "'SEO', true, 0, 1"),
        ("conversions", "12, 101", "23:59:59", "0.1"),
    ):
        moments = ", ".join(f"CAST(TIMESTAMP{_zone(each)} '2024-02-29 {clock}+00' AS {each})" for each in of_day)
        execute(duckdb_url, "SET TimeZone = 'UTC'", f"INSERT INTO {table} VALUES ({values}, {moments}, {rest})")  # noqa: S608  the values above
    url = duckdb_url if kind == "duckdb" else write_parquet(tmp_path / "parquet", duckdb_url)
    assert content(url) == content(make_source(sqlite_url, plain, text=False))


def _zone(type_: str) -> str:
    return "TZ" if type_.endswith("TZ") else ""


def test_an_id_of_a_csv_file_is_the_number_that_it_says(tmp_path: Path) -> None:
    session = ("7.0", "101.0", "2024-02-28", "12:00:00", "SEO", "1", "0", "0")
    again = ("7", "101", "2024-02-29", "12:00:00", "SEO", "1", "0", "0")
    order = ("c", "101", "2024-02-28", "13:00:00", "1.50")
    url = write_csv(
        tmp_path / "csv", {"session_sources": [session], "session_costs": [("7", "2")], "conversions": [order]}
    )
    frame = extracted_sessions(url)[FIRST].frame
    assert frame[["session_id", "user_id", "cost"]].to_numpy().tolist() == [["7", "101", 2.0]]
    assert extracted_orders(url)[FIRST].frame["user_id"].tolist() == ["101"]
    write_csv(tmp_path / "csv", {"session_sources": [session, again]})
    reasons = [extracted_sessions(url)[day].rejected["reason"].tolist() for day in DAYS[:2]]
    assert reasons == [["session_id '7' has several rows in session_sources"]] * 2


def test_a_cost_that_is_empty_in_a_csv_file_is_not_known(tmp_path: Path, sqlite_url: str) -> None:
    create_unkeyed_tables(sqlite_url)
    session = ("s", "", "2024-02-28", "12:00:00", "SEO", "1", "0", "0")
    url = write_csv(tmp_path / "csv", {"session_sources": [session], "session_costs": [("s", "")], "conversions": []})
    day = extracted_sessions(url)[FIRST]
    assert day.rejected.empty
    assert day.frame["user_id"].tolist() == [None]
    assert day.frame["cost"].isna().tolist() == [True]
