"""Content of the page "Cost and return": totals, results by channel and over time, IHC against another model.

What the page shows beside that are phases and orders without credit. The paths to orders are on the page "Journeys"
(`journeys_page.py`).
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.results.channel_results import (
    DateBasis,
    compared_days,
    compared_models,
    final_and_provisional_days,
    results_by_day,
)
from attribution_assets.attribution.results.order_results import (
    answered_by_over,
    markov_over,
    phase_shares,
    placed_over,
    unattributed_over,
)
from attribution_assets.attribution.tables.credit import NO_SESSIONS, PHASES, REFUSED, TOO_LONG
from attribution_assets.dashboard.choices import MARKOV, MODEL_NAMES, Choices, Reported, days_without
from attribution_assets.dashboard.goals import with_verdicts
from attribution_assets.dashboard.model_moves import changed_verdicts, comparison_table, largest_moves, side_by_side
from attribution_assets.dashboard.over_time import COLUMN_OF, OverTime, over_time
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import (
    RESULT_COLUMNS,
    Column,
    Table,
    spoken,
    summed,
    total_of,
    with_cpo_and_roas,
)


@dataclass(frozen=True)
class Total:
    """A figure of all chosen channels, and the same figure of the preceding period.

    Attributes:
        name: Its displayed name.
        figure: Its value; None if undefined.
        kind: Its number format, see `tables.NUMBERS`.
        before: Its value in the preceding period; None if the periods cannot be compared.
        of: For a share, numerator and denominator in words; else empty.
    """

    name: str
    figure: float | None
    kind: str
    before: float | None = None
    of: str = ""

    @property
    def change(self) -> float | None:
        """The change since the preceding period, relative to its value; for a share, in percentage points."""
        if self.figure is None or self.before is None or pd.isna(self.figure) or pd.isna(self.before):
            return None
        if self.kind == "share":
            return (self.figure - self.before) * 100
        return None if self.before == 0 else self.figure / self.before - 1


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
        compared_with: The preceding period in words; empty if it cannot be compared.
        channels: The figures by channel, with the columns of `goals.with_verdicts`.
        goals_missed: The number of channels that miss a goal.
        over_time: The figures by day or week.
        comparison: IHC compared with the chosen model; None if there is nothing to compare.
        phases: Each channel's share of the phases.
        unattributed: The orders without credit by reason.
        by_day: The figures by day and channel, for the CSV download.
        provisional: The provisional days, which orders still to come can change, in words.
        missing: The days without a report, or without all credit by the chosen model and date basis yet, in words.
    """

    answered_by: str
    offered: Sequence[str]
    totals: Sequence[Total]
    compared_with: str
    channels: Table
    goals_missed: int
    over_time: OverTime
    comparison: Comparison | None
    phases: Table
    unattributed: Table
    by_day: Table
    provisional: str
    missing: str

    @property
    def tables(self) -> Sequence[Table]:
        """All tables, in the order of the page."""
        compared = [self.comparison.table] if self.comparison else []
        return self.channels, self.over_time.table, *compared, self.phases, self.unattributed, self.by_day


def overview(stored: StoredResults, reported: Reported, choices: Choices, lookback_days: int) -> Overview:
    """Compute the content of the page "Cost and return".

    Args:
        stored: The stored days.
        reported: The days with a stored report.
        choices: The reader's choices.
        lookback_days: Length of the lookback window.
    """
    first, last = choices.first, choices.last
    touch = choices.basis is DateBasis.TOUCH
    until = last + dt.timedelta(days=lookback_days if touch else 0)
    found = stored.ask(
        results_by_day, choices.before[0], last, lookback_days=lookback_days, model=choices.model, basis=choices.basis
    )
    chosen = _of_channels(found, choices)
    results = chosen[chosen["date"] >= str(first)].reset_index(drop=True)
    plain = choices.model == "ihc" and touch
    shown = reported.days if plain else frozenset(_days_with_all_models(stored, choices, lookback_days))
    comparable = not days_without(shown, *choices.before)
    _, provisional = stored.ask(
        final_and_provisional_days, first, last, lookback_days if touch else 0, reported.data_ends
    )
    channels = with_verdicts(_sorted(summed(results, "channel_name"), choices.sort), choices.goals)
    return Overview(
        answered_by=stored.ask(answered_by_over, first, until),
        offered=sorted({*found["channel_name"], *choices.channels}),
        totals=[
            *_totals(results, chosen, choices, comparable=comparable),
            _orders_without_credit(stored, choices, comparable=comparable),
        ],
        compared_with=f"{choices.before[0]} to {choices.before[1]}" if comparable else "",
        channels=Table(
            "channels",
            "What each channel cost and earned",
            [Column("channel_name", "Channel", "text"), *RESULT_COLUMNS, *_GOAL_COLUMNS],
            channels,
            total_of(results),
        ),
        goals_missed=int(channels["goals"].str.startswith("misses").sum()),
        over_time=over_time(results, choices, provisional),
        comparison=_comparison(stored, choices, lookback_days),
        phases=_phases(stored, choices),
        unattributed=_unattributed(stored, choices),
        by_day=Table(
            "by_day",
            "By day and channel",
            [Column("channel_name", "Channel", "text"), Column("date", "Day", "text"), *RESULT_COLUMNS],
            with_cpo_and_roas(results),
        ),
        provisional=spoken(provisional),
        missing=spoken(days_without(shown, first, last)),
    )


