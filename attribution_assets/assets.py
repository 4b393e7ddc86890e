"""The six assets in graph order: each reads days, has one function do the work, and hands days over."""

import datetime as dt
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

import dagster as dg
import pandas as pd

from attribution_assets.asset_metadata import (
    Metadata,
    attributions_metadata,
    column_schema,
    conversions_metadata,
    journeys_metadata,
    rejected_metadata,
    report_metadata,
    sessions_metadata,
    table_metadata,
)
from attribution_assets.attribution.asset_storage import StoredDays, days_written
from attribution_assets.attribution.channel_report import answered_by, channel_report, order_outcomes
from attribution_assets.attribution.days import batches, blocks, by_day
from attribution_assets.attribution.engine import DAYS_PER_QUERY
from attribution_assets.attribution.journeys import customer_journeys
from attribution_assets.attribution.report_file import write_report
from attribution_assets.attribution.source_database import ExtractedDay, SourceDatabase
from attribution_assets.io_managers import MAY_MISS_DAYS, DailyFrames, partition_days
from attribution_assets.partitions import attribution_window, daily, lookback_window
from attribution_assets.resources import DatabaseResource, IhcApiAccount, Reports, Storage, first_day, lookback_days
from attribution_assets.schemas import TABLES_BESIDE

# Dagster calls these beta; both are pinned by tests. A range of days in one run is what keeps a backfill in order.
warnings.filterwarnings(
    "ignore", "(Parameter `backfill_policy`|Function `pandera_schema_to_dagster_type`)", dg.BetaWarning
)

LOOKBACK = dt.timedelta(days=lookback_days())

REQUESTS_PER_BATCH = 100
"""Journeys of several days are packed into requests together: up to about this many requests at a time."""


def daily_asset(
    *, kinds: set[str], ins: Mapping[str, dg.AssetIn] | None = None
) -> Callable[[Callable[..., DailyFrames | None]], dg.AssetsDefinition]:
    """Make an asset of a function: by day, a range of days in one run, its columns those of its table's schema."""

    def decorate(function: Callable[..., DailyFrames | None]) -> dg.AssetsDefinition:
        decorator = dg.asset(
            partitions_def=daily,
            backfill_policy=dg.BackfillPolicy.single_run(),
            group_name="attribution",
            owners=["team:marketing-analytics"],
            kinds=kinds,
            ins=ins,
            metadata=column_schema(function.__name__),
        )
        return decorator(function)

    return decorate


def _described(
    context: dg.AssetExecutionContext, days: Iterable[tuple[dt.date, pd.DataFrame, Metadata]]
) -> DailyFrames:
    def described() -> Generator[tuple[dt.date, pd.DataFrame]]:
        for day, frame, metadata in days:
            context.add_asset_metadata(table_metadata(frame) | metadata, partition_key=day.isoformat())
            yield day, frame

    return DailyFrames(described())


def _claimed_source(database: DatabaseResource, storage: Storage) -> SourceDatabase:
    source = database.source()
    storage.tables().claim(str(source))
    return source


def _extracted(
    context: dg.AssetExecutionContext,
    source: SourceDatabase,
    days: Iterable[ExtractedDay],
    storage: Storage,
    metadata: Callable[[pd.DataFrame], Metadata],
) -> Iterator[tuple[dt.date, pd.DataFrame, Metadata]]:
    """Store the rows of each day that cannot be used beside the asset's table, and hand the others over."""
    asset = context.asset_key.path[-1]
    stray = 0 if first_day() in partition_days(context) else source.rows_without_a_day(asset)
    if stray:
        context.log.warning(
            "%d rows of %s have a date with no place in the calendar: they are set aside with the first day, %s",
            stray,
            asset,
            first_day(),
        )
    tables, beside = storage.tables(), str(TABLES_BESIDE[asset].name)
    for extracted in days:
        tables.write(beside, extracted.day, extracted.rejected)
        described = metadata(extracted.frame) | rejected_metadata(extracted.rejected, stray)
        yield extracted.day, extracted.frame, described


@daily_asset(kinds={"sql", "pandas"})
def sessions(context: dg.AssetExecutionContext, database: DatabaseResource, storage: Storage) -> DailyFrames:
    """Sessions that started on the day, with their cost, from the source database."""
    source = _claimed_source(database, storage)
    days = source.sessions(partition_days(context))
    return _described(context, _extracted(context, source, days, storage, sessions_metadata))


