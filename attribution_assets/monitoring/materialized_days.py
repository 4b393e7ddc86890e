"""Reads from Dagster's history when each day of each asset was materialized last, and the outcomes of recent orders.

Only the indexed columns of the many materialization events are read; the events themselves only for the reports of the
latest days. Runs, steps and checks do not belong here (`history_reader.py`).
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from attribution_assets.attribution.freshness.records import ASSETS, SOURCE_ASSETS
from attribution_assets.attribution.source.schemas import is_iso_date
from attribution_assets.instance.data_set_names import DataSetNames

EVENTS_AT_ONCE = 10_000
ROWS, ROWS_REJECTED = "dagster/partition_row_count", "rows_rejected"
"""Metadata of a materialized day of a source table."""

OVERLAP = 1000
"""How many ids before the last one are read again: the higher id of two transactions can be visible first."""


class MaterializedDays:
    """The materialized days of a history; each `read` takes in what is new.

    Args:
        instance: Whose history it is.
        lookback_days: Length of the lookback window.
        names: Of the data set.

    Attributes:
        last_success: asset -> when a day of it was materialized last, in seconds since 1970.
    """

    def __init__(self, instance: dg.DagsterInstance, lookback_days: int, names: DataSetNames) -> None:
        self._instance, self._lookback, self._names = instance, dt.timedelta(days=lookback_days), names
        self._cursors = dict.fromkeys(ASSETS, 0)
        self._latest: dict[str, dict[str, tuple[int, float]]] = {asset: {} for asset in ASSETS}
        self._orders: dict[str, tuple[int, Mapping[str, object]]] = {}
        self._with_rows: dict[int, bool] = {}
        self.last_success: dict[str, float] = {}

    def read(self) -> None:
        """Read the new events. Raises the same errors as `HistoryReader.read`."""
        for asset, days in self._latest.items():
            for storage_id, day, at in self._new(asset):
                self.last_success[asset] = max(at, self.last_success.get(asset, at))
                # Another code location may have an asset of the same name with other partitions.
                if day and is_iso_date(day) and storage_id >= days.get(day, (0, 0.0))[0]:
                    days[day] = storage_id, at

    def _new(self, asset: str) -> Iterator[tuple[int, str | None, float]]:
        after, more = max(self._cursors[asset] - OVERLAP, 0), True
        while more:
            events = self._instance.event_log_storage.get_asset_event_summary_records(
                dg.DagsterEventType.ASSET_MATERIALIZATION,
                self._names.key(asset),
                after_storage_id=after,
                limit=EVENTS_AT_ONCE,
                ascending=True,
            )
            for event in events:
                after = event.storage_id
                yield after, event.partition, event.timestamp
            more = len(events) == EVENTS_AT_ONCE
            self._cursors[asset] = max(after, self._cursors[asset])

    def all_days(self) -> dict[str, dict[str, float]]:
        """Asset -> day -> when it was materialized last."""
        return {asset: {day: at for day, (_, at) in days.items()} for asset, days in self._latest.items()}

    def latest_window(self) -> dict[str, dict[str, float]]:
        """Asset -> day -> when it was materialized last, from the window on that ends with the latest day with data.

        The latest day is the source's: a backfill shows later days of other assets as materialized that it left out.
        """
        of_source = (day for asset in SOURCE_ASSETS for day in self._latest[asset])
        latest = self._latest_with_data() or max(of_source, default="")
        first = str(dt.date.fromisoformat(latest) - self._lookback) if latest else ""
        return {
            asset: {day: at for day, (_, at) in sorted(days.items()) if first <= day <= latest}
            for asset, days in self._latest.items()
        }

    def _latest_with_data(self) -> str | None:
        """The latest day of which the source had a row, by the metadata of its latest materializations."""
        days = {day for asset in SOURCE_ASSETS for day in self._latest[asset]}
        for day in sorted(days, reverse=True):
            newest = ((asset, self._latest[asset][day][0]) for asset in SOURCE_ASSETS if day in self._latest[asset])
            if any(self._had_rows(asset, storage_id) for asset, storage_id in newest):
                return day
        return None

    def _had_rows(self, asset: str, storage_id: int) -> bool:
        """Whether a materialization says that rows were read, also if they were set aside, or does not say."""
        if storage_id not in self._with_rows:
            chosen = dg.AssetRecordsFilter(self._names.key(asset), storage_ids=[storage_id])
            found = [
                record.asset_materialization.metadata
                for record in self._instance.fetch_materializations(chosen, limit=1).records
                if record.asset_materialization
            ]
            figures = [metadata[name].value for metadata in found for name in (ROWS, ROWS_REJECTED) if name in metadata]
            self._with_rows[storage_id] = any(figures) or not figures
        return self._with_rows[storage_id]

    def orders(self, outcomes: Sequence[str]) -> dict[str, dict[str, int]]:
        """Day -> outcome -> number of orders, from the latest report of each day of the latest lookback window."""
        reports = self._latest["channel_reporting"]
        wanted = {day: reports[day][0] for day in self.latest_window()["channel_reporting"]}
        known = {day: found for day, found in self._orders.items() if wanted.get(day) == found[0]}
        if unread := [storage_id for day, storage_id in wanted.items() if day not in known]:
            chosen = dg.AssetRecordsFilter(self._names.key("channel_reporting"), storage_ids=unread)
            for record in self._instance.fetch_materializations(chosen, limit=len(unread)).records:
                if record.asset_materialization and record.partition_key:
                    metadata = {name: entry.value for name, entry in record.asset_materialization.metadata.items()}
                    known[record.partition_key] = record.storage_id, metadata
        self._orders = known
        return {
            day: {outcome: int(str(metadata.get(f"orders_{outcome}", 0))) for outcome in outcomes}
            for day, (_, metadata) in sorted(known.items())
        }
