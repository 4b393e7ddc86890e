"""What is expected of the undocumented parts of Dagster that `dagster_internals` uses, one use after another.

Where a newer Dagster behaves otherwise, a test here fails and names the use that has to change.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import dagster as dg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.definitions.partitions.subset import AllPartitionsSubset  # noqa: TID251  # what is replaced
from dagster._core.execution import context_creation_job  # noqa: TID251  # what is replaced there is put back
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill  # noqa: TID251  # to make backfills
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin  # noqa: TID251  # as what it is kept
from dagster._core.storage import sql, tags  # noqa: TID251  # where scripts are read; what our own names stand for
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES  # noqa: TID251  # as the tags
from dagster._core.utils import make_new_run_id  # noqa: TID251  # what a run id looks like
from dagster._core.workspace.load import location_origins_from_yaml_paths  # noqa: TID251  # as `dagster dev` does
from dagster._core.workspace.load_target import get_origins_from_toml  # noqa: TID251  # as `dagster dev` does

import attribution_assets
from attribution_assets.instance import dagster_internals as internals
from attribution_assets.instance.opening import LOCATION, MODULE
from attribution_assets.instance.run_failures import root_cause
from attribution_assets.instance.runs import (
    PARTITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    UNFINISHED_STATUSES,
)
from attribution_assets_tests.support.databases import NewDatabase
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.postgresql_history import with_driver

PACKAGE = Path(attribution_assets.__file__).parent
PRIVATE = re.compile(r"\bdagster\._|\bdagster_shared\b|# noqa: SLF001")


@dg.asset
def made() -> None:
    """Made of nothing."""


class Days(dg.Config):
    """Whether the check of a day passes, by day."""

    days: dict[str, bool]


@dg.op
def evaluates(context: dg.OpExecutionContext, config: Days) -> None:
    for day, passed in config.days.items():
        evaluation = dg.AssetCheckEvaluation(dg.AssetKey("daily"), "fine", passed=passed, metadata={}, partition=day)
        context.log_event(evaluation)


@dg.job
def evaluating() -> None:
    evaluates()


@dg.op
def says_something(context: dg.OpExecutionContext) -> None:
    context.log.info("something")


@dg.job(tags={"kept": "yes"})
def speaks() -> None:
    says_something()


@dg.op
def fails() -> None:
    raise RuntimeError("the surface") from LookupError("the root")


@dg.job
def failing() -> None:
    fails()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps its history in SQLite files."""
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


@pytest.fixture
def history(instance: dg.DagsterInstance) -> internals.SqliteHistory:
    history = internals.sqlite_history(instance)
    assert history
    return history


def test_no_other_file_names_what_is_private_in_dagster() -> None:
    naming = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if PRIVATE.search(file.read_text(encoding="utf-8"))
    }
    assert naming == {"instance/dagster_internals.py"}


def test_the_names_that_stand_for_those_of_dagster_are_the_same() -> None:
    assert PARTITION_TAG == tags.PARTITION_NAME_TAG
    assert RANGE_START_TAG == tags.ASSET_PARTITION_RANGE_START_TAG
    assert RANGE_END_TAG == tags.ASSET_PARTITION_RANGE_END_TAG
    assert set(UNFINISHED_STATUSES) == set(NOT_FINISHED_STATUSES)
    assert UUID(make_new_run_id()).version == 4


