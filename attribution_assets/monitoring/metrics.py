"""The health of the pipeline as metrics for Prometheus, which scrapes them from `metrics_server.py`.

Nothing is counted here: each scrape takes all figures from Dagster's history, the asset storage and the ledger
(`health.py`). So they cover the work of all processes, and do not start at 0 when the exporter restarts. Metrics with a
label `day` are exported for the days of the latest lookback window only. A partition is a day of an asset.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

import dagster as dg
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.ihc_api.traffic import LATENCY_SECONDS, NO_ANSWER
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.defs.asset_graph import daily_checks
from attribution_assets.environment import without_secrets
from attribution_assets.instance.runs import JOBS
from attribution_assets.monitoring.health import CANNOT_BE_READ, DaysHealth, PipelineHealth
from attribution_assets.monitoring.history_facts import ENDINGS, RESULTS, RUN_SECONDS, History, RunTotals
from attribution_assets.resources import Resources

STATUSES = ("200", "400", "401", "403", "408", "429", "500", "502", "503", "504", NO_ANSWER)
"""Exported from the first scrape on, as 0: Prometheus sees no increase when a new series starts with another number."""

IMPLICIT_JOB = "__ASSET_JOB"
"""Dagster's name for the job of assets that are materialized without a job."""

SOURCES = ("history", "days", "ledger")
"""The sources of the metrics. If one cannot be read, its metrics are left out; the others are exported."""

log = logging.getLogger(__name__)


class PipelineMetrics(Collector):
    """Collects the metrics of all data sets for each scrape, one scrape at a time.

    Args:
        instance: Dagster's instance.
        data_sets: Name of each data set -> its database and storage.
    """

    def __init__(self, instance: dg.DagsterInstance, data_sets: Mapping[str, Resources]) -> None:
        self._data_sets = {name: _DataSetMetrics(instance, resources) for name, resources in data_sets.items()}
        self._one_at_a_time = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """All metrics as of now; those of a named data set have it as the label `data_set`."""
        families: dict[str, Metric] = {}
        with self._one_at_a_time:
            for data_set, metrics in self._data_sets.items():
                of_data_set = {"data_set": data_set} if data_set else {}
                for metric in metrics.collect():
                    family = families.setdefault(
                        metric.name, Metric(metric.name, metric.documentation, metric.type, metric.unit)
                    )
                    family.samples += [
                        sample._replace(labels={**sample.labels, **of_data_set}) for sample in metric.samples
                    ]
        yield from families.values()


class _DataSetMetrics:
    """The metrics of one data set.

    Args:
        instance: Dagster's instance.
        resources: The database and the storage.
    """

    def __init__(self, instance: dg.DagsterInstance, resources: Resources) -> None:
        self._health, self._names = PipelineHealth(instance, resources), resources.rules.names
        self._errors = dict.fromkeys(SOURCES, 0)

    def collect(self) -> Iterator[Metric]:
        """All metrics as of now."""
        up = GaugeMetricFamily(
            "attribution_exporter_source_up", "Whether the last scrape could read the source.", labels=["source"]
        )
        took = GaugeMetricFamily(
            "attribution_exporter_scrape_duration_seconds", "How long the last scrape read it.", labels=["source"]
        )
        parts = (self._of_history, self._of_days, self._of_ledger)
        for source, part in zip(SOURCES, parts, strict=True):
            began, metrics = time.monotonic(), list[Metric]()
            try:
                metrics += part()
            except CANNOT_BE_READ as problem:
                self._errors[source] += 1
                said = readable(without_secrets(str(problem)), longest=None)
                what = f"{source} of {self._names.data_set}" if self._names.data_set else source
                log.error("The %s cannot be read: %s", what, said)  # noqa: TRY400  # known; no trace
            up.add_metric([source], bool(metrics))
            took.add_metric([source], time.monotonic() - began)
            yield from metrics
        yield from (up, took)
        yield GaugeMetricFamily(
            "attribution_calendar_ended",
            "Whether ATTRIBUTION_END_DATE has passed, so that no further day is due.",
            value=self._health.calendar_ended(),
        )
        yield _counter(
            "attribution_exporter_errors",
            "Scrapes since the exporter started that could not read the source.",
            ["source"],
            [([source], errors) for source, errors in self._errors.items()],
        )

    def _of_history(self) -> list[Metric]:
        history = self._health.history()
        return [*_runs(history), *_steps(history), *_checks(history), *_materializations(history), *_api(history)]

    def _of_days(self) -> list[Metric]:
        return list(_days(self._health.days()))

    def _of_ledger(self) -> list[Metric]:
        answers = self._health.ledger_answers()
        return [GaugeMetricFamily("attribution_ledger_answers", "Journeys whose answers are kept.", value=answers)]


def _runs(history: History) -> Iterator[Metric]:
    runs = {**{job: RunTotals() for job in (*JOBS, IMPLICIT_JOB)}, **history.runs}
    yield _counter(
        "attribution_runs",
        "Runs that ended, by job and status; a run over a range of days counts once.",
        ["dagster_job", "status"],
        [([job, ending], totals.ended[ending]) for job, totals in runs.items() for ending in ENDINGS],
    )
    yield _gauge(
        "attribution_runs_unfinished",
        "Runs that wait, are under way, or were killed and not noticed by Dagster yet.",
        ["status"],
        [([status], runs) for status, runs in history.unfinished.items()],
    )
    failed = dict.fromkeys((*JOBS, IMPLICIT_JOB), 0) | Counter(failed.run.job for failed in history.failed_runs)
    yield _gauge(
        "attribution_runs_unmended",
        "Failed runs of whose days some have not been made since.",
        ["dagster_job"],
        [([job], runs_failed) for job, runs_failed in failed.items()],
    )
    durations = HistogramMetricFamily(
        "attribution_run_duration_seconds", "How long runs took that had started and ended.", labels=["dagster_job"]
    )
    for job, totals in runs.items():
        durations.add_metric([job], _buckets(RUN_SECONDS, totals.by_duration), totals.seconds)
    yield durations


