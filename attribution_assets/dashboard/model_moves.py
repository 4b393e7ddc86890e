"""IHC compared with another attribution model: figures side by side, and sentences about the largest differences.

The results of each model come from `attribution/results/`; the verdicts on goals from `goals.py`.
"""

from collections.abc import Iterator

import pandas as pd

from attribution_assets.attribution.tables.readable import readable
from attribution_assets.dashboard.goal_choices import MOST_MARGIN, Goals
from attribution_assets.dashboard.goals import cpo_verdict, roas_verdict
from attribution_assets.dashboard.offered import MODEL_NAMES
from attribution_assets.dashboard.tables import Column, Table, cost_as_in, orders_kind, with_figures, written

MOST_SENTENCES = 3
"""Maximum sentences about channels that gain or lose orders; sentences about changed verdicts are not limited."""

SMALLEST_MOVE = 0.005
"""Orders; a smaller difference is hidden by the rounding to 2 decimal places."""


def side_by_side(ihc: pd.DataFrame, other: pd.DataFrame, margin: float = MOST_MARGIN) -> pd.DataFrame:
    """The results of two models by channel.

    Args:
        ihc: channel_name, cost, orders, revenue by IHC.
        other: channel_name, orders, revenue by the other model.
        margin: See `with_figures`.

    Returns:
        channel_name, cost, then orders, revenue, profit, CPO and ROAS, each with the suffix `_ihc` and `_other`, and
        more_orders: orders by IHC minus orders by the other model. By descending cost.
    """
    both = ihc.merge(other[["channel_name", "orders", "revenue"]], "outer", "channel_name", suffixes=("_ihc", "_other"))
    both = cost_as_in(ihc, both.fillna(dict.fromkeys(both.columns[1:], 0.0)))
    for model in ("ihc", "other"):
        of_model = {f"orders_{model}": "orders", f"revenue_{model}": "revenue"}
        figures = with_figures(both.rename(columns=of_model)[["cost", "orders", "revenue"]], margin)
        for figure in ("profit", "CPO", "ROAS"):
            both[f"{figure}_{model}"] = figures[figure]
    both["more_orders"] = both["orders_ihc"] - both["orders_other"]
    return both.sort_values(["cost", "channel_name"], ascending=[False, True], ignore_index=True)


def comparison_table(both: pd.DataFrame, against: str) -> Table:
    """The figures of `side_by_side` as a table; `against` is the other model's key in `MODEL_NAMES`."""
    name = MODEL_NAMES[against]
    columns = [Column("channel_name", "Channel", "text"), Column("cost", "Cost")]
    for figure, heading, kind in (
        ("orders", "Orders", "ratio"),
        ("profit", "Profit", "amount"),
        ("CPO", "CPO", "cpo"),
        ("ROAS", "ROAS", "ratio"),
    ):
        of_other = orders_kind(against) if figure == "orders" else kind
        columns += [
            Column(f"{figure}_other", f"{heading} by {name}", of_other),
            Column(f"{figure}_ihc", f"{heading} by IHC", kind),
        ]
        if figure == "orders":
            columns.append(Column("more_orders", "Orders that IHC gives more", "difference"))
    return Table("comparison", f"IHC against {name} by channel", columns, both)


def changed_verdicts(both: pd.DataFrame, name: str, goals: Goals) -> list[str]:
    """A sentence for each channel that earns money, or meets a goal, by only one of the two models.

    Args:
        both: The figures of `side_by_side`.
        name: The other model's displayed name.
        goals: Goals of all channels and of single ones.
    """
    return list(_changed_verdicts(both, name, goals))


def _changed_verdicts(both: pd.DataFrame, name: str, goals: Goals) -> Iterator[str]:
    for row in both.to_dict("records"):
        channel, cost = readable(row["channel_name"]), row["cost"]
        if (row["profit_other"] < 0) != (row["profit_ihc"] < 0):
            of_other, of_ihc = _earned(row["profit_other"]), _earned(row["profit_ihc"])
            yield f"{channel} {of_other} by {name} and {of_ihc} by IHC."
        cpo_goal, roas_goal = goals.of(row["channel_name"])
        by_other, by_ihc = row["CPO_other"], row["CPO_ihc"]
        verdicts = cpo_verdict(cost, by_other, cpo_goal), cpo_verdict(cost, by_ihc, cpo_goal)
        figures = _cpo(by_other), f"goal {written(cpo_goal, 'amount')}", _cpo(by_ihc)
        yield from _sentence(channel, name, "too expensive", verdicts, figures)
        by_other, by_ihc = row["ROAS_other"], row["ROAS_ihc"]
        verdicts = roas_verdict(by_other, roas_goal), roas_verdict(by_ihc, roas_goal)
        figures = f"ROAS {by_other:,.2f}", f"goal {written(roas_goal, 'amount')}", f"ROAS {by_ihc:,.2f}"
        yield from _sentence(channel, name, "to earn too little", verdicts, figures)


def _sentence(
    channel: str, name: str, bad: str, verdicts: tuple[str, str], figures: tuple[str, str, str]
) -> Iterator[str]:
    by_other, goal, by_ihc = figures
    if verdicts == ("misses", "meets"):
        yield f"{channel} looks {bad} by {name} ({by_other}, {goal}) and meets the goal by IHC ({by_ihc})."
    elif verdicts == ("meets", "misses"):
        yield f"{channel} looks fine by {name} ({by_other}, {goal}) and misses the goal by IHC ({by_ihc})."


def largest_moves(both: pd.DataFrame, name: str) -> list[str]:
    """A sentence for each of the `MOST_SENTENCES` channels whose orders differ most between the two models."""
    moved = both[both["more_orders"].abs() >= SMALLEST_MOVE]
    largest = moved.reindex(moved["more_orders"].abs().sort_values(ascending=False, kind="stable").index)
    sentences = []
    for row in largest.head(MOST_SENTENCES).to_dict("records"):
        orders = f"{written(abs(row['more_orders']), 'amount')} orders {'more' if row['more_orders'] > 0 else 'fewer'}"
        cost = f": {_cpo(row['CPO_ihc'])} rather than {_cpo(row['CPO_other']).removeprefix('CPO ')}"
        cost = cost if row["cost"] > 0 else ""
        sentences.append(f"{readable(row['channel_name'])} gets {orders} by IHC than by {name}{cost}.")
    return sentences


def _earned(profit: float) -> str:
    return f"{'loses' if profit < 0 else 'earns'} {written(abs(profit), 'amount')}"


def _cpo(cpo: float) -> str:
    return "no orders" if pd.isna(cpo) else f"CPO {written(cpo, 'amount')}"