def test_an_instance_made_with_overrides_is_persistent_and_keeps_no_compute_logs(home: Path) -> None:
    overrides = {"compute_logs": internals.NO_COMPUTE_LOGS, "telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(home), overrides=overrides) as instance:
        run = speaks.execute_in_process(instance=instance).run_id
        assert type(instance.compute_log_manager).__name__ == "NoOpComputeLogManager"
        assert instance.is_persistent
        assert instance.root_directory == str(home)
    with dg.DagsterInstance.from_config(str(home)) as again:
        assert again.get_run_by_id(run)


def test_settings_that_do_not_fit_together_are_refused_with_the_error_that_is_expected(home: Path) -> None:
    (home / "dagster.yaml").write_text("storage: {sqlite: {base_dir: a}}\nrun_storage: {module: b, class: C}\n")
    with pytest.raises((internals.InvalidValueError, dg.DagsterInvalidConfigError)):
        dg.DagsterInstance.local_temp(str(home))
    (home / "dagster.yaml").write_text("storage: {custom: {module: not_there, class: Storage}}\n")
    with pytest.raises(internals.InvalidValueError, match="not_there"):
        dg.DagsterInstance.local_temp(str(home))


def test_an_error_of_an_event_leads_to_its_cause(instance: dg.DagsterInstance) -> None:
    result = failing.execute_in_process(instance=instance, raise_on_error=False)
    [event] = result.get_step_failure_events()
    error = event.step_failure_data.error
    assert isinstance(error, internals.RecordedError)
    assert root_cause(error) == "LookupError: the root"


def test_loggers_used_by_default_get_the_records_of_a_run_with_what_dagster_knows_of_them(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[logging.LogRecord] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    @dg.logger
    def keeping(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("keeping")  # noqa: LOG001  # of this test alone
        logger.addHandler(Keeps())
        return logger

    monkeypatch.setattr(context_creation_job, "default_system_loggers", None)  # puts it back afterwards
    internals.use_loggers_by_default(lambda _: [(keeping, {})])
    run = speaks.execute_in_process(instance=instance)
    told = [metadata for record in records if (metadata := internals.log_metadata(record))]
    assert len(told) == len(records) > 3
    [said] = [metadata for metadata in told if metadata["orig_message"] == "something"]
    assert (said["run_id"], said["job_name"], said["step_key"]) == (run.run_id, "speaks", "says_something")
    assert said["dagster_event"] is None
    assert said["job_tags"]["kept"] == "yes"
    events = [metadata["dagster_event"].event_type for metadata in told if metadata["dagster_event"]]
    assert dg.DagsterEventType.STEP_SUCCESS in events


def test_a_record_that_is_not_of_a_run_has_no_metadata() -> None:
    assert internals.log_metadata(logging.makeLogRecord({"msg": "elsewhere"})) is None


def test_backfills_are_unfinished_that_are_requested_or_canceling(instance: dg.DagsterInstance) -> None:
    for status in BulkActionStatus:
        instance.add_backfill(
            PartitionBackfill(
                status.value,
                status,
                from_failure=False,
                tags={},
                backfill_timestamp=0.0,
                asset_selection=[dg.AssetKey("made")],
            )
        )
    unfinished = internals.unfinished_backfills(instance)
    assert {backfill.backfill_id for backfill in unfinished} == {"REQUESTED", "CANCELING"}
    assert {backfill.job_name for backfill in unfinished} == {None}
    assert [backfill.asset_selection for backfill in unfinished] == [[dg.AssetKey("made")]] * 2


@pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`:dagster.BetaWarning")
def test_metadata_of_several_partitions_is_added_to_that_of_each(instance: dg.DagsterInstance) -> None:
    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition("2024-02-27", end_date="2024-03-02"),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def days(context: dg.AssetExecutionContext) -> None:
        context.add_asset_metadata({"run": 1})
        context.add_asset_metadata({"orders": 2, "cost": 3.0}, partition_key="2024-02-28")
        step = context.get_step_execution_context()
        internals.add_metadata(step, context.asset_key, {"2024-02-28": {"orders": 4}, "2024-02-29": {"orders": 5}})
        internals.add_metadata(step, context.asset_key, {"2024-02-29": {"cost": 6.0}})

    tags = {RANGE_START_TAG: "2024-02-28", RANGE_END_TAG: "2024-02-29"}
    result = dg.materialize([days], instance=instance, tags=tags)
    found = {
        event.partition: [(name, value.value) for name, value in event.materialization.metadata.items()]
        for event in result.get_asset_materialization_events()
    }
    assert found == {
        "2024-02-28": [("run", 1), ("orders", 4), ("cost", 3.0)],
        "2024-02-29": [("run", 1), ("cost", 6.0), ("orders", 5)],
    }


def test_the_history_is_asked_once_whether_it_has_a_table(
    instance: dg.DagsterInstance, history: internals.SqliteHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(type(history), "has_table", lambda _, name: asked.append(name) or True)
    internals.remember_tables(instance)
    assert dg.materialize([made], instance=instance).success
    assert history.has_table("event_logs")
    assert history.has_table("event_logs")
    assert asked
    assert len(asked) == len(set(asked))


def test_all_partitions_of_a_calendar_are_listed_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily, listed = dg.DailyPartitionsDefinition("2024-02-27", end_date="2024-03-02"), []
    list_keys = dg.TimeWindowPartitionsDefinition.get_partition_keys
    monkeypatch.setattr(AllPartitionsSubset, "get_partition_keys", AllPartitionsSubset.get_partition_keys)
    monkeypatch.setattr(
        dg.TimeWindowPartitionsDefinition,
        "get_partition_keys",
        lambda calendar, *args: listed.append(calendar) or list_keys(calendar, *args),
    )

    @dg.asset(partitions_def=daily)
    def days() -> None: ...

    def passes() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    checks = [dg.asset_check(asset=days, name=name)(passes) for name in ("a", "b", "c")]
    internals.remember_all_partitions()
    assert dg.materialize([days], instance=instance, partition_key="2024-02-28").success
    listed.clear()
    job = dg.Definitions(
        [days], asset_checks=checks, jobs=[dg.define_asset_job("look", dg.AssetSelection.checks(*checks))]
    )
    assert job.resolve_job_def("look").execute_in_process(instance=instance).success
    assert len(listed) == 1
    with dg.partition_loading_context(dynamic_partitions_store=instance) as context:
        assert AllPartitionsSubset(daily, context).get_partition_keys() == list_keys(daily)


def test_the_migration_scripts_are_read_once_for_all_storages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sql, "ScriptDirectory", sql.ScriptDirectory)
    monkeypatch.setattr(internals, "ScriptDirectory", SimpleNamespace(from_config=_counted(asked)))
    internals.remember_schema_revisions()
    for _ in range(2):  # made, then opened
        with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
            assert instance.run_storage.alembic_version()[0] == instance.run_storage.alembic_version()[1]  # type: ignore[index]
    assert len(asked) == 1


def _counted(asked: list[str]) -> Callable[[Config], ScriptDirectory]:
    def from_config(config: Config) -> ScriptDirectory:
        asked.append(str(config.get_main_option("script_location")))
        return ScriptDirectory.from_config(config)

    return from_config


def test_a_history_in_memory_is_not_in_sqlite_files() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert internals.sqlite_history(instance) is None
        internals.close_pooled_connections(instance)


def test_all_that_a_run_writes_and_a_reader_reads_goes_over_the_connections_given(
    instance: dg.DagsterInstance, history: internals.SqliteHistory
) -> None:
    shards: set[str] = set()
    engines: dict[str, sa.Engine] = {}

    @contextmanager
    def connect(shard: str) -> Iterator[sa.Connection]:
        shards.add(shard)
        with internals.lock_of(history):
            if shard not in engines:
                engines[shard] = sa.create_engine(history.conn_string_for_shard(shard), poolclass=sa.NullPool)
                internals.create_tables(history, engines[shard])
            with engines[shard].begin() as connection:
                yield connection

    with internals.connected_by(history, connect):
        result = dg.materialize([made], instance=instance)
        assert shards == {"index", result.run_id}
        shards.clear()
        assert instance.get_records_for_run(result.run_id).records
        assert instance.fetch_materializations(dg.AssetKey("made"), limit=1).records
        assert shards == {"index", result.run_id}
    shards.clear()
    assert instance.get_records_for_run(result.run_id).records
    assert shards == set()
    assert Path(history.path_for_shard(result.run_id)).is_file()


def test_the_tables_of_a_shard_are_created_in_write_ahead_mode_and_may_be_there(
    history: internals.SqliteHistory, tmp_path: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shard.db'}", poolclass=sa.NullPool)
    for _ in range(2):
        internals.create_tables(history, engine)
    assert "event_logs" in sa.inspect(engine).get_table_names()
    with engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"


def test_the_lock_of_connections_lets_one_in(history: internals.SqliteHistory) -> None:
    lock: AbstractContextManager[object] = internals.lock_of(history)
    with lock:
        assert not lock.acquire(blocking=False)  # type: ignore[attr-defined]  # of a lock
    assert internals.lock_of(history) is lock


def test_events_are_read_on_from_a_cursor_and_of_the_types_that_are_asked_for(instance: dg.DagsterInstance) -> None:
    run = speaks.execute_in_process(instance=instance).run_id
    types = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.RUN_SUCCESS}
    first = instance.get_records_for_run(run, None, types, 1)
    rest = instance.get_records_for_run(run, first.cursor, types, 10)
    assert (first.has_more, rest.has_more) == (True, False)
    events = [record.event_log_entry.dagster_event for record in (*first.records, *rest.records)]
    assert [event and event.event_type_value for event in events] == ["STEP_START", "PIPELINE_SUCCESS"]
    again = instance.get_records_for_run(run, rest.cursor, types, 10)
    assert (again.cursor, [*again.records], again.has_more) == (rest.cursor, [], False)


def test_pooled_connections_to_postgresql_are_closed(tmp_path: Path, new_database: NewDatabase) -> None:
    storage = {"postgres": {"postgres_url": with_driver(new_database())}}
    settings = {"telemetry": {"enabled": False}, "storage": storage}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=settings) as instance:
        instance.optimize_for_webserver(statement_timeout=0, pool_recycle=60, max_overflow=-1)
        instance.get_runs_count()
        instance.all_asset_keys()
        pools = [getattr(part, "_engine").pool for part in (instance.run_storage, instance.event_log_storage)]  # noqa: B009  # private
        assert all(pool.checkedin() for pool in pools)
        internals.close_pooled_connections(instance)
        now = [getattr(part, "_engine").pool for part in (instance.run_storage, instance.event_log_storage)]  # noqa: B009  # private
        assert not any(pool.checkedin() for pool in now)


@pytest.mark.parametrize("shown_by", ["workspace.yaml", "pyproject.toml"])
def test_runs_of_this_process_have_the_origin_of_the_code_location_that_dagster_dev_shows(shown_by: str) -> None:
    file = str(PROJECT / shown_by)
    [location] = location_origins_from_yaml_paths([file]) if "yaml" in shown_by else get_origins_from_toml(file)
    with dg.DagsterInstance.ephemeral() as instance:
        internals.show_new_runs_in(instance, LOCATION, MODULE)
        result = evaluating.execute_in_process(
            instance=instance, run_config={"ops": {"evaluates": {"config": {"days": {}}}}}
        )
        run = instance.get_run_by_id(result.run_id)
    assert run
    assert run.remote_job_origin
    assert run.remote_job_origin.job_name == "evaluating"
    found = run.remote_job_origin.repository_origin
    assert found.repository_name == "__repository__"
    assert found.code_location_origin.location_name == location.location_name
    assert isinstance(found.code_location_origin, ManagedGrpcPythonEnvCodeLocationOrigin)
    assert isinstance(location, ManagedGrpcPythonEnvCodeLocationOrigin)
    named = found.code_location_origin.loadable_target_origin.module_name
    assert named == location.loadable_target_origin.module_name
    assert run.tags[tags.CODE_LOCATION_TAG] == location.location_name
    assert run.tags_for_storage()[tags.REPOSITORY_LABEL_TAG] == f"__repository__@{location.location_name}"
