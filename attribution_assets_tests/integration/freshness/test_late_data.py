"""Which days of the source have changed since they were read."""

import datetime as dt
import shutil

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.freshness.late_data import changed_days
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets_tests.support.made_shop import SOURCES, WINDOWS, MadeShop, day, days


def changed(shop: MadeShop) -> dict[str, set[dt.date]]:
    """The changed days of both tables, all stored days looked at."""
    source, looked_at = SourceDatabase(shop.url, WINDOWS.first_day), days_between(day(20), day(28))
    return {
        asset: changed_days(shop.state(), asset, looked_at, source.fingerprints(asset, looked_at)) for asset in SOURCES
    }


def test_of_a_source_as_it_was_read_no_day_has_changed(any_made_shop: MadeShop) -> None:
    assert changed(any_made_shop) == {"sessions": set(), "conversions": set()}


def test_exactly_the_days_with_added_changed_or_removed_rows_have_changed(any_made_shop: MadeShop) -> None:
    any_made_shop.session("f1", "fay", "2024-02-21 09:00:00")
    any_made_shop.sql(
        "UPDATE session_costs SET cost = 9 WHERE session_id = 'a2'",
        "DELETE FROM conversions WHERE conv_id = 'o1'",
        "UPDATE conversions SET conv_date = '2024-02-28' WHERE conv_id = 'o3'",
    )
    assert changed(any_made_shop) == {"sessions": days(21, 24), "conversions": days(24, 27, 28)}
    any_made_shop.make(SOURCES, 21, 28)
    assert changed(any_made_shop) == {"sessions": set(), "conversions": set()}


def test_days_that_were_never_read_are_not_reported(any_made_shop: MadeShop) -> None:
    any_made_shop.session("f1", "fay", "2024-02-21 09:00:00")
    any_made_shop.file("sessions", 21).unlink()
    assert changed(any_made_shop) == {"sessions": set(), "conversions": set()}


def test_only_the_days_asked_for_are_compared(any_made_shop: MadeShop) -> None:
    any_made_shop.session("f1", "fay", "2024-02-21 09:00:00")
    any_made_shop.session("f2", "fay", "2024-02-23 09:00:00")
    fingerprints = SourceDatabase(any_made_shop.url, WINDOWS.first_day).fingerprints("sessions", [day(23)])
    assert changed_days(any_made_shop.state(), "sessions", [day(23)], fingerprints) == days(23)


def test_a_table_of_rejected_rows_that_another_write_left_counts_as_a_change(any_made_shop: MadeShop) -> None:
    before = any_made_shop.folder / "before.parquet"
    any_made_shop.session("bad", "eve", "2024-02-23 25:00:00")
    any_made_shop.make(["sessions"], 23)
    shutil.copy(any_made_shop.file("rejected_sessions", 23), before)
    any_made_shop.session("worse", "eve", "2024-02-23 26:00:00")
    any_made_shop.make(["sessions"], 23)
    assert changed(any_made_shop)["sessions"] == set()
    shutil.copy(before, any_made_shop.file("rejected_sessions", 23))
    assert changed(any_made_shop)["sessions"] == days(23)
    any_made_shop.file("rejected_sessions", 23).unlink()
    assert changed(any_made_shop)["sessions"] == days(23)
