"""The invariant of the breakdown, day by day: the values of each dimension make up the report. It blocks."""

import dagster as dg

from attribution_assets.attribution.invariants import breakdown as invariants
from attribution_assets.defs.checks.daily import daily_check, days_to_check, evaluated
from attribution_assets.defs.resources import ReportingRules, Storage


@daily_check("channel_breakdown")
def breakdown_is_that_of_the_report(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """For each dimension and channel, the values' cost, orders and revenue sum to those of the report."""
    tables, days, windows = storage.tables(), days_to_check(context, storage, rules), rules.windows
    report, breakdown = (tables.days(name, days) for name in ("channel_reporting", "channel_breakdown"))
    return evaluated(
        context,
        (
            (
                day,
                invariants.breakdown_problems(
                    report.frame(day), breakdown.frame(day), windows.dimensions, windows.order_dimensions
                ),
            )
            for day in days
        ),
    )
