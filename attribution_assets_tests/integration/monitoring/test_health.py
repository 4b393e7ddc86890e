"""What is known of runs, checks, days and requests, however often, by whom and after whatever it is asked."""

import datetime as dt
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count

import dagster as dg
import pytest
import sqlalchemy as sa

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.ihc_api.traffic import LATENCY_SECONDS, Traffic
from attribution_assets.definitions import build_definitions
from attribution_assets.instance.opening import dagster_instance, history_to_read
from attribution_assets.monitoring.health import Health, PipelineHealth
from attribution_assets.monitoring.history_facts import StepTotals
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.command_process import KilledInsteadOfAnswered, StartCommand
from attribution_assets_tests.support.databases import NewDatabase
from attribution_assets_tests.support.ihc_endpoint import Fault, IhcEndpoint, reset, status
from attribution_assets_tests.support.postgresql_history import keep_history_in
from attribution_assets_tests.support.shop import Shop

DAYS = ("2024-02-20", "2024-02-27")
UNAVAILABLE, TOO_MANY, FORBIDDEN = status(503), status(429, Retry_After="0"), status(403)


class Endpoint(IhcEndpoint):
    """An endpoint whose next faults a test names as it goes on."""

    def __init__(self) -> None:
        self.next_faults: deque[Fault | None] = deque()
        super().__init__(self.next_faults.popleft() if self.next_faults else None for _ in count())


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def week(shop: Shop, endpoint: Endpoint) -> Shop:
    """Three orders, one of which has no session, and a journey a request, one after another."""
    return small_week(shop, endpoint)


def small_week(shop: Shop, endpoint: IhcEndpoint) -> Shop:
    shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
    shop.session("s2", "ann", "2024-02-26 10:00:00", "Search", 0.5)
    shop.session("s3", "ben", "2024-02-26 11:00:00", "Search", None)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
    shop.order("o2", "ben", "2024-02-27 09:00:00", 30.0)
    shop.order("o3", "dan", "2024-02-27 10:00:00", 7.0)
    shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="1", IHC_MAX_CONCURRENT_REQUESTS="1")
    shop.asks(endpoint)
    return shop


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Health:
    """How things are after one run over the week, each of whose requests took 0.3 s."""
    with pytest.MonkeyPatch.context() as monkeypatch, IhcEndpoint(latency_seconds=0.3) as slow:
        week = small_week(Shop(tmp_path_factory.mktemp("week"), monkeypatch), slow)
        result = week.run(*DAYS)
        assert result.exit_code == 0, result.output
        return health()


@contextmanager
def watched() -> Iterator[PipelineHealth]:
    with history_to_read() as instance:
        yield PipelineHealth(instance, resources_of(Settings.from_environment()))


def health() -> Health:
    with history_to_read() as instance:
        return PipelineHealth(instance, resources_of(Settings.from_environment())).now()


def run(week: Shop, *more: str, exit_code: int = 0) -> None:
    result = week.run(*DAYS, *more)
    assert result.exit_code == exit_code, result.output


def asked(traffic: Traffic) -> tuple[dict[str, int], int, int, int]:
    return dict(traffic.requests), traffic.retries, traffic.answered, traffic.reused


def test_a_range_counts_once_as_a_run_as_its_steps_and_as_its_checks(reported: Health) -> None:
    found = reported.history
    assert found.runs["attribution"].ended == {"success": 1, "failure": 0, "canceled": 0}
    assert sum(found.runs["attribution"].by_duration) == 1
    assert {asset: found.steps[asset].ended for asset in always_in_use()} == dict.fromkeys(always_in_use(), 1)
    assert found.steps["sessions"].seconds > 0
    assert set(found.checks.values()) == {1}
    assert {result for _, _, result in found.checks} == {"passed"}
    assert len(found.checks) == 24


def test_the_last_runs_say_what_they_made_and_how_they_ended(week: Shop, endpoint: Endpoint) -> None:
    run(week)
    week.order("o4", "ben", "2024-02-27 12:00:00", 5.0)
    endpoint.next_faults += [FORBIDDEN]
    run(week, exit_code=1)
    failed, succeeded = health().history.last_runs
    assert (failed.status, succeeded.status) == ("failure", "success")
    assert succeeded.job == "attribution"
    assert succeeded.subject == "all assets of 2024-02-20..2024-02-27"
    assert succeeded.started
    assert succeeded.started < dt.datetime.now(dt.UTC)
    assert succeeded.seconds
    assert succeeded.seconds > 0


