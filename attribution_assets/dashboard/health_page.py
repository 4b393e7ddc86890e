"""Content of the health page: latest runs, failed checks, missing and stale days, and requests to the IHC API.

The facts come from `monitoring/health.py`; here they become tables and sentences. A part that cannot be read is listed
as a problem, and the other parts are still shown.
"""

import datetime as dt
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import dagster as dg
import pandas as pd

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.ihc_api.traffic import LATENCY_SECONDS, NO_ANSWER, Traffic
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.dashboard.tables import Column, Table, spoken
from attribution_assets.environment import without_secrets
from attribution_assets.instance.run_failures import WHAT_TO_DO, link_to_run
from attribution_assets.monitoring.health import CANNOT_BE_READ, DaysHealth, PipelineHealth
from attribution_assets.monitoring.history_facts import FailedRun, History, RunFacts
from attribution_assets.resources import Resources

Part = TypeVar("Part")


@dataclass(frozen=True)
class HealthPage:
    """The content of the health page.

    Attributes:
        problems: A sentence for each problem, and for each part that cannot be read; empty if all is well.
        notes: Sentences on facts that are not problems.
        tables: The facts as tables; a table whose facts cannot be read is left out.
    """

    problems: Sequence[str]
    notes: Sequence[str]
    tables: Sequence[Table]


class HealthLook:
    """Reads the pipeline's health; a lock lets one request at a time read it.

    Args:
        instance: Dagster's instance.
        resources: The database and the storage.
        webserver_url: Address of Dagster's UI, for links to runs; None if it is not known.
    """

    def __init__(self, instance: dg.DagsterInstance, resources: Resources, webserver_url: str | None = None) -> None:
        self._health, self._lock = PipelineHealth(instance, resources), threading.Lock()
        self._webserver_url, self._data_set = webserver_url, resources.rules.data_set

    def now(self) -> HealthPage:
        """The content of the health page as of now."""
        unreadable: list[str] = []

        def part(name: str, read: Callable[[], Part]) -> Part | None:
            try:
                return read()
            except CANNOT_BE_READ as error:
                unreadable.append(f"{name} cannot be read: {readable(without_secrets(str(error)), longest=None)}")
                return None

        with self._lock:
            history = part("Dagster's history", self._health.history)
            days = part("The stored days", self._health.days)
            answers = part("The ledger", self._health.ledger_answers)
        problems, notes, tables = unreadable, list[str](), list[Table]()
        if history:
            problems += _history_problems(history)
            url = self._webserver_url
            tables += [_failed_runs(history.failed_runs, url), _checks(history, url), _runs(history.last_runs, url)]
        if days:
            problems += day_problems(days, self._data_set)
            provisional = spoken(days.provisional)
            notes += [f"Provisional, as orders still to come can change them: {provisional}."] if provisional else []
        tables += [_assets(history, days)]
        if history:
            tables += _api(history.traffic)
            notes += _api_notes(history.traffic)
        notes += [f"The ledger keeps the API's answers on {answers:,} journeys."] if answers is not None else []
        return HealthPage(problems, notes, tables)


def _history_problems(history: History) -> list[str]:
    unmended = len(history.failed_runs)
    said = [f"Failed runs of whose days some have not been made since: {unmended}. {MEND_RUNS}"] if unmended else []
    killed = history.unfinished.get("killed", 0)
    said += [f"Runs whose process was killed: {killed}. {WHAT_TO_DO}"] if killed else []
    failed = sum(problem.result == "failed" for problem in history.problems)
    warned = len(history.problems) - failed
    said += [f"Days whose latest check has failed: {failed}. {CORRECT_ROWS}"] if failed else []
    return said + ([f"Days whose latest check warns: {warned}. {LOOK_AT_WARNINGS}"] if warned else [])


def day_problems(days: DaysHealth, data_set: str = "") -> list[str]:
    """A sentence for days that are missing, stale or waiting, each with what to do.

    Args:
        days: The state of the days.
        data_set: The data set's name; empty for that of the environment.
    """
    missing = {day for of_asset in days.missing.values() for day in of_asset}
    stale = {day for of_asset in days.stale.values() for day in of_asset}
    blocked = {day for of_asset in days.blocked.values() for day in of_asset}
    said = [f"Days that are missing: {spoken(missing)}. {_run_them(missing, data_set)}"] if missing else []
    if stale:
        again = f"The sensor restatement makes them anew where it is on. {_run_them(stale, data_set)}"
        said.append(f"Days that are stale, to be made anew: {spoken(stale)}. {again}")
    if blocked:
        said.append(f"Days that wait until rows are corrected in the source: {spoken(blocked)}. {CORRECT_SOURCE}")
    return said


def _run_them(days: Collection[dt.date], data_set: str) -> str:
    of_data_set = f" --data-set {data_set}" if data_set else ""
    command = f"attribution-assets run --start-date {min(days)} --end-date {max(days)}{of_data_set}"
    return f"To do it now, make these days in Dagster's UI, or run: {command}."


