"""What the UI shows of each day: exact counts, totals, columns and first rows."""

from collections.abc import Callable

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from attribution_assets.asset_metadata import (
    attributions_metadata,
    column_schema,
    conversions_metadata,
    journeys_metadata,
    report_metadata,
    sessions_metadata,
    table_metadata,
)
from attribution_assets.schemas import TABLES

Table = Callable[..., pd.DataFrame]

pandera_types_are_beta = pytest.mark.filterwarnings(
    "ignore:Function `pandera_schema_to_dagster_type`:dagster.BetaWarning"
)


@pandera_types_are_beta
@pytest.mark.parametrize("asset", TABLES)
def test_the_columns_shown_are_those_of_the_schema_with_type_and_description(asset: str) -> None:
    [(key, schema)] = column_schema(asset).items()
    assert key == "dagster/column_schema"
    assert [(column.name, column.type, column.description) for column in schema.schema.columns] == [
        (name, str(column.dtype), column.description) for name, column in TABLES[asset].columns.items()
    ]


@pandera_types_are_beta
def test_the_columns_shown_say_what_holds_of_them() -> None:
    columns = {column.name: column for column in column_schema("sessions")["dagster/column_schema"].schema.columns}
    assert columns["session_id"].constraints == dg.TableColumnConstraints(nullable=False, unique=True)
    assert columns["cost"].constraints.nullable is True
    assert columns["cost"].description == "Paid for the visit; empty where no cost is known"


def test_the_first_five_rows_are_shown_as_text_and_empty_cells_as_nothing(table: Table) -> None:
    rows = [{"session_id": f"s{n}", "cost": None if n == 1 else 0.5 * n} for n in range(7)]
    shown = table_metadata(table("sessions", *rows))
    assert shown["dagster/partition_row_count"] == 7
    records = [record.data for record in shown["first_rows"].records]
    assert [record["session_id"] for record in records] == ["s0", "s1", "s2", "s3", "s4"]
    assert records[1] == {
        "session_id": "s1",
        "user_id": "u1",
        "session_time": "2024-02-26 11:00:00",
        "channel_name": "Search",
        "holder_engagement": "1",
        "closer_engagement": "0",
        "impression_interaction": "0",
        "cost": "",
    }
    assert records[2]["cost"] == "1.0"
    assert [column.name for column in shown["first_rows"].schema.columns] == list(TABLES["sessions"].columns)


def test_an_empty_reason_is_shown_as_nothing(table: Table) -> None:
    [record] = table_metadata(table("ihc_attributions", {}))["first_rows"].records
    assert (record.data["outcome"], record.data["reason"]) == ("attributed", "")


@pytest.mark.parametrize("asset", TABLES)
def test_of_a_day_without_rows_the_columns_are_shown(table: Table, asset: str) -> None:
    shown = table_metadata(table(asset))
    assert shown["dagster/partition_row_count"] == 0
    assert shown["first_rows"].records == []
    assert [column.name for column in shown["first_rows"].schema.columns] == list(TABLES[asset].columns)


def test_sessions_without_cost_are_counted_and_cost_nothing(table: Table) -> None:
    sessions = table("sessions", {"cost": 1.5}, {"cost": None}, {"cost": 0.0}, {"cost": None})
    assert sessions_metadata(sessions) == {"cost": 1.5, "sessions_without_cost": 2}
    assert sessions_metadata(pa.Table.from_pandas(sessions)) == {"cost": 1.5, "sessions_without_cost": 2}
    assert sessions_metadata(table("sessions")) == {"cost": 0.0, "sessions_without_cost": 0}


def test_orders_and_their_revenue_are_counted(table: Table) -> None:
    conversions = table("conversions", {"revenue": 1.5}, {"revenue": 2.0})
    assert conversions_metadata(conversions) == {"orders": 2, "revenue": 3.5}
    assert conversions_metadata(pa.Table.from_pandas(conversions)) == {"orders": 2, "revenue": 3.5}
    assert conversions_metadata(table("conversions")) == {"orders": 0, "revenue": 0.0}


