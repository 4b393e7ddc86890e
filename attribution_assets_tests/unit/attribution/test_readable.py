"""Text from outside as people read it: on one line, short, and without characters that cannot be seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.tables.readable import LONGEST, readable, readable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\r\tc\0", r"a\nb\r\tc\x00"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("abc\u202etxt.exe\u2066", r"abc\u202etxt.exe\u2066"),
        ("a\u200bb\ufeff\u2028", r"a\u200bb\ufeff\u2028"),
        ("\ud800", r"\ud800"),
        ("[red]Größe\xa0広告 😀[/red]", "[red]Größe\xa0広告 😀[/red]"),
    ],
)
def test_characters_that_cannot_be_seen_are_shown_as_escapes(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_a_long_name_keeps_its_start_and_its_end() -> None:
    shown = readable("start" + "x" * 27_000 + "end")
    assert (len(shown), shown[:6], shown[-4:]) == (LONGEST, "startx", "xend")
    assert len(readable("\x1b" * 27_000)) == LONGEST
    assert readable("x" * LONGEST) == "x" * LONGEST


def test_line_breaks_and_tabs_stay_where_lines_are_meant() -> None:
    assert readable_lines("Traceback:\n\t\x1b[2J\r") == "Traceback:\n\t\\x1b[2J\\r"
    assert readable_lines("a\x85b\u2028c\x0b") == r"a\x85b\u2028c\x0b"


@given(st.text())
def test_any_text_is_shown_on_one_line_that_can_be_printed(text: str) -> None:
    shown = readable(text, longest=None)
    assert all(letter.isprintable() or letter.isspace() for letter in shown)
    assert not set(shown) & set("\n\r\t\x0b\x0c\x85\u2028\u2029\x1b")
    shown.encode()
