"""The period before is compared at equal age: visits that earn the same have not changed, however recent they are."""

import dataclasses
import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.results.result_days import DateBasis
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.overview import Overview, overview
from attribution_assets.dashboard.reported_days import Reported
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets_tests.support.stored_results import LOOKBACK_DAYS, Order, Visit, store_results

DAYS = days_between(dt.date(2024, 2, 20), dt.date(2024, 3, 14))
DAY = dt.timedelta(days=1)


def orders() -> Iterator[Order]:
    """Each day's visit of Search brings an order at once, and that of Video one three days later."""
    for day in DAYS:
        yield Order(day, 30.0, (Visit(day, "Search", 10.0),), (1.0,))
        if day + 3 * DAY <= DAYS[-1]:
            yield Order(day + 3 * DAY, 25.0, (Visit(day, "Video", 20.0),), (1.0,))


@pytest.fixture(scope="module")
def stored() -> Iterator[StoredResults]:
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        too_recent = [Visit(day, "Video", 20.0) for day in DAYS[-3:]]
        store_results(storage, DAYS, orders(), too_recent)
        yield StoredResults(storage)


def shown(stored: StoredResults, last: dt.date = DAYS[-1], **more: object) -> Overview:
    reported = stored.reported()
    assert isinstance(reported, Reported)
    choices = Choices(last - 6 * DAY, last, None)
    return overview(stored, reported, dataclasses.replace(choices, **more), LOOKBACK_DAYS)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["ihc", "last_touch"])
def test_visits_that_earn_the_same_show_no_change_while_the_later_ones_are_not_ripe(
    stored: StoredResults, model: str
) -> None:
    page = shown(stored, model=model)
    assert [total.change for total in page.totals[:6]] == [0.0] * 6
    assert [total.provisional for total in page.totals[:6]] == [False, *[True] * 5]
    assert page.before.share_by_then == pytest.approx((7 * 30 + 4 * 25) / (7 * 30 + 7 * 25))
    channels = page.channels.frame.set_index("channel_name")
    assert channels.loc["Video", ["orders", "orders_before", "profit", "profit_before", "change"]].tolist() == [
        4.0,
        4.0,
        -40.0,
        -40.0,
        0.0,
    ]
    assert page.losing == "1 of 2 channels loses money so far: Video (-40.00)."


def test_ripe_periods_are_compared_as_they_stand(stored: StoredResults) -> None:
    page = shown(stored, DAYS[-1] - LOOKBACK_DAYS * DAY)
    assert [total.change for total in page.totals[:6]] == [0.0] * 6
    assert not any(total.provisional for total in page.totals)
    assert page.before.share_by_then is None
    assert page.losing == ""


def test_by_conversion_date_nothing_ripens(stored: StoredResults) -> None:
    page = shown(stored, basis=DateBasis.CONVERSION)
    assert [total.change for total in page.totals[:6]] == [0.0] * 6
    assert not any(total.provisional for total in page.totals)


def test_without_all_days_of_the_period_before_there_is_no_change_and_a_reason(stored: StoredResults) -> None:
    page = shown(stored, DAYS[10])
    assert page.before.why_not == "not all days of both periods have a report"
    assert [total.change for total in page.totals[:6]] == [None] * 6
    assert page.channels.frame["change"].isna().all()


def test_where_orders_of_a_day_between_are_not_attributed_there_is_no_change() -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        store_results(storage, DAYS, orders())
        for table in ("ihc_attributions", "model_comparison"):
            storage.days(table, [DAYS[-9]]).files[DAYS[-9]].unlink()
        page = shown(StoredResults(storage))
    assert page.before.why_not == "orders of some of these days are not attributed yet"


def test_the_same_weekdays_a_year_before_are_compared_at_equal_age(tmp_path: Path) -> None:
    year = dt.timedelta(days=364)
    days = [*days_between(DAYS[-1] - 6 * DAY - year, DAYS[-1] - year + 4 * DAY), *days_between(DAYS[-7], DAYS[-1])]
    storage = AssetStorage(str(tmp_path))
    placed = [Order(day, 30.0 if day < DAYS[0] else 45.0, (Visit(day, "Search", 10.0),), (1.0,)) for day in days]
    for part in (days[:-7], days[-7:]):
        store_results(storage, part, [order for order in placed if order.day in part])
    page = shown(StoredResults(storage), compare="year")
    assert page.before.why_not == ""
    assert [total.change for total in page.totals[:3]] == [0.0, 0.0, 0.5]
    assert shown(StoredResults(storage)).before.results is None
