"""What becomes stale of the comparisons, and what has to be right before a Markov chain is made."""

from dataclasses import replace

import pytest

from attribution_assets.attribution.freshness import records
from attribution_assets.attribution.freshness.repair import next_stages
from attribution_assets.attribution.freshness.staleness import Scope, Stale
from attribution_assets_tests.support.made_shop import (
    ATTRIBUTION,
    CHAINS,
    COMPARISONS,
    WINDOWS,
    MadeShop,
    day,
    days,
    stage,
    stale_only,
)


def test_another_direct_channel_makes_only_the_models_stale_whose_rows_it_changes(made_shop: MadeShop) -> None:
    direct = replace(WINDOWS, direct_channels=frozenset({"search"}))
    assert made_shop.stale(windows=direct).days == stale_only(model_comparison=days(24))  # o1: Display, then Search


def test_a_missing_table_of_the_orders_is_made_anew_alone(made_shop: MadeShop) -> None:
    made_shop.file("channel_roles", 24).unlink()
    stale = made_shop.stale()
    assert stale.days == stale_only(channel_roles=days(24), comparison_csv=days(24))
    assert next_stages(stale, WINDOWS) == [stage(COMPARISONS, 24)]
    made_shop.make_next(stale)
    assert not made_shop.stale()


def test_a_missing_chain_is_made_anew_with_its_files(made_shop: MadeShop) -> None:
    made_shop.file("markov_comparison", 25).unlink()
    stale = made_shop.stale()
    assert stale.days == stale_only(markov_comparison=days(25), comparison_csv=days(25))
    assert next_stages(stale, WINDOWS) == [stage(CHAINS, 25)]
    made_shop.make_next(stale)
    assert not made_shop.stale()


def test_paths_of_other_orders_make_the_chains_of_their_window_stale_and_no_later_ones(made_shop: MadeShop) -> None:
    made_shop.sql("UPDATE session_sources SET channel_name = 'Social' WHERE session_id = 'a1'")
    assert made_shop.make([*("sessions", "conversions"), *ATTRIBUTION], 20, 24).success
    assert made_shop.stale().days["markov_comparison"] == days(24, 25, 26, 27, 28)
    assert made_shop.make(CHAINS, 24, 28).success
    assert not made_shop.stale().days["markov_comparison"]


def test_a_chain_waits_for_the_paths_of_its_whole_window() -> None:
    stale = Stale(stale_only(conversion_paths=days(21), markov_comparison=days(20, 25, 26)))
    assert next_stages(stale, WINDOWS) == [stage(COMPARISONS, 21), stage(CHAINS, 20), stage(CHAINS, 26)]
    stale = Stale(stale_only(journeys=days(21), markov_comparison=days(20, 25, 26)))
    assert next_stages(stale, WINDOWS) == [stage(ATTRIBUTION, 21), stage(CHAINS, 20), stage(CHAINS, 26)]


def test_rejected_sessions_do_not_hold_up_comparisons_of_stored_attributions(made_shop: MadeShop) -> None:
    made_shop.session("bad", "eve", "2024-02-23 25:00:00")
    assert not made_shop.make(["sessions"], 23).success
    made_shop.file("channel_roles", 24).unlink()
    assert made_shop.stale().days["channel_roles"] == days(24)


def test_attributions_whose_orders_are_no_longer_stored_are_left_alone(made_shop: MadeShop) -> None:
    made_shop.file("conversions", 24).unlink()
    assert not any(made_shop.stale().days[asset] for asset in COMPARISONS)


def test_files_are_made_of_the_tables_that_are_there_and_anew_when_the_others_come(made_shop: MadeShop) -> None:
    made_shop.file("channel_roles", 25).unlink()
    assert made_shop.make(CHAINS, 24, 26).success
    assert made_shop.stale().days == stale_only(channel_roles=days(25))
    assert made_shop.make(COMPARISONS, 25).success
    assert made_shop.stale().days == stale_only(comparison_csv=days(25))
    made_shop.make_next(made_shop.stale())
    assert not made_shop.stale()


def test_chains_are_looked_at_a_lookback_window_beyond_the_scope(made_shop: MadeShop) -> None:
    for number in range(20, 29):
        made_shop.file("markov_comparison", number).unlink()
    stale = made_shop.stale(Scope(within=(day(21), day(22))))
    assert stale.days == stale_only(**dict.fromkeys(CHAINS, days(*range(21, 27))))


def test_what_other_rules_made_is_looked_at_again(made_shop: MadeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "COMPARISON_VERSION", "of another release")
    stale = made_shop.stale()
    assert stale.days == stale_only(markov_comparison=days(*range(20, 29)))
    assert len(stale.confirmed) == 3 * 9
