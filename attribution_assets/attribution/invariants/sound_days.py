"""Whether a day's tables certainly keep an invariant, looked at as Arrow columns: most days do, and take little time.

Each function is True only if the one in `attribution.py` or `comparison.py` that says what is wrong finds nothing; it
may be False of a sound day, as its bounds are a little closer. Columns are as in `tables/schemas.py`.
"""

from collections.abc import Mapping
from math import isclose
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution_assets.attribution.tables.credit import (
    ATTRIBUTED,
    COST_ERROR,
    PHASES,
    RELATIVE_ERROR,
    SUM_ERROR,
    SUM_TOLERANCE,
)
from attribution_assets.attribution.tables.schemas import RULE_MODELS

_CLOSER: Final = 0.5
"""Of an allowed error: sums in another order of their parts differ by far less than the other half."""


def sound_credit(attributions: pa.Table) -> bool:
    """The credit of each attributed order sums to 1; its rows are adjacent. Columns: conv_id, outcome, ihc."""
    if set(_distinct(attributions["outcome"])) - {ATTRIBUTED}:
        attributions = attributions.filter(pc.equal(attributions["outcome"], ATTRIBUTED))
    if not len(attributions):
        return True
    if not _are_there(attributions, "conv_id"):
        return False
    order = _codes(attributions["conv_id"])
    starts = np.flatnonzero(np.diff(order, prepend=-1))
    if len(starts) != order.max() + 1:
        return False
    sums = np.add.reduceat(_numbers(attributions["ihc"]), starts)
    return bool((np.abs(sums - 1) <= SUM_TOLERANCE).all())


def sound_touchpoints(journeys: pa.Table, attributions: pa.Table) -> bool:
    """Each touchpoint was attributed, and no other. Columns: conv_id, session_id."""
    return all(journeys[name].equals(attributions[name]) for name in ("conv_id", "session_id"))


def before_their_order(journeys: pa.Table) -> bool:
    """Each touchpoint is before its order. Columns: session_time, conversion_time."""
    return pc.all(pc.less(journeys["session_time"], journeys["conversion_time"])).as_py() is not False


def sound_orders(conversions: pa.Table, attributions: pa.Table, outcomes: int, revenue: float) -> bool:
    """Each order of the day is accounted for once, with its revenue.

    Args:
        conversions: conv_id, revenue.
        attributions: conv_id, outcome.
        outcomes: How many orders the day's `order_outcomes` has.
        revenue: Their revenue.
    """
    placed = set(conversions["conv_id"].to_pylist())
    return (
        _are_there(conversions, "conv_id")
        and _are_there(attributions, "conv_id")
        and len(_distinct(attributions["outcome"])) <= 1
        and placed.issuperset(_distinct(attributions["conv_id"]))
        and outcomes == len(conversions)
        and _is_close(revenue, _sum(conversions["revenue"]))
    )


def sound_unattributed(conversions: pa.Table, attributions: pa.Table, unattributed: pa.Table) -> bool:
    """Each order is attributed, or kept as unattributed, with its revenue.

    Args:
        conversions: conv_id, revenue.
        attributions: conv_id, outcome.
        unattributed: conv_id, revenue.
    """
    if not all(_are_there(table, "conv_id") for table in (conversions, attributions, unattributed)):
        return False
    attributed = _attributed(attributions)
    placed, kept = conversions["conv_id"].to_pylist(), unattributed["conv_id"].to_pylist()
    of_attributed = [number in attributed for number in placed]
    accounted = _sum(conversions["revenue"].filter(pa.array(of_attributed, pa.bool_()))) + _sum(unattributed["revenue"])
    return (
        len(placed) == sum(of_attributed) + len(kept)
        and set(placed) == attributed.intersection(placed) | set(kept)
        and attributed.isdisjoint(kept)
        and _is_close(accounted, _sum(conversions["revenue"]))
    )


def sound_cost(sessions: pa.Table, report: pa.Table) -> bool:
    """The report's cost is that of the sessions, by channel. Columns: channel_name, cost."""
    if not (_are_there(sessions, "channel_name") and _are_there(report, "channel_name")):
        return False
    spent, reported = _cost_by_channel(sessions), _cost_by_channel(report)
    error = _CLOSER * (SUM_ERROR + COST_ERROR * len(sessions))
    return all(
        isclose(reported.get(channel, 0.0), spent.get(channel, 0.0), rel_tol=RELATIVE_ERROR * _CLOSER, abs_tol=error)
        for channel in spent.keys() | reported.keys()
    )


