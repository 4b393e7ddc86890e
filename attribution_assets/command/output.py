"""What the command's output goes to: a terminal, a file, a pipe, in any encoding, and perhaps nobody.

Printing is not what a run is for. So a character that the encoding lacks is written as an escape, and what nobody reads
any more is dropped. A full disk is still an error. What is printed belongs in `terminal.py`.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Pipe(io.FileIO):
    """A file descriptor that takes all bytes: those that a closed pipe refuses are dropped."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


@contextmanager
def any_output() -> Iterator[None]:
    """Let stdout and stderr take any text as long as the context is open, and go on when their reader has gone."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_forgiving, before)
    try:
        yield
    finally:
        for stream, original in zip((sys.stdout, sys.stderr), before, strict=True):
            with suppress(OSError):
                stream.flush()
            if original is None:
                stream.close()
        sys.stdout, sys.stderr = before


def _forgiving(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed before the process began, as by `>&-`
        return Path(os.devnull).open("w", encoding="utf-8")  # closed by `any_output`
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        descriptor = stream.fileno()
    except OSError:  # not a file, but a place in memory
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
