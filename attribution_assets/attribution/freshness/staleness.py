"""Which stored days are no longer what their inputs say. What is materialized because of it is decided in `repair`.

Each stored day carries the version of its rows and a digest of the versions that it was made from (`stamps`).
Where the digest no longer fits what is stored, the day is suspected; where making it anew would change its rows, or a
step after it never ran, it is stale. Late rows of a visitor without orders, for instance, make suspects of all journeys
whose window they fall in, and no day stale.

What an asset reads, how it is made anew and what holds it up comes from its record. Nothing here remembers anything:
what is stale follows from the storage and the result tables alone, so that no crash and no order of runs can hide it.
"""

import datetime as dt
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import blake2b

import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.freshness.lineage import (
    StoredState,
    companion_versions,
    is_published,
    made_from,
)
from attribution_assets.attribution.freshness.obstacles import days_held_up
from attribution_assets.attribution.freshness.records import ASSETS, AssetRecord
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stamps import Stamp, digest
from attribution_assets.attribution.tables.arrow import version_of
from attribution_assets.attribution.tables.schemas import COMPANIONS

Days = AbstractSet[dt.date]


@dataclass(frozen=True)
class Scope:
    """Which days are looked at for staleness.

    Attributes:
        within: first and last of them, reports also up to a lookback window earlier and later; without it, all.
        confirmed: tokens of suspects that need no second look, from an earlier result.
        most_verified: how many suspected days of an asset are looked at closely, the latest first, those that have to
            wait for corrections last; without it, all.
    """

    within: tuple[dt.date, dt.date] | None = None
    confirmed: AbstractSet[str] = frozenset()
    most_verified: int | None = None


