"""What to materialize next to bring stale days up to date, and in which order. `staleness` says which are stale."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.freshness.records import ASSETS, ATTRIBUTION, AssetRecord
from attribution_assets.attribution.freshness.staleness import Days, Stale


@dataclass(frozen=True)
class Stage:
    """Assets to materialize together over a range of days."""

    assets: Sequence[str]
    first: dt.date
    last: dt.date


def next_stages(stale: Stale, windows: Windows) -> list[Stage]:
    """What to materialize next, in runs that do not depend on each other; what follows shows when they have ended.

    Each step of a repair (see `AssetRecord.repaired_with`) takes its stale days, and with them those steps that read
    the same days. A step that reads a window of another one waits until no day of that window is stale: a report until
    no stale day of orders can credit it.

    Args:
        stale: The days to be made anew.
        windows: How the days are tied together.
    """
    stages = [stage for asset, days in stale.missing.items() for stage in adjacent_stages((asset,), days)]
    steps = _steps()
    stale_of = {step: _stale_of(stale, members) for step, members in steps.items()}
    for step, members in steps.items():
        if any(_waits_for_missing(record, stale.missing) for record in members):
            continue
        made_before = set[dt.date]().union(*(stale_of[before] for before in _steps_before(steps, step)))
        waiting = {
            reader
            for record in members
            for given in record.derived_inputs()
            if given.window is not Window.DAY
            for source in (ASSETS[given.asset].repaired_with,)
            for before in (source, *_steps_before(steps, source))
            for day in stale_of[before]
            for reader in days_between(*windows.readers_of(day, given.window))
        }
        followers = [name for name in steps if step in _steps_before(steps, name)]
        made = (record for name in (step, *followers) for record in steps[name])
        assets = tuple(record.name for record in made if record.in_use(windows))
        stages += adjacent_stages(assets, stale_of[step] - made_before - waiting)
    return stages


def _steps() -> dict[str, list[AssetRecord]]:
    """The steps of a repair with the records of their assets: those of the attribution first, then the comparisons."""
    steps: dict[str, list[AssetRecord]] = {}
    for record in sorted(ASSETS.values(), key=lambda record: record.group != ATTRIBUTION):
        if not record.reads_the_source:
            steps.setdefault(record.repaired_with, []).append(record)
    return steps


def _steps_before(steps: Mapping[str, Sequence[AssetRecord]], step: str) -> set[str]:
    """The steps whose repair of a day includes this step: it reads the same days of them, and no window of others."""
    derived = [given for record in steps[step] for given in record.derived_inputs()]
    if any(given.window is not Window.DAY for given in derived):
        return set()
    before = {ASSETS[given.asset].repaired_with for given in derived} - {step}
    return before.union(*(_steps_before(steps, earlier) for earlier in before))


def _stale_of(stale: Stale, members: Iterable[AssetRecord]) -> set[dt.date]:
    return {day for record in members for day in stale.days.get(record.name, ())}


def _waits_for_missing(record: AssetRecord, missing: Mapping[str, Days]) -> bool:
    """Whether the asset's days follow from a window of a source asset of which days have to be read first."""
    return any(given.window is not Window.DAY and missing.get(given.asset) for given in record.held_up_by)


def adjacent_stages(assets: Sequence[str], days: Iterable[dt.date]) -> list[Stage]:
    """The days as the fewest stages of adjacent days."""
    return [Stage(assets, first, last) for first, last in adjacent_ranges(days)]
