"""Checks of a whole column at once, many times faster than of each value, and its values as typed arrays.

A column that passes holds usable values only. A column that fails may still be good: `usable_rows` then checks it value
by value. The definition of a usable value does not belong here, but in `schemas`.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from attribution_assets.attribution.source.schemas import MAX_ID_LENGTH, MOST_AMOUNT, TIME

_ID_LENGTHS = frozenset(range(1, MAX_ID_LENGTH + 1))
_TIMES = re.compile(rf"(?:{TIME}\n)*+")
_LEAST_TIME, _MOST_TIME = (np.frombuffer(time, dtype=np.uint8) for time in (b"00:00:00", b"29:59:59"))
_SECONDS_PER_DAY = 86_400
# the value of a digit at each place of HH:MM:SS, in seconds
_SECONDS = np.array([36_000, 3_600, 0, 600, 60, 0, 10, 1], dtype=np.int32)
# the value of a digit at each place of HH:MM:SS.ffffff, in microseconds
_MICROSECONDS = np.array(
    [36 * 10**9, 36 * 10**8, 0, 6 * 10**8, 6 * 10**7, 0, 10**7, 10**6, 0, 10**5, 10**4, 10**3, 100, 10, 1]
)


def are_texts(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    """Whether all values are text."""
    return set(map(type, values)) <= {str}


def are_plain_ids(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    """Whether all values are ids of allowed length that hold printable characters only."""
    return are_texts(values) and set(map(len, values)) <= _ID_LENGTHS and _is_printable("".join(values).encode())


def plain_times(values: Sequence[object]) -> npt.NDArray[np.timedelta64] | None:
    """The times in microseconds since midnight; None if a value is not a time of the day."""
    if not are_texts(values):
        return None
    if set(map(len, values)) <= {len("HH:MM:SS")}:
        return _whole_seconds("".join(values).encode())
    # one match over all values joined by newlines, which no value may hold
    text = "\n".join([*values, ""])
    are_times = text.count("\n") == len(values) and _TIMES.fullmatch(text) is not None
    return since_midnight(values) if are_times else None


def since_midnight(times: Sequence[str]) -> npt.NDArray[np.timedelta64]:
    """Times of the day in microseconds since midnight."""
    places = len(_MICROSECONDS)
    characters = np.array(times, dtype=f"S{places}").view(np.uint8).reshape(len(times), places)
    digits = (characters.astype(np.int64) - ord("0")).clip(min=0)
    microseconds: npt.NDArray[np.timedelta64] = (digits @ _MICROSECONDS).astype("timedelta64[us]")
    return microseconds


def _whole_seconds(text: bytes) -> npt.NDArray[np.timedelta64] | None:
    """The times in microseconds since midnight, from a text of HH:MM:SS without separators; None if one is no time."""
    characters = np.frombuffer(text, dtype=np.uint8)
    if len(characters) % len(_SECONDS):
        return None
    characters = characters.reshape(-1, len(_SECONDS))
    seconds = (characters.astype(np.int32) - ord("0")) @ _SECONDS
    of_that_form = (characters >= _LEAST_TIME).all() and (characters <= _MOST_TIME).all()
    if not of_that_form or (seconds >= _SECONDS_PER_DAY).any():
        return None
    return seconds.astype("timedelta64[s]").astype("timedelta64[us]")


def are_in_order(times: npt.NDArray[np.datetime64], ids: Sequence[Any]) -> bool:
    """Whether the rows are sorted by time, then id; the ids are text."""
    steps = np.diff(times)
    [same_time] = np.nonzero(steps == np.timedelta64(0))
    return bool((steps >= np.timedelta64(0)).all()) and all(ids[i] < ids[i + 1] for i in same_time.tolist())


def plain_amounts(values: Sequence[Any], types: set[type]) -> npt.NDArray[np.float64] | None:
    """The amounts, NaN for None; None if a value is of another type or out of the range of amounts."""
    if set(map(type, values)) <= types:
        amounts = np.array(values, dtype=np.float64)
        if ((amounts >= 0) & (amounts < MOST_AMOUNT)).sum() == len(values) - values.count(None):
            return amounts
    return None


def _is_printable(text: bytes) -> bool:
    """Whether a text in UTF-8 holds printable characters only."""
    codes = np.frombuffer(text, dtype=np.uint8)
    if not len(codes):
        return True
    # str.isprintable looks up each character: for ASCII a comparison does
    is_ascii = codes.max() < ord("\x80")
    return bool(codes.min() >= ord(" ") and codes.max() <= ord("~")) if is_ascii else text.decode().isprintable()
