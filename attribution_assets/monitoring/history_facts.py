"""The figures taken from Dagster's history: runs, steps, checks, materialized days and requests to the IHC API.

They are totals over the whole history, so every process that adds them up gets the same. How they are read does not
belong here (`history_reader.py`), nor how they are shown.
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.ihc_api.traffic import Traffic

RUN_SECONDS = (10, 30, 60, 120, 300, 600, 1800, 3600, 10800)
"""Upper bounds of the classes in which runs are counted by duration."""

PASSED, WARNED, FAILED = RESULTS = ("passed", "warned", "failed")
"""The possible results of a check."""

SUCCESS, FAILURE, CANCELED = ENDINGS = ("success", "failure", "canceled")
"""The statuses of runs that have ended."""

WAITING, UNDER_WAY, KILLED = UNFINISHED = ("waiting", "under_way", "killed")
"""The statuses of runs that have not ended. The process of a killed run has ended, and Dagster has not noticed yet."""


@dataclass(frozen=True)
class RunFacts:
    """One run.

    Attributes:
        run_id: its id.
        job: its job; `__ASSET_JOB` if assets were materialized without a job.
        status: one of `ENDINGS` or `UNFINISHED`.
        assets: the assets that it materializes; empty stands for all assets of the job.
        first_day: its first day, YYYY-MM-DD; None if it has no days.
        last_day: its last day.
        started: when it started; None if it has not.
        seconds: how long it took from its start to its end, or has taken until now; None if it has not started.
    """

    run_id: str
    job: str
    status: str
    assets: Sequence[str]
    first_day: str | None
    last_day: str | None
    started: dt.datetime | None
    seconds: float | None

    @property
    def subject(self) -> str:
        """What it materializes, in words."""
        some = self.assets and not set(always_in_use()).issubset(self.assets)
        assets = ", ".join(self.assets) if some else "all assets"
        days = self.first_day if self.first_day == self.last_day else f"{self.first_day}..{self.last_day}"
        return f"{assets} of {days}" if days else assets


@dataclass(frozen=True)
class FailedRun:
    """A failed run of whose days some have not been made since.

    Attributes:
        run: the run.
        why: why it failed, in one line.
    """

    run: RunFacts
    why: str


@dataclass
class RunTotals:
    """The ended runs of a job.

    Attributes:
        ended: how many, by one of `ENDINGS`.
        seconds: how long those that had started took together.
        by_duration: runs that had started, counted by duration: a number per class of `RUN_SECONDS`, one for longer.
    """

    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDINGS, 0))
    seconds: float = 0.0
    by_duration: list[int] = field(default_factory=lambda: [0] * (len(RUN_SECONDS) + 1))

    def add(self, ending: str, seconds: float | None) -> None:
        """Count a run that ended; `seconds` is how long it took, None if it had not started."""
        self.ended[ending] += 1
        if seconds is not None:
            self.seconds += seconds
            self.by_duration[bisect_left(RUN_SECONDS, seconds)] += 1


@dataclass
class StepTotals:
    """The ended steps of one name.

    Attributes:
        ended: how many.
        failed: how many of them failed.
        seconds: how long they took together.
    """

    ended: int = 0
    failed: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, *, failed: bool) -> None:
        """Count a step that ended; `seconds` is how long it took."""
        self.ended += 1
        self.failed += failed
        self.seconds += seconds


@dataclass(frozen=True)
class CheckProblem:
    """A day whose latest evaluation of a check did not pass.

    Attributes:
        asset: the asset that was checked.
        check: name of the check.
        day: YYYY-MM-DD.
        result: warned or failed.
        description: the check's own description of the problem.
        run_id: the run of the evaluation.
        at: when it was evaluated.
    """

    asset: str
    check: str
    day: str
    result: str
    description: str
    run_id: str
    at: dt.datetime


@dataclass(frozen=True)
class History:
    """The figures of a history at one moment.

    Attributes:
        last_runs: the latest runs, the latest first.
        failed_runs: the failed runs that nothing has mended since, the oldest first.
        unfinished: one of `UNFINISHED` -> runs of this status.
        runs: job -> its ended runs.
        steps: step -> its ended executions.
        checks: asset, check and one of `RESULTS` -> evaluations. An evaluation over a range of days counts once.
        problems: the days whose latest evaluation of a check did not pass.
        last_success: asset -> when a day of it was materialized last, in seconds since 1970.
        materialized: asset -> day -> when it was materialized last, for the days of the latest lookback window.
        orders: day -> one of `credit.OUTCOMES` -> orders, as its latest report says, for the days of the same window.
        traffic: what was sent to the IHC API.
        latest_traffic: what the latest step sent that sent anything.
    """

    last_runs: Sequence[RunFacts]
    failed_runs: Sequence[FailedRun]
    unfinished: Mapping[str, int]
    runs: Mapping[str, RunTotals]
    steps: Mapping[str, StepTotals]
    checks: Mapping[tuple[str, str, str], int]
    problems: Sequence[CheckProblem]
    last_success: Mapping[str, float]
    materialized: Mapping[str, Mapping[str, float]]
    orders: Mapping[str, Mapping[str, int]]
    traffic: Traffic
    latest_traffic: Traffic