@daily_asset(kinds={"sql", "pandas"})
def conversions(context: dg.AssetExecutionContext, database: DatabaseResource, storage: Storage) -> DailyFrames:
    """Orders placed on the day, from the source database."""
    source = _claimed_source(database, storage)
    days = source.conversions(partition_days(context))
    return _described(context, _extracted(context, source, days, storage, conversions_metadata))


@daily_asset(
    kinds={"duckdb"},
    ins={"sessions": dg.AssetIn(partition_mapping=lookback_window)},
)
def journeys(context: dg.AssetExecutionContext, conversions: StoredDays, sessions: StoredDays) -> DailyFrames:
    """Touchpoints of the orders placed on the day: the sessions in each order's lookback window."""

    def build() -> Iterator[tuple[dt.date, pd.DataFrame, Metadata]]:
        for days in blocks(partition_days(context), DAYS_PER_QUERY):
            window = sessions.within(days[0] - LOOKBACK, days[-1])
            built = customer_journeys(conversions.within(days[0], days[-1]), window, LOOKBACK.days)
            for day, frame in by_day(built, "conversion_time", days):
                yield day, frame, journeys_metadata(frame, conversions.frame(day))

    return _described(context, build())


@daily_asset(kinds={"python"})
def ihc_attributions(
    context: dg.AssetExecutionContext, journeys: StoredDays, ihc_api: IhcApiAccount, database: DatabaseResource
) -> DailyFrames:
    """Credit that the IHC API gave to each touchpoint of the orders placed on the day."""

    def attribute() -> Iterator[tuple[dt.date, pd.DataFrame, Metadata]]:
        results, requests, retries = database.results(), 0, 0
        with ihc_api.client() as client:
            for days, batch in batches(journeys.frames(), REQUESTS_PER_BATCH * ihc_api.max_sessions_per_request):
                attribution = client.attribute(batch)
                requests, retries = requests + attribution.requests, retries + attribution.retries
                answered = attribution.touchpoints.assign(answered_by=ihc_api.answered_by)
                for day, frame in by_day(answered, "conversion_time", days):
                    results.replace_attributions(day, frame)
                    yield day, frame, attributions_metadata(frame)
        context.add_asset_metadata(
            {"answered_by": ihc_api.answered_by, "requests_of_run": requests, "retries_of_run": retries}
        )

    return _described(context, attribute())


@daily_asset(
    kinds={"duckdb"},
    ins={
        "ihc_attributions": dg.AssetIn(partition_mapping=attribution_window, metadata=MAY_MISS_DAYS),
        "conversions": dg.AssetIn(partition_mapping=attribution_window, metadata=MAY_MISS_DAYS),
    },
)
def channel_reporting(
    context: dg.AssetExecutionContext,
    sessions: StoredDays,
    ihc_attributions: StoredDays,
    conversions: StoredDays,
    database: DatabaseResource,
) -> DailyFrames:
    """Cost and credit of each channel seen or credited on the day."""

    def report() -> Iterator[tuple[dt.date, pd.DataFrame, Metadata]]:
        results = database.results()
        for days in blocks(partition_days(context), DAYS_PER_QUERY):
            first, last = days[0], days[-1]
            credit, orders = (stored.within(first, last + LOOKBACK) for stored in (ihc_attributions, conversions))
            reported = channel_report(sessions.within(first, last), credit, orders, first, last)
            outcomes = order_outcomes(orders.within(first, last), credit.within(first, last))
            outcomes_by_day = dict(by_day(outcomes, "conversion_time", days))
            answered = answered_by(credit)
            for day, frame in by_day(reported, "date", days):
                results.replace_channel_reporting(day, frame)
                yield day, frame, report_metadata(frame, outcomes_by_day[day]) | {"answered_by": answered}

    return _described(context, report())


@daily_asset(kinds={"csv"})
def channel_reporting_csv(context: dg.AssetExecutionContext, channel_reporting: StoredDays, reports: Reports) -> None:
    """The day's report with CPO and ROAS as the file `channel_reporting_<day>.csv`."""
    for day, frame in channel_reporting.frames():
        path = reports.file(f"channel_reporting_{day}.csv")
        write_report(frame, path)
        metadata = {"path": dg.MetadataValue.path(str(path)), "dagster/partition_row_count": len(frame)}
        context.add_asset_metadata(metadata, partition_key=day.isoformat())
        days_written.info("%s %s: %d rows", "channel_reporting_csv", day, len(frame))
