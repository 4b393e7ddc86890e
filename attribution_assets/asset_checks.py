"""The invariants as asset checks, over all days of a run. All block: a number that breaks one does not flow on."""

import datetime as dt
import warnings
from collections.abc import Callable
from typing import Any

import dagster as dg

from attribution_assets.attribution import invariants
from attribution_assets.attribution.channel_report import order_outcomes
from attribution_assets.attribution.days import by_day
from attribution_assets.io_managers import partition_days
from attribution_assets.partitions import daily
from attribution_assets.resources import Storage
from attribution_assets.schemas import TABLES

# Dagster calls partitioned checks a preview; a test pins what they give.
warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)

BLOCKING: dict[str, Any] = {"partitions_def": daily, "blocking": True}


def _each_day(
    context: dg.AssetCheckExecutionContext, problems_of: Callable[[dt.date], list[str]]
) -> dg.AssetCheckResult:
    days = partition_days(context)
    problems = {str(day): found for day in days if (found := problems_of(day))}
    first = "; ".join(f"{day}: {found[0]}" for day, found in list(problems.items())[:3])
    return dg.AssetCheckResult(
        passed=not problems,
        description=first or None,
        metadata={"days_checked": len(days), "problems": problems},
    )


def _schema_check(asset: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="matches_schema", **BLOCKING)
    def matches_schema(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
        """Every row matches the table's schema."""
        table = storage.tables().days(asset, partition_days(context))
        return _each_day(context, lambda day: invariants.schema_problems(asset, table.frame(day)))

    return matches_schema


schema_checks = [_schema_check(asset) for asset in TABLES]


@dg.asset_check(asset="ihc_attributions", **BLOCKING)
def credit_sums_to_one(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
    """The credit of each attributed order sums to 1."""
    attributions = storage.tables().days("ihc_attributions", partition_days(context))
    return _each_day(context, lambda day: invariants.credit_problems(attributions.frame(day)))


@dg.asset_check(asset="ihc_attributions", **BLOCKING)
def orders_are_conserved(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
    """Attributed and unattributed orders are the day's orders, and so is their revenue; no touchpoint is lost."""
    tables, days = storage.tables(), partition_days(context)
    conversions, journeys, attributions = (
        tables.days(asset, days) for asset in ("conversions", "journeys", "ihc_attributions")
    )
    outcomes = dict(by_day(order_outcomes(conversions, attributions), "conversion_time", days))

    def problems(day: dt.date) -> list[str]:
        orders, credited = conversions.frame(day), attributions.frame(day)
        return [
            *invariants.touchpoint_problems(journeys.frame(day), credited),
            *invariants.order_problems(orders, credited, outcomes[day]),
        ]

    return _each_day(context, problems)


@dg.asset_check(asset="channel_reporting", **BLOCKING)
def cost_is_conserved(context: dg.AssetCheckExecutionContext, storage: Storage) -> dg.AssetCheckResult:
    """The report's cost is that of the day's sessions, channel by channel."""
    tables, days = storage.tables(), partition_days(context)
    sessions, report = (tables.days(asset, days) for asset in ("sessions", "channel_reporting"))
    return _each_day(context, lambda day: invariants.cost_problems(sessions.frame(day), report.frame(day)))