def _steps(history: History) -> Iterator[Metric]:
    durations = SummaryMetricFamily(
        "attribution_step_duration_seconds", "How long steps took that ended, failed ones included.", labels=["step"]
    )
    for step, totals in history.steps.items():
        durations.add_metric([step], totals.ended, totals.seconds)
    yield durations
    failed = dict.fromkeys(always_in_use(), 0) | {step: totals.failed for step, totals in history.steps.items()}
    yield _counter(
        "attribution_step_failures", "Steps that failed.", ["step"], [([step], count) for step, count in failed.items()]
    )


def _checks(history: History) -> Iterator[Metric]:
    known = [(check.asset, check.name) for check in daily_checks()]
    counts = {(*check, result): 0 for check in known for result in RESULTS} | dict(history.checks)
    yield _counter(
        "attribution_check_evaluations",
        "Evaluations of checks, by result; one over a range of days counts once.",
        ["asset", "check", "result"],
        [([*labels], count) for labels, count in counts.items()],
    )
    days = {(*check, result): 0 for check in known for result in RESULTS[1:]}
    for problem in history.problems:
        labels = problem.asset, problem.check, problem.result
        days[labels] = days.get(labels, 0) + 1
    yield _gauge(
        "attribution_check_problem_partitions",
        "Days whose latest evaluation of the check warned or failed.",
        ["asset", "check", "result"],
        [([*labels], count) for labels, count in days.items()],
    )


def _materializations(history: History) -> Iterator[Metric]:
    yield _gauge(
        "attribution_last_success_timestamp_seconds",
        "When a day of the asset was materialized last.",
        ["asset"],
        [([asset], at) for asset, at in history.last_success.items()],
    )
    yield _gauge(
        "attribution_day_materialized_timestamp_seconds",
        "When the day was materialized last.",
        ["asset", "day"],
        [([asset, day], at) for asset, days in history.materialized.items() for day, at in days.items()],
    )
    yield _gauge(
        "attribution_day_orders",
        "Orders of the day by what became of them, as its latest report has them.",
        ["day", "outcome"],
        [([day, outcome], count) for day, orders in history.orders.items() for outcome, count in orders.items()],
    )


def _api(history: History) -> Iterator[Metric]:
    traffic = history.traffic
    tries = dict.fromkeys(STATUSES, 0) | dict(traffic.requests)
    yield _counter(
        "attribution_api_requests",
        "Requests to the IHC API, each try counted, by HTTP status; none: no whole answer came.",
        ["status"],
        [([status], count) for status, count in tries.items()],
    )
    latest = dict.fromkeys(STATUSES, 0) | dict(history.latest_traffic.requests)
    yield _gauge(
        "attribution_api_latest_requests",
        "The same of the latest step alone that made any: what is wrong shows until a later step finds it mended.",
        ["status"],
        [([status], count) for status, count in latest.items()],
    )
    yield CounterMetricFamily(
        "attribution_api_retries", "Tries of requests that were not their first.", value=traffic.retries
    )
    yield HistogramMetricFamily(
        "attribution_api_request_duration_seconds",
        "How long a try took, up to the last byte of its answer or to its error.",
        buckets=_buckets(LATENCY_SECONDS, traffic.by_latency),
        sum_value=traffic.seconds,
    )
    yield _counter(
        "attribution_journeys",
        "Journeys that were answered, by the API or by the ledger.",
        ["answered_by"],
        [(["api"], traffic.answered), (["ledger"], traffic.reused)],
    )


def _days(days: DaysHealth) -> Iterator[Metric]:
    kinds = {
        "stored": ("Days of the asset that are stored.", days.rows),
        "missing": ("Days that hold data, or lie between such days, and were never materialized.", days.missing),
        "stale": ("Days to be made anew.", days.stale),
        "blocked": ("Stale days that wait until rows are corrected in the source.", days.blocked),
    }
    for kind, (words, of_assets) in kinds.items():
        counts = [([asset], len(found)) for asset, found in of_assets.items()]
        yield _gauge(f"attribution_{kind}_partitions", words, ["asset"], counts)
    yield GaugeMetricFamily(
        "attribution_provisional_partitions",
        "Reported days that orders still to be attributed can change.",
        value=len(days.provisional),
    )
    yield _gauge(
        "attribution_day_rows",
        "Rows of the stored day.",
        ["asset", "day"],
        [
            ([asset, str(day)], rows[day])
            for asset, rows in days.rows.items()
            for day in days.latest_window
            if day in rows
        ],
    )


Samples = Iterable[tuple[list[str], float]]


def _counter(name: str, words: str, labels: list[str], samples: Samples) -> Metric:
    return _with(CounterMetricFamily(name, words, labels=labels), samples)


def _gauge(name: str, words: str, labels: list[str], samples: Samples) -> Metric:
    return _with(GaugeMetricFamily(name, words, labels=labels), samples)


def _with(family: CounterMetricFamily | GaugeMetricFamily, samples: Samples) -> Metric:
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """The buckets of a Prometheus histogram: each counts everything up to its bound."""
    return list(zip([*(str(float(bound)) for bound in bounds), "+Inf"], accumulate(counts), strict=True))
