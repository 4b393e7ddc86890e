"""What this project uses of Dagster that Dagster does not document and may change: each use with its reason.

No other file imports `dagster._core` or `dagster_shared`, or touches a private attribute of Dagster. What Dagster does
document does not belong here: it is imported from `dagster` where it is used. Decisions do not belong here either: the
callers make them. `test_dagster_internals.py` says what each use expects of Dagster.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from types import SimpleNamespace

import dagster as dg
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.definitions.partitions.subset import AllPartitionsSubset
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution import context_creation_job
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.log_manager import LOG_RECORD_METADATA_ATTR, DagsterLogRecordMetadata
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage import sql
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.tags import CODE_LOCATION_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.check import CheckError
from dagster_shared.error import SerializableErrorInfo

InvalidValueError = CheckError
"""Raised for a dagster.yaml whose values do not fit together. Dagster's public errors do not cover it."""

RecordedError = SerializableErrorInfo
"""How Dagster's public events hold an error. Its type has no public name."""

LogMetadata = DagsterLogRecordMetadata
"""What Dagster adds to a log record. Its type has no public name."""

StepContext = StepExecutionContext
"""What a step knows of its run. Its type has no public name."""

SqliteHistory = SqliteEventLogStorage
"""Dagster's storage of events in SQLite, a file per run (a shard). Its type has no public name."""

NO_COMPUTE_LOGS = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
"""The setting `compute_logs` that keeps no copy of stdout and stderr. The class has no public name."""

Loggers = Callable[[dg.DagsterInstance | None], Sequence[tuple[dg.LoggerDefinition, Mapping[str, object]]]]
Connect = Callable[[str], AbstractContextManager[sa.Connection]]


def log_metadata(record: logging.LogRecord) -> LogMetadata | None:
    """What Dagster knows of a log record: its run, step and event; None if the record is not from a run.

    Reason: a formatter gets the bare record, and Dagster documents only the text of its message.
    """
    metadata: LogMetadata | None = getattr(record, LOG_RECORD_METADATA_ATTR, None)
    return metadata


def use_loggers_by_default(loggers: Loggers) -> None:
    """Use these loggers for each run of this process whose configuration names none.

    Reason: the loggers of `Definitions` are those that a run's configuration may name. Where it names none, as mostly,
    Dagster uses a logger of its own, and documents no way to replace it in all runs, those without a job among them.

    Args:
        loggers: Gives the loggers with their configurations for an instance.
    """
    context_creation_job.default_system_loggers = loggers  # type: ignore[assignment,attr-defined]  # not exported


def unfinished_backfills(instance: dg.DagsterInstance) -> Sequence[PartitionBackfill]:
    """The backfills that have been requested or are being canceled.

    Reason: the only other way is to read all backfills that ever were; the filter and its statuses are not public.
    """
    statuses = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING]
    return instance.get_backfills(filters=BulkActionsFilter(statuses=statuses))


def materialized_only(context: dg.OutputContext, partitions: Sequence[str]) -> None:
    """Have Dagster record a materialization of these partitions of an asset's output, and of no other of the run's.

    Reason: after an IO manager has handled the output of a run over a range, Dagster records all partitions of the
    range, and documents no way to leave some out. Without any, it would record one of no partition.
    """
    if partitions:
        subset = context.asset_partitions_def.subset_with_partition_keys(partitions)
        context._asset_partitions_subset = subset  # noqa: SLF001  # read again after the output was handled
    else:
        context._asset_key = None  # noqa: SLF001  # without an asset, nothing is recorded


