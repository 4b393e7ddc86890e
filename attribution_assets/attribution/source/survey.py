"""Looks at a source before anything is made of it, and finds what `survey_findings.py` describes.

Nothing is judged here: what is said of a source, and what to do, belongs in `command/source_report`. Days and tables
are counted whole. Single rows are looked at from the last day of the calendar with data back, as many as `MOST_ROWS`.
"""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

import pandas as pd
import sqlalchemy as sa

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.calendar.windows import JourneyEnd
from attribution_assets.attribution.source.database import ExtractedDay, SourceDatabase, SourceUnreachableError
from attribution_assets.attribution.source.rows_in_no_report import RowsInNoReport
from attribution_assets.attribution.source.schemas import SOURCE_TABLES, is_iso_date
from attribution_assets.attribution.source.statements import SCHEMA, SPEND
from attribution_assets.attribution.source.survey_findings import OrdersWithVisits, SetAsideRows, Survey, SurveyedTable
from attribution_assets.attribution.source.table_names import find_table

MOST_ROWS = 1_000_000
"""So many sessions are looked at one by one, and the orders of their days."""

_MOST_EMPTY_DAYS = 31
"""So many days without rows are read along with those around them, which takes less time than another statement."""

_REASON = re.compile(r"(\w+) (.+?) ((?:is|holds|has) .*)")


def survey(
    source: SourceDatabase,
    assets: Sequence[str],
    calendar: tuple[dt.date, dt.date],
    lookback_days: int,
    journey_end: JourneyEnd,
) -> Survey:
    """Look at a source.

    Args:
        source: the source; nothing is written.
        assets: what is made of its tables, by the name of the method of `source` that reads it: sessions, conversions.
        calendar: the first and the last day that can be reported; rows of other days are only counted.
        lookback_days: how many days before an order its visits may be.
        journey_end: whether a visit in the order's own second counts.

    Raises:
        SourceUnreachableError: it cannot be reached at all.
    """
    found = Survey(str(source))
    with source.place.database.reading() as connection:
        found.tables = [_table(connection, name, source.dimensions.get(name, ())) for name in SOURCE_TABLES]
        found.named = list(source.place.names(connection))
    if found.lacks:
        return found
    if not any(table.name == SPEND.name and table.is_there for table in found.tables):
        assets = [asset for asset in assets if asset != "spend"]
    for asset in assets:
        with _noting(found):
            found.rows_by_day[asset] = source.rows_by_day(asset)
            found.in_no_report.append(source.rows_in_no_report(asset))
    if not found.unreadable:
        with _noting(found):
            _look_at_rows(found, source, calendar, lookback_days, journey_end)
    return found


@contextmanager
def _noting(found: Survey) -> Iterator[None]:
    """Note what cannot be read, and go on."""
    try:
        yield
    except SourceUnreachableError as error:
        if str(error) not in found.unreadable:
            found.unreadable.append(str(error))


def _table(connection: sa.Connection, name: str, dimensions: Sequence[str]) -> SurveyedTable:
    there, columns = find_table(connection, name), SOURCE_TABLES[name].columns
    used = {column: there.columns[column] for column in (*columns, *dimensions) if column in there.columns}
    required = [column for column, schema in columns.items() if schema.required]
    rows = None
    if there.columns:
        quote = connection.dialect.identifier_preparer.quote
        try:
            rows = connection.scalar(sa.select(sa.func.count()).select_from(sa.text(quote(there.name))))
        except sa.exc.DBAPIError:
            rows = None
    return SurveyedTable(
        name,
        is_optional=name not in SCHEMA,
        columns={column: _type_in_words(found.type, connection) for column, found in used.items()},
        missing=[column for column in required if column not in used] if there.columns else [],
        without=[column for column in columns if column not in used and column not in required],
        others=[found.name for column, found in there.columns.items() if column not in used],
        rows=rows,
    )


def _type_in_words(type_: sa.types.TypeEngine[object], connection: sa.Connection) -> str:
    if isinstance(type_, sa.types.NullType):
        return "text" if connection.dialect.name != "sqlite" else "any type"
    return (repr(type_) if isinstance(type_, sa.types.UserDefinedType) else str(type_)).lower()


