"""A running Dagster of a shop: code server, daemon and webserver, driven as the UI drives it, over GraphQL."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

import dagster as dg

from attribution_assets.attribution.freshness.records import ASSETS, SOURCE_ASSETS, always_in_use
from attribution_assets.defs.automation.jobs import range_tags
from attribution_assets.instance.opening import dagster_instance
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.ports import free_port
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.waiting import wait_until

HERE = Path(__file__).parent
START_SECONDS = 180
SETTLE_SECONDS = 600
SENSORS = ("late_data", "restatement")

LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "attribution_assets"}
BY_SENSOR = "dagster/sensor_name"

RUNS = """{ runsOrError { ... on Runs { results {
    runId jobName status creationTime endTime assetSelection { path } tags { key value } } } } }"""
BACKFILLS = """{ partitionBackfillsOrError { ... on PartitionBackfills { results { id status } } } }"""
LAUNCH = """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
START = """mutation ($sensor: SensorSelector!) { startSensor(sensorSelector: $sensor) {
    __typename ... on Sensor { sensorState { status } } } }"""
TICKS = """query ($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor { sensorState {
    ticks(limit: 1000) { timestamp status skipReason runIds error { message } } } } } }"""


@dataclass(frozen=True)
class Run:
    """A run as the list of runs shows it; `first` and `last` are its days."""

    run_id: str
    status: str
    assets: frozenset[str]
    first: str
    last: str
    created: float
    ended: float | None
    tags: Mapping[str, str]

    @property
    def does(self) -> str:
        """What the run makes, as `asset+asset first..last`, in the order of the graph."""
        return f"{'+'.join(asset for asset in always_in_use() if asset in self.assets)} {self.first}..{self.last}"


