"""What is said of a day whose answers are not what was learned; each reason by itself."""

import datetime as dt

import pytest

from attribution_assets.attribution.training.drift import drift
from attribution_assets.ihc_service.training.learning import learned
from attribution_assets.ihc_service.training.quality import near_the_cut
from attribution_assets.ihc_service.training.trained_type import TrainedType
from attribution_assets_tests.support.answered_journeys import answered_by, made_up_parameters
from attribution_assets_tests.support.trained_types import touchpoints


@pytest.fixture(scope="module")
def trained() -> TrainedType:
    answered = answered_by(made_up_parameters(1), 200)
    return learned("new", answered, "a test", dt.datetime(2024, 2, 28, tzinfo=dt.UTC)).trained


@pytest.mark.parametrize("journeys", [1, 5, 40])
def test_answers_of_the_same_model_are_as_learned(trained: TrainedType, journeys: int) -> None:
    for seed in range(2, 8):
        found = drift(touchpoints(answered_by(made_up_parameters(1), journeys, seed=seed)), trained)
        assert (found.changed in (False, None), [*found.cut], [*found.others]) == (True, [], [])
        assert found.errors.mean_error < 0.005


def test_a_changed_model_is_found_with_its_cut(trained: TrainedType) -> None:
    found = drift(touchpoints(answered_by(made_up_parameters(3), 40, seed=2)), trained)
    assert found.changed
    assert found.errors.mean_error > 0.01
    (cut,) = found.cut
    assert "restarted no journey" in cut


def test_journeys_near_the_cut_are_counted_apart_and_change_nothing(trained: TrainedType) -> None:
    """All that is answered otherwise here are journeys with a gap between the bounds of the cut."""
    answered = answered_by(made_up_parameters(1), 400, seed=2)
    near = near_the_cut(answered, trained.training.cut)
    answered.credit[near[answered.index]] = 0.0
    found = drift(touchpoints(answered), trained)
    rows = answered.length[answered.index] > 1
    assert found.near_the_cut.touchpoints == (near[answered.index] & rows).sum() > 0
    assert found.errors.touchpoints == (~near[answered.index] & rows).sum()
    assert found.near_the_cut.mean_error > 0.1
    assert (found.changed, found.errors.worst_error < 0.05) == (False, True)


def test_a_new_channel_is_named(trained: TrainedType) -> None:
    day = touchpoints(answered_by(made_up_parameters(1), 5, sizes=[1], seed=2)).assign(channel_name="Fax")
    assert drift(day, trained).others == ["channel 'Fax' was not there in training: its weights are taken as 1"]


def test_flags_that_are_set_no_more_are_named(trained: TrainedType) -> None:
    day = touchpoints(answered_by(made_up_parameters(1), 60, sizes=[1], seed=2)).assign(holder_engagement=0)
    (flag,) = drift(day, trained).others
    assert flag.startswith("holder_engagement is 1 in 0% of the touchpoints, in training in ")
