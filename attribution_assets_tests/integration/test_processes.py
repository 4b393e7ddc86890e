"""Whether a process still runs is told from its text alone, and only where it can be told for certain."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attribution_assets.attribution.files.processes import has_ended, this_process

SAYS_WHO_IT_IS = (
    "import sys; from attribution_assets.attribution.files.processes import this_process;"
    " print(this_process(), flush=True); sys.stdin.read()"
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that runs until its input is closed, and what it says it is."""
    with subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-c", SAYS_WHO_IT_IS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process, process.stdout.readline().rstrip("\n")
        process.kill()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


def test_this_process_is_named_by_host_id_and_start_and_has_not_ended() -> None:
    host, pid, started = this_process().rsplit("|", 2)
    assert host
    assert int(pid) == os.getpid()
    assert started.isdecimal()
    assert not has_ended(this_process())
    assert this_process() == this_process()


def test_another_process_has_not_ended_while_it_runs(other: tuple[subprocess.Popen[str], str]) -> None:
    process, text = other
    assert int(text.rsplit("|", 2)[1]) == process.pid
    assert text.rsplit("|", 2)[0] == this_process().rsplit("|", 2)[0]
    assert not has_ended(text)


def test_a_process_has_ended_once_it_has_exited_even_before_its_parent_takes_notice(
    other: tuple[subprocess.Popen[str], str],
) -> None:
    process, text = other
    process.kill()
    while state_of(process.pid) != "Z":
        time.sleep(0.01)
    assert has_ended(text)
    process.wait()
    assert not Path(f"/proc/{process.pid}").exists()
    assert has_ended(text)


def test_a_later_process_with_the_same_id_is_not_taken_for_it() -> None:
    host, pid, started = this_process().rsplit("|", 2)
    assert has_ended(f"{host}|{pid}|{int(started) - 1}")


def test_a_process_of_another_host_is_never_said_to_have_ended(other: tuple[subprocess.Popen[str], str]) -> None:
    process, text = other
    process.kill()
    process.wait()
    host, pid, started = text.rsplit("|", 2)
    assert has_ended(text)
    assert not has_ended(f"other {host}|{pid}|{started}")
    assert not has_ended(f"|{pid}|{started}")


def test_without_a_known_start_the_id_alone_tells(other: tuple[subprocess.Popen[str], str]) -> None:
    process, text = other
    without_start = text.rsplit("|", 1)[0] + "|"
    assert not has_ended(without_start)
    process.kill()
    process.wait()
    assert has_ended(without_start)


def test_a_process_is_told_from_its_name_whatever_that_holds(tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([odd, "60"]) as process:  # noqa: S603  # sleep under another name
        try:
            while Path(f"/proc/{process.pid}/comm").read_text(encoding="utf-8") != "a) S 1 (b\n":
                time.sleep(0.01)
            fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            host = this_process().rsplit("|", 2)[0]
            assert not has_ended(f"{host}|{process.pid}|{fields[19]}")
        finally:
            process.kill()