CORRECT_SOURCE = "Which rows, and why, stands in the metadata of sessions and conversions; then run these days again."
MEND_RUNS = f"{WHAT_TO_DO} A run whose days are no longer wanted can be deleted in Dagster's UI."
CORRECT_ROWS = "Their numbers are not to be used: correct the cause that the table names, then run these days again."
LOOK_AT_WARNINGS = "Their numbers can be used; the table says what to look at."
RUN_SHOWN = 8
"""How many characters of a run's id are shown, as in Dagster's UI."""


def _failed_runs(failed_runs: Sequence[FailedRun], url: str | None) -> Table:
    rows = [
        (_started(failed.run), _what(failed.run), failed.why, failed.run.run_id[:RUN_SHOWN]) for failed in failed_runs
    ]
    columns = {"started": "Started (UTC)", "what": "What", "why": "Why it failed", "run": "Run"}
    links = _links((failed.run.run_id for failed in failed_runs), url)
    return replace(_table("failed_runs", "Failed runs that nothing has mended since", columns, rows), links=links)


def _links(run_ids: Iterable[str], url: str | None) -> dict[str, str]:
    """Run id as it is shown -> its page in Dagster's UI; empty if its address is not known."""
    return {run_id[:RUN_SHOWN]: link for run_id in run_ids if (link := link_to_run(url, run_id))}


def _started(run: RunFacts) -> str:
    return f"{run.started:%Y-%m-%d %H:%M:%S}" if run.started else ""


def _what(run: RunFacts) -> str:
    return run.subject.replace("..", " to ")


def _runs(runs: Sequence[RunFacts], url: str | None) -> Table:
    rows = []
    for run in runs:
        status = run.status.replace("_", " ")
        rows.append((_started(run), status, _what(run), run.job, run.seconds, run.run_id[:RUN_SHOWN]))
    columns = {"started": "Started (UTC)", "status": "Status", "what": "What", "job": "Job", "seconds": "Seconds"}
    table = _table("runs", "Latest runs", columns | {"run": "Run"}, rows, seconds="amount")
    return replace(table, links=_links((run.run_id for run in runs), url))


def _checks(history: History, url: str | None) -> Table:
    rows = [
        (
            problem.asset,
            problem.check,
            problem.day,
            problem.result,
            problem.description,
            f"{problem.at:%Y-%m-%d %H:%M}",
            problem.run_id[:RUN_SHOWN],
        )
        for problem in history.problems
    ]
    columns = {"asset": "Asset", "check": "Check", "day": "Day", "result": "Result", "description": "What is wrong"}
    columns |= {"at": "Checked (UTC)", "run": "Run"}
    table = _table("checks", "Days whose latest check did not pass", columns, rows)
    return replace(table, links=_links((problem.run_id for problem in history.problems), url))


def _assets(history: History | None, days: DaysHealth | None) -> Table:
    rows = []
    for asset in days.rows if days else always_in_use():
        success = history.last_success.get(asset) if history else None
        last = "" if success is None else f"{pd.Timestamp(success, unit='s'):%Y-%m-%d %H:%M:%S}"
        states = (days.rows, days.missing, days.stale, days.blocked) if days else ({}, {}, {}, {})
        rows.append((asset, last, *(spoken(state.get(asset, ())) for state in states)))
    columns = {"asset": "Asset", "last": "Last success (UTC)", "stored": "Days stored", "missing": "Missing"}
    columns |= {"stale": "Stale", "blocked": "Waiting for corrected rows"}
    return _table("assets", "Days by asset", columns, rows)


def _api(traffic: Traffic) -> list[Table]:
    statuses = [(NO_STATUS if status == NO_ANSWER else status, tries) for status, tries in traffic.requests.items()]
    bounds = [f"up to {seconds:g} s" for seconds in LATENCY_SECONDS] + [f"over {LATENCY_SECONDS[-1]:g} s"]
    return [
        _table("statuses", "Requests to the IHC API by status", {"status": "Status", "tries": "Requests"},
               sorted(statuses), tries="count"),
        _table("latency", "Requests to the IHC API by time to the answer", {"time": "Time", "tries": "Requests"},
               list(zip(bounds, traffic.by_latency, strict=True)) if traffic.tries else [], tries="count"),
    ]  # fmt: skip


NO_STATUS = "no answer"


def _api_notes(traffic: Traffic) -> list[str]:
    if not traffic.tries:
        return ["Dagster's history holds no request to the IHC API."]
    requests = (
        f"Requests to the IHC API: {traffic.tries:,}, of which {traffic.failed:,} failed and "
        f"{traffic.retries:,} were retries; {traffic.mean_seconds:,.3f} s each on average."
    )
    share = traffic.reused_share
    return [requests] + (
        [] if share is None else [f"Journeys answered from the ledger, without a request: {share:.1%}."]
    )


def _table(
    name: str, caption: str, headings: Mapping[str, str], rows: Sequence[Sequence[object]], **kinds: str
) -> Table:
    columns = [Column(column, heading, kinds.get(column, "text")) for column, heading in headings.items()]
    return Table(name, caption, columns, pd.DataFrame([*rows], columns=list(headings)), longest=None)
