"""Work that makes no asset, in a run of its own, so that Dagster's UI shows it beside the others."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import uuid4

import dagster as dg

from attribution_assets.errors import RunFailedError
from attribution_assets.instance.run_failures import failures_in
from attribution_assets.instance.runs import process_tag

Result = TypeVar("Result")


def in_a_run(
    instance: dg.DagsterInstance,
    names: tuple[str, str],
    tags: Mapping[str, str],
    on_run: Callable[[str], None],
    do: Callable[[], Result],
) -> Result:
    """Do something as the only step of a run, in this process.

    Args:
        instance: Where the run is recorded.
        names: What its job and its step are called.
        tags: Its tags.
        on_run: Told of its id before it starts.
        do: What is done.

    Raises:
        RunFailedError: Dagster could not run it.
        Exception: Whatever `do` raises.
    """
    results, errors, run_id = list[Result](), list[Exception](), str(uuid4())

    @dg.op(name=names[1])
    def step() -> None:
        try:
            results.append(do())
        except Exception as error:
            errors.append(error)
            raise

    @dg.job(name=names[0], executor_def=dg.in_process_executor)
    def job() -> None:
        step()

    on_run(run_id)
    done = job.execute_in_process(
        instance=instance,
        run_id=run_id,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags={**tags, **process_tag(run_id)},
        raise_on_error=False,
    )
    if errors:
        raise errors[0]
    if not done.success:
        raise RunFailedError(failures_in(done.all_events).words)
    return results[0]
