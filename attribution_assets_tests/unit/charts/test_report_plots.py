"""Which numbers of a report are drawn: the channels, their order, and what is left out."""

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pandas as pd

from attribution_assets.charts.report_plots import report_plots

Row = dict[str, Any]

COST = "Cost and attributed revenue by channel, 2024-02-26"
ROAS = "ROAS by channel, 2024-02-26"
PHASES = "Share of each phase by channel, 2024-02-26"


def report(rows: Sequence[Row]) -> pd.DataFrame:
    """A report; what a row does not name is 0."""
    numbers = dict.fromkeys(("cost", "ihc", "ihc_revenue", "initializer", "holder", "closer"), 0.0)
    return pd.DataFrame([numbers | row for row in rows], columns=["channel_name", *numbers])


def words(*rows: Row) -> list[str]:
    """The charts of these rows, in words."""
    found = re.findall(r"!\[(.*)\]\(data:", report_plots(report(rows), "2024-02-26"))
    return [re.sub(r"\\(.)", r"\1", one) for one in found]


def test_cost_and_revenue_roas_and_phases_are_drawn_with_totals_that_are_ratios_of_sums() -> None:
    search = {"channel_name": "Search", "cost": 10.0, "ihc_revenue": 15.0, "initializer": 3.0, "closer": 1.0}
    direct = {"channel_name": "Direct", "ihc_revenue": 5.0, "initializer": 1.0, "holder": 2.0, "closer": 1.0}
    assert words(search, direct) == [
        f"{COST}, cost (10.00 in all) / attributed revenue (20.00 in all): Search 10.00 / 15.00; Direct 0 / 5.00",
        f"{ROAS}, attributed revenue / cost (2.00 in all; the dashed line is at 1): Search 1.50; Direct n/a",
        f"{PHASES}, initializer / holder / closer: Search 75.0% / 0.0% / 50.0%; Direct 25.0% / 100.0% / 50.0%",
    ]


def test_the_channels_with_the_largest_sum_of_cost_and_revenue_come_first_then_by_name() -> None:
    rows = [("b", 1.0, 2.0), ("c", 0.0, 9.0), ("a", 2.0, 1.0), ("d", 5.0, 0.0)]
    [costs, *_] = words(*({"channel_name": name, "cost": cost, "ihc_revenue": earned} for name, cost, earned in rows))
    assert costs.split("all): ")[1] == "c 0 / 9.00; d 5.00 / 0; a 2.00 / 1.00; b 1.00 / 2.00"


def test_twelve_channels_are_drawn_each() -> None:
    [costs, _] = words(*({"channel_name": f"c{number:02}", "cost": 1.0} for number in range(12)))
    assert costs.split("all): ")[1] == "; ".join(f"c{number:02} 1.00 / 0" for number in range(12))


def test_of_more_than_twelve_channels_the_smaller_ones_are_summed() -> None:
    large = [{"channel_name": f"c{number:02}", "cost": 10.0, "closer": 1.0} for number in range(11)]
    small = [{"channel_name": f"s{n}", "cost": 1.0, "ihc_revenue": float(n), "closer": 3.0} for n in range(3)]
    costs, roas, phases = words(*small, *large)
    assert costs.split("; ")[10:] == ["c10 10.00 / 0", "3 others 3.00 / 3.00"]
    assert roas.split("; ")[-1] == "3 others 1.00"
    assert phases.split("; ")[-1] == "3 others n/a / n/a / 45.0%"


def test_without_cost_there_is_no_roas_to_draw_and_without_credit_no_phase() -> None:
    assert [one.split(",")[0] for one in words({"channel_name": "Direct", "ihc_revenue": 5.0, "closer": 1.0})] == [
        "Cost and attributed revenue by channel",
        "Share of each phase by channel",
    ]
    assert [one.split(",")[0] for one in words({"channel_name": "Search", "cost": 5.0})] == [
        "Cost and attributed revenue by channel",
        "ROAS by channel",
    ]


def test_a_report_without_rows_has_no_charts() -> None:
    assert words() == []


def test_a_channel_that_cost_next_to_nothing_leaves_the_bars_of_the_others_their_length() -> None:
    rows = [("Search", 100.0, 200.0), ("Social", 100.0, 100.0), ("Direct", 0.001, 100.0)]
    plots = report_plots(
        report([{"channel_name": name, "cost": cost, "ihc_revenue": earned} for name, cost, earned in rows]), "now"
    )
    assert "100,000 \N{RIGHTWARDS ARROW}" in b64decode(re.findall(r"base64,([^)]*)", plots)[1]).decode()


def test_the_charts_take_at_most_75_kilobytes_however_many_channels_there_are_and_whatever_they_are_called() -> None:
    rows = [
        {"channel_name": f"{number} {'<&]' * 99}", "cost": 123456.7 + number, "ihc_revenue": 98765.4 * number}
        | dict.fromkeys(("initializer", "holder", "closer"), 12.3 + number)
        for number in range(500)
    ]
    assert len(report_plots(report(rows), "2024-02-26").encode()) < 75_000
