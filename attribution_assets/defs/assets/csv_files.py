"""Days of a table as CSV files: what the assets of files have in common."""

import datetime as dt
from collections.abc import Iterator
from typing import Protocol

import dagster as dg
import pandas as pd
from upath import UPath

from attribution_assets.attribution.freshness.lineage import made_from
from attribution_assets.attribution.reporting.report_file import day_file
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays
from attribution_assets.defs.assets.metadata import Metadata
from attribution_assets.defs.resources import ReportingRules, Reports


class WriteStored(Protocol):
    """Writes a stored day to a file, and gives the version that the file holds: see `write_stored_report`."""

    def __call__(self, stored: StoredDays, day: dt.date, path: UPath, *, guard: bool) -> str:
        """Write it."""


def csv_files(
    stored: StoredDays, reports: Reports, rules: ReportingRules, write: WriteStored
) -> Iterator[tuple[DayTable, Metadata]]:
    """Each day written to its file; what is stored of it is the file's path."""
    for day in stored.files:
        path = reports.file(day_file(stored.asset, day))
        version = write(stored, day, path, guard=rules.csv_guard)
        inputs = made_from(f"{stored.asset}_csv", {stored.asset: {day: version}}, day, rules.windows)
        table = pd.DataFrame({"path": [str(path)]})
        yield DayTable(day, table, inputs), {"path": dg.MetadataValue.path(str(path))}
