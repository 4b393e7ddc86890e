"""The page for marketing in a real browser over real stored days: what it shows is what the report says."""

import csv
import datetime as dt
import io
import json
import re
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.files.locations import location
from attribution_assets.attribution.reporting.report_file import write_report
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.dashboard.offered import MODEL_NAMES
from attribution_assets_tests.support.browser import needs_chromium
from attribution_assets_tests.support.dashboard_pages import DAYS, LONG, SCRIPT, WEEK, channels, orders, rows
from attribution_assets_tests.support.dashboard_server import running_dashboard
from attribution_assets_tests.support.stored_results import LOOKBACK_DAYS

pytestmark = needs_chromium

HEADINGS = ["cost", "ihc", "ihc_revenue"]


def report_file(shown_days: AssetStorage, folder: Path, first: str, last: str) -> list[dict[str, str]]:
    """The rows of the CSV file that the command would write for these days."""
    days = shown_days.days("channel_reporting", days_between(dt.date.fromisoformat(first), dt.date.fromisoformat(last)))
    path = location(str(folder / "report.csv"))
    write_report(pd.concat([frame for _, frame in days.frames()], ignore_index=True), path)
    return list(csv.DictReader(io.StringIO(path.read_text())))


def figures(cost: Decimal | Fraction, orders: Decimal | Fraction, revenue: Decimal | Fraction) -> list[str]:
    """The cells of a channel: cost, orders, revenue, CPO, ROAS."""
    cells = [cost, orders, revenue, cost / orders if orders else None, revenue / cost if cost else None]
    return ["-" if cell is None else f"{float(cell):,.2f}" for cell in cells]


def download(page: Page, name: str) -> list[dict[str, str]]:
    """The rows of the file behind a link to a download."""
    with page.expect_download() as started:
        page.get_by_role("link", name=f"{name}{'' if name.startswith('By week') else '”'} as CSV").click()
    return list(csv.DictReader(io.StringIO(started.value.path().read_bytes().decode())))


def choices(page: Page) -> dict[str, str]:
    """What the page's address says."""
    return dict(parse_qsl(urlsplit(page.url).query))


def test_channels_and_totals_are_the_sums_of_the_csv_file(page: Page, shown_days: AssetStorage, tmp_path: Path) -> None:
    page.goto(f"/?{WEEK}")
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal()] * 3)
    for row in report_file(shown_days, tmp_path, "2024-03-01", "2024-03-07"):
        for name in (row["channel_name"], "Total"):
            sums[name] = [total + Decimal(row[heading]) for total, heading in zip(sums[name], HEADINGS, strict=True)]
    expected = {name: figures(*of_channel) for name, of_channel in sums.items()}
    shown = channels(page)
    assert {name.strip(): cells for name, cells in shown.items()} == {
        readable(name).strip(): cells for name, cells in expected.items() if name != "Total"
    }
    assert channels(page, "tfoot") == {"Total": expected["Total"]}
    tiles = page.locator(".totals .figure").all_inner_texts()
    assert [*tiles[:3], *tiles[4:6]] == expected["Total"]
    profit = sums["Total"][2] - sums["Total"][0]
    assert [tiles[3], *channels(page, "tfoot", "Profit")["Total"]] == [f"{profit:+,.2f}"] * 2
    assert [shown["Display"], shown["Search"]] == [
        ["251.75", "6.20", "581.47", "40.60", "2.31"],
        ["36.40", "9.80", "630.98", "3.71", "17.33"],
    ]


def test_the_download_by_day_has_the_digits_of_the_csv_file(
    page: Page, shown_days: AssetStorage, tmp_path: Path
) -> None:
    page.goto(f"/?{WEEK}")
    names = {"orders": "ihc", "revenue": "ihc_revenue"}
    found, report = (
        download(page, "By day and channel"),
        report_file(shown_days, tmp_path, "2024-03-01", "2024-03-07"),
    )
    about = {"model": "ihc", "date_basis": "touch_date", "first_day": "2024-03-01", "last_day": "2024-03-07"}
    about |= {"provisional": "no", "attributed_by": "embedded"}
    assert len(found) == len(report) > 0
    for row, of_report in zip(found, report, strict=True):
        assert dict(list(row.items())[:6]) == about
        mine = {names.get(key, key): value for key, value in row.items() if key not in {*about, "profit"}}
        assert mine.keys() == of_report.keys()
        for key, text in of_report.items():
            assert mine[key] == (text if key in ("channel_name", "date") or not text else repr(round(float(text), 9)))


