"""The models on a published data set, beside what two published packages make of it.

The package mta ships 10,000 paths in 12 channels, the example of the R package ChannelAttribution. Its own code is run
here. Where it computes something else it is left out: its time decay goes by the rank of the distinct channels, and its
Markov model counts only the very paths that it was shown, while the chain also leads through others.
ChannelAttribution 2.2.5 (PyPI) computes first, last and linear touch with revenue, and removal effects by simulation;
its results were written down from running it, see `CHANNEL_ATTRIBUTION`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from mta import MTA

from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.conversion_paths import conversion_paths
from attribution_assets.attribution.comparison.markov import markov_comparison
from attribution_assets.attribution.comparison.model_comparison import model_comparison
from attribution_assets_tests.support.attributed_orders import DAY, Order, came_by, conversions, ihc_attributions

CHANNEL_ATTRIBUTION = {
    "alpha": (19121.2723557987, 28414.2142743639, 24524.7095688335, 0.55965),
    "beta": (12235.5917443553, 3850.0209872582, 8954.2667166078, 0.27435),
    "delta": (6.1190000000, 10.9720000000, 4.4040500000, 0.00037),
    "epsilon": (412.3012428571, 2202.6122892857, 1106.2700652665, 0.06480),
    "eta": (11909.4762130316, 16754.2038001057, 13783.4970509201, 0.35678),
    "gamma": (718.9779918301, 506.0139918301, 569.4173578911, 0.01856),
    "iota": (19597.2612769752, 13487.9742713577, 15988.9889950236, 0.41643),
    "kappa": (305.7432500000, 1069.3842500000, 599.7477862553, 0.02962),
    "lambda": (3735.6021649160, 5249.9499854278, 4430.3161694284, 0.13784),
    "mi": (5.2730000000, 5.2730000000, 6.0814444444, 0.00021),
    "theta": (6652.3493474468, 2799.0919875817, 4295.7436194872, 0.20532),
    "zeta": (103.0040000000, 453.2607500000, 539.5287630528, 0.04252),
}
"""By channel: revenue by first touch, last touch and linear, and the removal effect in the chain of the paths that led
to an order, by `markov_model(..., order=1, nsim_start=1000000)`: shares of 100,000 simulated journeys."""

SIMULATED_JOURNEYS = 100_000


@dataclass(frozen=True)
class Published:
    """The data set, and what the functions under test make of its orders.

    Attributes:
        mta: The data set in its package, without the journeys that led to no order.
        models: Orders and revenue by model and channel.
        markov: The table `markov_comparison`.
    """

    mta: MTA
    models: pd.DataFrame
    markov: pd.DataFrame

    def orders(self, model: str) -> dict[str, float]:
        return dict(self.models.loc[model, "orders"])


@pytest.fixture(scope="module")
def published() -> Published:
    mta = MTA(allow_loops=True, add_timepoints=False)
    mta.data["total_null"] = 0
    converting = mta.data[mta.data["total_conversions"] > 0]
    orders = [order for row in converting.itertuples() for order in [_came_by(row)] * row.total_conversions]
    attributions, placed = ihc_attributions(orders), conversions(orders)
    journeys = attributed_journeys(attributions, placed)
    models = model_comparison(journeys, ["eta"])
    paths = conversion_paths(journeys)
    return Published(
        mta,
        models.groupby(["model", "channel_name"])[["orders", "revenue"]].sum(),
        markov_comparison(paths, DAY, DAY),
    )


def _came_by(row: pd.Series) -> Order:
    return came_by(*row.path, revenue=row.total_conversion_value / row.total_conversions)


def credited(mta: MTA, model: str) -> Mapping[str, float]:
    return {name: pytest.approx(orders, abs=1e-6) for name, orders in mta.attribution[model].items() if orders}


def test_first_touch_is_as_published(published: Published) -> None:
    published.mta.first_touch(normalize=False)
    assert published.orders("first_touch") == credited(published.mta, "first_touch")
    assert published.orders("first_touch")["alpha"] == 6308


def test_last_touch_is_as_published(published: Published) -> None:
    published.mta.last_touch(normalize=False)
    assert published.orders("last_touch") == credited(published.mta, "last_touch")
    assert published.orders("last_touch")["alpha"] == 8447


def test_linear_is_as_published(published: Published) -> None:
    published.mta.linear(share="proportional", normalize=False)
    assert published.orders("linear") == credited(published.mta, "linear")
    assert published.orders("linear")["alpha"] == pytest.approx(7574.7186, abs=5e-5)


def test_position_based_is_as_published(published: Published) -> None:
    published.mta.position_based(normalize=False)
    assert published.orders("position_based") == credited(published.mta, "pos_based")


@pytest.mark.parametrize(("place", "model"), [(0, "first_touch"), (1, "last_touch"), (2, "linear")])
def test_revenue_is_as_published(published: Published, place: int, model: str) -> None:
    revenue = dict(published.models.loc[model, "revenue"])
    assert revenue == {name: pytest.approx(row[place], rel=1e-9) for name, row in CHANNEL_ATTRIBUTION.items()}


def test_removal_effects_follow_from_the_published_chain(published: Published) -> None:
    """The package counts the steps of the chain; with a channel taken out, an order is reached so much more rarely."""
    chain = published.mta.transition_matrix()
    found = dict(zip(published.markov["channel_name"], published.markov["removal_effect"], strict=True))
    channels = published.mta.channels
    expected = {}
    for removed in channels:
        states = ["(start)", *(name for name in channels if name != removed)]
        ways = np.array([[chain.get((state, other), 0) for other in states] for state in states])
        ordering = np.array([chain.get((state, "(conversion)"), 0) for state in states])
        expected[removed] = 1 - np.linalg.solve(np.eye(len(states)) - ways, ordering)[0]
    assert found == pytest.approx(expected, abs=2e-12)


def test_removal_effects_are_those_of_the_published_simulation(published: Published) -> None:
    """They lie within four standard deviations of a simulated share."""
    found = dict(zip(published.markov["channel_name"], published.markov["removal_effect"], strict=True))
    for name, (*_, simulated) in CHANNEL_ATTRIBUTION.items():
        deviation = (found[name] * (1 - found[name]) / SIMULATED_JOURNEYS) ** 0.5
        assert simulated == pytest.approx(found[name], abs=4 * deviation)


def test_the_chain_shares_out_all_published_orders(published: Published) -> None:
    orders = published.mta.data["total_conversions"].sum()
    assert published.markov["orders"].sum() == pytest.approx(orders, rel=1e-12)
    revenue = published.mta.data["total_conversion_value"].sum()
    assert published.markov["revenue"].sum() == pytest.approx(revenue, rel=1e-12)