def test_the_requests_of_steps_that_failed_count(week: Shop, endpoint: Endpoint) -> None:
    endpoint.next_faults += [UNAVAILABLE, reset, None, FORBIDDEN]
    run(week, exit_code=1)
    endpoint.next_faults += [TOO_MANY]
    run(week)
    run(week, "--again")
    found = health()
    assert asked(found.history.traffic) == ({"503": 1, "none": 1, "200": 2, "403": 1, "429": 1}, 3, 2, 3)
    assert sum(found.history.traffic.by_latency) == found.history.traffic.tries == 6
    assert found.history.traffic.failed == 4
    assert found.history.traffic.reused_share == pytest.approx(3 / 5)
    assert found.ledger_answers == 2


def test_a_slow_answer_counts_in_its_class_of_latency(reported: Health) -> None:
    traffic = reported.history.traffic
    assert sum(traffic.by_latency) == sum(traffic.by_latency[LATENCY_SECONDS.index(0.5) :]) == 2
    assert traffic.mean_seconds is not None
    assert 0.3 <= traffic.mean_seconds < 10


def test_a_reader_that_reads_on_and_one_that_starts_anew_say_the_same(week: Shop, endpoint: Endpoint) -> None:
    with watched() as watch:
        assert watch.now().history.runs == {}
        endpoint.next_faults += [UNAVAILABLE]
        run(week)
        after_one = watch.now()
        assert after_one == watch.now()
        week.order("o4", "ben", "2024-02-27 12:00:00", 5.0)
        endpoint.next_faults += [FORBIDDEN]
        run(week, exit_code=1)
        run(week)
        in_the_end = watch.now()
    assert in_the_end == health()
    # the last day, which was not fresh, and then the reports that its order credits
    assert in_the_end.history.runs["attribution"].ended == {"success": 3, "failure": 1, "canceled": 0}
    assert in_the_end.history.traffic.tries == after_one.history.traffic.tries + 2


def test_orders_and_times_are_those_of_the_latest_lookback_window(reported: Health) -> None:
    history = reported.history
    window = ["2024-02-23", "2024-02-24", "2024-02-25", "2024-02-26", "2024-02-27"]
    materialized = {asset: list(days) for asset, days in history.materialized.items() if days}
    assert materialized == dict.fromkeys(always_in_use(), window)
    assert list(history.orders) == window
    assert history.orders["2024-02-27"] == {"attributed": 1, "no_sessions": 1, "too_long": 0, "refused": 0}
    assert history.last_success["sessions"] == max(history.materialized["sessions"].values())


def test_days_are_counted_that_are_missing_stale_blocked_or_provisional(week: Shop) -> None:
    run(week)
    week.session("bad", "cat", "2024-02-25 noon")
    week.session("good", "cat", "2024-02-25 10:00:00")
    week.session("later", "cat", "2024-02-28 10:00:00")
    with watched() as watch:
        before = watch.days()
        assert before.missing == {asset: {dt.date(2024, 2, 28)} for asset in always_in_use()}
        assert before.rows["sessions"][dt.date(2024, 2, 26)] == 2
        assert before.provisional == [dt.date(2024, 2, day) for day in (24, 25, 26, 27)]
        assert set().union(*before.stale.values(), *before.blocked.values()) == set()
        result = week.run("2024-02-25", "2024-02-25")
        assert result.exit_code == 1, result.output
        after = watch.now()
    assert after.days.blocked["channel_reporting"] == {dt.date(2024, 2, 25)}
    assert set().union(*after.days.stale.values()) == set()
    [problem] = after.history.problems
    assert (problem.asset, problem.check, problem.day) == ("sessions", "rows_are_usable", "2024-02-25")
    assert problem.result == "failed"
    assert problem.description


def test_a_problem_is_gone_once_its_day_has_passed(week: Shop) -> None:
    week.session("bad", "cat", "2024-02-25 noon")
    run(week, exit_code=1)
    with watched() as watch:
        problems = watch.history().problems
        assert [found.day for found in problems if found.check == "rows_are_usable"] == ["2024-02-25"]
        assert {found.check for found in problems} == {"rows_are_usable", "every_day_is_made"}
        week.sql("DELETE FROM session_sources WHERE session_id = 'bad'")
        run(week)
        assert watch.history().problems == health().history.problems == []
        assert watch.history().checks["sessions", "rows_are_usable", "warned"] == 1
        assert watch.history().checks["sessions", "rows_are_usable", "passed"] == 1