def test_each_table_can_be_had_as_a_file_with_the_rows_shown(page: Page) -> None:
    page.goto(f"/?{WEEK}&model=linear&sort=channel&goal_cpo=40")
    shown = channels(page)
    saved = download(page, "What each channel cost and earned")
    assert [readable(row["channel_name"]).strip() for row in saved] == [name.strip() for name in shown]
    assert [f"{float(row['cost']):.2f}" for row in saved] == [cells[0] for cells in shown.values()]
    assert {row["channel_name"]: row["verdict"] for row in saved} == {
        "Display": "misses CPO goal of 40.00",
        "Search": "meets goals",
        SCRIPT: "meets goals",
        LONG: "loses money; misses CPO goal of 40.00",
    }
    for name in ("All chosen channels by day", "IHC against last touch by channel", "Orders without credit by reason"):
        if name.startswith("All"):
            page.get_by_text("The figures of these charts, as a table").click()
        assert len(download(page, name)) > 0
    page.goto(f"/journeys?{WEEK}")
    for link in page.locator(".download a[href*='/journeys/'][href*=csv]").all():
        with page.expect_download() as started:
            link.click()
        assert len(started.value.path().read_text().splitlines()) > 1


OF_COST = re.compile("cost|profit|cpo|roas", re.IGNORECASE).search
"""Columns that nothing is known of where only some orders count: the page leaves them out."""


@pytest.mark.parametrize(
    "path",
    [
        f"/?{WEEK}&metric=roas&overlay=both&margin=60&goal_cpo=40&by=week",
        "/?days=all&metric=revenue&split=share&model=last_touch",
        "/?days=all&metric=orders&grouped=yes&order.market=%28none%29",
        "/journeys?days=all",
        "/journeys?days=all&grouped=yes&model=linear",
    ],
)
def test_every_number_of_every_table_is_that_of_its_file(browser: Browser, where_all_is: str, path: str) -> None:
    with browser.new_context(base_url=where_all_is) as context:
        page = context.new_page()
        page.goto(path)
        names = page.locator("table[id]:not(#channels):not(#goals)").evaluate_all("all => all.map(table => table.id)")
        assert len(names) >= 4
        for name in names:
            link = page.locator(f"a[href*='/{name}.csv']").get_attribute("href")
            lines = csv.reader(io.StringIO(context.request.get(f"{where_all_is}{link}").text()))
            shown = page.locator(f"#{name} tbody tr").evaluate_all(
                "all => all.map(row => [...row.cells].map(cell => cell.textContent.trim()))"
            )
            heads, *saved = list(lines)
            start = heads.index("attributed_by") + 1
            start += sum(head in ("of_orders", "of_channels") for head in heads)
            of_page = [place for place in range(start, len(heads)) if "order." not in path or not OF_COST(heads[place])]
            assert len(saved) == len(shown) > 0
            for cells, row in zip(shown, saved, strict=True):
                written = [_as_shown(row[place], cell) for place, cell in zip(of_page, cells, strict=False)]
                assert written == cells


def _as_shown(text: str, cell: str) -> str:
    """What a value of a file is on the page, with as many decimal places as a cell has."""
    if cell == "-":
        return "-" if not text or float(text) == 0 else text
    try:
        number = float(text)
    except ValueError:
        return readable(text).strip()
    if cell.endswith("%"):
        return f"{number:.1%}"
    written = f"{number:{'+' if cell[0] == '+' else ''},.{len(cell.partition('.')[2])}f}"
    return written if number else written.lstrip("+-")


