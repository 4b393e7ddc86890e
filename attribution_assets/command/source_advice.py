"""What the command `source` says there is to do before a run, from what was found in a source.

What is found is in `attribution/source/survey_findings`; how that itself is put into words is in `source_report`.
"""

import datetime as dt
import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attribution_assets.attribution.calendar.days import days_between, in_words
from attribution_assets.attribution.source.rows_in_no_report import RowsInNoReport
from attribution_assets.attribution.source.schemas import SOURCE_TABLES
from attribution_assets.attribution.source.survey_findings import OrdersWithVisits, SetAsideRows, Survey, SurveyedTable
from attribution_assets.setting_texts import EARLIEST_DAY

TABLE_OF = {"sessions": "session_sources", "conversions": "conversions", "spend": "ad_spend"}
"""Asset -> the table that it is made of."""

FEW_VISITS = 0.5
"""A smaller share of orders with a visit is something to look into."""

MANY_WITHOUT_USER = 0.1
"""So is a larger share of orders whose visitor is not known."""

MOST_COST_WITHOUT_VISITS = 0.5
"""So is a larger share of the cost on channels without a visit, where others have visits and no cost."""

FEW_ROWS_TOO_EARLY = 0.01
"""A smaller share of rows before the first day is rather a wrong date than earlier data."""

_MOST_NAMED = 12
_ALSO_CALLED = {"session_sources": "visits", "conversions": "orders"}
_SHORTENED_BY_A_SPREADSHEET = re.compile(r"'[0-9](\.[0-9]+)?E\+[0-9]+'")

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
    (
        "conversions.revenue",
        "is negative",
        "write what was sold, and what was paid back of it in the column refunded of the same order",
    ),
    ("conversions.refunded", "is negative", "write what was paid back as a positive number"),
    ("conversions.refunded", "is more than the revenue", "write no more than the revenue of the order"),
    ("ad_spend.cost", "is negative", "write what was spent, without credit notes"),
    ("", "is negative", "write a number from 0 up"),
)
"""Beginning of table and column, beginning of the defect, what to do; the first that fits."""


def to_do(found: Survey, calendar: tuple[dt.date, dt.date], lookback_days: int, largest_share: float) -> Iterator[str]:
    """What there is to do, a line each; a setting is called by its variable.

    Args:
        found: what the source holds.
        calendar: the first and the last day that can be reported.
        lookback_days: how many days before an order its visits may be.
        largest_share: share of a day's rows that may be set aside.
    """
    for table in found.lacks:
        yield from _to_add(table, found)
    if any(not table.is_there for table in found.lacks):
        yield f"what is there is {shortened(found.named) or 'nothing'}: rename it, or make a view of the name."
    yield from found.unreadable
    if found.lacks or found.unreadable:
        return
    yield from _of_the_calendar(found.rows_by_day.values(), calendar[0])
    yield from _of_dates(found.in_no_report)
    for asset, kinds in found.set_aside.items():
        yield from _of_rows(TABLE_OF[asset], list(without_dates(kinds)), found.usable[asset], largest_share)
    for asset, days in found.rows_by_day.items():
        if days or not any(table.asset == asset and table.unusable for table in found.in_no_report):
            yield from _of_days(TABLE_OF[asset], days, calendar)
    if found.visits:
        yield from _of_visits(found.visits, lookback_days)
    if found.channels:
        yield from _of_channels(found.channels)


def _of_rows(table: str, kinds: Sequence[SetAsideRows], usable: int, largest_share: float) -> Iterator[str]:
    for kind in kinds:
        where = f"{kind.column} of {table}, in {kind.rows:,} row{'s' if kind.rows > 1 else ''}"
        yield f"{where}: {_what_to_do(f'{table}.{kind.column}', kind)}."
    if max((kind.rows for kind in kinds), default=0) > largest_share * usable:
        yield f"a day is stopped while more than {largest_share:.0%} of its rows are set aside."


def _what_to_do(column: str, kind: SetAsideRows) -> str:
    fitting = (
        what for where, defect, what in _WHAT_TO_DO if column.startswith(where) and kind.defect.startswith(defect)
    )
    what = next(fitting, "correct it")
    if kind.defect.startswith("has several rows") and _SHORTENED_BY_A_SPREADSHEET.search(kind.example):
        return "export the ids as text: a spreadsheet has shortened them, so that different ones look alike"
    return what


