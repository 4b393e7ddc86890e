"""The forms in which a database may hold one value: numbers and flags written as text, times with an offset, names.

Each function gives the value in its plain form, or unchanged if it is none of these. Which plain values are usable
belongs in `schemas`, which forms of a number are one id in `column_expressions`.
"""

import datetime as dt
import re
from typing import Any

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TIME = re.compile(
    r"(?P<hour>[0-9]|[01][0-9]|2[0-3]):(?P<rest>[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?)"
    r"(?: ?(?:[Zz]|UTC|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3])(?::?(?P<minutes>[0-5][0-9]))?))?"
)
_FLAGS = {"true": 1, "t": 1, "false": 0, "f": 0}
# str.strip knows the blanks of Unicode, but not what has no width
_INVISIBLE = "\u200b\u2060\ufeff"
_BLANK = "".join(filter(str.isspace, map(chr, range(0x3001)))) + _INVISIBLE


def number_of(value: object) -> Any:  # noqa: ANN401  any value that is no number comes back as it is
    """The number that a text holds exactly, None for an empty text."""
    if not isinstance(value, str):
        return value
    if not value:
        return None
    return float(value) if _NUMBER.fullmatch(value) else value


def flag_of(value: object) -> Any:  # noqa: ANN401  the same
    """The number that a text holds exactly, 1 and 0 for `true` and `false`, `t` and `f`."""
    return _FLAGS.get(value.lower(), number_of(value)) if isinstance(value, str) else value


def trimmed(name: object) -> Any:  # noqa: ANN401  the same
    """The text without the blanks and invisible characters at its ends."""
    return name.strip(_BLANK) if isinstance(name, str) else name


def visitor_of(user_id: object) -> Any:  # noqa: ANN401  the same
    """None for a text that is empty or blank: the visitor is not known."""
    return None if isinstance(user_id, str) and not trimmed(user_id) else user_id


def is_time(value: object) -> bool:
    """Whether the value is text that is a time of the day, also with a single digit for the hour, or an offset."""
    return isinstance(value, str) and _TIME.fullmatch(value) is not None


def plain_time(value: object) -> Any:  # noqa: ANN401  the same
    """The time in UTC as HH:MM:SS, with its fraction; unchanged if its offset moves it to another day."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    time = f"{found['hour']:>02}:{found['rest']}"
    if not found["sign"]:
        return time
    offset = dt.timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    local = dt.datetime.combine(dt.date(2000, 1, 2), dt.time.fromisoformat(time))
    in_utc = local - offset if found["sign"] == "+" else local + offset
    return in_utc.time().isoformat() if in_utc.date() == local.date() else value
