"""A command that is killed without warning: what can be read stays whole, and the next run makes everything good.

ATTRIBUTION_TESTS_KILLS sets how often the command is killed in a row on each kind of database,
ATTRIBUTION_TESTS_SEED when.
"""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from attribution_assets_tests.support.command_process import KilledInsteadOfAnswered, StartCommand, limited_to
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import (
    FIRST,
    LAST,
    LESS_THAN_MANY_SESSIONS,
    PaidEndpoint,
    a_busy_week,
    check_all_is_right,
    check_whole_files,
    leftovers,
    many_sessions,
)

KILLS = int(os.environ.get("ATTRIBUTION_TESTS_KILLS") or 3)
SEED = int(os.environ.get("ATTRIBUTION_TESTS_SEED") or 20240220)
REQUESTS_AT_ONCE = 2


@pytest.fixture
def week(any_shop: Shop) -> Shop:
    """A shop with a busy week on either kind of database, one journey a request."""
    a_busy_week(any_shop)
    any_shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="1", IHC_MAX_CONCURRENT_REQUESTS=str(REQUESTS_AT_ONCE))
    return any_shop


def seconds_of_a_whole_run(folder: Path, start_command: StartCommand) -> float:
    with pytest.MonkeyPatch.context() as monkeypatch, PaidEndpoint(latency_seconds=0.05) as endpoint:
        shop = Shop(folder, monkeypatch)
        a_busy_week(shop)
        shop.asks(endpoint)
        started = time.monotonic()
        process = start_command(FIRST, LAST)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return time.monotonic() - started


def test_a_command_killed_again_and_again_at_any_moment_leaves_whole_days_and_asks_again_only_for_what_was_under_way(
    week: Shop, start_command: StartCommand, tmp_path_factory: pytest.TempPathFactory
) -> None:
    longest = seconds_of_a_whole_run(tmp_path_factory.mktemp("measured"), start_command)
    chance = random.Random(SEED)  # noqa: S311 - no secrets are made of it
    killed_while_asking = 0
    with PaidEndpoint(latency_seconds=0.05) as endpoint:
        week.asks(endpoint)
        for number in range(KILLS):
            asked = len(endpoint.received)
            process = start_command(FIRST, LAST)
            try:
                process.wait(chance.uniform(0.5, longest))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            killed_while_asking += len(endpoint.received) > asked
            check_whole_files(week)
            week.session(f"late {number}", "ann", f"2024-02-2{number % 8} 11:00:00", f"Late {number}")
        check_all_is_right(week)
    assert leftovers(week) == []
    # what was on its way when a process was killed may arrive after it was looked for
    kills = killed_while_asking + 1
    assert sum(endpoint.paid_twice.values()) - len(endpoint.paid_twice) <= REQUESTS_AT_ONCE * kills


def test_answers_that_came_before_the_command_was_killed_are_not_asked_for_again(
    week: Shop, start_command: StartCommand
) -> None:
    killed = KilledInsteadOfAnswered()
    with PaidEndpoint([*[None] * 10, killed]) as endpoint:
        week.asks(endpoint)
        week.set(IHC_MAX_CONCURRENT_REQUESTS="1")
        killed.process = process = start_command(FIRST, LAST)
        process.wait()
        assert process.returncode == -signal.SIGKILL
        assert len(endpoint.paid_requests) == 10
        check_whole_files(week)
        check_all_is_right(week)
    assert len(endpoint.paid) == 21
    assert len(endpoint.paid_twice) <= 1  # the answer that was being stored


def test_a_command_killed_in_the_middle_of_a_file_leaves_no_part_of_it_for_good(
    shop: Shop, postgresql_url: str, start_command: StartCommand
) -> None:
    shop.move_to(postgresql_url)  # SQLite sorts in files, which the limit would meet first
    a_busy_week(shop)
    with PaidEndpoint() as endpoint:
        shop.asks(endpoint)
        many_sessions(shop, "2024-02-22")
        process = start_command(FIRST, LAST, command=limited_to(LESS_THAN_MANY_SESSIONS, killed=True))
        process.wait()
        assert process.returncode == -signal.SIGXFSZ
        [cut_short] = leftovers(shop)
        assert cut_short.startswith("data/assets/sessions/.2024-02-22.parquet")
        check_whole_files(shop)
        check_all_is_right(shop)
    assert leftovers(shop) == []
