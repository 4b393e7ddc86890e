"""Runs that a running Dagster works off: two that are killed, then four at once.

Code server, daemon and webserver are real processes; only their pulse is quicker, see `quick_daemon.py`.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from attribution_assets.instance.runs import PROCESS_TAG
from attribution_assets_tests.support.dagster_ui import Dagster, running_dagster
from attribution_assets_tests.support.ihc_endpoint import Answer, Reply
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.waiting import wait_until
from attribution_assets_tests.support.whole_shop import FIRST, LAST, PaidEndpoint, a_busy_week, check_tables, oracle_of

WAIT_SECONDS = 180
RANGES = [(f"2024-02-{day}", f"2024-02-{day + 1}") for day in (20, 22, 24, 26)]


class WatchedEndpoint(PaidEndpoint):
    """An endpoint that lets a test do something before it answers.

    Attributes:
        before_answer: called with the number of the request, from 1; whether the request is to be answered.
    """

    def __init__(self) -> None:
        super().__init__(self._reply(number) for number in count(1))
        self.before_answer: Callable[[int], bool] = bool

    def _reply(self, number: int) -> Callable[[Answer], Reply]:
        return lambda answer: Reply(answer, cut_after=None if self.before_answer(number) else 0)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[WatchedEndpoint]:
    with WatchedEndpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory, endpoint: WatchedEndpoint) -> Iterator[Shop]:
    """A shop with a busy week, three journeys a request, and one request after the other."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        shop = Shop(tmp_path_factory.mktemp("week"), monkeypatch)
        a_busy_week(shop)
        shop.asks(endpoint)
        shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="3", IHC_MAX_CONCURRENT_REQUESTS="1")
        yield shop


@pytest.fixture(scope="module")
def dagster(week: Shop) -> Iterator[Dagster]:
    with running_dagster(week) as dagster:
        yield dagster


def slots(dagster: Dagster) -> dict[str, int]:
    """How many steps there may be at once that ask the API, how many there are, and how many wait."""
    with dagster.instance() as instance:
        pool = instance.event_log_storage.get_concurrency_info("ihc_api")
    return {"limit": pool.slot_count, "taken": pool.active_slot_count, "waiting": pool.pending_step_count}


def test_killed_runs_give_back_their_places_and_the_sensors_bring_their_days_up_to_date(
    dagster: Dagster, week: Shop, endpoint: WatchedEndpoint
) -> None:
    def kill(number: int) -> bool:
        if number == 7:
            dagster.code_server.kill()
        if number in (4, 7):
            (run,) = [run for run in dagster.runs() if run.status == "STARTED"]
            with dagster.instance() as instance:  # the UI hides this tag
                record = instance.get_run_by_id(run.run_id)
            assert record is not None
            os.kill(int(record.tags[PROCESS_TAG].split("|")[1]), signal.SIGKILL)
        return number not in (4, 7)

    endpoint.before_answer = kill
    first = dagster.launch_range(FIRST, LAST)
    wait_until(lambda: dagster.run(first).status == "FAILURE", WAIT_SECONDS, dagster.runs)
    assert slots(dagster) == {"limit": 2, "taken": 1, "waiting": 0}

    second = dagster.launch_range(FIRST, LAST)
    wait_until(lambda: dagster.code_server.poll() is not None, WAIT_SECONDS, dagster.runs)
    dagster.start_code_server()
    assert dagster.run(second).status == "STARTED"
    taken = slots(dagster)
    assert taken.pop("taken") in {1, 2}  # Dagster itself gives back the place of the first after a while
    assert taken == {"limit": 2, "waiting": 0}

    dagster.start_sensors()
    dagster.wait_until_settled(time.time())
    assert dagster.run(second).status == "FAILURE"
    assert dagster.why_failed(second) == ["The process that this run was in has been killed."]
    assert [(run.does, run.status) for run in dagster.runs()[2:]] == [
        ("ihc_attributions+model_comparison 2024-02-20..2024-02-27", "SUCCESS"),
        ("channel_reporting+channel_reporting_csv 2024-02-20..2024-02-27", "SUCCESS"),
    ]
    assert slots(dagster) == {"limit": 2, "taken": 0, "waiting": 0}
    check_tables(week, oracle_of(week))
    assert len(endpoint.paid) == 21
    assert len(endpoint.paid_twice) <= 2 * 3  # those of the answer that was being stored at each kill


def test_of_four_runs_at_once_two_ask_the_api_at_a_time_and_all_succeed(
    dagster: Dagster, week: Shop, endpoint: WatchedEndpoint
) -> None:
    full: list[dict[str, int]] = []

    def hold_until_two_ask(_: int) -> bool:
        wait_until(lambda: endpoint.most_under_way >= 2, WAIT_SECONDS, lambda: slots(dagster))
        full.append(slots(dagster))
        return True

    before, paid = len(dagster.runs()), endpoint.paid.copy()
    endpoint.before_answer = hold_until_two_ask
    week.sql("UPDATE session_sources SET holder_engagement = 0")
    with dagster.instance() as instance:
        pool = instance.event_log_storage
        pool.set_concurrency_slots("ihc_api", 0)
        launched = [dagster.launch_range(*days) for days in RANGES]
        wait_until(lambda: slots(dagster)["waiting"] == len(RANGES), WAIT_SECONDS, dagster.runs)
        pool.set_concurrency_slots("ihc_api", 2)
    dagster.wait_until_settled(time.time())
    assert full[0] == {"limit": 2, "taken": 2, "waiting": 2}
    assert endpoint.most_under_way == 2
    assert {run.status for run in dagster.runs()[before:]} == {"SUCCESS"}
    assert [dagster.run(run_id).status for run_id in launched] == ["SUCCESS"] * 4
    assert slots(dagster) == {"limit": 2, "taken": 0, "waiting": 0}
    check_tables(week, oracle_of(week))
    assert set((endpoint.paid - paid).values()) == {1}
    assert len(endpoint.paid - paid) >= 21  # more where one run read what another had not yet read again
