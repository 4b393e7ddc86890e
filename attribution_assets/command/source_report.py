"""The command `source`: what a source holds, in plain lines, and what to do before a run.

What is found is in `attribution/source/survey`; here it is put into words.
"""

import datetime as dt
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console

from attribution_assets.attribution.calendar.days import days_between, in_words
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.attribution.source.rows_in_no_report import RowsInNoReport
from attribution_assets.attribution.source.rows_in_no_report import in_words as rows_in_words
from attribution_assets.attribution.source.schemas import SOURCE_TABLES
from attribution_assets.attribution.source.survey import OrdersWithVisits, SetAsideRows, Survey, SurveyedTable, survey
from attribution_assets.command.terminal import say
from attribution_assets.defs.partitions import first_and_last_partition
from attribution_assets.defs.resources import Resources
from attribution_assets.setting_texts import EARLIEST_DAY

FEW_VISITS = 0.5
"""A smaller share of orders with a visit is something to look into."""

_MOST_NAMED = 12
_TABLE_OF = {"sessions": "session_sources", "conversions": "conversions", "spend": "ad_spend"}

_WHAT_TO_DO = (
    ("", "is not a date", "write dates as YYYY-MM-DD, such as 2024-02-29, without a time"),
    ("", "is not a time", "write times as HH:MM:SS in UTC, such as 09:30:00, without a date"),
    ("", "is on another day in UTC", "write date and time in UTC"),
    ("", "is not a number", "write numbers as 1234.50: a point, no thousands separator, no currency, no blanks"),
    ("", "is neither 0 nor 1", "write flags as 0 and 1"),
    (
        "ad_spend.",
        "has several rows",
        "leave one of the rows that differ in their amounts alone, or add a column that tells them apart",
    ),
    ("", "has several rows", "leave one row of each id"),
    ("", "is missing", "fill it in"),
    ("", "is empty", "fill it in"),
    ("conversions.revenue", "is negative", "write what was sold, without returns"),
    ("conversions.refunded", "is negative", "write what was paid back as a positive number"),
    ("conversions.refunded", "is more than the revenue", "write no more than the revenue of the order"),
    ("ad_spend.cost", "is negative", "write what was spent, without credit notes"),
    ("", "is negative", "write a number from 0 up"),
)
"""Beginning of table and column, beginning of the defect, what to do; the first that fits."""


def report_source(console: Console, resources: Resources) -> bool:
    """Print what the source holds.

    Args:
        console: where to.
        resources: the source and the rules; nothing is written.

    Returns:
        Whether a run could start.

    Raises:
        SourceUnreachableError: the source cannot be reached at all.
    """
    rules = resources.rules
    calendar = first_and_last_partition(rules.windows.first_day, rules.windows.last_day)
    source, journey_end = resources.database.source(), rules.windows.journey_end
    found = survey(source, SOURCE_ASSETS, calendar, rules.lookback_days, journey_end)
    for line in _facts(found, rules.lookback_days):
        say(console, line)
    console.print()
    to_do = list(_to_do(found, calendar, rules.lookback_days, rules.max_rejected_share))
    for line in to_do:
        say(console, f"To do: {line}")
    can_start = _can_start(found, calendar)
    if can_start:
        say(console, f"A run can start{' as it is' if to_do else ''}: attribution-assets run")
    elif to_do:
        say(console, "No run can start before this is done.")
    else:
        say(console, f"No run can start: no row is of the days that can be reported, {calendar[0]}..{calendar[1]}.")
    return can_start


def _can_start(found: Survey, calendar: tuple[dt.date, dt.date]) -> bool:
    if found.lacks or found.unreadable or not found.looked_at:
        return False
    first, last = found.looked_at
    looked_at = {asset: [day for day in rows if first <= day <= last] for asset, rows in found.rows_by_day.items()}
    if any(days and not found.usable[asset] for asset, days in looked_at.items()):
        return False
    return any(calendar[0] <= day <= calendar[1] for days in found.rows_by_day.values() for day in days)


