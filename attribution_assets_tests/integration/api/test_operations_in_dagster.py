"""Operations through Dagster's queue: the sensor requests a run for each in its turn, whose step carries it out."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from attribution_assets.definitions import build_definitions
from attribution_assets.defs.automation import api_operations as queue
from attribution_assets.defs.automation.api_operations import api_operation, api_operations
from attribution_assets.instance.data_set_names import DATA_SET_TAG
from attribution_assets.instance.run_failures import root_cause
from attribution_assets.instance.runs import OPERATION_TAG
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import State
from attribution_assets.operations.store import OperationStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OperationStore:
    monkeypatch.chdir(tmp_path)
    return OperationStore(Home.from_environment())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def asked_for(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    answer = api_operations(dg.build_sensor_context(instance))
    return list(answer.run_requests or ()) if isinstance(answer, dg.SensorResult) else []


def carried_out(request: dg.RunRequest, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return api_operation.execute_in_process(request.run_config, instance, raise_on_error=False, tags=request.tags)


def test_where_no_api_has_been_used_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.chdir(tmp_path)
    assert asked_for(instance) == []
    assert list(tmp_path.iterdir()) == []


def test_each_data_set_has_a_run_for_its_first_operation(store: OperationStore, instance: dg.DagsterInstance) -> None:
    a, b, _ = (store.add(name, "train", {"conversion_type": "x"}, "key").id for name in ("a", "b", "a"))
    requests = asked_for(instance)
    assert [(request.run_key, request.tags) for request in requests] == [
        (f"{a} 0", {OPERATION_TAG: a, DATA_SET_TAG: "a"}),
        (f"{b} 0", {OPERATION_TAG: b, DATA_SET_TAG: "b"}),
    ]


def test_the_run_carries_the_operation_out_once_and_ends_as_it_does(
    store: OperationStore, instance: dg.DagsterInstance
) -> None:
    gone, deleted = (store.add("a", kind, {"conversion_type": "x", "forget_answers": False, "file": ""}, "key").id
                     for kind in ("train", "delete_data_set"))  # fmt: skip
    (first,) = asked_for(instance)
    failed = carried_out(first, instance)
    assert not failed.success
    (failure,) = failed.get_step_failure_events()
    assert root_cause(failure.step_failure_data.error) == "there is no such data set any more"
    assert carried_out(first, instance).success  # there is nothing left to do
    (second,) = asked_for(instance)
    assert carried_out(second, instance).success
    states = [operation and operation.state for operation in map(store.get, (gone, deleted))]
    assert states == [State.FAILED, State.SUCCEEDED]
    assert asked_for(instance) == []


def test_an_operation_whose_worker_was_killed_is_requested_again(
    store: OperationStore, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = store.add("a", "train", {}, "key").id
    store.lease(id_)
    assert asked_for(instance) == []  # its worker is starting
    monkeypatch.setattr(queue, "STARTING_SECONDS", 0)
    assert [request.run_key for request in asked_for(instance)] == [f"{id_} 1"]


def test_an_operation_that_was_given_back_is_requested_again(
    store: OperationStore, instance: dg.DagsterInstance
) -> None:
    id_ = store.add("a", "train", {}, "key").id
    keys = [request.run_key for request in asked_for(instance)]
    for _ in range(2):
        store.give_back(id_, str(store.lease(id_)))
        keys += [request.run_key for request in asked_for(instance)]
    assert keys == [f"{id_} 0", f"{id_} 1", f"{id_} 2"]


def test_the_code_location_has_one_sensor_and_one_job_for_operations() -> None:
    repository = build_definitions().get_repository_def()
    assert repository.has_sensor_def("api_operations")
    assert repository.has_job("api_operation")
