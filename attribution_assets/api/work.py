"""What an operation does: it calls what the command calls, over Dagster, and says what it came to."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from attribution_assets.api.deletion import delete_data_set
from attribution_assets.api.startable import require_answers
from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.attribution.progress import RequestPlan, listening
from attribution_assets.attribution.reporting.report_file import write_report
from attribution_assets.command import report_range
from attribution_assets.command.dry_run import dry_run
from attribution_assets.command.erasure import erase
from attribution_assets.command.usable import usable
from attribution_assets.data_sets import data_set_named, owns_source
from attribution_assets.defs.data_set_definitions import data_set_definitions
from attribution_assets.errors import RunFailedError, RunRejectedError
from attribution_assets.instance.data_set_names import DATA_SET_TAG
from attribution_assets.instance.opening import dagster_instance
from attribution_assets.instance.other_work import in_a_run
from attribution_assets.instance.run_failures import failures_in
from attribution_assets.instance.runs import API_OPERATION_JOB, OPERATION_TAG, process_tag
from attribution_assets.operations.records import DELETE_DATA_SET, ERASE_USER, KeptOperation
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings

MOST_DAYS_NAMED = 366
NOTE_SECONDS = 0.5


@dataclass
class Noted:
    """What is noted of an operation while it is under way; its listener is told of days and plans.

    Attributes:
        operation: the operation.
        note: keeps stage, done and of.
        note_run: keeps the id of a run.
        plans: what the API was to be asked for.
        has_runs: whether there was a run.
    """

    operation: KeptOperation
    note: Callable[[str, int, int | None], None]
    note_run: Callable[[str], None]
    plans: list[RequestPlan] = field(default_factory=list)
    has_runs: bool = False
    _stage: tuple[str, int, int | None] = ("starting", 0, None)
    _at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of its runs."""
        return {OPERATION_TAG: self.operation.id, DATA_SET_TAG: self.operation.data_set}

    def on_run(self, run_id: str) -> None:
        """A run is about to start."""
        self.has_runs = True
        self.note_run(run_id)

    def begin(self, stage: str, of: int | None = None) -> None:
        """A stage begins."""
        with self._lock:
            self._stage = (stage, 0, of)
            self._write()

    def start(self, stage: Stage) -> None:
        """A stage of the work begins: so many assets, so many days."""
        days = (stage.last - stage.first).days + 1
        first = stage.assets[0] if len(stage.assets) == 1 else f"{stage.assets[0]} to {stage.assets[-1]}"
        self.begin(f"{first}, {stage.first}..{stage.last}", days * len(stage.assets))

    def day_written(self, asset: str, day: dt.date, rows: int) -> None:  # noqa: ARG002 - as listeners are told
        """A day of an asset has been stored."""
        with self._lock:
            stage, done, of = self._stage
            self._stage = (stage, done + 1 if of is None else min(done + 1, of), of)
            if time.monotonic() - self._at > NOTE_SECONDS:
                self._write()

    def requests_planned(self, plan: RequestPlan) -> None:
        """The API is about to be asked."""
        with self._lock:
            self.plans.append(plan)

    def rows_in_no_report(self, asset: str, lines: Sequence[str]) -> None:
        """Nothing is noted of rows that no day can report: the route `rejected-rows` gives them."""

    def _write(self) -> None:
        self._at = time.monotonic()
        self.note(*self._stage)


def perform(noted: Noted) -> dict[str, Any]:
    """Do what an operation was asked for, in runs of Dagster: in one of its own, if it makes no asset.

    Args:
        noted: The operation, and what is noted of it.

    Returns:
        What it came to, as JSON.

    Raises:
        RunFailedError: A run failed, or days could not be made; what had succeeded before is kept.
        RunRejectedError: It cannot be done.
    """
    asked = noted.operation.parameters
    if noted.operation.kind == DELETE_DATA_SET:
        name, file = noted.operation.data_set, asked["file"]
        return _in_a_run(noted, lambda: delete_data_set(name, file, forget_answers=asked["forget_answers"]))
    try:
        result = _done(noted)
    except Exception as error:
        if noted.has_runs:
            raise
        failed = error  # before its first run: a run of its own says so
        return _in_a_run(noted, lambda: _raised(failed))
    return result if noted.has_runs else _in_a_run(noted, lambda: result)  # there was nothing to make


def _raised(error: Exception) -> dict[str, Any]:
    raise error


def _done(noted: Noted) -> dict[str, Any]:
    """What an operation that needs its data set came to."""
    operation = noted.operation
    of_kind: Mapping[str, Callable[[Settings, Noted], dict[str, Any]]] = {
        "attribute": _attribute,
        "train": _train,
        ERASE_USER: _erase,
    }
    settings = data_set_named(operation.data_set)
    if settings is None:
        raise RunRejectedError("there is no such data set any more")
    if settings.missing:
        raise RunRejectedError(settings.missing)
    return of_kind[operation.kind](settings, noted)


