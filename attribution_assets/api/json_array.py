"""The objects of a JSON array, read piece by piece: the whole array is never in memory.

Only where an object begins and ends, and on which line, is found here; what an object says as a row is read in
`uploads.py`, as that of a line of NDJSON.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO

from attribution_assets.api.batches import BYTES_AT_A_TIME, MOST_BYTES_OF_A_LINE, unreadable
from attribution_assets.api.problems import Problem

_NO_BLANK = re.compile(r"[^ \t\r\n]")
_DECODER = json.JSONDecoder()


class _Array:
    """The text of a JSON array as it is read: a part of it is in memory at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at, self._ended = "", 0, False
        self.line = 1

    def more(self) -> bool:
        """Read on; whether there was more."""
        if self._ended:
            return False
        piece = self._file.read(BYTES_AT_A_TIME)
        self._ended = not piece
        try:
            text = self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError:
            raise unreadable("the body is no UTF-8") from None
        self._text, self._at = self._text[self._at :] + text, 0
        return True

    def next(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            found = _NO_BLANK.search(self._text, self._at)
            self._go_to(found.start() if found else len(self._text))
            if found or not self.more():
                return found[0] if found else ""

    def take(self) -> None:
        """Go past a character."""
        self._go_to(self._at + 1)

    def value(self, row: int) -> str:
        """Go past a value, which is an object: its text.

        Raises:
            Problem: it is too long, or no JSON.
        """
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise unreadable(f"line {self.line} is no JSON that can be read: it is nested too deep", row) from None
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MOST_BYTES_OF_A_LINE:
                    reason = f"row {row} is longer than {MOST_BYTES_OF_A_LINE:,} bytes, or no JSON: {error.msg}"
                    raise unreadable(reason, row) from None
                if not self.more():
                    raise self.no_json(error.msg, error.pos, row) from None
                continue
            text = self._text[self._at : end]
            self._go_to(end)
            return text

    def no_json(self, reason: str, at: int | None = None, row: int | None = None) -> Problem:
        """The answer to what is no JSON at a place of the text, or here."""
        before = self._text[self._at : at or self._at]
        number, column = self.line + before.count("\n"), len(before) - before.rfind("\n")
        return unreadable(f"line {number} is no JSON: {reason} at column {column}", row)

    def _go_to(self, place: int) -> None:
        self.line += self._text.count("\n", self._at, place)
        self._at = place


def objects_of(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """The line and the text of each object of a JSON array.

    Raises:
        Problem: It is no JSON array of objects.
    """
    array = _Array(file)
    if (first := array.next()) != "[":
        raise unreadable("line 1: the body is no JSON array of rows") if first else array.no_json("the body is empty")
    array.take()
    row = 1
    while array.next() != "]" or row > 1:
        if (character := array.next()) != "{":
            is_value = character and character in '["-0123456789tfn'
            raise unreadable(f"row {row} is no JSON object", row) if is_value else array.no_json("an object is missing")
        line = array.line
        yield line, array.value(row)
        row += 1
        if (character := array.next()) not in (",", "]") or not character:
            raise array.no_json("a comma or the end of the array is missing")
        if character == "]":
            break
        array.take()
    array.take()
    if array.next():
        raise array.no_json("something stands after the array")
