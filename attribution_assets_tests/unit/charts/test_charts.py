"""Bar charts: what is drawn of each number, what stands beside it, and that any text is only text."""

from base64 import b64decode
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from attribution_assets.charts.bars import BarChart, Series, amount, column_chart, percent
from attribution_assets.charts.rendering import svg
from attribution_assets.charts.style import ORANGE


def chart(*values: float | None, names: Sequence[str] = (), mark: float | None = None, limit: float = 1e99) -> BarChart:
    """A chart of one series."""
    rows = names or [f"row {number}" for number in range(len(values))]
    return BarChart("Cost, 2024-02-26", rows, [[Series("cost", values)]], amount, mark, limit)


def rows(drawn: BarChart) -> list[tuple[Any, ...]]:
    """(panel, series, row, length, text) of each bar."""
    names = ("panel", "series", "row", "bar", "text")
    return [tuple(row[name] for name in names) for row in drawn.spec()["datasets"]["rows"]]


def texts(drawn: BarChart) -> list[str]:
    """All texts in the image."""
    elements = ET.fromstring(svg(drawn.spec())).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own
    return [element.text or "" for element in elements]


def test_each_number_has_a_bar_and_its_text() -> None:
    drawn = chart(10.0, 5.0, 0.0)
    assert [row[2:] for row in rows(drawn)] == [("row 0", 10.0, "10.00"), ("row 1", 5.0, "5.00"), ("row 2", 0.0, "0")]
    assert {"Cost, 2024-02-26", "row 0", "cost", "10.00", "5.00"} <= set(texts(drawn))


def test_series_of_a_panel_and_panels_have_one_scale() -> None:
    panels = [[Series("cost", [8.0], ORANGE), Series("revenue", [4.0])], [Series("more", [1.0])]]
    drawn = BarChart("Cost and revenue", ["a"], panels, amount)
    assert rows(drawn) == [
        ("cost", "cost", "a", 8.0, "8.00"), ("cost", "revenue", "a", 4.0, "4.00"), ("more", "more", "a", 1.0, "1.00"),
    ]  # fmt: skip
    ends = [panel["layer"][0]["encoding"]["x"]["scale"]["domain"] for panel in drawn.spec()["hconcat"]]
    assert ends[0] == ends[1]
    assert ends[0][0] == 0


@pytest.mark.parametrize("values", [(), (0.0, 0.0), (1e15, 1e-9), (None, 2.0)])
def test_any_numbers_can_be_drawn(values: Sequence[float | None]) -> None:
    drawn = chart(*values)
    assert [row[4] for row in rows(drawn)] == ["n/a" if value is None else amount(value) for value in values]
    assert "Cost, 2024-02-26" in texts(drawn)


def test_the_scale_reaches_to_the_mark_where_all_numbers_are_below() -> None:
    [panel] = chart(0.5, mark=1).spec()["hconcat"]
    bars, rule = panel["layer"]
    assert bars["encoding"]["x"]["scale"]["domain"][1] > 1
    assert rule["encoding"] == {"x": {"datum": 1}}


def test_a_bar_beyond_the_limit_is_cut_off_and_shows_it() -> None:
    assert [row[3:] for row in rows(chart(1000.0, 4.0, limit=4))] == [(4, "1,000 \N{RIGHTWARDS ARROW}"), (4.0, "4.00")]


@pytest.mark.parametrize("name", ["<script>&\"'", "a]b) ![x](y) `c` *d* |_e_", "&lt;", "\\", "é 日本 \U0001f600"])
def test_any_name_is_shown_as_it_is(name: str) -> None:
    drawn = BarChart(name, [name], [[Series(name, [1.0])]], amount)
    assert texts(drawn).count(name) == 3
    assert image_in(drawn) == (f"{name}, {name}: {name} 1.00", svg(drawn.spec()))


def test_characters_that_no_image_may_hold_are_shown_as_escapes() -> None:
    assert r"a\x00b\r\n\tc\u202e" in texts(chart(1.0, names=["a\x00b\r\n\tc\u202e"]))


def test_names_that_look_alike_when_they_are_cut_keep_rows_of_their_own() -> None:
    names = [f"{'A very long name ' * 3}{number}{' and its end' * 3}" for number in range(2)]
    assert len({row[2] for row in rows(chart(1.0, 2.0, names=names))}) == 2


def test_the_words_give_each_rows_numbers_in_the_order_of_the_series() -> None:
    panel = [Series("cost", [8.0, 2.0], ORANGE), Series("revenue", [4.0, None])]
    drawn = BarChart("Cost and revenue", ["a", "b"], [panel], amount)
    assert drawn.in_words() == "Cost and revenue, cost / revenue: a 8.00 / 4.00; b 2.00 / n/a"


def test_columns_stand_in_the_order_of_their_rows() -> None:
    drawn = svg(column_chart([{"label": name, "value": 1.0, "note": ""} for name in ("Wed", "Mon", "Tue")]))
    assert drawn.index(">Wed<") < drawn.index(">Mon<") < drawn.index(">Tue<")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.00421, "0.0042"),
        (0.1, "0.10"),
        (12.3, "12.30"),
        (99.99, "99.99"),
        (99.996, "100"),
        (1234.5, "1,234"),
        (999_499, "999,499"),
        (999_500, "1M"),
        (1_234_000, "1.23M"),
        (999.6e6, "1bn"),
        (12.3e12, "12.3tn"),
        (1.2345e15, "1,234tn"),
    ],
)
def test_amounts_are_written_in_few_characters(value: float, written: str) -> None:
    assert amount(value) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0, "0.0%"), (1e-9, "<0.1%"), (0.0005, "0.1%"), (0.1234, "12.3%"), (1, "100.0%")]
)
def test_a_share_is_written_as_zero_only_if_it_is(value: float, written: str) -> None:
    assert percent(value) == written


def image_in(drawn: BarChart) -> tuple[str, str]:
    """The words and the SVG of the image that is all that a Markdown parser finds in the chart's Markdown."""
    parser = MarkdownIt("commonmark")
    parser.validateLink = lambda _: True  # type: ignore[method-assign]  # it allows no image/svg+xml by itself
    [_, paragraph, _] = parser.parse(drawn.markdown())
    [image] = paragraph.children or []
    prefix, _, encoded = str(image.attrs["src"]).partition(",")
    assert (image.type, prefix) == ("image", "data:image/svg+xml;base64")
    return image.content and "".join(child.content for child in image.children or []), b64decode(encoded).decode()
