"""What the command prints goes to any encoding, and to nobody, without an error."""

import io
import os
import sys

import pytest

from attribution_assets.command.output import any_output


def test_characters_that_the_encoding_lacks_are_written_as_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="ascii") as read, io.TextIOWrapper(io.FileIO(writing, "w"), "ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with any_output():
            print("Größe 1 €")  # noqa: T201  # this is what is tested
        assert sys.stdout is stream
        assert read.readline() == "Gr\\xf6\\xdfe 1 \\u20ac\n"


def test_what_nobody_reads_any_more_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with io.TextIOWrapper(io.FileIO(writing, "w"), "utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        os.close(reading)
        with any_output():
            for _ in range(3):
                print("line " * 10_000, flush=True)  # noqa: T201  # as above


def test_an_output_that_was_closed_before_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with any_output():
        print("nobody reads this")  # noqa: T201  # as above
    assert sys.stdout is None
