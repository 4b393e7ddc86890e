"""Source rows that are set aside, as the table that is stored of them.

Why a row is set aside is decided in `usable_rows`.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from attribution_assets.attribution.source.value_forms import number_of

_SHOWN_CHARACTERS = 60


class RejectedRow(NamedTuple):
    """A row that is set aside.

    Attributes:
        row_key: its id as text, None where it is NULL.
        reason: all its defects, joined by "; ", each as column, value and defect.
        row: its values by column as JSON, long ones shortened.
        amount: the money that it carries, None where there is none or it cannot be read.
    """

    row_key: str | None
    reason: str
    row: str
    amount: float | None


def rejected_row(
    key: object, defects: Sequence[str], values: Mapping[str, object], amounts: Iterable[object] = ()
) -> RejectedRow:
    """A row that is set aside.

    Args:
        key: its id.
        defects: what is wrong with it.
        values: its values by column.
        amounts: the amounts that are set aside with it, as the database gives them.
    """
    row = json.dumps({column: _json_value(value) for column, value in values.items()}, ensure_ascii=False)
    row_key = key if key is None or isinstance(key, str) else repr(key)
    readable = [float(number) for number in map(number_of, amounts) if _is_readable(number)]
    return RejectedRow(row_key, "; ".join(defects), row, math.fsum(readable) if readable else None)


def rejected_frame(rows: Iterable[RejectedRow]) -> pd.DataFrame:
    """The rows as a table, by row_key, then row; those without a key first."""
    ordered = sorted(rows, key=lambda row: (row.row_key is not None, row.row_key or "", row.row, row.reason))
    return _frame_of(ordered) if ordered else NO_ROWS.copy()


def _frame_of(ordered: Sequence[RejectedRow]) -> pd.DataFrame:
    frame = pd.DataFrame(ordered, columns=list(RejectedRow._fields), dtype=object)
    return frame.astype({"amount": "float64"})


NO_ROWS = _frame_of(())


def shown(value: object) -> str:
    """The value as it stands in a reason."""
    return _shortened(repr(value[: _SHOWN_CHARACTERS + 1] if isinstance(value, str | bytes) else value))


def _is_readable(amount: object) -> bool:
    try:
        return not isinstance(amount, str | bytes | None) and math.isfinite(float(amount))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def _json_value(value: object) -> object:
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = value if isinstance(value, str) else repr(value)
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
