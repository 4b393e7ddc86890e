"""What must hold of a day's tables beside the report. Each function names what does not, in plain words."""

import math
from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from attribution_assets.attribution.tables.credit import ATTRIBUTED, PHASES, RELATIVE_ERROR, SUM_ERROR, SUM_TOLERANCE
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.tables.schemas import RULE_MODELS


def attributed_orders(conversions: pd.DataFrame, attributions: pd.DataFrame) -> pd.DataFrame:
    """The attributed orders among the day's `conversions`: conv_id, revenue."""
    attributed = attributions.loc[attributions["outcome"] == ATTRIBUTED, "conv_id"]
    return conversions.loc[conversions["conv_id"].isin(attributed), ["conv_id", "revenue"]]


def comparison_problems(orders: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What does not hold of a day's comparisons; each problem names its table.

    Args:
        orders: As `attributed_orders` gives them.
        tables: The day's `model_comparison`, `conversion_paths` and `channel_roles`, by name.
    """
    return [
        f"{name}: {problem}" for name, problems in _PROBLEMS_OF.items() for problem in problems(orders, tables[name])
    ]


def _model_problems(orders: pd.DataFrame, comparison: pd.DataFrame) -> Iterator[str]:
    """Models that do not share out exactly the attributed orders and their revenue."""
    for model in ("ihc", *RULE_MODELS):
        rows = comparison[comparison["model"] == model]
        for problem in _unequal(rows, orders, SUM_TOLERANCE if model == "ihc" else 0.0):
            yield f"{model}: {problem}"


def _path_problems(orders: pd.DataFrame, paths: pd.DataFrame) -> Iterator[str]:
    """Paths that are not those of exactly the attributed orders."""
    return _unequal(paths, orders, 0.0)


def _role_problems(orders: pd.DataFrame, roles: pd.DataFrame) -> Iterator[str]:
    """Phases that sum to more than the attributed orders, and roles that a channel cannot have in them."""
    for phase in PHASES:
        error = len(orders) * (SUM_TOLERANCE + RELATIVE_ERROR) + SUM_ERROR * (1 + len(roles))
        if roles[phase].sum() > len(orders) + error:
            yield f"{phase} sums to {roles[phase].sum():.6f} orders, {len(orders)} were attributed"
    order = roles["assisted_orders"].le(roles["influenced_orders"]) & roles["influenced_orders"].le(len(orders))
    for row in roles[~order].to_dict("records"):
        yield (
            f"{readable(row['channel_name'])} assisted {row['assisted_orders']} and influenced"
            f" {row['influenced_orders']} of {len(orders)} orders"
        )


def _unequal(table: pd.DataFrame, orders: pd.DataFrame, error_of_order: float) -> Iterator[str]:
    """Where the table's orders or revenue do not sum to those that were attributed; each row is rounded."""
    for measure, due in (("orders", float(len(orders))), ("revenue", float(orders["revenue"].sum()))):
        error = due * (error_of_order + RELATIVE_ERROR) + SUM_ERROR * (1 + len(table))
        if not math.isclose(table[measure].sum(), due, abs_tol=error):
            yield f"{measure} sum to {table[measure].sum():.6f}, {due:.6f} were attributed"


_PROBLEMS_OF: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame], Iterator[str]]] = {
    "model_comparison": _model_problems,
    "conversion_paths": _path_problems,
    "channel_roles": _role_problems,
}
