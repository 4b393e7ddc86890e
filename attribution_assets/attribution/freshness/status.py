"""How up to date everything is: what is missing, stale, changed in the source, or can still change."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.finality import final_and_provisional
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.freshness.late_data import changed_days
from attribution_assets.attribution.freshness.lineage import StoredState, days_attributed
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS, assets_in_use
from attribution_assets.attribution.freshness.staleness import Stale
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.attribution.source.rows_in_no_report import RowsInNoReport

SettingsOf = Callable[[Sequence[str]], str]
"""A text that stands for the settings with which orders of these conversion types are asked for now, see `Stamp`."""


@dataclass(frozen=True)
class Status:
    """The days that there is something to say of.

    Attributes:
        stored: asset -> its stored days.
        missing: asset -> days that hold data, or lie between days that do, and were never materialized.
        changed: source asset -> days whose rows in the source are not those that were read.
        stale: what is to be made anew.
        final: reported days that only late rows can change.
        provisional: reported days that orders still to be attributed can change.
        in_no_report: source rows that no day can report, by table.
    """

    stored: Mapping[str, Sequence[dt.date]]
    missing: Mapping[str, AbstractSet[dt.date]]
    changed: Mapping[str, AbstractSet[dt.date]]
    stale: Stale
    final: Sequence[dt.date]
    provisional: Sequence[dt.date]
    in_no_report: Sequence[RowsInNoReport]

    @property
    def to_run(self) -> bool:
        """Whether running days would bring something up to date."""
        missing = [days - self.stale.held_up.get(asset, set()) for asset, days in self.missing.items()]
        return bool(self.stale) or any([*missing, *self.changed.values()])

    @property
    def up_to_date(self) -> bool:
        """Whether nothing is missing, stale, waiting or changed."""
        return not (self.to_run or any(self.stale.blocked.values()))


def status(
    state: StoredState, stale: Stale, source: SourceDatabase, calendar: tuple[dt.date, dt.date], windows: Windows
) -> Status:
    """How up to date everything is.

    Args:
        state: What is stored.
        stale: What of it is to be made anew.
        source: The source tables.
        calendar: The first and the last day that can be materialized.
        windows: How the days are tied together.

    Raises:
        SourceDatabaseError: The source cannot be read.
    """
    due = days_due(source, calendar)
    stored = {
        asset: sorted(day for day in state.stamps[asset] if calendar[0] <= day <= calendar[1])
        for asset in assets_in_use(windows)
    }
    final, provisional = final_and_provisional(
        stored["channel_reporting"], days_attributed(state, windows.last_day), windows.lookback_days, windows.last_day
    )
    return Status(
        stored=stored,
        missing={asset: due.difference(days) for asset, days in stored.items()},
        changed=days_changed(state, source, days_between(*calendar)),
        stale=stale,
        final=final,
        provisional=provisional,
        in_no_report=[source.rows_in_no_report(asset) for asset in SOURCE_ASSETS],
    )


def days_changed(state: StoredState, source: SourceDatabase, days: Iterable[dt.date]) -> dict[str, set[dt.date]]:
    """Source asset -> those of the days whose rows in the source are not those that were read; errors as for `status`.

    Args:
        state: What is stored.
        source: The source tables.
        days: The days to look at; those that were never read are not reported.
    """
    stored = {asset: sorted(state.stamps[asset].keys() & set(days)) for asset in SOURCE_ASSETS}
    return {asset: changed_days(state, asset, of, source.fingerprints(asset, of)) for asset, of in stored.items()}


def days_due(source: SourceDatabase, calendar: tuple[dt.date, dt.date]) -> set[dt.date]:
    """The days that hold data or lie between such days, and can be materialized; arguments, errors as for `status`."""
    with_data = source.days_with_data(calendar)
    return set(days_between(*with_data)) if with_data else set()


def attributed_with_other_settings(state: StoredState, settings: SettingsOf) -> set[dt.date]:
    """The days of orders attributed by another endpoint, conversion type or redistribution parameter than now.

    Args:
        state: What is stored.
        settings: What stands for the settings as they are now.
    """
    stamps = state.stamps["ihc_attributions"].items()
    return {day for day, stamp in stamps if stamp.settings != settings(stamp.conversion_types)}
