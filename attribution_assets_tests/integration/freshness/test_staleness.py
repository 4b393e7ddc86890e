"""What becomes stale of a materialized shop when its source, its result tables or its settings change."""

import shutil
from dataclasses import replace

import pytest

from attribution_assets.attribution.calendar.windows import JourneyEnd
from attribution_assets.attribution.freshness import records
from attribution_assets.attribution.freshness.repair import next_stages
from attribution_assets.attribution.freshness.staleness import Scope
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.made_shop import (
    ATTRIBUTION,
    COMPARISONS,
    REPORTS,
    SOURCES,
    WINDOWS,
    MadeShop,
    day,
    days,
    stage,
    stale_only,
)

LOOKS_ONLY = ("f1", "fay", "2024-02-23 09:00:00")
LATE_OF_ANN = ("a3", "ann", "2024-02-23 09:00:00")


def test_after_a_run_nothing_is_stale(made_shop: MadeShop) -> None:
    stale = made_shop.stale()
    assert stale.days == stale_only()
    assert (stale.missing, stale.blocked, stale.confirmed) == ({}, {}, set())
    assert not stale
    assert next_stages(stale, WINDOWS) == []


def test_a_late_session_of_a_visitor_without_order_makes_only_its_days_report_stale(made_shop: MadeShop) -> None:
    made_shop.session(*LOOKS_ONLY)
    made_shop.make(["sessions"], 23)
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting=days(23))
    # the journeys of the 23rd to the 27th, whose window it falls in, and all other reports, which look for visitors
    assert len(stale.confirmed) == 5 + 8
    assert next_stages(stale, WINDOWS) == [stage(REPORTS, 23)]
    made_shop.make_next(stale)
    assert not made_shop.stale()
    assert ("Search", "2024-02-23", 1.0, 0.0, 0.0) in made_shop.rows("channel_reporting")


def test_a_late_session_that_changes_no_row_of_the_report_makes_nothing_stale(made_shop: MadeShop) -> None:
    made_shop.session("c2", "cat", "2024-02-26 13:00:00", "Social", None)
    made_shop.make(["sessions"], 26)
    stale = made_shop.stale()
    assert not stale
    assert len(stale.confirmed) == 3 + 7  # the journeys of the 26th to the 28th, the reports of the 22nd to the 28th


def test_a_late_session_of_a_visitor_with_an_order_makes_that_orders_day_stale_and_then_the_reports_it_changes(
    made_shop: MadeShop,
) -> None:
    made_shop.session(*LATE_OF_ANN, "Social")
    made_shop.make(["sessions"], 23)
    stale = made_shop.stale()
    assert stale.days == stale_only(journeys=days(24), channel_reporting=days(23))
    assert next_stages(stale, WINDOWS) == [stage(ATTRIBUTION, 24)]
    made_shop.make_next(stale)
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting=days(22, 23, 24))
    assert next_stages(stale, WINDOWS) == [stage(REPORTS, 22, 24)]
    made_shop.make_next(stale)
    assert not made_shop.stale()


def test_a_late_order_makes_its_day_stale_and_then_the_days_that_it_credits(made_shop: MadeShop) -> None:
    made_shop.order("o4", "ann", "2024-02-25 10:00:00", 10.0)
    made_shop.make(["conversions"], 25)
    stale = made_shop.stale()
    # until it is attributed, the report of its day would have to list it as unattributed
    assert stale.days == stale_only(journeys=days(25), channel_reporting=days(25))
    assert next_stages(stale, WINDOWS) == [stage(ATTRIBUTION, 25)]
    made_shop.make_next(stale)
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting=days(22, 24))
    assert next_stages(stale, WINDOWS) == [stage(REPORTS, 22), stage(REPORTS, 24)]


def test_a_late_order_without_sessions_makes_only_its_own_days_report_stale(made_shop: MadeShop) -> None:
    made_shop.order("o4", "eve", "2024-02-25 10:00:00", 10.0)
    made_shop.make(["conversions"], 25)
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting=days(25))
    made_shop.make_next(stale)
    assert not made_shop.stale()
    assert [row[:2] for row in made_shop.rows("unattributed_order")] == [("o3", "2024-02-27"), ("o4", "2024-02-25")]


