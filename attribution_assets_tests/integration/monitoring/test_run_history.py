"""Which runs and backfills count as under way, and that a run whose process was killed does not."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill  # noqa: TID251  # to make backfills
from dagster._core.remote_origin import (  # noqa: TID251  # a queued run has an origin
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX  # noqa: TID251  # which tags lists do not show

from attribution_assets.attribution.files.processes import this_process
from attribution_assets.instance import runs as run_history
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import (
    DAYS_TAG,
    PARTITION_TAG,
    PROCESS_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
    UNFINISHED_STATUSES,
    end_killed_runs,
    runs_under_way,
    say_which_process,
)
from attribution_assets_tests.support.postgresql_history import with_driver

STARTED = dg.DagsterRunStatus.STARTED
SAYS_WHO_IT_IS = "from attribution_assets.attribution.files.processes import this_process; print(this_process())"


ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__"), "attribution")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that keeps its history in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(params=["sqlite", "postgresql"])
def kept_instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps its history, in files or in PostgreSQL, whose pool ihc_api has one slot."""
    settings: dict[str, Any] = {"telemetry": {"enabled": False}}
    if request.param == "postgresql":
        settings["storage"] = {"postgres": {"postgres_url": with_driver(request.getfixturevalue("new_database")())}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=settings) as instance:
        instance.event_log_storage.set_concurrency_slots("ihc_api", 1)
        yield instance


@pytest.fixture(scope="module")
def ended_process() -> str:
    """What a process that has ended said it was."""
    command = [sys.executable, "-c", SAYS_WHO_IT_IS]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip("\n")  # noqa: S603  # our own module


def a_run(
    instance: dg.DagsterInstance,
    job: str = "attribution",
    *assets: str,
    process: str | None = None,
    **settings: Any,  # noqa: ANN401  # those of a run
) -> dg.DagsterRun:
    """A run in the history that nothing executes; it has noted the process that it is in, if one is given."""
    selection = frozenset(map(dg.AssetKey, assets)) or None
    run = dg.DagsterRun(job_name=job, asset_selection=selection, **{"status": STARTED} | settings)
    if process is not None:
        run = run.with_tags({PROCESS_TAG: f"{run.run_id} {process}"})
    return instance.run_storage.add_run(run)


def a_backfill(instance: dg.DagsterInstance, name: str, *assets: str, status: BulkActionStatus) -> None:
    """A backfill of assets in the history that no daemon looks after."""
    selection = [dg.AssetKey(asset) for asset in assets]
    instance.add_backfill(
        PartitionBackfill(name, status, from_failure=False, tags={}, backfill_timestamp=0.0, asset_selection=selection)
    )


def test_an_empty_history_has_nothing_under_way(instance: dg.DagsterInstance) -> None:
    assert runs_under_way(instance, DataSetNames()) == ""


def test_runs_of_the_jobs_and_of_the_assets_are_under_way_until_they_have_ended(instance: dg.DagsterInstance) -> None:
    for status in UNFINISHED_STATUSES:
        for job, assets in (("attribution", ()), ("extraction", ()), ("__ASSET_JOB", ("journeys", "elsewhere"))):
            run = a_run(instance, job, *assets, status=status, remote_job_origin=ORIGIN)
            assert runs_under_way(instance, DataSetNames()) == f"run {run.run_id[:8]}"
            instance.delete_run(run.run_id)
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
        a_run(instance, status=status)
    assert runs_under_way(instance, DataSetNames()) == ""


def test_runs_of_other_jobs_and_assets_do_not_count(instance: dg.DagsterInstance) -> None:
    a_run(instance, "invoices")
    a_run(instance, "__ASSET_JOB", "invoices", "attribution")
    assert runs_under_way(instance, DataSetNames()) == ""


def test_backfills_of_the_assets_are_under_way_until_they_have_ended(instance: dg.DagsterInstance) -> None:
    a_backfill(instance, "others", "invoices", status=BulkActionStatus.REQUESTED)
    for status in BulkActionStatus:
        if status not in (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING):
            a_backfill(instance, status.value, "journeys", status=status)
    assert runs_under_way(instance, DataSetNames()) == ""
    a_backfill(instance, "asked", "journeys", status=BulkActionStatus.REQUESTED)
    assert runs_under_way(instance, DataSetNames()) == "backfill asked"
    a_backfill(instance, "stopping", "invoices", "channel_reporting", status=BulkActionStatus.CANCELING)
    assert runs_under_way(instance, DataSetNames()).split(", ") in (
        ["backfill asked", "backfill stopping"],
        ["backfill stopping", "backfill asked"],
    )


