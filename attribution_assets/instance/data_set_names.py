"""What the things of a data set are called in Dagster: asset keys, and names of jobs, sensors, resources and steps.

Those of the data set that the environment describes have plain names: `sessions`, the job `attribution`. Those of a
named one have its name before: the asset key `[shop_de, sessions]`, the job `shop_de__attribution`. And what its
settings are called in messages: those of the environment are variables, those of others attributes.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.settings import ATTRIBUTES

if TYPE_CHECKING:
    import dagster as dg

DATA_SET_TAG = "data_set"
"""Tag of the runs, assets and jobs of a named data set: its name."""

_BETWEEN = "__"
"""Between a data set's name and what is named; Dagster makes a step's name of an asset key in the same way."""

_ATTRIBUTE_OF = {variable: attribute for attribute, variable in ATTRIBUTES.items()}
_SETTING = re.compile(
    rf"(?<!the variable )\b({'|'.join(sorted(_ATTRIBUTE_OF, key=len, reverse=True))})\b(=(?:'[^']*'|[^\s;,]+))?"
)
"""A variable of a setting in a message, and the value that it has or is to have, where that is said."""


@dataclass(frozen=True)
class DataSetNames:
    """The names of one data set's things.

    Attributes:
        data_set: the data set's name; empty for that of the environment.
    """

    data_set: str = ""

    def of(self, name: str) -> str:
        """The full name of a job, schedule, sensor, resource or step of the data set."""
        return f"{self.data_set}{_BETWEEN}{name}" if self.data_set else name

    def plain(self, name: str) -> str | None:
        """The name without that of the data set; None if it is another data set's."""
        data_set, plain = split_name(name)
        return plain if data_set == self.data_set else None

    def key(self, *path: str) -> "dg.AssetKey":
        """The key of an asset of the data set."""
        import dagster as dg  # noqa: PLC0415  # 0.6 s that only those need who use Dagster

        return dg.AssetKey([self.data_set, *path] if self.data_set else [*path])

    def check_key(self, asset: str, check: str) -> "dg.AssetCheckKey":
        """The key of a check of one of its assets."""
        import dagster as dg  # noqa: PLC0415  # as above

        return dg.AssetCheckKey(self.key(asset), check)

    def asset(self, key: "dg.AssetKey") -> str | None:
        """The asset's name; None if it is not one of the data set's assets."""
        *before, name = key.path
        return name if name in ASSETS and before == ([self.data_set] if self.data_set else []) else None

    def in_attributes(self, words: str) -> str:
        """A message with the data set's attributes in place of the variables that stand for them in the environment.

        As in `lookback_days of the data set shop_de`; the data set is named once.
        """
        if not self.data_set:
            return words
        of_it = iter([f" of the data set {self.data_set}"])
        return _SETTING.sub(lambda found: f"{_ATTRIBUTE_OF[found[1]]}{found[2] or ''}{next(of_it, '')}", words)

    @property
    def tags(self) -> dict[str, str]:
        """The tag by which people find what is of the data set; none for that of the environment."""
        return {DATA_SET_TAG: self.data_set} if self.data_set else {}


def split_name(name: str) -> tuple[str, str]:
    """A full name as that of its data set, empty for that of the environment, and the name without it."""
    before, between, after = name.partition(_BETWEEN)
    return (before, after) if before and between else ("", name)
