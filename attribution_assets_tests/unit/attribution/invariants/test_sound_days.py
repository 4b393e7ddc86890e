"""A day that is taken for sound by its columns has no problems; and a sound day is taken for sound."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from attribution_assets.attribution.comparison.order_comparisons import order_comparisons
from attribution_assets.attribution.invariants import attribution as invariants
from attribution_assets.attribution.invariants import comparison, sound_days
from attribution_assets.attribution.tables.arrow import stored_form

Table = Callable[..., pd.DataFrame]

ORDERS = st.sampled_from(["o1", "o2", "o3"])
CREDIT = st.lists(
    st.fixed_dictionaries(
        {
            "conv_id": ORDERS,
            "session_id": st.sampled_from(["s1", "s2"]),
            "ihc": st.sampled_from([0.0, 0.4998, 0.5, 0.5003, 1.0]),
            "outcome": st.sampled_from(["attributed", "attributed", "refused"]),
        }
    ),
    max_size=6,
)
PLACED = st.lists(
    st.fixed_dictionaries({"conv_id": ORDERS, "revenue": st.sampled_from([0.0, 10.0, 10.000001])}),
    max_size=3,
    unique_by=lambda row: row["conv_id"],
)
COSTS = st.lists(
    st.fixed_dictionaries(
        {"channel_name": st.sampled_from(["Search", "Direct"]), "cost": st.sampled_from([None, 0.0, 1.0, 1.0000001])}
    ),
    max_size=4,
)


def columns(asset: str, frame: pd.DataFrame) -> pa.Table:
    return stored_form(asset, frame)


@given(rows=CREDIT)
def test_credit_taken_for_sound_sums_to_one(table: Table, rows: list[dict[str, Any]]) -> None:
    frame = table("ihc_attributions", *rows)
    if sound_days.sound_credit(columns("ihc_attributions", frame)):
        assert invariants.credit_problems(frame) == []


@given(made=CREDIT, found=CREDIT)
def test_touchpoints_taken_for_sound_are_the_same(
    table: Table, made: list[dict[str, Any]], found: list[dict[str, Any]]
) -> None:
    touchpoints = ({name: row[name] for name in ("conv_id", "session_id")} for row in made)
    journeys, credit = table("journeys", *touchpoints), table("ihc_attributions", *found)
    if sound_days.sound_touchpoints(columns("journeys", journeys), columns("ihc_attributions", credit)):
        assert invariants.touchpoint_problems(journeys, credit) == []


@given(placed=PLACED, credited=CREDIT, accounted=PLACED)
def test_orders_taken_for_sound_are_accounted_for_once(
    table: Table, placed: list[dict[str, Any]], credited: list[dict[str, Any]], accounted: list[dict[str, Any]]
) -> None:
    orders, credit = table("conversions", *placed), table("ihc_attributions", *credited)
    outcomes = pd.DataFrame(accounted, columns=["conv_id", "revenue"]).astype({"revenue": float})
    sound = sound_days.sound_orders(
        columns("conversions", orders), columns("ihc_attributions", credit), len(outcomes), outcomes["revenue"].sum()
    )
    if sound:
        assert invariants.order_problems(orders, credit, outcomes) == []


@given(placed=PLACED, credited=CREDIT, left=PLACED)
def test_orders_taken_for_kept_are_attributed_or_kept(
    table: Table, placed: list[dict[str, Any]], credited: list[dict[str, Any]], left: list[dict[str, Any]]
) -> None:
    orders, credit, kept = (
        table(name, *rows)
        for name, rows in (("conversions", placed), ("ihc_attributions", credited), ("unattributed_orders", left))
    )
    sound = sound_days.sound_unattributed(
        columns("conversions", orders), columns("ihc_attributions", credit), columns("unattributed_orders", kept)
    )
    assert sound == (invariants.unattributed_problems(orders, credit, kept) == [])


@given(spent=COSTS, reported=COSTS)
def test_cost_taken_for_sound_is_what_was_spent(
    table: Table, spent: list[dict[str, Any]], reported: list[dict[str, Any]]
) -> None:
    sessions = table("sessions", *({"session_id": f"s{place}", **row} for place, row in enumerate(spent)))
    report = table("channel_reporting", *reported)
    sound = sound_days.sound_cost(columns("sessions", sessions), columns("channel_reporting", report))
    assert sound == (invariants.cost_problems(sessions, report, table("spend")) == [])


@given(placed=PLACED, credited=CREDIT, removed=st.sampled_from(["model_comparison", "conversion_paths", ""]))
def test_comparisons_taken_for_sound_are_of_the_attributed_orders(
    table: Table, placed: list[dict[str, Any]], credited: list[dict[str, Any]], removed: str
) -> None:
    orders = table("conversions", *placed)
    adjacent = sorted(credited, key=lambda row: row["conv_id"])
    credit = table("ihc_attributions", *({**row, "outcome": "attributed"} for row in adjacent))
    made = order_comparisons(credit, orders, ())
    made = {name: frame.iloc[:-1] if name == removed else frame for name, frame in made.items()}
    sound = sound_days.sound_comparisons(
        columns("conversions", orders),
        columns("ihc_attributions", credit),
        {name: columns(name, frame) for name, frame in made.items()},
    )
    counted = comparison.attributed_orders(orders, credit)
    assert sound == (comparison.comparison_problems(counted, made) == [])


def test_a_day_of_several_touchpoints_is_taken_for_sound(table: Table) -> None:
    rows = [{"session_id": "s1", "ihc": 0.3333}, {"session_id": "s2", "ihc": 0.6667}, {"conv_id": "o2", "ihc": 1.0}]
    credit = columns("ihc_attributions", table("ihc_attributions", *rows))
    touchpoints = ({name: value for name, value in row.items() if name != "ihc"} for row in rows)
    journeys = columns("journeys", table("journeys", *touchpoints))
    orders = columns("conversions", table("conversions", {}, {"conv_id": "o2"}))
    assert sound_days.sound_credit(credit)
    assert sound_days.sound_touchpoints(journeys, credit)
    assert sound_days.before_their_order(journeys)
    assert sound_days.sound_orders(orders, credit, 2, 200.0)
    assert sound_days.sound_unattributed(orders, credit, columns("unattributed_orders", table("unattributed_orders")))


def test_a_touchpoint_in_its_orders_own_second_is_not_before_it(table: Table) -> None:
    row = {"session_time": "2024-02-26 12:00:00", "conversion_time": "2024-02-26 12:00:00"}
    assert not sound_days.before_their_order(columns("journeys", table("journeys", row)))
