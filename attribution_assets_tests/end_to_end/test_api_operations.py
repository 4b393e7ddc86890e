"""Operations carried out by the command `api` or a daemon: their results, and kills of server and workers."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
import requests

from attribution_assets.instance.runs import API_OPERATION_JOB, OPERATION_TAG
from attribution_assets_tests.support.api_server import ApiClient, ApiCommand, new_key
from attribution_assets_tests.support.ihc_endpoint import KEY, Answer, Reply
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.ports import free_port
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.waiting import wait_until
from attribution_assets_tests.support.whole_shop import PaidEndpoint, a_busy_week, check_csv, oracle_of

REPORT = "data_sets/shop_de/channel_reporting.csv"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiCommand]:
    """The command in the folder of the test; ended with it, and with it its workers."""
    command = ApiCommand(tmp_path)
    try:
        yield command
    finally:
        command.end()


def process_of_the_worker() -> int | None:
    """The id of the process that carries an operation out; None if none has taken one."""
    with closing(sqlite3.connect("data/api/api.db")) as database:
        row = database.execute("SELECT process FROM operations WHERE state = 'running'").fetchone()
    return int(row[0].split("|")[1]) if row and row[0] else None


@contextmanager
def dagster_dev(folder: Path) -> Iterator[None]:
    """Dagster as its command `dev` starts it, with webserver and daemon; its sensor asks for operations."""
    shutil.copy(PROJECT / "dagster.yaml", folder / "home")
    workspace, port, log = str(PROJECT / "workspace.yaml"), free_port(), folder / "dev.log"
    command = [sys.executable, "-m", "dagster"]
    with log.open("wb") as file:
        dev = [*command, "dev", "-w", workspace, "-h", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(dev, cwd=folder, stdout=file, stderr=file, start_new_session=True)  # noqa: S603
    try:
        wait_until(lambda: is_loaded(f"http://127.0.0.1:{port}/graphql"), 300, log.read_text)
        subprocess.run([*command, "sensor", "start", "api_operations", "-w", workspace], cwd=folder, check=True)  # noqa: S603
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)


def is_loaded(url: str) -> bool:
    """Whether a webserver has loaded the code location."""
    question = {"query": "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"}
    try:
        answer = requests.post(url, json=question, timeout=60)
    except requests.ConnectionError:
        return False
    return answer.ok and answer.json()["data"]["workspaceOrError"]["locationEntries"] == [{"loadStatus": "LOADED"}]


class KilledWorker:
    """A fault of the endpoint: the request that meets it gets no answer, and the worker that sent it is killed.

    Attributes:
        server: killed before it, if it is set.
    """

    server: ApiCommand | None = None

    def __call__(self, answer: Answer) -> Reply:
        """Kill, and close the connection."""
        if self.server:
            self.server.kill()
        os.kill(process_of_the_worker() or 0, signal.SIGKILL)
        return Reply(answer, cut_after=0)


def client_of(api: ApiCommand, shop: Shop, endpoint: PaidEndpoint) -> ApiClient:
    """A client of the running API, with the data set `shop_de`: one journey a request, one request at a time."""
    client = ApiClient(api.url, new_key("admin", "admin"))
    settings = {"database_url": shop.url, "ihc_api_url": endpoint.url, "ihc_api_key": KEY, "end_date": "2024-02-27"}
    limits = {"ihc_max_journeys_per_request": 1, "ihc_max_concurrent_requests": 1}
    assert client.post("/v1/data-sets", {"name": "shop_de", **settings, **limits}).status_code == 201
    return client


def test_what_a_killed_worker_and_a_killed_server_had_begun_is_brought_to_its_end_and_paid_once(
    shop: Shop, api: ApiCommand
) -> None:
    a_busy_week(shop)
    of_worker, of_both = KilledWorker(), KilledWorker()
    of_both.server = api
    with PaidEndpoint([None] * 4 + [of_worker] + [None] * 4 + [of_both]) as endpoint:
        api.start()
        client = client_of(api, shop, endpoint)
        plan = client.end_of(client.ask_for("shop_de", kind="attribute", dry_run=True))
        assert (plan["state"], plan["result"]["journeys"], plan["result"]["requests"]) == ("succeeded", 21, 21)
        assert plan["result"]["days_to_attribute"] == [f"2024-02-{day}" for day in range(20, 28)]
        assert endpoint.received == []
        place = client.ask_for("shop_de", kind="attribute")
        queued = client.ask_for("shop_de", kind="attribute", dry_run=True)
        wait_until(lambda: len(endpoint.received) > 9, 120, lambda: client.get(place).text)
        api.kill()
        api.start()
        ended = client.end_of(place)
        assert (ended["state"], ended["error"]) == ("succeeded", None)
        assert len(endpoint.paid) == 21
        assert sum(endpoint.paid.values()) <= 21 + 2  # an answer that a kill met before it was kept
        assert len(ended["run_ids"]) == len(set(ended["run_ids"])) >= 3
        assert ended["result"]["orders"] == {"attributed": 21}
        last = client.end_of(queued)
        assert (last["state"], last["result"]["journeys"], last["result"]["days_that_would_change"]) == (
            "succeeded",
            0,
            [],
        )
        assert last["started"] >= ended["ended"]
    check_csv(shop, oracle_of(shop), REPORT)


def test_a_running_operation_is_canceled_within_seconds_and_goes_on_where_it_was(shop: Shop, api: ApiCommand) -> None:
    a_busy_week(shop)
    with PaidEndpoint(latency_seconds=0.3) as endpoint:
        api.start()
        client = client_of(api, shop, endpoint)
        place = client.ask_for("shop_de", kind="attribute")
        wait_until(lambda: len(endpoint.received) > 1, 120, lambda: client.get(place).text)
        assert client.post(f"{place}/cancel").status_code == 202
        ended = client.end_of(place)
        assert (ended["state"], ended["result"], ended["error"]) == ("canceled", None, None)
        asked = len(endpoint.received)
        assert asked < 21
        again = client.end_of(client.ask_for("shop_de", kind="attribute"))
        assert again["state"] == "succeeded"
        assert len(endpoint.paid) == 21
        assert sum(endpoint.paid.values()) <= 22  # the request that was under way
    check_csv(shop, oracle_of(shop), REPORT)


def test_a_server_that_is_told_to_end_gives_back_what_is_under_way(shop: Shop, api: ApiCommand) -> None:
    a_busy_week(shop)
    with PaidEndpoint(latency_seconds=0.3) as endpoint:
        api.start()
        client = client_of(api, shop, endpoint)
        place = client.ask_for("shop_de", kind="attribute")
        wait_until(lambda: len(endpoint.received) > 1, 120, lambda: client.get(place).text)
        worker = process_of_the_worker()
        assert api.end() == 0
        assert worker is not None
        assert not Path(f"/proc/{worker}").exists()
        assert process_of_the_worker() is None
        api.start()
        assert client.end_of(place)["state"] == "succeeded"
    check_csv(shop, oracle_of(shop), REPORT)


@pytest.mark.slow
def test_a_daemon_carries_out_what_a_server_without_workers_has_queued_whoever_is_killed(
    shop: Shop, tmp_path: Path
) -> None:
    a_busy_week(shop)
    (tmp_path / "home").mkdir()
    api = ApiCommand(tmp_path, "--no-workers")
    try:
        with PaidEndpoint([None] * 4 + [KilledWorker()]) as endpoint:
            api.start()
            client = client_of(api, shop, endpoint)
            plan = client.ask_for("shop_de", kind="attribute", dry_run=True)
            place = client.ask_for("shop_de", kind="attribute")
            canceled = client.ask_for("shop_de", kind="attribute")
            assert client.post(f"{canceled}/cancel").json()["state"] == "canceled"
            assert [client.state_of(queued) for queued in (plan, place)] == ["queued", "queued"]
            with dagster_dev(tmp_path):
                planned = client.end_of(plan)
                assert (planned["state"], planned["result"]["requests"]) == ("succeeded", 21)
                api.kill()
                wait_until(lambda: len(endpoint.paid) == 21, 300, lambda: len(endpoint.paid))
                api.start()
                ended = client.end_of(place)
            assert (ended["state"], ended["error"], ended["result"]["orders"]) == (
                "succeeded",
                None,
                {"attributed": 21},
            )
            assert sum(endpoint.paid.values()) <= 21 + 1  # an answer that the kill met before it was kept
        with dg.DagsterInstance.get() as instance:
            for operation, least in ((planned, 2), (ended, 4)):
                runs = instance.get_runs(dg.RunsFilter(tags={OPERATION_TAG: operation["id"]}))
                assert {run.run_id for run in runs} >= {*operation["run_ids"]}
                assert len(runs) >= least
                assert {run.status for run in runs} <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}
            queued_by = {
                run.tags.get("dagster/sensor_name")
                for run in instance.get_runs(dg.RunsFilter(job_name=API_OPERATION_JOB))
            }
            assert "api_operations" in queued_by
    finally:
        api.end()
    check_csv(shop, oracle_of(shop), REPORT)
