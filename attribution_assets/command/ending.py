"""How a process ends that has loaded Dagster and pandas: Python would take their two thousand modules apart first.

That takes a second and a half, more than a tenth of a short run, and frees what the operating system frees anyway.
"""

import atexit
import logging
import os
import sys
from collections.abc import Callable


def run_and_end(work: Callable[[], object]) -> None:
    """Do the work of a process, which then ends as soon as its threads and what is registered with `atexit` are done.

    Call it before other modules register something. The process has the exit code that it would have had.
    """
    code: list[int | None] = [None]
    atexit.register(lambda: _end(code[0]))
    try:
        work()
        code[0] = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            code[0] = end.code or 0
        raise


def _end(code: int | None) -> None:
    """End now; where the code is not known, or something cannot be written, Python goes on as it would have."""
    if code is None:
        return
    logging.shutdown()  # it may have been registered before, so that it would come after this
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(code)
