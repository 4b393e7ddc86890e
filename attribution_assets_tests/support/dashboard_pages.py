"""The page for marketing in a browser, over made days: what its tests share. One browser and one server a module."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.saved import SavedThings
from attribution_assets_tests.support.browser import running_browser
from attribution_assets_tests.support.dashboard_server import running_dashboard
from attribution_assets_tests.support.stored_results import Order, Visit, store_results

FIRST, LAST = dt.date(2024, 2, 20), dt.date(2024, 3, 14)
DAYS = days_between(FIRST, LAST)
WEEK = "first=2024-03-01&last=2024-03-07"
SCRIPT = "<script>document.title='taken over'</script>"
LONG = "A channel with a very long name " * 8 + "X" * 120


def orders() -> Iterator[Order]:
    """Display opens what Search closes; every third day it brings an order by itself; some orders come from nowhere."""
    for place, day in enumerate(DAYS):
        display, search = Visit(day, "Display", 30.25), Visit(day, "Search", 2.1)
        yield Order(day, 100.35, (display, search), (0.6, 0.4))
        if place:
            yield Order(day, 50.0, (Visit(day - dt.timedelta(days=1), "Search", 1.0), search), (0.25, 0.75))
        if place % 3 == 0:
            yield Order(day, 80.0, (Visit(day, "Display", 20.0),), (1.0,))
        if place % 5 == 0:
            yield Order(day, 10.0)
        if place % 7 == 0:
            yield Order(day, 33.3, (Visit(day, SCRIPT, 5.0),), (1.0,))


NEVER_CREDITED = [Visit(day, LONG, 0.35) for day in DAYS]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def shown_days() -> Iterator[AssetStorage]:
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(f"{folder}/assets")
        store_results(storage, DAYS, orders(), NEVER_CREDITED)
        yield storage


@pytest.fixture(scope="module")
def address(shown_days: AssetStorage) -> Iterator[str]:
    with running_dashboard(shown_days) as running:
        yield running


@pytest.fixture
def where_all_is(shown_days: AssetStorage, tmp_path: Path) -> Iterator[str]:
    """The address of a page on which one may save, with saved things, and orders of which some can be chosen."""
    saved = SavedThings(f"sqlite:///{tmp_path}/saved.db", makes_file=True)
    now = dt.datetime(2024, 3, 15, tzinfo=dt.UTC)
    saved.save("goals", "", "goal_cpo=40&margin=60", now)
    saved.save("view", "Monday", "/?days=7", now)
    saved.save("group", "Paid", '["Display", "Search"]', now)
    saved.save("annotation", "2024-03-05 price raised", "", now)
    with running_dashboard(shown_days, saved=saved, allow_saving=True, order_dimensions=("market",)) as running:
        yield running


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """An empty page that resolves addresses by the server's."""
    with browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


FIGURES = ("Cost", "Orders", "Revenue", "CPO", "ROAS")


def channels(page: Page, part: str = "tbody", *names: str) -> dict[str, list[str]]:
    """The named figures of each channel (else `FIGURES`), without their changes."""
    found: list[tuple[str, dict[str, str]]] = page.locator(f"#channels {part} tr").evaluate_all(
        """all => all.map(row => [row.cells[0].innerText.trim(), Object.fromEntries([...row.cells].slice(1).map(
        cell => [cell.dataset.label || 'Verdict', cell.firstChild ? cell.firstChild.textContent.trim() : '']))])"""
    )
    return {name: [cells.get(figure, "") for figure in names or FIGURES] for name, cells in found}


def rows(table: Locator, part: str = "tbody") -> dict[str, list[str]]:
    """The cells of each row, by the row's heading."""
    found = table.locator(f"{part} tr").evaluate_all(
        "all => all.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return {heading: cells for heading, *cells in found}
