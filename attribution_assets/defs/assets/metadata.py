"""What the UI shows of each materialized day: counts and totals. Pure functions of the day's tables.

One name has one meaning in all assets and checks, and no two differ in the order of their words alone: what is counted
stands first, which of them after it. ARCHITECTURE.md lists the names.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from dagster_pandera import pandera_schema_to_dagster_type

from attribution_assets.attribution.calendar.days import in_words
from attribution_assets.attribution.calendar.finality import is_final
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.invariants.attribution import users_with_too_long_orders
from attribution_assets.attribution.tables.credit import JOURNEY_OUTCOMES, OUTCOMES
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.tables.schemas import TABLES
from attribution_assets.attribution.tables.set_aside import amounts_set_aside
from attribution_assets.charts.rendering import Draw, svg
from attribution_assets.charts.report_plots import report_plots

MOST_USERS = 5
MOST_CHANNELS = 100

Metadata = dict[str, Any]


def column_schema(asset: str) -> Metadata:
    """The columns of an asset's table, from its pandera schema, for its definition; nothing if it has no table."""
    if asset not in TABLES:
        return {}
    return {"dagster/column_schema": pandera_schema_to_dagster_type(TABLES[asset]).metadata["schema"]}


def table_metadata(table: pd.DataFrame | pa.Table) -> Metadata:
    """Of any table: its number of rows."""
    return {"dagster/partition_row_count": len(table)}


def sessions_metadata(sessions: pd.DataFrame | pa.Table) -> Metadata:
    """What the day's sessions cost, and how many of them have no cost on record, or a visitor who is not known."""
    cost = _column(sessions, "cost")
    return {
        "cost": _amount(cost.sum()),
        "sessions_without_cost": int(cost.isna().sum()),
        "sessions_without_visitor": int(_column(sessions, "user_id").isna().sum()),
    }


def spend_metadata(spend: pd.DataFrame) -> Metadata:
    """What was spent on the day."""
    return {"cost": _amount(spend["cost"].sum())}


def channels_metadata(not_named: Sequence[str]) -> Metadata:
    """The day's channels that the mapping of channel names does not name, each once; nothing if it names all.

    Args:
        not_named: These channels, sorted.
    """
    if not not_named:
        return {}
    more = f" and {len(not_named) - MOST_CHANNELS} more" if len(not_named) > MOST_CHANNELS else ""
    return {"channels_not_in_mapping": ", ".join(map(readable, not_named[:MOST_CHANNELS])) + more}


def conversions_metadata(conversions: pd.DataFrame | pa.Table, refunded: float | None = None) -> Metadata:
    """The number of the day's orders, their revenue, and how many have no visitor, so that they have no journey.

    Args:
        conversions: The orders; their revenue is what remains after refunds.
        refunded: How much was paid back of it; None where the source does not say. Then revenue before, what was paid
            back, and what remains are left out.
    """
    remaining = float(_column(conversions, "revenue").sum())
    sums = {} if refunded is None else {"gross": remaining + refunded, "refunded": refunded, "net": remaining}
    return {
        "orders": len(conversions),
        "revenue": _amount(remaining),
        "orders_without_visitor": int(_column(conversions, "user_id").isna().sum()),
        **{f"revenue_{which}": _amount(amount) for which, amount in sums.items()},
    }


def rejected_metadata(rejected: pd.DataFrame, repeated: int) -> Metadata:
    """How many source rows of the day were set aside, with how much money, and how many repeat others.

    Args:
        rejected: The day's table of them.
        repeated: How many rows of the day repeat another one in every column, so that they do not count.
    """
    amount = _amount(math.fsum(amounts_set_aside(rejected)))
    return {"rows_rejected": len(rejected), "amount_rejected": amount, "rows_repeated": repeated}


def in_no_report_metadata(lines: Sequence[str]) -> Metadata:
    """What there is to say of rows in the whole source table that no day can report."""
    return {"rows_in_no_report": " ".join(lines)}


def journeys_metadata(journeys: pa.Table, too_long: pd.DataFrame, orders: int) -> Metadata:
    """How many of the day's orders have a journey, how many are too long for one, and the longest one's touchpoints.

    Args:
        journeys: The day's `journeys`.
        too_long: Its `too_long_orders`.
        orders: How many orders the day has.
    """
    touchpoints = journeys.column("conv_id").value_counts().field("counts")
    users = users_with_too_long_orders(too_long)
    more = [f"and {len(users) - MOST_USERS} more"] if len(users) > MOST_USERS else []
    frequent = {"users_too_long": "; ".join([*users[:MOST_USERS], *more])} if users else {}
    return {
        "orders": orders,
        "orders_with_journey": len(touchpoints),
        "orders_too_long": len(too_long),
        "orders_without_sessions": orders - len(touchpoints) - len(too_long),
        "longest_journey": pc.max(touchpoints).as_py() or 0,
    } | frequent


