"""The model comparison: what each model credits to each channel and touch date."""

import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.comparison.attributed_journeys import attributed_journeys
from attribution_assets.attribution.comparison.model_comparison import model_comparison
from attribution_assets.attribution.comparison.order_comparisons import comparisons_by_day, order_comparisons
from attribution_assets.attribution.invariants.attribution import schema_problems
from attribution_assets.attribution.reporting.channel_report import channel_report
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays
from attribution_assets.attribution.tables.schemas import MODEL_COMPARISON, RULE_MODELS
from attribution_assets_tests.support import model_oracle
from attribution_assets_tests.support.attributed_orders import (
    DAY,
    MIDNIGHT,
    ORDERS,
    Order,
    came_by,
    conversions,
    ihc_attributions,
)

ROUNDED_TO = 1e-9
"""Revenue keeps nine decimal places."""

NOT_IN_ORDER = r"^the rows of each journey must be adjacent, and in the order of their times$"


def compared(*orders: Order, direct: tuple[str, ...] = ("direct",)) -> pd.DataFrame:
    return model_comparison(attributed_journeys(ihc_attributions(orders), conversions(orders)), direct)


def cells(comparison: pd.DataFrame) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Orders and revenue by model, channel and touch date."""
    rows = comparison.drop(columns="conversion_date").itertuples(index=False, name=None)
    return {(model, channel, date): (orders, revenue) for model, channel, date, orders, revenue in rows}


def test_each_model_splits_the_order_by_its_rule() -> None:
    comparison = compared(came_by("Search", "Email", "Email", "Direct", revenue=90.0))
    by_model: dict[str, dict[str, tuple[float, float]]] = {}
    for (model, channel, _), credited in cells(comparison).items():
        by_model.setdefault(model, {})[channel] = credited
    assert by_model.pop("time_decay").keys() == {"Search", "Email", "Direct"}
    assert by_model == {
        "ihc": {"Search": (0.25, 22.5), "Email": (0.5, 45.0), "Direct": (0.25, 22.5)},
        "first_touch": {"Search": (1.0, 90.0)},
        "last_touch": {"Direct": (1.0, 90.0)},
        "last_non_direct": {"Email": (1.0, 90.0)},
        "linear": {"Search": (0.25, 22.5), "Email": (0.5, 45.0), "Direct": (0.25, 22.5)},
        "position_based": {"Search": (0.4, 36.0), "Email": (0.2, 18.0), "Direct": (0.4, 36.0)},
    }


def test_time_decay_counts_days_and_parts_of_days() -> None:
    visits = tuple(("Search", MIDNIGHT - dt.timedelta(days=days)) for days in (10.5, 3.5))
    credited = cells(compared(Order(visits)))
    assert credited["time_decay", "Search", "2024-02-15"] == (pytest.approx(1 / 3), pytest.approx(100 / 3))
    assert credited["time_decay", "Search", "2024-02-22"] == (pytest.approx(2 / 3), pytest.approx(200 / 3))


def test_credit_lands_on_the_day_of_the_visit_and_keeps_the_day_of_the_order() -> None:
    comparison = compared(
        Order((("Search", MIDNIGHT - dt.timedelta(microseconds=1)),), 10.0), Order((("Search", MIDNIGHT),), 5.0)
    )
    first = comparison[comparison["model"] == "first_touch"]
    assert list(first.itertuples(index=False, name=None)) == [
        ("first_touch", "Search", "2024-02-25", "2024-02-26", 1.0, 10.0),
        ("first_touch", "Search", "2024-02-26", "2024-02-26", 1.0, 5.0),
    ]


def test_rows_stand_by_model_channel_and_touch_date() -> None:
    visits = [(channel, MIDNIGHT - dt.timedelta(days=days)) for days in (2, 1) for channel in ("b", "B", "Ä")]
    keys = list(cells(compared(Order(tuple(visits)))))
    assert keys == sorted(keys)
    assert {model for model, *_ in keys} == {"ihc", *RULE_MODELS}


def test_a_channel_that_a_model_credits_with_nothing_has_no_row_there() -> None:
    credited = cells(compared(came_by("Search", "Email"), came_by("Free", revenue=0.0)))
    assert [key[:2] for key in credited if key[0] == "last_touch"] == [("last_touch", "Email"), ("last_touch", "Free")]
    assert credited["last_touch", "Free", "2024-02-26"] == (1.0, 0.0)


def test_a_row_keeps_its_revenue_where_its_share_of_an_order_rounds_to_nothing() -> None:
    visits = tuple(("Search", MIDNIGHT - dt.timedelta(days=days)) for days in (301, 0))
    credited = cells(compared(Order(visits, revenue=2.0**49)))
    assert credited["time_decay", "Search", "2023-05-01"] == (0.0, pytest.approx(2.0**49 / (1 + 2.0**43)))


@pytest.mark.parametrize(("direct", "credited"), [(("dIRECT",), "Search"), (("Straße",), "Direct"), ((), "Direct")])
def test_direct_channels_are_known_in_upper_and_lower_case(direct: tuple[str, ...], credited: str) -> None:
    keys = cells(compared(came_by("Search", "Direct"), direct=direct))
    assert [channel for model, channel, _ in keys if model == "last_non_direct"] == [credited]


def test_case_is_folded_as_unicode_says() -> None:
    keys = cells(compared(came_by("Search", "Straße"), direct=("STRASSE",)))
    assert [channel for model, channel, _ in keys if model == "last_non_direct"] == ["Search"]


def test_orders_that_are_not_in_both_tables_do_not_count() -> None:
    orders = [came_by("Search"), came_by("Email")]
    touched, placed = ihc_attributions(orders), conversions(orders)
    assert {channel for _, channel, _ in cells(model_comparison(attributed_journeys(touched, placed[1:]), ()))} == {
        "Email"
    }
    assert {channel for _, channel, _ in cells(model_comparison(attributed_journeys(touched[:1], placed), ()))} == {
        "Search"
    }


def test_a_day_without_attributed_orders_has_an_empty_table_of_the_right_types() -> None:
    types = {"orders": "float64", "revenue": "float64"}
    for comparison in (compared(), compared(Order((("Search", MIDNIGHT),), outcome="refused"))):
        assert comparison.empty
        assert {name: str(dtype) for name, dtype in comparison.dtypes.items()} == {
            name: types.get(name, "object") for name in MODEL_COMPARISON.columns
        }


def test_journeys_that_are_torn_apart_are_refused() -> None:
    orders = [came_by("Search", "Email"), came_by("Email")]
    with pytest.raises(ValueError, match=NOT_IN_ORDER):
        model_comparison(attributed_journeys(ihc_attributions(orders).iloc[[0, 2, 1]], conversions(orders)), ())


def test_journeys_in_the_wrong_order_are_refused() -> None:
    orders = [came_by("Search", "Email")]
    with pytest.raises(ValueError, match=NOT_IN_ORDER):
        model_comparison(attributed_journeys(ihc_attributions(orders)[::-1], conversions(orders)), ())


def test_days_that_are_computed_together_have_the_tables_that_each_has_alone(tmp_path: Path) -> None:
    storage, days = AssetStorage(str(tmp_path)), [DAY + dt.timedelta(days=number) for number in range(4)]
    chance = random.Random(7)  # noqa: S311 - a fixed choice of channels
    alone = []
    for day in days:
        midnight = MIDNIGHT + (day - DAY)
        touches = [
            [(chance.choice("abc"), midnight - dt.timedelta(hours=h)) for h in (30, 2)] for _ in range(day.day % 4)
        ]
        orders = [Order(tuple(of_order), ordered=midnight + dt.timedelta(hours=1)) for of_order in touches]
        credit, placed = ihc_attributions(orders), conversions(orders)  # of each day with the same ids
        storage.write("ihc_attributions", DayTable(day, credit, {}))
        storage.write("conversions", DayTable(day, placed, {}))
        alone.append((day, order_comparisons(credit, placed, ())))
    tables = (storage.days(name, days) for name in ("ihc_attributions", "conversions"))
    together = [*comparisons_by_day(*tables, days, ())]
    assert [day for day, _ in together] == days
    for (_, made), (_, right) in zip(together, alone, strict=True):
        for name, table in right.items():
            pd.testing.assert_frame_equal(made[name], table, check_exact=True)


def test_revenue_as_large_as_admitted_is_shared_out_to_its_last_digit() -> None:
    credited = cells(compared(came_by("Search", "Email", revenue=999_999_999_999_999.0)))
    assert credited["linear", "Email", "2024-02-26"] == (0.5, 499_999_999_999_999.5)


@given(ORDERS)
def test_the_table_is_what_one_order_after_another_gives(orders: list[Order]) -> None:
    comparison = compared(*orders)
    assert schema_problems("model_comparison", comparison) == []
    expected = model_oracle.comparison(orders, {"DIRECT"})
    assert cells(comparison) == {
        key: (pytest.approx(float(share), abs=1e-12), pytest.approx(float(revenue), abs=ROUNDED_TO))
        for key, (share, revenue) in expected.items()
        if round(share, 12) or round(revenue, 9)
    }


@given(ORDERS)
def test_all_models_share_out_the_same_orders_and_revenue(orders: list[Order]) -> None:
    attributed = [order for order in orders if order.outcome == "attributed"]
    comparison = compared(*orders)
    for model in ["ihc", *RULE_MODELS] if attributed else []:
        of_model = comparison[comparison["model"] == model]
        assert of_model["orders"].sum() == pytest.approx(len(attributed), rel=1e-9)
        revenue = sum(order.revenue for order in attributed)
        assert of_model["revenue"].sum() == pytest.approx(revenue, rel=1e-9, abs=ROUNDED_TO * len(of_model))


@settings(max_examples=30)
@given(ORDERS.filter(bool))
def test_a_journey_of_one_touchpoint_gets_all_by_every_model(orders: list[Order]) -> None:
    single = [Order(order.visits[:1], order.revenue, order.ordered) for order in orders]
    tables = [
        of_model.drop(columns="model").reset_index(drop=True) for _, of_model in compared(*single).groupby("model")
    ]
    assert len(tables) == 1 + len(RULE_MODELS)
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True)


@settings(max_examples=30)
@given(ORDERS, st.randoms(use_true_random=False))
def test_the_sequence_of_orders_changes_nothing(orders: list[Order], chance: random.Random) -> None:
    touched, placed = ihc_attributions(orders), conversions(orders)
    journeys = [journey for _, journey in touched.groupby("conv_id")]
    chance.shuffle(journeys)
    shuffled = pd.concat([touched[:0], *journeys]) if journeys else touched
    again = model_comparison(
        attributed_journeys(shuffled, placed.sample(frac=1, random_state=chance.randrange(1000))), ("direct",)
    )
    pd.testing.assert_frame_equal(
        again, model_comparison(attributed_journeys(touched, placed), ("direct",)), check_exact=True
    )


def test_the_rows_of_ihc_are_the_credit_of_the_channel_report(
    storage: AssetStorage, keep: Callable[..., StoredDays], table: Callable[..., pd.DataFrame]
) -> None:
    orders = [came_by("Search", *["Email"] * 4, revenue=99.99), came_by("Email", "Search", revenue=0.1)]
    credit = keep(storage, "ihc_attributions", ihc_attributions(orders), [DAY])
    placed = keep(storage, "conversions", conversions(orders), [DAY])
    sessions = keep(storage, "sessions", table("sessions"), [DAY])
    spend = storage.days("spend", [DAY])
    report = channel_report(sessions, spend, credit, placed, DAY, DAY)
    comparison = model_comparison(attributed_journeys(credit.frame(DAY), placed.frame(DAY)), ())
    ihc = comparison.loc[comparison["model"] == "ihc", ["channel_name", "touch_date", "orders", "revenue"]]
    assert ihc.to_numpy().tolist() == report[["channel_name", "date", "ihc", "ihc_revenue"]].to_numpy().tolist()
