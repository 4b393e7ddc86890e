"""What the UI shows of each day: exact counts, totals, charts, columns and first rows."""

import datetime as dt
import re
from collections.abc import Callable

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from attribution_assets.attribution.tables.schemas import TABLES
from attribution_assets.defs.assets.metadata import (
    Metadata,
    attributions_metadata,
    column_schema,
    conversions_metadata,
    journeys_metadata,
    plots_metadata,
    report_metadata,
    sessions_metadata,
    table_metadata,
)

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


def test_sessions_without_cost_are_counted_and_cost_nothing(table: Table) -> None:
    sessions = table("sessions", {"cost": 1.5}, {"cost": None}, {"cost": 0.0}, {"cost": None})
    found = {"cost": 1.5, "sessions_without_cost": 2, "sessions_without_visitor": 0}
    assert sessions_metadata(sessions) == found
    assert sessions_metadata(pa.Table.from_pandas(sessions)) == found
    assert set(sessions_metadata(table("sessions")).values()) == {0}


def test_sessions_and_orders_without_a_visitor_are_counted(table: Table) -> None:
    sessions, orders = table("sessions", {}, {}), table("conversions", {}, {}, {})
    sessions.loc[1, "user_id"] = orders.loc[:1, "user_id"] = None
    assert sessions_metadata(sessions)["sessions_without_visitor"] == 1
    assert sessions_metadata(pa.Table.from_pandas(sessions))["sessions_without_visitor"] == 1
    assert conversions_metadata(orders)["orders_without_visitor"] == 2


def test_orders_and_their_revenue_are_counted(table: Table) -> None:
    conversions = table("conversions", {"revenue": 1.5}, {"revenue": 2.0})
    found = {"orders": 2, "revenue": 3.5, "orders_without_visitor": 0}
    assert conversions_metadata(conversions) == found
    assert conversions_metadata(pa.Table.from_pandas(conversions)) == found
    assert set(conversions_metadata(table("conversions")).values()) == {0}


def test_orders_with_a_journey_and_the_longest_journey_are_counted(table: Table) -> None:
    rows = table("journeys", {"conv_id": "o1"}, {"conv_id": "o2"}, {"conv_id": "o2"}, {"conv_id": "o2"})
    journeys = pa.Table.from_pandas(rows)
    assert journeys_metadata(journeys, table("too_long_orders"), 5) == {
        "orders": 5,
        "orders_with_journey": 2,
        "orders_too_long": 0,
        "orders_without_sessions": 3,
        "longest_journey": 3,
    }


def test_a_day_without_journeys_has_no_longest_one(table: Table) -> None:
    assert journeys_metadata(pa.Table.from_pandas(table("journeys")), table("too_long_orders"), 1) == {
        "orders": 1,
        "orders_with_journey": 0,
        "orders_too_long": 0,
        "orders_without_sessions": 1,
        "longest_journey": 0,
    }


def test_users_whose_orders_are_too_long_are_named_with_their_orders_and_sessions(table: Table) -> None:
    rows = [{"conv_id": f"o{number}", "user_id": "guest", "sessions": 300 + number} for number in range(3)]
    rows += [{"conv_id": "long name", "user_id": "x" * 300 + "\n", "sessions": 250}]
    shown = journeys_metadata(pa.Table.from_pandas(table("journeys")), table("too_long_orders", *rows), 5)
    assert (shown["orders_too_long"], shown["orders_without_sessions"]) == (4, 1)
    assert shown["users_too_long"] == (
        "user 'guest': 3 orders with 300 to 302 sessions in the lookback window, but a request may hold only 200; "
        f"user '{'x' * 56}...: 1 order with 250 sessions in the lookback window, but a request may hold only 200"
    )


def test_orders_not_touchpoints_are_counted_by_outcome_and_by_what_they_cost(table: Table) -> None:
    attributions = table(
        "ihc_attributions",
        {"conv_id": "o1", "session_id": "s1"},
        {"conv_id": "o1", "session_id": "s2"},
        {"conv_id": "o2"},
        {"conv_id": "o3", "outcome": "refused"},
    )
    assert attributions_metadata(attributions, 0, {"o1": 0.5, "o3": 0.25, "of another day": 0.25}) == {
        "orders_attributed": 2,
        "orders_too_long": 0,
        "orders_refused": 1,
        "journeys_asked": 2,
        "journeys_reused": 1,
        "requests": 0.75,
    }
    assert attributions_metadata(table("ihc_attributions"), 0, {}) == {
        "orders_attributed": 0,
        "orders_too_long": 0,
        "orders_refused": 0,
        "journeys_asked": 0,
        "journeys_reused": 0,
        "requests": 0.0,
    }


def test_a_journey_that_is_too_long_is_neither_asked_for_nor_reused(table: Table) -> None:
    shown = attributions_metadata(table("ihc_attributions", {"outcome": "too_long"}), 2, {})
    assert (shown["orders_too_long"], shown["journeys_asked"], shown["journeys_reused"]) == (3, 0, 0)


