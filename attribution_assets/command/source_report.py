"""The command `source`: what a source holds, in plain lines, and what to do before a run.

What is found is in `attribution/source/survey_findings`, what to do in `source_advice`; here it is put into words.
"""

import datetime as dt
from collections.abc import Iterator, Mapping

from rich.console import Console

from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.attribution.source.rows_in_no_report import in_words as rows_in_words
from attribution_assets.attribution.source.survey import survey
from attribution_assets.attribution.source.survey_findings import OrdersWithVisits, Survey, SurveyedTable
from attribution_assets.command.source_advice import TABLE_OF, gap, shortened, to_do, within, without_dates
from attribution_assets.command.terminal import say
from attribution_assets.resources import Resources
from attribution_assets.resources.calendar import first_and_last_partition


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
    named = rules.names.in_attributes
    for line in _facts(found, calendar, rules.lookback_days):
        say(console, named(line))
    console.print()
    advice = list(to_do(found, calendar, rules.lookback_days, rules.max_rejected_share))
    for line in advice:
        say(console, f"To do: {named(line)}")
    can_start = _can_start(found, calendar)
    if can_start:
        of_it = f" --data-set {rules.data_set}" if rules.data_set else ""
        say(console, f"A run can start{' as it is' if advice else ''}: attribution-assets run{of_it}")
    elif advice:
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


def _facts(found: Survey, calendar: tuple[dt.date, dt.date], lookback_days: int) -> Iterator[str]:
    yield f"Source: {found.source}"
    days = {TABLE_OF[asset]: rows for asset, rows in found.rows_by_day.items()}
    for table in found.tables:
        yield from _table(table, days.get(table.name, {}), calendar)
    yield from rows_in_words(found.in_no_report)
    if found.looked_at:
        first, last = found.looked_at
        set_aside = [
            f"  {kind.rows:,} of {TABLE_OF[asset]}: {kind.example}"
            for asset, kinds in found.set_aside.items()
            for kind in without_dates(kinds)
        ]
        which = f"Rows of {first}..{last}" if any(found.rows_by_day.values()) else "Rows with no usable date"
        yield (
            f"{which}, looked at one by one: "
            + ", ".join(f"{rows:,} of {TABLE_OF[asset]} can be used" for asset, rows in found.usable.items())
            + ("; set aside are:" if set_aside else ".")
        )
        yield from set_aside
        if found.repeated:
            yield f"{found.repeated:,} rows repeat another one in every column: of equal rows one counts."
    if found.visits:
        yield from _visits(found.visits, lookback_days)
    if found.channels:
        yield from _channels(found.channels)


def _table(table: SurveyedTable, days: Mapping[dt.date, int], calendar: tuple[dt.date, dt.date]) -> Iterator[str]:
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
        yield f"  not used: {shortened(table.others)}"
    if table.name != TABLE_OF["spend"] and (empty := gap(within(calendar, days))):
        yield f"  no rows on {empty}"


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
    yield f"Channels with a cost: {shortened(paid) or 'none'}"
    yield f"Channels without: {shortened(free) or 'none'}"
