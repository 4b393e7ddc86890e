"""What is said of a day whose answers are not what was learned; each reason by itself."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from attribution_assets.attribution.training.drift import drift_problems
from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.learning import learned
from attribution_assets.ihc_service.training.trained_type import TrainedType
from attribution_assets_tests.support.answered_journeys import answered_by, made_up_parameters


@pytest.fixture(scope="module")
def trained() -> TrainedType:
    answered = answered_by(made_up_parameters(1), 200)
    return learned("new", answered, "a test", dt.datetime(2024, 2, 28, tzinfo=dt.UTC)).trained


def touchpoints(answered: AnsweredJourneys) -> pd.DataFrame:
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


@pytest.mark.parametrize("journeys", [1, 5, 40])
def test_answers_of_the_same_model_are_as_learned(trained: TrainedType, journeys: int) -> None:
    for seed in range(2, 8):
        assert drift_problems(touchpoints(answered_by(made_up_parameters(1), journeys, seed=seed)), trained) == []


def test_a_changed_model_is_named_with_its_error_and_its_cut(trained: TrainedType) -> None:
    model, cut = drift_problems(touchpoints(answered_by(made_up_parameters(3), 40, seed=2)), trained)
    assert model.startswith("the model has changed: the API's answers differ from what was learned by 0.")
    assert "Train 'new' again" in model
    assert "restarted no journey" in cut


def test_a_new_channel_is_named(trained: TrainedType) -> None:
    day = touchpoints(answered_by(made_up_parameters(1), 5, sizes=[1], seed=2)).assign(channel_name="Fax")
    assert drift_problems(day, trained) == ["channel 'Fax' was not there in training: its weights are taken as 1"]


def test_flags_that_are_set_no_more_are_named(trained: TrainedType) -> None:
    day = touchpoints(answered_by(made_up_parameters(1), 60, sizes=[1], seed=2)).assign(holder_engagement=0)
    (flag,) = drift_problems(day, trained)
    assert flag.startswith("holder_engagement is 1 in 0% of the touchpoints, in training in ")
