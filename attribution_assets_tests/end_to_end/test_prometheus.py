"""A real Prometheus that scrapes the exporter, with the alert rules and the dashboard as they are handed out."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.defs.asset_graph import check_keys
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets_tests.support.command_process import StartCommand
from attribution_assets_tests.support.exporter import Exporter, running_exporter
from attribution_assets_tests.support.ihc_endpoint import KEY, Fault, IhcEndpoint, status
from attribution_assets_tests.support.ports import free_port
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.waiting import wait_until

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
pytestmark = pytest.mark.skipif(not (PROMETHEUS and PROMTOOL), reason="Prometheus is not installed")

HERE = Path(__file__).parent
DEPLOY = Path(str(files("attribution_assets"))) / "deploy"
DAYS = ("2024-02-20", "2024-02-27")
WAIT_SECONDS = 60
CHECKS = [key for key in check_keys(DataSetNames()) if key.asset_key.path[-1] in always_in_use()]

PER_STATUS = "attribution_api_requests_total > 0"
RUNS = 'attribution_runs_total{dagster_job="attribution"}'

Values = dict[str, float]


class NotAnsweredError(Exception):
    """Prometheus refuses a query, or is not ready yet."""


class Prometheus:
    """A running Prometheus.

    Args:
        port: where it listens on loopback.
    """

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - a list or an object, as the path has it
        """The data of an answer of its API."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self._address}/{path}?{query}") as answer:  # noqa: S310 - on loopback
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            with refused:
                raise NotAnsweredError(refused.read()) from None

    def query(self, expression: str, label: str = "") -> Values:
        """The values of an expression by one of their labels."""
        found = self.get("query", query=expression)["result"]
        return {sample["metric"].get(label, ""): float(sample["value"][1]) for sample in found}

    def scrape(self) -> None:
        """Wait for a scrape that begins from now on, and has succeeded."""
        now = time.time()
        wait_until(
            lambda: any(at > now for at in self.query("timestamp(attribution_ledger_answers)").values()),
            WAIT_SECONDS,
            self.targets,
        )

    def shows(self, values: Values, expression: str, label: str = "") -> None:
        """Wait until a query has this answer; it has none for as long as the last scrape is one that was too slow."""
        wait_until(lambda: self.query(expression, label) == values, WAIT_SECONDS, lambda: self.query(expression, label))

    def targets(self) -> object:
        return self.get("targets")


