"""Which runs a sensor requests now.

A request stands for the state that it answers. If the same has to be requested again, as after a run that failed, it is
after 2, 4, 8, ... minutes, in the end once an hour.
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.defs.automation.jobs import stage_request
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import REQUEST_TAG, runs_of_request

MOST_RUNS_PER_TICK = 10
FIRST_WAIT, LONGEST_WAIT, MOST_DOUBLINGS = dt.timedelta(minutes=2), dt.timedelta(hours=1), 5


def due_requests(
    instance: dg.DagsterInstance, names: DataSetNames, stages: Sequence[Stage], state: str
) -> list[dg.RunRequest]:
    """A run for each stage that is due, up to `MOST_RUNS_PER_TICK`.

    Args:
        instance: Whose history says which of them were requested before.
        names: Of the data set.
        stages: What to materialize.
        state: A version that stands for the facts that the stages follow from.
    """
    due: list[dg.RunRequest] = []
    for stage in stages:
        request = f"{names.of('+'.join(stage.assets))} {stage.first}..{stage.last} {state}"
        before = runs_of_request(instance, request)
        if len(due) < MOST_RUNS_PER_TICK and is_due(before, dt.datetime.now(dt.UTC)):
            due.append(stage_request(names, stage, f"{request} {len(before)}", {REQUEST_TAG: request}))
    return due


def is_due(before: Sequence[dt.datetime], now: dt.datetime) -> bool:
    """Whether the same may be requested now: at once if it never was, else some time after the last run of it.

    Args:
        before: When each of the earlier runs ended.
        now: The time now.
    """
    wait = min(FIRST_WAIT * 2 ** min(len(before) - 1, MOST_DOUBLINGS), LONGEST_WAIT) if before else dt.timedelta()
    return not before or now - max(before) >= wait
