"""Why a run failed, from its events, and how that is said to people. Which runs there are is in `runs.py`."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import dagster as dg

from attribution_assets.attribution.tables.readable import readable
from attribution_assets.environment import without_secrets
from attribution_assets.instance.dagster_internals import RecordedError

WHAT_TO_DO = (
    "When the cause is gone, run the same days again: what had succeeded is kept, and no answer of the API is paid for"
    " twice."
)

_FAILURE = f"{dg.Failure.__module__}.{dg.Failure.__qualname__}"
"""What a step raises that says why it fails, as Dagster records it."""

_TOLD_BY = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
}


@dataclass
class Failures:
    """What the events of a run say of failures.

    Attributes:
        checks: The blocking checks that failed.
        steps: What went wrong in the steps.
        runs: What went wrong in the run itself.
    """

    checks: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def add(self, event: dg.DagsterEvent) -> None:
        """Take in an event; of most kinds there is nothing to take in."""
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._add_check(event.asset_check_evaluation_data)
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
            self.steps.append(f"{event.step_key}: {root_cause(event.step_failure_data.error)}")
        elif event.event_type == dg.DagsterEventType.RUN_FAILURE:
            error = getattr(event.event_specific_data, "error", None)  # without data if it was reported from outside
            self.runs.append(root_cause(error) if error else (event.message or root_cause(None)))

    def _add_check(self, evaluation: dg.AssetCheckEvaluation) -> None:
        stops = evaluation.blocking and evaluation.severity == dg.AssetCheckSeverity.ERROR
        if stops and not evaluation.passed and evaluation.partition is None:
            asset = evaluation.asset_key.to_user_string()
            self.checks.append(f"check {evaluation.check_name} of {asset}: {evaluation.description}")

    @property
    def words(self) -> str:
        """Why the run failed, in one line: the failed checks, else what went wrong in the steps, else in the run."""
        return "; ".join(self.checks or self.steps or self.runs)


def failures_in(events: Iterable[dg.DagsterEvent | None]) -> Failures:
    """What these events say of failures."""
    found = Failures()
    for event in events:
        if event:
            found.add(event)
    return found


def why_failed(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, in one line, from its history."""
    cursor, more, found = None, True, Failures()
    while more:
        page = instance.get_records_for_run(run_id, cursor, _TOLD_BY)
        cursor, more = page.cursor, page.has_more
        for record in page.records:
            if event := record.event_log_entry.dagster_event:
                found.add(event)
    return found.words or root_cause(None)


def link_to_run(webserver_url: str | None, run_id: str) -> str | None:
    """The page of a run in Dagster's UI; None if it is not known where that is."""
    return f"{webserver_url.rstrip('/')}/runs/{run_id}" if webserver_url else None


def kind_of_error(error: RecordedError | None) -> str:
    """The class's name of the root cause of an error that Dagster recorded; empty if there is none."""
    root = _root(error)
    return root.message.strip().partition(":")[0].rpartition(".")[2] if root else ""


def root_cause(error: RecordedError | None) -> str:
    """The root cause of an error that Dagster recorded, in one line and without secrets."""
    root = _root(error)
    if root is None:
        return "Dagster does not say why: see the run's log in the UI"
    kind, _, words = root.message.strip().partition(": ")
    if kind.rpartition(".")[2].startswith("DagsterExecutionInterruptedError"):
        return "interrupted"
    speaks_for_itself = kind.startswith("attribution_assets.") or kind == _FAILURE
    return readable(without_secrets(words if speaks_for_itself else f"{kind}: {words}"), longest=None)


def _root(error: RecordedError | None) -> RecordedError | None:
    while error is not None and error.cause is not None:
        error = error.cause
    return error
