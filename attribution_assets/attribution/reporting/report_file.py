"""Tables as CSV files, in UTF-8: which table a file holds, and when it is replaced. `csv_text.py` makes the text."""

import datetime as dt
import json
from collections.abc import Callable

import pandas as pd
from upath import UPath

from attribution_assets.attribution.files.atomic_files import replace_file
from attribution_assets.attribution.reporting.csv_text import csv_text
from attribution_assets.attribution.reporting.ratios import with_ratios
from attribution_assets.attribution.storage.stored_days import StoredDays

CHANNEL_SEPARATOR = " > "


def day_file(table: str, day: dt.date) -> str:
    """The name of the CSV file of a table's day."""
    return f"{table}_{day}.csv"


def write_report(report: pd.DataFrame, path: UPath, *, guard: bool = True) -> None:
    """Replace the CSV file at `path` by the report with its ratios.

    Columns channel_name, date, cost, ihc, ihc_revenue, CPO, ROAS; empty where a ratio is undefined.

    Args:
        report: The `channel_reporting` table.
        path: A file in a folder or in an object store.
        guard: Whether names are guarded, see `csv_text`.
    """
    write_table(with_ratios(report), path, guard=guard)


def write_stored_report(stored: StoredDays, day: dt.date, path: UPath, *, guard: bool = True) -> str:
    """Replace the CSV file at `path` by the stored report of a day with its ratios, as `write_report` does.

    If the stored report is replaced meanwhile, the file is written again: of several writers of the same day, the last
    to write its file writes the report that is stored then.

    Args:
        stored: The days of `channel_reporting`, with this one.
        day: The day.
        path: As for `write_report`.
        guard: As for `write_report`.

    Returns:
        The version of the report in the file.
    """
    return _write_stored(stored, day, lambda frame: write_report(frame, path, guard=guard))


def write_breakdown(breakdown: pd.DataFrame, path: UPath, *, guard: bool = True) -> None:
    """Replace the CSV file at `path` by the table `channel_breakdown`; arguments as for `write_report`.

    Columns channel_name, date, dimension, value, cost, ihc, ihc_revenue; impressions and clicks if any are given.
    """
    empty = [name for name in ("impressions", "clicks") if breakdown[name].isna().all()]
    write_table(breakdown.drop(columns=empty), path, guard=guard)


def write_stored_breakdown(stored: StoredDays, day: dt.date, path: UPath, *, guard: bool = True) -> str:
    """The same as `write_stored_report` for the days of `channel_breakdown`."""
    return _write_stored(stored, day, lambda frame: write_breakdown(frame, path, guard=guard))


def _write_stored(stored: StoredDays, day: dt.date, write: Callable[[pd.DataFrame], None]) -> str:
    written = ""
    while True:
        frame, stamp = stored.stamped(day)
        if stamp.version == written:
            return written
        write(frame)
        written = stamp.version


def with_readable_paths(paths: pd.DataFrame) -> pd.DataFrame:
    """The table `conversion_paths` with each path as text: `Search > Email`."""
    return paths.assign(path=[CHANNEL_SEPARATOR.join(json.loads(path)) for path in paths["path"]])


def write_table(table: pd.DataFrame, path: UPath, *, guard: bool = True) -> None:
    """Replace the CSV file at `path` by a table as it is; arguments as for `write_report`."""
    replace_file(path, csv_text(table, guard=guard).encode())
