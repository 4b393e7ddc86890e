"""What the UI shows of each materialized day: counts, totals and its first rows. Pure functions of the day's tables."""

import datetime as dt
from collections.abc import Container
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from dagster_pandera import pandera_schema_to_dagster_type

from attribution_assets.attribution.channel_report import is_final
from attribution_assets.attribution.ihc_api import IhcClient
from attribution_assets.schemas import TABLES

PREVIEW_ROWS = 5

Metadata = dict[str, Any]


def column_schema(asset: str) -> Metadata:
    """The columns of an asset's table, from its pandera schema, for its definition; nothing if it has no table."""
    if asset not in TABLES:
        return {}
    return {"dagster/column_schema": pandera_schema_to_dagster_type(TABLES[asset]).metadata["schema"]}


def table_metadata(table: pd.DataFrame | pa.Table) -> Metadata:
    """Of any table: its number of rows and the first of them."""
    first = table[:PREVIEW_ROWS].to_pandas() if isinstance(table, pa.Table) else table.head(PREVIEW_ROWS)
    rows = first.astype(object).where(first.notna(), "").astype(str)
    schema = dg.TableSchema([dg.TableColumn(name) for name in rows.columns])
    records = [dg.TableRecord(dict(zip(rows.columns, row, strict=True))) for row in rows.itertuples(index=False)]
    return {"dagster/partition_row_count": len(table), "first_rows": dg.MetadataValue.table(records, schema)}


def sessions_metadata(sessions: pd.DataFrame | pa.Table) -> Metadata:
    """What the day's sessions cost, and how many of them have no cost on record."""
    cost = _column(sessions, "cost")
    return {"cost": _amount(cost.sum()), "sessions_without_cost": int(cost.isna().sum())}


def conversions_metadata(conversions: pd.DataFrame | pa.Table) -> Metadata:
    """The number of the day's orders and their revenue."""
    return {"orders": len(conversions), "revenue": _amount(_column(conversions, "revenue").sum())}


def rejected_metadata(rejected: pd.DataFrame, rows_without_a_day: int) -> Metadata:
    """How many source rows of the day were set aside.

    Args:
        rejected: The day's table of them.
        rows_without_a_day: How many rows of the source table have a date with no place in the calendar, where the run
            does not include the first day, with which they are set aside.
    """
    stray = {"rows_without_a_day": rows_without_a_day} if rows_without_a_day else {}
    return {"rows_rejected": len(rejected)} | stray


def journeys_metadata(journeys: pa.Table, orders: int) -> Metadata:
    """How many of the day's orders have a journey, and how many touchpoints the longest one has."""
    touchpoints = journeys.column("conv_id").value_counts().field("counts")
    return {
        "orders": orders,
        "orders_with_journey": len(touchpoints),
        "longest_journey": pc.max(touchpoints).as_py() or 0,
    }


def attributions_metadata(attributions: pd.DataFrame) -> Metadata:
    """How many of the day's orders were attributed and how many were not, for which reason."""
    orders = attributions.drop_duplicates("conv_id")
    counts = orders["outcome"].value_counts()
    return {f"orders_{outcome}": int(counts.get(outcome, 0)) for outcome in ("attributed", "too_long", "refused")}


def requests_metadata(client: IhcClient) -> Metadata:
    """What a run's orders cost in requests, and how many of its journeys cost none because the ledger knew them."""
    return {
        "requests_of_run": client.requests,
        "retries_of_run": client.retries,
        "journeys_reused_of_run": client.reused,
    }


def report_metadata(report: pd.DataFrame, outcomes: pd.DataFrame) -> Metadata:
    """The day's totals by touch date, and what became of the orders placed on it.

    Args:
        report: The day's `channel_reporting`.
        outcomes: `order_outcomes` of the day; no rows while the day's orders have not been attributed.
    """
    cost, revenue = _amount(report["cost"].sum()), _amount(report["ihc_revenue"].sum())
    totals: Metadata = {"cost": cost, "attributed_orders": _amount(report["ihc"].sum()), "attributed_revenue": revenue}
    if cost:
        totals["roas"] = _amount(revenue / cost)
    for outcome, orders in outcomes.groupby("outcome"):
        totals[f"orders_{outcome}"] = len(orders)
        totals[f"revenue_{outcome}"] = _amount(orders["revenue"].sum())
    return totals


def comparison_metadata(table: pd.DataFrame) -> Metadata:
    """The orders and the revenue that a table of comparisons is of, by model where it has several."""
    if "model" not in table:
        return {name: _amount(table[name].sum()) for name in ("orders", "revenue") if name in table}
    sums = table.groupby("model")[["orders", "revenue"]].sum()
    return {f"{name}_{model}": _amount(sums.loc[model, name]) for model in sums.index for name in sums.columns}


def certainty_metadata(day: dt.date, attributed: Container[dt.date], lookback_days: int) -> Metadata:
    """Whether the day's report is final, or what has to be attributed before it is; late rows can change both.

    Args:
        day: The day of the report.
        attributed: The days whose orders have been attributed.
        lookback_days: Length of the lookback window.
    """
    last = day + dt.timedelta(days=lookback_days)
    provisional = not is_final(day, attributed, lookback_days)
    return {"provisional": provisional, "final_once_attributed_until": str(last)}


def _column(table: pd.DataFrame | pa.Table, name: str) -> "pd.Series[float]":
    column: pd.Series[float] = table[name].to_pandas() if isinstance(table, pa.Table) else table[name]
    return column


def _amount(value: float) -> float:
    return round(float(value), 6)
