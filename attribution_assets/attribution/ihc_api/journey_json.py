"""Touchpoints of journeys in JSON, written a column at a time: no Python object is made for any of them.

How a single text is written is in `attribution/json_text.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

JsonColumn: TypeAlias = Sequence[str | pa.StringArray]
"""What stands in each row one after another: a text that is the same in all rows, or a column of them."""


def in_json(values: pa.StringArray, written: Callable[[object], bytes]) -> JsonColumn:
    """A column of texts as JSON.

    Args:
        values: the texts, none of them missing.
        written: writes one of them, where it holds more than what all writers of JSON write alike.
    """
    if _is_plain(_bytes_of(values)):
        return '"', values, '"'
    different = values.dictionary_encode()
    return (pa.array([written(text).decode() for text in different.dictionary.to_pylist()]).take(different.indices),)


class JsonRows:
    """Rows of JSON, in one piece of memory.

    Args:
        columns: their values in JSON, by name.
        named: whether a row is an object; else it is a list of the values.
    """

    def __init__(self, columns: Mapping[str, JsonColumn], *, named: bool) -> None:
        parts, before = list[str | pa.StringArray](), "{" if named else "["
        for name, column in columns.items():
            for part in (f'"{name}":' if named else "", *column):
                if isinstance(part, str):
                    before += part
                else:
                    parts += [before, part]
                    before = ""
            before += ","
        rows = pc.binary_join_element_wise(*parts, before[:-1] + ("}," if named else "],"), "")
        offsets = _offsets_of(rows)
        self._text, self._ends = _bytes_of(rows).tobytes(), (offsets - offsets[0]).tolist()

    def listed(self, start: int, end: int) -> bytes:
        """The rows from `start` to before `end` as a list; at least one."""
        return b"[%b]" % self._text[self._ends[start] : self._ends[end] - 1]


def _is_plain(text: npt.NDArray[np.uint8]) -> bool:
    """Whether a text in UTF-8 holds nothing that any writer of JSON writes as something else."""
    if not len(text):
        return True
    is_printable = text.min() >= ord(" ") and text.max() <= ord("~")
    return bool(is_printable and not (text == ord('"')).any() and not (text == ord("\\")).any())


def _offsets_of(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    """Where each text begins in the array's memory, and where the last one ends."""
    return np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]


def _bytes_of(texts: pa.StringArray) -> npt.NDArray[np.uint8]:
    """The texts in UTF-8, one after another."""
    offsets = _offsets_of(texts)
    return np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
