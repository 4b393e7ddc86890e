"""The Markov chain: removal effects, and the orders and revenue shared out in proportion to them."""

import datetime as dt
import json
import random
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.comparison.markov import markov_comparison
from attribution_assets_tests.support import model_oracle
from attribution_assets_tests.support.attributed_orders import CHANNELS

FIRST, LAST = dt.date(2024, 2, 1), dt.date(2024, 2, 29)
Paths = Mapping[tuple[str, ...], int]

PATHS = st.dictionaries(
    st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=8).map(tuple), st.integers(1, 1000), max_size=12
)
"""The number of orders of some paths."""


def conversion_paths(orders_of_path: Paths, revenue_of_order: float = 2.0) -> pd.DataFrame:
    """The table `conversion_paths` of paths with so many orders each."""
    rows = [
        (json.dumps(path, ensure_ascii=False), 3, "2024-02-26", len(path), orders, orders * revenue_of_order)
        for path, orders in orders_of_path.items()
    ]
    columns = ["path", "days_to_conversion", "conversion_date", "touchpoints", "orders", "revenue"]
    integers = dict.fromkeys(["days_to_conversion", "touchpoints", "orders"], "int64")
    return pd.DataFrame(rows, columns=columns).astype(integers | {"revenue": "float64"})


def markov(orders_of_path: Paths) -> pd.DataFrame:
    return markov_comparison(conversion_paths(orders_of_path), FIRST, LAST)


def effects(orders_of_path: Paths) -> dict[str, float]:
    table = markov(orders_of_path)
    return dict(zip(table["channel_name"], table["removal_effect"], strict=True))


def test_orders_and_revenue_are_shared_out_in_proportion_to_removal_effects() -> None:
    table = markov({("Search",): 6, ("Email",): 2})
    assert list(table.itertuples(index=False, name=None)) == [
        ("Email", "2024-02-01", "2024-02-29", 0.25, 2.0, 4.0),
        ("Search", "2024-02-01", "2024-02-29", 0.75, 6.0, 12.0),
    ]


def test_a_removal_effect_is_the_chance_to_pass_the_channel() -> None:
    # From Search half of the steps lead to Email, so half of the 4 of 5 orders that begin with Search pass it, and
    # the fifth begins with it.
    orders_of_path = {("Search", "Email"): 2, ("Search",): 2, ("Email",): 1}
    assert effects(orders_of_path) == {"Email": pytest.approx(0.6), "Search": pytest.approx(0.8)}
    assert markov(orders_of_path)["orders"].tolist() == [pytest.approx(5 * 3 / 7), pytest.approx(5 * 4 / 7)]


def test_the_chain_knows_only_the_last_touchpoint() -> None:
    # Every path passes Display, but the chain may go from the start to Email as some paths do, and from Email to the
    # order as others do.
    orders_of_path = {("Display", "Email"): 1, ("Email", "Display"): 1}
    assert effects(orders_of_path) == {"Display": pytest.approx(0.75), "Email": pytest.approx(0.75)}


def test_visits_repeated_without_another_between_change_no_removal_effect() -> None:
    once = effects({("Search", "Email", "Search"): 3, ("Email", "Direct"): 2})
    again = effects({("Search", "Email", "Email", "Email", "Search", "Search"): 3, ("Email", "Direct"): 2})
    assert again == pytest.approx(once, abs=2e-12)


def test_a_path_of_several_days_counts_with_all_its_orders() -> None:
    of_a_day = conversion_paths({("Search", "Email"): 2, ("Email",): 3})
    of_another = conversion_paths({("Search", "Email"): 5})
    together = markov_comparison(pd.concat([of_a_day, of_another]), FIRST, LAST)
    pd.testing.assert_frame_equal(together, markov({("Search", "Email"): 7, ("Email",): 3}), check_exact=True)


def test_a_window_without_orders_has_an_empty_table_of_the_right_types() -> None:
    table = markov({})
    assert table.empty
    assert table.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(["channel_name", "first_date", "last_date"], "object"),
        **dict.fromkeys(["removal_effect", "orders", "revenue"], "float64"),
    }


def test_orders_without_revenue_are_shared_out() -> None:
    table = markov_comparison(conversion_paths({("Search",): 3}, revenue_of_order=0.0), FIRST, LAST)
    assert table[["removal_effect", "orders", "revenue"]].to_numpy().tolist() == [[1.0, 3.0, 0.0]]


