"""The invariants of the comparisons: each passes on what is right, and names exactly what is wrong."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.invariants.comparison import (
    attributed_orders,
    markov_problems,
    model_problems,
    path_problems,
    role_problems,
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


def test_only_attributed_orders_are_compared(table: Table) -> None:
    orders = table("conversions", {"conv_id": "o1"}, {"conv_id": "o2"}, {"conv_id": "o3"})
    credit = table("ihc_attributions", {"conv_id": "o1"}, {"conv_id": "o1"}, {"conv_id": "o2", "outcome": "refused"})
    assert attributed_orders(orders, credit)["conv_id"].tolist() == ["o1"]


def test_models_that_share_out_the_same_are_no_problem(table: Table) -> None:
    assert model_problems(ORDERS, models(table)) == []
    assert model_problems(NO_ORDERS, table("model_comparison")) == []


def test_ihc_may_be_off_by_the_rounding_of_the_api_and_no_rule_model(table: Table) -> None:
    assert model_problems(ORDERS, models(table, ihc={"orders": 1.9991, "revenue": 79.97})) == []
    assert model_problems(ORDERS, models(table, ihc={"orders": 1.998})) == [
        "ihc: orders sum to 1.998000, 2.000000 were attributed"
    ]
    assert model_problems(ORDERS, models(table, linear={"orders": 1.9991})) == [
        "linear: orders sum to 1.999100, 2.000000 were attributed"
    ]


def test_a_model_that_lost_or_made_up_revenue_is_named(table: Table) -> None:
    assert model_problems(ORDERS, models(table, last_touch={"revenue": 80.01})) == [
        "last_touch: revenue sum to 80.010000, 80.000000 were attributed"
    ]


def test_a_model_without_any_row_is_named_with_all_that_it_lost(table: Table) -> None:
    comparison = models(table)
    assert model_problems(ORDERS, comparison[comparison["model"] != "linear"]) == [
        "linear: orders sum to 0.000000, 2.000000 were attributed",
        "linear: revenue sum to 0.000000, 80.000000 were attributed",
    ]


def test_paths_of_too_few_orders_are_named(table: Table) -> None:
    assert path_problems(ORDERS, table("conversion_paths", {"orders": 2, "revenue": 80.0})) == []
    assert path_problems(ORDERS, table("conversion_paths", {"orders": 1, "revenue": 80.0})) == [
        "paths: orders sum to 1.000000, 2.000000 were attributed"
    ]


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ({}, []),
        ({"initializer": 2.5}, ["initializer sums to 2.500000 orders, 2 were attributed"]),
        ({"holder": 2.002}, ["holder sums to 2.002000 orders, 2 were attributed"]),
        ({"closer": 2.5}, ["closer sums to 2.500000 orders, 2 were attributed"]),
        ({"holder": 0.0}, []),
        ({"assisted_orders": 3}, ["Search assisted 3 and influenced 2 of 2 orders"]),
        ({"influenced_orders": 3}, ["Search assisted 1 and influenced 3 of 2 orders"]),
    ],
)
def test_roles_that_cannot_be_are_named(table: Table, row: dict[str, Any], problems: list[str]) -> None:
    sound = {"influenced_orders": 2, "assisted_orders": 1, "initializer": 2.0, "closer": 2.0}
    assert role_problems(ORDERS, table("channel_roles", sound | row)) == problems


def test_a_chain_shares_out_the_orders_of_its_windows_paths(table: Table) -> None:
    window = table("conversion_paths", {"orders": 1, "revenue": 50.0}, {"orders": 1, "revenue": 30.0})
    chain = table("markov_comparison", {"orders": 1.5, "revenue": 60.0}, {"orders": 0.5, "revenue": 20.0})
    assert markov_problems(window, chain) == []
    assert markov_problems(window, chain.iloc[:1]) == [
        "orders sum to 1.500000, those of the paths to 2.000000",
        "revenue sum to 60.000000, those of the paths to 80.000000",
    ]
    assert markov_problems(pd.DataFrame(), table("markov_comparison")) == []