_GOAL_COLUMNS = (
    Column("goal_CPO", "CPO goal"),
    Column("goal_ROAS", "ROAS goal"),
    Column("goals", "Goals", "text"),
)


def _of_channels(frame: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    return frame[frame["channel_name"].isin(choices.channels)] if choices.channels else frame


def _sorted(channels: pd.DataFrame, sort: str) -> pd.DataFrame:
    name = sort.removeprefix("-")
    column = "channel_name" if name == "channel" else COLUMN_OF[name]
    return channels.sort_values([column, "channel_name"], ascending=[sort == name, True], ignore_index=True)


def _totals(results: pd.DataFrame, with_before: pd.DataFrame, choices: Choices, *, comparable: bool) -> Iterator[Total]:
    now = total_of(results)
    before = total_of(with_before[with_before["date"] < str(choices.first)]) if comparable else {}
    names = {
        "cost": "Cost",
        "orders": "Attributed orders",
        "revenue": "Attributed revenue",
        "CPO": "CPO",
        "ROAS": "ROAS",
    }
    for column, name in names.items():
        yield Total(name, now[column], "amount", before.get(column))


def _orders_without_credit(stored: StoredResults, choices: Choices, *, comparable: bool) -> Total:
    def count(first: dt.date, last: dt.date) -> tuple[int, int]:
        left = stored.ask(unattributed_over, first, last)
        return int(left["orders"].sum()), stored.ask(placed_over, first, last).orders

    left, placed = count(choices.first, choices.last)
    left_before, placed_before = count(*choices.before) if comparable else (0, 0)
    return Total(
        "Orders without credit",
        left / placed if placed else None,
        "share",
        left_before / placed_before if placed_before else None,
        f"{left:,} of {placed:,} orders placed",
    )


def _comparison(stored: StoredResults, choices: Choices, lookback_days: int) -> Comparison | None:
    first, last, name = choices.first, choices.last, MODEL_NAMES[choices.against]
    basis = DateBasis.CONVERSION if choices.against == MARKOV else choices.basis
    found = stored.ask(compared_models, first, last, lookback_days=lookback_days, basis=basis)
    ihc = found[found["model"] == "ihc"].drop(columns="model")
    if ihc.empty:
        return None
    if choices.against == MARKOV:
        other = stored.ask(markov_over, first, last)
    else:
        other = found[found["model"] == choices.against]
    both = _of_channels(side_by_side(ihc, other), choices).reset_index(drop=True)
    compared = stored.ask(compared_days, first, last, lookback_days=lookback_days, basis=basis)
    return Comparison(
        comparison_table(both, name),
        changed_verdicts(both, name, choices.goals),
        largest_moves(both, name),
        spoken(days_without(compared, first, last)),
    )


def _days_with_all_models(stored: StoredResults, choices: Choices, lookback_days: int) -> Sequence[dt.date]:
    """The days of both periods with stored credit of all models, see `channel_results.compared_days`."""
    days = choices.before[0], choices.last
    return stored.ask(compared_days, *days, lookback_days=lookback_days, basis=choices.basis)


def _phases(stored: StoredResults, choices: Choices) -> Table:
    shares = _of_channels(stored.ask(phase_shares, choices.first, choices.last), choices)
    columns = [Column(phase, phase.capitalize(), "share") for phase in PHASES]
    return Table(
        "phases",
        "Each channel's share of the orders by phase",
        [Column("channel_name", "Channel", "text"), *columns],
        shares.sort_values(["initializer", "channel_name"], ascending=[False, True], ignore_index=True),
    )


REASONS = {
    NO_SESSIONS: "no visit in the lookback window",
    TOO_LONG: "more visits than one request may hold",
    REFUSED: "refused by the API",
}


def _unattributed(stored: StoredResults, choices: Choices) -> Table:
    found = stored.ask(unattributed_over, choices.first, choices.last)
    columns = [Column("reason", "Reason", "text"), Column("orders", "Orders", "count"), Column("revenue", "Revenue")]
    words = found.assign(reason=found["reason"].map(REASONS))
    total = {"orders": float(found["orders"].sum()), "revenue": float(found["revenue"].sum())}
    return Table("unattributed", "Orders without credit by reason", columns, words, total)
