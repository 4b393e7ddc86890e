"""Narrowed days give what days would give that never had the other orders, or whose channels had the groups' names."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.results.channel_results import (
    MODELS,
    compared_models,
    results_by_day,
    roas_by_days_since_touch,
)
from attribution_assets.attribution.results.cohorts import weekly_cohorts
from attribution_assets.attribution.results.narrowed import NO_VALUE, NarrowedStorage, Narrowing, order_values
from attribution_assets.attribution.results.order_results import (
    channel_roles_over,
    markov_over,
    path_lengths,
    phase_shares,
    placed_over,
    time_lags,
    top_paths,
    unattributed_over,
)
from attribution_assets.attribution.results.result_days import DateBasis
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets_tests.support.stored_results import LOOKBACK_DAYS, Order, Visit, store_results

FIRST, LAST = dt.date(2024, 2, 26), dt.date(2024, 3, 10)
DAYS = days_between(FIRST, LAST)
DIRECT = {"direct"}
GROUPS = {"Search": "Paid", "Display": "Paid"}


def orders() -> Iterator[Order]:
    """Orders of two markets and of none, of new and returning customers, some of them without a visit."""
    for place, day in enumerate(DAYS):
        market = {"market": ("north", "south")[place % 2]} if place % 5 else {}
        values = {**market, "customer": "new" if place % 3 else "returning"}
        before = max(day - dt.timedelta(days=2), FIRST)
        visits = (Visit(before, "Display", 3.1), Visit(day, "Search", 2.0), Visit(day, "Direct", 0.0))
        yield Order(day, 100.35 + place, visits, (0.55, 0.25, 0.2), values)
        yield Order(day, 40.1, (Visit(day, "Newsletter", 0.2),), (1.0,), values)
        yield Order(day, 9.99, (), (), values)


def stored(
    folder: Path, of_orders: list[Order], visits: list[Visit], names: Mapping[str, str] | None = None
) -> AssetStorage:
    def named(visit: Visit) -> Visit:
        return visit._replace(channel=(names or {}).get(visit.channel, visit.channel))

    storage = AssetStorage(str(folder))
    renamed = [order._replace(visits=tuple(map(named, order.visits))) for order in of_orders]
    store_results(storage, DAYS, renamed, [named(visit) for visit in visits])
    return storage


def visits_of(of_orders: list[Order]) -> list[Visit]:
    return [visit for order in of_orders for visit in order.visits]


RESULTS: Mapping[str, Callable[[AssetStorage], pd.DataFrame]] = {
    **{
        f"{model} by {basis}": lambda days, model=model, basis=basis: results_by_day(  # type: ignore[misc]  # bound here
            days, FIRST, LAST, lookback_days=LOOKBACK_DAYS, model=model, basis=basis
        )
        for model in MODELS
        for basis in DateBasis
    },
    "at equal age": lambda days: results_by_day(
        days, FIRST, LAST, lookback_days=LOOKBACK_DAYS, orders_until=LAST - dt.timedelta(days=3)
    ),
    "models": lambda days: compared_models(days, FIRST, LAST, lookback_days=LOOKBACK_DAYS),
    "since touch": lambda days: roas_by_days_since_touch(days, FIRST, FIRST, lookback_days=LOOKBACK_DAYS, days=(2,)),
    "cohorts": lambda days: weekly_cohorts(days, FIRST, LAST, lookback_days=LOOKBACK_DAYS),
    "roles": lambda days: channel_roles_over(days, FIRST, LAST),
    "phases": lambda days: phase_shares(days, FIRST, LAST),
    "paths": lambda days: top_paths(days, FIRST, LAST),
    "lengths": lambda days: path_lengths(days, FIRST, LAST),
    "lags": lambda days: time_lags(days, FIRST, LAST),
    "markov": lambda days: markov_over(days, FIRST, LAST),
    "unattributed": lambda days: unattributed_over(days, FIRST, LAST),
}


@pytest.mark.parametrize(
    "chosen",
    [{"market": "north"}, {"market": NO_VALUE}, {"market": "south", "customer": "returning"}, {"market": "east"}],
)
def test_results_of_chosen_orders_are_those_of_a_shop_with_these_orders_alone(
    tmp_path: Path, chosen: Mapping[str, str]
) -> None:
    every = list(orders())
    those = [o for o in every if all(o.dimensions.get(name, NO_VALUE) == value for name, value in chosen.items())]
    others = [order for order in every if order not in those]
    alone = stored(tmp_path / "alone", those, visits_of(others))
    shop = stored(tmp_path / "shop", every, [])
    narrowed = NarrowedStorage(shop, Narrowing(chosen), LOOKBACK_DAYS, DIRECT)
    for name, result in RESULTS.items():
        pd.testing.assert_frame_equal(result(narrowed), result(alone), obj=name)
    assert placed_over(narrowed, FIRST, LAST) == placed_over(alone, FIRST, LAST)


def test_results_of_groups_are_those_of_channels_with_the_names_of_the_groups(tmp_path: Path) -> None:
    every = list(orders())
    renamed, shop = stored(tmp_path / "renamed", every, [], GROUPS), stored(tmp_path / "shop", every, [])
    grouped = NarrowedStorage(shop, Narrowing(groups=GROUPS), LOOKBACK_DAYS, DIRECT)
    for name, result in RESULTS.items():
        pd.testing.assert_frame_equal(result(grouped), result(renamed), obj=name)
    assert set(RESULTS["ihc by touch_date"](grouped)["channel_name"]) == {"Paid", "Direct", "Newsletter"}


def test_a_group_may_be_called_like_a_channel_of_another_group_also_where_orders_are_chosen(tmp_path: Path) -> None:
    shop = stored(tmp_path, list(orders()), [])
    groups = {"Display": "Search", "Search": "Paid"}
    plain, grouped = (
        NarrowedStorage(shop, Narrowing({"market": "north"}, names), LOOKBACK_DAYS, DIRECT) for names in ({}, groups)
    )
    for name in ("ihc by touch_date", "linear by touch_date"):
        by_channel, by_group = (
            RESULTS[name](days).groupby("channel_name")["revenue"].sum().round(6).to_dict() for days in (plain, grouped)
        )
        assert by_group["Search"] == by_channel["Display"]
        assert by_group["Paid"] == by_channel["Search"]


def test_a_group_of_direct_and_other_channels_is_passed_over_where_its_direct_visits_are(tmp_path: Path) -> None:
    every = list(orders())
    shop = stored(tmp_path, every, [])
    groups = {"Direct": "Own", "Newsletter": "Own"}
    grouped = NarrowedStorage(shop, Narrowing(groups=groups), LOOKBACK_DAYS, DIRECT)
    by_channel, by_group = (
        result.groupby("channel_name")["orders"].sum()
        for result in map(RESULTS["last_non_direct by touch_date"], (shop, grouped))
    )
    assert by_group["Own"] == by_channel["Newsletter"] + by_channel.get("Direct", 0.0)
    assert by_group["Search"] == by_channel["Search"] == len(DAYS)


def test_the_values_of_orders_are_named_by_dimension(tmp_path: Path) -> None:
    shop = stored(tmp_path, list(orders()), [])
    assert order_values(shop, FIRST, LAST) == {"customer": ["new", "returning"], "market": ["north", "south"]}


def test_a_day_whose_orders_are_not_compared_yet_is_left_out_as_its_credit_is_not_whole(tmp_path: Path) -> None:
    shop = stored(tmp_path, list(orders()), [])
    (tmp_path / "model_comparison" / f"{LAST}.parquet").unlink()
    narrowed = NarrowedStorage(shop, Narrowing({"market": "north"}), LOOKBACK_DAYS, DIRECT)
    days = {dt.date.fromisoformat(day) for day in RESULTS["ihc by touch_date"](narrowed)["date"]}
    assert max(days) == LAST - dt.timedelta(days=LOOKBACK_DAYS + 1)
