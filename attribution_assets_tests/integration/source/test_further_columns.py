"""Columns that a source table may have beside those that it needs: what is read of them, and what they change."""

import datetime as dt

import pytest

from attribution_assets.attribution.source.database import ExtractedDay, SourceDatabase
from attribution_assets_tests.support.databases import execute, insert
from attribution_assets_tests.support.source_tables import DAYS, FIRST, create_unkeyed_tables, order, session


def orders(url: str) -> ExtractedDay:
    """The orders of the first day."""
    return next(SourceDatabase(url, FIRST).conversions(DAYS))


def fingerprints(url: str, table: str = "conversions") -> dict[dt.date, str]:
    """The fingerprint of each day, which is the one that comes with its rows."""
    source = SourceDatabase(url, FIRST)
    found = source.fingerprints(table, DAYS)
    read = source.sessions(DAYS) if table == "sessions" else source.conversions(DAYS)
    assert {each.day: each.fingerprint for each in read} == found
    return found


def revenues(extracted: ExtractedDay) -> dict[str, float]:
    return dict(extracted.frame[["conv_id", "revenue"]].itertuples(index=False))


def test_what_was_refunded_is_taken_off_the_revenue(database_url: str) -> None:
    create_unkeyed_tables(database_url)
    amount = "double precision" if database_url.startswith("postgresql") else ""
    execute(database_url, f"ALTER TABLE conversions ADD COLUMN refunded {amount}")
    insert(
        database_url,
        "conversions",
        [
            (*order("a", revenue=100.1), 0.1),
            (*order("b", revenue=1 / 3), None),
            (*order("c", revenue=20.0), 20.0),
            (*order("d", revenue=20.0), 20.01),
            (*order("e", revenue=20.0), -1.0),
            (*order("f", revenue=20.0), float("inf")),
        ],
        "refunded",
    )
    found = orders(database_url)
    assert revenues(found) == {"a": 100.0, "b": 1 / 3, "c": 0.0}
    assert found.refunded == pytest.approx(20.1)
    assert found.rejected[["row_key", "reason", "amount"]].to_numpy().tolist() == [
        ["d", "refunded 20.01 is more than the revenue, 20", 20.0],
        ["e", "refunded -1.0 is negative", 20.0],
        ["f", "refunded inf is not finite", 20.0],
    ]


def test_refunds_may_be_text_like_other_amounts(sqlite_url: str) -> None:
    create_unkeyed_tables(sqlite_url)
    execute(sqlite_url, "ALTER TABLE conversions ADD COLUMN Refunded text")
    insert(sqlite_url, "conversions", [(*order("a"), "2.50"), (*order("b"), ""), (*order("c"), "all")], "Refunded")
    found = orders(sqlite_url)
    assert revenues(found) == {"a": 7.5, "b": 10.0}
    assert found.rejected["reason"].tolist() == ["refunded 'all' is not a number (the column holds text)"]


def test_conversion_types_stand_beside_the_orders_that_name_one(database_url: str) -> None:
    create_unkeyed_tables(database_url)
    execute(database_url, "ALTER TABLE conversions ADD COLUMN conversion_type text")
    insert(
        database_url,
        "conversions",
        [
            (*order("b", time="13:00:00"), "new "),
            (*order("a", time="12:00:00"), "returning"),
            (*order("c"), None),
            (*order("d"), "  "),
            (*order("e"), "x" * 257),
        ],
        "conversion_type",
    )
    found = orders(database_url)
    assert found.beside["order_types"].to_numpy().tolist() == [["a", "returning"], ["b", "new"]]
    assert list(found.frame.columns) == ["conv_id", "user_id", "conversion_time", "revenue"]
    assert found.rejected["row_key"].tolist() == ["e"]


def test_a_further_column_changes_fingerprints_and_so_does_each_of_its_values(database_url: str) -> None:
    create_unkeyed_tables(database_url)
    insert(database_url, "conversions", [order("a"), order("b", date="2024-02-29")])
    insert(database_url, "session_sources", [session("s")])
    without, sessions = fingerprints(database_url), fingerprints(database_url, "sessions")
    execute(database_url, "ALTER TABLE conversions ADD COLUMN conversion_type text")
    empty = fingerprints(database_url)
    assert all(empty[day] != without[day] for day in DAYS)
    execute(database_url, "UPDATE conversions SET conversion_type = 'new' WHERE conv_id = 'a'")
    filled = fingerprints(database_url)
    assert [day for day in DAYS if filled[day] != empty[day]] == DAYS[:1]
    assert fingerprints(database_url, "sessions") == sessions


def test_rows_that_differ_in_a_further_column_are_different_rows_of_one_id(sqlite_url: str) -> None:
    create_unkeyed_tables(sqlite_url)
    execute(sqlite_url, "ALTER TABLE conversions ADD COLUMN refunded")
    rows = [(*order("a"), 1.0), (*order("a"), 2.0), (*order("b"), 1.0), (*order("b"), 1.0)]
    insert(sqlite_url, "conversions", rows, "refunded")
    found = orders(sqlite_url)
    assert (revenues(found), found.repeated) == ({"b": 9.0}, 1)
    assert found.rejected["row_key"].tolist() == ["a", "a"]
