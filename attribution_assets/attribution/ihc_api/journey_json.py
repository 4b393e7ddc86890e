"""Touchpoints of journeys in JSON, written a column at a time: no Python object is made for any of them.

How a single text is written is in `attribution/json_text.py`.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_ESCAPED = np.array([not " " <= chr(byte) <= "~" or chr(byte) in '"\\' for byte in range(256)])
"""Which bytes of a text in UTF-8 some writer of JSON writes as something else."""


def in_json(values: pa.StringArray, written: Callable[[object], bytes]) -> pa.StringArray:
    """Each text as JSON.

    Args:
        values: the texts, none of them missing.
        written: writes one of them, where it holds more than what all writers of JSON write alike.
    """
    if not _ESCAPED[_bytes_of(values)].any():
        return pc.binary_join_element_wise('"', values, '"', "")
    different = values.dictionary_encode()
    return pa.array([written(text).decode() for text in different.dictionary.to_pylist()]).take(different.indices)


class JsonRows:
    """Rows of JSON, in one piece of memory.

    Args:
        columns: their values in JSON, by name.
        named: whether a row is an object; else it is a list of the values.
    """

    def __init__(self, columns: Mapping[str, pa.StringArray], *, named: bool) -> None:
        opening, closing = ("{", "},") if named else ("[", "],")
        parts: list[str | pa.StringArray] = []
        for name, values in columns.items():
            parts += [(opening if not parts else ",") + (f'"{name}":' if named else ""), values]
        rows = pc.binary_join_element_wise(*parts, closing, "")
        offsets = _offsets_of(rows)
        self._text, self._ends = _bytes_of(rows).tobytes(), (offsets - offsets[0]).tolist()

    def listed(self, start: int, end: int) -> bytes:
        """The rows from `start` to before `end` as a list; at least one."""
        return b"[%b]" % self._text[self._ends[start] : self._ends[end] - 1]


def _offsets_of(texts: pa.StringArray) -> npt.NDArray[np.int32]:
    """Where each text begins in the array's memory, and where the last one ends."""
    return np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]


def _bytes_of(texts: pa.StringArray) -> npt.NDArray[np.uint8]:
    """The texts in UTF-8, one after another."""
    offsets = _offsets_of(texts)
    return np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
