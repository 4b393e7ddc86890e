"""The assets of the attribution in graph order: each reads days, has one function do the work, and hands days over."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import tee

import dagster as dg
import pandas as pd

from attribution_assets import resources
from attribution_assets.attribution.calendar.tables_by_day import batches, by_day
from attribution_assets.attribution.freshness.lineage import extraction_inputs, made_from
from attribution_assets.attribution.ihc_api.order_types import values_of
from attribution_assets.attribution.progress import tell_rows_in_no_report
from attribution_assets.attribution.reporting.channel_report import by_channel
from attribution_assets.attribution.reporting.journeys import customer_journeys
from attribution_assets.attribution.reporting.order_outcomes import answered_by
from attribution_assets.attribution.reporting.report_blocks import report_blocks, report_inputs
from attribution_assets.attribution.reporting.report_file import write_stored_report
from attribution_assets.attribution.source.database import ExtractedDay, SourceDatabase
from attribution_assets.attribution.source.rows_in_no_report import in_words as in_plain_words
from attribution_assets.attribution.storage.stored_days import (
    DayTable,
    StoredDays,
    companion_table,
    versions_of,
)
from attribution_assets.charts.rendering import drawing
from attribution_assets.defs.assets.addresses import DATABASE, ENGINE, SOURCE
from attribution_assets.defs.assets.api_observations import observed_client
from attribution_assets.defs.assets.csv_files import csv_files
from attribution_assets.defs.assets.daily import FILE, RESULT_TABLE, daily_asset, with_metadata
from attribution_assets.defs.assets.metadata import (
    Metadata,
    attributions_metadata,
    certainty_metadata,
    channels_metadata,
    conversions_metadata,
    in_no_report_metadata,
    journeys_metadata,
    plots_metadata,
    rejected_metadata,
    report_metadata,
    requests_metadata,
    sessions_metadata,
    spend_metadata,
)
from attribution_assets.defs.io_managers import DailyTables, partition_days
from attribution_assets.defs.resources import DatabaseResource, IhcApiAccount, ReportingRules, Reports, Storage
from attribution_assets.instance.dagster_internals import add_metadata
from attribution_assets.instance.data_set_names import DataSetNames

REQUESTS_PER_BATCH = 100
"""Journeys of several days are packed into requests together: up to about this many requests at a time."""


def _claimed_source(database: DatabaseResource, storage: Storage) -> SourceDatabase:
    source = database.source()
    storage.tables().claim(str(source))
    return source


def _extracted(
    context: dg.AssetExecutionContext,
    source: SourceDatabase,
    days: Iterable[ExtractedDay],
    metadata: Callable[[ExtractedDay], Metadata],
) -> Iterator[tuple[DayTable, Metadata]]:
    """Each day as it is stored: its usable rows, and beside them those that were set aside.

    Meanwhile the whole table is searched for rows that no day can report.
    """
    (*data_set, asset), made = context.asset_key.path, list[str]()
    with ThreadPoolExecutor(1, thread_name_prefix="rows-in-no-report") as meanwhile:
        in_no_report = meanwhile.submit(source.rows_in_no_report, asset)
        for extracted in days:
            inputs = extraction_inputs(extracted.fingerprint)
            rejected = rejected_metadata(extracted.rejected, extracted.repeated)
            table = DayTable(
                extracted.day,
                extracted.frame,
                inputs,
                {companion_table(asset): extracted.rejected, **extracted.beside},
                repeated=extracted.repeated,
                undated=extracted.undated,
                summed=extracted.summed,
            )
            made.append(str(extracted.day))
            yield table, metadata(extracted) | rejected
        lines = [*map(DataSetNames("".join(data_set)).in_attributes, in_plain_words([in_no_report.result()]))]
    tell_rows_in_no_report(asset, lines)
    for line in lines:
        context.log.warning("%s", line)
    if lines:
        of_days = dict.fromkeys(made, in_no_report_metadata(lines))
        add_metadata(context.get_step_execution_context(), context.asset_key, of_days)


def _not_named(source: SourceDatabase, extracted: ExtractedDay) -> Metadata:
    return channels_metadata(source.channels.not_named(extracted.frame["channel_name"].unique()))


@daily_asset(kinds={SOURCE, "parquet"})
def sessions(context: dg.AssetExecutionContext, database: DatabaseResource, storage: Storage) -> DailyTables:
    """Sessions that started on the day, with their cost, from the source database."""
    source = _claimed_source(database, storage)
    days = source.sessions(partition_days(context))

    def metadata(extracted: ExtractedDay) -> Metadata:
        return sessions_metadata(extracted.frame) | _not_named(source, extracted)

    return with_metadata(context, _extracted(context, source, days, metadata))


@daily_asset(kinds={SOURCE, "parquet"})
def conversions(context: dg.AssetExecutionContext, database: DatabaseResource, storage: Storage) -> DailyTables:
    """Orders placed on the day, from the source database."""
    source = _claimed_source(database, storage)
    days = source.conversions(partition_days(context))

    def metadata(extracted: ExtractedDay) -> Metadata:
        return conversions_metadata(extracted.frame, extracted.refunded)

    return with_metadata(context, _extracted(context, source, days, metadata))


@daily_asset(kinds={SOURCE, "parquet"})
def spend(context: dg.AssetExecutionContext, database: DatabaseResource, storage: Storage) -> DailyTables:
    """What was spent on each channel and campaign on the day, from the source database; empty if it does not say."""
    source = _claimed_source(database, storage)
    days = source.spend(partition_days(context))

    def metadata(extracted: ExtractedDay) -> Metadata:
        return spend_metadata(extracted.frame) | _not_named(source, extracted)

    return with_metadata(context, _extracted(context, source, days, metadata))


@daily_asset(kinds={ENGINE, "parquet"})
def journeys(
    context: dg.AssetExecutionContext, conversions: StoredDays, sessions: StoredDays, rules: ReportingRules
) -> DailyTables:
    """Touchpoints of the orders placed on the day: the sessions in each order's lookback window."""

    def build() -> Iterator[tuple[DayTable, Metadata]]:
        versions, windows = versions_of(conversions, sessions), rules.windows
        for day, table, too_long in customer_journeys(conversions, sessions, windows):
            inputs, orders = made_from("journeys", versions, day, windows), conversions.stamp(day).rows
            beside = {companion_table("journeys"): too_long}
            yield DayTable(day, table, inputs, beside), journeys_metadata(table, too_long, orders)

    return with_metadata(context, build())


