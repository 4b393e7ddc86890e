"""That a signal ends a run even where Python cannot raise anything, and nothing else does."""

import signal
import subprocess
import sys
import threading

import pytest

from attribution_assets.command.interrupts import INTERRUPTED, ended_in_time

INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
"""
WAITS_IN_C = (
    INTERRUPTIBLE
    + """
import sqlite3
from attribution_assets.command.interrupts import ended_in_time
holds, waits = (sqlite3.connect("locked.db", isolation_level=None, timeout=600) for _ in range(2))
holds.execute("BEGIN EXCLUSIVE")
with ended_in_time():
    print("waiting", flush=True)
    waits.execute("BEGIN EXCLUSIVE")
"""
)
WAITS_FOR_A_THREAD_AT_ITS_END = (
    INTERRUPTIBLE
    + """
import time
from concurrent.futures import ThreadPoolExecutor
from attribution_assets.command.interrupts import ended_in_time
pool = ThreadPoolExecutor()
pool.submit(time.sleep, 600)
with ended_in_time():
    print("waiting", flush=True)
    time.sleep(600)
"""
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", [WAITS_IN_C, WAITS_FOR_A_THREAD_AT_ITS_END])
def test_a_signal_ends_what_waits(program: str, number: signal.Signals, tmp_path: object) -> None:
    with subprocess.Popen([sys.executable, "-c", program], cwd=str(tmp_path), stdout=subprocess.PIPE) as process:  # noqa: S603 - the test's own
        assert process.stdout is not None
        assert process.stdout.readline() == b"waiting\n"
        process.send_signal(number)
        try:
            assert process.wait(120) == INTERRUPTED
        finally:
            process.kill()


def test_without_a_signal_nothing_is_left_of_it() -> None:
    handler, wakeup = signal.getsignal(signal.SIGINT), signal.set_wakeup_fd(-1)
    with ended_in_time():
        pass
    assert (signal.getsignal(signal.SIGINT), signal.set_wakeup_fd(wakeup)) == (handler, -1)
    for thread in threading.enumerate():
        if thread.name == "interrupts":
            thread.join(60)
            assert not thread.is_alive()


FAILS_WHEN_INTERRUPTED = """
import sys, time
from attribution_assets.command.interrupts import ended_in_time
with ended_in_time():
    print("waiting", flush=True)
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        time.sleep(0.5)
        raise RuntimeError("a step failed")
"""


def test_what_an_interrupt_makes_fail_is_interrupted(tmp_path: object) -> None:
    output = subprocess.PIPE
    command = [sys.executable, "-c", FAILS_WHEN_INTERRUPTED]
    with subprocess.Popen(command, cwd=str(tmp_path), stdout=output, stderr=output, text=True) as process:  # noqa: S603 - the test's own
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        assert "a step failed" not in process.communicate(timeout=120)[1]
    assert process.returncode == INTERRUPTED
