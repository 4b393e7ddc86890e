"""The rows of `ad_spend` of one day: sorted into usable and rejected ones, and summed by channel and campaign.

Pure functions, as in `usable_rows`, of whose `Rows` they make use.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from attribution_assets.attribution.source.channel_names import ChannelNames
from attribution_assets.attribution.source.rejected_rows import rejected_frame
from attribution_assets.attribution.source.repeated_rows import RawColumns
from attribution_assets.attribution.source.schemas import AD_SPEND
from attribution_assets.attribution.source.usable_rows import DayRows, Rows
from attribution_assets.attribution.tables.credit import AMOUNT_PLACES

MEASURES = ["cost", "impressions", "clicks"]
NO_SPEND = pd.DataFrame(
    {name: pd.Series(dtype=object) for name in ("date", "channel_name", "campaign")}
    | {name: pd.Series(dtype="float64") for name in MEASURES}
)


def spend_rows(
    day: date, raw: RawColumns, labels: Sequence[str], channels: ChannelNames, dimensions: Sequence[str] = ()
) -> DayRows:
    """What was spent on one day.

    Rows that agree in channel and all `labels`, but not in their amounts, are set aside: which of them is right is not
    known. Of rows that are equal in every column, one counts.

    Args:
        day: the day that the rows are filed with.
        raw: the columns of ad_spend.
        labels: those of them that say what it was spent on besides the channel, such as `campaign`.
        channels: which channel each name is reported as.
        dimensions: those of the labels by which the report is broken down.

    Returns:
        The usable rows, summed by channel and campaign (date, channel_name, campaign, cost, impressions, clicks; None
        and NaN where the table does not say), by channel, then campaign, without one first; and those set aside. Beside
        them `spend_by_dimension`, the same summed by channel and value of each dimension, if there is any.
    """
    further = [name for name in labels if name not in AD_SPEND.columns]
    rows = Rows(raw, AD_SPEND, key="channel_name", further=further)
    dates = rows.dates("date", day)
    columns = {
        "channel_name": rows.names("channel_name"),
        **{name: rows.labels(name) for name in labels},
        "cost": rows.known_amounts("cost"),
        **{name: rows.amounts(name) for name in MEASURES[1:] if name in raw},
    }
    key = [dates, *(columns[name].tolist() for name in ("channel_name", *labels))]
    same = f", {', '.join(labels)}" if labels else ""
    rows.require_different(key, f"has several rows with the same date, channel_name{same}, but other amounts")
    usable = rows.without_defects(columns)
    for name in ("campaign", *MEASURES):
        if name not in usable:
            usable[name] = None if name == "campaign" else np.nan
    usable = channels.reported(usable.assign(date=day.isoformat()))
    frame = summed(usable, ["date", "channel_name", "campaign"])
    beside = {}
    if broken_down := sorted(set(dimensions).intersection(labels)):
        parts = [
            summed(usable.assign(dimension=name, value=usable[name]), ["channel_name", "date", "dimension", "value"])
            for name in broken_down
        ]
        beside["spend_by_dimension"] = pd.concat(parts, ignore_index=True)
    rejected, merged = rejected_frame(rows.rejected("cost")), len(usable) - len(frame)
    return DayRows(frame, rejected, rows.repeated, rows.undated, beside, summed=merged)


def summed(spend: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Cost, impressions and clicks by the given columns, in their order, without a value first; to 9 decimals.

    Rows are added in an order of their own, so that the sums are the same in whatever order they come.
    """
    if spend.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in by} | {name: spend[name] for name in MEASURES})
    ordered = spend.sort_values([*by, *MEASURES], na_position="first", kind="stable")
    sums = ordered.groupby([*by], dropna=False, sort=False)[MEASURES].sum(min_count=1)
    result: pd.DataFrame = sums.round(AMOUNT_PLACES).reset_index()
    for name in by:
        result[name] = result[name].astype(object).where(result[name].notna(), None)
    return result
