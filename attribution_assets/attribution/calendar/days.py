"""Calendar days: how one is written, ranges, runs of adjacent days, and how they are written in messages.

Tables cut into days are in `tables_by_day.py`: what only counts days loads no pandas.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress


def day_written(text: str) -> dt.date | None:
    """The day that a text names as YYYY-MM-DD; None if it names none, or in another way."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        with suppress(ValueError):
            return dt.date.fromisoformat(text)
    return None


def days_between(first: dt.date, last: dt.date) -> list[dt.date]:
    """All days from `first` to `last`, both included; none if `last` is before `first`."""
    return [first + dt.timedelta(days=offset) for offset in range((last - first).days + 1)]


def adjacent_ranges(days: Iterable[dt.date], most_between: int = 0) -> list[tuple[dt.date, dt.date]]:
    """The days, in any order, as the fewest ranges (first, last) of adjacent days, in calendar order.

    Args:
        days: The days.
        most_between: So many other days between two of them are in their range too.
    """
    ranges: list[tuple[dt.date, dt.date]] = []
    for day in sorted(set(days)):
        if ranges and (day - ranges[-1][1]).days - 1 <= most_between:
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def whole_weeks(days: Iterable[dt.date]) -> dict[dt.date, list[dt.date]]:
    """Monday -> its week's seven days, of each week all of whose days are among `days`; in calendar order."""
    there = set(days)
    weeks = {day: days_between(day, day + dt.timedelta(days=6)) for day in sorted(there) if day.weekday() == 0}
    return {monday: of_week for monday, of_week in weeks.items() if there.issuperset(of_week)}


def blocks(days: Iterable[dt.date], rows: Mapping[dt.date, int], most_rows: int) -> Iterator[Sequence[dt.date]]:
    """The days in turn, as many at a time as together have up to `most_rows`, and at least one.

    Args:
        days: In calendar order.
        rows: How many rows a day has; none if it is not named.
        most_rows: Of the days of a block.
    """
    block: list[dt.date] = []
    held = 0
    for day in days:
        if block and held + rows.get(day, 0) > most_rows:
            yield block
            block, held = [], 0
        block.append(day)
        held += rows.get(day, 0)
    if block:
        yield block


def in_words(days: Iterable[dt.date]) -> str:
    """The days for a message: `2024-02-01..2024-02-05, 2024-02-09`."""
    return ", ".join(f"{first}..{last}" if last > first else f"{first}" for first, last in adjacent_ranges(days))