def attributions_metadata(attributions: pd.DataFrame, too_long: int, asked: Mapping[str, float]) -> Metadata:
    """What became of the day's orders, and what their journeys cost.

    Args:
        attributions: The day's `ihc_attributions`.
        too_long: How many orders have too many sessions for a journey.
        asked: The orders whose journeys were asked for, and how much of a request each took, see `Attribution`.

    Returns:
        The number of orders attributed, too long and refused; of journeys that were asked for, and of those that the
        ledger knew; and the requests that the former took. A request that holds journeys of several days counts in
        parts, so that the days of a run add up to the requests that brought answers.
    """
    orders = dict(zip(attributions["conv_id"].tolist(), attributions["outcome"].tolist(), strict=True))
    counts = Counter(orders.values())
    found = {f"orders_{outcome}": counts[outcome] for outcome in JOURNEY_OUTCOMES}
    parts = [asked[order] for order in orders if order in asked]
    reused = len(orders) - found["orders_too_long"] - len(parts)
    found["orders_too_long"] += too_long
    return found | {"journeys_asked": len(parts), "journeys_reused": reused, "requests": _amount(math.fsum(parts))}


def requests_metadata(client: IhcClient) -> Metadata:
    """What a run's orders cost in requests, and how many of its journeys cost none because the ledger knew them."""
    return {
        "requests_of_run": client.requests,
        "retries_of_run": client.retries,
        "journeys_reused_of_run": client.reused,
    }


def report_metadata(report: pd.DataFrame, outcomes: pd.DataFrame | None) -> Metadata:
    """The day's totals by touch date, and what became of the orders placed on it; a ratio to 0 is left out.

    Args:
        report: The day's `channel_reporting`.
        outcomes: `order_outcomes` of the day; None while the day's orders have not been attributed.

    Returns:
        By touch date: `cost`, `ihc`, `ihc_revenue`, as the columns are named, `cpo`, `roas`. By the day of the order:
        `orders` and `revenue`, both by outcome too, and the shares of them that were not attributed.
    """
    cost, credit, earned = (_amount(report[name].sum()) for name in ("cost", "ihc", "ihc_revenue"))
    totals = {"cost": cost, "ihc": credit, "ihc_revenue": earned}
    totals |= _ratio("cpo", cost, credit) | _ratio("roas", earned, cost)
    return totals if outcomes is None else totals | _outcomes_metadata(outcomes)


def _outcomes_metadata(outcomes: pd.DataFrame) -> Metadata:
    kinds, amounts = outcomes["outcome"].to_numpy(), outcomes["revenue"].to_numpy()
    orders, revenue = len(amounts), _amount(amounts.sum())
    found: Metadata = {"orders": orders, "revenue": revenue}
    for outcome in OUTCOMES:
        of_outcome = amounts[kinds == outcome]
        found |= {f"orders_{outcome}": len(of_outcome), f"revenue_{outcome}": _amount(of_outcome.sum())}
    return (
        found
        | _ratio("orders_unattributed_share", orders - found["orders_attributed"], orders)
        | _ratio("revenue_unattributed_share", revenue - found["revenue_attributed"], revenue)
    )


def plots_metadata(report: pd.DataFrame, days: Sequence[dt.date], draw: Draw = svg) -> Metadata:
    """The charts of a report's channels, for its last day; nothing of a report without rows.

    Args:
        report: As for `report_plots`.
        days: The days that it is of. The key says which, if there are several.
        draw: As for `report_plots`.
    """
    plots = report_plots(report, in_words(days), draw)
    key = f"plots_of_{in_words(days)}" if len(days) > 1 else "plots"
    return {key: dg.MetadataValue.md(plots)} if plots else {}


def comparison_metadata(tables: Mapping[str, pd.DataFrame]) -> Metadata:
    """The attributed orders of the day and their revenue, which each model shares out.

    Args:
        tables: As `order_comparisons` gives them.
    """
    paths = tables["conversion_paths"]
    return {f"{name}_attributed": _amount(paths[name].sum()) for name in ("orders", "revenue")}


def breakdown_metadata(breakdown: pd.DataFrame) -> Metadata:
    """How many values each dimension has on the day."""
    values = breakdown.groupby("dimension")["value"].nunique()
    return {"values_of_dimensions": ", ".join(f"{name}: {count}" for name, count in values.items())}


def certainty_metadata(
    day: dt.date, attributed: Container[dt.date], lookback_days: int, last_day: dt.date | None = None
) -> Metadata:
    """Whether the day's report is final, or what has to be attributed before it is; late rows can change both.

    Args:
        day: The day of the report.
        attributed: The days whose orders have been attributed, up to the last day with data.
        lookback_days: Length of the lookback window.
        last_day: Last day of the calendar, see `is_final`.
    """
    last = min(day + dt.timedelta(days=lookback_days), last_day or dt.date.max)
    provisional = not is_final(day, attributed, lookback_days, last_day)
    return {"provisional": provisional, "final_once_attributed_until": str(last)}


def _column(table: pd.DataFrame | pa.Table, name: str) -> "pd.Series[float]":
    column: pd.Series[float] = table[name].to_pandas() if isinstance(table, pa.Table) else table[name]
    return column


def _ratio(name: str, numerator: float, denominator: float) -> Metadata:
    return {name: _amount(numerator / denominator)} if denominator else {}


def _amount(value: float) -> float:
    return round(float(value), 6)
