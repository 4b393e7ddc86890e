"""Which of the account's conversion types splits which order: what the source says of an order, and what it stands for.

How journeys are packed and asked for by type is in `client.py`; where the mapping comes from is the caller's affair.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

CONV_TYPE_ID = "conv_type_id"
"""The column in which a frame of journeys says which conversion type splits the order of each row."""


@dataclass(frozen=True)
class OrderTypes:
    """Which conversion type splits which order.

    Attributes:
        default: the one of orders for which the source names none.
        mapped: value of `conversions.conversion_type` -> conversion type.
    """

    default: str
    mapped: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_use(self) -> list[str]:
        """The conversion types that orders can have, the default one first."""
        return list(dict.fromkeys([self.default, *self.mapped.values()]))

    def of(self, value: str) -> str:
        """The conversion type that a value stands for; an empty one for the default.

        Raises:
            KeyError: the value is not mapped.
        """
        return self.mapped[value] if value else self.default

    def unmapped(self, values: Iterable[str]) -> list[str]:
        """Those of the values that are not mapped, sorted."""
        return sorted({value for value in values if value} - self.mapped.keys())

    def with_types(self, journeys: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
        """The journeys with the column `conv_type_id`.

        Args:
            journeys: the table `journeys` of a day.
            named: the table `order_types` of the day.

        Raises:
            KeyError: a value is not mapped.
        """
        values = dict(zip(named["conv_id"], named["conversion_type"], strict=True))
        types = {value: self.of(value) for value in {"", *values.values()}}
        of_rows = [types[values.get(order, "")] for order in journeys["conv_id"]]
        return journeys.assign(**{CONV_TYPE_ID: pd.Series(of_rows, index=journeys.index, dtype=object)})


@dataclass(frozen=True)
class AskedWith:
    """The settings that answers for a conversion type were asked with, as `Stamp.settings` tells them.

    Attributes:
        conv_type_id: the conversion type.
        alone: the settings of days all of whose orders were split by it.
        of_day: those of a day with such conversion types of orders as a stamp names.
        types: which conversion type splits which order.
    """

    conv_type_id: str
    alone: str
    of_day: Callable[[Sequence[str]], str]
    types: OrderTypes


def values_of(orders: Iterable[str], named: pd.DataFrame) -> tuple[str, ...]:
    """What the source says of the conversion types of some orders: the different values, sorted; none if it names none.

    Args:
        orders: the orders.
        named: the table `order_types` of their day; of orders that are not in it, it says "".
    """
    values = dict(zip(named["conv_id"], named["conversion_type"], strict=True))
    found = {values.get(order, "") for order in orders}
    return () if found <= {""} else tuple(sorted(found))
