"""Charts over time: what is defined can be drawn, as SVG, PNG and by the script that the page loads."""

import json
import re
import sys
from collections.abc import Callable

import pytest

from attribution_assets.charts import rendering
from attribution_assets.charts.over_time import series_chart, share_chart, single_chart
from attribution_assets.charts.rendering import drawing, png, script, script_name, svg
from attribution_assets.charts.style import Spec

ROWS = [
    {
        "t": f"2024-03-0{day}",
        "label": f"2024-03-0{day}",
        "value": day,
        "final": day,
        "share": 0.5,
        "rank": 0,
        "note": "",
    }
    for day in range(1, 8)
]
NAMES = ["<b>Search</b>", "Display"]
SERIES = [{**row, "series": name} for name in NAMES for row in ROWS]


@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        (single_chart(ROWS), ["2024-03-0"]),
        (series_chart(SERIES, NAMES), ["&lt;b&gt;Search&lt;/b&gt;", "Display"]),
        (share_chart(SERIES, NAMES), ["100%", "Display"]),
    ],
)
def test_a_chart_can_be_drawn_and_its_names_are_text(spec: Spec, texts: list[str]) -> None:
    drawn = svg(spec)
    assert [text for text in texts if text not in drawn] == []
    assert "<b>" not in drawn


@pytest.mark.parametrize("spec", [single_chart, lambda rows, marks: series_chart(rows, NAMES, marks)])
def test_annotations_stand_at_their_day_with_their_number(spec: Callable[..., Spec]) -> None:
    marked, plain = (svg(spec(SERIES, marks)) for marks in ([{"t": "2024-03-03", "number": "17"}], []))
    assert (marked.count(">17<"), plain.count(">17<")) == (1, 0)
    json.dumps(spec(SERIES, []))


def test_a_value_between_gaps_is_drawn_as_a_point() -> None:
    none = {"value": None, "final": None}
    day, two, gaps = ROWS[:1], ROWS[:2], [{**ROWS[0], **none}, ROWS[1], {**ROWS[2], **none}, ROWS[3]]
    for rows, points in ((day, 1), (two, 0), (gaps, 2)):
        assert [row["alone"] for row in single_chart(rows)["datasets"]["rows"]].count(None) == len(rows) - points
        of_series = [{**row, "series": name} for name in NAMES for row in rows]
        drawn = series_chart(of_series, NAMES)
        assert [row["alone"] for row in drawn["datasets"]["rows"]].count(None) == 2 * (len(rows) - points)
    circles = [svg(single_chart(rows)).count('"M2.739,0A') for rows in (two, day)]  # by half the root of 30
    assert circles == [0, 1]


def test_a_chart_is_a_picture_too() -> None:
    assert png(single_chart(ROWS)).startswith(b"\x89PNG")


def test_the_script_is_whole_and_its_name_has_its_version() -> None:
    assert "vegaEmbed" in script()
    assert script_name().startswith("vega-")


def test_a_process_beside_draws_the_same_and_once_it_has_ended_this_one_does() -> None:
    def without_numbers(drawn: str) -> str:  # of parts that refer to each other, counted on from chart to chart
        return re.sub(r"(clip|gradient)\d+", r"\1", drawn)

    chart = single_chart(ROWS)
    with drawing() as draw:
        assert without_numbers(draw(chart)) == without_numbers(svg(chart))
        with pytest.raises(ValueError, match="conversion failed"):
            draw({"mark": 5})
        assert without_numbers(draw(chart)) == without_numbers(svg(chart))


def test_a_chart_is_drawn_though_no_process_can_be_started_or_it_ends_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    chart = single_chart(ROWS)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        with drawing() as draw:
            assert "2024-03-0" in draw(chart)
    monkeypatch.setattr(rendering, "_DRAW", "import sys; sys.stdin.readline(); sys.stdout.write('\"<svg')")
    with drawing() as draw:
        assert "2024-03-0" in draw(chart)