class Dagster:
    """A running Dagster.

    Args:
        folder: The current folder of its processes, with DAGSTER_HOME in `home`.
        started: Ends its processes.

    Attributes:
        code_server: The process that runs sensors and starts runs.
    """

    code_server: subprocess.Popen[bytes]

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self._folder, self._started = folder, started
        self._code_port, self._web_port = free_port(), free_port()

    def start_code_server(self) -> None:
        """Start the code server, or start it again after it has ended."""
        command = ["-m", "dagster", "api", "grpc", "-h", "127.0.0.1", "-p", str(self._code_port)]
        self.code_server = self._start("code_server", *command, "-f", str(HERE / "quick_definitions.py"))
        self._wait_for(self._code_port, "code_server")

    def start_daemon_and_webserver(self) -> None:
        """Start the two others, which find the code server in a workspace file."""
        workspace = self._folder / "workspace.yaml"
        server = {"host": "127.0.0.1", "port": self._code_port, "location_name": LOCATION["repositoryLocationName"]}
        workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))
        self._start("daemon", str(HERE / "quick_daemon.py"), str(workspace))
        pages = ["-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(self._web_port), "-w", str(workspace)]
        self._start("webserver", *pages)
        self._wait_for(self._web_port, "webserver")

    def ask(self, text: str, **variables: object) -> dict[str, Any]:
        """The answer to a GraphQL query."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        address = f"http://127.0.0.1:{self._web_port}/graphql"
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - a server on loopback
            said: dict[str, Any] = json.load(answer)
        assert "errors" not in said, said
        return dict(said["data"])

    def launch_day(self, day: object, job: str = "attribution") -> str:
        """Launch a job for one day; its run's id."""
        return self._launch(job, {"dagster/partition": str(day)})

    def launch_range(self, first: object, last: object, job: str = "attribution") -> str:
        """Launch a job for a range of days in one run; its run's id."""
        return self._launch(job, range_tags(first, last))  # type: ignore[arg-type] # it makes texts of them

    def launch_asset_backfill(self, *days: object) -> str:
        """Launch a backfill of all assets for days by name; its id."""
        assets = [{"path": [asset]} for asset in always_in_use()]
        return self._backfill(assetSelection=assets, partitionNames=[*map(str, days)], fromFailure=False)

    def launch_job_backfill(self, *days: object) -> str:
        """Launch a backfill of the job `attribution` for days by name; its id."""
        partition_set = {"partitionSetName": "attribution_partition_set", "repositorySelector": LOCATION}
        return self._backfill(selector=partition_set, partitionNames=[*map(str, days)], fromFailure=False)

    def execute_check(self, asset: str, check: str) -> str:
        """Execute a check as its page does, without a partition; its run's id."""
        of_check = {"assetKey": {"path": [asset]}, "name": check}
        return self._launch("__ASSET_JOB", {}, assetSelection=[], assetCheckSelection=[of_check])

    def backfill_status(self, backfill_id: str) -> str:
        """The status of a backfill."""
        backfills = self.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
        return next(str(found["status"]) for found in backfills if found["id"] == backfill_id)

    def start_sensors(self) -> None:
        """Start the two sensors that look after the days; the webserver may still be looking for a new code server."""
        running = {"__typename": "Sensor", "sensorState": {"status": "RUNNING"}}
        for name in SENSORS:
            start = partial(self.ask, START, sensor=_sensor(name))
            wait_until(lambda start=start: start()["startSensor"] == running, START_SECONDS, start)

    def runs(self) -> list[Run]:
        """All runs, in the order of their creation."""
        listed = [_run(found) for found in self.ask(RUNS)["runsOrError"]["results"]]
        return sorted(listed, key=lambda run: run.created)

    def run(self, run_id: str) -> Run:
        """One run."""
        return next(run for run in self.runs() if run.run_id == run_id)

    def ticks(self, sensor: str) -> list[dict[str, Any]]:
        """The sensor's ticks, in the order in which they began; none of them has failed."""
        ticks = self.ask(TICKS, sensor=_sensor(sensor))["sensorOrError"]["sensorState"]["ticks"]
        assert [tick["error"] for tick in ticks if tick["error"]] == []
        return sorted(ticks, key=lambda tick: float(tick["timestamp"]))

    def wait_for_launched(self, *ids: str) -> None:
        """Wait until runs and backfills have ended, and all runs with them.

        Raises:
            AssertionError: A run or a backfill failed.
        """

        def ended() -> bool:
            backfills = self.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
            statuses = {found["id"]: found["status"] for found in backfills if found["id"] in ids}
            runs = self.runs()
            assert {status for status in statuses.values() if "FAIL" in status} == set()
            assert [(run.does, self.why_failed(run.run_id)) for run in runs if run.status == "FAILURE"] == []
            return set(statuses.values()) <= {"COMPLETED_SUCCESS"} and all(run.ended for run in runs)

        wait_until(ended, SETTLE_SECONDS, self.runs)

    def wait_until_settled(self, since: float) -> None:
        """Wait until both sensors have looked after `since` and after the end of all runs, and requested nothing."""

        def settled() -> bool:
            last = [tick for name in SENSORS for tick in self.ticks(name)[-1:] if tick["status"] == "SKIPPED"]
            ends = [run.ended for run in self.runs()]
            if len(last) < len(SENSORS) or any("Waits for" in tick["skipReason"] for tick in last):
                return False
            return all(end and end < tick["timestamp"] for end in [since, *ends] for tick in last)

        wait_until(settled, SETTLE_SECONDS, lambda: [self.runs(), [self.ticks(name)[-1:] for name in SENSORS]])

    def wait_for_more_ticks(self, number: int) -> None:
        """Wait until each sensor has looked so many times more."""
        before = {name: len(self.ticks(name)) for name in SENSORS}
        wait_until(
            lambda: all(len(self.ticks(name)) >= before[name] + number for name in SENSORS),
            SETTLE_SECONDS,
            lambda: before,
        )

    def why_failed(self, run_id: str) -> list[str]:
        """What the run's events say of failures of steps and of the run."""
        with self.instance() as instance:
            events = [entry.dagster_event for entry in instance.all_logs(run_id)]
        failures = [event for event in events if event and event.is_failure]
        return [event.message or "" for event in failures]

    def instance(self) -> dg.DagsterInstance:
        """The instance, from this process; to be closed."""
        return dg.DagsterInstance.from_config(str(self._folder / "home"))

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return self._started.enter_context(_process(self._folder / f"{name}.log", [sys.executable, *arguments]))

    def _wait_for(self, port: int, name: str) -> None:
        wait_until(lambda: _answers(port), START_SECONDS, (self._folder / f"{name}.log").read_text)

    def _launch(self, job: str, tags: Mapping[str, str], **selection: object) -> str:
        params = {
            "selector": LOCATION | {"pipelineName": job} | selection,
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
            "runConfigData": {},
        }
        launched = self.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def _backfill(self, **params: object) -> str:
        launched = self.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])


@contextmanager
def running_dagster(shop: Shop) -> Iterator[Dagster]:
    """Dagster with the dagster.yaml of the shop's home, or else the project's; it ends with all its processes."""
    home = shop.folder / "home"
    home.mkdir(exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copy(PROJECT / "dagster.yaml", home)
    with dagster_instance():
        pass  # its databases are there before several processes open them at once
    with ExitStack() as started:
        dagster = Dagster(shop.folder, started)
        dagster.start_code_server()
        dagster.start_daemon_and_webserver()
        yield dagster


def requested(runs: Collection[Run], sensor: str) -> list[str]:
    """What the runs that the sensor requested make, see `Run.does`."""
    return sorted(run.does for run in runs if run.tags.get(BY_SENSOR) == sensor)


def _run(found: Mapping[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    day = tags.get("dagster/partition", "")
    of_the_job = {"extraction": SOURCE_ASSETS}.get(found["jobName"], ASSETS)
    assets = [asset["path"][-1] for asset in found["assetSelection"] or []] or of_the_job
    return Run(
        run_id=found["runId"],
        status=found["status"],
        assets=frozenset(assets),
        first=tags.get("dagster/asset_partition_range_start", day),
        last=tags.get("dagster/asset_partition_range_end", day),
        created=found["creationTime"],
        ended=found["endTime"],
        tags=tags,
    )


def _sensor(name: str) -> dict[str, str]:
    return LOCATION | {"sensorName": name}


def _answers(port: int) -> bool:
    with closing(socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _process(log: Path, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)  # noqa: S603 - Dagster's own
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it has started
        process.wait()
