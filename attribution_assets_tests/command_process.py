"""The command `attribution-assets run` as processes of their own, which can be killed, limited and run at once."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

COMMAND = [str(Path(sys.executable).with_name("attribution-assets"))]

StartCommand = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_command() -> Iterator[StartCommand]:
    """`start_command(first, last, command=...)`: a started process of `run`, in the current folder.

    What it prints can be read from its `stdout`. Those that have not ended with the test are killed.
    """
    started: list[subprocess.Popen[str]] = []

    def start(first: object, last: object, command: list[str] = COMMAND) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "run", "--start-date", str(first), "--end-date", str(last)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:  # which closes its pipe
            process.kill()