def typed_journeys(
    journeys: StoredDays, named: StoredDays, ihc_api: resources.IhcApiAccount
) -> Iterator[tuple[dt.date, pd.DataFrame]]:
    """The journeys of each day, with the conversion types of their orders where any order names one."""
    for day, frame in journeys.frames():
        yield day, ihc_api.order_types.with_types(frame, named.frame(day)) if named.files else frame


@daily_asset(kinds={"python", "parquet", DATABASE}, tags={"calls": "ihc-api"} | RESULT_TABLE, pool="ihc_api")
def ihc_attributions(  # noqa: PLR0913, PLR0917 - what it reads and asks
    context: dg.AssetExecutionContext,
    journeys: StoredDays,
    ihc_api: IhcApiAccount,
    database: DatabaseResource,
    storage: Storage,
    reports: Reports,
    rules: ReportingRules,
) -> DailyTables:
    """Credit that the IHC API gave to each touchpoint of the orders placed on the day."""
    reports.check()  # before anything is paid for that could not be reported

    def attribute() -> Iterator[tuple[DayTable, Metadata]]:
        too_long = storage.tables().days(companion_table("journeys"), journeys.files).stamps()
        named = storage.tables().days("order_types", journeys.files)
        versions, rows = versions_of(journeys, named), REQUESTS_PER_BATCH * ihc_api.max_sessions_per_request
        ihc_api.require_mapped(value for _, frame in named.frames() for value in frame["conversion_type"])
        with observed_client(context, ihc_api.client(database.ledger())) as client:
            plan = client.plan(batch for _, batch in batches(typed_journeys(journeys, named, ihc_api), rows))
            context.log.info("%s", plan)
            asked, sent = tee(batches(typed_journeys(journeys, named, ihc_api), rows))
            with closing(client.attribute_each(batch for _, batch in sent)) as attributions:
                for (days, _), attribution in zip(asked, attributions, strict=True):
                    answered = attribution.touchpoints.assign(answered_by=ihc_api.answered_by)
                    for day, frame in by_day(answered, "conversion_time", days):
                        inputs = made_from("ihc_attributions", versions, day, rules.windows)
                        types = values_of(frame["conv_id"].unique(), named.frame(day))
                        settings = ihc_api.settings_of(types)
                        table = DayTable(day, frame, inputs, settings=settings, conversion_types=types)
                        counted = too_long[day].rows if day in too_long else 0
                        yield table, attributions_metadata(frame, counted, attribution.asked)
        context.add_asset_metadata({"answered_by": ihc_api.answered_by} | requests_metadata(client))

    return with_metadata(context, attribute())


