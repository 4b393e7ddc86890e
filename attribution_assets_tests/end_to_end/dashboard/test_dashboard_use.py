"""The page in a real browser: what it says of itself, who can use it, and what it shows while runs write."""

import datetime as dt
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets_tests.support.browser import needs_chromium
from attribution_assets_tests.support.dashboard_pages import DAYS, FIRST, LONG, WEEK, channels, orders
from attribution_assets_tests.support.dashboard_server import running_dashboard
from attribution_assets_tests.support.stored_results import Order, Visit, store_results

pytestmark = needs_chromium

API = "https://api.example.com/compute_ihc"


# What it says of itself


def test_the_embedded_model_is_named_and_the_api_is_not_taken_for_it(page: Page, browser: Browser) -> None:
    for path in ("/", "/journeys"):
        page.goto(path)
        assert (
            page.locator("div.banner").inner_text().startswith("Attributed by the embedded model, not by the IHC API.")
        )
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        store_results(storage, DAYS[:6], [order for order in orders() if order.day in DAYS[:6]], answered_by=API)
        with running_dashboard(storage) as address, browser.new_context(base_url=address) as context:
            answered = context.new_page()
            answered.goto("/")
            assert answered.locator("div.banner").count() == 0
            assert f"Attributed by {API}." in answered.locator("main").inner_text()


def test_without_any_report_it_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    with running_dashboard(AssetStorage(str(tmp_path))) as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        for path in ("/", "/journeys"):
            page.goto(path)
            assert page.get_by_role("heading").inner_text() == "There are no reports yet"
            assert "attribution-assets demo" in page.locator("main").inner_text()


def test_a_day_that_cannot_be_read_is_told_of_without_a_stack_trace(browser: Browser, tmp_path: Path) -> None:
    storage = AssetStorage(str(tmp_path))
    store_results(storage, [FIRST], [Order(FIRST, 10.0, (Visit(FIRST, "Search", 1.0),), (1.0,))])
    (tmp_path / "channel_reporting" / f"{FIRST}.parquet").write_bytes(b"no Parquet file")
    with running_dashboard(storage) as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        response = page.goto("/")
        assert response is not None
        assert response.status == 503
        assert page.get_by_role("heading").inner_text() == "The stored days cannot be read"
        assert f"{FIRST}.parquet" in page.get_by_role("alert").inner_text()
        assert "Traceback" not in page.content()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("first=2024-13-01", "'2024-13-01' is not a date written YYYY-MM-DD."),
        ("first=2024-3-1", "'2024-3-1' is not a date written YYYY-MM-DD."),
        ("first=2024-03-07&last=2024-03-01", "The days end on 2024-03-01, before they start on 2024-03-07."),
        ("first=2020-01-01&last=2020-01-31", "There are reports from 2024-02-20 to 2024-03-14 only."),
        ("goal_cpo=cheap", "'cheap' is not a goal: it takes a number above 0."),
        ("model=guess", "model can be ihc, first_touch, last_touch"),
        ("days=<b>", "The days can be 7, 30, 90, week, month, all, not '<b>'."),
    ],
)
def test_what_cannot_be_shown_is_said_in_words(page: Page, query: str, words: str) -> None:
    response = page.goto(f"/?{query}")
    assert response is not None
    assert response.status == 400
    assert words in page.get_by_role("alert").inner_text()
    assert page.locator("#channels").count() == 1


# Who can use it


