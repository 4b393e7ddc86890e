"""What the page makes of results before it is drawn: verdicts, sentences, and what charts over time show."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.goal_choices import Goals
from attribution_assets.dashboard.goals import cpo_verdict, roas_verdict, with_verdicts
from attribution_assets.dashboard.model_moves import changed_verdicts, largest_moves, side_by_side
from attribution_assets.dashboard.over_time import Periods, over_time, unusual
from attribution_assets.dashboard.saved import Annotation
from attribution_assets.dashboard.tables import total_of, with_figures, written
from attribution_assets.dashboard.weekdays import by_weekday

NAN = float("nan")
RESULTS = ["channel_name", "cost", "orders", "revenue"]


def both(ihc: list[tuple[str, float, float, float]], other: list[tuple[str, float, float, float]]) -> pd.DataFrame:
    return side_by_side(pd.DataFrame(ihc, columns=RESULTS), pd.DataFrame(other, columns=RESULTS))


@pytest.mark.parametrize(
    ("cost", "cpo", "goal", "verdict"),
    [
        (10, 5, 5, "meets"),
        (10, 5.01, 5, "misses"),
        (10, NAN, 5, "misses"),
        (0, 0, 5, ""),
        (0, NAN, 5, ""),
        (10, 5, None, ""),
    ],
)
def test_cost_without_orders_misses_a_cpo_goal_and_without_cost_none_is_asked(
    cost: float, cpo: float, goal: float | None, verdict: str
) -> None:
    assert cpo_verdict(cost, cpo, goal) == verdict


def test_a_roas_goal_is_met_from_the_goal_on() -> None:
    assert [roas_verdict(roas, 2.0) for roas in (1.99, 2.0, NAN)] == ["misses", "meets", ""]


def test_what_is_not_met_while_orders_are_still_to_come_is_not_met_yet_and_what_is_met_stays_met() -> None:
    verdicts = [cpo_verdict(10, cpo, 5, provisional=True) for cpo in (5.0, 5.01, NAN)]
    assert verdicts == ["meets", "not yet", "not yet"]
    assert [roas_verdict(roas, 2.0, provisional=True) for roas in (1.99, 2.0, NAN)] == ["not yet", "meets", ""]
    channels = pd.DataFrame([("A", 10.0, -1.0, 5.01, 0.9)], columns=["channel_name", "cost", "profit", "CPO", "ROAS"])
    words = [
        with_verdicts(channels, Goals(5.0, 2.0), provisional=provisional)["verdict"].item()
        for provisional in (False, True)
    ]
    assert words == [
        "loses money; misses CPO goal of 5.00; misses ROAS goal of 2.00",
        "loses money so far; CPO goal of 5.00 not met yet; ROAS goal of 2.00 not met yet",
    ]


def test_profit_is_what_the_margin_leaves_of_revenue_less_cost() -> None:
    results = pd.DataFrame([("A", 10.0, 2.0, 30.1), ("B", 5.0, 0.0, 0.0)], columns=RESULTS)
    assert with_figures(results, 40.0)["profit"].tolist() == [2.04, -5.0]
    assert total_of(results, 100.0)["profit"] == 15.1


def test_both_ways_in_which_a_model_changes_a_verdict_are_told() -> None:
    figures = both(
        [("Display", 810.0, 15.576923, 3000.0), ("Search", 100.0, 1.0, 10.0), ("Video", 90.0, 3.0, 9.0)],
        [("Display", 810.0, 10.0, 500.0), ("Search", 100.0, 4.0, 900.0), ("Video", 90.0, 0.0, 0.0)],
    )
    assert changed_verdicts(figures, "last touch", Goals(cpo=60.0)) == [
        "Display loses 310.00 by last touch and earns 2,190.00 by IHC.",
        "Display looks too expensive by last touch (CPO 81.00, goal 60.00) and meets the goal by IHC (CPO 52.00).",
        "Search earns 800.00 by last touch and loses 90.00 by IHC.",
        "Search looks fine by last touch (CPO 25.00, goal 60.00) and misses the goal by IHC (CPO 100.00).",
        "Video looks too expensive by last touch (no orders, goal 60.00) and meets the goal by IHC (CPO 30.00).",
    ]
    assert changed_verdicts(figures, "last touch", Goals(roas_of={"Display": 2.0}))[1:2] == [
        "Display looks to earn too little by last touch (ROAS 0.62, goal 2.00) and meets the goal by IHC (ROAS 3.70)."
    ]
    both_earn = both([("A", 10.0, 2.0, 11.0)], [("A", 10.0, 4.5, 10.0)])
    assert changed_verdicts(both_earn, "last touch", Goals()) == []


def test_the_channels_that_move_most_are_told_first() -> None:
    figures = both(
        [("A", 10.0, 2.0, 1.0), ("B", 0.0, 9.0, 1.0), ("C", 10.0, 5.0, 1.0), ("D", 1.0, 5.0, 1.0)],
        [("A", 10.0, 4.5, 1.0), ("B", 0.0, 1.0, 1.0), ("C", 10.0, 5.001, 1.0), ("E", 0.0, 2.0, 1.0)],
    )
    assert largest_moves(figures, "linear") == [
        "B gets 8.00 orders more by IHC than by linear.",
        "D gets 5.00 orders more by IHC than by linear: CPO 0.20 rather than no orders.",
        "A gets 2.50 orders fewer by IHC than by linear: CPO 5.00 rather than 2.22.",
    ]
    assert figures.set_index("channel_name").loc["E", ["cost", "orders_ihc", "more_orders"]].tolist() == [0, 0, -2]


def test_a_week_is_partial_where_not_all_of_its_days_are_shown_and_ratios_are_of_sums() -> None:
    days = ["2024-02-25", "2024-02-26", "2024-03-03", "2024-03-04"]
    results = pd.DataFrame(
        [(day, "Search", 10.0, orders, 30.0) for day, orders in zip(days, (1, 4, 1, 0), strict=True)]
    )
    results.columns = pd.Index(["date", *RESULTS])
    choices = Choices(dt.date(2024, 2, 25), dt.date(2024, 3, 4), by="week", metric="cost")
    shown = over_time(results, None, choices, Periods.of(choices, [dt.date(2024, 3, 4)]))
    assert list(shown.table.rows) == [
        ["2024-02-19", "10.00", "1.00", "30.00", "20.00", "10.00", "3.00", "partial week"],
        ["2024-02-26", "20.00", "5.00", "60.00", "40.00", "4.00", "3.00", ""],
        ["2024-03-04", "10.00", "0.00", "30.00", "20.00", "-", "3.00", "provisional, partial week"],
    ]
    [cpo] = [chart for chart in shown.charts if chart.key == "cpo"]
    rows = cpo.spec["datasets"]["rows"]
    assert [row["value"] for row in rows] == [10.0, 4.0, None]
    assert [row["partial"] for row in rows] == [10.0, None, None]
    assert cpo.latest == "4.00"


def line(values: "pd.Series[float]") -> Periods:
    return Periods("day", [dt.date(2024, 3, 1) + dt.timedelta(days=place) for place in range(len(values))], (), ())


def test_a_line_is_dashed_next_to_provisional_values() -> None:
    values = pd.Series([1.0, 2.0, NAN, 2.0, 1.0, 1.0])
    periods = line(values)
    rows = dataclasses.replace(periods, changing=set(periods.starts[4:])).rows(values)
    assert [row["final"] for row in rows] == [1, 2, None, 2, None, None]
    assert [row["changing"] for row in rows] == [None, None, None, 2, 1, 1]
    assert [row["note"] for row in rows] == ["", "", "", "", "provisional", "provisional"]


def test_a_final_day_far_from_those_before_it_is_unusual_and_nothing_is_where_all_are_alike() -> None:
    usual = [10.0, 11.0, 9.0] * 6
    values = pd.Series([*usual, 20.0, 10.0, 1.0])
    assert np.flatnonzero(unusual(values, line(values))).tolist() == [18, 20]
    periods = line(values)
    assert not unusual(values, dataclasses.replace(periods, changing=set(periods.starts[15:]))).any()
    assert not unusual(values, dataclasses.replace(periods, step="week")).any()
    few, alike = pd.Series([*usual[:13], 99.0]), pd.Series([10.0] * 20 + [99.0])
    assert not unusual(few, line(few)).any()
    assert not unusual(alike, line(alike)).any()


def test_months_that_are_not_whole_are_partial_and_not_the_latest_value() -> None:
    results = pd.DataFrame([(f"2024-0{month}-15", "A", 10.0 * month, 1.0, 30.0) for month in (1, 2, 3)])
    results.columns = pd.Index(["date", *RESULTS])
    choices = Choices(dt.date(2024, 1, 15), dt.date(2024, 3, 30), by="month")
    shown = over_time(results, None, choices, Periods.of(choices, ()))
    assert shown.table.frame["note"].tolist() == ["partial month", "", "partial month"]
    assert [shown.charts[0].name, shown.charts[0].latest] == ["Cost", "20.00"]


def test_the_period_before_and_the_average_stand_beside_each_day() -> None:
    days = [dt.date(2024, 3, 1) + dt.timedelta(days=place) for place in range(8)]
    results = pd.DataFrame([(str(day), "A", 8.0, 2.0, 30.0 + place) for place, day in enumerate(days)])
    before = pd.DataFrame([(str(day - dt.timedelta(days=8)), "A", 6.0, 3.0, 20.0) for day in days])
    results.columns = before.columns = pd.Index(["date", *RESULTS])
    choices = Choices(days[0], days[-1], overlay="both")
    charts = over_time(results, before, choices, Periods.of(choices, ())).charts
    [cpo] = [chart for chart in charts if chart.key == "cpo"]
    rows = cpo.spec["datasets"]["rows"]
    assert [row["value"] for row in rows] == [4.0] * 8
    assert [row["before"] for row in rows] == [2.0] * 8
    assert [row["average"] for row in rows] == [None] * 6 + [4.0] * 2


def test_figures_are_written_with_their_sign_only_where_something_is_left_of_them() -> None:
    assert [written(value, "difference") for value in (1.5, -0.004, 0.0, -2.0)] == ["+1.50", "0.00", "0.00", "-2.00"]
    assert [written(value, "amount") for value in (1234.5, NAN, None)] == ["1,234.50", "-", "-"]
    assert [written(value, "cpo") for value in (0.0, 0.5)] == ["-", "0.50"]
    assert [written(value, "text") for value in ("", None)] == ["", ""]


def test_an_average_weekday_counts_days_without_rows_and_its_ratios_are_of_sums() -> None:
    results = pd.DataFrame([
        ("2024-03-04", "A", 10.0, 1.0, 30.0), ("2024-03-04", "B", 2.0, 1.0, 6.0), ("2024-03-12", "A", 4.0, 2.0, 8.0),
    ])  # fmt: skip
    results.columns = pd.Index(["date", *RESULTS])
    choices = Choices(dt.date(2024, 3, 4), dt.date(2024, 3, 12), metric="cpo")
    shown = by_weekday(results, choices, days_between(choices.first, choices.last), ())
    assert list(shown.table.rows)[:3] == [
        ["Monday", "2", "6.00", "1.00", "18.00", "12.00", "6.00", "3.00"],
        ["Tuesday", "2", "2.00", "1.00", "4.00", "2.00", "2.00", "2.00"],
        ["Wednesday", "1", "0.00", "0.00", "0.00", "0.00", "-", "-"],
    ]
    assert shown.table.frame["days"].sum() == choices.days
    rows = shown.chart.spec["datasets"]["rows"]
    assert [(row["label"], row["value"]) for row in rows][:3] == [("Mon", 6.0), ("Tue", 2.0), ("Wed", None)]
    assert [row["note"] for row in rows][:3] == ["2 days", "2 days", "1 day"]


def test_annotations_of_the_days_shown_are_numbered_and_stand_with_their_week() -> None:
    choices = Choices(dt.date(2024, 3, 4), dt.date(2024, 3, 17), by="week")
    written = [Annotation(dt.date(2024, 3, day), text) for day, text in ((3, "before"), (6, "sale"), (12, "prices"))]
    periods = Periods.of(choices, (), written)
    assert [mark["number"] for mark in periods.marks] == ["1", "2"]
    assert [mark["t"] for mark in periods.marks] == ["2024-03-06", "2024-03-12"]
    assert [periods.note(start) for start in periods.starts] == ["sale", "prices"]


def test_a_number_is_rounded_from_what_its_file_says() -> None:
    assert written(214.27499999999998, "amount") == written(round(214.27499999999998, 9), "amount") == "214.28"
