"""How closely staleness looks: suspects that were found right are spared, and many are looked at in rounds."""

import pytest

from attribution_assets.attribution.freshness.repair import next_stages
from attribution_assets.attribution.freshness.staleness import Scope, Stale, stale_days
from attribution_assets_tests.support.made_shop import (
    ALL,
    ATTRIBUTION,
    REPORTS,
    WINDOWS,
    MadeShop,
    days,
    stage,
    stale_only,
)


@pytest.fixture
def suspected_shop(made_shop: MadeShop) -> MadeShop:
    """After a late session of the 23rd, the journeys of the 23rd to the 27th and the eight other reports are suspected.

    All of them are right. A report looks at sessions around its orders, to say why some have none.
    """
    made_shop.session("f1", "fay", "2024-02-23 09:00:00")
    assert made_shop.make(["sessions", *REPORTS], 23).success
    return made_shop


def test_confirmed_suspects_are_spared_the_second_look(suspected_shop: MadeShop) -> None:
    state, first = suspected_shop.state(), suspected_shop.stale()
    assert (first.days, len(first.confirmed)) == (stale_only(), 5 + 8)
    for number in range(20, 29):
        suspected_shop.file("sessions", number).unlink()  # whoever looks again finds no journeys at all

    def looked_at_again(scope: Scope) -> Stale:
        return stale_days(suspected_shop.tables, state, WINDOWS, 0.01, scope)

    assert looked_at_again(ALL).days == stale_only(journeys=days(24, 27), channel_reporting=days(22, 24, 26))
    spared = looked_at_again(Scope(confirmed=first.confirmed))
    assert spared.days == stale_only()
    assert spared.confirmed == first.confirmed


def test_what_was_confirmed_is_looked_at_again_when_an_input_changes(suspected_shop: MadeShop) -> None:
    first = suspected_shop.stale()
    suspected_shop.session("a3", "ann", "2024-02-23 09:00:00", cost=None)
    assert suspected_shop.make(["sessions"], 23).success
    again = suspected_shop.stale(Scope(confirmed=first.confirmed))
    assert again.days["journeys"] == days(24)
    assert len(again.confirmed) == 4 + 9  # four of the five journeys, and the reports, also of the 23rd
    assert not again.confirmed & first.confirmed


def test_what_is_no_longer_suspected_is_no_longer_remembered(suspected_shop: MadeShop) -> None:
    first = suspected_shop.stale()
    assert suspected_shop.make(["journeys"], 23, 25).success
    again = suspected_shop.stale(Scope(confirmed=first.confirmed))
    assert len(again.confirmed) == 2 + 8
    assert again.confirmed < first.confirmed


def test_the_latest_suspects_are_looked_at_first_and_the_others_in_later_rounds(suspected_shop: MadeShop) -> None:
    suspected_shop.session("a3", "ann", "2024-02-23 09:30:00")
    suspected_shop.make(["sessions", *REPORTS], 23)
    confirmed: frozenset[str] = frozenset()
    found = []
    for _ in range(4):
        stale = suspected_shop.stale(Scope(confirmed=confirmed, most_verified=2))
        confirmed = frozenset(stale.confirmed)
        found.append((stale.days["journeys"], len(confirmed)))
    # journeys: 26 and 27; 24 and 25; then 23 and, as long as it is stale, 24 again. Reports: two more each time
    assert found == [(set(), 2 + 2), (days(24), 3 + 4), (days(24), 4 + 6), (days(24), 4 + 8)]


def test_days_that_wait_for_corrections_keep_no_other_from_being_looked_at(made_shop: MadeShop) -> None:
    made_shop.order("o4", "ann", "2024-02-28 08:00:00")
    made_shop.order("o5", "ann", "2024-02-28 09:00:00", -1.0)
    made_shop.order("o6", "ann", "2024-02-25 09:00:00")
    made_shop.make(["conversions"], 25, 28)
    assert made_shop.stale(Scope(most_verified=1)).days["journeys"] == days(25)
    everything = made_shop.stale()
    assert everything.days == stale_only(journeys=days(25), channel_reporting=days(25))
    assert everything.blocked == {"journeys": days(28), "channel_reporting": days(28)}


def test_what_needs_no_look_is_found_whatever_the_bound(made_shop: MadeShop) -> None:
    made_shop.sql("DELETE FROM attribution_day")
    all_days = days(*range(20, 29))
    assert made_shop.stale(Scope(most_verified=1)).days == stale_only(
        ihc_attributions=all_days, channel_reporting=all_days
    )


def test_missing_sessions_come_before_journeys_these_before_reports() -> None:
    by_asset = stale_only(
        journeys=days(24), ihc_attributions=days(24), channel_reporting=days(22), channel_reporting_csv=days(21)
    )
    assert next_stages(Stale(by_asset, missing={"sessions": days(18, 19)}), WINDOWS) == [stage(("sessions",), 18, 19)]
    assert next_stages(Stale(by_asset), WINDOWS) == [stage(ATTRIBUTION, 24)]
    reports = stale_only(channel_reporting=days(22), channel_reporting_csv=days(21))
    assert next_stages(Stale(reports), WINDOWS) == [stage(REPORTS, 21, 22)]


def test_adjacent_days_are_one_stage_and_days_to_be_attributed_only_are_stages_of_their_own() -> None:
    stale = Stale(stale_only(journeys=days(20, 21, 24), ihc_attributions=days(21, 22, 23)))
    assert next_stages(stale, WINDOWS) == [
        stage(ATTRIBUTION, 20, 21),
        stage(ATTRIBUTION, 24),
        stage(ATTRIBUTION[1:], 22, 23),
    ]


def test_a_report_waits_for_the_stale_orders_that_can_credit_it_and_for_no_others() -> None:
    stale = Stale(stale_only(ihc_attributions=days(25), channel_reporting=days(20, 21, 25, 26)))
    assert next_stages(stale, WINDOWS) == [
        stage(ATTRIBUTION[1:], 25),
        stage(REPORTS, 20),
        stage(REPORTS, 26),
    ]
