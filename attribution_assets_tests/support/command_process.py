"""The command `attribution-assets run` as processes of their own, which can be killed, limited and run at once."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attribution_assets_tests.support.ihc_endpoint import Answer, Reply

COMMAND = [str(Path(sys.executable).with_name("attribution-assets"))]

StartCommand = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_command() -> Iterator[StartCommand]:
    """`start_command(first, last, *options, command=...)`: a started process of `run`, in the current folder.

    What it prints can be read from its `stdout`. Those that have not ended with the test are killed.
    """
    started: list[subprocess.Popen[str]] = []

    def start(first: object, last: object, *options: str, command: list[str] = COMMAND) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "run", "--start-date", str(first), "--end-date", str(last), *options],
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


class KilledInsteadOfAnswered:
    """A fault of the endpoint: the request that meets it gets no answer, and the process that sent it is killed.

    Attributes:
        process: the process; to be set when it has been started.
    """

    process: subprocess.Popen[str]

    def __call__(self, answer: Answer) -> Reply:
        """Kill the process, and close the connection."""
        self.process.kill()
        return Reply(answer, cut_after=0)


def limited_to(file_bytes: int, *, killed: bool = False) -> list[str]:
    """The command in a process none of whose files may become larger.

    Args:
        file_bytes: the limit.
        killed: whether the write that would exceed it kills the process on the spot, after as much of it as is
            allowed, or fails with an error.
    """
    signals = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n" if killed else ""
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({file_bytes}, {file_bytes}))\n"
    return [sys.executable, "-c", f"{signals}{limits}from attribution_assets.command.cli import app\napp()"]
