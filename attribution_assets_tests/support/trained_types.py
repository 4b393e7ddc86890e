"""Trained conversion types with made-up parameters, and answered journeys as frames."""

import datetime as dt

import numpy as np
import pandas as pd

from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.trained_type import Cut, Method, Quality, TrainedType, Training
from attribution_assets_tests.support.answered_journeys import made_up_parameters

AT = dt.datetime(2024, 2, 28, 10, tzinfo=dt.UTC)


def trained(name: str = "new", number: int = 5) -> TrainedType:
    """A type with the made-up parameters of this number."""
    parameters = made_up_parameters(number)
    cut = Cut(parameters.restart_gap_hours, 70.5, float("inf"))
    how = Training(
        Method.ANSWERS, AT, 'the "ledger"', 120, 50, cut, Quality(0.0005, 0.01, 150), ("Fax", "Télé\x7f"), 0.6, 0.25
    )
    return TrainedType(name, parameters, how)


def touchpoints(answered: AnsweredJourneys) -> pd.DataFrame:
    """Answered journeys as a frame, as `stored_answers.answered_touchpoints` gives it."""
    of = answered.touchpoints
    return pd.DataFrame(
        {
            "conv_id": answered.index.astype(str),
            "session_id": np.arange(len(answered.index)).astype(str),
            "session_time": of.seconds.astype("datetime64[s]"),
            "channel_name": [of.channels[number] for number in of.channel],
            "holder_engagement": of.holder_engagement.astype("int64"),
            "closer_engagement": of.closer_engagement.astype("int64"),
            **dict(zip(("initializer", "holder", "closer", "ihc"), answered.credit.T, strict=True)),
        }
    )
