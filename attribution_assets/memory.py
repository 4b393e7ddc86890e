"""Has the process give memory back that it does not use any more, as tables come and go many times in a run.

To be imported before pyarrow, which chooses its allocator when it is loaded: its own ones keep what was freed.
"""

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

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
with suppress(OSError, AttributeError):  # of other C libraries
    _set = ctypes.CDLL(None).mallopt
    for _parameter, _value in ((_TRIM_THRESHOLD, _MOST_KEPT), (_MMAP_THRESHOLD, _LARGE), (_ARENA_MAX, _MOST_ARENAS)):
        _set(_parameter, _value)
