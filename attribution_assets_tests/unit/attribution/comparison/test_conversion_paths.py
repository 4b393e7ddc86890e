"""The conversion paths: channels in their order, how long they took, how many orders came by them."""

import datetime as dt
import json
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.conversion_paths import conversion_paths, path_in_words
from attribution_assets.attribution.invariants.attribution import schema_problems
from attribution_assets.attribution.tables.schemas import CONVERSION_PATHS
from attribution_assets_tests.support import model_oracle
from attribution_assets_tests.support.attributed_orders import (
    MIDNIGHT,
    ORDERS,
    Order,
    came_by,
    conversions,
    ihc_attributions,
)


def paths(*orders: Order) -> pd.DataFrame:
    return conversion_paths(attributed_journeys(ihc_attributions(orders), conversions(orders)))


def test_orders_of_the_same_path_and_time_are_counted_together() -> None:
    table = paths(
        came_by("Search", "Email", revenue=10.0),
        came_by("Email", "Search", revenue=5.0),
        came_by("Search", "Email", revenue=0.1),
    )
    assert list(table.itertuples(index=False, name=None)) == [
        ('["Email", "Search"]', 0, "2024-02-26", 2, 1, 5.0),
        ('["Search", "Email"]', 0, "2024-02-26", 2, 2, 10.1),
    ]


def test_small_revenue_is_not_lost_beside_large() -> None:
    table = paths(*[came_by("Search", revenue=revenue) for revenue in (900_000_000_000_000.0, *[0.01] * 100)])
    assert table["revenue"].tolist() == [900_000_000_000_001.0]


def test_repeated_visits_by_a_channel_are_parts_of_the_path() -> None:
    assert paths(came_by("Search", "Search", "Email"))[["path", "touchpoints"]].to_numpy().tolist() == [
        ['["Search", "Search", "Email"]', 3]
    ]


def test_names_of_channels_are_kept_as_they_are() -> None:
    channels = ["Ä < B", 'say "hi", "there"', "back\\slash", "a > b"]
    (path,) = paths(came_by(*channels))["path"]
    assert json.loads(path) == channels
    assert path == json.dumps(channels, ensure_ascii=False)


@pytest.mark.parametrize(
    ("before", "days"),
    [
        (dt.timedelta(microseconds=1), 0),
        (dt.timedelta(days=1, microseconds=-1), 0),
        (dt.timedelta(days=1), 1),
        (dt.timedelta(days=30), 30),
    ],
)
def test_days_to_conversion_are_whole_days_from_the_first_touchpoint(before: dt.timedelta, days: int) -> None:
    table = paths(Order((("Search", MIDNIGHT - before), ("Email", MIDNIGHT)), ordered=MIDNIGHT))
    assert table["days_to_conversion"].tolist() == [days]


def test_rows_stand_by_path_then_days() -> None:
    days = (dt.timedelta(days=10), dt.timedelta(days=9), dt.timedelta(0))
    table = paths(*[Order(((name, MIDNIGHT - before),)) for name in ("b", "B", "Ä") for before in days])
    keys = list(table[["path", "days_to_conversion"]].itertuples(index=False, name=None))
    assert keys == [(f'["{name}"]', lag) for name in ("B", "b", "Ä") for lag in (0, 9, 10)]


def test_a_day_without_attributed_orders_has_an_empty_table_of_the_right_types() -> None:
    types = {"path": "object", "conversion_date": "object", "revenue": "float64"}
    for table in (paths(), paths(Order((("Search", MIDNIGHT),), outcome="too_long"))):
        assert table.empty
        assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
            name: types.get(name, "int64") for name in CONVERSION_PATHS.columns
        }


@given(ORDERS)
def test_the_table_is_what_one_order_after_another_gives(orders: list[Order]) -> None:
    table = paths(*orders)
    assert schema_problems("conversion_paths", table) == []
    found = {
        (tuple(json.loads(row.path)), row.days_to_conversion): (row.orders, row.revenue) for row in table.itertuples()
    }
    assert found == {key: (count, float(revenue)) for key, (count, revenue) in model_oracle.paths(orders).items()}
    assert table["touchpoints"].tolist() == [len(json.loads(path)) for path in table["path"]]


@settings(max_examples=30)
@given(ORDERS, st.randoms(use_true_random=False))
def test_the_sequence_of_orders_changes_nothing(orders: list[Order], chance: random.Random) -> None:
    shuffled = list(orders)
    chance.shuffle(shuffled)
    pd.testing.assert_frame_equal(paths(*shuffled), paths(*orders), check_exact=True)


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        (["Search"], "Search"),
        (["Search", "Email"], "Search > Email"),
        (["Search", "Search", "Email"], "Search ×2 > Email"),  # noqa: RUF001 - times
        (["Search", "Email", "Search", "Search", "Search"], "Search > Email > Search ×3"),  # noqa: RUF001 - times
        (["Ä < B", 'say "hi"'], 'Ä < B > say "hi"'),
    ],
)
def test_a_path_in_words_names_consecutive_visits_by_a_channel_once(channels: list[str], words: str) -> None:
    assert path_in_words(json.dumps(channels, ensure_ascii=False)) == words