def test_of_many_three_are_named_and_the_others_counted(instance: dg.DagsterInstance) -> None:
    for number in range(5):
        a_run(instance, run_id=f"{number}0000000-0000-4000-8000-000000000000")
    names, _, rest = runs_under_way(instance, DataSetNames()).rpartition(" and ")
    assert len(names.split(", ")) == 3
    assert rest == "2 more"


def test_a_run_whose_process_here_has_ended_is_marked_as_failed_and_its_pool_slots_are_free(
    kept_instance: dg.DagsterInstance, ended_process: str
) -> None:
    instance = kept_instance
    killed = a_run(instance, process=ended_process)
    events = instance.event_log_storage
    assert events.claim_concurrency_slot("ihc_api", killed.run_id, "ihc_attributions").is_claimed
    assert not events.claim_concurrency_slot("ihc_api", "another run", "ihc_attributions").is_claimed
    assert runs_under_way(instance, DataSetNames()) == ""
    ended = instance.get_run_by_id(killed.run_id)
    assert ended
    assert ended.status == dg.DagsterRunStatus.FAILURE
    [failure] = instance.all_logs(killed.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert failure.dagster_event
    assert failure.dagster_event.message == "The process that this run was in has been killed."
    deadline = time.monotonic() + 5
    while not events.claim_concurrency_slot("ihc_api", "another run", "ihc_attributions").is_claimed:
        assert time.monotonic() < deadline
    assert events.get_concurrency_info("ihc_api").active_run_ids == {"another run"}


def test_runs_of_living_processes_other_hosts_and_without_a_process_are_left_alone(
    instance: dg.DagsterInstance, ended_process: str
) -> None:
    _, pid, started = ended_process.rsplit("|", 2)
    runs = [
        a_run(instance, process=this_process()),
        a_run(instance, process=f"another host|{pid}|{started}"),
        a_run(instance),
        a_run(instance, tags={PROCESS_TAG: f"its-parent {ended_process}"}),  # executed again: tags are copied
    ]
    other_job = a_run(instance, "invoices", process=ended_process)
    end_killed_runs(instance)
    assert {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[STARTED]))} == {
        run.run_id for run in (*runs, other_job)
    }


def test_a_run_that_finishes_with_its_process_while_it_is_looked_at_stays_as_it_ended(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(instance, process=this_process())

    def finishes_now(_: str) -> bool:
        instance.report_run_canceled(run)
        return True

    monkeypatch.setattr(run_history, "has_ended", finishes_now)
    end_killed_runs(instance)
    ended = instance.get_run_by_id(run.run_id)
    assert ended
    assert ended.status == dg.DagsterRunStatus.CANCELED


def test_a_run_notes_the_process_that_it_is_in(instance: dg.DagsterInstance) -> None:
    run = a_run(instance, tags={"kept": "yes"})
    say_which_process(instance, run)
    noted = instance.get_run_by_id(run.run_id)
    assert noted
    assert noted.tags == {"kept": "yes", PROCESS_TAG: f"{run.run_id} {this_process()}"}
    assert PROCESS_TAG.startswith(HIDDEN_TAG_PREFIX)


@pytest.mark.parametrize(
    ("tags", "days"),
    [
        ({PARTITION_TAG: "2024-02-20"}, "2024-02-20"),
        ({RANGE_START_TAG: "2024-02-20", RANGE_END_TAG: "2024-02-27"}, "2024-02-20...2024-02-27"),
        ({RANGE_START_TAG: "2024-02-20", RANGE_END_TAG: "2024-02-20"}, "2024-02-20"),
        ({PARTITION_TAG: "2024-02-20", DAYS_TAG: "as it was"}, "as it was"),
        ({}, None),
    ],
)
def test_a_run_that_somebody_launched_is_tagged_with_its_days_when_it_begins(
    instance: dg.DagsterInstance, tags: dict[str, str], days: str | None
) -> None:
    run = a_run(instance, tags=tags)
    say_which_process(instance, run)
    noted = instance.get_run_by_id(run.run_id)
    assert noted
    assert noted.tags.get(DAYS_TAG) == days
