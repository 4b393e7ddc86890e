"""What the visits of each week have earned 1, 2, ... days after."""

import datetime as dt
import tempfile
from collections.abc import Iterator

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.results.cohorts import weekly_cohorts
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets_tests.support.stored_results import Order, Visit, store_results

FIRST, LAST = dt.date(2024, 2, 23), dt.date(2024, 3, 19)
DAYS = days_between(FIRST, LAST)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def storage() -> Iterator[AssetStorage]:
    """Each day a visit of Search at 2 brings 10 at once, and one of Video at 3 brings 20 two days later."""
    orders = [Order(day, 10.0, (Visit(day, "Search", 2.0),), (1.0,)) for day in DAYS]
    orders += [Order(day + 2 * DAY, 20.0, (Visit(day, "Video", 3.0),), (1.0,)) for day in DAYS[:-2]]
    with tempfile.TemporaryDirectory() as folder:
        stored = AssetStorage(folder)
        store_results(stored, DAYS, orders)
        yield stored


def cells(frame: pd.DataFrame) -> list[list[object]]:
    return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()


def test_whole_weeks_have_what_they_had_earned_at_each_age_that_all_their_visits_have_reached(
    storage: AssetStorage,
) -> None:
    found = weekly_cohorts(storage, FIRST, LAST, lookback_days=4, ages=(1, 3, 30))
    assert found.columns.tolist() == [
        "week", "cost", "orders_1", "revenue_1", "roas_1", "orders_3", "revenue_3", "roas_3",
    ]  # fmt: skip
    assert cells(found) == [
        ["2024-02-26", 35.0, 7.0, 70.0, 2.0, 14.0, 210.0, 6.0],
        ["2024-03-04", 35.0, 7.0, 70.0, 2.0, 14.0, 210.0, 6.0],
        ["2024-03-11", 35.0, 7.0, 70.0, 2.0, None, None, None],
    ]


def test_only_chosen_channels_count(storage: AssetStorage) -> None:
    found = weekly_cohorts(storage, FIRST, DAYS[10], lookback_days=4, channels=["Video"], ages=(3,))
    assert cells(found) == [["2024-02-26", 21.0, 7.0, 140.0, pytest.approx(6.666666667)]]


def test_without_a_whole_week_or_an_age_within_the_window_there_is_nothing_of_it(storage: AssetStorage) -> None:
    assert weekly_cohorts(storage, FIRST, DAYS[6], lookback_days=4).empty
    assert weekly_cohorts(storage, FIRST, LAST, lookback_days=4, ages=(30,)).columns.tolist() == ["week", "cost"]
