"""How the pipeline is: what has run, which days are not as they should be, what the API answered, what is kept.

For what shows it: the exporter of metrics and the dashboard's page. The history's part is in `history_facts.py` and
`history_reader.py`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import dagster as dg
import duckdb
import pyarrow as pa

from attribution_assets.attribution.calendar.finality import final_and_provisional
from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.freshness.lineage import StoredState, stored_state
from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.freshness.staleness import Scope, Stale, stale_days
from attribution_assets.attribution.freshness.status import days_due
from attribution_assets.attribution.ledger.ledger import Selection
from attribution_assets.attribution.storage.asset_storage import AssetStorage, ForeignStorageError
from attribution_assets.defs.partitions import first_and_last_partition
from attribution_assets.defs.resources import Resources
from attribution_assets.errors import ReportingError
from attribution_assets.instance.opening import history_errors_told
from attribution_assets.monitoring.history_facts import History
from attribution_assets.monitoring.history_reader import HistoryReader

DAYS_VERIFIED_AT_ONCE = 60

CANNOT_BE_READ = (ReportingError, DatabaseError, ForeignStorageError, OSError, pa.ArrowException, duckdb.Error)
"""What may stand in the way of reading Dagster's history, the stored days or the ledger."""


@dataclass(frozen=True)
class DaysHealth:
    """Which days are stored, and which are not as they should be.

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
        """The latest stored day and the days of the lookback window before it, as far as any of them is stored."""
        stored = sorted({day for days in self.rows.values() for day in days})
        return [day for day in stored if (stored[-1] - day).days <= self.lookback_days]


@dataclass(frozen=True)
class Health:
    """How the pipeline is.

    Attributes:
        history: what Dagster's history says.
        days: which days are not as they should be.
        ledger_answers: journeys whose answers are kept.
    """

    history: History
    days: DaysHealth
    ledger_answers: int


class PipelineHealth:
    """Looks at how the pipeline is, again and again; after the first time it reads only what is new.

    Args:
        instance: Dagster's instance.
        resources: The database and the storage.
    """

    def __init__(self, instance: dg.DagsterInstance, resources: Resources) -> None:
        self._reader, self._resources = HistoryReader(instance, resources.rules.lookback_days), resources
        self._home = instance.root_directory
        self._stale, self._stale_of, self._looks_on = Stale({}), "", True

    def now(self) -> Health:
        """How the pipeline is now; errors as for the three parts."""
        return Health(self.history(), self.days(), self.ledger_answers())

    def history(self) -> History:
        """What Dagster's history says now.

        Raises:
            RunFailedError: It cannot be read.
        """
        with history_errors_told(self._home):
            return self._reader.read()

    def days(self) -> DaysHealth:
        """Which days are not as they should be now.

        Whether rows have changed in the source since they were read is not looked at: that takes reading all of it, and
        is what the sensor `late_data` and the command `status` do.

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
        due = days_due(source, first_and_last_partition(windows.first_day))
        _, provisional = final_and_provisional(
            sorted(state.stamps["channel_reporting"]), state.stamps["ihc_attributions"], windows.lookback_days
        )
        return DaysHealth(
            rows={asset: {day: stamp.rows for day, stamp in state.stamps[asset].items()} for asset in ASSETS},
            missing={asset: due.difference(state.stamps[asset]) for asset in ASSETS},
            stale={asset: stale.days.get(asset, set()) for asset in ASSETS},
            blocked={asset: stale.blocked.get(asset, set()) for asset in ASSETS},
            provisional=provisional,
            lookback_days=windows.lookback_days,
        )

    def _stale_days(self, storage: AssetStorage, state: StoredState) -> Stale:
        """What is stale; looked for anew only where something has changed, or not all suspects have been looked at."""
        if self._stale_of != (now := state.digest()) or self._looks_on:
            scope = Scope(confirmed=self._stale.confirmed, most_verified=DAYS_VERIFIED_AT_ONCE)
            rules = self._resources.rules
            stale = stale_days(storage, state, rules.windows, rules.max_rejected_share, scope)
            self._looks_on = stale.confirmed != self._stale.confirmed
            self._stale, self._stale_of = stale, now
        return self._stale

    def ledger_answers(self) -> int:
        """How many journeys' answers are kept.

        Raises:
            DatabaseError: The ledger cannot be read.
        """
        return self._resources.database.ledger().count(Selection())
