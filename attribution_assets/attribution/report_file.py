"""The report as a CSV file."""

import datetime as dt

import pandas as pd
from upath import UPath

from attribution_assets.attribution.asset_storage import StoredDays
from attribution_assets.attribution.atomic_files import replace_file
from attribution_assets.attribution.channel_report import with_ratios


def write_report(report: pd.DataFrame, path: UPath) -> None:
    """Replace the CSV file at `path` by the report with its ratios.

    Columns channel_name, date, cost, ihc, ihc_revenue, CPO, ROAS; UTF-8, quoting and line ends as RFC 4180 has them,
    numbers with all their digits, empty where a ratio is undefined.

    Args:
        report: The `channel_reporting` table.
        path: A file in a folder or in an object store.
    """
    replace_file(path, with_ratios(report).to_csv(index=False, lineterminator="\r\n").encode())


def write_stored_report(reports: StoredDays, day: dt.date, path: UPath) -> str:
    """Replace the CSV file at `path` by the stored report of a day.

    If the stored report is replaced meanwhile, the file is written again: of several writers of the same day, the last
    to write its file writes the report that is stored then.

    Args:
        reports: `channel_reporting`, with the day.
        day: The day.
        path: As for `write_report`.

    Returns:
        The version of the report in the file.
    """
    written = ""
    while True:
        frame, stamp = reports.stamped(day)
        if stamp.version == written:
            return written
        write_report(frame, path)
        written = stamp.version
