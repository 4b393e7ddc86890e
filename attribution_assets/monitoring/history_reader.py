"""Reads Dagster's history and adds up its figures. Each event is read once; a second look reads only new events.

The history is never written, so no run has to wait. All figures come from the events and records in the history and
nothing is stored elsewhere, so a new reader gets the same figures. What the figures mean does not belong here
(`history_facts.py`), nor the materialized days (`materialized_days.py`).
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import dagster as dg

from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.ihc_api.traffic import Traffic
from attribution_assets.attribution.tables.credit import OUTCOMES
from attribution_assets.defs.assets.api_observations import traffic_in
from attribution_assets.defs.checks.daily import problems_of_days
from attribution_assets.defs.checks.freshness import NAME as FRESHNESS
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.run_failures import Failures
from attribution_assets.instance.runs import (
    UNFINISHED_STATUSES,
    days_of,
    is_of,
    was_killed,
)
from attribution_assets.monitoring.failed_runs import FailedRuns
from attribution_assets.monitoring.history_facts import (
    CANCELED,
    FAILED,
    FAILURE,
    KILLED,
    PASSED,
    SUCCESS,
    UNDER_WAY,
    UNFINISHED,
    WAITING,
    WARNED,
    CheckProblem,
    History,
    RunFacts,
    RunTotals,
    StepTotals,
)
from attribution_assets.monitoring.materialized_days import MaterializedDays

LAST_RUNS = 50
EVENTS_AT_ONCE = 1000

OVERLAP = dt.timedelta(minutes=10)
"""Runs that were updated this long before the last look are looked at again: clocks differ, transactions end late."""

ENDINGS = {
    dg.DagsterEventType.RUN_SUCCESS: SUCCESS,
    dg.DagsterEventType.RUN_FAILURE: FAILURE,
    dg.DagsterEventType.RUN_CANCELED: CANCELED,
}
STEP_ENDINGS = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}
EVENTS = {
    *ENDINGS,
    *STEP_ENDINGS,
    dg.DagsterEventType.RUN_START,
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_OBSERVATION,
}
STATUSES = {
    dg.DagsterRunStatus.SUCCESS: SUCCESS,
    dg.DagsterRunStatus.FAILURE: FAILURE,
    dg.DagsterRunStatus.CANCELED: CANCELED,
    dg.DagsterRunStatus.STARTED: UNDER_WAY,
    dg.DagsterRunStatus.CANCELING: UNDER_WAY,
}


@dataclass
class _Reading:
    """How far the events of a run have been read.

    Attributes:
        cursor: Dagster's cursor after the last event that was read; None before the first.
        began: step -> when it began; the run itself has the key "".
        ended: whether its end has been counted.
        failures: what its events say of failures.
    """

    cursor: str | None = None
    began: dict[str, float] = field(default_factory=dict)
    ended: bool = False
    failures: Failures = field(default_factory=Failures)


class HistoryReader:
    """Reads a history as often as asked.

    Args:
        instance: Whose history it is.
        lookback_days: Length of the lookback window.
        names: Of the data set whose runs, steps and checks are read.
    """

    def __init__(self, instance: dg.DagsterInstance, lookback_days: int, names: DataSetNames | None = None) -> None:
        self._instance, self._names = instance, names or DataSetNames()
        self._read_until: dt.datetime | None = None
        self._readings: defaultdict[str, _Reading] = defaultdict(_Reading)
        self._last_runs: dict[int, RunFacts] = {}
        self._runs: defaultdict[str, RunTotals] = defaultdict(RunTotals)
        self._steps: defaultdict[str, StepTotals] = defaultdict(StepTotals)
        self._checks: Counter[tuple[str, str, str]] = Counter()
        self._problems: dict[tuple[str, str, str], CheckProblem] = {}
        self._checked: dict[tuple[str, str, str], float] = {}
        self._traffic = Traffic()
        self._latest_traffic = 0.0, Traffic()
        self._failed_runs = FailedRuns()
        self._days = MaterializedDays(instance, lookback_days, self._names)

    def read(self) -> History:
        """The figures now.

        Raises:
            DBAPIError: The history cannot be read. For PostgreSQL also Dagster's own exception.
        """
        records, newest = self._records_to_read()
        for record in records.values():
            self._last_runs[record.storage_id] = facts = _facts(record, self._names)
            ended = record.end_time or record.start_time or record.create_timestamp.timestamp()
            self._failed_runs.take_in(record.storage_id, facts, ended)
            if record.dagster_run.status != dg.DagsterRunStatus.NOT_STARTED:  # it has no events yet
                self._read_run(record.dagster_run)
        for old in sorted(self._last_runs)[:-LAST_RUNS]:
            del self._last_runs[old]
        self._days.read()
        self._read_until = newest  # set only now, so that runs that could not be read are read next time
        unfinished = Counter(_status(record) for record in records.values() if not record.dagster_run.is_finished)
        return History(
            last_runs=[self._last_runs[storage_id] for storage_id in sorted(self._last_runs, reverse=True)],
            failed_runs=self._failed_runs.unmended(self._instance, self._days.all_days(), self._why()),
            unfinished={status: unfinished[status] for status in UNFINISHED},
            runs=deepcopy(self._runs),
            steps=deepcopy(self._steps),
            checks=dict(self._checks),
            problems=sorted(self._problems.values(), key=lambda problem: (problem.day, problem.asset, problem.check)),
            last_success=dict(self._days.last_success),
            materialized=self._days.latest_window(),
            orders=self._days.orders(OUTCOMES),
            traffic=self._traffic,
            latest_traffic=self._latest_traffic[1],
        )

    def _why(self) -> dict[str, str]:
        return {run_id: reading.failures.words for run_id, reading in self._readings.items()}

    def _records_to_read(self) -> tuple[dict[str, dg.RunRecord], dt.datetime | None]:
        """The runs of this project that may have new events, the oldest first; and when any run was updated last."""
        since = self._read_until and self._read_until - OVERLAP
        updated = self._instance.get_run_records(dg.RunsFilter(updated_after=since))
        unfinished = self._instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED_STATUSES)) if since else []
        records = sorted([*updated, *unfinished], key=lambda record: record.storage_id)
        times = [record.update_timestamp for record in records] + ([self._read_until] if self._read_until else [])
        of_ours = {
            record.dagster_run.run_id: record
            for record in records
            if is_of(self._names, record.dagster_run.job_name, record.dagster_run.asset_selection)
        }
        return of_ours, max(times, default=None)

    def _read_run(self, run: dg.DagsterRun) -> None:
        reading = self._readings[run.run_id]
        for at, event in self._new_events(run, reading):
            reading.failures.add(event)
            if event.event_type in ENDINGS:
                self._count_ending(_job(run, self._names), reading, ENDINGS[event.event_type], at)
            elif event.event_type in STEP_ENDINGS:
                self._count_step(reading, event, at)
            elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                if event.asset_check_evaluation_data.check_name != FRESHNESS:
                    self._count_check(run, event.asset_check_evaluation_data, at)
            elif event.event_type == dg.DagsterEventType.ASSET_OBSERVATION:
                observation = event.asset_observation_data.asset_observation
                if self._names.asset(observation.asset_key):
                    self._count_traffic(traffic_in(observation), at)
            else:
                reading.began[event.step_key or ""] = at

    def _new_events(self, run: dg.DagsterRun, reading: _Reading) -> Iterator[tuple[float, dg.DagsterEvent]]:
        """The events of a run that have not been read yet, of the kinds that are counted, with their times."""
        more = True
        while more:
            found = self._instance.get_records_for_run(run.run_id, reading.cursor, EVENTS, EVENTS_AT_ONCE)
            reading.cursor, more = found.cursor, found.has_more
            for record in found.records:
                if event := record.event_log_entry.dagster_event:
                    yield record.event_log_entry.timestamp, event

    def _count_ending(self, job: str, reading: _Reading, ending: str, at: float) -> None:
        if not reading.ended:
            began = reading.began.pop("", None)
            self._runs[job].add(ending, None if began is None else at - began)
        reading.ended = True

    def _count_traffic(self, sent: Traffic, at: float) -> None:
        self._traffic += sent
        if sent.tries and at >= self._latest_traffic[0]:
            self._latest_traffic = at, sent

    def _count_step(self, reading: _Reading, event: dg.DagsterEvent, at: float) -> None:
        seconds = at - reading.began.pop(event.step_key or "", at)
        step = self._names.plain(event.step_key or "")
        if step is None:  # of another data set in the same run
            return
        self._steps[step].add(seconds, failed=event.event_type == dg.DagsterEventType.STEP_FAILURE)

    def _count_check(self, run: dg.DagsterRun, evaluation: dg.AssetCheckEvaluation, at: float) -> None:
        """Count an evaluation, and note what is wrong on its days. Of each day its latest evaluation counts."""
        asset, check = self._names.asset(evaluation.asset_key), evaluation.check_name
        if asset is None:  # of another data set in the same run
            return
        ill = WARNED if evaluation.severity == dg.AssetCheckSeverity.WARN else FAILED
        self._checks[asset, check, PASSED if evaluation.passed else ill] += 1
        for day, problem in problems_of_days(evaluation):
            key = asset, check, day
            if at < self._checked.get(key, 0.0):
                continue
            self._checked[key] = at
            self._problems.pop(key, None)
            if problem:
                result = FAILED if problem.stops else WARNED
                when = dt.datetime.fromtimestamp(at, dt.UTC)
                self._problems[key] = CheckProblem(asset, check, day, result, problem.words, run.run_id, when)


def _status(record: dg.RunRecord) -> str:
    run = record.dagster_run
    return KILLED if not run.is_finished and was_killed(run) else STATUSES.get(run.status, WAITING)


def _job(run: dg.DagsterRun, names: DataSetNames) -> str:
    return names.plain(run.job_name) or run.job_name


def _facts(record: dg.RunRecord, names: DataSetNames) -> RunFacts:
    run = record.dagster_run
    first, last = days_of(run.tags)
    ended = record.end_time or dt.datetime.now(dt.UTC).timestamp()
    selected = set(map(names.asset, run.asset_selection or ()))
    return RunFacts(
        run_id=run.run_id,
        job=_job(run, names),
        status=_status(record),
        assets=[asset for asset in ASSETS if asset in selected],
        first_day=first,
        last_day=last,
        started=dt.datetime.fromtimestamp(record.start_time, dt.UTC) if record.start_time else None,
        seconds=ended - record.start_time if record.start_time else None,
    )
