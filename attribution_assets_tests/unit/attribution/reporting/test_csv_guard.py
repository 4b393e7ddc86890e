"""The guard of CSV files: no spreadsheet takes a name for a formula, and each name can be had back."""

import csv
import io
import re

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attribution_assets.attribution.reporting.csv_text import csv_text
from attribution_assets.attribution.reporting.report_file import with_readable_paths

FORMULA = re.compile(r"""["\s\u200b\ufeff]*[=+\-@＝＋－＠]""")  # noqa: RUF001  # full-width forms count too
"""What a spreadsheet may take for a formula, at the beginning of a cell."""


def cells(frame: pd.DataFrame, *, guard: bool = True, delimiter: str = ",") -> list[list[str]]:
    """The rows of the file, as a spreadsheet reads it that separates at the delimiter."""
    text = csv_text(frame, guard=guard)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]


def guarded(name: str) -> str:
    return cells(pd.DataFrame({"channel_name": [name], "cost": [1.0]}))[0][0]


def as_it_was(cell: str) -> str:
    """The cell without its guard, as the README says."""
    cell = re.sub(r"(^|\r\n|[;\t\r\n])'", r"\1", cell)
    return re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), cell)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),  # noqa: RUF001
        ("＠SUM", "'＠SUM"),  # noqa: RUF001
        ("\t=1", "'\t'=1"),
        ("\tname", "'\tname"),
        ("\r=1", "'\r'=1"),
        ("  =1", "'  =1"),
        ("\xa0=1", "'\xa0=1"),
        ("\u200b=1", "'\u200b=1"),
        ('"=1', "'\"=1"),
        ("a;=1+1", "a;'=1+1"),
        ('a; "=1";b', 'a;\' "=1";b'),
        ("a\r\n=1", "a\r\n'=1"),
        ("a\n@b", "a\n'@b"),
        ("'tis", "''tis"),
    ],
)
def test_what_a_spreadsheet_would_run_stands_behind_an_apostrophe(name: str, cell: str) -> None:
    assert guarded(name) == cell
    assert as_it_was(cell) == name


@pytest.mark.parametrize(
    "name", ["Search", "SEA - Brand", "a=b", "a;b", "a, b", 'say "hi"', "a\nb", "Größe", "it's", ""]
)
def test_other_names_stand_as_they_are(name: str) -> None:
    assert guarded(name) == name


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x00b\x7f\x9bc", r"a\x00b\x7f\x9bc"),
        ("\x1b=1", r"\x1b=1"),
        ("\t\x1b", "'\t\\x1b"),
        (r"\x1b", r"\x5cx1b"),
        (r"\\x1b", r"\\x5cx1b"),
        ("\\\x1b", r"\\x1b"),
        (r"\x5cx1b", r"\x5cx5cx1b"),
        (r"C:\xmas \x1", r"C:\xmas \x1"),
    ],
)
def test_a_control_character_is_written_as_its_code(name: str, cell: str) -> None:
    assert guarded(name) == cell
    assert as_it_was(cell) == name


ODD = "=+-@＝;'\t\r\n \"a,\u200b\x1b\x80\\x5c"  # noqa: RUF001  # the full-width form is meant


@given(st.text(st.sampled_from(ODD), max_size=12) | st.text(st.characters(codec="utf-8")))
@example("\r'\n=")
def test_any_name_can_be_had_back_and_no_piece_of_it_is_a_formula(name: str) -> None:
    cell = guarded(name)
    assert as_it_was(cell) == name
    assert not [piece for piece in re.split(r"[;\t\r\n]", cell) if FORMULA.match(piece)]


@pytest.mark.parametrize("name", ["a;=1+1;b", 'a;"=1+1";b', "a;\n=1+1;b", '";=1+1;b', "a\r\n=1+1;b"])
def test_a_spreadsheet_that_separates_at_semicolons_finds_no_formula(name: str) -> None:
    frame = pd.DataFrame({"model": ["ihc"], "channel_name": [name], "orders": [1.0]})
    found = [cell for row in cells(frame, delimiter=";") for cell in row]
    assert not [cell for cell in found if FORMULA.match(cell)]


def test_numbers_stand_as_they_are_and_missing_values_are_empty() -> None:
    frame = pd.DataFrame({"name": ["-1", None], "cost": [-1.5, float("nan")], "orders": [-2, 3]})
    assert cells(frame) == [["'-1", "-1.5", "-2"], ["", "", "3"]]


def test_the_channels_of_a_path_are_guarded_too() -> None:
    paths = with_readable_paths(pd.DataFrame({"path": ['["=1+1", "b;@c"]'], "orders": [1]}))
    assert cells(paths) == [["'=1+1 > b;'@c", "1"]]


def test_without_the_guard_names_stand_as_they_are() -> None:
    assert cells(pd.DataFrame({"name": ["=1+1", "'a"]}), guard=False) == [["=1+1"], ["'a"]]


def test_a_name_of_many_separators_takes_no_time_to_speak_of() -> None:
    for name in ("\t" * 60_000, "; " * 30_000, '"' * 60_000):
        assert as_it_was(guarded(name)) == name
