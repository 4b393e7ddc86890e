"""Operations of the HTTP API through Dagster's queue: a sensor requests a run for each, whose step has it carried out.

This is for servers of the API with --no-workers, whose folder ATTRIBUTION_API_HOME the daemon and the runs see. Where
servers carry operations out themselves, each is still carried out once: whoever leases it first does.
"""

import subprocess

import dagster as dg

from attribution_assets.instance.data_set_names import DATA_SET_TAG
from attribution_assets.instance.runs import API_OPERATION_JOB, OPERATION_TAG
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import State
from attribution_assets.operations.store import OperationStore
from attribution_assets.operations.worker_process import start_worker

END_SECONDS = 10
STARTING_SECONDS = 60


class OperationConfig(dg.Config):
    """Which operation is carried out.

    Attributes:
        operation: Its id.
    """

    operation: str


@dg.op
def carry_out(context: dg.OpExecutionContext, config: OperationConfig) -> None:
    """Carries out an operation of the HTTP API in a process of its own, and fails if the operation does."""
    store = OperationStore(Home.from_environment())
    if (lease := store.lease(config.operation)) is None:
        context.log.info("Another worker has this operation, or it is not its turn: there is nothing to do.")
        return
    process = start_worker(config.operation, lease)
    try:
        process.wait()
    except BaseException:  # the run is ended: so is the process, which gives the operation back
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        store.give_back(config.operation, lease)
        raise
    finally:
        store.give_back(config.operation, lease, killed=True)  # nothing, if it has said how it ended
    operation = store.get(config.operation)
    if operation and operation.state is State.FAILED:
        raise dg.Failure((operation.error or {}).get("detail", "the operation failed"), allow_retries=False)


@dg.job(
    name=API_OPERATION_JOB,
    description="One operation of the HTTP API; its own runs have the same tag",
    executor_def=dg.in_process_executor,
)
def api_operation() -> None:
    """Carries out one operation of the HTTP API."""
    carry_out()


@dg.sensor(
    job_name=api_operation.name,  # of a job object, Dagster would copy the sensor, and warn of doing so
    minimum_interval_seconds=5,
    description="Requests a run for each operation that the HTTP API with --no-workers has queued, in its turn",
)
def api_operations() -> dg.SensorResult | dg.SkipReason:
    """Requests a run for each operation whose turn it is, and another one once it was given back."""
    home = Home.if_there()
    if home is None:
        return dg.SkipReason("No API has been used here: see ATTRIBUTION_API_HOME.")
    store = OperationStore(home)
    store.give_back_killed(grace_seconds=STARTING_SECONDS)
    requests = [
        dg.RunRequest(
            run_key=f"{id_} {leases}",
            run_config=dg.RunConfig(ops={carry_out.name: OperationConfig(operation=id_)}),
            tags={OPERATION_TAG: id_, DATA_SET_TAG: data_set},
        )
        for id_, data_set, leases in store.in_turn()
    ]
    return dg.SensorResult(requests) if requests else dg.SkipReason("No operation is queued.")