def _facts(found: Survey, lookback_days: int) -> Iterator[str]:
    yield f"Source: {found.source}"
    days = {_TABLE_OF[asset]: rows for asset, rows in found.rows_by_day.items()}
    for table in found.tables:
        yield from _table(table, days.get(table.name, {}))
    yield from rows_in_words(found.in_no_report)
    if found.looked_at:
        first, last = found.looked_at
        set_aside = [
            f"  {kind.rows:,} of {_TABLE_OF[asset]}: {kind.example}"
            for asset, kinds in found.set_aside.items()
            for kind in _without_dates(kinds)
        ]
        which = f"Rows of {first}..{last}" if any(found.rows_by_day.values()) else "Rows with no usable date"
        yield (
            f"{which}, looked at one by one: "
            + ", ".join(f"{rows:,} of {_TABLE_OF[asset]} can be used" for asset, rows in found.usable.items())
            + ("; set aside are:" if set_aside else ".")
        )
        yield from set_aside
        if found.repeated:
            yield f"{found.repeated:,} rows repeat another one in every column: of equal rows one counts."
    if found.visits:
        yield from _visits(found.visits, lookback_days)
    if found.channels:
        yield from _channels(found.channels)


def _table(table: SurveyedTable, days: Mapping[dt.date, int]) -> Iterator[str]:
    if not table.is_there:
        yield f"{table.name}: there is no such table{' (a run does without it)' if table.is_optional else ''}."
        return
    rows = "" if table.rows is None else f" {table.rows:,} rows"
    if days:
        first, last = min(days), max(days)
        each = f"{min(days.values()):,} to {max(days.values()):,} a day"
        rows += f", {first}..{last} ({len(days)} days with rows, {each})"
    yield f"{table.name}:{rows or ' it cannot be read'}"
    yield f"  columns: {', '.join(f'{column} ({type_})' for column, type_ in table.columns.items()) or 'none is used'}"
    if table.missing:
        yield f"  missing: {', '.join(table.missing)}"
    if table.without:
        yield f"  not there, and not needed: {', '.join(table.without)}"
    if table.others:
        yield f"  not used: {_shortened(table.others)}"
    if table.name != _TABLE_OF["spend"] and (gap := _gap(days)):
        yield f"  no rows on {gap}"


def _visits(visits: OrdersWithVisits, lookback_days: int) -> Iterator[str]:
    if not visits.orders:
        return
    words = (
        f"Orders with a visit of their user in the {lookback_days} days before: {visits.with_visit:,} of"
        f" {visits.orders:,} ({visits.with_visit / visits.orders:.0%})"
    )
    others = [
        (visits.without_user, "have no user_id"),
        (visits.unknown_user, f"are of users without any visit, such as {visits.example}"),
        (visits.other_time, "are of users whose visits are later, or earlier than that"),
    ]
    said = [f"{count:,} {what}" for count, what in others if count]
    yield f"{words}; {'; '.join(said)}." if said else f"{words}."


def _channels(channels: Mapping[str, tuple[int, float]]) -> Iterator[str]:
    by_visits = sorted(channels.items(), key=lambda item: (-item[1][0], item[0]))
    paid = [f"{name} ({visits:,} visits, {cost:,.2f})" for name, (visits, cost) in by_visits if cost]
    free = [f"{name} ({visits:,} visits)" for name, (visits, cost) in by_visits if not cost]
    yield f"Channels with a cost: {_shortened(paid) or 'none'}"
    yield f"Channels without: {_shortened(free) or 'none'}"


def _to_do(found: Survey, calendar: tuple[dt.date, dt.date], lookback_days: int, largest_share: float) -> Iterator[str]:
    for table in found.lacks:
        yield from _to_add(table, found)
    if any(not table.is_there for table in found.lacks):
        yield f"what is there is {_shortened(found.named) or 'nothing'}: rename it, or make a view of the name."
    yield from found.unreadable
    if found.lacks or found.unreadable:
        return
    yield from _of_the_calendar({day for rows in found.rows_by_day.values() for day in rows}, calendar[0])
    yield from _of_dates(found.in_no_report)
    for asset, kinds in found.set_aside.items():
        yield from _of_rows(_TABLE_OF[asset], list(_without_dates(kinds)), found.usable[asset], largest_share)
    for asset, days in found.rows_by_day.items():
        if days or not any(table.asset == asset and table.unusable for table in found.in_no_report):
            yield from _of_days(_TABLE_OF[asset], days)
    if found.visits:
        yield from _of_visits(found.visits, lookback_days)
    if found.channels and not any(cost for _, cost in found.channels.values()):
        yield "no channel has a cost: fill session_costs or ad_spend, or CPO and ROAS stay empty."


