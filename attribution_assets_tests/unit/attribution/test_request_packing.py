"""Which journeys share a request."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.ihc_api.packing import fewest_requests, pack


def lengths(kind: str, mean: float, journeys: int, seed: int) -> list[int]:
    """Journey lengths from 1 to 60 around a mean (which the cut at 60 lowers a little)."""
    rng = np.random.default_rng(seed)
    drawn = rng.geometric(1 / mean, journeys) if kind == "geometric" else 1 + rng.pareto(mean / (mean - 1), journeys)
    sizes: list[int] = np.clip(drawn, 1, 60).astype(int).tolist()
    return sizes


@pytest.mark.parametrize("max_sessions", [200, 3000])
@pytest.mark.parametrize("kind", ["geometric", "pareto"])
@pytest.mark.parametrize("mean", [1.2, 1.5, 1.9, 2, 2.1, 2.5, 4, 8, 15])
def test_realistic_journeys_need_no_more_requests_than_the_limits_demand(
    max_sessions: int, kind: str, mean: float
) -> None:
    for seed in range(5):
        for journeys in (7, 150, 400, 2503):
            sizes = lengths(kind, mean, journeys, seed)
            assert len(pack(sizes, max_sessions, 100)) == fewest_requests(sizes, max_sessions, 100)


@pytest.mark.parametrize(
    ("kind", "mean", "journeys", "seed", "requests"),
    [("geometric", 2, 1000, 21, 10), ("pareto", 2.5, 400, 52, 4), ("pareto", 2.5, 2000, 53, 20)],
)
def test_both_limits_can_be_used_up_at_once(kind: str, mean: float, journeys: int, seed: int, requests: int) -> None:
    sizes = lengths(kind, mean, journeys, seed)
    assert len(sizes) == 100 * requests
    assert 0 <= 200 * requests - sum(sizes) <= 5
    assert len(pack(sizes, 200, 100)) == requests


def test_a_hundred_thousand_journeys_need_no_more_requests_than_the_limits_demand() -> None:
    sizes = lengths("geometric", 4, 100_000, seed=0)
    assert len(pack(sizes, 200, 100)) == fewest_requests(sizes, 200, 100) == -(-sum(sizes) // 200)


def test_journeys_without_any_short_ones_cost_at_most_two_percent_more() -> None:
    sizes = np.clip(np.random.default_rng(0).poisson(15, 20_000), 1, 60).tolist()
    assert len(pack(sizes, 200, 100)) <= 1.02 * fewest_requests(sizes, 200, 100)


def first_fit(sizes: list[int], max_sessions: int) -> int:
    """How many requests there are if each journey goes to the first one with room."""
    requests: list[int] = []
    for size in sizes:
        fits = next((number for number, sessions in enumerate(requests) if sessions + size <= max_sessions), None)
        if fits is None:
            requests.append(size)
        else:
            requests[fits] += size
    return len(requests)


@pytest.mark.parametrize(("shortest", "longest"), [(51, 100), (34, 99), (67, 120), (20, 200), (1, 200)])
def test_where_few_journeys_fit_into_a_request_first_fit_needs_no_fewer(shortest: int, longest: int) -> None:
    for seed in range(5):
        sizes = np.random.default_rng(seed).integers(shortest, longest + 1, 1000).tolist()
        assert len(pack(sizes, 200, 100)) <= first_fit(sizes, 200)


def test_long_journeys_share_requests_with_short_ones_so_that_both_limits_are_used_up() -> None:
    sizes = [101] * 10 + [1] * 990
    assert [(len(request), sum(sizes[journey] for journey in request)) for request in pack(sizes, 200, 100)] == [
        (100, 200)
    ] * 10


def test_journeys_longer_than_half_a_request_go_alone() -> None:
    assert sorted(pack([101, 200, 150], 200, 100)) == [[0], [1], [2]]


def test_no_journeys_need_no_request() -> None:
    assert pack([], 200, 100) == []


@pytest.mark.parametrize("sizes", [[201], [3, 0], [-1]])
def test_a_journey_that_fits_no_request_is_an_error(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="1 to 200 sessions"):
        pack(sizes, 200, 100)


@pytest.mark.parametrize("limits", [(0, 1), (1, 0)])
def test_a_limit_below_one_is_an_error(limits: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="limits must be at least 1"):
        pack([1], *limits)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_journey_is_in_one_request_and_no_request_is_over_a_limit(data: st.DataObject) -> None:
    max_sessions, max_journeys = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 20))
    sizes = data.draw(st.lists(st.integers(1, max_sessions), max_size=200))
    requests = pack(sizes, max_sessions, max_journeys)
    assert sorted(journey for request in requests for journey in request) == list(range(len(sizes)))
    for request in requests:
        assert 1 <= len(request) <= max_journeys
        assert sum(sizes[journey] for journey in request) <= max_sessions
        assert request == sorted(request)
    assert len(requests) >= fewest_requests(sizes, max_sessions, max_journeys)
    assert requests == pack(sizes, max_sessions, max_journeys)
