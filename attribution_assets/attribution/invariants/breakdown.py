"""What must hold of a day's breakdown: the values of each dimension make up the report."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from attribution_assets.attribution.tables.credit import RELATIVE_ERROR, SUM_ERROR
from attribution_assets.attribution.tables.readable import readable

PROBLEMS_NAMED = 20


def breakdown_problems(
    report: pd.DataFrame, breakdown: pd.DataFrame, dimensions: Sequence[str], order_dimensions: Sequence[str]
) -> list[str]:
    """Dimensions and channels whose values do not sum to the channel's row of the report.

    Args:
        report: The day's `channel_reporting`.
        breakdown: The day's `channel_breakdown`.
        dimensions: Those that share out cost and credit.
        order_dimensions: Those that share out credit alone: their cost is empty.
    """
    problems = list[str]()
    of_report = report.set_index("channel_name")
    for dimension in (*dimensions, *order_dimensions):
        rows = breakdown[breakdown["dimension"] == dimension]
        rounding = SUM_ERROR * (len(rows) + 1)
        for measure in ("ihc", "ihc_revenue", *(["cost"] if dimension in dimensions else [])):
            sums = rows.groupby("channel_name")[measure].sum()
            problems += _differences(dimension, measure, sums, of_report[measure], rounding)
        if dimension in order_dimensions and rows["cost"].notna().any():
            problems.append(f"{dimension}: cost is given, though it is a dimension of orders")
    other = sorted(set(breakdown["dimension"]) - {*dimensions, *order_dimensions})
    problems += [f"{readable(name)}: no dimension of the settings" for name in other]
    return problems[:PROBLEMS_NAMED]


def _differences(
    dimension: str, measure: str, sums: "pd.Series[float]", reported: "pd.Series[float]", rounding: float
) -> Iterator[str]:
    both = pd.concat([sums, reported], axis="columns", keys=["sums", "reported"]).sort_index()
    right = np.isclose(both["sums"], both["reported"], rtol=RELATIVE_ERROR, atol=rounding)
    for channel, values in both[~right].iterrows():
        found, due = values.tolist()
        yield f"{dimension}, {readable(channel)}: {measure} of its values sums to {found:g}, the report has {due:g}"
