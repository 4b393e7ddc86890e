"""Looks at a whole column at once, many times faster than at each value: is nothing wrong with it, what is it typed?

They may be wrong in one direction only: a column that does not pass may be good, and has to be looked at value by value;
one that passes is. What a usable value is stands in `source_schemas`.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from attribution_assets.source_schemas import MAX_ID_LENGTH, MOST_AMOUNT, TIME

_ID_LENGTHS = frozenset(range(1, MAX_ID_LENGTH + 1))
_TIMES = re.compile(rf"(?:{TIME}\n)*+")
# microseconds that a digit is worth at each place of HH:MM:SS.ffffff
_MICROSECONDS = np.array(
    [36 * 10**9, 36 * 10**8, 0, 6 * 10**8, 6 * 10**7, 0, 10**7, 10**6, 0, 10**5, 10**4, 10**3, 100, 10, 1]
)


def are_texts(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    """Whether all values are text."""
    return set(map(type, values)) <= {str}


def are_plain_ids(values: Sequence[object]) -> bool:
    """Whether all values are ids of printable characters only."""
    return are_texts(values) and set(map(len, values)) <= _ID_LENGTHS and _is_printable("".join(values))


def are_times(values: Sequence[object]) -> bool:
    """Whether all values are times of the day."""
    if not are_texts(values):
        return False
    # one match over all values joined by newlines, which no value may hold
    text = "\n".join([*values, ""])
    return text.count("\n") == len(values) and _TIMES.fullmatch(text) is not None


def since_midnight(times: Sequence[str]) -> npt.NDArray[np.timedelta64]:
    """The times, which are times of the day, in microseconds since midnight."""
    places = len(_MICROSECONDS)
    digits = np.array(times, dtype=f"S{places}").view(np.uint8).reshape(len(times), places).astype(np.int64)
    microseconds: npt.NDArray[np.timedelta64] = ((digits - ord("0")).clip(min=0) @ _MICROSECONDS).astype("timedelta64[us]")
    return microseconds


def plain_amounts(values: Sequence[Any], types: set[type]) -> npt.NDArray[np.float64] | None:
    """The amounts, NaN for None; None where a value is of another type or out of the range of amounts."""
    if set(map(type, values)) <= types:
        amounts = np.array(values, dtype=np.float64)
        if ((amounts >= 0) & (amounts < MOST_AMOUNT)).sum() == len(values) - values.count(None):
            return amounts
    return None


def _is_printable(text: str) -> bool:
    # str.isprintable looks up each character: for ASCII a comparison does
    if not text.isascii():
        return text.isprintable()
    codes = np.frombuffer(text.encode(), dtype=np.uint8)
    return not text or bool(codes.min() >= ord(" ") and codes.max() <= ord("~"))