def _in_a_run(noted: Noted, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    name = "dry_run" if noted.operation.parameters.get("dry_run") else noted.operation.kind
    with dagster_instance() as instance:
        return in_a_run(instance, (API_OPERATION_JOB, name), noted.tags, noted.on_run, do)


def _attribute(settings: Settings, noted: Noted) -> dict[str, Any]:
    asked = noted.operation.parameters
    start, end = (day_written(asked[name]) if asked[name] else None for name in ("first_day", "last_day"))
    if asked["dry_run"]:
        return _in_a_run(noted, lambda: _plan(settings, start, end, noted))
    resources, path = usable(settings, None)
    storage = resources.storage.tables()
    first, last = report_range.days_to_report(resources.database.source(), storage, settings.windows, start, end)
    report_range.require_mapped_types(resources, first, last)
    with listening(noted):
        made = report_range.report_days(
            first, last, settings, resources, noted.start, tags=noted.tags, on_run=noted.on_run
        )
    not_made = report_range.days_not_made(resources, first, last)
    report, outcomes = report_range.results(storage, first, last, not_made)
    write_report(report, path, guard=settings.csv_guard)
    if words := report_range.not_made_in_words(not_made):
        raise RunFailedError(words)
    return {
        "first_day": str(first),
        "last_day": str(last),
        "made": made,
        "orders": {str(outcome): len(orders) for outcome, orders in outcomes.groupby("outcome")},
        "revenue": {str(outcome): float(orders["revenue"].sum()) for outcome, orders in outcomes.groupby("outcome")},
        "answered_by": resources.ihc_api.answered_by,
        **_asked(noted.plans),
        "report": f"/v1/data-sets/{settings.data_set}/report?first_day={first}&last_day={last}",
    }


def _asked(plans: list[RequestPlan]) -> dict[str, int]:
    """What the API was asked for over all plans of an operation."""
    names = ("journeys", "touchpoints", "requests", "reused")
    return {name: sum(getattr(plan, name) for plan in plans) for name in names}


def _plan(settings: Settings, start: dt.date | None, end: dt.date | None, noted: Noted) -> dict[str, Any]:
    resources = resources_of(settings)
    resources.ihc_api.check()
    resources.storage.check()
    storage = resources.storage.tables()
    first, last = report_range.days_to_report(resources.database.source(), storage, settings.windows, start, end)
    noted.begin(f"plan, {first}..{last}")
    found = dry_run(resources, first, last, preview=False)
    return {
        "dry_run": True,
        "first_day": str(first),
        "last_day": str(last),
        "orders": found.orders,
        "orders_too_long": found.too_long,
        "journeys": found.plan.journeys,
        "touchpoints": found.plan.touchpoints,
        "requests": found.plan.requests,
        "reused": found.plan.reused,
        "answered_by": resources.ihc_api.answered_by,
        "days_to_attribute": [str(day) for day in found.days_to_attribute],
        "days_that_would_change": [str(day) for day in found.days_that_would_change],
    }


def _train(settings: Settings, noted: Noted) -> dict[str, Any]:
    resources, name = resources_of(settings), noted.operation.parameters["conversion_type"]
    require_answers(settings, name)
    names = resources.rules.names
    job = data_set_definitions(settings).resolve_implicit_global_asset_job_def()
    key, run_id = names.key("trained_conversion_type"), str(uuid4())
    noted.begin(f"training of {name}")
    noted.on_run(run_id)
    step = names.of("trained_conversion_type")
    with dagster_instance() as instance:
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            asset_selection=[key],
            run_config={**report_range.SILENT, "ops": {step: {"config": {"conversion_type": name}}}},
            tags={**noted.tags, **process_tag(run_id), **names.tags},
            raise_on_error=False,
        )
    if not result.success:
        raise RunFailedError(failures_in(result.all_events).words.removeprefix(f"{step}: "))
    trained = resources.ihc_api.trained().read(name)
    if trained is None:
        raise RunFailedError(f"the conversion type {name} is gone since it was trained")
    how, parameters = trained.training, trained.parameters
    return {
        "conversion_type": trained.name,
        "version": how.version,
        "answers": how.answers,
        "journeys_of_several_sessions": how.several,
        "mean_error": how.held_out.mean_error if how.held_out else None,
        "worst_error": how.held_out.worst_error if how.held_out else None,
        "phase_weights": [*parameters.phase_weights],
        "channels_without_evidence": [*how.without_evidence],
    }


def _erase(settings: Settings, noted: Noted) -> dict[str, Any]:
    with listening(noted):
        erased = erase(
            noted.operation.parameters["user_id"],
            settings,
            noted.start,
            owns_source=owns_source(settings.data_set),
            tags=noted.tags,
            on_run=noted.on_run,
        )
    return {
        "sessions": erased.sessions,
        "orders": erased.orders,
        "answers": erased.answers,
        "days": [str(day) for day in erased.all_days],
    }
