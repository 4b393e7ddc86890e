"""What Dagster's history says in figures: of runs, steps, checks, materialized days and requests to the IHC API.

The figures are totals over the whole history, so they are the same whoever adds them up, and whenever. How they are
read is in `history_reader.py`.
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.ihc_api.traffic import Traffic

RUN_SECONDS = (10, 30, 60, 120, 300, 600, 1800, 3600, 10800)
"""Upper bounds of the classes in which runs are counted by how long they took."""

"""What becomes of an order."""

PASSED, WARNED, FAILED = RESULTS = ("passed", "warned", "failed")
"""What comes of a check."""

SUCCESS, FAILURE, CANCELED = ENDINGS = ("success", "failure", "canceled")
"""How a run ends."""

WAITING, UNDER_WAY, KILLED = UNFINISHED = ("waiting", "under_way", "killed")
"""What a run is that has not ended; the process of a killed one has, which Dagster has not noticed yet."""


@dataclass(frozen=True)
class RunFacts:
    """One run.

    Attributes:
        run_id: its id.
        job: its job; Dagster calls `__ASSET_JOB` what is materialized without one.
        status: one of `ENDINGS` or `UNFINISHED`.
        assets: what it materializes; empty stands for all assets of the job.
        first_day: first of its days, YYYY-MM-DD; None if it has none.
        last_day: last of them.
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
    def what(self) -> str:
        """What it materializes, in words."""
        assets = ", ".join(self.assets) if 0 < len(self.assets) < len(ASSETS) else "all assets"
        days = self.first_day if self.first_day == self.last_day else f"{self.first_day}..{self.last_day}"
        return f"{assets} of {days}" if days else assets


@dataclass
class RunTotals:
    """The ended runs of a job.

    Attributes:
        ended: how many, by one of `ENDINGS`.
        seconds: how long those that had started took together.
        by_duration: those that had started by how long they took: a number for each of `RUN_SECONDS`, one for more.
    """

    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDINGS, 0))
    seconds: float = 0.0
    by_duration: list[int] = field(default_factory=lambda: [0] * (len(RUN_SECONDS) + 1))

    def add(self, ending: str, seconds: float | None) -> None:
        """Count a run that ended, after so many seconds if it had started."""
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
        """Count a step that ended after so many seconds."""
        self.ended += 1
        self.failed += failed
        self.seconds += seconds


@dataclass(frozen=True)
class CheckProblem:
    """A day whose latest evaluation of a check did not pass.

    Attributes:
        asset: what was checked.
        check: name of the check.
        day: YYYY-MM-DD.
        result: warned or failed.
        description: what is wrong, as the check says it.
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
    """What the history says now.

    Attributes:
        last_runs: the latest runs, the latest first.
        unfinished: runs that have not ended, by one of `UNFINISHED`.
        runs: job -> its ended runs.
        steps: step -> those that ended.
        checks: asset, check and one of `RESULTS` -> evaluations. One over a range of days counts once.
        problems: the days whose latest evaluation of a check did not pass.
        last_success: asset -> when a day of it was materialized last, in seconds since 1970.
        materialized: asset -> day -> when it was materialized last, for the days of the latest lookback window.
        orders: day -> one of `credit.OUTCOMES` -> orders, as its latest report says, for the days of the same window.
        traffic: what was sent to the IHC API.
    """

    last_runs: Sequence[RunFacts]
    unfinished: Mapping[str, int]
    runs: Mapping[str, RunTotals]
    steps: Mapping[str, StepTotals]
    checks: Mapping[tuple[str, str, str], int]
    problems: Sequence[CheckProblem]
    last_success: Mapping[str, float]
    materialized: Mapping[str, Mapping[str, float]]
    orders: Mapping[str, Mapping[str, int]]
    traffic: Traffic
