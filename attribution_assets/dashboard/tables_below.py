"""The tables below the channels on the page "Cost and return": their breakdown, phases, and orders without credit."""

from collections.abc import Mapping

import pandas as pd

from attribution_assets.attribution.results.breakdowns import breakdown_over
from attribution_assets.attribution.results.order_results import phase_shares, unattributed_over
from attribution_assets.attribution.results.result_days import DateBasis
from attribution_assets.attribution.tables.credit import NO_SESSIONS, PHASES, REFUSED, TOO_LONG
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.saved import Saved
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import OF_ORDERS, Column, Table, result_columns, with_figures

REASONS = {
    NO_SESSIONS: "no visit in the lookback window",
    TOO_LONG: "more visits than one request may hold",
    REFUSED: "refused by the API",
}


def of_channels(frame: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """The rows of the chosen channels."""
    return frame[frame["channel_name"].isin(choices.channels)] if choices.channels else frame


def breakdown(stored: StoredResults, choices: Choices, saved: Saved, changing: Mapping[str, str]) -> Table | None:
    """IHC by touch date, whatever else is chosen: channels with most cost first, then most revenue."""
    if not choices.dimension or choices.orders:
        return None
    found = stored.ask(breakdown_over, choices.first, choices.last, choices.dimension)
    if choices.grouped:
        in_groups = found["channel_name"].map(lambda channel: saved.group_of.get(channel, channel))
        found = (
            found.assign(channel_name=in_groups)
            .groupby(["channel_name", "value"])[["cost", "orders", "revenue"]]
            .sum(min_count=1)
            .round(9)
            .reset_index()
        )
    rows = with_figures(of_channels(found, choices), choices.margin)
    sums = rows.fillna({"cost": 0.0}).groupby("channel_name")[["cost", "revenue"]].transform("sum")
    order = rows.assign(channel_cost=sums["cost"], channel_revenue=sums["revenue"])
    keys = ["channel_cost", "channel_revenue", "channel_name", "cost", "revenue", "value"]
    order = order.sort_values(keys, ascending=[False, False, True, False, False, True])
    return Table(
        "breakdown",
        f"What the channels cost and earned by {choices.dimension}",
        [
            Column("channel_name", "Channel", "text"),
            Column("value", readable(choices.dimension).capitalize(), "text"),
            *result_columns("ihc"),
        ],
        rows.loc[order.index].reset_index(drop=True),
        about={"model": "ihc", "date_basis": str(DateBasis.TOUCH), **changing},
    )


def phases(stored: StoredResults, choices: Choices) -> Table:
    """Each channel's share of the three phases."""
    shares = of_channels(stored.ask(phase_shares, choices.first, choices.last), choices)
    columns = [Column(phase, phase.capitalize(), "share") for phase in PHASES]
    return Table(
        "phases",
        "Each channel's share of the orders by phase",
        [Column("channel_name", "Channel", "text"), *columns],
        shares.sort_values(["initializer", "channel_name"], ascending=[False, True], ignore_index=True),
        about=OF_ORDERS | {"model": "ihc"},
    )


def unattributed(stored: StoredResults, choices: Choices) -> Table:
    """The orders without credit by reason."""
    found = stored.ask(unattributed_over, choices.first, choices.last)
    columns = [Column("reason", "Reason", "text"), Column("orders", "Orders", "count"), Column("revenue", "Revenue")]
    words = found.assign(reason=found["reason"].map(REASONS))
    total = {"orders": float(found["orders"].sum()), "revenue": float(found["revenue"].sum())}
    return Table("unattributed", "Orders without credit by reason", columns, words, total, about=OF_ORDERS)