def test_a_vanished_order_makes_its_day_and_the_days_that_it_credited_stale(made_shop: MadeShop) -> None:
    made_shop.sql("DELETE FROM conversions WHERE conv_id = 'o1'")
    made_shop.make(["conversions"], 24)
    stale = made_shop.stale()
    compared = dict.fromkeys(COMPARISONS, days(24))
    assert stale.days == stale_only(journeys=days(24), channel_reporting=days(22, 24), **compared)
    assert next_stages(stale, WINDOWS) == [stage(ATTRIBUTION, 24)]
    made_shop.make_next(stale)
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting=days(22, 24))
    made_shop.make_next(stale)
    assert not made_shop.stale()


def test_a_changed_revenue_makes_only_reports_and_comparisons_stale_and_asks_the_api_nothing(
    made_shop: MadeShop, paid_endpoint: IhcEndpoint
) -> None:
    asked = len(paid_endpoint.received)
    made_shop.sql("UPDATE conversions SET revenue = 120 WHERE conv_id = 'o1'")
    made_shop.make(["conversions"], 24)
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting=days(22, 24), **dict.fromkeys(COMPARISONS, days(24)))
    assert next_stages(stale, WINDOWS) == [stage(REPORTS, 22), stage(REPORTS, 24), stage(COMPARISONS, 24)]
    made_shop.make_next(stale)
    assert not made_shop.stale()
    assert len(paid_endpoint.received) == asked
    assert sum(row[4] for row in made_shop.rows("channel_reporting")) == 120 + 30


def test_dropped_result_tables_make_exactly_what_they_held_stale(made_shop: MadeShop) -> None:
    held = made_shop.rows("channel_reporting"), made_shop.rows("attribution_customer_journey")
    published = ("attribution_order", "attribution_customer_journey", "channel_reporting", "unattributed_order")
    for table in ("attribution_day", *published):
        made_shop.sql(f"DROP TABLE {table}")
    stale = made_shop.stale()
    all_days = days(*range(20, 29))
    assert stale.days == stale_only(ihc_attributions=all_days, channel_reporting=all_days)
    assert next_stages(stale, WINDOWS) == [stage(ATTRIBUTION[1:], 20, 28)]
    made_shop.make_next(stale)
    made_shop.make_next(made_shop.stale())
    assert not made_shop.stale()
    assert (made_shop.rows("channel_reporting"), made_shop.rows("attribution_customer_journey")) == held


def test_a_day_that_the_result_tables_do_not_record_is_stale(made_shop: MadeShop) -> None:
    made_shop.sql("DELETE FROM attribution_day WHERE asset = 'channel_reporting' AND date = '2024-02-24'")
    assert made_shop.stale().days == stale_only(channel_reporting=days(24))
    made_shop.sql("DELETE FROM attribution_day")
    all_days = days(*range(20, 29))
    assert made_shop.stale().days == stale_only(ihc_attributions=all_days, channel_reporting=all_days)


def test_journeys_that_were_never_attributed_are_to_be_attributed_alone(made_shop: MadeShop) -> None:
    made_shop.order("o4", "ben", "2024-02-29 08:00:00")
    assert made_shop.make([*SOURCES, "journeys"], 29).success
    stale = made_shop.stale()
    assert stale.days == stale_only(ihc_attributions=days(29))
    assert next_stages(stale, WINDOWS) == [stage(ATTRIBUTION[1:], 29)]
    made_shop.make_next(stale)
    assert made_shop.stale().days == stale_only(channel_reporting=days(26, 29))


