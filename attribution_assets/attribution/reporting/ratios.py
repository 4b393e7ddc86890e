"""The ratios of cost, attributed orders and attributed revenue that marketing steers by: CPO and ROAS."""

import pandas as pd


def with_ratios(report: pd.DataFrame, orders: str = "ihc", revenue: str = "ihc_revenue") -> pd.DataFrame:
    """The table with CPO (cost / orders) and ROAS (revenue / cost), each empty where its denominator is 0.

    Args:
        report: Has a column `cost`, and those of the attributed orders and their revenue.
        orders: The name of the column of orders.
        revenue: The name of the column of revenue, in the currency of `cost`.
    """
    return report.assign(
        CPO=report["cost"] / report[orders].where(report[orders] != 0),
        ROAS=report[revenue] / report["cost"].where(report["cost"] != 0),
    )
