"""What must hold of a day's tables beside the report. Each function names what does not, in plain words."""

import math

import pandas as pd

from attribution_assets.attribution.tables.credit import ATTRIBUTED, PHASES, RELATIVE_ERROR, SUM_ERROR, SUM_TOLERANCE
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.tables.schemas import RULE_MODELS


def attributed_orders(conversions: pd.DataFrame, attributions: pd.DataFrame) -> pd.DataFrame:
    """The attributed orders among the day's `conversions`: conv_id, revenue."""
    attributed = attributions.loc[attributions["outcome"] == ATTRIBUTED, "conv_id"]
    return conversions.loc[conversions["conv_id"].isin(attributed), ["conv_id", "revenue"]]


def model_problems(orders: pd.DataFrame, comparison: pd.DataFrame) -> list[str]:
    """Models that do not share out exactly the attributed orders and their revenue.

    Args:
        orders: As `attributed_orders` gives them.
        comparison: The day's `model_comparison`.
    """
    problems = []
    for model in ("ihc", *RULE_MODELS):
        rows = comparison[comparison["model"] == model]
        problems += _unequal(model, rows, orders, SUM_TOLERANCE if model == "ihc" else 0.0)
    return problems


def path_problems(orders: pd.DataFrame, paths: pd.DataFrame) -> list[str]:
    """Paths that are not those of exactly the attributed orders; arguments as for `model_problems`."""
    return _unequal("paths", paths, orders, 0.0)


def role_problems(orders: pd.DataFrame, roles: pd.DataFrame) -> list[str]:
    """Roles that are not those of exactly the attributed orders; arguments as for `model_problems`."""
    problems = []
    for phase in PHASES:
        error = len(orders) * (SUM_TOLERANCE + RELATIVE_ERROR) + SUM_ERROR * (1 + len(roles))
        if roles[phase].sum() > len(orders) + error:
            problems.append(f"{phase} sums to {roles[phase].sum():.6f} orders, {len(orders)} were attributed")
    order = roles["assisted_orders"].le(roles["influenced_orders"]) & roles["influenced_orders"].le(len(orders))
    return problems + [
        f"{readable(row['channel_name'])} assisted {row['assisted_orders']} and influenced {row['influenced_orders']}"
        f" of {len(orders)} orders"
        for row in roles[~order].to_dict("records")
    ]


def markov_problems(paths: pd.DataFrame, chain: pd.DataFrame) -> list[str]:
    """A Markov chain that does not share out exactly the orders and revenue of its window's paths.

    Args:
        paths: orders and revenue of the window, in any number of rows.
        chain: The day's `markov_comparison`.
    """
    problems = []
    for measure in ("orders", "revenue"):
        due = float(paths[measure].sum()) if len(paths) else 0.0
        if not math.isclose(chain[measure].sum(), due, rel_tol=RELATIVE_ERROR, abs_tol=SUM_ERROR * (1 + len(chain))):
            problems.append(f"{measure} sum to {chain[measure].sum():.6f}, those of the paths to {due:.6f}")
    return problems


def _unequal(what: str, table: pd.DataFrame, orders: pd.DataFrame, error_of_order: float) -> list[str]:
    """Where the table's orders or revenue do not sum to those that were attributed; each row is rounded."""
    problems = []
    for measure, due in (("orders", float(len(orders))), ("revenue", float(orders["revenue"].sum()))):
        error = due * (error_of_order + RELATIVE_ERROR) + SUM_ERROR * (1 + len(table))
        if not math.isclose(table[measure].sum(), due, abs_tol=error):
            problems.append(f"{what}: {measure} sum to {table[measure].sum():.6f}, {due:.6f} were attributed")
    return problems
