"""Which failed runs nothing has mended since: the pipeline is ill as long as there is one, whatever ran later.

A day of an asset is mended by being materialized after the failed run began, or by a later successful run that
includes it, which may have found that there was nothing to make. A run without days is mended by a later one like it.
Runs of the HTTP API's operations that make no asset do not count: who asked for one is told that it failed.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.freshness.records import ASSETS, SOURCE_ASSETS, always_in_use
from attribution_assets.instance.runs import API_OPERATION_JOB, EXTRACTION_JOB
from attribution_assets.monitoring.history_facts import FAILURE, SUCCESS, FailedRun, RunFacts


@dataclass(frozen=True)
class _Ended:
    """A run that has ended, with its place in the order of the runs, and when it began or was made."""

    place: int
    run: RunFacts
    since: float

    @property
    def assets(self) -> frozenset[str]:
        of_the_job = SOURCE_ASSETS if self.run.job == EXTRACTION_JOB else always_in_use()
        return frozenset(self.run.assets or of_the_job)

    @property
    def days(self) -> tuple[str, str] | None:
        return (self.run.first_day, self.run.last_day) if self.run.first_day and self.run.last_day else None

    def includes(self, asset: str, day: str | None) -> bool:
        if asset not in self.assets:
            return False
        return day is None if self.days is None else day is not None and self.days[0] <= day <= self.days[1]


class FailedRuns:
    """The failed runs that are not mended yet, and what could mend them."""

    def __init__(self) -> None:
        self._failed: dict[str, _Ended] = {}
        self._succeeded: dict[str, _Ended] = {}

    def take_in(self, place: int, run: RunFacts, since: float) -> None:
        """Take in a run; the oldest first.

        Args:
            place: Its place in the order of the runs.
            run: The run.
            since: When it ended, in seconds since 1970: what it made itself mends nothing.
        """
        if run.job == API_OPERATION_JOB:
            return
        self._failed.pop(run.run_id, None)
        if run.status == FAILURE:
            self._failed[run.run_id] = _Ended(place, run, since)
        elif run.status == SUCCESS and self._failed:
            self._succeeded[run.run_id] = _Ended(place, run, since)

    def unmended(
        self, instance: dg.DagsterInstance, materialized: Mapping[str, Mapping[str, float]], why: Mapping[str, str]
    ) -> list[FailedRun]:
        """The failed runs that nothing has mended, the oldest first; those that are mended or deleted are forgotten.

        Args:
            instance: Whose runs.
            materialized: Asset -> day -> when it was materialized last.
            why: Run id -> why it failed.
        """
        if self._failed:
            found = instance.get_run_records(dg.RunsFilter(run_ids=list(self._failed)))
            there = {record.dagster_run.run_id for record in found}
            self._failed = {
                run_id: failed
                for run_id, failed in self._failed.items()
                if run_id in there and not self._is_mended(failed, materialized)
            }
        if not self._failed:
            self._succeeded = {}
        ordered = sorted(self._failed.values(), key=lambda failed: failed.place)
        return [FailedRun(failed.run, why.get(failed.run.run_id, "")) for failed in ordered]

    def _is_mended(self, failed: _Ended, materialized: Mapping[str, Mapping[str, float]]) -> bool:
        later = [run for run in self._succeeded.values() if run.place > failed.place]
        return all(
            (day is not None and materialized[asset].get(day, 0.0) >= failed.since)
            or any(run.includes(asset, day) for run in later)
            for asset in failed.assets
            if asset in ASSETS
            for day in _days(failed)
        )


def _days(failed: _Ended) -> list[str] | list[None]:
    if failed.days is None:
        return [None]
    first, last = map(dt.date.fromisoformat, failed.days)
    return [str(day) for day in days_between(first, last)]
