"""Which stored days of the source have changed since they were read, from fingerprints alone.

The decisions only, as pure functions: fingerprints come from `source/database`, what was read from `asset_storage`, and
what is to be run for a day that has changed is the caller's affair.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass

from attribution_assets.attribution.freshness.lineage import StoredState, companion_versions, extraction_inputs
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.attribution.freshness.repair import Stage, adjacent_stages
from attribution_assets.attribution.storage.stamps import digest


@dataclass(frozen=True)
class Watch:
    """How far the source has been looked through.

    Attributes:
        marker: the source's change marker when the pass that is under way, or else the last one, began; empty once the
            pass has found a change, so that another one follows and sees whether it has been read.
        look_on_from: the latest day that this pass has not looked at yet; None when it is through.
    """

    marker: str = ""
    look_on_from: str | None = None

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "Watch":
        """The watch as it was stored; from the beginning if there is none."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def cursor(self) -> str:
        """The watch as text."""
        return json.dumps(asdict(self))

    def next_days(self, stored: Sequence[dt.date], recent: int, others: int) -> list[dt.date]:
        """The days to look at now: the most recent ones each time, and some of the others in turn.

        Args:
            stored: The days that were read from the source, in calendar order.
            recent: How many of the latest days are looked at each time.
            others: How many of the days before.
        """
        older = stored[: max(0, len(stored) - recent)]
        if self.look_on_from is not None:
            older = [day for day in older if day.isoformat() <= self.look_on_from]
        return [*older[max(0, len(older) - others) :], *stored[max(0, len(stored) - recent) :]]

    def after(self, looked_at: Sequence[dt.date], stored: Sequence[dt.date], *, changes: bool) -> "Watch":
        """The watch after `next_days` were looked at.

        Args:
            looked_at: What `next_days` gave.
            stored: What it was given.
            changes: Whether any of these days has changed.
        """
        marker = "" if changes else self.marker
        earlier = [day for day in stored if not looked_at or day < looked_at[0]]
        return Watch(marker, earlier[-1].isoformat() if earlier else None)


def changed_days(
    state: StoredState, asset: str, days: Sequence[dt.date], fingerprints: Mapping[dt.date, str]
) -> set[dt.date]:
    """Those of the days whose rows in the source are not those that were read.

    Args:
        state: What is stored.
        asset: The source asset.
        days: The days to look at; those that were never read are not reported.
        fingerprints: Of the source's rows of these days, as they are now.
    """
    stored, versions = state.stamps[asset], state.versions()
    return {
        day
        for day in days
        if day in stored
        and stored[day].made_from
        != digest(extraction_inputs(fingerprints[day]) | companion_versions(versions, asset, day))
    }


def extraction_stages(changed: Mapping[str, AbstractSet[dt.date]]) -> list[Stage]:
    """The extraction of exactly the changed days: tables together where both, or all, have changed."""
    together: dict[tuple[str, ...], list[dt.date]] = {}
    for day in set[dt.date]().union(*changed.values()):
        assets = tuple(asset for asset in SOURCE_ASSETS if day in changed.get(asset, ()))
        together.setdefault(assets, []).append(day)
    some = sorted(together, key=lambda assets: (-len(assets), [SOURCE_ASSETS.index(asset) for asset in assets]))
    return [stage for assets in some for stage in adjacent_stages(assets, together[assets])]