def add_metadata(step: StepContext, asset: dg.AssetKey, of_partitions: Mapping[str, Mapping[str, object]]) -> None:
    """Add metadata to the materializations of partitions of an asset of a step, in front of what they have.

    Reason: `add_asset_metadata` takes one partition, and copies and looks through what was added of all others.

    Args:
        step: The step's context.
        asset: The asset.
        of_partitions: Partition -> what is added to its metadata.
    """
    added = dict(step._metadata_accumulator.per_output_metadata)  # noqa: SLF001  # see above
    for partition, metadata in of_partitions.items():
        of_partition = AssetMetadataHandle(asset_key=asset, partition_key=partition)
        before = added.get(of_partition, {})
        added[of_partition] = {**metadata, **{name: value for name, value in before.items() if name not in metadata}}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=added)  # noqa: SLF001  # see above


def remember_tables(instance: dg.DagsterInstance) -> None:
    """Have the history remember which tables it has.

    Reason: Dagster asks its database for each day of each asset and check.
    """
    history = instance.event_log_storage
    if isinstance(history, SqlEventLogStorage):
        history.has_table = cache(history.has_table)  # type: ignore[method-assign]


def remember_all_partitions() -> None:
    """Have the process list the partitions of a calendar once a day.

    Reason: a check of no partition reads all partitions of its asset, so Dagster lists them after each check, only to
    see that they are too many to ask for their data versions. It takes 20 ms for a thousand days.
    """
    listed = cache(lambda partitions, _date: partitions.get_partition_keys())

    def keys(subset: AllPartitionsSubset) -> Sequence[str]:
        context = subset._partition_loading_context  # noqa: SLF001  # the time as of which it is all partitions
        with dg.partition_loading_context(new_ctx=context):
            found: Sequence[str] = listed(subset.partitions_def, context.effective_dt.date())
        return found

    AllPartitionsSubset.get_partition_keys = keys  # type: ignore[assignment,method-assign]  # nobody gives it a time


def remember_schema_revisions() -> None:
    """Have the process read the revisions of Dagster's tables once.

    Reason: each storage that is opened reads the same migration scripts, only to see whether its tables are current.
    """
    of_location = cache(lambda location: ScriptDirectory.from_config(_config_of(location)))
    sql.ScriptDirectory = SimpleNamespace(  # type: ignore[assignment,attr-defined]  # all that is used of it there
        from_config=lambda config: of_location(config.get_main_option("script_location"))
    )


def _config_of(location: str) -> Config:
    config = Config()
    config.set_main_option("script_location", location)
    return config


def show_new_runs_in(instance: dg.DagsterInstance, location: str, module: str) -> None:
    """Have the runs that this process makes shown where Dagster's UI shows those of a code location.

    Reason: the list of a job's runs, the timeline and a run's *Re-execute* find runs by their remote origin, which
    `execute_in_process` does not set, and has no argument for.

    Args:
        instance: Whose runs.
        location: Name of the code location.
        module: The module that it is loaded from.
    """
    target = LoadableTargetOrigin(module_name=module)
    repository = RemoteRepositoryOrigin(
        ManagedGrpcPythonEnvCodeLocationOrigin(target, location), SINGLETON_REPOSITORY_NAME
    )
    storage, add_run = instance.run_storage, instance.run_storage.add_run

    def add_run_of_location(run: dg.DagsterRun) -> dg.DagsterRun:
        if run.remote_job_origin is None:
            run = run.with_job_origin(RemoteJobOrigin(repository, run.job_name))
            run = run.with_tags({**run.tags, CODE_LOCATION_TAG: location})
        return add_run(run)

    storage.add_run = add_run_of_location  # type: ignore[assignment,method-assign]  # the same but for a name


def sqlite_history(instance: dg.DagsterInstance) -> SqliteHistory | None:
    """The storage of the history's events if it is in SQLite files, else None.

    Reason: only this storage opens new connections all the time, and Dagster documents no setting for it.
    """
    history = instance.event_log_storage
    return history if isinstance(history, SqliteEventLogStorage) else None


