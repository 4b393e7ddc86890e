"""Tables cut into days, and days put together to tables. What days are is in `days.py`."""

import datetime as dt
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.calendar.days import in_words


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
