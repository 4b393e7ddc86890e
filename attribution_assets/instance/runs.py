"""This project's runs in Dagster's history: their names and tags, which are under way, and which were killed.

A killed run is one whose process has ended although Dagster's history says that it is under way. Opening the instance
does not belong here (`opening.py`), nor do figures about runs (`monitoring/`).
"""

import datetime as dt
from collections.abc import Iterable, Iterator

import dagster as dg

from attribution_assets.attribution.files.processes import has_ended, this_process
from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.instance.dagster_internals import RecordedError, unfinished_backfills

ATTRIBUTION_JOB, EXTRACTION_JOB = JOBS = ("attribution", "extraction")
MOST_NAMED = 3

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

BACKFILL_TAG = "dagster/backfill"
"""Dagster's tag of a run of a backfill: the backfill."""

PROCESS_TAG = "attribution_assets/process"
"""Tag of a run with its id and its process, by which a run is recognized whose process was killed."""

REQUEST_TAG = "attribution_assets/request"
"""Tag of a run with the request of a sensor that it answers. The request stays the same until its days change."""


def say_which_process(instance: dg.DagsterInstance, run_id: str) -> None:
    """Tag a run that is executed by this process."""
    instance.add_run_tags(run_id, process_tag(run_id))


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


def runs_under_way(instance: dg.DagsterInstance) -> str:
    """The runs and backfills of this project that have not ended, as text; empty if there are none."""
    end_killed_runs(instance)
    backfills = [
        f"backfill {backfill.backfill_id}"
        for backfill in unfinished_backfills(instance)
        if is_ours(backfill.job_name, backfill.asset_selection)
    ]
    named = [f"run {run.run_id[:8]}" for run in _unfinished(instance)] + backfills
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return ", ".join(named[:MOST_NAMED]) + more


def was_killed(run: dg.DagsterRun) -> bool:
    """Whether the process of a run on this machine has ended. The run itself may have ended properly before."""
    run_id, _, process = run.tags.get(PROCESS_TAG, "").partition(" ")
    return run_id == run.run_id and has_ended(process)  # a re-execution copies the tags of the first run


def _unfinished(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED_STATUSES))
    return (run for run in runs if is_ours(run.job_name, run.asset_selection))


def is_ours(job: str | None, assets: Iterable[dg.AssetKey] | None) -> bool:
    """Whether a run or backfill is of this project, by its job and the assets that it selects."""
    return job in JOBS or any(asset.to_user_string() in ASSETS for asset in assets or ())


def root_cause(error: RecordedError | None) -> str:
    """The root cause of an error that Dagster recorded, in one line."""
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "Dagster does not say why: see the run's log in the UI"
    kind, _, words = error.message.strip().partition(": ")
    if kind.rpartition(".")[2].startswith("DagsterExecutionInterruptedError"):
        return "interrupted"
    speaks_for_itself = kind.startswith("attribution_assets.")
    return words if speaks_for_itself else f"{kind}: {words}"
