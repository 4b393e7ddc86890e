"""The identity of a process as a text, from which another process can later tell whether it still runs.

The text names the machine and its last start, the process id, and the start of the process, so that a process of
another machine or a later process with the same id is not mistaken for it.
"""

import os
import socket
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def _host() -> str:
    """The scope of process ids: the machine since its last start, and the container."""
    of_linux = []
    with suppress(OSError):
        of_linux = [
            Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip(),
            str(Path("/proc/self/ns/pid").readlink()),
        ]
    return " ".join([socket.gethostname(), *of_linux])


def this_process() -> str:
    """This process, as `<host>|<process id>|<start>`."""
    return _named(os.getpid())


@cache
def _named(pid: int) -> str:
    """A running process, remembered: it is asked for with each file that is written."""
    return f"{_host()}|{pid}|{_started(pid) or ''}"


def has_ended(process: str) -> bool:
    """Whether a process of this machine has certainly ended; False if that is not known.

    Args:
        process: a text that `this_process` has given.
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
    """The start of a process, in ticks since the machine started; None if it has ended or /proc does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else fields[18]
