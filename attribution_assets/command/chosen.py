"""Which data sets a command is about, by its options --data-set and --all-data-sets."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.data_sets import NAMELESS, DataSets, data_sets
from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import ATTRIBUTES, Settings


@dataclass(frozen=True)
class Chosen:
    """A data set that a command is about.

    Attributes:
        name: its name; empty for that of the environment.
        settings: its settings; None if its file cannot be used.
        problem: why its file cannot be used.
    """

    name: str
    settings: Settings | None
    problem: str = ""

    @property
    def title(self) -> str:
        """What it is called where data sets are listed."""
        return self.name or NAMELESS

    def usable(self) -> Settings:
        """The settings.

        Raises:
            ConfigurationError: Its file cannot be used, or a variable that it names is not set.
        """
        if self.settings is None or self.settings.missing:
            raise ConfigurationError(self.problem or (self.settings.missing if self.settings else ""))
        return self.settings


def chosen(names: Sequence[str] | None, *, every: bool) -> list[Chosen]:
    """The data sets that are asked for, each once; without any, that of the environment.

    Args:
        names: those of --data-set.
        every: whether all are asked for: that of the environment, if it names data of its own, and those of the folder.

    Raises:
        ConfigurationError: There is none of a name, or a variable cannot be used.
    """
    if not names and not every:
        return [Chosen("", Settings.from_environment())]
    known = _known(data_sets())
    if every:
        own = not known or any(os.environ.get(ATTRIBUTES[name]) for name in OWN_DATA)
        return [*([Chosen("", Settings.from_environment())] if own else []), *known.values()]
    if strange := [name for name in names or () if name not in known]:
        there = f"there are {', '.join(known)}" if known else "no folder holds any: see ATTRIBUTION_DATA_SETS"
        raise ConfigurationError(f"there is no data set {quoted(strange[0])}: {there}")
    return [known[name] for name in dict.fromkeys(names or ())]


OWN_DATA = ("database_url", "source_url")
"""Settings of which one is set where the environment's data set is in use."""


def _known(found: DataSets) -> Mapping[str, Chosen]:
    usable = {name: Chosen(name, settings) for name, settings in found.usable.items()}
    known = usable | {name: Chosen(name, None, problem) for name, problem in found.unusable.items()}
    return dict(sorted(known.items()))