def test_a_run_whose_process_was_killed_is_told_of_before_dagster_notices(
    week: Shop, endpoint: Endpoint, start_command: StartCommand
) -> None:
    kill = KilledInsteadOfAnswered()
    endpoint.next_faults += [kill]
    kill.process = start_command(*DAYS)
    kill.process.wait()
    found = health().history
    assert found.unfinished == {"waiting": 0, "under_way": 0, "killed": 1}
    assert found.last_runs[0].status == "killed"
    assert found.traffic == Traffic()
    assert found.steps["sessions"].ended == 1
    run(week)
    assert health().history.runs["attribution"].ended == {"success": 1, "failure": 1, "canceled": 0}


def test_runs_of_other_projects_are_left_out(week: Shop) -> None:
    @dg.job
    def somebody_elses() -> None: ...

    with dg.DagsterInstance.from_config(_home(week)) as instance:
        assert somebody_elses.execute_in_process(instance=instance).success
    assert health().history.runs == {}
    assert health().history.last_runs == []


def test_reading_goes_on_while_somebody_writes_and_cannot_write(week: Shop) -> None:
    run(week)
    with watched() as watch, closing(sqlite3.connect(_home(week) + "/history/runs/index.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM event_logs")
        assert watch.history().runs["attribution"].ended["success"] == 1
        writer.rollback()
    with (
        history_to_read() as instance,
        pytest.raises(sa.exc.OperationalError, match="readonly"),
        instance.event_log_storage.index_connection() as connection,  # type: ignore[attr-defined] # of SQL storages
    ):
        connection.execute(sa.text("DELETE FROM event_logs"))


def test_a_history_in_postgresql_says_the_same(week: Shop, endpoint: Endpoint, new_database: NewDatabase) -> None:
    keep_history_in(week, new_database())
    with watched() as watch:
        assert watch.history().runs == {}
        endpoint.next_faults += [UNAVAILABLE, None, FORBIDDEN]
        run(week, exit_code=1)
        assert watch.history().runs["attribution"].ended == {"success": 0, "failure": 1, "canceled": 0}
        run(week)
        found = watch.now()
    assert asked(found.history.traffic) == ({"503": 1, "200": 2, "403": 1}, 1, 2, 1)
    assert found.history.runs["attribution"].ended == {"success": 1, "failure": 1, "canceled": 0}
    assert set(found.history.checks.values()) <= {1, 2}
    assert found.history.orders["2024-02-26"]["attributed"] == 1
    assert found == health()


def test_steps_that_failed_count_with_their_time(week: Shop, endpoint: Endpoint) -> None:
    endpoint.next_faults += [FORBIDDEN]
    run(week, exit_code=1)
    steps = health().history.steps
    assert (steps["ihc_attributions"].ended, steps["ihc_attributions"].failed) == (1, 1)
    assert steps["ihc_attributions"].seconds > 0
    assert steps.get("channel_reporting", StepTotals()) == StepTotals()


def test_a_failed_run_counts_until_its_days_are_made_whatever_else_succeeds(week: Shop, endpoint: Endpoint) -> None:
    endpoint.next_faults += [FORBIDDEN]
    run(week, exit_code=1)
    with watched() as watch:
        [failed] = watch.history().failed_runs
        assert (failed.run.first_day, failed.run.last_day) == DAYS
        assert failed.why.startswith("ihc_attributions: the IHC API answered 403")
        assert watch.history().latest_traffic.requests == {"403": 1}
        with dagster_instance() as instance:
            extraction = build_definitions().resolve_job_def("extraction")
            assert extraction.execute_in_process(instance=instance, partition_key="2024-02-24").success
        assert [left.run.run_id for left in watch.history().failed_runs] == [failed.run.run_id]
        assert health().history.failed_runs == watch.history().failed_runs
        run(week)
        assert watch.history().failed_runs == []
        assert "403" not in watch.history().latest_traffic.requests
    assert health().history.failed_runs == []


def test_a_failed_run_that_somebody_deletes_no_longer_counts(week: Shop, endpoint: Endpoint) -> None:
    endpoint.next_faults += [FORBIDDEN]
    run(week, exit_code=1)
    with watched() as watch:
        [failed] = watch.history().failed_runs
        with dagster_instance() as instance:
            instance.delete_run(failed.run.run_id)
        assert watch.history().failed_runs == []


def _home(shop: Shop) -> str:
    home = shop.folder / "home"
    home.mkdir(exist_ok=True)
    return str(home)
