"""How Dagster reaches the stored tables: an output is written day by day, an input arrives as the days it may read."""

import datetime as dt
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import dagster as dg
from pydantic import PrivateAttr

from attribution_assets.attribution.calendar.days import in_words
from attribution_assets.attribution.calendar.windows import Window
from attribution_assets.attribution.files.atomic_files import look_for_leftovers
from attribution_assets.attribution.freshness.obstacles import Obstacles, obstacles
from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays
from attribution_assets.defs.resources import DatabaseResource, ReportingRules, Storage
from attribution_assets.instance.dagster_internals import add_metadata, materialized_only
from attribution_assets.instance.runs import BACKFILL_TAG, say_which_process

ROWS_PER_TRANSACTION = 20_000
SECONDS_UNTIL_PUBLISHED = 5.0
"""How many rows, or for how long, stored days wait to be published together."""

LARGE_DAY = 200_000
"""Of a day with so many rows, the next one is not made before it is stored: memory holds one of them."""

READ_BY = "read_by"
"""Metadata of an input: the asset that reads it."""


@dataclass(frozen=True)
class DailyTables:
    """What an asset hands over: each of the run's days with its table, in calendar order, made as it is written."""

    days: Generator[DayTable]


def partition_days(context: dg.AssetExecutionContext) -> list[dt.date]:
    """The days that a run materializes, in calendar order."""
    return [dt.date.fromisoformat(key) for key in context.partition_keys]


class _Writer:
    """Stores days one after another, each while the next one is made; and publishes them, several in a transaction.

    Args:
        write: stores a day.
        publish: publishes days that are stored.
    """

    def __init__(self, write: Callable[[DayTable], None], publish: Callable[[Sequence[dt.date]], None]) -> None:
        self._write, self._publish = write, publish
        self._days, self._rows, self._since = list[dt.date](), 0, time.monotonic()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._writing: Future[None] | None = None

    def add(self, table: DayTable) -> None:
        """Store a day once the one before is stored; publish first if many days are waiting, or have waited long."""
        self._finish()
        if self._rows >= ROWS_PER_TRANSACTION or time.monotonic() - self._since >= SECONDS_UNTIL_PUBLISHED:
            self._publish_stored()
        self._writing = self._thread.submit(self._store, table)
        if len(table.frame) >= LARGE_DAY:
            self._finish()

    def close(self) -> None:
        """Publish what is stored, also of a step that fails."""
        try:
            self._finish()
        finally:
            self._thread.shutdown()
            self._publish_stored()

    def _store(self, table: DayTable) -> None:
        self._write(table)
        self._days.append(table.day)
        self._rows += len(table.frame)

    def _finish(self) -> None:
        """Wait for the day that is being stored, and raise what has happened to it."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _publish_stored(self) -> None:
        days, self._days, self._rows = self._days, [], 0
        self._publish(days)
        self._since = time.monotonic()


class DailyTableIOManager(dg.ConfigurableIOManager):
    """Keeps one Parquet file per asset and day: replaced whole, days without rows too.

    What is also a result table is published from there, a few days at a time. Days that cannot be made (`obstacles`)
    are not read, not written and not reported as materialized; the asset makes the others.
    """

    storage: dg.ResourceDependency[Storage]
    database: dg.ResourceDependency[DatabaseResource]
    rules: dg.ResourceDependency[ReportingRules]

    _of_steps: dict[tuple[str, str], Obstacles] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note which process the run is in."""
        if context.instance and context.run:
            say_which_process(context.instance, context.run)

    def handle_output(self, context: dg.OutputContext, obj: DailyTables) -> None:
        """Write each day as it comes, so that two days' tables are in memory at a time: one is made, one is written.

        Raises:
            ValueError: The asset handed over other days than the run's, or not all that can be made.
        """
        asset, storage, results = context.asset_key.path[-1], self.storage.tables(), self.database.results()
        days = [dt.date.fromisoformat(key) for key in context.asset_partition_keys]
        look_for_leftovers()
        hindered = self._of_steps.pop(_step(context), None) or self._obstacles(asset, days)
        due = hindered.without(days)
        writer = _Writer(partial(storage.write, asset), partial(results.publish, asset, storage=storage))
        with closing(obj.days) as tables, closing(writer):
            for table in tables:
                if table.day in hindered.held_up or table.day in hindered.left_out:
                    continue
                if not due or table.day != due.pop(0):
                    raise ValueError(f"{asset} made a table for {table.day}: expected the run's days in calendar order")
                writer.add(table)
        if due:
            raise ValueError(f"{asset} made no table for {due[0]}")
        _report_made(context, days, hindered)

    def load_input(self, context: dg.InputContext) -> StoredDays:
        """The stored days of the input's partitions, unread; of the asset's own days those that it can make."""
        asset, maker = context.asset_key.path[-1], str((context.definition_metadata or {})[READ_BY])
        days = [dt.date.fromisoformat(key) for key in context.asset_partition_keys]
        stored = self.storage.tables().days(asset, days)
        window = next(given.window for given in ASSETS[maker].dagster_inputs() if given.asset == asset)
        if window is not Window.DAY:
            return stored
        step = _step(context)
        if step not in self._of_steps:
            self._of_steps[step] = self._obstacles(maker, days)
        return stored.among(self._of_steps[step].without(days))

    def _obstacles(self, asset: str, days: Sequence[dt.date]) -> Obstacles:
        rules = self.rules
        return obstacles(self.storage.tables(), asset, days, rules.windows, rules.max_rejected_share)


def _step(context: dg.InputContext | dg.OutputContext) -> tuple[str, str]:
    return context.step_context.run_id, context.step_context.step.key


def _report_made(context: dg.OutputContext, days: Sequence[dt.date], hindered: Obstacles) -> None:
    """Have Dagster show as materialized what was made, and log why the other days were not.

    Dagster widens a backfill to the windows of the days that were asked for, and calls it failed unless each of these
    is materialized. So days that a backfill leaves out are shown as materialized too, with the reason as metadata.
    """
    asset, in_backfill = context.asset_key.path[-1], context.step_context.has_tag(BACKFILL_TAG)
    for what, reasons in (("held up", hindered.held_up), ("left out", hindered.left_out)):
        for why, of_reason in groupby(sorted(reasons, key=lambda day: (reasons[day], day)), reasons.__getitem__):
            context.log.warning("%s %s: %s: %s", asset, in_words(of_reason), what, why)
    shown = [day for day in days if day not in hindered.held_up and (in_backfill or day not in hindered.left_out)]
    left_out = {str(day): {"left_out": hindered.left_out[day]} for day in shown if day in hindered.left_out}
    add_metadata(context.step_context, context.asset_key, left_out)
    if len(shown) < len(days):
        materialized_only(context, [str(day) for day in shown])
