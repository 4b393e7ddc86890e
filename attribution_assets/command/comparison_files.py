"""The comparisons of a range of days as CSV files, computed from what is stored: nothing is materialized.

The arguments and what is printed are in `cli.py` and `terminal.py`.
"""

import datetime as dt
from collections.abc import Sequence

from upath import UPath

from attribution_assets.attribution.calendar.days import days_between, in_words
from attribution_assets.attribution.comparison.markov import markov_comparison
from attribution_assets.attribution.reporting.report_file import with_readable_paths, write_table
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import names_of
from attribution_assets.errors import RunRejectedError


def days_to_compare(storage: AssetStorage, start: dt.date | None, end: dt.date | None) -> list[dt.date]:
    """The days of the files: as asked for, or else from the first to the last day that is stored.

    Raises:
        RunRejectedError: The comparisons of one of these days are not stored, or there is no such day.
    """
    stored = set(storage.stored_days("model_comparison"))
    if not stored:
        raise RunRejectedError("no comparisons are stored: run days first")
    first, last = start or min(stored), end or max(stored)
    if last < first:
        raise RunRejectedError(f"the range ends on {last}, before it starts on {first}")
    days = days_between(first, last)
    if missing := [day for day in days if day not in stored]:
        raise RunRejectedError(f"the comparisons of {in_words(missing)} are not stored: run these days first")
    return days


def write_comparisons(storage: AssetStorage, days: Sequence[dt.date], folder: UPath, *, guard: bool) -> list[UPath]:
    """Replace the files of the comparisons: one of each stored table, and that of the Markov chain.

    `model_comparison.csv`, `conversion_paths.csv` and `channel_roles.csv` hold the days' rows as they are stored, day
    after day, paths in words; `markov_comparison.csv` is of all days together, computed from the same paths.

    Args:
        storage: Where the assets' tables lie.
        days: The days, without gaps, all of them stored.
        folder: Where the files go.
        guard: Whether names are guarded, see `csv_text`.

    Returns:
        The files.

    Raises:
        OSError: A file cannot be written; the others are whole, new or as they were.
    """
    stored = {name: storage.days(name, days) for name in names_of("model_comparison")}
    tables = {name: table.together(days) for name, table in stored.items()}
    paths = tables["conversion_paths"]
    tables["conversion_paths"] = with_readable_paths(paths)
    tables["markov_comparison"] = markov_comparison(paths, days[0], days[-1])
    files = {name: folder / f"{name}.csv" for name in tables}
    for name, table in tables.items():
        write_table(table, files[name], guard=guard)
    return [*files.values()]
