"""The page's section on trained conversion types: what they expect of days not attributed, and who moved which share.

What is expected is never a result: it stands in no total, and in no download.
"""

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.training.answered_days import AnsweredDays, TypesInUse
from attribution_assets.attribution.training.channel_shares import MARKET, MODEL, MOST_DAYS, shares_over
from attribution_assets.attribution.training.conversion_types import ConversionTypesError
from attribution_assets.attribution.training.preview import preview
from attribution_assets.charts.share_limits import PERCENT, share_limits_chart
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.over_time import NamedChart
from attribution_assets.dashboard.tables import Column, Table, spoken
from attribution_assets.resources import IhcApiAccount

MOST_CHARTS = 6
LONGEST_RANGE = 92
"""The latest so many of the chosen days are compared."""


@dataclass(frozen=True)
class LearnedModel:
    """The section's content.

    Attributes:
        by: The trained conversion types, in words.
        days: The days that are not attributed yet, in words; empty without any.
        orders: Their orders.
        expected: What is expected of them, by channel; None without such days.
        compared: The days whose shares are compared, in words; empty without any.
        charts: Shares of channels over time: those that were moved beyond limits first, then the largest.
        moves: Shares beyond limits, and what moved them.
        verdicts: The days on which each of the two moved shares, in words.
        problem: Why there is nothing to show; empty if there is.
    """

    by: str = ""
    days: str = ""
    orders: int = 0
    expected: Table | None = None
    compared: str = ""
    charts: Sequence[NamedChart] = ()
    moves: Table | None = None
    verdicts: Sequence[str] = ()
    problem: str = ""


class LearnedModelLook:
    """Makes the section; a lock lets one request at a time read the days, and what was read last is kept.

    Args:
        storage: The stored days.
        account: The account, with its conversion types.
    """

    def __init__(self, storage: AssetStorage, account: IhcApiAccount) -> None:
        self._storage, self._account, self._lock = storage, account, threading.Lock()
        self._known: tuple[object, LearnedModel | None] = (None, None)

    def of(self, choices: Choices) -> LearnedModel | None:
        """The section for the chosen days; None where no conversion type is trained."""
        try:
            in_use = self._account.types_in_use()
        except ConversionTypesError as error:
            return LearnedModel(problem=str(error))
        if not in_use.trained:
            return None
        state = self._storage.state_of("journeys", "ihc_attributions", "order_types", "conversions")
        versions = [(name, trained.training.version) for name, trained in in_use.trained.items()]
        asked = (state, versions, self._account.settings, choices.first, choices.last)
        with self._lock:
            if self._known[0] != asked:
                self._known = (asked, self._made(in_use, choices))
            return self._known[1]

    def _made(self, in_use: TypesInUse, choices: Choices) -> LearnedModel:
        ahead = None if self._account.redistribution_parameter else preview(self._storage, in_use)
        answered = AnsweredDays(self._storage, in_use)
        first = max(choices.first, choices.last - dt.timedelta(days=LONGEST_RANGE - 1))
        looked_at = [
            *answered.before(first)[-MOST_DAYS:],
            *(day for day in answered.before(choices.last + dt.timedelta(days=1)) if day >= first),
        ]
        shares = shares_over(answered, looked_at)
        shares = shares[shares["date"] >= str(first)]
        return LearnedModel(
            ", ".join(_in_words(in_use, name) for name in in_use.trained),
            spoken(ahead.days) if ahead else "",
            ahead.orders if ahead else 0,
            _expected(ahead.expected) if ahead else None,
            _days(shares),
            _charts(shares),
            _moves(shares) if len(shares) else None,
            _verdicts(shares),
        )


def _in_words(in_use: TypesInUse, name: str) -> str:
    how = in_use.trained[name].training
    error = f"mean error {how.held_out.mean_error:.4f} a touchpoint" if how.held_out else "error not measured"
    kind = "an approximation" if how.is_approximation else f"version {how.version}"
    return f"{readable(name)} ({kind}, {error})"


def _expected(expected: pd.DataFrame) -> Table:
    columns = [
        Column("channel_name", "Channel", "text"),
        Column("orders", "Orders (expected)"),
        Column("revenue", "Revenue (expected)"),
    ]
    rows = expected.sort_values("orders", ascending=False, ignore_index=True)
    return Table("expected", "Expected, not attributed yet", columns, rows)


def _moves(shares: pd.DataFrame) -> Table:
    columns = [
        Column("date", "Day", "text"),
        Column("channel_name", "Channel", "text"),
        Column("moved_by", "Moved by", "text"),
        Column("answered", "Share, answered", "share"),
        Column("expected", "Share, expected", "share"),
        Column("lower", "Lower limit", "share"),
        Column("upper", "Upper limit", "share"),
    ]
    moved = shares[shares["moved_by"] != ""].sort_values(["date", "channel_name"], ascending=[False, True])
    return Table("share_moves", "Shares beyond their limits", columns, moved.reset_index(drop=True))


def _days(shares: pd.DataFrame) -> str:
    return spoken(dt.date.fromisoformat(date) for date in shares["date"].unique())


def _verdicts(shares: pd.DataFrame) -> list[str]:
    by = {who: shares[shares["moved_by"].str.contains(who)] for who in (MODEL, MARKET)} if len(shares) else {}
    said = [f"The {who} moved shares on {_days(moved)}." for who, moved in by.items() if len(moved)]
    return said or ["No share left its limits on these days."]


def _charts(shares: pd.DataFrame) -> list[NamedChart]:
    by_channel = shares.assign(moved=shares["moved_by"] != "").groupby("channel_name")[["moved", "answered"]].sum()
    shown = by_channel.sort_values(["moved", "answered"], ascending=False).index[:MOST_CHARTS]
    charts = []
    for place, channel in enumerate(shown):
        rows = [_row(row) for row in shares[shares["channel_name"] == channel].to_dict("records")]
        name = readable(str(channel))
        words = f"{name}: share of the credit by day; the table below lists the days on which it was beyond its limits"
        charts.append(NamedChart(f"share-{place}", f"{name}, % of orders", share_limits_chart(rows), "", words))
    return charts


def _row(row: Mapping[str, object]) -> dict[str, object]:
    percent = {name: _percent(row[name]) for name in ("answered", "expected", "lower", "upper")}
    moved_by, answered = str(row["moved_by"]), percent.pop("answered")
    return {
        "t": row["date"],
        "label": row["date"],
        "value": answered,
        **percent,
        "market": answered if MARKET in moved_by else None,
        "model": answered if MODEL in moved_by else None,
        "note": f"moved by the {moved_by}" if moved_by else "",
    }


def _percent(share: object) -> float | None:
    return None if pd.isna(share) else PERCENT * float(str(share))  # type: ignore[call-overload]  # a number