def _look_at_rows(
    found: Survey,
    source: SourceDatabase,
    calendar: tuple[dt.date, dt.date],
    lookback_days: int,
    journey_end: JourneyEnd,
) -> None:
    rows = _rows_within(calendar, found.rows_by_day)
    days = _days_to_look_at(rows) or [source.first_day]
    odd_days = {source.first_day, *_days_named(found.in_no_report)} if _has_odd_dates(found) else set()
    ranges = [days_between(*each) for each in adjacent_ranges({*days, *odd_days}, _MOST_EMPTY_DAYS)]
    kept: dict[str, list[pd.DataFrame]] = {}
    for asset in found.rows_by_day:
        examples: dict[tuple[str, str], str] = {}
        counts: Counter[tuple[str, str]] = Counter()
        kept[asset], found.usable[asset] = [], 0
        read: Callable[[Sequence[dt.date]], Iterator[ExtractedDay]] = getattr(source, asset)
        for day in chain.from_iterable(map(read, ranges)):
            found.repeated += day.repeated
            found.usable[asset] += len(day.frame) + day.summed
            kept[asset].append(day.frame)
            rejected = (day.rejected[name] for name in ("row_key", "row", "reason"))
            for key, row, reason in zip(*rejected, strict=True):
                for column, defect, part in _parts_of(reason):
                    counts[column, defect] += 1
                    if counts[column, defect] == 1:
                        which = _spent_on(row) if asset == "spend" else repr(key)
                        examples[column, defect] = f"{part}, in the row {which}"
        found.set_aside[asset] = [SetAsideRows(*kind, rows, examples[kind]) for kind, rows in counts.most_common()]
    sessions, orders = pd.concat(kept["sessions"]), pd.concat(kept["conversions"])
    found.channels = _channels(sessions, kept.get("spend", []))
    first, last = days[0], days[-1]
    is_all = not any(day < first for day in rows)
    whole = pd.Timestamp(first if is_all else first + dt.timedelta(days=lookback_days))
    found.looked_at = first, last
    if len(sessions):
        found.visits = _visits(sessions, orders[orders["conversion_time"] >= whole], lookback_days, journey_end)


def _channels(sessions: pd.DataFrame, spend: Sequence[pd.DataFrame]) -> dict[str, tuple[int, float]]:
    by = ["channel_name", "date"]
    visits = sessions["channel_name"].value_counts()
    costs = sessions.assign(date=sessions["session_time"].dt.strftime("%Y-%m-%d")).groupby(by)["cost"].sum()
    if spend:
        costs = pd.concat(spend).groupby(by)["cost"].sum().combine_first(costs)
    of_channel = costs.groupby(level="channel_name").sum()
    return {str(channel): (int(visits.get(channel, 0)), float(cost)) for channel, cost in of_channel.items()}


def _spent_on(row: str) -> str:
    """The date, the channel and the campaign of a row of ad_spend."""
    values = json.loads(row)
    return ", ".join(f"{name} {values[name]!r}" for name in ("date", "channel_name", "campaign") if name in values)


def _has_odd_dates(found: Survey) -> bool:
    return any(table.unusable for table in found.in_no_report)


def _days_named(in_no_report: Iterable[RowsInNoReport]) -> Iterator[dt.date]:
    """The days that examples of dates begin with, which are no dates: such rows are filed there."""
    for table in in_no_report:
        for text in re.findall(r"'([0-9]{4}-[0-9]{2}-[0-9]{2})", table.example):
            if is_iso_date(text):
                yield dt.date.fromisoformat(text)


def _rows_within(
    calendar: tuple[dt.date, dt.date], rows_by_day: Mapping[str, Mapping[dt.date, int]]
) -> Counter[dt.date]:
    """How many rows of all tables each day of the calendar has, of days with rows."""
    rows: Counter[dt.date] = Counter()
    for by_day in rows_by_day.values():
        rows.update({day: count for day, count in by_day.items() if calendar[0] <= day <= calendar[1]})
    return rows


def _days_to_look_at(rows: Mapping[dt.date, int]) -> list[dt.date]:
    """The last days whose rows are up to `MOST_ROWS` together, and at least one, in order; none if no day has rows."""
    found: list[dt.date] = []
    seen = 0
    for day in sorted(rows, reverse=True):
        seen += rows[day]
        if seen > MOST_ROWS and found:
            break
        found.append(day)
    return found[::-1]


def _parts_of(reason: str) -> Iterator[tuple[str, str, str]]:
    """The defects that a reason names, each with its column before and the whole part of the reason after it."""
    for part in reason.split("; "):
        if parts := _REASON.fullmatch(part):
            yield parts[1], parts[3].partition(",")[0], part


def _visits(
    sessions: pd.DataFrame, orders: pd.DataFrame, lookback_days: int, journey_end: JourneyEnd
) -> OrdersWithVisits:
    known = orders[orders["user_id"].notna()].sort_values("conversion_time", kind="stable")
    by_user = sessions.loc[sessions["user_id"].notna(), ["user_id", "session_time"]]
    by_user = by_user.sort_values("session_time", kind="stable")
    joined = pd.merge_asof(
        known,
        by_user,
        left_on="conversion_time",
        right_on="session_time",
        by="user_id",
        tolerance=pd.Timedelta(days=lookback_days),
        allow_exact_matches=journey_end is JourneyEnd.AT,
    )
    lost = joined[joined["session_time"].isna()]
    unknown = lost[~lost["user_id"].isin(set(by_user["user_id"]))]
    return OrdersWithVisits(
        orders=len(orders),
        with_visit=len(joined) - len(lost),
        without_user=len(orders) - len(known),
        unknown_user=len(unknown),
        example=_example(unknown),
        other_example=f"user_id {by_user['user_id'].iloc[0]!r}" if len(by_user) else "",
        other_time=len(lost) - len(unknown),
    )


def _example(orders: pd.DataFrame) -> str:
    if orders.empty:
        return ""
    return f"conv_id {orders['conv_id'].iloc[0]!r} of user_id {orders['user_id'].iloc[0]!r}"
