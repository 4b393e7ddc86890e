"""Content of the page "Cost and return": totals, results by channel and over time, IHC against another model.

What the page shows beside that are phases and orders without credit. The paths to orders are on the page "Journeys"
(`journeys_page.py`).
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from attribution_assets.attribution.results.channel_results import compared_models, results_by_day
from attribution_assets.attribution.results.order_results import (
    answered_by_over,
    markov_over,
)
from attribution_assets.attribution.results.result_days import DateBasis, compared_days, final_and_provisional_days
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.compared_lines import ComparedLines, compared_lines
from attribution_assets.dashboard.goals import with_verdicts
from attribution_assets.dashboard.model_moves import changed_verdicts, comparison_table, largest_moves, side_by_side
from attribution_assets.dashboard.offered import MARKOV, MODEL_NAMES
from attribution_assets.dashboard.over_time import COLUMN_OF, NamedChart, OverTime, Periods, over_time
from attribution_assets.dashboard.period_before import PeriodBefore, period_before
from attribution_assets.dashboard.reported_days import Reported, days_without
from attribution_assets.dashboard.saved import NOTHING_SAVED, Saved
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import (
    Column,
    Table,
    cost_as_in,
    knows_cost,
    result_columns,
    spoken,
    total_of,
    with_figures,
    written,
)
from attribution_assets.dashboard.tables_below import breakdown, of_channels, phases, unattributed
from attribution_assets.dashboard.totals import Total, orders_without_credit, totals
from attribution_assets.dashboard.weekdays import Weekdays, by_weekday


@dataclass(frozen=True)
class Comparison:
    """IHC compared with another model.

    Attributes:
        table: The figures of both by channel.
        verdicts: A sentence for each goal that a channel meets by only one of them.
        moves: A sentence for each channel that gains or loses most.
        missing: The chosen days that are left out, as the credit of all models is not stored for them yet, in words.
    """

    table: Table
    verdicts: Sequence[str]
    moves: Sequence[str]
    missing: str


@dataclass(frozen=True)
class Overview:
    """The content of the page "Cost and return".

    Attributes:
        answered_by: The services that attributed the orders, see `order_outcomes.answered_by`.
        offered: The channels offered for choice.
        totals: The figures of all chosen channels.
        before: The period compared with, at equal age.
        knows_cost: Whether costs are known: of single orders they are not.
        channels: The figures by channel and, with the suffix `_before`, those of the period compared with, the change
            of the profit, and the columns of `goals.with_verdicts`.
        losing: A sentence for the channels that lose money, those with the largest loss first; empty without any.
        goals_missed: The number of channels that miss a goal.
        goals_not_yet: The number of channels that do not meet a goal yet: orders are still to come.
        over_time: The figures by day, week or month.
        weekdays: The figures by weekday.
        lines: A metric of several channels or models over time; None if none is chosen.
        comparison: IHC compared with the chosen model; None if there is nothing to compare.
        dimensions: Those that the channels can be broken down by.
        breakdown: The figures by channel and value of the chosen dimension; None if none is chosen.
        phases: Each channel's share of the phases.
        unattributed: The orders without credit by reason.
        by_day: The figures by day and channel, for the CSV download.
        provisional: The provisional days, which orders still to come can change, in words.
        missing: The days without a report, or without all credit by the chosen model and date basis yet, in words.
    """

    answered_by: str
    offered: Sequence[str]
    totals: Sequence[Total]
    before: PeriodBefore
    knows_cost: bool
    channels: Table
    losing: str
    goals_missed: int
    goals_not_yet: int
    over_time: OverTime
    weekdays: Weekdays
    lines: ComparedLines | None
    comparison: Comparison | None
    dimensions: Sequence[str]
    breakdown: Table | None
    phases: Table
    unattributed: Table
    by_day: Table
    provisional: str
    missing: str

    @property
    def tables(self) -> Sequence[Table]:
        """All tables, in the order of the page."""
        compared = [self.weekdays.table, *([self.lines.table] if self.lines else [])]
        compared += [self.comparison.table] if self.comparison else []
        compared += [self.breakdown] if self.breakdown else []
        return self.channels, self.over_time.table, *compared, self.phases, self.unattributed, self.by_day

    @property
    def charts(self) -> Sequence[NamedChart]:
        """All charts."""
        return [*self.over_time.charts, self.weekdays.chart, *([self.lines.chart] if self.lines else [])]


def overview(
    stored: StoredResults,
    reported: Reported,
    choices: Choices,
    lookback_days: int,
    saved: Saved = NOTHING_SAVED,
) -> Overview:
    """Compute the content of the page "Cost and return".

    Args:
        stored: The stored days, narrowed to what is chosen.
        reported: The days with a stored report.
        choices: The reader's choices.
        lookback_days: Length of the lookback window.
        saved: What readers have saved.
    """
    first, last = choices.first, choices.last
    touch = choices.basis is DateBasis.TOUCH
    until = last + dt.timedelta(days=lookback_days if touch else 0)
    found = stored.ask(
        results_by_day, first, last, lookback_days=lookback_days, model=choices.model, basis=choices.basis
    )
    results = of_channels(found, choices).reset_index(drop=True)
    plain = choices.model == "ihc" and touch and not choices.orders
    shown = reported.days if plain else frozenset(_days_with_all_models(stored, choices, lookback_days))
    before = period_before(stored, reported, choices, shown, lookback_days)
    results_before = None if before.results is None else of_channels(before.results, choices)
    _, provisional = stored.ask(
        final_and_provisional_days, first, last, lookback_days if touch else 0, reported.data_ends
    )
    changing = {"provisional": "yes"} if provisional else {}
    channels = _by_channel(results, results_before, choices)
    channels = with_verdicts(channels, choices.goals, provisional=bool(provisional))
    verdicts = channels[["CPO_verdict", "ROAS_verdict"]]
    periods = Periods.of(choices, provisional, saved.annotations)
    return Overview(
        answered_by=stored.ask(answered_by_over, first, until),
        offered=sorted({*found["channel_name"], *choices.channels}),
        totals=[
            *totals(results, results_before, choices, provisional=bool(provisional)),
            orders_without_credit(stored, choices, comparable=not days_without(reported.days, *choices.before)),
        ],
        before=before,
        knows_cost=knows_cost(results),
        channels=Table(
            "channels",
            "What each channel cost and earned",
            [Column("channel_name", "Channel", "text"), *result_columns(choices.model), *_CHANNEL_COLUMNS],
            channels,
            total_of(results, choices.margin),
            about=changing,
        ),
        losing=_losing(channels, provisional=bool(provisional)),
        goals_missed=int((verdicts == "misses").any(axis="columns").sum()),
        goals_not_yet=int((verdicts == "not yet").any(axis="columns").sum()),
        over_time=over_time(results, results_before, choices, periods),
        weekdays=by_weekday(results, choices, shown, provisional),
        lines=compared_lines(stored, results, choices, periods, lookback_days),
        comparison=_comparison(stored, choices, lookback_days, "yes" if provisional else "no"),
        dimensions=() if choices.orders else stored.dimensions,
        breakdown=breakdown(stored, choices, saved, changing),
        phases=phases(stored, choices),
        unattributed=unattributed(stored, choices),
        by_day=Table(
            "by_day",
            "By day and channel",
            [Column("channel_name", "Channel", "text"), Column("date", "Day", "text"), *result_columns(choices.model)],
            with_figures(results, choices.margin).assign(
                provisional=results["date"].isin([str(day) for day in provisional]).map({True: "yes", False: "no"})
            ),
            about=changing,
        ),
        provisional=spoken(provisional),
        missing=spoken(days_without(shown, first, last)),
    )


FIGURES = ("cost", "orders", "revenue", "profit", "CPO", "ROAS")

_CHANNEL_COLUMNS = (
    *(Column(f"{figure}_before", f"{figure} before") for figure in FIGURES),
    Column("change", "Change in profit", "difference"),
    Column("goal_CPO", "CPO goal"),
    Column("goal_ROAS", "ROAS goal"),
    Column("verdict", "Verdict", "text"),
)


def _by_channel(results: pd.DataFrame, before: pd.DataFrame | None, choices: Choices) -> pd.DataFrame:
    """The figures by channel, sorted, with those before (NaN if they cannot be compared) and the change of profit."""
    names = {*results["channel_name"], *(() if before is None else before["channel_name"])}
    channels = _sums(results, names, choices)
    then = _sums(results.iloc[:0], (), choices) if before is None else _sums(before, names, choices)
    channels = channels.merge(then, "left", "channel_name", suffixes=("", "_before"))
    channels["change"] = (channels["profit"] - channels["profit_before"]).round(9)
    sort = choices.sort
    name = sort.removeprefix("-")
    if name not in ("channel", "orders", "revenue") and not knows_cost(results):
        sort, name = "-revenue", "revenue"
    column = {"channel": "channel_name", "change": "change"}.get(name) or COLUMN_OF[name]
    return channels.sort_values([column, "channel_name"], ascending=[sort == name, True], ignore_index=True)


def _sums(results: pd.DataFrame, names: Iterable[str], choices: Choices) -> pd.DataFrame:
    """The figures of each of the named channels, 0 without any."""
    sums = results.groupby("channel_name")[["cost", "orders", "revenue"]].sum(min_count=1)
    named = sums.reindex(pd.Index(sorted(names), name="channel_name", dtype=object), fill_value=0.0)
    return with_figures(cost_as_in(results, named), choices.margin).reset_index()


def _losing(channels: pd.DataFrame, *, provisional: bool) -> str:
    losing = channels[channels["profit"] < 0].sort_values(["profit", "channel_name"])
    if losing.empty:
        return ""
    named = ", ".join(
        f"{readable(row['channel_name'])} ({written(row['profit'], 'difference')})" for row in losing.to_dict("records")
    )
    verb = "loses" if len(losing) == 1 else "lose"
    return f"{len(losing)} of {len(channels)} channels {verb} money{' so far' if provisional else ''}: {named}."


def _comparison(stored: StoredResults, choices: Choices, lookback_days: int, provisional: str) -> Comparison | None:
    first, last, name = choices.first, choices.last, MODEL_NAMES[choices.against]
    basis = DateBasis.CONVERSION if choices.against == MARKOV else choices.basis
    provisional = "no" if basis is DateBasis.CONVERSION else provisional
    found = stored.ask(compared_models, first, last, lookback_days=lookback_days, basis=basis)
    ihc = found[found["model"] == "ihc"].drop(columns="model")
    if ihc.empty:
        return None
    if choices.against == MARKOV:
        other = stored.ask(markov_over, first, last)
    else:
        other = found[found["model"] == choices.against]
    both = of_channels(side_by_side(ihc, other, choices.margin), choices).reset_index(drop=True)
    compared = stored.ask(compared_days, first, last, lookback_days=lookback_days, basis=basis)
    return Comparison(
        replace(
            comparison_table(both, choices.against),
            about={"model": f"ihc and {choices.against}", "date_basis": str(basis), "provisional": provisional},
        ),
        changed_verdicts(both, name, choices.goals),
        largest_moves(both, name),
        spoken(days_without(compared, first, last)),
    )


def _days_with_all_models(stored: StoredResults, choices: Choices, lookback_days: int) -> Sequence[dt.date]:
    """The days of both periods with stored credit of all models, see `result_days.compared_days`."""
    days = choices.before[0], choices.last
    return stored.ask(compared_days, *days, lookback_days=lookback_days, basis=choices.basis)
