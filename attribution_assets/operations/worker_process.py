"""Starts the process that carries an operation out. What it does is in `api/worker.py`, which is known here by name."""

import subprocess
import sys

COMMAND = (sys.executable, "-c", "import sys; from attribution_assets.api.worker import main; main(*sys.argv[1:])")


def start_worker(id_: str, lease: str) -> subprocess.Popen[bytes]:
    """A process, in a session of its own, that carries out an operation that was leased.

    Args:
        id_: The operation.
        lease: Its lease, see `store.OperationStore`.
    """
    command = [*COMMAND, id_, lease]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own command
