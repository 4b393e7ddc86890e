"""One report over a range of days, from this process: what is materialized, in which order, and whether it succeeded.

Everything is materialized through Dagster's job, in the instance that `dg dev` shows. What the user says and
sees is in `cli.py` and `terminal.py`.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import dagster as dg
import pandas as pd

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between, in_words
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.freshness.late_data import extraction_stages
from attribution_assets.attribution.freshness.lineage import stored_state
from attribution_assets.attribution.freshness.obstacles import DaysHeldUpError, obstacles_by_asset
from attribution_assets.attribution.freshness.records import ASSETS, SOURCE_ASSETS, assets_in_use
from attribution_assets.attribution.freshness.repair import Stage, next_stages
from attribution_assets.attribution.freshness.staleness import Scope, stale_days
from attribution_assets.attribution.freshness.status import days_changed
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.attribution.source.rows_in_no_report import in_words as in_plain_words
from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import companion_table
from attribution_assets.attribution.tables.credit import ATTRIBUTED
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.tables.set_aside import SetAside, amounts_set_aside, money_in_words
from attribution_assets.command.fresh_days import MOST_FRESH_BETWEEN, NotFresh, days_not_fresh, days_read
from attribution_assets.defs.automation.jobs import range_tags
from attribution_assets.defs.data_set_definitions import data_set_definitions
from attribution_assets.errors import RunFailedError, RunRejectedError
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.opening import dagster_instance
from attribution_assets.instance.run_failures import failures_in, kind_of_error
from attribution_assets.instance.runs import ATTRIBUTION_JOB, process_tag
from attribution_assets.resources import Resources
from attribution_assets.resources.calendar import first_and_last_partition
from attribution_assets.setting_texts import EARLIEST_DAY
from attribution_assets.settings import Settings

SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""A run's configuration for those who see its progress: its log is in Dagster's history."""

NotMade = Mapping[str, Mapping[dt.date, str]]
"""Asset -> day -> why it was not made."""

STOPPED_DAYS = {DaysHeldUpError.__name__, "DagsterAssetCheckFailedError"}
"""The errors of a check that stops days: any other one is a failure of the run."""

NAMED = ("journeys", "channel_reporting")
"""The assets whose days that were not made are named: others follow from them."""

MOST_ROUNDS = 7
"""Journeys, attributions, reports and comparisons: each makes the next stale. More are needed only if others change the
same."""


def days_to_report(
    source: SourceDatabase, storage: AssetStorage, windows: Windows, start: dt.date | None, end: dt.date | None
) -> tuple[dt.date, dt.date]:
    """The first and the last day of a report: as asked for, or else all days of the calendar that hold data.

    Days whose orders are stored count as days with data: what has vanished from the database is to be reported anew.

    Raises:
        RunRejectedError: There is no such day, no data on it, or it lies outside the partitions.
        SourceDatabaseError: The database cannot be read.
        ForeignStorageError: The storage holds the tables of another database.
    """
    first_partition, last_partition = first_and_last_partition(windows.first_day, windows.last_day)
    source.check()
    storage.require(str(source))
    with_data = [] if start and end else _days_with_data(source, storage, (first_partition, last_partition))
    first, last = start or with_data[0], end or with_data[-1]
    if last < first:
        raise RunRejectedError(f"the range ends on {last}, before it starts on {first}")
    if first < first_partition:
        raise RunRejectedError(
            f"{first} is before the first day, {first_partition}: set ATTRIBUTION_START_DATE to"
            f" {max(first, EARLIEST_DAY)} or earlier"
        )
    if last > last_partition:
        why = "is after ATTRIBUTION_END_DATE" if last_partition == windows.last_day else "is not over"
        raise RunRejectedError(f"{last} {why}: the last day that can be reported is {last_partition}")
    days = days_between(first, last)
    if not source.holds_data(first, last, usable=True):
        _days_with_data(source, storage)  # which says so where no row has a usable date
    if not source.holds_data(first, last) and not storage.days("conversions", days).files:
        with_data = _days_with_data(source, storage)
        raise RunRejectedError(
            f"the database holds no sessions and no conversions of {in_words(days)}: "
            f"it has {in_words(days_between(with_data[0], with_data[-1]))}"
        )
    return first, last