def outcomes(*orders: tuple[str, float]) -> pd.DataFrame:
    """Orders: what became of each, and its revenue."""
    return pd.DataFrame(orders, columns=["outcome", "revenue"]).astype({"revenue": "float64"})


def test_the_reports_totals_are_sums_and_cpo_and_roas_are_their_ratios(table: Table) -> None:
    report = table(
        "channel_reporting",
        {"cost": 10.0, "ihc": 0.5, "ihc_revenue": 5.0},
        {"cost": 0.0, "ihc": 1.5, "ihc_revenue": 20.0},
    )
    assert report_metadata(report, None) == {
        "cost": 10.0,
        "ihc": 2.0,
        "ihc_revenue": 25.0,
        "cpo": 5.0,
        "roas": 2.5,
    }


def test_a_report_without_cost_has_no_roas_and_one_without_credit_no_cpo(table: Table) -> None:
    free = {"cost": 0.0, "ihc": 1.0, "ihc_revenue": 100.0, "cpo": 0.0}
    assert report_metadata(table("channel_reporting", {"cost": 0.0}), None) == free
    in_vain = {"cost": 1.0, "ihc": 0.0, "ihc_revenue": 0.0, "roas": 0.0}
    assert report_metadata(table("channel_reporting", {"ihc": 0.0, "ihc_revenue": 0.0}), None) == in_vain


def test_a_day_without_report_has_totals_of_zero_and_no_ratios(table: Table) -> None:
    totals = {"cost": 0.0, "ihc": 0.0, "ihc_revenue": 0.0}
    assert report_metadata(table("channel_reporting"), None) == totals


def of_orders(shown: Metadata) -> Metadata:
    """What is shown of the orders placed on the day."""
    return {name: value for name, value in shown.items() if re.match("orders|revenue", name)}


def test_the_orders_placed_on_the_reports_day_are_told_by_each_outcome_with_their_revenue(table: Table) -> None:
    found = outcomes(("attributed", 10.0), ("no_sessions", 2.5), ("attributed", 20.0), ("refused", 7.5))
    assert of_orders(report_metadata(table("channel_reporting"), found)) == {
        "orders": 4,
        "revenue": 40.0,
        "orders_attributed": 2,
        "revenue_attributed": 30.0,
        "orders_no_sessions": 1,
        "revenue_no_sessions": 2.5,
        "orders_too_long": 0,
        "revenue_too_long": 0.0,
        "orders_refused": 1,
        "revenue_refused": 7.5,
        "orders_unattributed_share": 0.5,
        "revenue_unattributed_share": 0.25,
    }


def test_of_no_orders_there_is_no_unattributed_share_and_of_orders_without_revenue_none_of_it(table: Table) -> None:
    none = of_orders(report_metadata(table("channel_reporting"), outcomes()))
    assert (none["orders"], none["orders_refused"], none["revenue"]) == (0, 0, 0.0)
    assert not [name for name in none if name.endswith("share")]
    free = of_orders(report_metadata(table("channel_reporting"), outcomes(("refused", 0.0))))
    assert {name: value for name, value in free.items() if name.endswith("share")} == {"orders_unattributed_share": 1.0}


def test_of_a_day_whose_orders_have_not_been_attributed_nothing_is_told_of_them(table: Table) -> None:
    assert of_orders(report_metadata(table("channel_reporting"), None)) == {}


def drawn(table: Table, *rows: dict[str, object]) -> pd.DataFrame:
    """A report with phases of which the channels have nothing."""
    return table("channel_reporting", *rows).assign(initializer=0.0, holder=0.0, closer=0.0)


def test_the_charts_of_a_range_say_of_which_in_their_key(table: Table) -> None:
    report = drawn(table, {})
    days = [dt.date(2024, 2, 26), dt.date(2024, 2, 27)]
    assert list(plots_metadata(report, days[:1])) == ["plots"]
    assert list(plots_metadata(report, days)) == ["plots_of_2024-02-26..2024-02-27"]
    assert plots_metadata(drawn(table), days) == {}


def test_everything_shown_can_be_recorded_by_dagster(table: Table) -> None:
    shown = (
        table_metadata(table("sessions", {}, {}))
        | sessions_metadata(table("sessions", {}))
        | journeys_metadata(pa.Table.from_pandas(table("journeys", {})), table("too_long_orders", {}), 1)
        | attributions_metadata(table("ihc_attributions", {}), 0, {})
        | report_metadata(table("channel_reporting", {}), outcomes(("attributed", 10.0)))
        | plots_metadata(drawn(table, {}), [dt.date(2024, 2, 26)])
    )
    recorded = dg.AssetMaterialization("sessions", metadata=shown).metadata
    assert recorded["dagster/partition_row_count"] == dg.MetadataValue.int(2)
    assert recorded["longest_journey"] == dg.MetadataValue.int(1)
    assert isinstance(recorded["plots"], dg.MarkdownMetadataValue)
    assert recorded["roas"] == dg.MetadataValue.float(100.0)
    assert recorded["revenue_attributed"] == dg.MetadataValue.float(10.0)
