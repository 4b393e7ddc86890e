"""Which process this is, in a text that another process can read later: to tell whether it still runs.

A text names the machine since its last start, the process id, and when the process was started, so that neither another
machine's process nor a later one with the same id is taken for it.
"""

import os
import socket
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def _host() -> str:
    """Where process ids mean the same: the machine, since it was started, and its container."""
    of_linux = []
    with suppress(OSError):
        of_linux = [
            Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip(),
            str(Path("/proc/self/ns/pid").readlink()),
        ]
    return " ".join([socket.gethostname(), *of_linux])


def this_process() -> str:
    """This process, as `<host>|<process id>|<start>`."""
    return f"{_host()}|{os.getpid()}|{_started(os.getpid()) or ''}"


def has_ended(process: str) -> bool:
    """Whether a process of this machine has ended for certain; False where that cannot be told.

    Args:
        process: what `this_process` gave there.
    """
    host, pid, started = process.rsplit("|", 2)
    return host == _host() and not _is_running(int(pid), started)


def _is_running(pid: int, started: str) -> bool:
    if started:
        return _started(pid) == started
    if sys.platform == "win32":
        return True  # os.kill would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str | None:
    """When a process was started, in ticks since the machine was; None if it has ended or /proc does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else fields[18]
