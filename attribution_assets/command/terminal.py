"""Terminal output of the command: progress by asset and day, the report's summary, status and ledger."""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from attribution_assets.attribution.calendar.days import in_words
from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.attribution.freshness.status import Status
from attribution_assets.attribution.invariants.attribution import sessions_problems, users_with_too_long_orders
from attribution_assets.attribution.ledger.ledger import AnswersOfMonth
from attribution_assets.attribution.progress import RequestPlan, listening
from attribution_assets.attribution.reporting.channel_report import by_channel
from attribution_assets.attribution.reporting.ratios import with_ratios
from attribution_assets.attribution.source.rows_in_no_report import in_words as rows_in_words
from attribution_assets.attribution.tables.credit import EMBEDDED, NO_SESSIONS
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.tables.set_aside import SetAside

_log = logging.getLogger(__name__)

VALUES_SHOWN = 60
"""Rows of a breakdown that are printed; its file has all."""

USERS_NAMED = 3
"""Of those whose orders are too long."""


class Bars:
    """A bar for each asset of a stage, which moves on with each day that is written; plans are printed above them.

    Attributes:
        in_no_report: what there is to say of source rows that no day can report, by the asset that was made.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self.in_no_report: dict[str, Sequence[str]] = {}

    def start(self, stage: Stage) -> None:
        """Show a bar for each asset of the stage."""
        days = (stage.last - stage.first).days + 1
        for asset in stage.assets:
            self._tasks[asset] = self._bars.add_task(f"{asset} {stage.first}..{stage.last}", total=days)

    def day_written(self, asset: str, day: dt.date, rows: int) -> None:
        """Move the asset's bar on."""
        _log.info("%s %s: %d rows", asset, day, rows)
        if (task := self._tasks.get(asset)) is not None:
            self._bars.advance(task)

    def requests_planned(self, plan: RequestPlan) -> None:
        """Print the plan above the bars."""
        _log.info("%s", plan)
        say(self._bars.console, f"IHC API: {plan}")

    def rows_in_no_report(self, asset: str, lines: Sequence[str]) -> None:
        """Keep them for the end."""
        self.in_no_report[asset] = lines