def test_a_report_is_missing_where_orders_are_attributed_or_credit_lands_and_nowhere_else(made_shop: MadeShop) -> None:
    made_shop.file("channel_reporting", 23).unlink()
    assert made_shop.stale().days == stale_only(channel_reporting=days(23))
    for number in (20, 21, 22, 23):
        for asset in (*ATTRIBUTION, "conversions", "channel_reporting", "channel_reporting_csv"):
            made_shop.file(asset, number).unlink(missing_ok=True)
    assert made_shop.stale().days == stale_only(channel_reporting=days(22))


def test_a_missing_csv_table_is_stale(made_shop: MadeShop) -> None:
    made_shop.file("channel_reporting_csv", 24).unlink()
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting_csv=days(24))
    assert next_stages(stale, WINDOWS) == [stage(REPORTS, 24)]


def test_another_lookback_window_makes_journeys_stale_only_where_it_changes_them(made_shop: MadeShop) -> None:
    shorter, longer = (made_shop.stale(windows=replace(WINDOWS, lookback_days=length)).days for length in (2, 9))
    assert shorter == stale_only(journeys=days(24))
    assert longer == stale_only()


def test_another_limit_or_end_of_journeys_makes_days_stale_only_where_it_changes_them(made_shop: MadeShop) -> None:
    assert not made_shop.stale(windows=replace(WINDOWS, most_sessions=2, journey_end=JourneyEnd.AT))
    assert made_shop.stale(windows=replace(WINDOWS, most_sessions=1)).days["journeys"] == days(24)
    made_shop.session("d1", "dan", "2024-02-27 10:00:00")  # the second of his order
    made_shop.make(["sessions"], 27)
    assert made_shop.stale().days == stale_only(channel_reporting=days(27))
    assert made_shop.stale(windows=replace(WINDOWS, journey_end=JourneyEnd.AT)).days["journeys"] == days(27)


def test_an_order_without_sessions_whose_visitor_comes_later_makes_its_days_report_stale(made_shop: MadeShop) -> None:
    made_shop.session("d1", "dan", "2024-02-28 10:00:00")
    made_shop.make(["sessions"], 28)
    assert made_shop.stale().days == stale_only(channel_reporting=days(27, 28))
    made_shop.make_next(made_shop.stale())
    assert [row[3] for row in made_shop.rows("unattributed_order")] == [
        "all visits after the order, the first on 2024-02-28"
    ]
    assert not made_shop.stale()


def test_an_earlier_first_day_asks_for_the_missing_before_anything_else(made_shop: MadeShop) -> None:
    made_shop.order("o4", "eve", "2024-02-20 10:00:00")
    assert made_shop.make(("conversions",), 20).success
    stale = made_shop.stale(windows=replace(WINDOWS, first_day=day(18)))  # a day without orders needs no sessions
    assert stale.days == stale_only(journeys=days(20), channel_reporting=days(20))
    assert stale.missing == {"sessions": days(18, 19)}
    assert next_stages(stale, WINDOWS) == [stage(("sessions",), 18, 19)]


def test_too_many_rejected_rows_block_what_hangs_on_their_day_and_nothing_else(made_shop: MadeShop) -> None:
    made_shop.session(*LATE_OF_ANN)
    made_shop.session("bad", "eve", "2024-02-23 25:00:00")
    made_shop.session("g1", "gus", "2024-02-21 10:00:00")
    made_shop.order("o4", "ben", "2024-02-28 10:00:00")
    assert not made_shop.make(SOURCES, 21, 28).success
    stale = made_shop.stale()
    assert stale.days == stale_only(journeys=days(28), channel_reporting=days(21, 28))
    assert stale.blocked == {"journeys": days(24), "channel_reporting": days(23)}
    tolerant = made_shop.stale(most_rejected=0.5)
    assert tolerant.days == stale_only(journeys=days(24, 28), channel_reporting=days(21, 23, 28))
    assert tolerant.blocked == {}


def test_a_rejected_order_blocks_its_day_alone(made_shop: MadeShop) -> None:
    made_shop.order("o4", "ann", "2024-02-25 10:00:00")
    made_shop.order("o5", "ann", "2024-02-25 11:00:00", -1.0)
    made_shop.order("o6", "ann", "2024-02-26 11:00:00")
    made_shop.make(["conversions"], 25, 26)
    stale = made_shop.stale()
    assert stale.days == stale_only(journeys=days(26), channel_reporting=days(26))
    assert stale.blocked == {"journeys": days(25), "channel_reporting": days(25)}


