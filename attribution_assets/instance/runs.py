"""This project's runs in Dagster's history: their names and tags, which are under way, and which were killed.

A killed run is one whose process has ended although Dagster's history says that it is under way. Opening the instance
does not belong here (`opening.py`), nor do figures about runs (`monitoring/`).
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.files.processes import has_ended, this_process
from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.instance.dagster_internals import unfinished_backfills
from attribution_assets.instance.data_set_names import DataSetNames, split_name

ATTRIBUTION_JOB, EXTRACTION_JOB = JOBS = ("attribution", "extraction")
API_OPERATION_JOB = "api_operation"
"""The job of an operation of the HTTP API: in Dagster's queue, or where the operation makes no asset."""

MOST_NAMED = 3
MOST_PARTS = 2
"""Of an asset's key: the data set and the asset."""

PARTITION_TAG = "dagster/partition"
"""Dagster's tag of a run of one day: the day."""

RANGE_START_TAG, RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""Dagster's tags of a run over a range of days: the first and the last day."""

UNFINISHED_STATUSES = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUSPENDED,
    dg.DagsterRunStatus.CANCELING,
]
"""The statuses of runs that have not ended and that Dagster itself manages."""

DAYS_TAG = "days"
"""Tag of a run with its days as people read them: `2023-08-29`, or `2023-08-29...2023-09-07`."""

BACKFILL_TAG = "dagster/backfill"
"""Dagster's tag of a run of a backfill: the backfill."""

PROCESS_TAG = ".dagster/attribution_assets_process"
"""Tag of a run with its id and its process, by which a run is recognized whose process was killed.

The prefix `.dagster/` hides it in Dagster's lists."""

OPERATION_TAG = "operation"
"""Tag of the runs of an operation of the HTTP API: its id."""

REQUEST_TAG = ".dagster/attribution_assets_request"
"""Tag of a run with the request of a sensor that it answers. The request stays the same until its days change."""


def say_which_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Tag a run that is executed by this process with the process, and with its days if whoever made it did not."""
    first, last = days_of(run.tags)
    days = days_tag(first, last) if first and DAYS_TAG not in run.tags else {}
    instance.add_run_tags(run.run_id, process_tag(run.run_id) | days)


def days_of(tags: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The first and the last day of a run, by its tags; None twice if it has no days."""
    day = tags.get(PARTITION_TAG)
    return tags.get(RANGE_START_TAG, day), tags.get(RANGE_END_TAG, day)


def days_between_tags(tags: Mapping[str, str]) -> list[dt.date] | None:
    """The days of a run, by its tags; None if it has no days."""
    first, last = days_of(tags)
    return days_between(dt.date.fromisoformat(first), dt.date.fromisoformat(last)) if first and last else None


def days_tag(first: object, last: object) -> dict[str, str]:
    """The tag by which people see the days of a run."""
    return {DAYS_TAG: f"{first}" if first == last else f"{first}...{last}"}


def process_tag(run_id: str) -> dict[str, str]:
    """The tag of a run that is executed by this process."""
    return {PROCESS_TAG: f"{run_id} {this_process()}"}


def end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Mark the runs as failed whose process on this machine has ended, and free the pool slots that they held.

    Dagster often marks a killed run as failed by itself, but frees its slots only minutes later, by run monitoring.
    """
    for run in _unfinished(instance):
        if was_killed(run) and not _has_finished(instance, run.run_id):
            instance.report_run_failed(run, "The process that this run was in has been killed.")
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        holder = instance.get_run_by_id(run_id)
        if holder and holder.is_finished and was_killed(holder):
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def runs_of_request(instance: dg.DagsterInstance, request: str) -> list[dt.datetime]:
    """When each run of a request ended, or was updated last if it has not ended."""
    records = instance.get_run_records(filters=dg.RunsFilter(tags={REQUEST_TAG: request}))
    return [
        dt.datetime.fromtimestamp(record.end_time, dt.UTC) if record.end_time else record.update_timestamp
        for record in records
    ]


def _has_finished(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run has finished in the meantime: it may have ended after it was found unfinished."""
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished


def runs_under_way(instance: dg.DagsterInstance, names: DataSetNames) -> str:
    """The runs and backfills of a data set that have not ended, as text; empty if there are none."""
    end_killed_runs(instance)
    backfills = [
        f"backfill {backfill.backfill_id}"
        for backfill in unfinished_backfills(instance)
        if is_of(names, backfill.job_name, backfill.asset_selection)
    ]
    runs = (run for run in _unfinished(instance) if is_of(names, run.job_name, run.asset_selection))
    named = [f"run {run.run_id[:8]}" for run in runs] + backfills
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return ", ".join(named[:MOST_NAMED]) + more


def was_killed(run: dg.DagsterRun) -> bool:
    """Whether the process of a run on this machine has ended. The run itself may have ended properly before."""
    run_id, _, process = run.tags.get(PROCESS_TAG, "").partition(" ")
    return run_id == run.run_id and has_ended(process)  # a re-execution copies the tags of the first run


def _unfinished(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    """The runs of this project, of whatever data set, that have not ended."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED_STATUSES))
    return [run for run in runs if split_name(run.job_name)[1] in JOBS or _has_our_assets(run)]


def _has_our_assets(run: dg.DagsterRun) -> bool:
    return any(key.path[-1] in ASSETS and len(key.path) <= MOST_PARTS for key in run.asset_selection or ())


def is_of(names: DataSetNames, job: str | None, assets: Iterable[dg.AssetKey] | None) -> bool:
    """Whether a run or backfill is of a data set, by its job and the assets that it selects."""
    return names.plain(job or "") in JOBS or any(map(names.asset, assets or ()))
