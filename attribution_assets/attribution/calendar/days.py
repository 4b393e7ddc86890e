"""Calendar days: how one is written, ranges, runs of adjacent days, and how they are written in messages."""

import datetime as dt
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np
import pandas as pd
import pyarrow as pa


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


def batches(
    days: Iterable[tuple[dt.date, pd.DataFrame]], rows: int
) -> Iterator[tuple[Sequence[dt.date], pd.DataFrame]]:
    """The days' journeys put together until each batch has at least so many `rows`, the last one excepted.

    An order that stands on two days, as one that has moved does until the older day is made anew, is in two batches.
    """
    gathered: dict[dt.date, pd.DataFrame] = {}
    orders: set[str] = set()
    for day, frame in days:
        of_day = set(frame["conv_id"])
        if gathered and (sum(map(len, gathered.values())) >= rows or not orders.isdisjoint(of_day)):
            yield list(gathered), pd.concat(gathered.values(), ignore_index=True)
            gathered, orders = {}, set()
        gathered[day] = frame
        orders |= of_day
    if gathered:
        yield list(gathered), pd.concat(gathered.values(), ignore_index=True)


def in_words(days: Iterable[dt.date]) -> str:
    """The days for a message: `2024-02-01..2024-02-05, 2024-02-09`."""
    return ", ".join(f"{first}..{last}" if last > first else f"{first}" for first, last in adjacent_ranges(days))


def by_day(frame: pd.DataFrame, column: str, days: Sequence[dt.date]) -> Iterator[tuple[dt.date, pd.DataFrame]]:
    """A table cut into its days: each of `days` in turn with its rows in the order in which they stood, or none.

    Args:
        frame: The table.
        column: Its column of times or of dates (YYYY-MM-DD), UTC.
        days: The days to cut it into.

    Raises:
        ValueError: Rows belong to no day of `days`, or have no time.
    """
    of_rows = pd.to_datetime(frame[column]).to_numpy("datetime64[D]")
    if (of_rows[1:] < of_rows[:-1]).any() or np.isnat(of_rows).any():
        in_order = np.argsort(of_rows, kind="stable")
        frame, of_rows = frame.iloc[in_order], of_rows[in_order]
    ends = [np.searchsorted(of_rows, np.array(days, "datetime64[D]"), side).tolist() for side in ("left", "right")]
    parts = [slice(*of_day) for of_day in zip(*ends, strict=True)]
    if sum(part.stop - part.start for part in parts) < len(frame):
        stray = in_words(set(of_rows[~np.isnat(of_rows)].tolist()).difference(days))
        raise ValueError(f"rows of {stray or pd.NaT} in a table of {in_words(days)}")
    for day, part in zip(days, parts, strict=True):
        of_day = frame.iloc[part]
        of_day.index = pd.RangeIndex(len(of_day))
        yield day, of_day


def batches_by_day(
    batches: pa.RecordBatchReader, column: str, days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, pa.Table]]:
    """The same for a table that comes in batches: a day is given out as soon as it is whole.

    Args:
        batches: The table, sorted by its column of times.
        column: The column of times, UTC.
        days: The days to cut it into, in calendar order.

    Raises:
        ValueError: Rows belong to no day of `days`.
    """
    due, parts = deque(days), list[pa.RecordBatch]()
    for batch in batches:
        of_rows = batch.column(column).to_numpy(zero_copy_only=False).astype("datetime64[D]")
        start = 0
        while start < len(of_rows):
            day = of_rows[start].item()
            while due and due[0] < day:
                yield due.popleft(), pa.Table.from_batches(parts, batches.schema)
                parts = []
            if not due or due[0] != day:
                raise ValueError(f"rows of {day} in a table of {in_words(days)}")
            end = int(np.searchsorted(of_rows, of_rows[start], side="right"))
            parts.append(batch.slice(start, end - start))
            start = end
    for day in due:
        yield day, pa.Table.from_batches(parts, batches.schema)
        parts = []
