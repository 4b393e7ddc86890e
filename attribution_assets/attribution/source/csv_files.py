"""CSV files of a source table as DuckDB reads them: every value as text, exactly as it is written.

Nothing is guessed. The first line has to name the columns, and the separator is the one by which it names the most of
those that the table has; values may stand in "double quotes". An empty value is NULL. Which values are usable does not
belong here, but in `schemas`.
"""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from attribution_assets.attribution.source.value_forms import trimmed
from attribution_assets.attribution.tables.readable import quoted

SUFFIXES = (".csv", ".csv.gz")

_SEPARATORS = (",", ";", "\t", "|")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_GZIP = b"\x1f\x8b"
_MOST_CHARACTERS = 1_000_000
"""A first line that is longer is none."""


class CsvFileError(Exception):
    """A file cannot be read as CSV; the message names it, with the line, and says what to do."""


class Header(NamedTuple):
    """What the first line of a file says.

    Attributes:
        columns: the names of the columns, as they are written, without blanks around them.
        separator: what stands between them.
    """

    columns: tuple[str, ...]
    separator: str


def read_header(path: Path, known: Collection[str]) -> Header:
    """The first line of a file.

    Args:
        path: a file in UTF-8, with or without a byte order mark, plain or compressed by gzip.
        known: the columns of its table, in lower case.

    Raises:
        CsvFileError: the file is empty, is no text in UTF-8, or its first line names none of the columns, or one twice.
    """
    line = _first_line(path)
    headers = [Header(_names(next(csv.reader([line], delimiter=each), [])), each) for each in _SEPARATORS]
    header = max(headers, key=lambda each: len(_lower(each.columns) & set(known)))
    if not _lower(header.columns) & set(known):
        raise CsvFileError(
            f"{path}, line 1: it names none of the columns {', '.join(known)}, but is {quoted(line)}: the first line"
            " has to name the columns, separated by a comma, a semicolon, a tab or a |."
        )
    several = [name for name, count in Counter(map(str.lower, header.columns)).items() if count > 1 and name in known]
    if several:
        raise CsvFileError(f"{path}, line 1: it names the column {several[0]} twice: leave one of them.")
    return header


def select_from(files: Iterable[tuple[str, Header]]) -> str:
    """The SQL that reads files as one table: a column that one of them lacks is NULL there.

    Args:
        files: the path of each, as a pattern of DuckDB, and its header.
    """
    alike: dict[Header, list[str]] = {}
    for path, header in files:
        alike.setdefault(header, []).append(path)
    return " UNION ALL BY NAME ".join(_select(paths, header) for header, paths in alike.items())


def problem(words: str) -> str:
    """What DuckDB says of a file that it cannot read, in one line; empty if it does not speak of a CSV file."""
    found = re.search(r"^\s*file = (.*)$", words, re.MULTILINE)
    if not found:
        return ""
    line = re.search(r"CSV Error on Line: (\d+)", words)
    where = f"{found[1]}, line {line[1]}" if line else found[1]
    values = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", words)
    if values:
        return (
            f"{where}: it has {values[2]} values where the first line names {values[1]} columns: mend the line (a value"
            ' that holds the separator stands in "double quotes").'
        )
    if "unterminated quote" in words:
        return f'{where}: a value that begins with " has no " at its end: mend the line (a " in it is written "").'
    if "not utf-8" in words:
        return f"{where}: it is not in UTF-8: save the file as UTF-8."
    if "invalid state" in words:
        return (
            f"{where}: some of its lines end with a carriage return and others without, or a quote is out of place:"
            " save it with one kind of line ends, values with quotes, separators or line ends in double quotes."
        )
    said = next((text for text in words.splitlines()[1:] if text and "Original Line" not in text), words)
    return f"{where}: it cannot be read ({said.strip().rstrip('.')}): write it anew as plain CSV."


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    if start in _UTF_16:
        raise CsvFileError(f"{path}: it is in UTF-16: save the file as UTF-8.")
    if (start == _GZIP) != path.name.endswith(".gz"):
        raise CsvFileError(f"{path}: a file is compressed by gzip if its name ends with .gz, and only then: rename it.")
    with gzip.open(path) if start == _GZIP else path.open("rb") as file:
        content = file.readline(_MOST_CHARACTERS).split(b"\r")[0]
    try:
        line = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CsvFileError(f"{path}, line 1: it is not in UTF-8: save the file as UTF-8.") from None
    if not line.strip():
        raise CsvFileError(f"{path}, line 1: it is empty, but has to name the columns.")
    return line.rstrip("\n")


def _names(row: list[str]) -> tuple[str, ...]:
    return tuple(str(trimmed(name)) for name in row)


def _lower(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _select(paths: list[str], header: Header) -> str:
    columns = ", ".join(f"{as_literal(name)}: 'VARCHAR'" for name in _distinct(header.columns))
    return (
        f"SELECT * FROM read_csv([{', '.join(map(as_literal, paths))}], columns = {{{columns}}},"  # noqa: S608  all quoted
        f" delim = {as_literal(header.separator)}, header = true, auto_detect = false, nullstr = '', quote = '\"',"
        " escape = '\"', compression = 'auto', hive_partitioning = false)"
    )


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """The names, with a number instead of one that is empty or has been there."""
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        new = name if name and name.lower() not in seen else f"column {number}"
        seen.add(new.lower())
        yield new


def as_literal(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