def test_orders_with_a_journey_and_the_longest_journey_are_counted(table: Table) -> None:
    rows = table("journeys", {"conv_id": "o1"}, {"conv_id": "o2"}, {"conv_id": "o2"}, {"conv_id": "o2"})
    journeys = pa.Table.from_pandas(rows)
    assert journeys_metadata(journeys, 5) == {
        "orders": 5,
        "orders_with_journey": 2,
        "longest_journey": 3,
    }


def test_a_day_without_journeys_has_no_longest_one(table: Table) -> None:
    assert journeys_metadata(pa.Table.from_pandas(table("journeys")), 1) == {
        "orders": 1,
        "orders_with_journey": 0,
        "longest_journey": 0,
    }


def test_orders_not_touchpoints_are_counted_by_outcome(table: Table) -> None:
    attributions = table(
        "ihc_attributions",
        {"conv_id": "o1", "session_id": "s1"},
        {"conv_id": "o1", "session_id": "s2"},
        {"conv_id": "o2"},
        {"conv_id": "o3", "outcome": "refused"},
    )
    assert attributions_metadata(attributions) == {"orders_attributed": 2, "orders_too_long": 0, "orders_refused": 1}
    assert attributions_metadata(table("ihc_attributions")) == {
        "orders_attributed": 0,
        "orders_too_long": 0,
        "orders_refused": 0,
    }


NO_OUTCOMES = pd.DataFrame({"outcome": pd.Series(dtype="object"), "revenue": pd.Series(dtype="float64")})


def test_the_reports_totals_are_sums_and_roas_is_their_ratio(table: Table) -> None:
    report = table(
        "channel_reporting",
        {"cost": 10.0, "ihc": 0.5, "ihc_revenue": 5.0},
        {"cost": 0.0, "ihc": 1.5, "ihc_revenue": 20.0},
    )
    assert report_metadata(report, NO_OUTCOMES) == {
        "cost": 10.0,
        "attributed_orders": 2.0,
        "attributed_revenue": 25.0,
        "roas": 2.5,
    }


def test_a_report_without_cost_has_no_roas(table: Table) -> None:
    totals = {"cost": 0.0, "attributed_orders": 1.0, "attributed_revenue": 100.0}
    assert report_metadata(table("channel_reporting", {"cost": 0.0}), NO_OUTCOMES) == totals


def test_a_day_without_report_has_totals_of_zero(table: Table) -> None:
    totals = {"cost": 0.0, "attributed_orders": 0.0, "attributed_revenue": 0.0}
    assert report_metadata(table("channel_reporting"), NO_OUTCOMES) == totals


def test_the_orders_placed_on_the_reports_day_are_told_by_outcome_with_their_revenue(table: Table) -> None:
    outcomes = pd.DataFrame(
        {
            "outcome": ["attributed", "no_sessions", "attributed", "refused"],
            "revenue": [10.0, 2.5, 20.0, 7.0],
        }
    )
    shown = report_metadata(table("channel_reporting"), outcomes)
    assert {name: value for name, value in shown.items() if name.startswith(("orders_", "revenue_"))} == {
        "orders_attributed": 2,
        "revenue_attributed": 30.0,
        "orders_no_sessions": 1,
        "revenue_no_sessions": 2.5,
        "orders_refused": 1,
        "revenue_refused": 7.0,
    }


def test_everything_shown_can_be_recorded_by_dagster(table: Table) -> None:
    outcomes = pd.DataFrame({"outcome": ["attributed"], "revenue": [10.0]})
    shown = (
        table_metadata(table("sessions", {}))
        | sessions_metadata(table("sessions", {}))
        | journeys_metadata(pa.Table.from_pandas(table("journeys", {})), 1)
        | attributions_metadata(table("ihc_attributions", {}))
        | report_metadata(table("channel_reporting", {}), outcomes)
    )
    recorded = dg.AssetMaterialization("sessions", metadata=shown).metadata
    assert recorded["longest_journey"] == dg.MetadataValue.int(1)
    assert recorded["roas"] == dg.MetadataValue.float(100.0)
    assert recorded["revenue_attributed"] == dg.MetadataValue.float(10.0)
