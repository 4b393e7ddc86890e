"""The ratios of cost, attributed orders and attributed revenue that marketing steers by: CPO and ROAS."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def with_ratios(report: pd.DataFrame, orders: str = "ihc", revenue: str = "ihc_revenue") -> pd.DataFrame:
    """The table with CPO (cost / orders) and ROAS (revenue / cost), each empty where its denominator is 0.

    Args:
        report: Has a column `cost`, and those of the attributed orders and their revenue.
        orders: The name of the column of orders.
        revenue: The name of the column of revenue, in the currency of `cost`.
    """
    cost, ordered, earned = (report[name].to_numpy(dtype=np.float64) for name in ("cost", orders, revenue))
    return report.assign(CPO=_ratio(cost, ordered), ROAS=_ratio(earned, cost))


def _ratio(numerator: npt.NDArray[np.float64], denominator: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # in numpy, as a file is written for each day: pandas takes a millisecond for a table of any size
    undefined = np.full(len(numerator), np.nan)
    ratio: npt.NDArray[np.float64] = np.divide(numerator, denominator, out=undefined, where=denominator != 0)
    return ratio
