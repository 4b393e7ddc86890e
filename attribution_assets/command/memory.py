"""How a process gives memory back that it does not use any more: tables come and go many times in a run."""

import ctypes
import os
from contextlib import suppress
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
"""Parameters of glibc's `mallopt`: see its manual page, mallopt(3)."""

_MOST_KEPT: Final = 8 << 20
"""Bytes at the end of an arena that are kept when they are freed."""
_LARGE: Final = 4 << 20
"""Larger pieces are taken from the system, and given back, one by one: of many small ones that takes time."""
_MOST_ARENAS: Final = 2
"""Each arena keeps memory of its own: without a bound there are eight for each processor, one for each thread."""


def give_memory_back() -> None:
    """Have the system's allocator return what is freed, and pyarrow use it, whose own ones keep what was freed.

    Call it before pyarrow is loaded. An allocator that ARROW_DEFAULT_MEMORY_POOL names is used all the same.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with suppress(OSError, AttributeError):  # of other C libraries
        set_parameter = ctypes.CDLL(None).mallopt
        set_parameter(_TRIM_THRESHOLD, _MOST_KEPT)
        set_parameter(_MMAP_THRESHOLD, _LARGE)
        set_parameter(_ARENA_MAX, _MOST_ARENAS)
