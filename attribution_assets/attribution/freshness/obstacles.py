"""Which days of an asset cannot be made now, and why, judged from what is stored.

A day is **held up** while a wrong number could flow into it: too many source rows of a day that it hangs on were set
aside, or what it is made from is held up itself. It is **left out** while a day of its inputs was never materialized.
A run makes its other days. What is stale is decided in `staleness`, which asks `days_held_up` too.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from attribution_assets.attribution.calendar.days import days_between, in_words
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.freshness.records import ASSETS, SOURCE_ASSETS, AssetRecord, Input
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stamps import Stamp
from attribution_assets.attribution.storage.stored_days import companion_table
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.tables.set_aside import too_many

Reasons = Mapping[dt.date, str]
"""Day -> why it is not made."""


class DaysHeldUpError(Exception):
    """Days of a run were not made, since a wrong number could have flowed into them; the other days are made."""


@dataclass(frozen=True)
class TooManyRejected:
    """A day of a source asset of whose rows too many were rejected.

    Attributes:
        asset: the asset.
        day: the day.
        rejected: how many rows were rejected.
        rows: how many there are in all.
        most_rejected: share of them that may be rejected.
    """

    asset: str
    day: dt.date
    rejected: int
    rows: int
    most_rejected: float

    def __str__(self) -> str:
        """The reason in one line."""
        return (
            f"{self.rejected} of {self.rows} source rows of {self.asset} of {self.day} were set aside, more than"
            f" ATTRIBUTION_MAX_REJECTED_SHARE={self.most_rejected:g} allows"
        )


@dataclass(frozen=True)
class Obstacles:
    """The days of an asset that cannot be made.

    Attributes:
        held_up: days that wait until something is corrected.
        left_out: days that wait until days of their inputs are materialized.
    """

    held_up: Reasons
    left_out: Reasons

    def without(self, days: Sequence[dt.date]) -> list[dt.date]:
        """Those of the days that can be made."""
        return [day for day in days if day not in self.held_up and day not in self.left_out]


def obstacles(
    storage: AssetStorage, asset: str, days: Sequence[dt.date], windows: Windows, most_rejected: float
) -> Obstacles:
    """What keeps days of an asset from being made.

    Args:
        storage: Where the assets' tables lie.
        asset: The asset.
        days: The days to be made, in calendar order.
        windows: How the days are tied together.
        most_rejected: Share of a day's source rows that may be rejected.
    """
    return obstacles_by_asset(storage, [asset], days, windows, most_rejected)[asset]


def obstacles_by_asset(
    storage: AssetStorage, assets: Sequence[str], days: Sequence[dt.date], windows: Windows, most_rejected: float
) -> dict[str, Obstacles]:
    """What keeps days of each of several assets from being made; arguments as for `obstacles`."""
    found = {asset: Obstacles({}, {}) for asset in assets}
    derived = [record for asset in assets if not (record := ASSETS[asset]).reads_the_source]
    if not derived or not days:
        return found
    read = days_between(windows.read_by(days[0], Window.LOOKBACK)[0], days[-1])
    tables = [name for source in SOURCE_ASSETS for name in (source, companion_table(source))]
    bases = {base for record in derived for base in _bases(record)}
    stamps = {name: storage.days(name, read).stamps() for name in (*tables, *bases)}
    held_up = days_held_up(stamps, windows, most_rejected)
    for record in derived:
        waiting = held_up[record.name]
        lacking = _lacking(storage, record, [day for day in days if day not in waiting], windows)
        examples = {cause: _with_example(storage, cause) for cause in {waiting[day] for day in days if day in waiting}}
        found[record.name] = Obstacles({day: examples[waiting[day]] for day in days if day in waiting}, lacking)
    return found


def _bases(record: AssetRecord) -> Iterator[str]:
    """The asset's base, the base of that, and so on, without those that are read from the source."""
    while not (base := ASSETS[record.base]).reads_the_source:
        yield base.name
        record = base


def _with_example(storage: AssetStorage, cause: TooManyRejected) -> str:
    """The reason with the first of the rows."""
    first = storage.days(companion_table(cause.asset), [cause.day]).frame(cause.day).iloc[0]
    return f"{cause}: {readable(first['row_key'] or '(no id)')}: {first['reason']}"


def days_held_up(
    stamps: Mapping[str, Mapping[dt.date, Stamp]], windows: Windows, most_rejected: float
) -> dict[str, dict[dt.date, TooManyRejected]]:
    """The days that are held up: asset -> day -> why.

    Args:
        stamps: Asset or table beside one -> day -> stamp: of the source's assets and of the bases of what is asked for.
        windows: How the days are tied together.
        most_rejected: Share of a day's source rows that may be rejected.
    """
    untrusted = {asset: [*_untrusted(stamps, asset, most_rejected)] for asset in SOURCE_ASSETS}
    waiting: dict[str, dict[dt.date, TooManyRejected]] = {}
    for name, record in ASSETS.items():
        stored = stamps.get(record.base, {})
        waiting[name] = {day: cause for day, cause in waiting.get(record.base, {}).items() if day not in stored}
        for given in record.held_up_by:
            for cause in untrusted[given.asset]:
                for reader in days_between(*windows.readers_of(cause.day, given.window)):
                    waiting[name].setdefault(reader, cause)
    return waiting


def _untrusted(
    stamps: Mapping[str, Mapping[dt.date, Stamp]], asset: str, most_rejected: float
) -> Iterator[TooManyRejected]:
    """The days of a source asset of whose rows too many were rejected."""
    for day, beside in sorted(stamps[companion_table(asset)].items()):
        if day not in stamps[asset]:
            continue
        kept = stamps[asset][day].usable_rows
        rejected = beside.rows - stamps[asset][day].undated
        if too_many(rejected, kept, most_rejected):
            yield TooManyRejected(asset, day, rejected, rejected + kept, most_rejected)


def _lacking(
    storage: AssetStorage, record: AssetRecord, days: Sequence[dt.date], windows: Windows
) -> dict[dt.date, str]:
    """The days of which an input was never materialized: its window, or of the base at least the day itself."""
    needed = [given for given in record.inputs if not given.may_miss_days]
    base = storage.days(record.base, days).stamps() if any(given.only_with_rows for given in needed) else {}
    found: dict[dt.date, str] = {}
    for given in [*needed, Input(record.base)] if days else ():
        read = days_between(windows.read_by(days[0], given.window)[0], windows.read_by(days[-1], given.window)[1])
        missing = set(storage.days(given.asset, read).missing)
        for day in days:
            if given.only_with_rows and day in base and not base[day].rows:
                continue
            if lacked := missing.intersection(days_between(*windows.read_by(day, given.window))):
                found.setdefault(day, f"{given.asset} of {in_words(lacked)} was never materialized")
    return found
