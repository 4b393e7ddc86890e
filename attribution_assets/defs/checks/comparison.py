"""The invariants of what stands beside the report, day by day: all of it is of the same orders. All block."""

import datetime as dt
from collections.abc import Callable, Iterable

import dagster as dg
import pandas as pd

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Window
from attribution_assets.attribution.invariants import comparison as invariants
from attribution_assets.defs.checks.daily import daily_check, days_to_check, evaluated
from attribution_assets.defs.resources import ReportingRules, Storage


def _of_the_orders(
    context: dg.AssetCheckExecutionContext,
    storage: Storage,
    rules: ReportingRules,
    asset: str,
    problems: Callable[[pd.DataFrame, pd.DataFrame], list[str]],
) -> dg.AssetCheckResult:
    """What does not hold of each day's table of attributed orders, given the orders and the table."""
    tables, days = storage.tables(), days_to_check(context, storage, rules)
    orders, credit, made = (tables.days(name, days) for name in ("conversions", "ihc_attributions", asset))
    return evaluated(
        context,
        (
            (
                day,
                problems(
                    invariants.attributed_orders(
                        orders.frame(day, "conv_id", "revenue"), credit.frame(day, "conv_id", "outcome")
                    ),
                    made.frame(day),
                ),
            )
            for day in days
        ),
    )


@daily_check("model_comparison")
def models_share_out_the_same(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """Each model's orders sum to the attributed orders, and its revenue to theirs."""
    return _of_the_orders(context, storage, rules, "model_comparison", invariants.model_problems)


@daily_check("conversion_paths")
def paths_are_of_all_orders(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """The paths' orders sum to the attributed orders, and their revenue to theirs."""
    return _of_the_orders(context, storage, rules, "conversion_paths", invariants.path_problems)


@daily_check("channel_roles")
def roles_are_of_all_orders(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """No phase sums to more than the attributed orders; no channel assists more of them than it influences."""
    return _of_the_orders(context, storage, rules, "channel_roles", invariants.role_problems)


@daily_check("markov_comparison")
def markov_shares_out_the_same(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """The Markov chain's orders and revenue sum to those of the paths of its window."""
    tables, days, windows = storage.tables(), days_to_check(context, storage, rules), rules.windows
    read = days_between(windows.read_by(days[0], Window.LOOKBACK)[0], days[-1]) if days else ()
    paths = tables.days("conversion_paths", read)
    chains = tables.days("markov_comparison", days)
    totals = {day: frame[["orders", "revenue"]].sum() for day, frame in paths.frames()}

    def problems() -> Iterable[tuple[dt.date, list[str]]]:
        for day in days:
            of_day = days_between(*windows.read_by(day, Window.LOOKBACK))
            window = [totals[of_window] for of_window in of_day if of_window in totals]
            yield day, invariants.markov_problems(pd.DataFrame(window), chains.frame(day))

    return evaluated(context, problems())
