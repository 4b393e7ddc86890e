"""The invariants of the comparisons: each passes on what is right, and names exactly what is wrong."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.invariants.comparison import (
    attributed_orders,
    comparison_problems,
)
from attribution_assets.attribution.tables.schemas import RULE_MODELS

Table = Callable[..., pd.DataFrame]
ORDERS = pd.DataFrame({"conv_id": ["o1", "o2"], "revenue": [50.0, 30.0]})
NO_ORDERS = ORDERS.iloc[:0]


def models(table: Table, **changed: dict[str, Any]) -> pd.DataFrame:
    """Each model with one row of both orders, some of them changed."""
    return table(
        "model_comparison",
        *({"model": model, "orders": 2.0, "revenue": 80.0} | changed.get(model, {}) for model in ("ihc", *RULE_MODELS)),
    )


def problems(
    table: Table,
    compared: pd.DataFrame | None = None,
    paths: dict[str, Any] | None = None,
    roles: dict[str, Any] | None = None,
) -> list[str]:
    """What does not hold of the comparisons of both orders, some of which are changed."""
    sound = {"influenced_orders": 2, "assisted_orders": 1, "initializer": 2.0, "closer": 2.0}
    return comparison_problems(
        ORDERS,
        {
            "model_comparison": models(table) if compared is None else compared,
            "conversion_paths": table("conversion_paths", {"orders": 2, "revenue": 80.0} | (paths or {})),
            "channel_roles": table("channel_roles", sound | (roles or {})),
        },
    )


def test_only_attributed_orders_are_compared(table: Table) -> None:
    orders = table("conversions", {"conv_id": "o1"}, {"conv_id": "o2"}, {"conv_id": "o3"})
    credit = table("ihc_attributions", {"conv_id": "o1"}, {"conv_id": "o1"}, {"conv_id": "o2", "outcome": "refused"})
    assert attributed_orders(orders, credit)["conv_id"].tolist() == ["o1"]


def test_comparisons_of_the_same_orders_are_no_problem(table: Table) -> None:
    assert problems(table) == []
    none = {name: table(name) for name in ("model_comparison", "conversion_paths", "channel_roles")}
    assert comparison_problems(NO_ORDERS, none) == []


def test_ihc_may_be_off_by_the_rounding_of_the_api_and_no_rule_model(table: Table) -> None:
    assert problems(table, models(table, ihc={"orders": 1.9991, "revenue": 79.97})) == []
    assert problems(table, models(table, ihc={"orders": 1.998})) == [
        "model_comparison: ihc: orders sum to 1.998000, 2.000000 were attributed"
    ]
    assert problems(table, models(table, linear={"orders": 1.9991})) == [
        "model_comparison: linear: orders sum to 1.999100, 2.000000 were attributed"
    ]


def test_a_model_that_lost_or_made_up_revenue_is_named(table: Table) -> None:
    assert problems(table, models(table, last_touch={"revenue": 80.01})) == [
        "model_comparison: last_touch: revenue sum to 80.010000, 80.000000 were attributed"
    ]


def test_a_model_without_any_row_is_named_with_all_that_it_lost(table: Table) -> None:
    comparison = models(table)
    assert problems(table, comparison[comparison["model"] != "linear"]) == [
        "model_comparison: linear: orders sum to 0.000000, 2.000000 were attributed",
        "model_comparison: linear: revenue sum to 0.000000, 80.000000 were attributed",
    ]


def test_paths_of_too_few_orders_are_named(table: Table) -> None:
    assert problems(table, paths={"orders": 1}) == [
        "conversion_paths: orders sum to 1.000000, 2.000000 were attributed"
    ]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"initializer": 2.5}, ["initializer sums to 2.500000 orders, 2 were attributed"]),
        ({"holder": 2.002}, ["holder sums to 2.002000 orders, 2 were attributed"]),
        ({"closer": 2.5}, ["closer sums to 2.500000 orders, 2 were attributed"]),
        ({"holder": 0.0}, []),
        ({"assisted_orders": 3}, ["Search assisted 3 and influenced 2 of 2 orders"]),
        ({"influenced_orders": 3}, ["Search assisted 1 and influenced 3 of 2 orders"]),
    ],
)
def test_roles_that_cannot_be_are_named(table: Table, row: dict[str, Any], named: list[str]) -> None:
    assert problems(table, roles=row) == [f"channel_roles: {problem}" for problem in named]


def test_problems_of_several_tables_are_all_named(table: Table) -> None:
    assert problems(table, models(table, linear={"orders": 1.0}), {"revenue": 1.0}, {"closer": 3.0}) == [
        "model_comparison: linear: orders sum to 1.000000, 2.000000 were attributed",
        "conversion_paths: revenue sum to 1.000000, 80.000000 were attributed",
        "channel_roles: closer sums to 3.000000 orders, 2 were attributed",
    ]
