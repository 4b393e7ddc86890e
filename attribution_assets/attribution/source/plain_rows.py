"""Source rows of any days, as somebody sends them: their values in plain form, and what is wrong with which row.

The rules and their words are those of `schemas`, by which `usable_rows` sorts the rows of one day: a row that is
refused here would be set aside there, with the same reason. That an id has one row does not belong here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pandera.pandas import DataFrameSchema

from attribution_assets.attribution.source.column_checks import are_plain_ids, are_texts, plain_amounts, plain_times
from attribution_assets.attribution.source.rejected_rows import shown
from attribution_assets.attribution.source.schemas import is_iso_date, reasons_of
from attribution_assets.attribution.source.value_forms import flag_of, number_of, plain_time, trimmed, visitor_of


class PlainRows(NamedTuple):
    """Rows, sorted out.

    Attributes:
        columns: the columns of the usable rows, in their order: amounts as float, flags as int, names and labels
            trimmed, times as in `value_forms.plain_time`, None for a visitor who is not known and for an empty label.
        defects: position of each other row -> all that is wrong with it, each as column, value and defect; by column.
    """

    columns: dict[str, list[Any]]
    defects: dict[int, list[tuple[str, str]]]


class _Kind(NamedTuple):
    """How values of a column are brought into plain form.

    Attributes:
        form: gives the plain form of a value, or the value unchanged if it has none.
        are_plain: whether all values, none of them None, are usable ones in plain form: the fast path.
        type: the type of usable values, None aside.
    """

    form: Callable[[object], Any]
    are_plain: Callable[[Sequence[Any]], object]
    type: Callable[[Any], Any] | None = None


_ID = _Kind(lambda value: value, are_plain_ids)
_VISITOR = _Kind(visitor_of, are_plain_ids)
_NAME = _Kind(trimmed, lambda values: are_texts(different := [*set(values)]) and all(map(trimmed, different)))
_DATE = _Kind(lambda value: value, lambda values: all(map(is_iso_date, set(values))))
_TIME = _Kind(plain_time, lambda values: plain_times(values) is not None)
_FLAG = _Kind(flag_of, lambda values: set(values) <= {0, 1}, int)
_AMOUNT = _Kind(number_of, lambda values: plain_amounts(values, {int, float}) is not None, float)

_KINDS: Mapping[str, _Kind] = {
    **dict.fromkeys(("session_id", "conv_id"), _ID),
    "user_id": _VISITOR,
    "channel_name": _NAME,
    **dict.fromkeys(("event_date", "conv_date", "date"), _DATE),
    **dict.fromkeys(("event_time", "conv_time"), _TIME),
    **dict.fromkeys(("holder_engagement", "closer_engagement", "impression_interaction"), _FLAG),
    **dict.fromkeys(("cost", "revenue", "refunded", "impressions", "clicks"), _AMOUNT),
}


def _label(value: object) -> object:
    return (trimmed(value) or None) if isinstance(value, str) else value


_LABEL = _Kind(_label, lambda values: all(value == trimmed(value) for value in set(values)) and are_plain_ids(values))
"""Of conversion types, campaigns and further columns."""


def is_amount(schema: DataFrameSchema, column: str) -> bool:
    """Whether a column of the table holds amounts."""
    return _kind(schema, column) is _AMOUNT


def is_flag(schema: DataFrameSchema, column: str) -> bool:
    """Whether a column of the table holds 0 and 1."""
    return _kind(schema, column) is _FLAG


def _kind(schema: DataFrameSchema, column: str) -> _Kind:
    return _KINDS.get(column, _LABEL) if column in schema.columns else _LABEL


def plain_rows(schema: DataFrameSchema, raw: Mapping[str, Sequence[Any]]) -> PlainRows:
    """The rows with their values in plain form, and what is wrong with the others.

    Args:
        schema: of the source table.
        raw: column name -> the values, all hashable, all columns equally long; with each column of the schema that has
            to be there, and any further ones, which hold texts and None.
    """
    columns: dict[str, list[Any]] = {}
    defects: dict[int, list[tuple[str, str]]] = {}
    given = [*filter(raw.__contains__, schema.columns), *(name for name in raw if name not in schema.columns)]
    for column in sorted(given, key=lambda name: _kind(schema, name) is _LABEL):
        columns[column] = _plain_column(schema, column, raw[column], defects)
        if column == "refunded" and "revenue" in columns:
            _note_larger_refunds(raw[column], columns, defects)
    if defects:
        kept = [i for i in range(len(next(iter(raw.values())))) if i not in defects]
        columns = {column: [values[i] for i in kept] for column, values in columns.items()}
    for column, values in columns.items():
        type_ = _kind(schema, column).type
        if type_ and set(map(type, values)) != {type_}:
            columns[column] = [None if value is None else type_(value) for value in values]
    return PlainRows(columns, {i: defects[i] for i in sorted(defects)})


def _plain_column(
    schema: DataFrameSchema, column: str, values: Sequence[Any], defects: dict[int, list[tuple[str, str]]]
) -> list[Any]:
    kind = _kind(schema, column)
    form, are_plain = kind[:2]
    known = [value for value in values if value is not None]
    if are_plain(known):
        plain, suspects = list(values), [None] * (len(known) < len(values))
    else:
        forms = {key: form(key[1]) for key in {(type(value), value) for value in values}}
        plain = [forms[type(value), value] for value in values]
        known = [value for value in plain if value is not None]
        all_plain = are_plain(known)
        suspects = [value for (_, value), its_form in forms.items() if its_form is None or not all_plain]
    if suspects and column in schema.columns:
        checked = [form(value) for value in suspects] if kind in (_VISITOR, _LABEL) else suspects
        reasons = {
            (type(suspects[i]), suspects[i]): reason for i, reason in reasons_of(schema, column, checked).items()
        }
        if reasons:
            for i, value in enumerate(values):
                if reason := reasons.get((type(value), value)):
                    defects.setdefault(i, []).append((column, f"{column} {shown(value)} {reason}"))
    return plain


def _note_larger_refunds(
    raw: Sequence[Any], columns: Mapping[str, Sequence[Any]], defects: dict[int, list[tuple[str, str]]]
) -> None:
    for i, (refunded, revenue) in enumerate(zip(columns["refunded"], columns["revenue"], strict=True)):
        unknown = {column for column, _ in defects.get(i, ())}
        if refunded and unknown.isdisjoint(("refunded", "revenue")) and refunded > revenue:
            reason = f"refunded {shown(raw[i])} is more than the revenue, {revenue:g}"
            defects.setdefault(i, []).append(("refunded", reason))
