"""The channels' roles: where a channel was in the journeys to orders."""

import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.channel_roles import channel_roles
from attribution_assets.attribution.invariants.attribution import schema_problems
from attribution_assets.attribution.tables.schemas import CHANNEL_ROLES
from attribution_assets_tests.support import model_oracle
from attribution_assets_tests.support.attributed_orders import (
    MIDNIGHT,
    ORDERS,
    Order,
    came_by,
    conversions,
    ihc_attributions,
)


def roles(*orders: Order) -> pd.DataFrame:
    return channel_roles(attributed_journeys(ihc_attributions(orders), conversions(orders)))


def test_an_order_counts_once_for_each_channel_of_its_journey() -> None:
    table = roles(came_by("Search", "Search", "Email", revenue=10.0), came_by("Search", revenue=5.0))
    columns = ["channel_name", "conversion_date", "influenced_orders", "influenced_revenue"]
    assert table[columns].to_numpy().tolist() == [["Email", "2024-02-26", 1, 10.0], ["Search", "2024-02-26", 2, 15.0]]


@pytest.mark.parametrize(
    ("channels", "assisting"),
    [
        (["Search"], set()),
        (["Search", "Email"], {"Search"}),
        (["Search", "Search"], {"Search"}),
        (["Email", "Search", "Direct", "Email"], {"Email", "Search", "Direct"}),
    ],
)
def test_a_channel_assists_where_it_stands_before_the_last_touchpoint(channels: list[str], assisting: set[str]) -> None:
    table = roles(came_by(*channels, revenue=10.0))
    assisted = {row.channel_name: (row.assisted_orders, row.assisted_revenue) for row in table.itertuples()}
    assert assisted == {name: (1, 10.0) if name in assisting else (0, 0.0) for name in set(channels)}


def test_phases_are_summed_over_the_touchpoints_of_a_channel() -> None:
    table = roles(came_by("Search", "Email", "Search", "Email"), came_by("Email"))
    assert table[["channel_name", "initializer", "holder", "closer"]].to_numpy().tolist() == [
        ["Email", 1.0, 1.5, 2.0],
        ["Search", 1.0, 0.5, 0.0],
    ]


def test_a_day_without_attributed_orders_has_an_empty_table_of_the_right_types() -> None:
    types = {"channel_name": "object", "conversion_date": "object"} | dict.fromkeys(
        ["influenced_orders", "assisted_orders"], "int64"
    )
    for table in (roles(), roles(Order((("Search", MIDNIGHT),), outcome="refused"))):
        assert table.empty
        assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
            name: types.get(name, "float64") for name in CHANNEL_ROLES.columns
        }


@given(ORDERS)
def test_the_table_is_what_one_order_after_another_gives(orders: list[Order]) -> None:
    table = roles(*orders)
    assert schema_problems("channel_roles", table) == []
    found = {name: numbers for name, _, *numbers in table.itertuples(index=False, name=None)}
    expected = model_oracle.roles(orders)
    assert found == {name: pytest.approx([float(number) for number in expected[name]]) for name in sorted(expected)}
    assert list(found) == sorted(expected)


@settings(max_examples=30)
@given(ORDERS, st.randoms(use_true_random=False))
def test_the_sequence_of_orders_changes_nothing(orders: list[Order], chance: random.Random) -> None:
    shuffled = list(orders)
    chance.shuffle(shuffled)
    pd.testing.assert_frame_equal(roles(*shuffled), roles(*orders), check_exact=True)
