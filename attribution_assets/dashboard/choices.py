"""The reader's choices (days, channels, model, goals and so on), read from and written to the query of a page's URL.

Equal choices always give the same URL, so that a view can be bookmarked and shared. What there is to choose from is in
`offered.py`, goals and margin are in `goal_choices.py`. The form fields that offer the choices are in the templates;
the content that follows from them is computed in `overview.py` and `journeys_page.py`.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.attribution.results.channel_results import MODELS
from attribution_assets.attribution.results.result_days import DateBasis
from attribution_assets.dashboard.goal_choices import (
    MOST_MARGIN,
    NO_GOALS,
    NONE_SAVED,
    Goals,
    Usual,
    goal_pairs,
    in_form,
    number_text,
    out_of_form,
    read_goals,
    read_margin,
)
from attribution_assets.dashboard.offered import (
    COMPARED,
    MARKOV,
    METRICS,
    OF_ORDERS,
    OVERLAYS,
    PRESETS,
    SORTS,
    SPLITS,
    STEPS,
)
from attribution_assets.dashboard.reported_days import Reported

LONGEST_DAILY_CHART = 92
"""Ranges with more days than this get charts by week by default."""
DAYS_OF_A_YEAR = 364
"""52 weeks, so that weekdays are compared with the same weekdays."""
LOSING_FIRST = "profit"


@dataclass(frozen=True)
class Choices:
    """The reader's choices; the defaults hold for a URL without a query.

    Attributes:
        first: First day shown.
        last: Last day shown.
        preset: The key of `PRESETS` that gives the days; None if they were entered as dates.
        channels: The channels shown; an empty tuple means all.
        model: Attribution model.
        basis: The date that credit counts on: touch date or conversion date.
        by: Step of the charts over time, one of `STEPS`; if empty, it follows from the number of days.
        metric: The key of `METRICS` that the chart of several channels or models shows; if empty, there is none.
        split: The key of `SPLITS`: what that chart has a line for.
        overlay: The key of `OVERLAYS`: what the charts of all channels show beside; empty for nothing.
        dimension: The dimension that the channels are broken down by; empty for none.
        compare: The key of `COMPARED`: the period that the chosen days are compared with.
        orders: Dimension of orders -> the value that the orders shown have; those that are not named can have any.
        grouped: Whether groups of channels are shown in place of their channels.
        against: The model that IHC is compared with.
        sort: The one of `SORTS` that the channels are sorted by, ascending; with `-` before it, descending.
        margin: Percentage of revenue that remains before marketing's cost: profit is revenue x margin - cost.
        goals: Goals for CPO and ROAS.
        usual: The saved goals and margin, which are left out of addresses.
    """

    first: dt.date
    last: dt.date
    preset: str | None = "30"
    channels: tuple[str, ...] = ()
    model: str = "ihc"
    basis: DateBasis = DateBasis.TOUCH
    by: str = ""
    metric: str = ""
    split: str = "channel"
    overlay: str = ""
    dimension: str = ""
    compare: str = "before"
    orders: tuple[tuple[str, str], ...] = ()
    grouped: bool = False
    against: str = "last_touch"
    sort: str = LOSING_FIRST
    margin: float = MOST_MARGIN
    goals: Goals = field(default_factory=Goals)
    usual: Usual = field(default_factory=Usual)

    @property
    def days(self) -> int:
        """The number of days shown."""
        return (self.last - self.first).days + 1

    @property
    def step(self) -> str:
        """Step of the charts over time, one of `STEPS`."""
        return self.by or ("week" if self.days > LONGEST_DAILY_CHART else "day")

    @property
    def shift(self) -> int:
        """How many days before the chosen days the period lies that they are compared with."""
        return DAYS_OF_A_YEAR if self.compare == "year" else self.days

    @property
    def before(self) -> tuple[dt.date, dt.date]:
        """First and last day of the period compared with, which has the same number of days."""
        shift = dt.timedelta(days=self.shift)
        return self.first - shift, self.last - shift

    @property
    def before_words(self) -> str:
        """The period compared with, in words."""
        if self.compare == "year":
            return "the same weekdays a year before"
        return "the day before" if self.days == 1 else f"the {self.days} days before"

    @property
    def fixed(self) -> str:
        """The query of the same choices with their days as dates, so that it shows these days for good."""
        return replace(self, preset=None).query

    @property
    def query(self) -> str:
        """The choices as the query of a URL; choices that equal their default are left out."""
        if self.preset is None:
            pairs = [("first", str(self.first)), ("last", str(self.last))]
        else:
            pairs = [("days", self.preset)] if self.preset != "30" else []
        pairs += [("channel", in_form(channel)) for channel in self.channels]
        usual = {
            "model": "ihc",
            "basis": "touch_date",
            "by": "",
            "metric": "",
            "split": "channel",
            "overlay": "",
            "dimension": "",
            "compare": "before",
            "against": "last_touch",
        }
        usual["sort"] = LOSING_FIRST
        pairs += [(name, getattr(self, name)) for name, value in usual.items() if getattr(self, name) != value]
        pairs += [(f"{OF_ORDERS}{dimension}", in_form(value)) for dimension, value in self.orders]
        pairs += [("grouped", "yes")] if self.grouped else []
        pairs += [("margin", number_text(self.margin))] if self.margin != self.usual.margin else []
        if self.goals != self.usual.goals:
            pairs += goal_pairs(self.goals) or [("goals", NO_GOALS)]
        return urlencode(pairs)

    @property
    def with_usual(self) -> str:
        """The query of the same choices with the saved goals and margin."""
        return replace(self, goals=self.usual.goals, margin=self.usual.margin).query

    @property
    def usual_query(self) -> str:
        """The saved goals and margin as they are saved."""
        return replace(self, goals=self.usual.goals, margin=self.usual.margin).goals_query

    @property
    def goals_query(self) -> str:
        """The goals and the margin as they are saved."""
        return urlencode([("margin", number_text(self.margin)), *goal_pairs(self.goals)])

    def but(self, **changes: str | None) -> str:
        """The query of the same choices with some of them changed."""
        return replace(self, **changes).query  # type: ignore[arg-type]  # links change only choices of type str


def read_choices(
    pairs: Collection[tuple[str, str]],
    reported: Reported,
    dimensions: Sequence[str] = (),
    order_dimensions: Sequence[str] = (),
    usual: Usual = NONE_SAVED,
) -> tuple[Choices, list[str]]:
    """Read the choices in the query of a URL.

    Args:
        pairs: The names and values of the query; an empty value counts as not given.
        reported: The days with a stored report.
        dimensions: Those that the channels can be broken down by.
        order_dimensions: Those of orders, by which the orders shown can be chosen.
        usual: The saved goals and margin.

    Returns:
        The choices, and a sentence for each value that cannot be used; the default takes its place.
    """
    given = {name: value.strip() for name, value in pairs if value.strip()}
    problems: list[str] = []
    first, last, preset = _days(given, reported, problems)
    sorts = [sign + sort for sort in SORTS for sign in ("", "-")]
    models = list(MODELS)
    choices = Choices(
        first,
        last,
        preset,
        tuple(sorted({out_of_form(value) for name, value in pairs if name == "channel" and value})),
        model=_one_of(models, "model", given, "ihc", problems),
        basis=DateBasis(_one_of([*DateBasis], "basis", given, DateBasis.TOUCH, problems)),
        by=_one_of(STEPS, "by", given, "", problems),
        metric=_one_of([*METRICS], "metric", given, "", problems),
        split=_one_of([*SPLITS], "split", given, "channel", problems),
        overlay=_one_of([*OVERLAYS], "overlay", given, "", problems),
        dimension=_one_of(dimensions, "dimension", given, "", problems),
        compare=_one_of([*COMPARED], "compare", given, "before", problems),
        orders=_orders(given, order_dimensions, problems),
        grouped=_one_of(["yes"], "grouped", given, "", problems) == "yes",
        against=_one_of([*models[1:], MARKOV], "against", given, "last_touch", problems),
        sort=_one_of(sorts, "sort", given, LOSING_FIRST, problems),
        margin=read_margin(given, usual.margin, problems),
        goals=read_goals(given, usual.goals, problems),
        usual=usual,
    )
    return choices, problems


def _days(given: Mapping[str, str], reported: Reported, problems: list[str]) -> tuple[dt.date, dt.date, str | None]:
    preset = given.get("days", "30")
    if preset not in PRESETS:
        problems.append(f"The days can be {', '.join(PRESETS)}, not {preset!r}.")
        preset = "30"
    usual = _days_of(preset, reported)
    first, last = _date("first", given, problems) or usual[0], _date("last", given, problems) or usual[1]
    if (first, last) == usual and ("days" in given or not {"first", "last"} & given.keys()):
        return *usual, preset
    if last < first:
        problems.append(f"The days end on {last}, before they start on {first}.")
        return *usual, preset
    cut = max(first, reported.first), min(last, reported.last)
    if cut != (first, last):
        problems.append(f"There are reports from {reported.first} to {reported.last} only.")
    return (*cut, None) if cut[0] <= cut[1] else (*usual, preset)


def _days_of(preset: str, reported: Reported) -> tuple[dt.date, dt.date]:
    """First and last day of a range of `PRESETS`; a full week or month of which no day is reported is all days."""
    first, last, after = reported.first, reported.last, reported.last + dt.timedelta(days=1)
    if preset == "week":
        last = after - dt.timedelta(days=after.weekday() + 1)
        first = last - dt.timedelta(days=6)
    elif preset == "month":
        last = after.replace(day=1) - dt.timedelta(days=1)
        first = last.replace(day=1)
    elif preset != "all":
        first = last - dt.timedelta(days=int(preset) - 1)
    if last < reported.first:
        return reported.first, reported.last
    return max(reported.first, first), last


def _date(name: str, given: Mapping[str, str], problems: list[str]) -> dt.date | None:
    if name not in given:
        return None
    if (day := day_written(given[name])) is None:
        problems.append(f"{given[name]!r} is not a date written YYYY-MM-DD.")
    return day


def _one_of(allowed: Sequence[str], name: str, given: Mapping[str, str], usual: str, problems: list[str]) -> str:
    value = given.get(name, usual)
    if value in (usual, *allowed):
        return value
    problems.append(f"{name} can be {', '.join(allowed)}, not {value!r}.")
    return usual


def _orders(given: Mapping[str, str], dimensions: Sequence[str], problems: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for name, value in given.items():
        if name.startswith(OF_ORDERS):
            dimension = name.removeprefix(OF_ORDERS)
            if dimension in dimensions:
                found.append((dimension, out_of_form(value)))
            else:
                problems.append(f"Orders have no dimension {dimension!r}.")
    return tuple(sorted(found))
