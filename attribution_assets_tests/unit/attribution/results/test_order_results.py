"""What became of the orders of a range of days, their paths and their channels, as read from small stored tables."""

import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.comparison.markov import markov_comparison
from attribution_assets.attribution.results.order_results import (
    PlacedOrders,
    answered_by_over,
    channel_roles_over,
    markov_over,
    path_lengths,
    phase_shares,
    placed_over,
    time_lags,
    top_paths,
    unattributed_over,
)
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets_tests.support.orders_of_four_days import DAYS, Row, path_row

Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]

FIRST, LAST = DAYS[0], DAYS[-1]


def cells(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The rows as they stand."""
    return list(frame.itertuples(index=False, name=None))


# What became of the orders


def test_unattributed_orders_are_counted_by_reason(with_orders: AssetStorage) -> None:
    assert cells(unattributed_over(with_orders, FIRST, LAST)) == [
        ("no_sessions", 2, 0.3),
        ("refused", 1, 0.2),
        ("too_long", 1, 40.0),
    ]
    assert cells(unattributed_over(with_orders, DAYS[1], DAYS[2])) == [("no_sessions", 1, 0.2), ("too_long", 1, 40.0)]
    assert cells(unattributed_over(with_orders, DAYS[1], DAYS[1])) == []


def test_placed_orders_are_those_of_days_whose_unattributed_orders_are_known(with_orders: AssetStorage) -> None:
    assert placed_over(with_orders, FIRST, LAST) == PlacedOrders(9, 120.9)
    assert placed_over(with_orders, DAYS[1], DAYS[1]) == PlacedOrders(3, 40.3)
    assert placed_over(with_orders, LAST, LAST) == PlacedOrders(0, 0.0)


def test_orders_of_a_day_that_was_reported_before_it_was_attributed_are_not_yet_placed_orders(
    with_orders: AssetStorage,
) -> None:
    with_orders.days("ihc_attributions", DAYS).files[DAYS[1]].unlink()
    assert placed_over(with_orders, FIRST, LAST) == PlacedOrders(6, 80.6)


def test_all_who_answered_are_named(storage: AssetStorage, table: Table, keep: Keep) -> None:
    orders = [
        {"conversion_time": f"{day} 12:00:00", "session_time": f"{day} 11:00:00", "answered_by": answered_by}
        for day, answered_by in zip(DAYS, ["embedded", "https://one/", "embedded", "https://two/"], strict=True)
    ]
    keep(storage, "ihc_attributions", table("ihc_attributions", *orders), DAYS)
    assert answered_by_over(storage, FIRST, LAST) == "embedded, https://one/, https://two/"
    assert answered_by_over(storage, DAYS[0], DAYS[0]) == "embedded"
    assert answered_by_over(storage, DAYS[1], DAYS[1]) == "https://one/"


# Channels' roles


def test_roles_are_summed_by_channel(with_roles: AssetStorage) -> None:
    found = channel_roles_over(with_roles, DAYS[0], DAYS[1])
    assert list(found.columns) == [
        *("channel_name", "influenced_orders", "influenced_revenue", "assisted_orders", "assisted_revenue"),
        *("initializer", "holder", "closer"),
    ]
    assert cells(found) == [("Email", 3, 0.3, 3, 0.3, 3.7, 3.5, 0.0), ("Search", 8, 0.8, 1, 0.1, 0.3, 0.5, 4.0)]


def test_each_phase_is_shared_out_among_the_channels(with_roles: AssetStorage) -> None:
    found = phase_shares(with_roles, DAYS[0], DAYS[1])
    assert list(found.columns) == ["channel_name", "initializer", "holder", "closer"]
    assert cells(found) == [("Email", 3.7 / 4, 3.5 / 4, 0.0), ("Search", 0.3 / 4, 0.5 / 4, 1.0)]


def test_a_phase_without_orders_has_no_shares(with_roles: AssetStorage) -> None:
    ((channel, initializer, holder, closer),) = cells(phase_shares(with_roles, DAYS[2], DAYS[3]))
    assert (channel, initializer, closer) == ("Email", 1.0, 1.0)
    assert math.isnan(holder)


# Paths


def test_top_paths_stand_by_orders_then_revenue_then_path(with_paths: AssetStorage) -> None:
    expected = [('["Search"]', 1, 4, 1.3), ('["Direct"]', 1, 1, 7.0), ('["Email"]', 1, 1, 7.0)]
    expected += [('["Email", "Search"]', 2, 1, 5.0)]
    found = top_paths(with_paths, DAYS[0], DAYS[1])
    assert list(found.columns) == ["path", "touchpoints", "orders", "revenue"]
    assert cells(found) == expected
    assert cells(top_paths(with_paths, DAYS[0], DAYS[1], most=2)) == expected[:2]


def test_orders_are_counted_by_the_length_of_their_path_and_by_their_time_lag(with_paths: AssetStorage) -> None:
    lengths, lags = (read(with_paths, DAYS[0], DAYS[1]) for read in (path_lengths, time_lags))
    assert list(lengths.columns) == ["touchpoints", "orders", "revenue"]
    assert cells(lengths) == [(1, 6, 15.3), (2, 1, 5.0)]
    assert list(lags.columns) == ["days_to_conversion", "orders", "revenue"]
    assert cells(lags) == [(0, 3, 0.3), (1, 2, 14.0), (3, 2, 6.0)]


def test_the_markov_chain_is_that_of_the_paths_of_all_days_that_models_are_compared_on(
    with_paths: AssetStorage, table: Table, keep: Keep
) -> None:
    """Of 7 orders 5 pass Search and 2 pass Email, of which 1 goes on to Search; one is Direct alone."""
    assert markov_over(with_paths, DAYS[0], DAYS[1]).empty
    for asset in ("channel_reporting", "model_comparison"):
        keep(with_paths, asset, table(asset), DAYS)
    found = markov_over(with_paths, DAYS[0], DAYS[1])
    effects = {"Direct": Fraction(1, 7), "Email": Fraction(2, 7), "Search": Fraction(5, 7)}
    assert [row[:4] for row in cells(found)] == [
        (channel, "2024-02-26", "2024-02-27", pytest.approx(float(effect), rel=1e-12))
        for channel, effect in effects.items()
    ]
    for row, effect in zip(cells(found), effects.values(), strict=True):
        share = effect / sum(effects.values())
        assert row[4:] == pytest.approx((float(7 * share), float(Fraction("20.3") * share)), rel=1e-9)
    rows = pd.concat([with_paths.days("conversion_paths", DAYS).frame(day) for day in DAYS[:2]])
    pd.testing.assert_frame_equal(found, markov_comparison(rows, DAYS[0], DAYS[1]), check_exact=True)


PATH = st.fixed_dictionaries(
    {
        "day": st.sampled_from(DAYS),
        "path": st.lists(st.sampled_from(["Search", 'Größe, "A"', "O'Hare; --"]), min_size=1, max_size=3),
        "days": st.integers(0, 3),
        "orders": st.integers(1, 10**6),
        "revenue": st.integers(0, 10**7).map(lambda cents: cents / 100),
    }
)


@settings(max_examples=15)
@given(st.lists(PATH, max_size=12, unique_by=lambda row: (row["day"], tuple(row["path"]), row["days"])))
def test_paths_lengths_and_lags_are_sums_of_fractions(table: Table, keep: Keep, rows: list[Row]) -> None:
    sums: dict[tuple[str, object], list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
    for row in rows:
        if DAYS[1] <= row["day"] <= DAYS[2]:
            path = json.dumps(row["path"], ensure_ascii=False)
            for key in (("path", path), ("length", len(row["path"])), ("lag", row["days"])):
                sums[key][0] += row["orders"]
                sums[key][1] += Fraction(str(row["revenue"]))
    expected = {
        kind: {key: (int(orders), float(revenue)) for (of, key), (orders, revenue) in sums.items() if of == kind}
        for kind in ("path", "length", "lag")
    }
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        keep(storage, "conversion_paths", table("conversion_paths", *(path_row(**row) for row in rows)), DAYS)
        paths = top_paths(storage, DAYS[1], DAYS[2], most=100)
        found = [path_lengths(storage, DAYS[1], DAYS[2]), time_lags(storage, DAYS[1], DAYS[2])]
    by_rank = sorted(expected["path"].items(), key=lambda item: (-item[1][0], -item[1][1], item[0].encode()))
    assert [(row[0], row[2:]) for row in cells(paths)] == by_rank
    for frame, kind in zip(found, ("length", "lag"), strict=True):
        assert [(row[0], row[1:]) for row in cells(frame)] == sorted(expected[kind].items())


# Of nothing


def test_of_nothing_stored_there_are_tables_without_rows(storage: AssetStorage) -> None:
    roles = ["influenced_orders", "influenced_revenue", "assisted_orders", "assisted_revenue"]
    phases = ["initializer", "holder", "closer"]
    for read, columns in [
        (unattributed_over, ["reason", "orders", "revenue"]),
        (channel_roles_over, ["channel_name", *roles, *phases]),
        (phase_shares, ["channel_name", *phases]),
        (top_paths, ["path", "touchpoints", "orders", "revenue"]),
        (path_lengths, ["touchpoints", "orders", "revenue"]),
        (time_lags, ["days_to_conversion", "orders", "revenue"]),
        (markov_over, ["channel_name", "first_date", "last_date", "removal_effect", "orders", "revenue"]),
    ]:
        found = read(storage, FIRST, LAST)
        assert (len(found), list(found.columns)) == (0, columns)
    assert placed_over(storage, FIRST, LAST) == PlacedOrders(0, 0.0)
    assert answered_by_over(storage, FIRST, LAST) == ""