def _days_with_data(
    source: SourceDatabase, storage: AssetStorage, within: tuple[dt.date, dt.date] | None = None
) -> list[dt.date]:
    """The first and the last day of the source's rows, and the days of stored orders; if given, `within` two days."""
    vanished = {day for day, stamp in storage.all_days("conversions").stamps().items() if stamp.rows}
    if within:
        vanished = {day for day in vanished if within[0] <= day <= within[1]}
    if with_data := sorted({*(source.days_with_data(within) or ()), *vanished}):
        return with_data
    if within:
        outside = _days_with_data(source, storage)
        first_day = max(outside[0], EARLIEST_DAY)
        do = f"set ATTRIBUTION_START_DATE to {first_day}" if first_day < within[0] else "see ATTRIBUTION_END_DATE"
        raise RunRejectedError(
            f"the data is of {outside[0]}..{outside[-1]}, but the days that can be reported are"
            f" {within[0]}..{within[1]}: {do}"
        )
    in_no_report = [source.rows_in_no_report(asset) for asset in SOURCE_ASSETS]
    if any(table.rows for table in in_no_report):
        raise RunRejectedError(" ".join(["no row has a usable date.", *in_plain_words(in_no_report)]))
    raise RunRejectedError("the database holds no sessions and no conversions")


def report_days(  # noqa: PLR0913 - each is a choice of its own
    first: dt.date,
    last: dt.date,
    settings: Settings,
    resources: Resources,
    on_stage: Callable[[Stage], None],
    *,
    again: bool = False,
    tags: Mapping[str, str] | None = None,
    on_run: Callable[[str], None] | None = None,
) -> bool:
    """Bring all assets from `first` to `last` up to date, and before and after these days what they touch.

    Before: the sessions of the lookback window that are missing, and stored days near by that have changed in the
    source since they were read (an order or a session may have moved from there). After: the journeys of other days
    that sessions belong to, and the reports of the days whose credit has changed. Days that are held up stop no other:
    see `days_not_made`.

    Args:
        first: First day.
        last: Last day.
        settings: The settings of the code location.
        resources: Its resources.
        on_stage: Told of each stage before it starts.
        again: Whether the days from `first` to `last` that are fresh are made again too.
        tags: Further tags of the runs.
        on_run: Told of the id of each run before it starts.

    Returns:
        Whether anything was made: nothing is where all was up to date.

    Raises:
        RunFailedError: An asset or a blocking check failed, or days are still stale in the end.
    """
    touched = settings.windows.days_touched_by(first, last)
    with _runs(settings, resources, on_stage, tags, on_run) as runs:
        for stage in _stages_before(resources, first, last):
            runs.materialize(stage)
        every_day = NotFresh(set(days_between(first, last)), touched)
        found = every_day if again else days_not_fresh(runs.instance, resources, first, last)
        for range_first, range_last in adjacent_ranges(found.days, MOST_FRESH_BETWEEN):
            runs.materialize(Stage(assets_in_use(settings.windows), range_first, range_last))
        if found.touched:
            runs.repair(resources, found.touched)
        return runs.made


def restate_from_source(  # noqa: PLR0913 - as for `report_days`
    changed: Mapping[str, AbstractSet[dt.date]],
    settings: Settings,
    resources: Resources,
    on_stage: Callable[[Stage], None],
    *,
    tags: Mapping[str, str] | None = None,
    on_run: Callable[[str], None] | None = None,
) -> None:
    """Read exactly these days of the source again, and make anew what has become stale by it.

    Args:
        changed: Source asset -> days of the calendar.
        settings: As for `report_days`.
        resources: The same.
        on_stage: The same.
        tags: The same.
        on_run: The same.

    Raises:
        RunFailedError: As for `report_days`.
    """
    if days := set[dt.date]().union(*changed.values()):
        with _runs(settings, resources, on_stage, tags, on_run) as runs:
            for stage in extraction_stages(changed):
                runs.materialize(stage)
            runs.repair(resources, settings.windows.days_touched_by(min(days), max(days)))


@dataclass
class _Runs:
    """The runs of one job in an instance, one after another.

    Attributes:
        instance: where they are recorded.
        job: the job.
        settings: the data set's settings.
        on_stage: told of each stage before it starts.
        tags: further tags of the runs.
        on_run: told of the id of each run before it starts.
        made: whether there were any.
    """

    instance: dg.DagsterInstance
    job: dg.JobDefinition
    settings: Settings
    on_stage: Callable[[Stage], None]
    tags: Mapping[str, str]
    on_run: Callable[[str], None]
    made: bool = False

    def materialize(self, stage: Stage) -> None:
        """Make a stage in a run.

        Raises:
            RunFailedError: An asset or a blocking check failed.
        """
        self.made = True
        self.on_stage(stage)
        names, run_id = DataSetNames(self.settings.data_set), str(uuid4())
        self.on_run(run_id)
        result = self.job.execute_in_process(
            instance=self.instance,
            run_id=run_id,
            asset_selection=[names.key(asset) for asset in stage.assets],
            tags={**self.tags, **range_tags(stage.first, stage.last), **process_tag(run_id)},
            run_config={} if self.settings.log_format == "json" else SILENT,
            raise_on_error=False,
        )
        if not (result.success or _is_held_up(result, names)):
            raise RunFailedError(failures_in(result.all_events).words)

    def repair(self, resources: Resources, touched: tuple[dt.date, dt.date]) -> None:
        """Make the days anew, from the first to the last that were touched, that are stale.

        Raises:
            RunFailedError: An asset or a blocking check failed, or days are still stale in the end.
        """
        windows = self.settings.windows
        storage, results, read = resources.storage.tables(), resources.database.results(), days_read(windows, touched)
        for _ in range(MOST_ROUNDS):
            state = stored_state(storage, results.published(), read)
            stale = stale_days(storage, state, windows, self.settings.max_rejected_share, Scope(within=touched))
            if not stale:
                return
            for stage in next_stages(stale, windows):
                self.materialize(stage)
        days = in_words({day for days in stale.days.values() for day in days})
        raise RunFailedError(
            f"{days} are still stale, as other runs change the same days: run again when they have ended"
        )


