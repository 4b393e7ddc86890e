"""A last day that is set when later days are already stored: these are kept, and nothing that is shown is of them."""

import datetime as dt
from pathlib import Path

import pytest

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.results.channel_results import results_by_day
from attribution_assets.attribution.results.order_results import placed_over, time_lags, unattributed_over
from attribution_assets.attribution.results.result_days import (
    DateBasis,
    compared_days,
    final_and_provisional_days,
    known_until,
    reported_days,
)
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.command.current_status import current_status
from attribution_assets.resources import Resources, resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.made_shop import MadeShop, day, days

FIRST, LAST = day(20), day(28)


@pytest.fixture
def ends_on_the_25th(made_shop: MadeShop) -> MadeShop:
    """A shop whose days from the 20th to the 28th are stored."""
    made_shop.set(ATTRIBUTION_END_DATE="2024-02-25")
    return made_shop


def resources() -> Resources:
    return resources_of(Settings.from_environment())


def seen() -> list[dt.date]:
    return reported_days(resources().storage.tables())


def stored_files(shop: MadeShop) -> set[Path]:
    return set((shop.folder / "data/assets").rglob("*.parquet"))


@pytest.mark.usefixtures("ends_on_the_25th")
def test_results_by_channel_end_with_it() -> None:
    storage = resources().storage.tables()
    assert reported_days(storage)[-1] == day(24)  # the last one with rows
    for basis, last_with_cost in ((DateBasis.TOUCH, "2024-02-24"), (DateBasis.CONVERSION, "2024-02-24")):
        assert compared_days(storage, FIRST, LAST, lookback_days=4, basis=basis)[-1] == day(25)
        found = results_by_day(storage, FIRST, LAST, lookback_days=4, model="linear", basis=basis)
        assert (found["date"].max(), found["revenue"].sum()) == (last_with_cost, 90.0)
    assert final_and_provisional_days(storage, FIRST, LAST, 4, day(25)) == (sorted(days(20, 21, 22, 23, 24, 25)), [])
    assert known_until(storage, FIRST, LAST, 4, day(25)) == day(25)


@pytest.mark.usefixtures("ends_on_the_25th")
def test_results_by_order_end_with_it() -> None:
    storage = resources().storage.tables()
    assert placed_over(storage, FIRST, LAST) == (1, 90.0)
    assert unattributed_over(storage, FIRST, LAST).empty
    assert time_lags(storage, FIRST, LAST)["orders"].sum() == 1


@pytest.mark.usefixtures("ends_on_the_25th")
def test_status_ends_with_it_and_names_the_reports_that_its_orders_alone_shape() -> None:
    status, other_settings = current_status(resources())
    assert {asset: max(stored) for asset, stored in status.stored.items()} == dict.fromkeys(always_in_use(), day(25))
    assert (other_settings, max(status.final)) == (set(), day(25))
    assert all(stale <= days(20, 21, 22, 23, 24, 25) for stale in status.stale.days.values())


def test_what_is_stored_of_later_days_is_kept_and_shown_again_without_it(made_shop: MadeShop) -> None:
    files, before = stored_files(made_shop), seen()
    made_shop.set(ATTRIBUTION_END_DATE="2024-02-25")
    assert made_shop.run("2024-02-20", "2024-02-25").exit_code == 0
    assert seen() == before[: before.index(day(24)) + 1]
    assert stored_files(made_shop) == files
    made_shop.set(ATTRIBUTION_END_DATE="2024-02-28")
    assert seen() == before


def test_days_are_found_one_by_one_or_all_at_once_up_to_the_last_day(made_shop: MadeShop) -> None:
    bounded = AssetStorage(str(made_shop.folder / "data/assets"), last_day=day(21))
    for stored in (bounded.days("sessions", days(20, 21, 22)), bounded.all_days("sessions")):
        assert [*stored.files] == [day(20), day(21)]
    assert bounded.days("sessions", days(21, 22)).missing == [day(22)]
