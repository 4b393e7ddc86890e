"""The charts as SVG and as Markdown: how long each bar is, what stands beside it, and that any text is only text."""

import re
from base64 import b64decode
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from attribution_assets.charts.bars import BLUE, ORANGE, BarChart, Series, amount, percent

WHITE, DARK = "#fff", "#222"
LONGEST = 376
"""Of a chart with one panel."""


def chart(*values: float | None, names: Sequence[str] = (), mark: float | None = None, limit: float = 1e99) -> BarChart:
    """A chart of one series."""
    rows = names or [f"row {number}" for number in range(len(values))]
    return BarChart("Cost, 2024-02-26", rows, [[Series("cost", values)]], amount, mark, limit)


def paths(drawn: BarChart, color: str) -> list[str]:
    """What is drawn in a colour."""
    elements = ET.fromstring(drawn.svg()).iter("{http://www.w3.org/2000/svg}path")  # noqa: S314 - our own
    return [element.attrib["d"] for element in elements if element.attrib["stroke"] == color]


def bars(drawn: BarChart, color: str = BLUE) -> list[list[tuple[float, float, float]]]:
    """(left, middle, length) of each bar of each series in a colour, without the square of the legend."""
    found = [re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", path)[1:] for path in paths(drawn, color)]
    return [[(float(left), float(middle), float(length)) for left, middle, length in bars] for bars in found]


def texts(drawn: BarChart) -> list[str | None]:
    """All texts in turn: title, names of the rows, then of each series its name and its numbers."""
    elements = ET.fromstring(drawn.svg()).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own
    return [element.text for element in elements]


def test_the_largest_number_has_the_longest_bar_and_the_others_are_in_proportion() -> None:
    drawn = chart(10.0, 5.0, 0.0, 1.0)
    assert bars(drawn) == [[(160, 49.5, LONGEST), (160, 65.5, LONGEST / 2), (160, 97.5, LONGEST / 10)]]
    assert texts(drawn)[5:] == ["cost", "10.00", "5.00", "0", "1.00"]


def test_series_of_a_panel_stand_below_each_other_on_one_scale() -> None:
    panel = [Series("cost", [8.0, 2.0], ORANGE), Series("revenue", [4.0, 0.0])]
    drawn = BarChart("Cost and revenue", ["a", "b"], [panel], amount)
    assert bars(drawn, ORANGE) == [[(160, 49.5, 376), (160, 76.5, 94)]]
    assert bars(drawn, BLUE) == [[(160, 60.5, 188)]]


def test_panels_stand_beside_each_other_on_one_scale() -> None:
    panels = [[Series(name, [value])] for name, value in (("initializer", 1.0), ("holder", 0.5), ("closer", 0.25))]
    drawn = BarChart("Phases", ["a"], panels, percent)
    assert bars(drawn) == [[(160, 49.5, 88)], [(304, 49.5, 44)], [(448, 49.5, 22)]]
    assert texts(drawn) == ["Phases", "a", "initializer", "100.0%", "holder", "50.0%", "closer", "25.0%"]


def test_a_chart_of_zeros_has_no_bars() -> None:
    drawn = chart(0.0, 0.0)
    assert bars(drawn) == [[]]
    assert texts(drawn)[3:] == ["cost", "0", "0"]


def test_a_chart_without_rows_has_its_title_and_legend() -> None:
    assert bars(chart()) == [[]]
    assert texts(chart()) == ["Cost, 2024-02-26", "cost"]


def test_a_single_row_has_the_longest_bar_whatever_its_number() -> None:
    assert bars(chart(1e-9)) == bars(chart(1e18)) == [[(160, 49.5, LONGEST)]]


def test_a_tiny_number_beside_a_huge_one_is_told_by_its_text() -> None:
    drawn = chart(1e15, 1e-9)
    assert bars(drawn) == [[(160, 49.5, LONGEST), (160, 65.5, 0)]]
    assert texts(drawn)[4:] == ["1,000tn", "1e-09"]


def test_a_number_that_there_is_not_has_no_bar_and_says_so() -> None:
    drawn = chart(None, 2.0)
    assert bars(drawn) == [[(160, 65.5, LONGEST)]]
    assert texts(drawn)[4:] == ["n/a", "2.00"]


def test_the_mark_is_a_line_at_its_place_on_the_scale() -> None:
    assert paths(chart(2.0, 0.5, mark=1), DARK) == [f"M{160 + LONGEST // 2} 41V79"]


def test_the_scale_reaches_to_the_mark_where_all_numbers_are_below() -> None:
    drawn = chart(0.5, mark=1)
    assert paths(drawn, DARK) == [f"M{160 + LONGEST} 41V63"]
    assert bars(drawn) == [[(160, 49.5, LONGEST / 2)]]


def test_a_bar_beyond_the_limit_is_cut_off_and_shows_it_and_the_others_keep_their_scale() -> None:
    drawn = chart(1000.0, 4.0, 2.0, limit=4)
    assert bars(drawn) == [[(160, 49.5, LONGEST), (160, 65.5, LONGEST), (160, 81.5, LONGEST / 2)]]
    assert paths(drawn, WHITE) == ["M524 55.5l5-12"]
    assert texts(drawn)[5:] == ["1,000", "4.00", "2.00"]
    assert paths(chart(4.0, limit=4), WHITE) == []


@pytest.mark.parametrize("name", ["<script>&\"'", "a]b) ![x](y) `c` *d* |_e_", "&lt;", "\\", "é 日本 \U0001f600"])
def test_any_name_is_shown_as_it_is(name: str) -> None:
    drawn = BarChart(name, [name], [[Series(name, [1.0])]], amount)
    assert texts(drawn) == [name, name, name, "1.00"]
    [title] = ET.fromstring(drawn.svg()).iter("{http://www.w3.org/2000/svg}title")  # noqa: S314 - our own
    assert title.text == name
    assert image_in(drawn) == (f"{name}, {name}: {name} 1.00", drawn.svg())


def test_characters_that_no_image_may_hold_are_shown_as_escapes() -> None:
    assert texts(chart(1.0, names=["a\x00b\r\n\tc\u202e"]))[1] == r"a\x00b\r\n\tc\u202e"
    assert texts(chart(1.0, names=["d\ufffe\ud800"]))[1] == r"d\ufffe\ud800"


def test_a_long_name_keeps_its_start_and_its_end() -> None:
    assert texts(chart(1.0, names=["Campaign of the year 2024"]))[1] == "Campaign of the year 2024"
    assert texts(chart(1.0, names=["Campaign of the year 2024, north"]))[1] == "Campaign of … 2024, north"
    assert texts(chart(1.0, names=["広告" * 10]))[1] == "広告広告広告…広告広告広告"


def test_the_words_give_each_rows_numbers_in_the_order_of_the_series() -> None:
    panel = [Series("cost", [8.0, 2.0], ORANGE), Series("revenue", [4.0, None])]
    drawn = BarChart("Cost and revenue", ["a", "b"], [panel], amount)
    assert drawn.in_words() == "Cost and revenue, cost / revenue: a 8.00 / 4.00; b 2.00 / n/a"


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
