"""Which days of a range are not fresh, so that a run has to make them.

What follows from the storage, the source and the settings alone is in `attribution/freshness/due.py`. Here is what
Dagster's history says of days and checks, and whether their CSV files are there.
"""

import datetime as dt
from collections.abc import Container, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import dagster as dg

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.freshness.due import days_made_otherwise, days_without_an_asset
from attribution_assets.attribution.freshness.lineage import stored_state
from attribution_assets.attribution.freshness.records import assets_in_use
from attribution_assets.attribution.freshness.staleness import Scope, stale_days
from attribution_assets.attribution.freshness.status import days_changed
from attribution_assets.attribution.reporting.report_file import day_file
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.defs.asset_graph import daily_checks
from attribution_assets.defs.checks.daily import problems_of_days
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import days_between_tags
from attribution_assets.resources import Resources

CSV_ASSETS = ("channel_reporting_csv", "channel_breakdown_csv")

MOST_FRESH_BETWEEN = 14
"""So many fresh days between two that are due are made with them: another run takes longer than they do."""


@dataclass(frozen=True)
class NotFresh:
    """What a run over a range of days has to do.

    Attributes:
        days: days of the range that are to be made.
        touched: the first and the last day that may be stale once these are made; None where none can be.
    """

    days: AbstractSet[dt.date]
    touched: tuple[dt.date, dt.date] | None


def days_not_fresh(instance: dg.DagsterInstance, resources: Resources, first: dt.date, last: dt.date) -> NotFresh:
    """The days from `first` to `last` that are not stored, published, recorded, passed by the checks, and up to date.

    Args:
        instance: Where runs are recorded.
        resources: What is stored, and the source.
        first: First day.
        last: Last day.

    Raises:
        SourceDatabaseError: The source cannot be read.
        ResultTablesError: The result tables cannot.
    """
    storage, source, rules = resources.storage.tables(), resources.database.source(), resources.rules
    days, touched = days_between(first, last), rules.windows.days_touched_by(first, last)
    state = stored_state(storage, resources.database.results().published(), days_read(rules.windows, touched))
    shown = {
        asset: {dt.date.fromisoformat(key) for key in instance.get_materialized_partitions(rules.names.key(asset))}
        for asset in assets_in_use(rules.windows)
    }
    not_made = days_without_an_asset(days, state, shown)
    if not_made.issuperset(days):
        return NotFresh(not_made, touched)
    stale = stale_days(storage, state, rules.windows, rules.max_rejected_share, Scope(within=touched))
    otherwise = days_made_otherwise(
        days, state, stale, days_changed(state, source, days), resources.ihc_api.settings_of
    )
    files = [_days_without_file(asset, storage, resources, days) for asset in CSV_ASSETS if asset in shown]
    not_passed = set(_not_passed(instance, rules.names, shown)).intersection(days)
    due = not_made.union(otherwise, *files, not_passed)
    if not all(of_asset <= due for of_asset in stale.days.values()):
        return NotFresh(due, touched)
    return NotFresh(due, rules.windows.days_touched_by(min(due), max(due)) if due else None)


def days_read(windows: Windows, touched: tuple[dt.date, dt.date]) -> tuple[dt.date, dt.date]:
    """The first and the last day of which is read whether the days from the first to the last `touched` are stale."""
    for _ in range(3):  # reports a lookback window away from these days look two further, see Window.AROUND
        touched = windows.days_touched_by(*touched)
    return touched


def _days_without_file(
    asset: str, storage: AssetStorage, resources: Resources, days: Sequence[dt.date]
) -> set[dt.date]:
    """The days whose CSV file is not there, or was last written to another place."""
    written = {day: table["path"].to_pylist() for day, table in storage.days(asset, days).tables()}
    files = {day: resources.reports.file(day_file(asset.removesuffix("_csv"), day)) for day in written}
    there = resources.reports.file_names()
    return {day for day, file in files.items() if file.name not in there or written[day] != [str(file)]}


def _not_passed(instance: dg.DagsterInstance, names: DataSetNames, assets: Container[str]) -> Iterator[dt.date]:
    """The days that a blocking check stopped when it was evaluated last, or did not come to, as its run had ended."""
    for check in (check for check in daily_checks() if check.asset in assets):
        key = names.check_key(check.asset, check.name)
        record = instance.get_latest_asset_check_evaluation_record(key) if check.blocking else None
        event = record.event.dagster_event if record and record.event else None
        if record is None or event is None:
            continue
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            for day, problem in problems_of_days(event.asset_check_evaluation_data):
                if problem and problem.stops:
                    yield dt.date.fromisoformat(day)
        elif run := instance.get_run_by_id(record.run_id):
            yield from days_between_tags(run.tags) or ()