@pytest.fixture(scope="module")
def faults() -> deque[Fault | None]:
    """What the endpoint meets next."""
    return deque()


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory, faults: deque[Fault | None]) -> Iterator[Shop]:
    """A shop that asks for a journey at a time."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        IhcEndpoint(faults.popleft() if faults else None for _ in count()) as endpoint,
    ):
        shop = Shop(tmp_path_factory.mktemp("week"), monkeypatch)
        shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
        shop.session("s2", "ben", "2024-02-26 10:00:00", "Search", 0.5)
        shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
        shop.order("o2", "ben", "2024-02-27 09:00:00", 30.0)
        shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="1", IHC_MAX_CONCURRENT_REQUESTS="1")
        shop.asks(endpoint)
        yield shop


@pytest.fixture(scope="module")
def restarted(week: Shop) -> Iterator[Callable[[], Exporter]]:
    """`restarted()` starts the exporter, after it has ended the one before."""
    assert week.folder.exists()
    port, running = free_port(), ExitStack()

    def restart() -> Exporter:
        running.close()
        return running.enter_context(running_exporter(port))

    with running:
        yield restart


@pytest.fixture(scope="module")
def exporter(restarted: Callable[[], Exporter]) -> Exporter:
    return restarted()


@pytest.fixture(scope="module")
def prometheus(week: Shop, exporter: Exporter) -> Iterator[Prometheus]:
    """Prometheus with the settings that are handed out, but for the address and the time between scrapes."""
    folder = week.folder / "prometheus"
    folder.mkdir()
    shutil.copy(DEPLOY / "alerts.yaml", folder)
    settings = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8"))
    settings["global"] = {"evaluation_interval": "2s"}
    [scraped] = settings["scrape_configs"]
    scraped |= {"scrape_interval": "2s", "scrape_timeout": "2s"}
    scraped["static_configs"] = [{"targets": [f"127.0.0.1:{exporter.port}"]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    port = free_port()
    options = {"config.file": folder / "prometheus.yaml", "storage.tsdb.path": folder / "data"}
    words = [f"--{name}={place}" for name, place in options.items()]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - Debian's Prometheus
            [str(PROMETHEUS), *words, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        ) as process,
    ):
        try:
            running = Prometheus(port)
            wait_until(lambda: _answers(running), WAIT_SECONDS, (folder / "log").read_text)
            yield running
        finally:
            process.terminate()


def _answers(prometheus: Prometheus) -> bool:
    try:
        return bool(prometheus.query("attribution_ledger_answers"))
    except (NotAnsweredError, urllib.error.URLError):
        return False


def expressions() -> dict[str, str]:
    """Every expression of the alert rules and of the dashboard, by where it stands."""
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    dashboard = json.loads((DEPLOY / "grafana_dashboard.json").read_text(encoding="utf-8"))
    of_alerts = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    of_panels = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    }
    return of_alerts | of_panels


def test_prometheus_counts_what_every_process_did_across_restarts_of_the_exporter(
    week: Shop,
    faults: deque[Fault | None],
    start_command: StartCommand,
    restarted: Callable[[], Exporter],
    prometheus: Prometheus,
) -> None:
    prometheus.scrape()
    prometheus.shows({"success": 0, "failure": 0, "canceled": 0}, RUNS, "status")
    prometheus.shows({}, PER_STATUS, "status")

    faults += [status(503), status(429, Retry_After="0")]
    result = week.run(*DAYS)
    assert result.exit_code == 0, result.output
    prometheus.scrape()
    prometheus.shows({"success": 1, "failure": 0, "canceled": 0}, RUNS, "status")
    prometheus.shows({"200": 2, "429": 1, "503": 1}, PER_STATUS, "status")
    prometheus.shows({"": 2}, "attribution_api_retries_total")
    prometheus.shows({"": 4}, "attribution_api_request_duration_seconds_count")
    prometheus.shows({"api": 2, "ledger": 0}, "attribution_journeys_total", "answered_by")
    prometheus.shows({"attributed": 2}, "sum by (outcome) (attribution_day_orders) > 0", "outcome")
    prometheus.shows({"": len(CHECKS)}, "sum(attribution_check_evaluations_total)")

    week.order("o3", "ben", "2024-02-27 12:00:00", 5.0)
    faults += [status(500), status(403)]
    process = start_command(*DAYS)
    output, _ = process.communicate()
    assert process.returncode == 1, output
    prometheus.scrape()
    after = {"200": 2, "403": 1, "429": 1, "500": 1, "503": 1}
    prometheus.shows({"success": 1, "failure": 1, "canceled": 0}, RUNS, "status")
    prometheus.shows(after, PER_STATUS, "status")
    prometheus.shows({"ihc_attributions": 1}, "attribution_step_failures_total > 0", "step")
    prometheus.shows({"api": 2, "ledger": 1}, "attribution_journeys_total", "answered_by")
    firing = 'ALERTS{alertstate="firing"}'
    wait_until(
        lambda: "AttributionRunFailed" in prometheus.query(firing, "alertname"), WAIT_SECONDS, prometheus.targets
    )
    wait_until(
        lambda: "AttributionApiRefusesKey" in prometheus.query(firing, "alertname"), WAIT_SECONDS, prometheus.targets
    )

    restarted()
    prometheus.scrape()
    prometheus.shows({"success": 1, "failure": 1, "canceled": 0}, RUNS, "status")
    prometheus.shows(after, PER_STATUS, "status")
    names = [name for name in prometheus.get("label/__name__/values") if name.startswith("attribution_")]
    counters = [name for name in names if name.endswith(("_total", "_count", "_sum", "_bucket"))]
    assert {name: prometheus.query(f"sum(resets({name}[1h]))")[""] for name in counters} == dict.fromkeys(counters, 0)
    assert "attribution_api_requests_total" in counters
    assert KEY not in json.dumps(prometheus.get("series", **{"match[]": '{job="attribution_assets"}'}))


@pytest.mark.parametrize("place", expressions())
def test_an_expression_is_understood_and_every_series_it_names_is_exported(prometheus: Prometheus, place: str) -> None:
    expression = expressions()[place]
    prometheus.query(expression)
    selectors = re.findall(r"(?:attribution_\w+|\bup\b)(?:\{[^}]*\})?", expression)
    assert selectors
    exported = {selector: prometheus.query(f"count(last_over_time({selector}[10m]))") for selector in selectors}
    assert [selector for selector, series in exported.items() if not series] == []


@pytest.mark.parametrize("check", [["check", "config", "--lint=all"], ["check", "rules", "--lint=all"]])
def test_promtool_accepts_what_is_handed_out(check: list[str]) -> None:
    file = {"config": "prometheus.yaml", "rules": "alerts.yaml"}[check[1]]
    done = subprocess.run([str(PROMTOOL), *check, str(DEPLOY / file)], capture_output=True, text=True, check=False)  # noqa: S603 - Prometheus' own
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire_when_they_should() -> None:
    tests = [str(PROMTOOL), "test", "rules", str(HERE / "alerts_test.yaml")]
    done = subprocess.run(tests, capture_output=True, text=True, check=False)  # noqa: S603 - Prometheus' own
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_what_to_do() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in {"critical", "warning"}