@given(PATHS)
def test_removal_effects_are_those_of_taking_out_one_channel_after_another(orders_of_path: Paths) -> None:
    expected = model_oracle.removal_effects(orders_of_path)
    assert effects(orders_of_path) == {
        name: pytest.approx(float(effect), abs=2e-12) for name, effect in expected.items()
    }


@given(PATHS)
def test_all_orders_and_all_revenue_of_the_window_are_shared_out(orders_of_path: Paths) -> None:
    table = markov(orders_of_path)
    orders = sum(orders_of_path.values())
    assert table["removal_effect"].between(0, 1).all()
    assert table["channel_name"].tolist() == sorted({name for path in orders_of_path for name in path})
    assert table["orders"].sum() == pytest.approx(orders, rel=1e-12)
    assert table["revenue"].sum() == pytest.approx(2.0 * orders, rel=1e-9)


@given(PATHS.filter(bool), st.booleans())
def test_a_channel_that_all_paths_begin_or_end_with_has_removal_effect_1(
    orders_of_path: Paths,
    begins: bool,  # noqa: FBT001 - hypothesis draws it
) -> None:
    through_all = {("All", *path) if begins else (*path, "All"): orders for path, orders in orders_of_path.items()}
    assert effects(through_all)["All"] == pytest.approx(1.0, abs=2e-12)


@given(PATHS, st.randoms(use_true_random=False))
def test_the_sequence_of_paths_changes_nothing(orders_of_path: Paths, chance: random.Random) -> None:
    paths = list(orders_of_path.items())
    chance.shuffle(paths)
    pd.testing.assert_frame_equal(markov(dict(paths)), markov(orders_of_path), check_exact=True)


def test_removal_effects_are_exact_for_a_channel_that_one_step_in_a_billion_leads_to() -> None:
    orders_of_path = {("a", "b") * 100: 10_000_000, ("b",): 1, ("a", "rare", "b"): 1}
    expected = model_oracle.removal_effects(orders_of_path)
    assert expected["rare"] < Fraction(1, 9_000_000)
    found = effects(orders_of_path)
    assert found == {name: pytest.approx(float(effect), abs=2e-12) for name, effect in expected.items()}


def test_three_hundred_channels_are_solved_as_a_linear_system_is() -> None:
    chance = np.random.default_rng(7)
    names = [f"channel {number:03}" for number in range(300)]
    paths = {tuple(names[place] for place in chance.integers(0, 300, chance.integers(1, 201))): 1 for _ in range(500)}
    steps = np.zeros((301, 301))
    for path in paths:
        places = [300, *(names.index(name) for name in path), 300]
        np.add.at(steps, (places[:-1], places[1:]), 1)
    chances = steps / steps.sum(axis=1, keepdims=True)
    passes = np.linalg.inv(np.eye(300) - chances[:300, :300])
    expected = chances[300, :300] @ passes / np.diag(passes)
    assert list(effects(paths).values()) == pytest.approx(expected.tolist(), abs=1e-10)


def test_two_thousand_channels_most_of_them_rare_are_solved_as_a_linear_system_is() -> None:
    chance = np.random.default_rng(7)
    number = 2000
    weights = 1 / np.arange(1, number + 1)
    weights /= weights.sum()
    paths = {
        tuple(f"channel {place:04}" for place in chance.choice(number, chance.integers(1, 9), p=weights)): 1
        for _ in range(3000)
    }
    names = sorted({name for path in paths for name in path})
    number_of = {name: place for place, name in enumerate(names)}
    start = len(names)
    steps = np.zeros((start + 1, start + 1))
    for path in paths:
        places = [start, *(number_of[name] for name in path), start]
        np.add.at(steps, (places[:-1], places[1:]), 1)
    chances = steps / steps.sum(axis=1, keepdims=True)
    passes = np.linalg.inv(np.eye(start) - chances[:start, :start])
    expected = chances[start, :start] @ passes / np.diag(passes)
    assert len(names) > 1500
    assert list(effects(paths).values()) == pytest.approx(expected.tolist(), abs=2e-12)


def test_channels_that_each_journey_has_of_its_own_take_no_time_to_speak_of() -> None:
    paths = {(f"first {number}", f"then {number}", "Search", f"last {number}"): 1 for number in range(3000)}
    found = effects(paths)
    assert found.pop("Search") == 1.0
    assert set(found.values()) == {round(1 / 3000, 12)}