def test_a_page_is_a_spreadsheet_with_the_numbers_of_its_tables_and_says_what_it_is(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    with page.expect_download() as started:
        page.get_by_role("link", name="XLSX", exact=True).first.click()
    assert started.value.suggested_filename == "overview_ihc_touch_date_2024-03-01_2024-03-07_embedded.xlsx"
    book = load_workbook(io.BytesIO(started.value.path().read_bytes()))
    assert book.sheetnames == ["channels", "over_time", "weekdays", "comparison", "phases", "unattributed", "by_day"]
    heads, *found = book["channels"].iter_rows(values_only=True)
    of_channel = {row[6]: dict(zip(heads, row, strict=True)) for row in found}
    shown = {name: of[:2] for name, of in channels(page, "tbody", "Cost", "Profit").items()}
    assert {
        readable(name).strip(): [f"{of['cost']:,.2f}", f"{of['profit']:+,.2f}"] for name, of in of_channel.items()
    } == {name.strip(): cells for name, cells in shown.items()}
    assert heads[:6] == ("model", "date_basis", "first_day", "last_day", "provisional", "attributed_by")


def test_a_file_of_days_that_orders_can_still_change_is_called_provisional(page: Page) -> None:
    page.goto("/?days=7&model=linear")
    with page.expect_download() as started:
        page.get_by_role("link", name="“By day and channel” as CSV").click()
    assert started.value.suggested_filename == (
        "by_day_linear_touch_date_2024-03-08_2024-03-14_provisional_embedded.csv"
    )
    rows_of_file = csv.DictReader(io.StringIO(started.value.path().read_bytes().decode()))
    provisional = {row["date"]: row["provisional"] for row in rows_of_file}
    assert provisional == {str(day): "yes" if day in DAYS[-LOOKBACK_DAYS:] else "no" for day in DAYS[-7:]}


def test_whole_weeks_are_exported_for_marketing_mix_models(page: Page) -> None:
    page.goto("/?days=all")
    found = download(page, "By week for marketing-mix models")
    assert [row["time"] for row in found] == ["2024-02-26", "2024-03-04"]
    assert list(found[0])[:5] == ["time", "geo", "orders", "revenue", "revenue_per_order"]
    week = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 3))
    placed = [order for order in orders() if order.day in week]
    assert (int(found[0]["orders"]), float(found[0]["revenue"])) == (
        len(placed),
        pytest.approx(sum(order.revenue for order in placed)),
    )
    visits = [visit for order in orders() for visit in order.visits if visit.day in week and visit.channel == "Display"]
    assert (int(found[0]["Display_visits"]), float(found[0]["Display_spend"])) == (
        len(visits),
        pytest.approx(sum(visit.cost for visit in visits)),
    )