@contextmanager
def _runs(
    settings: Settings,
    resources: Resources,
    on_stage: Callable[[Stage], None],
    tags: Mapping[str, str] | None,
    on_run: Callable[[str], None] | None,
) -> Iterator[_Runs]:
    job = data_set_definitions(settings).resolve_job_def(resources.rules.names.of(ATTRIBUTION_JOB))
    with dagster_instance() as instance:
        yield _Runs(instance, job, settings, on_stage, tags or {}, on_run or (lambda _: None))


def _stages_before(resources: Resources, first: dt.date, last: dt.date) -> list[Stage]:
    """What has to be extracted before the days from `first` to `last` can be made right."""
    storage, source, windows = resources.storage.tables(), resources.database.source(), resources.rules.windows
    earliest, latest = windows.days_touched_by(first, last)
    around = [day for day in days_between(earliest, latest) if not first <= day <= last]
    state = stored_state(storage, {}, (earliest, latest))
    due = days_changed(state, source, around)
    lookback = [day for day in around if day < first]
    missing = {asset: due[asset].union(storage.days(asset, lookback).missing) for asset in ("sessions", "spend")}
    return extraction_stages(due | missing)


def results(
    storage: AssetStorage, first: dt.date, last: dt.date, not_made: NotMade
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is reported from `first` to `last`: `channel_reporting` of all days, and their `order_outcomes`.

    Args:
        storage: Where the assets' tables lie.
        first: First day.
        last: Last day.
        not_made: What `days_not_made` gives: these days are left out.

    Raises:
        RunFailedError: No day is left.
    """
    days = days_between(first, last)
    reports = storage.days("channel_reporting", [day for day in days if day not in not_made["channel_reporting"]])
    if not reports.files:
        raise RunFailedError(not_made_in_words(not_made))
    orders = [day for day in days if day not in not_made["ihc_attributions"]]
    report = reports.together(reports.files)
    placed, credit, too_long = (
        storage.days(name, orders) for name in ("conversions", "ihc_attributions", companion_table("journeys"))
    )
    return report, order_outcomes(placed, credit, too_long)


def breakdown(
    storage: AssetStorage, windows: Windows, first: dt.date, last: dt.date, not_made: NotMade
) -> pd.DataFrame | None:
    """The `channel_breakdown` from `first` to `last`, as `results` gives the report; None without dimensions."""
    if "channel_breakdown" not in assets_in_use(windows):
        return None
    days = [day for day in days_between(first, last) if day not in not_made["channel_breakdown"]]
    return pd.concat([frame for _, frame in storage.days("channel_breakdown", days).frames()], ignore_index=True)


def dimension_named(windows: Windows, name: str | None) -> str | None:
    """The dimension that somebody names; None if nobody does.

    Raises:
        RunRejectedError: There is no such dimension.
    """
    dimensions = (*windows.dimensions, *windows.order_dimensions)
    found = name and next((each for each in dimensions if each == name.strip().lower()), None)
    if name and not found:
        there = f"one of {', '.join(dimensions)}" if dimensions else "a column that one of them names: neither does"
        raise RunRejectedError(
            f"--by {quoted(name)} is no dimension: it takes, of ATTRIBUTION_DIMENSIONS and"
            f" ATTRIBUTION_ORDER_DIMENSIONS, {there}"
        )
    return found or None


def days_not_made(resources: Resources, first: dt.date, last: dt.date) -> NotMade:
    """The days from `first` to `last` that cannot be made: asset -> day -> why."""
    rules, days = resources.rules, days_between(first, last)
    assets, share = assets_in_use(rules.windows), rules.max_rejected_share
    found = obstacles_by_asset(resources.storage.tables(), assets, days, rules.windows, share)
    return {asset: {**kept.left_out, **kept.held_up} for asset, kept in found.items()}


def orders_not_made(storage: AssetStorage, not_made: NotMade) -> str:
    """How many orders are of days that were not attributed, with their revenue; empty if there are none."""
    placed = [frame for _, frame in storage.days("conversions", sorted(not_made["ihc_attributions"])).frames()]
    orders = sum(map(len, placed))
    revenue = sum(float(frame["revenue"].sum()) for frame in placed)
    return f"{orders} more with a revenue of {revenue:,.2f} are of days that were not made" if orders else ""


def not_made_in_words(not_made: NotMade) -> str:
    """Which days were not made, and why, in one line."""
    reasons = dict.fromkeys(why for of_days in not_made.values() for why in of_days.values())
    days = {
        why: [
            f"{asset} of {in_words(day for day, found in of_days.items() if found == why)}"
            for asset, of_days in not_made.items()
            if why in of_days.values() and (asset in NAMED or not any(why in not_made[name].values() for name in NAMED))
        ]
        for why in reasons
    }
    return "; ".join(f"{why}; not made because of this: {', '.join(of_assets)}" for why, of_assets in days.items())


def orders_by_type(resources: Resources, outcomes: pd.DataFrame) -> pd.DataFrame | None:
    """What became of orders by the conversion type that splits them; None where no order names one.

    Args:
        resources: Where what the orders name is stored, and what that stands for.
        outcomes: `order_outcomes` of some days.

    Returns:
        conversion_type, value (what the source calls it, "" where it names none), orders, attributed (how many of
        them), revenue; by conversion type, then value.
    """
    days = pd.to_datetime(outcomes["conversion_time"]).dt.date.unique()
    named = resources.storage.tables().days("order_types", days)
    if not named.files:
        return None
    types = resources.ihc_api.order_types
    values = {order: value for _, frame in named.frames() for order, value in frame.to_numpy()}
    typed = outcomes.assign(value=[values.get(order, "") for order in outcomes["conv_id"]])
    typed = typed.assign(
        conversion_type=[types.of(value) for value in typed["value"]], attributed=typed["outcome"] == ATTRIBUTED
    )
    of_type = typed.groupby(["conversion_type", "value"])
    return of_type.agg(
        orders=("conv_id", "size"), attributed=("attributed", "sum"), revenue=("revenue", "sum")
    ).reset_index()


def require_mapped_types(resources: Resources, first: dt.date, last: dt.date) -> None:
    """See that all conversion types are mapped of the orders that a run from `first` to `last` may have attributed.

    Raises:
        ConfigurationError: One is not.
        SourceDatabaseError: The source cannot be read.
    """
    named = resources.database.source().conversion_types(*resources.rules.windows.days_touched_by(first, last))
    if unmapped := resources.ihc_api.order_types.unmapped(named):
        resources.ihc_api.require_mapped(unmapped, f" (order {quoted(named[unmapped[0]])})")


def too_long_orders(storage: AssetStorage, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The orders from `first` to `last` with more sessions than a request may hold: the table `too_long_orders`."""
    return run_sql(
        "SELECT * FROM too_long_orders ORDER BY conversion_time, conv_id",
        storage.days(companion_table("journeys"), days_between(first, last)),
    )


def rows_set_aside(storage: AssetStorage, first: dt.date, last: dt.date) -> dict[str, SetAside]:
    """What source rows of the days from `first` to `last` do not count, by asset."""
    days = days_between(first, last)
    found = {}
    for asset in SOURCE_ASSETS:
        rejected, kept = storage.days(companion_table(asset), days), storage.days(asset, days).stamps().values()
        rows = {day: stamp.rows for day, stamp in rejected.stamps().items() if stamp.rows}
        amounts = [amount for day in rows for amount in amounts_set_aside(rejected.frame(day))]
        found[asset] = SetAside(sum(rows.values()), money_in_words(asset, amounts), sum(each.repeated for each in kept))
    return found


def in_no_report(source: SourceDatabase, said: Mapping[str, Sequence[str]]) -> list[str]:
    """What there is to say of source rows that no day can report, a line each.

    Args:
        source: The source.
        said: The lines of the assets whose tables have just been looked at.
    """
    lines = list[str]()
    for asset in SOURCE_ASSETS:
        lines += said[asset] if asset in said else in_plain_words([source.rows_in_no_report(asset)])
    return lines


def _is_held_up(result: dg.ExecuteInProcessResult, names: DataSetNames) -> bool:
    """Whether a run failed only as days are held up: it has made all others."""
    held_up = {f"{asset}_rows_are_usable" for asset in SOURCE_ASSETS}
    held_up |= {f"{asset}_every_day_is_made" for asset in ASSETS}
    failures = result.get_step_failure_events()
    return bool(failures) and all(
        names.plain(event.step_key or "") in held_up and kind_of_error(event.step_failure_data.error) in STOPPED_DAYS
        for event in failures
    )
