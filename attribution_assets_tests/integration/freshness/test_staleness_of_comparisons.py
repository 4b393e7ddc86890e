"""What becomes stale of the comparisons: one asset with three tables."""

import shutil
from dataclasses import replace

import pytest

from attribution_assets.attribution.freshness import records
from attribution_assets.attribution.freshness.repair import next_stages
from attribution_assets.attribution.storage.stored_days import names_of
from attribution_assets_tests.support.made_shop import (
    COMPARISONS,
    WINDOWS,
    MadeShop,
    day,
    days,
    stage,
    stale_only,
)

TABLES = names_of("model_comparison")


def test_another_direct_channel_makes_only_the_models_stale_whose_rows_it_changes(made_shop: MadeShop) -> None:
    direct = replace(WINDOWS, direct_channels=frozenset({"search"}))
    assert made_shop.stale(windows=direct).days == stale_only(model_comparison=days(24))  # o1: Display, then Search


@pytest.mark.parametrize("table", TABLES)
def test_a_day_without_one_of_its_tables_is_made_anew(made_shop: MadeShop, table: str) -> None:
    held = made_shop.tables.days(table, [day(24)]).frame(day(24))
    made_shop.file(table, 24).unlink()
    stale = made_shop.stale()
    assert stale.days == stale_only(model_comparison=days(24))
    assert next_stages(stale, WINDOWS) == [stage(COMPARISONS, 24)]
    made_shop.make_next(stale)
    assert made_shop.tables.days(table, [day(24)]).frame(day(24)).equals(held)
    assert not made_shop.stale()


@pytest.mark.parametrize("table", TABLES[1:])
def test_a_table_of_another_day_in_the_place_of_one_makes_the_day_stale(made_shop: MadeShop, table: str) -> None:
    shutil.copy(made_shop.file(table, 27), made_shop.file(table, 24))
    assert made_shop.stale().days == stale_only(model_comparison=days(24))


def test_rejected_sessions_do_not_hold_up_comparisons_of_stored_attributions(made_shop: MadeShop) -> None:
    made_shop.session("bad", "eve", "2024-02-23 25:00:00")
    assert not made_shop.make(["sessions"], 23).success
    made_shop.file("model_comparison", 24).unlink()
    assert made_shop.stale().days["model_comparison"] == days(24)


def test_attributions_whose_orders_are_no_longer_stored_are_left_alone(made_shop: MadeShop) -> None:
    made_shop.file("conversions", 24).unlink()
    assert not made_shop.stale().days["model_comparison"]


def test_what_other_rules_made_is_looked_at_again(made_shop: MadeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "COMPARISON_VERSION", "of another release")
    stale = made_shop.stale()
    assert stale.days == stale_only()
    assert len(stale.confirmed) == 9