@daily_asset(kinds={ENGINE, "parquet", DATABASE}, tags=RESULT_TABLE)
def channel_reporting(  # noqa: PLR0913, PLR0917 - what it reads
    context: dg.AssetExecutionContext,
    sessions: StoredDays,
    spend: StoredDays,
    ihc_attributions: StoredDays,
    conversions: StoredDays,
    storage: Storage,
    rules: ReportingRules,
) -> DailyTables:
    """Cost and credit of each channel seen or credited on the day."""

    def report() -> Iterator[tuple[DayTable, Metadata]]:
        due, windows, of_blocks = [*sessions.files], rules.windows, list[pd.DataFrame]()
        if not due:
            return
        beside = report_inputs(storage.tables(), windows, due[0], due[-1])
        stored = beside._replace(spend=spend, credit=ihc_attributions, orders=conversions)
        versions = versions_of(*stored)
        attributed = versions["ihc_attributions"]
        known = attributed.keys() - storage.tables().empty_at_the_end(windows.last_day)
        with drawing() as draw:
            for block in report_blocks(stored, due, windows):
                outcomes, unattributed = (
                    dict(by_day(table, "conversion_time", block.days)) for table in (block.outcomes, block.unattributed)
                )
                answered, with_shares = {"answered_by": answered_by(block.credit)}, block.with_phases()
                for day, frame in by_day(with_shares, "date", block.days):
                    inputs = made_from("channel_reporting", versions, day, windows)
                    certainty = certainty_metadata(day, known, windows.lookback_days, windows.last_day)
                    found = outcomes[day] if day in attributed else None
                    metadata = report_metadata(frame, found) | certainty | answered
                    orders = {companion_table("channel_reporting"): unattributed[day]}
                    yield DayTable(day, frame[list(block.report)], inputs, orders), metadata
                of_blocks.append(by_channel(with_shares))
            plots = plots_metadata(by_channel(pd.concat(of_blocks)), due, draw)
            context.add_asset_metadata(plots, partition_key=str(due[-1]))

    return with_metadata(context, report())


@daily_asset(kinds={"csv"}, tags=FILE)
def channel_reporting_csv(
    context: dg.AssetExecutionContext, channel_reporting: StoredDays, reports: Reports, rules: ReportingRules
) -> DailyTables:
    """The day's report with CPO and ROAS as the file `channel_reporting_<day>.csv`."""
    return with_metadata(context, csv_files(channel_reporting, reports, rules, write_stored_report))
