"""What a run leaves when something outside of it fails, and that the next run makes everything good.

Each drill ends with the oracle. Killed processes have drills of their own in `test_killed_runs.py`.
"""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path
from socket import socket
from threading import Timer

import pytest

from attribution_assets.attribution.database import database
from attribution_assets.attribution.ihc_api import client as ihc_api
from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets_tests.support.command_process import StartCommand, limited_to
from attribution_assets_tests.support.databases import NewDatabase, execute
from attribution_assets_tests.support.ihc_endpoint import (
    KEY,
    Answer,
    Fault,
    Reply,
    body_status,
    cut_off,
    doubled_row,
    first_row,
    lost_journey,
    lost_row,
    reset,
    sends,
    status,
    truncated,
)
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import (
    FIRST,
    LAST,
    LESS_THAN_MANY_SESSIONS,
    PaidEndpoint,
    a_busy_week,
    check_all_is_right,
    check_whole_files,
    many_sessions,
    published,
)

FAULTS: list[Fault] = [
    *(status(503), status(429, Retry_After="0"), body_status(500), sends([]), first_row(ihc=2.0)),
    *(reset, cut_off, truncated, lost_journey, lost_row, doubled_row),
]
LOCKED = "was kept locked by another program"


def faults_of_a_third(seed: int) -> Iterator[Fault | None]:
    chance = random.Random(seed)  # noqa: S311 - no secrets are made of it
    while True:
        yield chance.choice(FAULTS) if chance.random() < 1 / 3 else None


@pytest.fixture
def week(shop: Shop) -> Shop:
    """A shop with a busy week, one journey a request."""
    a_busy_week(shop)
    shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="1")
    return shop


def last_line(output: str) -> str:
    return output.splitlines()[-1]


def test_faults_in_a_third_of_all_answers_change_nothing_and_what_was_answered_well_is_not_asked_again(
    week: Shop,
) -> None:
    week.set(IHC_MAX_JOURNEYS_PER_REQUEST="3", IHC_MAX_CONCURRENT_REQUESTS="8")
    with PaidEndpoint(faults_of_a_third(seed=4)) as endpoint:
        week.asks(endpoint)
        check_all_is_right(week)
    assert len(endpoint.received) > len(endpoint.paid_requests) >= 7
    assert endpoint.paid_twice == {}


