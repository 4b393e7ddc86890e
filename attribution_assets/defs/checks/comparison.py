"""The invariant of what stands beside the report, day by day: all of it is of the same orders. It blocks."""

import datetime as dt

import dagster as dg

from attribution_assets.attribution.invariants import comparison as invariants
from attribution_assets.attribution.invariants.sound_days import sound_comparisons
from attribution_assets.attribution.storage.stored_days import names_of
from attribution_assets.defs.checks.daily import daily_check, days_to_check, evaluated
from attribution_assets.defs.resources import ReportingRules, Storage


@daily_check("model_comparison")
def comparisons_are_of_all_orders(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """Each model's orders and revenue sum to those attributed, and so do the paths'; roles are of no more orders."""
    tables, days = storage.tables(), days_to_check(context, storage, rules)
    orders, credit = (tables.days(name, days) for name in ("conversions", "ihc_attributions"))
    compared = [tables.days(name, days) for name in names_of("model_comparison")]

    def problems(day: dt.date) -> list[str]:
        placed, attributed = orders.table(day, "conv_id", "revenue"), credit.table(day, "conv_id", "outcome")
        of_day = {table.asset: table.table(day) for table in compared}
        if sound_comparisons(placed, attributed, of_day):
            return []
        counted = invariants.attributed_orders(placed.to_pandas(), attributed.to_pandas())
        return invariants.comparison_problems(counted, {name: table.to_pandas() for name, table in of_day.items()})

    return evaluated(context, ((day, problems(day)) for day in days))
