"""Verdicts: whether each channel earns money, and meets the CPO and ROAS goals that the reader has set.

The goals themselves are read in `goal_choices.py`; how verdicts differ between two models is in `model_moves.py`. While
orders are still to come, a CPO only falls and a ROAS and a profit only rise: what is met stays met, and what is not is
"not yet".
"""

from typing import Literal

import pandas as pd

from attribution_assets.dashboard.goal_choices import Goals
from attribution_assets.dashboard.tables import written

Verdict = Literal["misses", "not yet", "meets", ""]


def cpo_verdict(cost: float, cpo: float, goal: float | None, *, provisional: bool = False) -> Verdict:
    """The verdict on a CPO: met if it is at most `goal`. Cost without any order misses the goal.

    Args:
        cost: Cost of the channel; without cost, or where it is not known, there is no verdict.
        cpo: Cost per order; NaN without orders.
        goal: Highest CPO; None gives no verdict.
        provisional: Whether orders are still to come.
    """
    if goal is None or not cost > 0:
        return ""
    return "meets" if cpo <= goal else _missed(provisional)


def roas_verdict(roas: float, goal: float | None, *, provisional: bool = False) -> Verdict:
    """The verdict on a ROAS: met if it is at least `goal`. No verdict without a goal, or without cost (ROAS is NaN).

    Args:
        roas: Revenue per cost.
        goal: Lowest ROAS; None gives no verdict.
        provisional: Whether orders are still to come.
    """
    if goal is None or pd.isna(roas):
        return ""
    return "meets" if roas >= goal else _missed(provisional)


def with_verdicts(channels: pd.DataFrame, goals: Goals, *, provisional: bool) -> pd.DataFrame:
    """Add to each channel its goals and verdicts.

    Args:
        channels: channel_name, cost, profit, CPO, ROAS; a row per channel.
        goals: Goals of all channels and of single ones.
        provisional: Whether orders are still to come that can credit these visits.

    Returns:
        The same rows with goal_CPO, goal_ROAS, CPO_verdict, ROAS_verdict and, in words, `verdict`.
    """
    rows = []
    for row in channels.to_dict("records"):
        cpo_goal, roas_goal = goals.of(row["channel_name"])
        cpo = cpo_verdict(row["cost"], row["CPO"], cpo_goal, provisional=provisional)
        roas = roas_verdict(row["ROAS"], roas_goal, provisional=provisional)
        loss = [f"loses money{' so far' if provisional else ''}"] if row["profit"] < 0 else []
        words = "; ".join([*loss, *_in_words(cpo, cpo_goal, roas, roas_goal)])
        rows.append((cpo_goal, roas_goal, cpo, roas, words))
    names = ["goal_CPO", "goal_ROAS", "CPO_verdict", "ROAS_verdict", "verdict"]
    found = pd.DataFrame(rows, columns=names, index=channels.index)
    return channels.join(found.astype({"goal_CPO": "float64", "goal_ROAS": "float64"}))


def _missed(provisional: bool) -> Verdict:  # noqa: FBT001  # passed on
    return "not yet" if provisional else "misses"


def _in_words(cpo: Verdict, cpo_goal: float | None, roas: Verdict, roas_goal: float | None) -> list[str]:
    both = ((cpo, f"CPO goal of {written(cpo_goal, 'amount')}"), (roas, f"ROAS goal of {written(roas_goal, 'amount')}"))
    words = {"misses": "misses {}", "not yet": "{} not met yet"}
    missed = [words[verdict].format(goal) for verdict, goal in both if verdict in words]
    if missed:
        return missed
    return ["meets goals"] if "meets" in (cpo, roas) else []