@contextmanager
def connected_by(history: SqliteHistory, connect: Connect) -> Iterator[None]:
    """Have Dagster get all connections to its SQLite history from `connect`, called with the name of a shard.

    Reason: its own `_connect` opens and closes a connection for each event, creates the file of a run that is only
    read, and is not configurable. All other methods of the storage get their connections from it.
    """
    history._connect = connect  # type: ignore[assignment,method-assign]  # noqa: SLF001  # see above
    try:
        yield
    finally:
        del history._connect  # noqa: SLF001  # the method of the class is back


def store_batches_at_once(history: SqliteHistory) -> None:
    """Have the SQLite history store the materializations of a step, and those that are planned, in one transaction.

    Reason: Dagster hands them over together where DAGSTER_EVENT_BATCH_SIZE is set, but only its storage in PostgreSQL
    stores them so: the one in SQLite takes some ten statements in three transactions for each event. Besides, Dagster
    plans an evaluation of each day for a check in a run over a range, also for one without partitions, which has one
    evaluation; the planned ones would stay as they are.
    """

    def store(events: Sequence[dg.EventLogEntry]) -> None:
        together: dict[str, list[dg.EventLogEntry]] = {}
        alone: list[dg.EventLogEntry] = []
        for event in events:
            is_one_of_many = event.dagster_event and event.dagster_event.event_type in _TOGETHER
            (together.setdefault(event.run_id, []) if is_one_of_many else alone).append(event)
        for run_id, of_run in together.items():
            _store_together(history, run_id, of_run)
        for event in alone:
            history.store_event(_without_days(event))

    history.store_event_batch = store  # type: ignore[method-assign]


_TOGETHER = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED}


def _without_days(event: dg.EventLogEntry) -> dg.EventLogEntry:
    """The event; if it plans evaluations of a check, it plans one, of no day."""
    of_dagster = event.dagster_event
    if not of_dagster or of_dagster.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
        return event
    planned = of_dagster.asset_check_planned_data
    one = AssetCheckEvaluationPlanned(asset_key=planned.asset_key, check_name=planned.check_name)
    return event._replace(dagster_event=of_dagster._replace(event_specific_data=one))


def _store_together(history: SqliteHistory, run_id: str, events: Sequence[dg.EventLogEntry]) -> None:
    """What `store_event` does for each: the run's file, the index of all runs, and of each asset the latest event."""
    rows = [history._event_to_row(event) for event in events]  # noqa: SLF001  # see above
    with history.run_connection(run_id) as connection:
        connection.execute(SqlEventLogStorageTable.insert(), rows)
    stored = SqlEventLogStorageTable.c
    latest = sa.select(stored.id).where(stored.run_id == run_id).order_by(stored.id.desc()).limit(len(rows))
    with history.index_connection() as connection:
        connection.execute(SqlEventLogStorageTable.insert(), rows)
        ids = [row.id for row in connection.execute(latest)][::-1]
        history._store_asset_event_tags(connection, events, ids)  # noqa: SLF001  # see above
        last = {str(row["asset_key"]): place for place, row in enumerate(rows)}
        for place in last.values():
            history._store_asset_event(connection, events[place], ids[place])  # noqa: SLF001  # see above


def lock_of(history: SqliteHistory) -> AbstractContextManager[object]:
    """The lock that Dagster's own `_connect` holds while a connection is open.

    Reason: what replaces `_connect` has to keep the threads of a process apart in the same way.
    """
    return history._db_lock  # noqa: SLF001  # see above


def create_tables(history: SqliteHistory, engine: sa.Engine) -> None:
    """Create the tables of a shard unless they are there, in write-ahead mode, as Dagster's own `_connect` does.

    Reason: what replaces `_connect` has to do the same for each new shard.
    """
    history._initdb(engine)  # noqa: SLF001  # see above


def close_pooled_connections(instance: dg.DagsterInstance) -> None:
    """Close the connections that `optimize_for_webserver` keeps, of a history that is not in SQLite.

    Reason: Dagster closes them only when the process ends.
    """
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        engine: sa.Engine | None = getattr(storage, "_engine", None)
        if engine:
            engine.dispose()
