"""What a probe asks for, and that one request is enough to learn a type."""

import numpy as np
import pytest

from attribution_assets.ihc_service.model import compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys, Journeys
from attribution_assets.ihc_service.training.calibration import calibrate, cut_bounds
from attribution_assets.ihc_service.training.probe import probe
from attribution_assets.ihc_service.training.quality import quality
from attribution_assets_tests.support.answered_journeys import CHANNELS, answered_by, made_up_parameters


def meetings(journeys: Journeys) -> list[tuple[int, int]]:
    """The channels of each journey."""
    first, second = journeys.touchpoints.channel.reshape(-1, 2).T.tolist()
    return [*zip(first, second, strict=True)]


def test_a_request_of_100_journeys_compares_twelve_channels_with_the_most_frequent() -> None:
    journeys = Journeys(probe([f"C{number}" for number in range(13)]))
    assert (len(journeys.length), set(journeys.length.tolist())) == (100, {2})
    met = meetings(journeys)
    assert met.count((0, 0)) == 64
    assert [met.count((0, number)) for number in range(1, 13)] == [3] * 12


@pytest.mark.parametrize(("channels", "compared"), [(1, 0), (3, 6), (30, 29), (60, 36)])
def test_as_many_channels_are_compared_as_there_is_room_for(channels: int, compared: int) -> None:
    found = probe([f"C{number}" for number in range(channels)])
    met = meetings(Journeys(found))
    assert len(met) == 100
    assert len(met) - met.count((0, 0)) == compared
    assert max(max(pair) for pair in met) < len(found.channels)


def test_gaps_go_between_the_bounds_of_the_cut_where_they_are_known() -> None:
    within = Journeys(probe(["Only"], 90, (50.0, 60.0)))
    gaps = within.gap_hours[~within.is_first]
    assert ((gaps > 50) & (gaps < 60)).sum() >= 30
    assert (gaps.min(), gaps.max()) == (0.15, 330.0)
    assert np.isfinite(Journeys(probe(["Only"], 90, (50.0, np.inf))).gap_hours).all()


@pytest.mark.parametrize("number", range(6))
def test_a_type_is_learned_from_one_probe(number: int) -> None:
    truth = made_up_parameters(number)
    asked = probe(CHANNELS)
    answered = AnsweredJourneys(asked, compute_ihc(asked, truth))
    parameters = calibrate(answered).parameters
    others = answered_by(truth, 300)
    assert quality(compute_ihc(others.touchpoints, parameters)[:, 3], others).mean_error < 0.005
    again = probe(CHANNELS, cut_between=cut_bounds(answered))
    found = cut_bounds(AnsweredJourneys(again, compute_ihc(again, truth)))
    assert not np.isfinite(found[1]) or found[1] - found[0] < 0.1 * found[1]
