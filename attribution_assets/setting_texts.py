"""How the text of one setting is read: from a variable, or from a data set's file.

Which settings there are is in `settings.py`.
"""

import datetime as dt
import json
import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.attribution.calendar.windows import JourneyEnd
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.errors import ConfigurationError

EARLIEST_DAY, LATEST_DAY = dt.date(1970, 1, 1), dt.date(2099, 12, 31)
"""The days that a calendar may have. `source/column_expressions` takes what lies after for no date."""


@dataclass(frozen=True)
class Given:
    """The text of a setting. Each method reads it as one kind of value.

    Attributes:
        label: what people call the setting: its variable, or file, line and attribute.
        text: its text.
        variable: the variable that it was read from; None if it stands in a file.
    """

    label: str
    text: str
    variable: str | None = None

    def refused(self, takes: str) -> ConfigurationError:
        """The error that says what the setting takes instead."""
        return ConfigurationError(f"{self.label} is {quoted(self.text)}: it takes {takes}")

    def day(self) -> dt.date:
        """A day that a calendar may have.

        Raises:
            ConfigurationError: It is no date written YYYY-MM-DD, or before EARLIEST_DAY or after LATEST_DAY.
        """
        day = day_written(self.text)
        if day is None or not EARLIEST_DAY <= day <= LATEST_DAY:
            raise self.refused(f"a date written YYYY-MM-DD, from {EARLIEST_DAY} to {LATEST_DAY}")
        return day

    def whole_number(self, most: int) -> int:
        """A whole number from 1 to `most`.

        Raises:
            ConfigurationError: It is none.
        """
        number = int(self.text) if re.fullmatch(r"\d{1,36}", self.text, re.ASCII) else 0  # of more Python reads none
        if not 1 <= number <= most:
            raise self.refused(f"a whole number from 1 to {most}")
        return number

    def share(self) -> float:
        """A number from 0 to 1.

        Raises:
            ConfigurationError: It is none.
        """
        try:
            share = float(self.text)
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            raise self.refused("a number from 0 to 1")
        return share

    def names(self) -> frozenset[str]:
        """Names with commas between them, casefolded."""
        return frozenset(name.strip().casefold() for name in self.text.split(",") if name.strip())

    def columns(self, taken: Container[str]) -> tuple[str, ...]:
        """Names of columns with commas between them, in lower case.

        Args:
            taken: Columns that have a meaning of their own.

        Raises:
            ConfigurationError: A name cannot be a column's, has a meaning of its own, or is there twice.
        """
        found: list[str] = []
        for name in (part.strip().lower() for part in self.text.split(",") if part.strip()):
            said = f"{self.label} names {quoted(name)}"
            if not re.fullmatch(r"\w[\w .-]*", name):
                raise ConfigurationError(f"{said}: it takes names of columns, separated by commas")
            if name in taken:
                raise ConfigurationError(f"{said}, which has a meaning of its own: name other columns")
            if name in found:
                raise ConfigurationError(f"{said} twice: leave one of them")
            found.append(name)
        return tuple(found)

    def journey_end(self) -> JourneyEnd:
        """Where the lookback window ends.

        Raises:
            ConfigurationError: It is neither of the two.
        """
        try:
            return JourneyEnd(self.text)
        except ValueError:
            raise self.refused("before or at") from None

    def hour(self) -> int:
        """An hour of the day.

        Raises:
            ConfigurationError: It is none.
        """
        if self.text not in {*map(str, range(24)), *(f"{hour:02}" for hour in range(24))}:
            raise self.refused("a whole number from 0 to 23")
        return int(self.text)

    def conversion_types(self) -> Mapping[str, str]:
        """Value of `conversions.conversion_type` -> conversion type, from a JSON object.

        Raises:
            ConfigurationError: It is none, or one of its parts is no text, empty, or there twice.
        """
        said = f"{self.label} is {quoted(self.text)}"
        try:
            pairs = json.loads(self.text, object_pairs_hook=_Pairs)
        except ValueError as error:
            raise ConfigurationError(f"{said}: it is no JSON ({error})") from None
        if not isinstance(pairs, _Pairs):
            raise ConfigurationError(said + ': it takes a JSON object such as {"new": "new_customers"}')
        types: dict[str, str] = {}
        for value, conversion_type in pairs:
            parts = [part.strip() if isinstance(part, str) else "" for part in (value, conversion_type)]
            if not all(parts):
                raise ConfigurationError(
                    f"{said}: each value and each conversion type has to be a text that is not empty"
                )
            if parts[0] in types:
                raise ConfigurationError(f"{said}: {quoted(parts[0])} is there twice")
            types[parts[0]] = parts[1]
        return types


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object, those that are there twice included."""