def test_only_blocked_days_are_nothing_that_can_be_made(made_shop: MadeShop) -> None:
    made_shop.order("o4", "ann", "2024-02-25 10:00:00")
    made_shop.order("o5", "ann", "2024-02-25 11:00:00", -1.0)
    made_shop.make(["conversions"], 25)
    stale = made_shop.stale()
    assert not stale
    assert next_stages(stale, WINDOWS) == []
    assert stale.blocked == {"journeys": days(25), "channel_reporting": days(25)}


def test_a_table_beside_an_asset_from_another_write_makes_the_day_stale(made_shop: MadeShop) -> None:
    first = made_shop.folder / "first.parquet"
    made_shop.order("o4", "eve", "2024-02-25 10:00:00")
    assert made_shop.make(["conversions", *REPORTS], 25).success
    shutil.copy(made_shop.file("unattributed_orders", 25), first)
    made_shop.order("o5", "eve", "2024-02-25 11:00:00")
    assert made_shop.make(["conversions", *REPORTS], 25).success
    assert not made_shop.stale()
    shutil.copy(first, made_shop.file("unattributed_orders", 25))
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_reporting=days(25))
    made_shop.make_next(stale)
    assert not made_shop.stale()


def test_only_days_within_the_scope_are_looked_at_and_the_reports_that_they_can_touch(made_shop: MadeShop) -> None:
    made_shop.sql("DELETE FROM attribution_day")
    stale = made_shop.stale(Scope(within=(day(22), day(23))))
    assert stale.days == stale_only(ihc_attributions=days(22, 23), channel_reporting=days(*range(20, 28)))


def test_orders_that_were_read_but_never_got_their_journeys_are_stale(made_shop: MadeShop) -> None:
    made_shop.make(SOURCES, 29, 30)
    stale = made_shop.stale()
    assert stale.days == stale_only(journeys=days(29, 30))
    assert next_stages(stale, WINDOWS) == [stage(ATTRIBUTION, 29, 30)]


def test_an_order_without_credit_that_is_stored_but_not_published_makes_its_report_stale(made_shop: MadeShop) -> None:
    report, stamp = made_shop.tables.days("channel_reporting", [day(27)]).stamped(day(27))
    left = made_shop.tables.days("unattributed_orders", [day(27)]).frame(day(27))
    assert left["conv_id"].tolist() == ["o3"]
    made_shop.sql("DELETE FROM unattributed_order", "UPDATE attribution_day SET version = 'older'")
    stale = made_shop.stale()
    assert stale.days["channel_reporting"] == days(*range(20, 29))
    made_shop.tables.write("channel_reporting", DayTable(day(27), report, {}, {"unattributed_orders": left.iloc[:0]}))
    assert made_shop.state().stamps["channel_reporting"][day(27)].version == stamp.version
    assert day(27) in made_shop.stale().days["channel_reporting"]
    made_shop.make(REPORTS, 20, 28)
    assert [row[0] for row in made_shop.rows("unattributed_order")] == ["o3"]


def test_days_before_a_calendar_that_begins_later_are_left_alone(made_shop: MadeShop) -> None:
    later = replace(WINDOWS, first_day=day(23))
    stale = made_shop.stale(windows=later)
    # the windows begin later: the visit of the 22nd is out of them
    assert stale.days == stale_only(journeys=days(24))
    assert next_stages(stale, later) == [stage(ATTRIBUTION, 24)]


def test_what_another_query_made_is_looked_at_again_and_stale_only_where_rows_differ(
    made_shop: MadeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "JOURNEYS_VERSION", "of another release")
    monkeypatch.setattr(records, "REPORT_VERSION", "of another release")
    stale = made_shop.stale()
    assert stale.days == stale_only()
    assert len(stale.confirmed) == 2 * 9
