"""Starts the process that carries an operation out. What it does is in `api/worker.py`, which is known here by name."""

import subprocess
import sys

_MAIN = """import sys
from attribution_assets.command.ending import run_and_end
from attribution_assets.command.memory import give_memory_back
give_memory_back()
from attribution_assets.api.worker import main
run_and_end(lambda: main(*sys.argv[1:]))"""
COMMAND = (sys.executable, "-c", _MAIN)


def start_worker(id_: str, lease: str) -> subprocess.Popen[bytes]:
    """A process, in a session of its own, that carries out an operation that was leased.

    Args:
        id_: The operation.
        lease: Its lease, see `store.OperationStore`.
    """
    command = [*COMMAND, id_, lease]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own command
