"""Answers of the page are kept until a stored day changes, those of narrowed days too."""

import datetime as dt
from pathlib import Path

from attribution_assets.attribution.results.channel_results import results_by_day
from attribution_assets.attribution.results.narrowed import Narrowing
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.stored_results import MOST_NARROWED, StoredResults
from attribution_assets_tests.support.stored_results import LOOKBACK_DAYS, Order, Visit, store_results

DAY = dt.date(2024, 3, 1)
NORTH = Narrowing({"market": "north"})


def store(storage: AssetStorage, revenue: float) -> None:
    orders = [
        Order(DAY, revenue, (Visit(DAY, "Search", 2.0),), (1.0,), {"market": place}) for place in ("north", "south")
    ]
    store_results(storage, [DAY], orders)


def test_narrowed_days_follow_the_stored_ones_and_have_no_cost_where_orders_are_chosen(tmp_path: Path) -> None:
    storage = AssetStorage(str(tmp_path))
    stored, found = StoredResults(storage), []
    for revenue in (10.0, 25.0):
        store(storage, revenue)
        stored.reported()
        for narrowing in (NORTH, Narrowing(groups={"Search": "Paid"}), Narrowing()):
            narrowed = stored.narrowed(narrowing, LOOKBACK_DAYS, ())
            rows = narrowed.ask(results_by_day, DAY, DAY, lookback_days=LOOKBACK_DAYS).fillna("unknown")
            found.append(rows[["channel_name", "cost", "revenue"]].to_numpy().tolist())
    assert found == [
        [["Search", "unknown", 10.0]], [["Paid", 4.0, 20.0]], [["Search", 4.0, 20.0]],
        [["Search", "unknown", 25.0]], [["Paid", 4.0, 50.0]], [["Search", 4.0, 50.0]],
    ]  # fmt: skip


def test_the_same_narrowing_is_made_once_and_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    storage = AssetStorage(str(tmp_path))
    store(storage, 10.0)
    stored = StoredResults(storage)
    stored.reported()
    first = stored.narrowed(NORTH, LOOKBACK_DAYS, ())
    assert stored.narrowed(Narrowing({"market": "north"}), LOOKBACK_DAYS, ()) is first
    assert stored.narrowed(Narrowing(), LOOKBACK_DAYS, ()) is stored
    for number in range(MOST_NARROWED):
        stored.narrowed(Narrowing({"market": str(number)}), LOOKBACK_DAYS, ())
    assert stored.narrowed(NORTH, LOOKBACK_DAYS, ()) is not first
