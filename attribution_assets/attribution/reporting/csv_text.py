r"""A table as the text of a CSV file: as RFC 4180 has it, numbers with all their digits, names guarded.

A spreadsheet takes text that begins like a formula for one. Such text comes from outside: any visitor can write the
channel of an address. So a guarded file has an apostrophe before it, at the beginning of a cell and after each `;`, tab
or line break in it, where a spreadsheet that separates at these would begin another cell. An apostrophe that stands in
one of these places already gets another one. Control characters but tabs and line breaks, which a terminal would obey,
are written as `\x1b` and the like, and so is a backslash that would be read as the beginning of such an escape. So to
have the cells as they were, delete one apostrophe in each place, then read the escapes:
`re.sub(r"(^|\r\n|[;\t\r\n])'", r"\1", cell)` and
`re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), cell)`. Numbers are left alone, negative ones too.
"""

import re

import pandas as pd

_UNSEEN = r"\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_TO_ESCAPE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\\(?=x[0-9a-f]{2})")
_FORMULA = rf"(?:[^\S\t\r\n]|[{_UNSEEN}\"])*+[=+\-@＝＋－＠﹦﹢﹣﹫]"  # noqa: RUF001  # full-width and small forms count too
_TO_GUARD = re.compile(rf"^(?=[\t\r\n'])|(^|\r\n|[;\t\r\n])(?='|{_FORMULA})")


def csv_text(table: pd.DataFrame, *, guard: bool) -> str:
    """The table as the text of a CSV file; missing values are empty.

    Args:
        table: Any table.
        guard: Whether its text is guarded, as above.
    """
    if guard:
        texts = [str(name) for name, dtype in table.dtypes.items() if not pd.api.types.is_numeric_dtype(dtype)]
        guarded = {name: _guarded_column(table[name]) for name in texts}
        if changed := {name: column for name, column in guarded.items() if column is not None}:
            table = table.assign(**changed)
    return table.to_csv(index=False, lineterminator="\r\n")


def _guarded_column(column: "pd.Series[str]") -> "pd.Series[str] | None":
    """The column with its texts guarded; None where none of them needs it, as is the rule."""
    cells = {cell: _guarded(cell) for cell in column.unique() if isinstance(cell, str)}
    if all(cell == guarded for cell, guarded in cells.items()):
        return None
    return column.map(lambda cell: cells[cell] if isinstance(cell, str) else cell)


def _guarded(cell: str) -> str:
    escaped = _TO_ESCAPE.sub(lambda letter: f"\\x{ord(letter[0]):02x}", cell)
    return _TO_GUARD.sub(lambda place: f"{place[1] or ''}'", escaped)
