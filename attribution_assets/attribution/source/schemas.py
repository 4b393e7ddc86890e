"""The definition of a usable source row: one pandera schema per table, for the values as the database gives them.

A check's `error` completes "<column> <value> ..."; at most one check of a column fails on a value. Dates and times are
text here, whatever type their columns have: `statements` makes them text. Values may have any of the forms of
`value_forms`.

The rule that each id has one row does not belong here, because it concerns more than the rows of one day: `statements`
counts the rows of each id, and `usable_rows` rejects those with several.
"""

import datetime as dt
import decimal
import math
import re
from collections.abc import Callable, Sequence

import pandas as pd
from pandera.errors import SchemaErrors
from pandera.pandas import Check, Column, DataFrameSchema

from attribution_assets.attribution.source.value_forms import flag_of, is_time, number_of, plain_time, trimmed

MOST_AMOUNT = 1e15
"""Every cost and revenue is below this limit: larger amounts would not sum exactly."""

MAX_ID_LENGTH = 256

TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
"""A plain time: `HH:MM:SS`, or `HH:MM:SS.f` with up to six digits."""

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_iso_date(value: object) -> bool:
    """Whether the value is text that names a day of the calendar as YYYY-MM-DD."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _stays_on_its_day(value: object) -> bool:
    return not is_time(value) or re.fullmatch(TIME, plain_time(value)) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, float | int | decimal.Decimal) and not isinstance(value, bool)


def _each(holds: Callable[[object], bool], otherwise: str) -> Check:
    return Check(holds, element_wise=True, ignore_na=False, error=otherwise)


def _if_text(holds: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or holds(value)


def _if_number(holds: Callable[[float], bool]) -> Callable[[object], bool]:
    return lambda value: not _is_number(number := number_of(value)) or holds(number)


def _unless_text(holds: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) or holds(value)


def _column(description: str, *checks: Check) -> Column:
    return Column(None, list(checks), nullable=True, description=description)


_IN_TEXT = "(the column holds text)"
_PRESENT = _each(lambda value: value is not None, "is missing")
_IS_TEXT = _each(lambda value: value is None or isinstance(value, str), "is not text")
_SHORT = (
    _each(_if_text(lambda value: len(value) <= MAX_ID_LENGTH), f"is longer than {MAX_ID_LENGTH} characters"),
    _each(
        _if_text(lambda value: len(value) > MAX_ID_LENGTH or not _CONTROL_CHARACTER.search(value)),
        "holds a control character",
    ),
)
_AMOUNT = (
    _each(_unless_text(lambda value: value is None or _is_number(value)), "is not a number"),
    _each(_if_text(lambda value: not isinstance(number_of(value), str)), f"is not a number {_IN_TEXT}"),
    _each(_if_number(math.isfinite), "is not finite"),
    _each(_if_number(lambda value: not math.isfinite(value) or value < MOST_AMOUNT), f"is not below {MOST_AMOUNT:g}"),
)


def _name(description: str) -> Column:
    return _column(description, _PRESENT, _IS_TEXT, _each(_if_text(lambda value: bool(trimmed(value))), "is empty"))


def _id(description: str) -> Column:
    return _column(description, _PRESENT, _IS_TEXT, _each(_if_text(bool), "is empty"), *_SHORT)


def _visitor(description: str) -> Column:
    return _column(description, _IS_TEXT, *_SHORT)


def _date(description: str) -> Column:
    return _column(description, _each(is_iso_date, "is not a date YYYY-MM-DD"))


def _time(description: str) -> Column:
    return _column(
        description,
        _each(is_time, "is not a time HH:MM:SS"),
        _each(_stays_on_its_day, "is on another day in UTC: write date and time in UTC"),
    )


def _further_text(description: str) -> Column:
    """Of a column that a table may lack."""
    return Column(None, [_IS_TEXT, *_SHORT], nullable=True, required=False, description=description)


def _further_amount(description: str) -> Column:
    checks = [*_AMOUNT, _not_negative("is negative")]
    return Column(None, checks, nullable=True, required=False, description=description)


def _flag(description: str) -> Column:
    return _column(
        description,
        _each(_unless_text(lambda value: value in (0, 1)), "is neither 0 nor 1"),
        _each(_if_text(lambda value: flag_of(value) in (0, 1)), f"is neither 0 nor 1 {_IN_TEXT}"),
    )


def _not_negative(otherwise: str) -> Check:
    return _each(_if_number(lambda value: not math.isfinite(value) or value >= 0), otherwise)


SESSION_SOURCES = DataFrameSchema(
    {
        "session_id": _id("The visit"),
        "user_id": _visitor("The visitor; empty where it is not known"),
        "event_date": _date("Day of the visit, UTC"),
        "event_time": _time("Start of the visit, UTC"),
        "channel_name": _name("Marketing channel that brought the visit: any text"),
        "holder_engagement": _flag("1 if the visit counts for the holder phase"),
        "closer_engagement": _flag("1 if the visit counts for the closer phase"),
        "impression_interaction": _flag("1 if an ad was seen, not clicked"),
    },
    name="session_sources",
)

SESSION_COSTS = DataFrameSchema(
    {
        "session_id": _id("The visit"),
        "cost": _column("Paid for the visit; NULL where it is not known", *_AMOUNT, _not_negative("is negative")),
    },
    name="session_costs",
)

CONVERSIONS = DataFrameSchema(
    {
        "conv_id": _id("The order"),
        "user_id": _visitor("The visitor who ordered; empty where it is not known"),
        "conv_date": _date("Day of the order, UTC"),
        "conv_time": _time("Time of the order, UTC"),
        "revenue": _column(
            "Value of the order",
            _each(lambda value: number_of(value) is not None, "is missing"),
            *_AMOUNT,
            _not_negative("is negative: refunds are not attributed"),
        ),
        "conversion_type": _further_text("If there: which conversion type splits the order; empty for the default one"),
        "refunded": _further_amount("If there: what of the revenue was paid back; NULL for nothing"),
    },
    name="conversions",
)

AD_SPEND = DataFrameSchema(
    {
        "date": _date("Day on which it was spent, UTC"),
        "channel_name": _name("Marketing channel that it was spent on, as the visits name it"),
        "cost": _column(
            "What was spent",
            _each(lambda value: number_of(value) is not None, "is missing"),
            *_AMOUNT,
            _not_negative("is negative"),
        ),
        "campaign": Column(None, nullable=True, required=False, description="If there: the campaign; so are others"),
        "impressions": _further_amount("If there: how often ads were shown"),
        "clicks": _further_amount("If there: how often ads were clicked"),
    },
    name="ad_spend",
)

SOURCE_TABLES = {str(schema.name): schema for schema in (SESSION_SOURCES, SESSION_COSTS, CONVERSIONS, AD_SPEND)}
"""The schema of each source table, by the table's name."""


def reasons_of(schema: DataFrameSchema, column: str, values: Sequence[object]) -> dict[int, str]:
    """Position -> the reason why the value there cannot be used: of those that fail the checks of the column."""
    frame = pd.DataFrame({column: pd.Series(list(values), dtype=object)})
    try:
        schema.columns[column].validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases.sort_values("index", kind="stable")
        return {int(case.index): str(case.check) for case in cases.itertuples(index=False)}
    return {}
