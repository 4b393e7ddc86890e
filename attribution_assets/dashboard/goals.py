"""Verdicts: whether each channel meets the CPO and ROAS goals that the reader has set.

The goals themselves are read in `choices.py`; how verdicts differ between two models is in `model_moves.py`.
"""

from typing import Literal

import pandas as pd

from attribution_assets.dashboard.choices import Goals
from attribution_assets.dashboard.tables import written

Verdict = Literal["misses", "meets", ""]


def cpo_verdict(cost: float, cpo: float, goal: float | None) -> Verdict:
    """The verdict on a CPO: met if it is at most `goal`. Cost without any order misses the goal.

    Args:
        cost: Cost of the channel; without cost there is no verdict.
        cpo: Cost per order; NaN without orders.
        goal: Highest CPO; None gives no verdict.
    """
    if goal is None or cost == 0:
        return ""
    return "meets" if cpo <= goal else "misses"


def roas_verdict(roas: float, goal: float | None) -> Verdict:
    """The verdict on a ROAS: met if it is at least `goal`. No verdict without a goal, or without cost (ROAS is NaN)."""
    if goal is None or pd.isna(roas):
        return ""
    return "meets" if roas >= goal else "misses"


def with_verdicts(channels: pd.DataFrame, goals: Goals) -> pd.DataFrame:
    """Add to each channel its goals and verdicts.

    Args:
        channels: channel_name, cost, CPO, ROAS; a row per channel.
        goals: Goals of all channels and of single ones.

    Returns:
        The same rows with goal_CPO, goal_ROAS, CPO_verdict, ROAS_verdict and, in words, `goals`.
    """
    rows = []
    for row in channels.to_dict("records"):
        cpo_goal, roas_goal = goals.of(row["channel_name"])
        cpo, roas = cpo_verdict(row["cost"], row["CPO"], cpo_goal), roas_verdict(row["ROAS"], roas_goal)
        rows.append((cpo_goal, roas_goal, cpo, roas, _in_words(cpo, cpo_goal, roas, roas_goal)))
    names = ["goal_CPO", "goal_ROAS", "CPO_verdict", "ROAS_verdict", "goals"]
    return channels.join(pd.DataFrame(rows, columns=names, index=channels.index))


def _in_words(cpo: Verdict, cpo_goal: float | None, roas: Verdict, roas_goal: float | None) -> str:
    missed = [f"CPO goal of {written(cpo_goal, 'amount')}"] if cpo == "misses" else []
    missed += [f"ROAS goal of {written(roas_goal, 'amount')}"] if roas == "misses" else []
    if missed:
        return f"misses {' and '.join(missed)}"
    return "meets goals" if "meets" in (cpo, roas) else ""