def _of_rows(table: str, kinds: Sequence[SetAsideRows], usable: int, largest_share: float) -> Iterator[str]:
    for kind in kinds:
        column = f"{table}.{kind.column}"
        what = next(
            (
                what
                for where, defect, what in _WHAT_TO_DO
                if column.startswith(where) and kind.defect.startswith(defect)
            ),
            "correct it",
        )
        yield f"{kind.column} of {table}, in {kind.rows:,} row{'s' if kind.rows > 1 else ''}: {what}."
    if max((kind.rows for kind in kinds), default=0) > largest_share * usable:
        yield f"a day is stopped while more than {largest_share:.0%} of its rows are set aside."


def _of_days(table: str, days: Mapping[dt.date, int]) -> Iterator[str]:
    if table == _TABLE_OF["spend"]:  # days without spend are as good as any
        return
    if not days:
        yield f"{table} has no row with a date."
    elif gap := _gap(days):
        yield f"{table} has no rows on {gap}: see whether a file or a load is missing."


def _of_dates(in_no_report: Iterable[RowsInNoReport]) -> Iterator[str]:
    for table in in_no_report:
        if table.unusable:
            yield f"{table.column} of {table.table}: {_WHAT_TO_DO[0][2]} (such as {table.example})."
        if table.costs.rows:
            yield (
                f"session_costs: {table.costs.rows:,} costs belong to no row of {table.table}, such as"
                f" {table.costs.example}: add the rows, or write session_id alike in both."
            )


def _to_add(table: SurveyedTable, found: Survey) -> Iterator[str]:
    if not table.is_there:
        like = _alike(table.name, [name for name in found.named if name.lower().split(".")[0] not in SOURCE_TABLES])
        yield f"add the table {table.name}{f' (is it {like}?)' if like else ''}."
    for column in table.missing:
        like = _alike(column, table.others)
        yield f"add the column {column} to {table.name}{f' (is it {like}?)' if like else ''}."


def _of_the_calendar(days: Iterable[dt.date], first: dt.date) -> Iterator[str]:
    early = [day for day in days if day < first]
    if early:
        yield (
            f"rows of {min(early)}..{max(early)} are before the first day, {first}: set ATTRIBUTION_START_DATE to"
            f" {max(min(early), EARLIEST_DAY)}, or leave them out."
        )


def _of_visits(visits: OrdersWithVisits, lookback_days: int) -> Iterator[str]:
    if not visits.orders or visits.with_visit >= FEW_VISITS * visits.orders:
        return
    worst = max(visits.without_user, visits.unknown_user, visits.other_time)
    if worst == visits.unknown_user:
        yield (
            f"write user_id alike in session_sources and conversions: there is {visits.example}, and"
            f" {visits.other_example or 'no visit with a user_id'} among the visits."
        )
    elif worst == visits.without_user:
        yield "fill user_id of conversions: without it no order finds its visits."
    else:
        yield (
            f"see that both tables have their times in UTC, and that the visits of the {lookback_days} days before the"
            " orders are there: users have visits, but later or earlier ones."
        )


def _without_dates(kinds: Sequence[SetAsideRows]) -> Iterator[SetAsideRows]:
    """Those that are not of a date: such rows are counted over the whole table."""
    return (kind for kind in kinds if not kind.defect.startswith("is not a date"))


def _gap(days: Mapping[dt.date, int]) -> str:
    return in_words(set(days_between(min(days), max(days))).difference(days)) if days else ""


def _alike(name: str, names: Iterable[str]) -> str:
    """The name that is most like the wanted one; empty if none is."""
    by_stem = {each.lower().split(".")[0]: each for each in names}
    words = [stem for stem in by_stem if stem in name.split("_")]
    close = words or difflib.get_close_matches(name, by_stem, n=1, cutoff=0.65)
    return by_stem[close[0]] if close else ""


def _shortened(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
