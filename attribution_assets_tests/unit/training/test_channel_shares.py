"""Shares of channels over time: what is within the limits, and whether the market or the model made a jump."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from attribution_assets.attribution.training.channel_shares import LEAST_DAYS, day_shares, with_limits
from attribution_assets.ihc_service.model import compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.trained_type import TrainedType
from attribution_assets_tests.support.answered_journeys import CHANNELS, answered_by, made_up_parameters
from attribution_assets_tests.support.trained_types import touchpoints, trained

TYPE, FAVOURED = trained("new", number=1), 4


def shares(days: int, changed_from: int = 99, learned: TrainedType = TYPE, *, market: bool = False) -> pd.DataFrame:
    """Shares over some days; from one of them on, another model answers, or half of the visits are of one channel."""
    found = []
    for day in range(days):
        later, random = day >= changed_from, np.random.default_rng(day)
        model = made_up_parameters(3 if later and not market else 1)
        visits = answered_by(model, 120, seed=day).touchpoints
        if later and market:
            visits.channel[random.random(len(visits.channel)) < 0.5] = FAVOURED
        answered = touchpoints(AnsweredJourneys(visits, compute_ihc(visits, model)))
        found.append(day_shares(str(dt.date(2024, 2, 1) + dt.timedelta(days=day)), [(learned, answered)]))
    return with_limits(pd.concat(found))


def moves(found: pd.DataFrame) -> dict[str, set[str]]:
    """Date -> what moved shares beyond their limits."""
    moved = found[found["moved_by"] != ""]
    return {date: set(rows["moved_by"]) for date, rows in moved.groupby("date")}


def test_shares_sum_to_one_and_have_limits_after_two_weeks() -> None:
    found = shares(LEAST_DAYS + 2)
    assert len(found) == (LEAST_DAYS + 2) * len(CHANNELS)
    assert found.groupby("date")[["answered", "expected"]].sum().to_numpy() == pytest.approx(1.0)
    assert found["lower"].notna().sum() == 2 * len(CHANNELS)
    known = found.dropna()
    assert ((known["lower"] < known["expected"]) & (known["expected"] < known["upper"])).all()
    assert moves(found) == {}


def test_a_jump_of_the_model_is_the_models_whichever_model_was_learned() -> None:
    changed = {"2024-02-17", "2024-02-18"}
    for number in (1, 3):
        found = shares(LEAST_DAYS + 4, LEAST_DAYS + 2, trained("new", number=number))
        moved = moves(found)
        assert moved.keys() == (changed if number == 1 else {*found["date"]} - changed)
        assert set.union(*moved.values()) == {"model"}


def test_a_jump_of_the_market_is_the_markets() -> None:
    found = shares(LEAST_DAYS + 3, LEAST_DAYS + 2, market=True)
    assert moves(found) == {"2024-02-17": {"market"}}
    up = found[(found["date"] == "2024-02-17") & (found["channel_name"] == CHANNELS[FAVOURED])]
    assert (up["expected"] > up["upper"]).all()


def test_a_channel_that_was_never_there_has_limits_that_a_single_order_may_keep() -> None:
    days = [f"2024-02-{day:02}" for day in range(1, LEAST_DAYS + 2)]
    usual = pd.DataFrame(
        {"date": days, "channel_name": "Search", "orders": 50, "answered": 1.0, "expected": 1.0, "tolerance": 0.1}
    )
    usual.loc[LEAST_DAYS, ["answered", "expected"]] = 0.99
    new = pd.DataFrame(
        {"date": days[-1:], "channel_name": "Fax", "orders": 50, "answered": 0.01, "expected": 0.01, "tolerance": 0.1}
    )
    assert moves(with_limits(pd.concat([usual, new]))) == {}
    many = new.assign(answered=0.5, expected=0.5)
    assert moves(with_limits(pd.concat([usual, many]))) == {days[-1]: {"market"}}


def test_without_answers_there_are_no_shares() -> None:
    found = with_limits(day_shares("2024-02-01", []))
    assert (len(found), list(found)[-3:]) == (0, ["lower", "upper", "moved_by"])