def test_an_api_that_is_down_fails_the_run_in_bounded_time_and_what_does_not_need_it_is_stored(
    week: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        week.set(IHC_API_URL=f"http://127.0.0.1:{unused.getsockname()[1]}/v1/compute_ihc", IHC_API_KEY=KEY)
        with monkeypatch.context() as impatient:
            quick = partial(IhcApi, max_tries=3, first_backoff_seconds=0.01)  # there is no setting for it
            impatient.setattr("attribution_assets.resources.account.IhcApi", quick)
            failed = week.run(str(FIRST), str(LAST))
    assert failed.exit_code == 1
    gave_up = r"Failed: ihc_attributions: gave up after 3 tries in \d+ s: no answer from"
    assert re.match(gave_up, last_line(failed.output))
    assert "refused" in last_line(failed.output)
    stored = AssetStorage("data/assets")
    assert {asset: len(stored.stored_days(asset)) for asset in ("sessions", "conversions", "journeys")} == {
        "sessions": 8,
        "conversions": 8,
        "journeys": 8,
    }
    assert stored.stored_days("ihc_attributions") == []
    with PaidEndpoint() as endpoint:
        week.asks(endpoint)
        check_all_is_right(week)


def test_a_revoked_key_fails_the_run_at_once_and_is_named_but_not_shown(week: Shop) -> None:
    week.set(IHC_MAX_CONCURRENT_REQUESTS="2")
    with PaidEndpoint(repeat(status(403, f"Forbidden {KEY}")), latency_seconds=0.05) as endpoint:
        week.asks(endpoint)
        failed = week.run(str(FIRST), str(LAST))
        assert failed.exit_code == 1
        assert "IHC_API_KEY" in last_line(failed.output)
        assert KEY not in failed.output
        assert len(endpoint.received) <= 2
    with PaidEndpoint() as endpoint:
        week.asks(endpoint)
        check_all_is_right(week)
    assert not any(KEY.encode() in path.read_bytes() for path in week.folder.rglob("*") if path.is_file())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process keeps a SQLite database to itself."""
    program = (
        "import sqlite3, sys\n"
        "sqlite3.connect(sys.argv[1], isolation_level=None).execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(  # noqa: S603 - this Python, with the program above
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.kill()


def test_a_database_that_is_locked_for_too_long_is_named_and_a_run_after_that_is_right(
    week: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.2)
    with PaidEndpoint() as endpoint:
        week.asks(endpoint)
        with locked(week.database):
            refused = week.run(str(FIRST), str(LAST))
        assert refused.exit_code == 1
        assert LOCKED in last_line(refused.output)
        check_whole_files(week)
        check_all_is_right(week)


def test_a_database_that_is_locked_while_the_api_answers_is_waited_for_and_no_journey_is_paid_twice(
    week: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.2)
    lock = locked(week.database)

    def lock_it(answer: Answer) -> Reply:
        lock.__enter__()
        Timer(2, lock.__exit__, (None, None, None)).start()
        return Reply(answer)

    with PaidEndpoint([lock_it]) as endpoint:
        week.asks(endpoint)
        week.set(IHC_MAX_CONCURRENT_REQUESTS="1")
        assert week.run(str(FIRST), str(LAST)).exit_code == 0
        check_all_is_right(week)
    assert endpoint.paid_twice == {}


def test_a_database_that_stays_locked_fails_the_run_and_a_run_after_that_is_right(
    week: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_BUSY_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(ihc_api, "KEEP_TRYING_SECONDS", 0.5)
    lock = locked(week.database)

    def lock_it(answer: Answer) -> Reply:
        lock.__enter__()
        return Reply(answer)

    with PaidEndpoint([lock_it]) as endpoint:
        week.asks(endpoint)
        try:
            failed = week.run(str(FIRST), str(LAST))
        finally:
            lock.__exit__(None, None, None)
        assert failed.exit_code == 1
        assert LOCKED in last_line(failed.output)
        check_whole_files(week)
        check_all_is_right(week)


def test_a_server_that_is_away_while_the_api_answers_is_waited_for_and_no_journey_is_paid_twice(
    shop: Shop, postgresql_server: str, new_database: NewDatabase
) -> None:
    shop.move_to(new_database())
    a_busy_week(shop)
    name = shop.url.rpartition("/")[2]

    def allow_connections(*, allowed: bool) -> None:
        execute(
            postgresql_server,
            f"UPDATE pg_database SET datallowconn = {allowed} WHERE datname = '{name}'",  # noqa: S608 - a name from here
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608 - a name from here
        )

    back = Timer(2, allow_connections, kwargs={"allowed": True})

    def go_away(answer: Answer) -> Reply:
        allow_connections(allowed=False)
        back.start()
        return Reply(answer)

    with PaidEndpoint([go_away]) as endpoint:
        shop.asks(endpoint)
        shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="1", IHC_MAX_CONCURRENT_REQUESTS="1")
        away = shop.run(str(FIRST), str(LAST))
        back.join()
        assert away.exit_code == 0, away.output
        check_all_is_right(shop)
    assert endpoint.paid_twice == {}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, whose size `mount -o remount,size=...` changes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "none", folder], check=True, capture_output=True)  # noqa: S603, S607 - the system's
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    yield folder
    subprocess.run(["umount", folder], check=True)  # noqa: S603, S607 - the same


def test_a_full_disk_fails_the_run_in_a_line_and_what_was_stored_stays_whole(week: Shop, small_disk: Path) -> None:
    def resize(kilobytes: int) -> None:
        command = ["mount", "-o", f"remount,size={kilobytes}k", str(small_disk)]
        subprocess.run(command, check=True)  # noqa: S603 - the system's

    week.set(ATTRIBUTION_STORAGE=str(small_disk / "assets"))
    with PaidEndpoint() as endpoint:
        week.asks(endpoint)
        assert week.run("2024-02-20", "2024-02-23").exit_code == 0
        used = sum(-(-path.stat().st_size // 4096) * 4 for path in small_disk.rglob("*") if path.is_file())
        before = published(week)
        resize(used + 8)
        week.sql("UPDATE session_sources SET channel_name = 'Changed' WHERE event_date > '2024-02-21'")
        failed = week.run(str(FIRST), str(LAST))
        assert failed.exit_code == 1
        assert "No space left on device" in last_line(failed.output)
        check_whole_files(week, small_disk)
        assert published(week) == before
        resize(10_000)
        check_all_is_right(week)


def test_a_file_that_may_not_grow_fails_the_run_in_a_line_and_what_was_stored_stays_whole(
    shop: Shop, postgresql_url: str, start_command: StartCommand
) -> None:
    shop.move_to(postgresql_url)  # SQLite sorts in files, which the limit would meet first
    a_busy_week(shop)
    with PaidEndpoint() as endpoint:
        shop.asks(endpoint)
        assert shop.run("2024-02-20", "2024-02-23").exit_code == 0
        before = published(shop)
        many_sessions(shop, "2024-02-22")
        process = start_command(FIRST, LAST, command=limited_to(LESS_THAN_MANY_SESSIONS))
        output, _ = process.communicate()
        assert process.returncode == 1
        assert "File too large" in last_line(output)
        check_whole_files(shop)
        assert published(shop) == before
        check_all_is_right(shop)


def test_a_history_that_cannot_grow_fails_the_run_in_a_line_and_a_run_after_that_is_right(
    week: Shop, start_command: StartCommand
) -> None:
    with PaidEndpoint() as endpoint:
        week.asks(endpoint)
        assert week.run("2024-02-20", "2024-02-23").exit_code == 0
        largest = max(path.stat().st_size for path in (week.folder / "home").rglob("*") if path.is_file())
        process = start_command(FIRST, LAST, command=limited_to(largest))
        output, _ = process.communicate()
        assert process.returncode == 1
        check_whole_files(week)
        check_all_is_right(week)
    assert "Traceback" not in output
    assert last_line(output).startswith("Failed: ")
