"""Work that makes no asset has a run of its own, which is no failure of the pipeline."""

from collections.abc import Iterator

import dagster as dg
import pytest

from attribution_assets.errors import RunRejectedError
from attribution_assets.instance.other_work import in_a_run
from attribution_assets.instance.runs import API_OPERATION_JOB, OPERATION_TAG
from attribution_assets.monitoring.failed_runs import FailedRuns
from attribution_assets.monitoring.history_facts import FAILURE, RunFacts

NAMES = (API_OPERATION_JOB, "dry_run")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_what_is_done_is_a_run_with_its_tags(instance: dg.DagsterInstance) -> None:
    told = list[str]()
    assert in_a_run(instance, NAMES, {OPERATION_TAG: "o1"}, told.append, lambda: 7) == 7
    (run,) = instance.get_runs()
    assert ([run.run_id], run.job_name, run.status) == (told, API_OPERATION_JOB, dg.DagsterRunStatus.SUCCESS)
    assert run.tags[OPERATION_TAG] == "o1"


def test_an_error_is_raised_as_it_is_and_its_run_has_failed(instance: dg.DagsterInstance) -> None:
    def refused() -> int:
        raise RunRejectedError("not now")

    with pytest.raises(RunRejectedError, match="not now"):
        in_a_run(instance, NAMES, {}, lambda _: None, refused)
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    failed = FailedRuns()
    for place, job in enumerate((run.job_name, "attribution")):
        failed.take_in(place, RunFacts(run.run_id, job, FAILURE, (), None, None, None, None), 0)
    assert [each.run.job for each in failed.unmended(instance, {}, {})] == ["attribution"]