def test_changes_are_told_against_the_period_before_and_only_if_all_of_it_is_reported(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    said = page.locator("main").inner_text()
    assert "against the 7 days before, 2024-02-23 to 2024-02-29, at equal age" in said
    assert "By then the days before had" not in said
    cost = page.locator(".totals > div").first
    assert cost.inner_text().split("\n") == ["Cost", "295.60", "▼ -6.3%, was 315.60"]
    assert page.locator(".totals > div").last.inner_text().split("\n") == [
        "Orders without credit", "10.5%", "2 of 19 orders placed", "+5.3 points, was 5.3%",
    ]  # fmt: skip
    page.goto("/?first=2024-02-22&last=2024-02-28")
    assert (
        "No changes are shown against the 7 days before: not all days of both periods have a report."
        in page.locator("main").inner_text()
    )
    assert page.locator(".totals .change").all_inner_texts() == [""] * 7


def test_model_and_date_basis_decide_where_credit_counts(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    page.get_by_label("Attribution model").select_option("last touch")
    page.get_by_label("Credit counts").select_option("by conversion date")
    page.get_by_role("button", name="Show", exact=True).first.click()
    page.wait_for_url("**model=last_touch**")
    assert choices(page) == {
        "first": "2024-03-01", "last": "2024-03-07", "model": "last_touch", "basis": "conversion_date",
    }  # fmt: skip
    week = days_between(dt.date(2024, 3, 1), dt.date(2024, 3, 7))
    last = [(order.visits[-1].channel, order.revenue) for order in orders() if order.day in week and order.visits]
    cells = channels(page)
    for channel in ("Search", "Display"):
        revenues = [Fraction(str(revenue)) for name, revenue in last if name == channel]
        assert cells[channel][1:3] == [str(len(revenues)), f"{float(sum(revenues)):,.2f}"]


def test_an_address_can_be_kept_and_shows_the_same_again(page: Page, browser: Browser, address: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="last 7 days").click()
    page.wait_for_url("**days=7")
    page.get_by_label("Compare IHC with").select_option("Markov chain")
    page.get_by_role("button", name="Show").last.click()
    page.wait_for_url("**against=markov**")
    assert choices(page) == {"days": "7", "against": "markov"}
    with browser.new_context(base_url=address) as another:
        other = another.new_page()
        other.goto(page.url)
        assert other.locator("main").inner_text() == page.locator("main").inner_text()
        assert "IHC against Markov chain by channel" in other.locator("#comparison caption").inner_text()


def test_what_misses_a_goal_is_marked_with_words(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    assert [said for [said] in channels(page, "tbody", "Verdict").values()] == ["✗ loses money", "", "", ""]
    page.get_by_label("Goal: CPO at most").fill("40")
    page.get_by_label("ROAS at least").first.fill("2.5")
    page.get_by_role("button", name="Set goals").click()
    page.wait_for_url("**goal_cpo=40**")
    cells = channels(page, "tbody", "CPO", "ROAS", "Verdict")
    assert cells["Display"] == ["40.60", "2.31", "✗ misses CPO goal of 40.00; misses ROAS goal of 2.50"]
    assert cells["Search"] == ["3.71", "17.33", "✓ meets goals"]
    assert "2 of 4 channels miss a goal." in page.locator("p.verdict").nth(1).inner_text()
    page.get_by_text("Goals of single channels: none").click()
    page.get_by_label("CPO goal of Display").fill("50")
    page.get_by_label("ROAS goal of Display").fill("2")
    page.get_by_role("button", name="Set these goals").click()
    page.wait_for_url("**goal_cpo.Display=50**")
    assert channels(page, "tbody", "Verdict")["Display"] == ["✓ meets goals"]


def test_a_verdict_that_the_model_changes_is_told_in_words(page: Page) -> None:
    page.goto(f"/?{WEEK}&goal_cpo=50")
    assert page.locator(".moves li").all_inner_texts()[1] == (
        "Display looks too expensive by last touch (CPO 125.88, goal 50.00) and meets the goal by IHC (CPO 40.60)."
    )
    assert rows(page.locator("#comparison"))["Display"] == [
        "251.75", "2", "6.20", "+4.20", "-91.75", "329.72", "125.88", "40.60", "0.64", "2.31",
    ]  # fmt: skip


def test_channels_are_sorted_by_any_column(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    page.get_by_role("link", name="Orders", exact=True).click()
    page.wait_for_url("**sort=-orders*")
    assert list(channels(page))[:2] == ["Search", "Display"]
    assert page.locator("#channels thead th[aria-sort]").evaluate_all(
        "all => all.map(e => [e.innerText, e.ariaSort])"
    ) == [["Orders ▼", "descending"]]
    page.get_by_role("link", name="Orders", exact=True).click()
    page.wait_for_url("**sort=orders*")
    assert list(channels(page))[-2:] == ["Display", "Search"]


def test_only_chosen_channels_are_shown(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    page.get_by_text("Channels: all of 4").click()
    page.get_by_role("checkbox", name="Search").check()
    page.get_by_role("button", name="Show these channels").click()
    page.wait_for_url("**channel=Search**")
    assert list(channels(page)) == ["Search"]
    assert page.locator(".totals .figure").first.inner_text() == channels(page)["Search"][0]


def test_provisional_days_are_dashed_and_a_partial_week_is_an_open_circle(page: Page) -> None:
    page.goto("/?days=all")
    assert _values(page, "revenue", "final")[-LOOKBACK_DAYS - 1] is not None
    assert _values(page, "revenue", "final")[-LOOKBACK_DAYS:] == [None] * LOOKBACK_DAYS
    assert None not in _values(page, "cost", "final")
    dashed = page.locator("#chart-revenue .drawing svg path[stroke-dasharray='5,4']")
    dashed.wait_for()
    assert dashed.get_attribute("d")
    assert "dashed: provisional" in page.locator(".legend").inner_text()
    notes = {row["period"]: row["note"] for row in _over_time(page)}
    assert {day for day, note in notes.items() if note} == {str(day) for day in DAYS[-LOOKBACK_DAYS:]}
    page.goto("/?first=2024-02-26&last=2024-03-05&by=week")
    assert None not in _values(page, "revenue", "final")
    partial = _values(page, "revenue", "partial")
    assert [value is None for value in partial] == [True, False]
    assert page.locator("#chart-revenue .latest").inner_text() == f"latest {_values(page, 'revenue', 'value')[0]:,.2f}"
    assert page.locator(".legend").inner_text().strip() == "open circle: partial week, not all of its days are shown"
    assert {row["period"]: row["note"] for row in _over_time(page)} == {"2024-02-26": "", "2024-03-04": "partial week"}
    page.goto("/?days=all&basis=conversion_date")
    assert None not in _values(page, "revenue", "final")


def _values(page: Page, chart: str, name: str) -> list[float | None]:
    """The values of a chart's rows, as they stand in the page."""
    spec = json.loads(page.locator(f"#chart-{chart} script").text_content() or "")
    return [row[name] for row in spec["datasets"]["rows"]]


def test_a_chart_of_several_lines_has_the_numbers_of_its_table(page: Page) -> None:
    page.goto(f"/?{WEEK}")
    page.get_by_label("Chart of").select_option("Orders")
    page.get_by_role("button", name="Show").nth(2).click()
    page.wait_for_url("**metric=orders**")
    spec = json.loads(page.locator("#chart-compared script").text_content() or "")
    drawn = spec["datasets"]["rows"]
    page.get_by_text("The figures of this chart, as a table").click()
    saved = download(page, "Orders, by day")
    assert [(row["series"], row["t"], row["value"]) for row in saved] == [
        (row["series"], row["t"], "" if row["value"] is None else repr(round(row["value"], 9))) for row in drawn
    ]
    sums = {name: sum(row["value"] or 0 for row in drawn if row["series"] == name) for name in ("Display", "Search")}
    assert {name: f"{total:,.2f}" for name, total in sums.items()} == {
        name: channels(page)[name][1] for name in ("Display", "Search")
    }
    page.goto(f"/?{WEEK}&metric=orders&split=model")
    models = json.loads(page.locator("#chart-compared script").text_content() or "")["datasets"]["rows"]
    assert {row["series"] for row in models} == set(MODEL_NAMES.values()) - {"Markov chain"}
    page.goto(f"/?{WEEK}&metric=roas&split=share")
    assert "ROAS has no shares: those of the revenue are shown." in page.locator("main").inner_text()


def test_a_value_is_read_by_keyboard_and_shown_by_touch(browser: Browser, address: str) -> None:
    with browser.new_context(base_url=address, has_touch=True, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"/?{WEEK}")
        drawing = page.locator("#chart-cost .drawing[tabindex='0']")
        drawing.wait_for()
        drawing.focus()
        page.keyboard.press("ArrowLeft")
        last = channels_on(page, "2024-03-07")
        assert page.locator("#chart-cost output").inner_text() == f"2024-03-07, {last}"
        drawing.scroll_into_view_if_needed()
        drawing.tap(position={"x": 60, "y": 60})
        page.locator("#chart-cost output", has_text=re.compile("2024-03-0[1-3], ")).wait_for()


def channels_on(page: Page, day: str) -> str:
    """The cost of a day in the table behind the charts."""
    page.get_by_text("The figures of these charts, as a table").click()
    return rows(page.locator("#over_time"))[day][0]


def test_a_chart_is_a_file_and_stands_in_the_page_without_script(browser: Browser, address: str) -> None:
    with browser.new_context(base_url=address, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/?{WEEK}")
        picture = page.locator("#chart-cost noscript img")
        answer = page.request.get(picture.get_attribute("src") or "")
        assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml; charset=utf-8")
        assert "<svg" in answer.text()
        png = page.request.get(f"/chart/overview/cost.png?{WEEK}")
        assert png.body().startswith(b"\x89PNG")
        assert [page.request.get(f"/chart/{path}").status for path in ("overview/x.svg", "x/cost.svg")] == [404, 404]


def test_what_the_visits_of_a_week_have_earned_is_shown_by_age(page: Page) -> None:
    page.goto("/journeys?days=all")
    found = download(page, "What the visits of each week have earned")
    assert [row["week"] for row in found] == ["2024-02-26", "2024-03-04"]
    shown = rows(page.locator("#cohorts"))
    for row in found:
        assert shown[row["week"]] == [f"{float(row[name]):,.2f}" for name in ("cost", "roas_1", "revenue_1")]


def _over_time(page: Page) -> list[dict[str, str]]:
    page.get_by_text("The figures of these charts, as a table").click()
    return download(page, f"All chosen channels by {'week' if 'by=week' in page.url else 'day'}")


def test_orders_without_credit_are_told_by_reason(page: Page) -> None:
    page.goto("/?days=all")
    assert rows(page.locator("#unattributed")) == {"no visit in the lookback window": ["5", "50.00"]}


def test_visits_whose_orders_are_still_to_come_are_left_out_of_their_roas(page: Page, shown_days: AssetStorage) -> None:
    section = page.locator("section[aria-labelledby=since-heading]")
    with running_dashboard(shown_days, lookback_days=8) as address:
        page.goto(f"{address}/journeys?first=2024-03-06&last=2024-03-14")
        assert "7 days after (visits until 2024-03-07). Of later visits" in section.inner_text()
        # of the 6th and the 7th: each day a visit before one of Search, on the 6th one by itself
        assert rows(page.locator("#since_touch"))["Display"] == ["80.50", "2.20", "200.42", "2.49"]
        page.goto(f"{address}/journeys?first=2024-03-08&last=2024-03-14")
        assert "7 and 30 days after is not known yet" in section.inner_text()
        assert page.locator("#since_touch").count() == 0


def test_a_name_is_text_and_never_markup(page: Page) -> None:
    page.goto(f"/?{WEEK}&metric=cost")
    assert page.title() == "Cost and return | Marketing channels"
    assert SCRIPT in channels(page)
    page.goto(f"/journeys?{WEEK}")
    assert SCRIPT in page.locator("#paths").inner_text()
    assert page.title() == "Journeys | Marketing channels"
