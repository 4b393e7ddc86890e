"""What is learned from answers predicts others: of recorded conversion types, and of made-up ones."""

import numpy as np
import pytest

from attribution_assets.ihc_service.model import compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.calibration import TooFewAnswersError, calibrate, cut_bounds
from attribution_assets.ihc_service.training.quality import cross_validated, near_the_cut, quality
from attribution_assets_tests.support.answered_journeys import answered_by, made_up_parameters, recorded
from attribution_assets_tests.support.places import SHARED_DATA

TYPES = {"a": ("ihc_responses.csv", "journey"), "b": ("ihc_responses_type_b.csv", "conversion_id")}
needs_recorded_answers = pytest.mark.skipif(
    not (SHARED_DATA / "ihc_responses_type_b.csv").exists(), reason="the recorded answers are not here"
)


def error_on_the_rest(answered: AnsweredJourneys, learned_from: int, seed: int) -> float:
    """The mean error on the journeys of several sessions beyond some that are learned from."""
    dealt = np.random.default_rng(seed).permutation(answered.several)
    parameters = calibrate(answered.some(np.sort(dealt[:learned_from]))).parameters
    rest = answered.some(np.sort(dealt[learned_from:]))
    return quality(compute_ihc(rest.touchpoints, parameters)[:, 3], rest).mean_error


@needs_recorded_answers
@pytest.mark.parametrize(
    ("name", "learned_from", "mean", "worst"),
    [
        ("a", 20, 0.0015, 0.0045),
        ("a", 50, 0.001, 0.003),
        ("a", 100, 0.0006, 0.003),
        ("b", 20, 0.001, 0.0018),
        ("b", 50, 0.0006, 0.002),
        ("b", 100, 0.0003, 0.0006),
    ],
)
def test_recorded_types_are_learned_from_few_answers(name: str, learned_from: int, mean: float, worst: float) -> None:
    file, journey = TYPES[name]
    answered = recorded(SHARED_DATA / file, journey)
    errors = [error_on_the_rest(answered, learned_from, seed) for seed in range(6)]
    assert (np.mean(errors) < mean, max(errors) < worst) == (True, True), errors


@pytest.mark.parametrize("number", range(6))
def test_made_up_types_are_learned_from_100_answers(number: int) -> None:
    answered = answered_by(made_up_parameters(number), 300)
    assert error_on_the_rest(answered, 100, seed=1) < 0.001


def test_phase_weights_and_cut_are_found() -> None:
    truth = made_up_parameters(1)
    answered = answered_by(truth, 200)
    found = calibrate(answered)
    assert found.parameters.phase_weights == pytest.approx(truth.phase_weights, abs=1e-3)
    assert found.cut.below <= 48 <= found.cut.above
    assert found.cut.hours == pytest.approx(48, abs=1)
    assert (found.cut.below, found.cut.above) == cut_bounds(answered)


def test_without_a_restart_no_gap_that_was_seen_is_above_the_cut() -> None:
    found = calibrate(answered_by(made_up_parameters(5), 60))
    assert found.cut.above == np.inf
    assert found.cut.hours > 290 > found.cut.below


def test_a_cut_that_no_answer_shows_is_where_the_curve_comes_to_1_if_that_is_near() -> None:
    truth = made_up_parameters(4)
    answered = answered_by(truth, 100)
    longest = np.maximum.reduceat(answered.gap_hours, answered.touchpoints.journey_start)
    for below, found in ((150, True), (60, False)):
        cut = calibrate(answered.some(np.flatnonzero(longest < below))).cut
        assert (cut.above, np.isfinite(cut.hours)) == (np.inf, found)
        assert not found or cut.hours == pytest.approx(truth.restart_gap_hours, rel=0.1)


def test_journeys_of_one_session_teach_nothing_and_too_few_others_are_refused_with_how_many_more() -> None:
    answered = answered_by(made_up_parameters(0), 200, sizes=[1])
    with pytest.raises(TooFewAnswersError, match="10 more are needed"):
        calibrate(answered)


def test_a_channel_that_meets_no_other_is_named_and_has_no_weight() -> None:
    answered = answered_by(made_up_parameters(2), 60)
    channels = answered.touchpoints.channel.copy()
    channels[: answered.length[0]] = len(answered.touchpoints.channels)
    channels[answered.touchpoints.journey_start[0]] = len(answered.touchpoints.channels)
    lonely = AnsweredJourneys(
        type(answered.touchpoints)(
            **{**vars(answered.touchpoints), "channel": channels, "channels": [*answered.touchpoints.channels, "Alone"]}
        ),
        answered.credit,
    )
    found = calibrate(lonely)
    assert found.without_evidence == ("Alone",)
    assert "Alone" not in found.parameters.channel_weights


def test_answers_that_are_not_whole_are_left_out() -> None:
    answered = answered_by(made_up_parameters(2), 20)
    answered.credit[0] = 0.0
    answered.credit[answered.touchpoints.journey_start[3], 1] += 0.2
    assert len(answered.whole().length) == 18


def test_what_is_held_out_is_not_learned_from() -> None:
    answered = answered_by(made_up_parameters(3), 100)
    predicted, held_out = cross_validated(answered, lambda some: calibrate(some).parameters)
    assert len(held_out.length) == 100
    assert 0 < quality(predicted[:, 3], held_out).mean_error < 0.002
    seen: list[int] = []
    cross_validated(answered, lambda some: (seen.append(len(some.length)), calibrate(some).parameters)[1])
    assert seen == [80] * 5


def test_journeys_with_a_gap_between_the_bounds_are_near_the_cut() -> None:
    answered = answered_by(made_up_parameters(1), 60)
    cut = calibrate(answered).cut
    other = answered_by(made_up_parameters(1), 400, seed=2)
    near = near_the_cut(other, cut)
    within = (other.gap_hours > cut.below) & (other.gap_hours < cut.above) & ~other.is_first
    assert near.sum() == len(set(other.index[within].tolist())) > 0
