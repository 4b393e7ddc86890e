"""The health of the pipeline: its runs, the days that are missing or stale, requests to the API, answers in the ledger.

Used by the exporter of metrics (`metrics.py`) and the dashboard's health page. How Dagster's history is read does not
belong here (`history_reader.py`), nor how the figures are shown.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import dagster as dg
import duckdb
import pyarrow as pa

from attribution_assets.attribution.calendar.finality import final_and_provisional, has_ended
from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.freshness.lineage import StoredState, days_attributed, stored_state
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS, assets_in_use
from attribution_assets.attribution.freshness.staleness import Scope, Stale, stale_days
from attribution_assets.attribution.freshness.status import days_due
from attribution_assets.attribution.ledger.ledger import Selection
from attribution_assets.attribution.storage.asset_storage import AssetStorage, ForeignStorageError
from attribution_assets.errors import ReportingError
from attribution_assets.instance.opening import history_errors_as_failed_run
from attribution_assets.monitoring.history_facts import History
from attribution_assets.monitoring.history_reader import HistoryReader
from attribution_assets.resources import Resources
from attribution_assets.resources.calendar import first_and_last_partition

DAYS_VERIFIED_AT_ONCE = 60

CANNOT_BE_READ = (ReportingError, DatabaseError, ForeignStorageError, OSError, pa.ArrowException, duckdb.Error)
"""The errors that can be raised when Dagster's history, the stored days or the ledger cannot be read."""


@dataclass(frozen=True)
class DaysHealth:
    """The days that are stored, and those that are missing, stale, blocked or provisional.

    Attributes:
        rows: asset -> stored day -> rows.
        missing: asset -> days that hold data, or lie between days that do, and were never materialized.
        stale: asset -> days to be made anew.
        blocked: asset -> stale days that wait until rows are corrected in the source.
        provisional: reported days that orders still to be attributed can change.
        lookback_days: length of the lookback window.
    """

    rows: Mapping[str, Mapping[dt.date, int]]
    missing: Mapping[str, AbstractSet[dt.date]]
    stale: Mapping[str, AbstractSet[dt.date]]
    blocked: Mapping[str, AbstractSet[dt.date]]
    provisional: Sequence[dt.date]
    lookback_days: int

    @property
    def latest_window(self) -> list[dt.date]:
        """The stored days from the latest lookback window on, which ends with the latest day that has source rows."""
        stored = sorted({day for days in self.rows.values() for day in days})
        with_data = [day for asset in SOURCE_ASSETS for day, rows in self.rows[asset].items() if rows] or stored
        return [day for day in stored if (max(with_data) - day).days <= self.lookback_days]


@dataclass(frozen=True)
class Health:
    """The health of the pipeline at one moment.

    Attributes:
        history: figures from Dagster's history.
        days: the state of the days.
        ledger_answers: how many journeys have their answer in the ledger.
    """

    history: History
    days: DaysHealth
    ledger_answers: int


class PipelineHealth:
    """Determines the health of the pipeline as often as asked. After the first time it reads only what is new.

    Args:
        instance: Dagster's instance.
        resources: The database and the storage.
    """

    def __init__(self, instance: dg.DagsterInstance, resources: Resources) -> None:
        rules = resources.rules
        self._reader, self._resources = HistoryReader(instance, rules.lookback_days, rules.names), resources
        self._home = instance.root_directory
        self._stale, self._stale_of, self._looks_on = Stale({}), "", True

    def now(self) -> Health:
        """The health now. Raises the errors of `history`, `days` and `ledger_answers`."""
        return Health(self.history(), self.days(), self.ledger_answers())

    def history(self) -> History:
        """The figures from Dagster's history now.

        Raises:
            RunFailedError: The history cannot be read.
        """
        with history_errors_as_failed_run(self._home):
            return self._reader.read()

    def days(self) -> DaysHealth:
        """The state of the days now.

        Rows that have changed in the source since they were read are not searched for, as that means reading the whole
        source. The sensor `late_data` and the command `status` do it.

        Raises:
            ConfigurationError: The storage or its engine cannot be used.
            DatabaseError: The source or the result tables cannot be read.
            ForeignStorageError: The storage holds the tables of another database.
            OSError: The storage cannot be read.
        """
        storage, source = self._resources.storage.tables(), self._resources.database.source()
        storage.require(str(source))
        state = stored_state(storage, self._resources.database.results().published())
        stale = self._stale_days(storage, state)
        windows = self._resources.rules.windows
        assets = assets_in_use(windows)
        due = days_due(source, first_and_last_partition(windows.first_day, windows.last_day))
        _, provisional = final_and_provisional(
            sorted(state.stamps["channel_reporting"]),
            days_attributed(state, windows.last_day),
            windows.lookback_days,
            windows.last_day,
        )
        return DaysHealth(
            rows={asset: {day: stamp.rows for day, stamp in state.stamps[asset].items()} for asset in assets},
            missing={asset: due.difference(state.stamps[asset]) for asset in assets},
            stale={asset: stale.days.get(asset, set()) for asset in assets},
            blocked={asset: stale.blocked.get(asset, set()) for asset in assets},
            provisional=provisional,
            lookback_days=windows.lookback_days,
        )

    def _stale_days(self, storage: AssetStorage, state: StoredState) -> Stale:
        """The stale days. Determined again only if a stored day has changed or some suspects are not verified yet."""
        if self._stale_of != (now := state.digest()) or self._looks_on:
            scope = Scope(confirmed=self._stale.confirmed, most_verified=DAYS_VERIFIED_AT_ONCE)
            rules = self._resources.rules
            stale = stale_days(storage, state, rules.windows, rules.max_rejected_share, scope)
            self._looks_on = stale.confirmed != self._stale.confirmed
            self._stale, self._stale_of = stale, now
        return self._stale

    def calendar_ended(self) -> bool:
        """Whether the last day of the calendar has passed, so that no further day is due."""
        return has_ended(self._resources.rules.windows.last_day)

    def ledger_answers(self) -> int:
        """How many journeys have their answer in the ledger.

        Raises:
            DatabaseError: The ledger cannot be read.
        """
        return self._resources.database.ledger().count(Selection())
