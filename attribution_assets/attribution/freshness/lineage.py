"""What is stored, and from which versions each day should be made: the facts that staleness follows from.

Which asset reads what is said in `records`. The assets stamp what they store with `made_from`; `staleness` compares.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.finality import has_ended
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.storage.asset_storage import SOURCE_TABLES, AssetStorage
from attribution_assets.attribution.storage.published_tables import PUBLISHED_TABLES, published_version
from attribution_assets.attribution.storage.stamps import Stamp, digest
from attribution_assets.attribution.storage.stored_days import names_of

Versions = Mapping[str, Mapping[dt.date, str]]
"""Asset -> day -> version."""


@dataclass(frozen=True)
class StoredState:
    """What is stored and published: the facts that staleness follows from.

    Attributes:
        stamps: asset or table beside one -> day -> stamp.
        published: asset -> day -> the version that the result tables hold.
    """

    stamps: Mapping[str, Mapping[dt.date, Stamp]]
    published: Versions

    def versions(self) -> dict[str, dict[dt.date, str]]:
        """The version of each stored day."""
        return {name: {day: stamp.version for day, stamp in days.items()} for name, days in self.stamps.items()}

    def digest(self) -> str:
        """One version that stands for all of it."""
        held = {"stored": self.versions(), "published": self.published}
        return digest(
            {
                f"{kind}/{name}/{day}": version
                for kind, tables in held.items()
                for name, days in tables.items()
                for day, version in days.items()
            }
        )


def stored_state(
    storage: AssetStorage, published: Versions, within: tuple[dt.date, dt.date] | None = None
) -> StoredState:
    """What is stored now.

    Args:
        storage: Where the assets' tables lie.
        published: See `ResultTables.published`.
        within: First and last day to look at; without it, all.
    """
    names = [name for asset in ASSETS for name in names_of(asset)]
    return StoredState(
        {
            name: (storage.days(name, days_between(*within)) if within else storage.all_days(name)).stamps()
            for name in names
        },
        published,
    )


EXTRACTION_VERSION = "1"
"""To be raised with the rules for source rows: days that were read by the old ones are then read again."""


def extraction_inputs(fingerprint: str) -> dict[str, str]:
    """What a day of an asset is made from that is read from the source: name -> version."""
    return {"source": fingerprint, "rules": EXTRACTION_VERSION}


def made_from(asset: str, versions: Versions, day: dt.date, windows: Windows) -> dict[str, str]:
    """What a day of a derived asset is made from: name -> version; days of its inputs that are not stored are left out.

    Args:
        asset: The asset, which has a record.
        versions: The versions of the stored days of its inputs.
        day: The day.
        windows: How the days are tied together.
    """
    record = ASSETS[asset]
    stored = dict[str, str]()
    for given in record.inputs:
        of_input = versions.get(given.asset, {})
        for read in _window(*windows.read_by(day, given.window)):
            if read in of_input:
                stored[_named(given.asset, read)] = of_input[read]
    return {**record.rules(windows, day), **stored}


@lru_cache(maxsize=10_000)
def _window(first: dt.date, last: dt.date) -> Sequence[dt.date]:
    """The days of a window, remembered: each is asked for by several assets."""
    return days_between(first, last)


@lru_cache(maxsize=100_000)
def _named(asset: str, day: dt.date) -> str:
    """What a day of an asset is called where something is made from it, remembered: a day lies in many windows."""
    return f"{asset}/{day}"


def companion_versions(versions: Versions, asset: str, day: dt.date) -> dict[str, str]:
    """The versions of the tables that are stored beside the asset's, by their names; of those without rows none."""
    return {name: versions[name][day] for name in names_of(asset)[1:] if day in versions[name]}


def is_published(state: StoredState, asset: str, day: dt.date) -> bool:
    """Whether the result tables hold the stored day, where the asset has any."""
    if asset not in PUBLISHED_TABLES:
        return True
    versions = [state.stamps[name][day].version for name in PUBLISHED_TABLES[asset] if day in state.stamps[name]]
    return state.published.get(asset, {}).get(day) == published_version(*versions)


def days_attributed(state: StoredState, last_day: dt.date | None) -> set[dt.date]:
    """The days whose orders have been attributed, but for those that are empty; see `AssetStorage.empty_at_the_end`."""
    if has_ended(last_day):
        return set(state.stamps["ihc_attributions"])
    with_data = {day for name in SOURCE_TABLES for day, stamp in state.stamps[name].items() if stamp.rows}
    return {day for day in state.stamps["ihc_attributions"] if day <= max(with_data, default=dt.date.min)}
