"""Dagster's own history in PostgreSQL: the command, runs at once on several hosts, kills, the pool, the daemon."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from socket import socket

import psycopg
import pytest

from attribution_assets_tests.support.command_process import StartCommand
from attribution_assets_tests.support.dagster_ui import requested, running_dagster
from attribution_assets_tests.support.databases import PASSWORD, NewDatabase
from attribution_assets_tests.support.ihc_endpoint import Answer, Reply
from attribution_assets_tests.support.postgresql_history import VARIABLE, history, keep_history_in, statuses
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.waiting import wait_until
from attribution_assets_tests.support.whole_shop import (
    FIRST,
    LAST,
    PaidEndpoint,
    a_busy_week,
    check_csv,
    check_tables,
    oracle_of,
)

RANGES = [("2024-02-20", "2024-02-25"), ("2024-02-23", "2024-02-27")]


@pytest.fixture
def endpoint() -> Iterator[PaidEndpoint]:
    with PaidEndpoint(latency_seconds=0.05) as endpoint:
        yield endpoint


@pytest.fixture
def history_url(new_database: NewDatabase) -> str:
    """The database of the history, without a table."""
    return new_database()


@pytest.fixture
def week(shop: Shop, history_url: str, postgresql_url: str, endpoint: PaidEndpoint) -> Shop:
    """A busy week, three journeys a request, all of it in PostgreSQL."""
    shop.move_to(postgresql_url)
    a_busy_week(shop)
    shop.asks(endpoint)
    shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="3", IHC_MAX_CONCURRENT_REQUESTS="1")
    keep_history_in(shop, history_url)
    return shop


def check_results(shop: Shop) -> None:
    expected = oracle_of(shop)
    check_tables(shop, expected)
    check_csv(shop, expected)


def connections(url: str) -> int:
    """How often the database has been connected to; the server counts with a delay."""
    time.sleep(1.5)
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        return int(found.fetchall()[0][0])


def test_the_command_keeps_its_runs_there_over_few_connections(week: Shop, history_url: str) -> None:
    first = week.run("2024-02-20", "2024-02-25")
    assert first.exit_code == 0, first.output
    before = connections(history_url)
    again = week.run(str(FIRST), str(LAST))
    assert again.exit_code == 0, again.output
    with history(week) as instance:
        events = sum(len(instance.all_logs(run.run_id)) for run in instance.get_runs())
    assert events > 300
    assert connections(history_url) - before < 50
    check_results(week)
    assert set(statuses(week)) == {"SUCCESS"}


def test_hosts_that_run_at_once_in_a_new_history_succeed_and_share_the_places_of_the_pool(
    week: Shop, history_url: str, endpoint: PaidEndpoint, start_command: StartCommand
) -> None:
    processes = []
    for number, days in enumerate(RANGES):
        keep_history_in(week, history_url, f"home{number}", pool_limit=1)  # each host has a home of its own
        processes.append(start_command(*days))
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(RANGES), "\n".join(outputs)
    assert week.run(str(FIRST), str(LAST)).exit_code == 0
    check_results(week)
    assert set(statuses(week)) == {"SUCCESS"}
    assert endpoint.most_under_way == 1
    assert endpoint.paid_twice == {}


def test_a_run_that_was_killed_is_ended_by_the_next_and_its_place_in_the_pool_is_free(
    week: Shop, start_command: StartCommand, history_url: str
) -> None:
    keep_history_in(week, history_url, pool_limit=1)
    process: subprocess.Popen[str] | None = None

    def kill(answer: Answer) -> Reply:
        assert process is not None
        process.kill()
        return Reply(answer, cut_after=0)

    with PaidEndpoint([None, kill]) as endpoint:
        week.asks(endpoint)
        process = start_command(FIRST, LAST)
        process.wait()
        assert statuses(week)[-1] == "STARTED"
        with history(week) as instance:
            assert instance.event_log_storage.get_concurrency_info("ihc_api").active_slot_count == 1
        assert week.run(str(FIRST), str(LAST)).exit_code == 0
    assert statuses(week).count("FAILURE") == 1
    assert set(statuses(week)) == {"FAILURE", "SUCCESS"}
    check_results(week)


def test_the_sensors_of_a_running_dagster_bring_a_late_row_into_the_report(week: Shop) -> None:
    assert week.run(str(FIRST), str(LAST)).exit_code == 0
    with running_dagster(week) as dagster:
        dagster.start_sensors()
        dagster.wait_until_settled(time.time())
        week.session("late", "ann", "2024-02-23 07:00:00", "Late")
        wait_until(lambda: bool(requested(dagster.runs(), "late_data")), 60, dagster.runs)  # the server counts late
        dagster.wait_until_settled(time.time())
        assert requested(dagster.runs(), "late_data") == ["sessions 2024-02-23..2024-02-23"]
        check_tables(week, oracle_of(week))


def test_a_history_that_cannot_be_reached_fails_the_run_in_a_line_without_the_password(
    week: Shop, history_url: str, start_command: StartCommand
) -> None:
    with closing(socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        keep_history_in(week, f"{history_url.rpartition(':')[0]}:{port}/history")
        process = start_command(FIRST, LAST)
        output, _ = process.communicate()
    assert process.returncode == 1
    [line] = [line for line in output.splitlines() if line.strip()]
    assert line.startswith(f"Failed: Dagster's history in {week.folder / 'home'} cannot be used: connection to server")
    assert "refused" in line
    assert PASSWORD not in output


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must have exactly one of `postgres_url` or `postgres_db`"),
        ("postgresql://me:secret@127.0.0.1/history", "has to name its driver, psycopg2"),
        ("me:secret@127.0.0.1/history", "Could not parse SQLAlchemy URL"),
        ("postgresql+psycopg2://me@127.0.0.1:secret/history", "the URL of its database cannot be read"),
    ],
    ids=["empty", "another driver", "no URL", "no port"],
)
def test_settings_that_cannot_be_used_are_refused_in_a_line(week: Shop, history_url: str, url: str, words: str) -> None:
    week.set(**{VARIABLE: url.replace("me:secret@127.0.0.1/history", history_url.partition("://")[2])})
    refused = week.run(str(FIRST), str(LAST))
    assert refused.exit_code == 2
    [line] = refused.output.strip().splitlines()
    assert line.startswith("Not possible: ")
    assert words in line
    assert PASSWORD not in refused.output
    assert "secret" not in refused.output
    assert not (week.folder / "data/assets/sessions").exists()
