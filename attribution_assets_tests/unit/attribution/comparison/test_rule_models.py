"""The models that follow a rule: the weight of each touchpoint."""

import numpy as np
import pytest

from attribution_assets.attribution.comparison.rule_models import MODELS, Touchpoints
from attribution_assets.attribution.tables.schemas import RULE_MODELS


def weights(model: str, *journeys: list[float], direct: tuple[int, ...] = ()) -> list[list[float]]:
    """Of journeys whose touchpoints are so many days older than their last one; `direct` are rows over all of them."""
    ages = np.array([age for journey in journeys for age in journey])
    sizes = np.array([len(journey) for journey in journeys], dtype=np.int64)
    touchpoints = Touchpoints(sizes, ages, np.isin(np.arange(len(ages)), direct))
    return [part.tolist() for part in np.split(MODELS[model](touchpoints), np.cumsum(sizes)[:-1])]


THREE, TWO, ONE = [14.0, 7.0, 0.0], [7.0, 0.0], [0.0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("first_touch", [[1, 0, 0], [1, 0], [1]]),
        ("last_touch", [[0, 0, 1], [0, 1], [1]]),
        ("last_non_direct", [[0, 0, 1], [0, 1], [1]]),
        ("linear", [[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5], [1]]),
        ("position_based", [[0.4, pytest.approx(0.2), 0.4], [0.5, 0.5], [1]]),
        ("time_decay", [pytest.approx([1 / 7, 2 / 7, 4 / 7]), pytest.approx([1 / 3, 2 / 3]), [1]]),
    ],
)
def test_each_journey_is_weighed_by_itself(model: str, expected: list[list[float]]) -> None:
    assert weights(model, THREE, TWO, ONE) == expected


def test_the_models_are_those_of_the_schema() -> None:
    assert tuple(MODELS) == RULE_MODELS


def test_position_based_shares_a_fifth_among_all_touchpoints_between() -> None:
    assert weights("position_based", [0.0] * 6) == [[0.4, *[pytest.approx(0.05)] * 4, 0.4]]


@pytest.mark.parametrize(
    ("direct", "credited"),
    [((), 3), ((3,), 2), ((2, 3), 1), ((1, 2, 3), 0), ((0, 1, 2, 3), 3), ((0, 1, 2), 3), ((1, 3), 2)],
)
def test_last_non_direct_passes_over_direct_touchpoints_unless_there_are_no_others(
    direct: tuple[int, ...], credited: int
) -> None:
    assert weights("last_non_direct", [0.0] * 4, direct=direct) == [[float(place == credited) for place in range(4)]]


def test_last_non_direct_looks_for_the_touchpoint_in_the_same_journey_only() -> None:
    assert weights("last_non_direct", TWO, TWO, direct=(2, 3)) == [[0, 1], [0, 1]]


def test_time_decay_shares_out_the_order_of_a_journey_as_long_as_ten_years() -> None:
    assert weights("time_decay", [3650.0, 3650.0, 0.0]) == [[2.0 ** (-3650 / 7), 2.0 ** (-3650 / 7), 1.0]]


@pytest.mark.parametrize("model", RULE_MODELS)
def test_the_weights_of_a_journey_sum_to_1_however_long_it_is(model: str) -> None:
    journeys = [[30.0 * (size - place) / size for place in range(size)] for size in range(1, 201)]
    direct = tuple(range(0, 20_100, 3))
    assert [sum(journey) for journey in weights(model, *journeys, direct=direct)] == [pytest.approx(1, rel=1e-12)] * 200


@pytest.mark.parametrize("model", RULE_MODELS)
def test_no_journeys_have_no_weights(model: str) -> None:
    nothing = Touchpoints(np.array([], dtype=np.int64), np.array([]), np.array([], dtype=bool))
    assert MODELS[model](nothing).tolist() == []