def _of_days(table: str, days: Mapping[dt.date, int], calendar: tuple[dt.date, dt.date]) -> Iterator[str]:
    if table == TABLE_OF["spend"]:  # days without spend are as good as any
        return
    if not days:
        yield f"{table} has no row with a date."
    elif empty := gap(within(calendar, days)):
        yield f"{table} has no rows on {empty}: see whether a file or a load is missing."


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
        unread = [name for name in found.named if name.lower().partition(".")[0] == table.name]
        others = [name for name in found.named if name.lower().partition(".")[0] not in SOURCE_TABLES]
        needed = [column for column, schema in SOURCE_TABLES[table.name].columns.items() if schema.required]
        if unread:
            yield f"save {unread[0]} as CSV or Parquet: in this form it is not read."
        elif like := _alike(table.name, others):
            yield f"add the table {table.name} (is it {like}?)."
        else:
            yield f"add the table {table.name}, with the columns {', '.join(needed)}."
    for column in table.missing:
        like = _alike(column, table.others)
        yield f"add the column {column} to {table.name}{f' (is it {like}?)' if like else ''}."


def _of_the_calendar(rows_by_day: Iterable[Mapping[dt.date, int]], first: dt.date) -> Iterator[str]:
    rows: Counter[dt.date] = Counter()
    for by_day in rows_by_day:
        rows.update(by_day)
    early = {day: count for day, count in rows.items() if day < first}
    if not early:
        return
    start = max(min(early), EARLIEST_DAY)
    if (few := sum(early.values())) < FEW_ROWS_TOO_EARLY * sum(rows.values()):
        yield (
            f"correct the dates of {few:,} row{'s' if few > 1 else ''} of {_range(early)}, before the first day,"
            f" {first}, or leave them out: they are in no report. If they are right, set ATTRIBUTION_START_DATE to"
            f" {start}."
        )
    else:
        yield (
            f"rows of {_range(early)} are before the first day, {first}: set ATTRIBUTION_START_DATE to {start}, or"
            " leave them out."
        )


def _range(days: Collection[dt.date]) -> str:
    first, last = min(days), max(days)
    return f"{first}..{last}" if first < last else f"{first}"


def _of_visits(visits: OrdersWithVisits, lookback_days: int) -> Iterator[str]:
    if visits.without_user > MANY_WITHOUT_USER * visits.orders:
        yield (
            f"fill user_id of conversions, which {visits.without_user:,} of {visits.orders:,} orders lack: without it"
            " no order finds its visits."
        )
    if visits.with_visit >= FEW_VISITS * visits.orders:
        return
    worst = max(visits.without_user, visits.unknown_user, visits.other_time)
    if worst == visits.unknown_user:
        yield (
            f"write user_id alike in session_sources and conversions: there is {visits.example}, and"
            f" {visits.other_example or 'no visit with a user_id'} among the visits."
        )
    elif worst == visits.other_time:
        yield (
            f"see that both tables have their times in UTC, and that the visits of the {lookback_days} days before the"
            " orders are there: users have visits, but later or earlier ones."
        )


def _of_channels(channels: Mapping[str, tuple[int, float]]) -> Iterator[str]:
    cost = sum(cost for _, cost in channels.values())
    unseen = {name: cost for name, (visits, cost) in channels.items() if cost and not visits}
    free = [name for name, (visits, cost) in channels.items() if visits and not cost]
    if not cost:
        yield "no channel has a cost: fill session_costs or ad_spend, or CPO and ROAS stay empty."
    elif free and sum(unseen.values()) > MOST_COST_WITHOUT_VISITS * cost:
        yield (
            "spell channels alike in ad_spend and session_sources, or map their spellings with ATTRIBUTION_CHANNELS:"
            f" there is most of the cost without visits ({shortened(list(unseen))}), and there are visits without cost"
            f" ({shortened(free)})."
        )


def without_dates(kinds: Iterable[SetAsideRows]) -> Iterator[SetAsideRows]:
    """Those that are not of a date: such rows are counted over the whole table."""
    return (kind for kind in kinds if not kind.defect.startswith("is not a date"))


def within(calendar: tuple[dt.date, dt.date], days: Mapping[dt.date, int]) -> Mapping[dt.date, int]:
    """The days that can be reported, and their rows."""
    return {day: rows for day, rows in days.items() if calendar[0] <= day <= calendar[1]}


def gap(days: Mapping[dt.date, int]) -> str:
    """The days without rows between the first and the last with some, in words; empty if there are none."""
    return in_words(set(days_between(min(days), max(days))).difference(days)) if days else ""


def _alike(name: str, names: Iterable[str]) -> str:
    """The name that is most like the wanted one; empty if none is."""
    by_stem = {each.lower().split(".")[0]: each for each in names}
    words = [stem for stem in by_stem if stem in {*name.split("_"), _ALSO_CALLED.get(name)}]
    close = words or difflib.get_close_matches(name, by_stem, n=1, cutoff=0.65)
    return by_stem[close[0]] if close else ""


def shortened(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