@dataclass(frozen=True)
class Stale:
    """The days to be made anew, by asset.

    Attributes:
        days: asset -> its stale days.
        missing: source asset -> days that stale days need and that have never been materialized.
        blocked: stale days that wait for rows to be corrected in the source, by asset.
        held_up: all days that could not be made until then, by asset.
        causes: why the blocked days are, in words.
        confirmed: the suspects that were found to be right, each as a token that stands for the day's version and its
            inputs' versions.
    """

    days: Mapping[str, Days]
    missing: Mapping[str, Days] = field(default_factory=dict)
    blocked: Mapping[str, Days] = field(default_factory=dict)
    held_up: Mapping[str, Days] = field(default_factory=dict)
    causes: AbstractSet[str] = frozenset()
    confirmed: AbstractSet[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything is stale that can be made anew."""
        return any(self.days.values())


def stale_days(
    storage: AssetStorage,
    state: StoredState,
    windows: Windows,
    most_rejected: float,
    scope: Scope = Scope(),
) -> Stale:
    """The days to be made anew.

    A day whose orders are stored, but which has no journeys or attributions, counts as stale, and so does a day of
    sessions that was never reported if its orders are attributed or credit lands on it. Other days that were never
    materialized do not: whether to begin with them is for the user to say.

    Args:
        storage: Where the assets' tables lie.
        state: What it holds, see `stored_state`.
        windows: How the days are tied together.
        most_rejected: Share of a day's source rows that may be rejected; what hangs on a day with more has to wait.
        scope: Which days are looked at.
    """
    suspects = _suspects(state, windows, scope.within)
    certain = {name: set(_certainly_stale(state, ASSETS[name], days)) for name, days in suspects.items()}
    to_verify = {
        name: {day: fits for day, fits in days.items() if day not in certain[name]} for name, days in suspects.items()
    }
    tokens = {
        (name, day): _token(state, name, day, fits) for name, days in to_verify.items() for day, fits in days.items()
    }
    held_up = days_held_up(state.stamps, windows, most_rejected)
    known = {suspect for suspect, token in tokens.items() if token in scope.confirmed}
    open_days = {
        name: sorted(
            (day for day in days if (name, day) not in known),
            key=lambda day: (day not in held_up[name], day),
        )[-(scope.most_verified or len(days)) :]
        for name, days in to_verify.items()
    }
    incomplete = {name: _lacking(state, ASSETS[name], windows, {*open_days[name], *certain[name]}) for name in suspects}
    changed = {
        name: set(_changed(storage, state, windows, ASSETS[name], [day for day in days if day not in incomplete[name]]))
        for name, days in open_days.items()
    }
    stale = {name: certain[name] | changed[name] | incomplete[name].keys() for name in suspects}
    return Stale(
        days={name: days - held_up[name].keys() for name, days in stale.items()},
        missing=_missing(incomplete, held_up),
        blocked={name: days & held_up[name].keys() for name, days in stale.items() if days & held_up[name].keys()},
        held_up={name: days.keys() for name, days in held_up.items()},
        causes={str(held_up[name][day]) for name, days in stale.items() for day in days if day in held_up[name]},
        confirmed={
            token
            for (name, day), token in tokens.items()
            if (name, day) in known
            or (day in open_days[name] and day not in changed[name] and day not in incomplete[name])
        },
    )


def _suspects(
    state: StoredState, windows: Windows, within: tuple[dt.date, dt.date] | None
) -> dict[str, dict[dt.date, str]]:
    """The days whose digest does not fit their inputs, or that are not stored though the asset before them is.

    Returns:
        Asset -> day -> the digest that would fit.
    """
    versions = state.versions()
    suspects: dict[str, dict[dt.date, str]] = {}
    for name, record in ASSETS.items():
        if record.reads_the_source or not record.in_use(windows):
            continue
        first, last = _looked_at(record, windows, within)
        suspects[name] = {}
        for day in state.stamps[record.base]:
            if not first <= day <= last:
                continue
            fits = digest(made_from(name, versions, day, windows) | companion_versions(versions, name, day))
            stamp = state.stamps[name].get(day)
            if stamp is None or stamp.made_from != fits or not is_published(state, name, day):
                suspects[name][day] = fits
    return suspects


def _looked_at(
    record: AssetRecord, windows: Windows, within: tuple[dt.date, dt.date] | None
) -> tuple[dt.date, dt.date]:
    """The first and the last day of the asset that are looked at, see `Scope`."""
    if within is None:
        return windows.first_day, windows.last_day or dt.date.max
    first, last = windows.days_touched_by(*within) if _reads_around(record) else within
    return max(first, windows.first_day), last


def _reads_around(record: AssetRecord) -> bool:
    """Whether the asset, or what it is derived from, reads days around its own: then more days can touch it."""
    return any(given.window is Window.AROUND for given in record.inputs) or any(
        _reads_around(ASSETS[given.asset]) for given in record.derived_inputs()
    )


def _certainly_stale(state: StoredState, record: AssetRecord, suspects: Iterable[dt.date]) -> Iterator[dt.date]:
    """The suspects that are stale whatever their rows would be."""
    for day in suspects:
        if record.remake is None:
            yield day
        elif day in state.stamps[record.name]:
            if not is_published(state, record.name, day):
                yield day
        elif day in state.stamps[record.expected_with or record.base]:
            yield day


def _lacking(
    state: StoredState, record: AssetRecord, windows: Windows, days: Iterable[dt.date]
) -> dict[dt.date, dict[str, set[dt.date]]]:
    """The days whose windows of source assets have days that were never materialized: day -> asset -> these days."""
    required = [
        given
        for given in record.inputs
        if given.window is not Window.DAY and not given.may_miss_days and ASSETS[given.asset].reads_the_source
    ]
    lacking: dict[dt.date, dict[str, set[dt.date]]] = {}
    for day in days:
        for given in required:
            if given.only_with_rows and not state.stamps[record.base][day].rows:
                continue
            if missed := set(days_between(*windows.read_by(day, given.window))) - state.stamps[given.asset].keys():
                lacking.setdefault(day, {})[given.asset] = missed
    return lacking


def _missing(
    incomplete: Mapping[str, Mapping[dt.date, Mapping[str, Days]]], held_up: Mapping[str, Container[dt.date]]
) -> dict[str, set[dt.date]]:
    """All that is lacking for days that nothing holds up: source asset -> days."""
    missing: dict[str, set[dt.date]] = {}
    for name, days in incomplete.items():
        for day, lacking in days.items():
            for asset, missed in lacking.items() if day not in held_up[name] else ():
                missing.setdefault(asset, set()).update(missed)
    return missing


def _changed(
    storage: AssetStorage, state: StoredState, windows: Windows, record: AssetRecord, days: Sequence[dt.date]
) -> Iterator[dt.date]:
    """The days of which making them anew gives other rows than those that are stored, or a day that is to be there."""
    if record.remake is None or not days:
        return
    for day, tables in record.remake(storage, windows, days):
        if day not in state.stamps[record.name]:
            if record.worth_making(tables[record.name]):
                yield day
        elif any(_differs(state.stamps[name].get(day), name, table) for name, table in tables.items()):
            yield day


def _differs(stamp: Stamp | None, name: str, table: pd.DataFrame | pa.Table) -> bool:
    """Whether a table that was made anew is another one than that with the stamp; None: nothing is stored."""
    if stamp is None:
        return name not in COMPANIONS or len(table) > 0
    return stamp.version != version_of(name, table)


def _token(state: StoredState, name: str, day: dt.date, fits: str) -> str:
    stamp = state.stamps[name].get(day)
    return blake2b(f"{name}/{day}/{stamp and stamp.version}/{fits}".encode(), digest_size=8).hexdigest()