@contextmanager
def progress(console: Console) -> Iterator[Bars]:
    """Show the progress of each stage that is started with the yielded bars, day by day as they are written.

    Where log lines are written at all (ATTRIBUTION_LOG_FORMAT=json), progress is a line of its own too.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as bars:
        shown = Bars(bars)
        _log.setLevel(logging.INFO)
        with listening(shown):
            yield shown


def print_summary(
    console: Console, report: pd.DataFrame, outcomes: pd.DataFrame, answered_by: str, set_aside: Mapping[str, SetAside]
) -> None:
    """Print the report by channel, then the unattributed orders by reason.

    Args:
        console: Where to.
        report: `channel_reporting` of all days.
        outcomes: `order_outcomes` of the same days.
        answered_by: Who attributed the orders.
        set_aside: The source rows that could not be used or repeat others, by asset.
    """
    console.print(_channels(report))
    console.print(_unattributed(outcomes))
    for problem in sessions_problems(len(outcomes), int((outcomes["outcome"] == NO_SESSIONS).sum())):
        say(console, f"{problem}.")
    if answered_by == EMBEDDED:
        say(console, "Attributed by the embedded IHC service: no IHC_API_KEY is set.")
    else:
        say(console, f"Attributed by {answered_by}.")
    _print_rows_set_aside(console, {asset: found for asset, found in set_aside.items() if found.rows})
    if repeated := {asset: found.repeated for asset, found in set_aside.items() if found.repeated}:
        of_each = ", ".join(f"{count} of {asset}" for asset, count in repeated.items())
        rows = sum(repeated.values())
        again = "source row repeats another" if rows == 1 else "source rows repeat others"
        say(console, f"{rows} {again} in every column ({of_each}): of equal rows one counts.")


def print_breakdown(console: Console, breakdown: pd.DataFrame, dimension: str | None) -> None:
    """Print the values of a dimension by channel, those of channels with most cost, then most revenue, first.

    Args:
        console: Where to.
        breakdown: `channel_breakdown` of all days.
        dimension: The dimension; None for none.
    """
    if dimension is None:
        return
    rows = breakdown[breakdown["dimension"] == dimension]
    measures = ["cost", "ihc", "ihc_revenue"]
    values = rows.groupby(["channel_name", "value"], as_index=False)[measures].sum(min_count=1)
    known = values.fillna({"cost": 0.0})
    of_channel = known.groupby("channel_name")[["cost", "ihc_revenue"]].transform("sum").add_prefix("channel_")
    keys = ["channel_cost", "channel_ihc_revenue", "channel_name", "cost", "ihc_revenue", "value"]
    order = known.join(of_channel).sort_values(keys, ascending=[False, False, True, False, False, True])
    table = Table(title=f"By channel and {readable(dimension)}")
    table.add_column("channel", overflow="fold", min_width=12)
    table.add_column(readable(dimension), overflow="fold", min_width=8)
    for heading, _, _ in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in with_ratios(values).loc[order.index[:VALUES_SHOWN]].to_dict("records"):
        names = _name(row["channel_name"]), _name(row["value"])
        table.add_row(*names, *(_figure(row[column], digits) for _, column, digits in COLUMNS))
    console.print(table)
    if (more := len(values) - VALUES_SHOWN) > 0:
        say(console, f"And {more:,} more rows: see the file of the breakdown.")


def print_conversion_types(console: Console, orders: pd.DataFrame | None) -> None:
    """Print the orders of each conversion type.

    Args:
        console: Where to.
        orders: As `report_range.orders_by_type` gives them.
    """
    if orders is None:
        return
    table = Table("conversion type", "of orders", title="Orders by conversion type")
    for heading in ("orders", "attributed", "revenue"):
        table.add_column(heading, justify="right")
    for row in orders.to_dict("records"):
        figures = str(row["orders"]), str(row["attributed"]), _figure(row["revenue"], 2)
        table.add_row(_name(row["conversion_type"]), _name(row["value"] or "(all others)"), *figures)
    console.print(table)


def _print_rows_set_aside(console: Console, set_aside: Mapping[str, SetAside]) -> None:
    if rows := sum(found.rows for found in set_aside.values()):
        of_each = ", ".join(
            f"{found.rows} of {asset}{f' with {found.money}' if found.money else ''}"
            for asset, found in set_aside.items()
        )
        tables = " and ".join(f"rejected_{asset}" for asset in set_aside)
        say(
            console,
            f"{rows} source row{'s were' if rows > 1 else ' was'} set aside ({of_each}): see the check rows_are_usable,"
            f" or the table{'s' * (' and ' in tables)} {tables} in the asset storage.",
        )


def print_certainty(console: Console, final: Sequence[dt.date], provisional: Sequence[dt.date]) -> None:
    """Say which reported days are final, and which can still change.

    Args:
        console: Where to.
        final: Days that only late rows can change.
        provisional: Days that orders still to be attributed can change.
    """
    if final:
        say(console, f"Final, unless rows arrive late: {in_words(final)}.")
    if provisional:
        say(console, f"Provisional, until all orders that can credit them are attributed: {in_words(provisional)}.")


def print_orders_not_made(console: Console, words: str) -> None:
    """Say how many orders are in no figure, as their days were not made."""
    if words:
        say(console, f"Orders: {words}, so the days that they can credit lack it.")


def print_too_long_orders(console: Console, too_long: pd.DataFrame) -> None:
    """Say which users have orders that are too long, those with most orders first."""
    users = users_with_too_long_orders(too_long)
    for user in users[:USERS_NAMED]:
        say(console, f"Too long: {user}. Does this user id stand for many?")
    if (more := len(users) - USERS_NAMED) > 0:
        say(console, f"Too long: orders of {more} more {'user' if more == 1 else 'users'}.")


def print_rows_in_no_report(console: Console, lines: Iterable[str]) -> None:
    """Say how many source rows no day can report, with what they carry and an example of each table."""
    for line in lines:
        say(console, line)


def print_report_file(console: Console, first: dt.date, last: dt.date, path: object, what: str = "Report") -> None:
    """Say where the report of the days from `first` to `last` was written, or what else there is."""
    say(console, f"{what} of {first}..{last}: {path}")


def print_comparison_files(console: Console, first: dt.date, last: dt.date, paths: Sequence[object]) -> None:
    """Say where the comparisons of the orders from `first` to `last` were written."""
    say(console, f"Comparisons of {first}..{last}: {', '.join(map(str, paths))}")


def print_status(console: Console, status: Status, other_settings: AbstractSet[dt.date]) -> None:
    """Print what is stored, missing and stale of each asset, and what can still change.

    Args:
        console: Where to.
        status: What to print.
        other_settings: Days attributed with other settings than those of now.
    """
    table = Table(title="Days by asset")
    for heading in ("asset", "stored", "missing", "stale"):
        table.add_column(heading, overflow="fold")
    for asset, days in status.stored.items():
        stale = status.stale.days.get(asset, status.changed.get(asset, set()))
        table.add_row(asset, *(in_words(some) for some in (days, status.missing[asset], stale)))
    console.print(table)
    print_certainty(console, status.final, status.provisional)
    print_rows_in_no_report(console, rows_in_words(status.in_no_report))
    if waiting := {day for days in status.stale.blocked.values() for day in days}:
        causes = "; ".join(sorted(status.stale.causes))
        say(console, f"Waiting until rejected rows are corrected in the source: {in_words(waiting)} ({causes}).")
    for asset, lacked in status.stale.missing.items():
        say(console, f"To be materialized before, as stale days need them: {asset} of {in_words(lacked)}.")
    if other_settings:
        say(console, f"Attributed with other settings than now, run again to use these: {in_words(other_settings)}.")
    if status.to_run:
        say(console, "Run these days to bring them up to date.")
    elif status.up_to_date and not any(each.unusable and each.unusable == each.rows for each in status.in_no_report):
        say(console, "Everything is up to date.")


def say(console: Console, words: str) -> None:
    """Print a sentence: nothing in it has a meaning to the terminal or to rich."""
    console.print(readable(words, longest=None), soft_wrap=True, highlight=False, markup=False)


def _name(name: object) -> Text:
    """A name from outside as a cell: on one line, shortened, and without meaning to the terminal or to rich."""
    return Text(readable(name))


def print_ledger(console: Console, months: Sequence[AnswersOfMonth]) -> None:
    """Print what the ledger holds, by who answered, conversion type and month."""
    if not months:
        console.print("The ledger is empty: nothing has been asked for yet.")
        return
    table = Table(title="Ledger of IHC answers", show_footer=True)
    table.add_column("answered by", "total", overflow="fold")
    table.add_column("conversion type", overflow="fold")
    table.add_column("month", no_wrap=True)
    for figure in ("answers", "requests", "touchpoints"):
        table.add_column(figure, f"{sum(getattr(month, figure) for month in months):,}", justify="right", no_wrap=True)
    for month in months:
        figures = (f"{figure:,}" for figure in (month.answers, month.requests, month.touchpoints))
        table.add_row(_name(month.endpoint), _name(month.conv_type_id), month.month, *figures)
    console.print(table)


def _channels(report: pd.DataFrame) -> Table:
    channels = by_channel(report)
    table = Table(title="By channel and touch date", show_footer=True)
    totals = with_ratios(channels[["cost", "ihc", "ihc_revenue"]].sum().to_frame().T).iloc[0]
    table.add_column("channel", "total", overflow="fold", min_width=12)
    for heading, column, digits in COLUMNS:
        table.add_column(heading, _figure(totals[column], digits), justify="right", no_wrap=True)
    for row in with_ratios(channels).to_dict("records"):
        table.add_row(_name(row["channel_name"]), *(_figure(row[column], digits) for _, column, digits in COLUMNS))
    return table


def _unattributed(outcomes: pd.DataFrame) -> Table:
    table = Table(title="Orders", show_footer=True)
    table.add_column("outcome", "total")
    table.add_column("orders", str(len(outcomes)), justify="right")
    table.add_column("revenue", _figure(float(outcomes["revenue"].sum()), 2), justify="right")
    for outcome, orders in outcomes.groupby("outcome"):
        table.add_row(_name(outcome), str(len(orders)), _figure(float(orders["revenue"].sum()), 2))
    return table


COLUMNS = (
    ("cost", "cost", 2),
    ("orders", "ihc", 2),
    ("revenue", "ihc_revenue", 2),
    ("CPO", "CPO", 2),
    ("ROAS", "ROAS", 3),
)


def _figure(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:,.{digits}f}"
