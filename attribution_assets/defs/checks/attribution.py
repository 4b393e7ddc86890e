"""The invariants as asset checks, day by day. All block: a number that breaks one does not flow on.

Only `rows_are_usable` warns before it blocks.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from attribution_assets.attribution.calendar.days import by_day, days_between
from attribution_assets.attribution.freshness.lineage import SOURCE_ASSETS
from attribution_assets.attribution.invariants import attribution as invariants
from attribution_assets.attribution.reporting.journeys import orders_without_their_journey
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes
from attribution_assets.attribution.storage.stored_days import companion_table, query_batches
from attribution_assets.attribution.tables.schemas import TABLES
from attribution_assets.defs.checks.daily import BLOCKING, evaluated
from attribution_assets.defs.io_managers import partition_days
from attribution_assets.defs.resources import Storage
from attribution_assets.settings import lookback_days, max_rejected_share


def _schema_check(asset: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="matches_schema", **BLOCKING)
    def matches_schema(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
        """Every row matches the table's schema."""
        days = partition_days(context)
        table = storage.tables().days(asset, days)
        return evaluated(context, invariants.schema_problems_by_day(asset, ((day, table.frame(day)) for day in days)))

    return matches_schema


schema_checks = [_schema_check(asset) for asset in TABLES]


def _usable_rows_check(asset: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="rows_are_usable", **BLOCKING)
    def rows_are_usable(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
        """Every source row could be used. Rows set aside are a warning; blocks if they are too large a share."""
        days, share = partition_days(context), max_rejected_share()
        kept, rejected = (storage.tables().days(name, days) for name in (asset, companion_table(asset)))
        problems, tolerated = {}, set()
        for day in days:
            problems[day], too_many = invariants.usability_problems(rejected.frame(day), kept.stamp(day).rows, share)
            if not too_many:
                tolerated.add(day)
        return evaluated(context, problems.items(), tolerated)

    return rows_are_usable


usable_rows_checks = [_usable_rows_check(asset) for asset in SOURCE_ASSETS]


@dg.asset_check(asset="ihc_attributions", **BLOCKING)
def credit_sums_to_one(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
    """The credit of each attributed order sums to 1."""
    days = partition_days(context)
    attributions = storage.tables().days("ihc_attributions", days)
    return evaluated(
        context,
        ((day, invariants.credit_problems(attributions.frame(day, "conv_id", "outcome", "ihc"))) for day in days),
    )


@dg.asset_check(asset="ihc_attributions", **BLOCKING)
def orders_are_conserved(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
    """Attributed and unattributed orders are the day's orders, and so is their revenue; none has lost its journey."""
    tables, days = storage.tables(), partition_days(context)
    conversions, journeys, attributions = (
        tables.days(asset, days) for asset in ("conversions", "journeys", "ihc_attributions")
    )
    lookback = dt.timedelta(days=lookback_days())
    sessions = tables.days("sessions", days_between(days[0] - lookback, days[-1]))

    def problems() -> Iterator[tuple[dt.date, list[str]]]:
        for block in query_batches(conversions, days):
            outcomes = order_outcomes(conversions.among(block), attributions.among(block))
            window = sessions.within(block[0] - lookback, block[-1])
            missed = orders_without_their_journey(
                conversions.among(block), window, journeys.among(block), lookback.days
            )
            missed_by_day = dict(by_day(missed, "conversion_time", block))
            for day, accounted in by_day(outcomes, "conversion_time", block):
                orders = conversions.frame(day, "conv_id", "revenue")
                touchpoints = journeys.frame(day, "conv_id", "session_id")
                credited = attributions.frame(day, "conv_id", "session_id", "outcome")
                yield (
                    day,
                    [
                        *(f"order {order} has sessions, but no journey" for order in missed_by_day[day]["conv_id"]),
                        *invariants.touchpoint_problems(touchpoints, credited),
                        *invariants.order_problems(orders, credited, accounted),
                    ],
                )

    return evaluated(context, problems())


@dg.asset_check(asset="channel_reporting", **BLOCKING)
def unattributed_orders_are_kept(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
    """The day's orders are those with credit and those kept without it, and so is their revenue."""
    tables, days = storage.tables(), partition_days(context)
    orders, credit, kept = (
        tables.days(name, days) for name in ("conversions", "ihc_attributions", companion_table("channel_reporting"))
    )
    return evaluated(
        context,
        (
            (
                day,
                invariants.unattributed_problems(
                    orders.frame(day, "conv_id", "revenue"), credit.frame(day, "conv_id", "outcome"), kept.frame(day)
                )
                if day in orders.files and day in credit.files
                else [],
            )
            for day in days
        ),
    )


@dg.asset_check(asset="channel_reporting", **BLOCKING)
def cost_is_conserved(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
    """The report's cost is that of the day's sessions, channel by channel."""
    tables, days = storage.tables(), partition_days(context)
    sessions, report = (tables.days(asset, days) for asset in ("sessions", "channel_reporting"))
    return evaluated(
        context,
        (
            (day, invariants.cost_problems(sessions.frame(day, "channel_name", "cost"), report.frame(day)))
            for day in days
        ),
    )