def sound_comparisons(conversions: pa.Table, attributions: pa.Table, tables: Mapping[str, pa.Table]) -> bool:
    """Models and paths are of the attributed orders and their revenue, and roles of no more.

    Args:
        conversions: conv_id, revenue.
        attributions: conv_id, outcome.
        tables: The day's `model_comparison`, `conversion_paths` and `channel_roles`, by name.
    """
    attributed, conv_ids = _attributed(attributions), conversions["conv_id"].to_pylist()
    counts = np.array([conv_id in attributed for conv_id in conv_ids], dtype=bool)
    orders, revenue = int(counts.sum()), float(_numbers(conversions["revenue"])[counts].sum())
    models, paths, roles = (tables[name] for name in ("model_comparison", "conversion_paths", "channel_roles"))
    if not (_are_there(conversions, "conv_id") and _are_there(attributions, "conv_id") and _are_there(models, "model")):
        return False
    of_model, names = _codes(models["model"]), _distinct(models["model"])
    due = {"orders": float(orders), "revenue": revenue}
    sums = {name: np.bincount(of_model, _numbers(models[name]), minlength=len(names)).tolist() for name in due}
    rows = np.bincount(of_model, minlength=len(names)).tolist()

    def is_shared_out(found: Mapping[str, float], rows: int, error_of_order: float) -> bool:
        return all(
            abs(found[measure] - due[measure])
            <= _CLOSER * (due[measure] * (error_of_order + RELATIVE_ERROR) + SUM_ERROR * (1 + rows))
            for measure in due
        )

    of_models = {
        name: ({measure: sums[measure][place] for measure in due}, rows[place]) for place, name in enumerate(names)
    }
    nothing = dict.fromkeys(due, 0.0), 0
    most = orders + _CLOSER * (orders * (SUM_TOLERANCE + RELATIVE_ERROR) + SUM_ERROR * (1 + len(roles)))
    influenced, assisted = _numbers(roles["influenced_orders"]), _numbers(roles["assisted_orders"])
    return (
        all(
            is_shared_out(*of_models.get(model, nothing), SUM_TOLERANCE if model == "ihc" else 0.0)
            for model in ("ihc", *RULE_MODELS)
        )
        and is_shared_out({measure: _sum(paths[measure]) for measure in due}, len(paths), 0.0)
        and all(_sum(roles[phase]) <= most for phase in PHASES)
        and bool(((assisted <= influenced) & (influenced <= orders)).all())
    )


def _attributed(attributions: pa.Table) -> set[str]:
    """The attributed orders. Columns: conv_id, outcome."""
    if set(_distinct(attributions["outcome"])) - {ATTRIBUTED}:
        attributions = attributions.filter(pc.equal(attributions["outcome"], ATTRIBUTED))
    return set(_distinct(attributions["conv_id"]))


def _cost_by_channel(table: pa.Table) -> dict[str, float]:
    channels = _distinct(table["channel_name"])
    sums = np.bincount(_codes(table["channel_name"]), _numbers(table["cost"]), minlength=len(channels))
    return dict(zip(channels, sums.tolist(), strict=True))


def _are_there(table: pa.Table, name: str) -> bool:
    """Whether each row has a value in the column."""
    return not table[name].null_count


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """The place of each value in `_distinct`; of a column in which none is missing."""
    codes: npt.NDArray[np.int32] = column.combine_chunks().dictionary_encode().indices.to_numpy()
    return codes


def _distinct(column: pa.ChunkedArray) -> list[Any]:
    """The different values, in the order in which they come first."""
    values: list[Any] = pc.unique(column).to_pylist()
    return values


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """The values, 0 where one is missing."""
    numbers: npt.NDArray[np.float64] = pc.fill_null(column, 0).to_numpy().astype(np.float64, copy=False)
    return numbers


def _sum(column: pa.ChunkedArray) -> float:
    return float(_numbers(column).sum())


def _is_close(a: float, b: float) -> bool:
    return isclose(a, b, rel_tol=RELATIVE_ERROR * _CLOSER)