@pytest.mark.parametrize(
    ("path", "scheme", "width"),
    [
        (f"/?{WEEK}&metric=cost&overlay=both", "light", 1280),
        (f"/?{WEEK}&metric=cost&split=share&channel=Search", "dark", 390),
        (f"/?{WEEK}&order.market=%28none%29&grouped=yes", "light", 390),
        ("/?first=x&goal_cpo=40", "dark", 1280),
        ("/journeys?days=all", "dark", 1280),
        ("/journeys?days=all", "light", 390),
        ("/health", "light", 1280),
        ("/health", "dark", 390),
        ("/views/none", "light", 390),
    ],
)
def test_no_rule_of_accessibility_is_broken(
    browser: Browser, where_all_is: str, path: str, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    with browser.new_context(
        base_url=where_all_is,
        color_scheme=scheme,  # type: ignore[arg-type] # one of its literals
        viewport=size,  # type: ignore[arg-type] # a size
        bypass_csp=True,
    ) as context:
        page = context.new_page()
        page.goto(path)
        for summary in page.locator("summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_all_is_saved_and_deleted_by_keyboard_in_place(browser: Browser, where_all_is: str) -> None:
    with browser.new_context(base_url=where_all_is, viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        loaded: list[str] = []
        page.on("load", lambda at: loaded.append(at.url))
        page.goto(f"/?{WEEK}&model=linear")
        page.locator("#annotate summary").focus()
        page.keyboard.press("Enter")
        page.locator("#annotation-text").focus()
        page.keyboard.type("sale")
        page.locator("#annotation-day").fill("2024-03-03")
        page.keyboard.press("Enter")
        page.get_by_text("2024-03-03: sale").wait_for()
        written = [" ".join(text.split()) for text in page.locator("ol.saved li").all_inner_texts()]
        assert written == ["2024-03-03: sale Delete", "2024-03-05: price raised Delete"]
        page.locator("#saved summary").focus()
        page.keyboard.press("Enter")
        page.locator("#view-name").focus()
        page.keyboard.type("Linear week")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Linear week").wait_for()
        page.locator("#goal_cpo").fill("30")
        page.keyboard.press("Enter")
        page.wait_for_url("**goal_cpo=30**")
        page.get_by_role("button", name="Save these goals and this margin for all links").focus()
        page.keyboard.press("Enter")
        page.get_by_text("These are the saved goals").wait_for()
        assert page.url.endswith(f"/?{WEEK}&model=linear")
        page.get_by_role("button", name="Delete the annotation sale").focus()
        page.keyboard.press("Enter")
        page.get_by_text("2024-03-03: sale").wait_for(state="detached")
        page.get_by_role("link", name="Monday").focus()
        assert len(loaded) == 1
        page.keyboard.press("Enter")
        page.wait_for_url("**/?days=7")


def test_orders_groups_and_what_to_compare_with_are_chosen_by_keyboard(browser: Browser, where_all_is: str) -> None:
    with browser.new_context(base_url=where_all_is) as context:
        page = context.new_page()
        page.goto(f"/?{WEEK}")
        for name in ("orders-1", "grouped", "compare"):
            page.locator(f"#{name}").focus()
            page.keyboard.press("ArrowDown")
        page.locator("#choices .fields button").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{WEEK}&compare=year&order.market=%28none%29&grouped=yes")
        assert "Paid" in channels(page)
        assert page.locator("#channels thead th").all_inner_texts() == ["Channel", "Orders", "Revenue"]


def test_what_is_taken_is_told_of(browser: Browser, where_all_is: str) -> None:
    with browser.new_context(base_url=where_all_is) as context:
        page = context.new_page()
        page.goto("/")
        page.locator("#saved summary").click()
        page.locator("#view-name").fill("Monday")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert "There is already one called “Monday”" in page.get_by_role("alert").inner_text()
        page.get_by_role("link", name="Back to the page").click()
        page.locator("#channels").wait_for()


def test_the_keyboard_reaches_everything_in_order_and_works_it(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("(e => e.id || e.name || e.innerText || e.ariaLabel)(document.activeElement)")
        if not reached or reached[-1] != name:
            reached.append(name)
    order = ["Skip to the content", "Cost and return", "Journeys", "Health", "first", "last", "model", "basis"]
    order += ["compare", "Show"]
    order += ["last 7 days", "last 30 days", "last 90 days", "last full week", "last full month", "all days"]
    order += ["Channels: all of 4", "goal_cpo", "goal_roas", "margin", "Set goals"]
    assert reached[: len(order)] == order
    assert {"by", "Profit ▲", "Orders"} <= set(reached)
    outline = page.locator("#goal_cpo").evaluate(
        "e => (e.focus({focusVisible: true}), getComputedStyle(e).outlineStyle)"
    )
    assert outline == "solid"
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    page.wait_for_url("**goal_cpo=40**")
    page.get_by_text("Channels: all of 4").focus()
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="Display").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Show these channels").focus()
    page.keyboard.press("Space")
    page.wait_for_url("**channel=Display**")
    assert list(channels(page)) == ["Display"]
    assert page.evaluate("document.activeElement.innerText") == "Show these channels"
    page.reload()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**#content")


def test_what_one_changes_is_shown_in_place_and_where_one_is_stays(page: Page) -> None:
    loaded: list[str] = []
    page.on("load", lambda at: loaded.append(at.url))
    page.goto(f"/?{WEEK}")
    page.locator("#chart-roas .drawing svg").wait_for()
    page.get_by_text("The figures of these charts, as a table").click()
    page.get_by_label("Charts by").select_option("week")
    page.locator("#by").scroll_into_view_if_needed()
    button = page.locator("section[aria-labelledby=over-time-heading] button").first
    button.focus()
    place = page.evaluate("scrollY")
    assert place > 0
    page.keyboard.press("Enter")
    page.wait_for_url("**by=week")
    assert page.locator("#over_time").is_visible()
    assert page.locator("#over_time tbody th").all_inner_texts() == ["2024-02-26", "2024-03-04"]
    assert abs(page.evaluate("scrollY") - place) <= 1
    assert button.evaluate("button => button === document.activeElement")
    page.locator("#chart-roas .drawing svg").wait_for()
    page.go_back()
    page.wait_for_url(f"**/?{WEEK}")
    page.locator("#over_time tbody th").nth(6).wait_for()
    assert len(loaded) == 1


def test_an_answer_that_comes_late_does_not_take_the_place_of_a_later_one(page: Page) -> None:
    late: list[Route] = []
    page.goto("/")
    page.route("**/?days=7", lambda route: late.append(route))  # noqa: PLW0108 - Playwright takes no built-in
    page.get_by_role("link", name="last 7 days").click()
    page.get_by_role("link", name="all days").click()
    page.wait_for_url("**/?days=all")
    with page.expect_response("**/?days=7") as answered:
        late[0].continue_()
    answered.value.finished()
    page.evaluate("fetch('/static/page.css').then((answer) => answer.text())")  # the script has its answer before
    assert page.url.endswith("/?days=all")
    assert page.get_by_role("link", name="all days").get_attribute("aria-current") == "true"


def test_without_script_forms_and_links_load_pages(browser: Browser, address: str) -> None:
    with browser.new_context(base_url=address, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_role("link", name="last 7 days").click()
        page.wait_for_url("**/?days=7")
        page.locator("#goal_cpo").fill("40")
        page.get_by_role("button", name="Set goals").click()
        page.wait_for_url("**/?days=7&goal_cpo=40")
        assert page.locator("#channels").count() == 1


def test_a_narrow_screen_scrolls_no_page_sideways_with_sixty_long_names(browser: Browser, tmp_path: Path) -> None:
    storage = AssetStorage(str(tmp_path))
    names = [f"{number} {LONG}" for number in range(60)]
    many = [Order(FIRST, 20.0, (Visit(FIRST, name, 3.0),), (1.0,)) for name in names]
    store_results(storage, [FIRST], many)
    narrow = {"width": 390, "height": 844}
    with (
        running_dashboard(storage) as address,
        browser.new_context(base_url=address, viewport=narrow) as context,  # type: ignore[arg-type] # a size
    ):
        page = context.new_page()
        for path in ("/?metric=cost&goal_cpo=2&by=week", "/journeys"):
            page.goto(path)
            for summary in page.locator("summary").all():
                summary.click()
            assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.goto("/")
        assert len(channels(page)) == 60


def test_no_other_host_is_asked_for_anything(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/?{WEEK}&metric=cost")
    page.goto("/journeys")
    assert len(asked) >= 4
    assert [url for url in asked if not url.startswith(f"{address}/")] == []


def test_a_phone_shows_name_verdict_profit_cpo_and_roas_of_each_channel_without_scrolling(
    browser: Browser, address: str
) -> None:
    narrow = {"width": 390, "height": 844}
    with browser.new_context(base_url=address, viewport=narrow) as context:  # type: ignore[arg-type] # a size
        page = context.new_page()
        page.goto(f"/?{WEEK}&goal_cpo=40")
        assert page.locator("#channels").evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
        for row in page.locator("#channels tbody tr").all():
            for cell in row.locator("th, .verdict, [data-label=Profit], [data-label=CPO], [data-label=ROAS]").all():
                box = cell.bounding_box()
                assert box is not None
                assert 0 <= box["x"] < box["x"] + box["width"] <= 390
        assert page.get_by_role("table", name="What each channel cost and earned").count() == 1
        assert page.locator("#channels").get_by_role("rowheader", name="Search").is_visible()


def test_goals_stay_on_the_way_through_every_page(page: Page) -> None:
    page.goto("/?goal_cpo=40&margin=50&days=7")
    for name in ("Journeys", "Health", "Journeys", "Cost and return"):
        page.get_by_label("Pages").get_by_role("link", name=name).click()
        page.wait_for_load_state()
        assert page.url.endswith("?days=7&margin=50&goal_cpo=40")
    page.get_by_role("link", name="link to just 2024-03-08 to 2024-03-14").click()
    page.wait_for_url("**first=2024-03-08&last=2024-03-14&margin=50&goal_cpo=40")


def test_each_page_says_until_when_it_has_data_and_warns_if_that_is_old(browser: Browser, tmp_path: Path) -> None:
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    for days_ago, warning in ((0, 0), (9, 1)):
        day = yesterday - dt.timedelta(days=days_ago)
        storage = AssetStorage(str(tmp_path / str(days_ago)))
        store_results(storage, [day], [Order(day, 10.0, (Visit(day, "Search", 1.0),), (1.0,))])
        with running_dashboard(storage) as address, browser.new_context(base_url=address) as context:
            page = context.new_page()
            for path in ("/", "/journeys", "/health"):
                page.goto(path)
                assert page.locator(".stamp").inner_text().startswith(f"Data until {day}, written 20")
                assert page.locator(".old").count() == warning


def test_amounts_have_their_currency_where_it_is_set(browser: Browser, shown_days: AssetStorage) -> None:
    with running_dashboard(shown_days, currency="CHF") as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        page.goto(f"/?{WEEK}")
        names = page.locator(".totals dt").all_inner_texts()
        assert names[:6] == [
            "Cost (CHF)", "Attributed orders", "Attributed revenue (CHF)", "Profit (CHF)", "CPO (CHF)", "ROAS",
        ]  # fmt: skip
        assert "Revenue (CHF)" in page.locator("#channels thead").inner_text()


# While runs write


def test_what_a_run_has_written_is_there_on_reload(browser: Browser, tmp_path: Path) -> None:
    storage = AssetStorage(str(tmp_path))
    days = DAYS[:2]
    with running_dashboard(storage) as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        for revenue in (10.0, 20.0, 35.0):
            store_results(storage, days, [Order(days[0], revenue, (Visit(days[0], "Search", 1.0),), (1.0,))])
            page.goto("/")
            assert channels(page)["Search"] == [
                "1.00",
                "1.00",
                f"{revenue:.2f}",
                "1.00",
                f"{revenue:.2f}",
            ]


def test_days_that_are_replaced_while_the_page_is_reloaded_are_shown_as_one_write_left_them(
    browser: Browser, tmp_path: Path
) -> None:
    storage = AssetStorage(str(tmp_path))
    day = DAYS[0]
    store_results(storage, [day], [Order(day, 20.0, (Visit(day, "Search", 2.0),), (1.0,))])
    versions = [_report(day, cost) for cost in (2.0, 4.0)]
    shown: set[tuple[str, str]] = set()
    with running_dashboard(storage) as address, browser.new_context(base_url=address) as context:
        page = context.new_page()
        for number in range(8):
            page.goto("/", wait_until="commit")
            for again in range(5):
                beside = {"unattributed_orders": _no_orders_left()}
                storage.write("channel_reporting", DayTable(day, versions[(number + again) % 2], {}, beside))
            page.wait_for_load_state()
            cells = channels(page)["Search"]
            shown.add((cells[0], cells[2]))
    assert shown <= {("2.00", "20.00"), ("4.00", "40.00")}
    assert shown


def _report(day: dt.date, cost: float) -> pd.DataFrame:
    row = {"channel_name": "Search", "date": str(day), "cost": cost, "ihc": 1.0, "ihc_revenue": cost * 10}
    return pd.DataFrame([row])


def _no_orders_left() -> pd.DataFrame:
    times: Sequence[pd.Timestamp] = []
    empty = {"conv_id": [], "conversion_time": pd.to_datetime(times), "reason": [], "detail": [], "revenue": []}
    return pd.DataFrame(empty)
