"""How far predictions are off by the number of journeys learned from: recorded types, and made-up ones."""

import datetime as dt
import time
from typing import Any

import numpy as np

from attribution_assets.ihc_service.model import ModelParameters, compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys
from attribution_assets.ihc_service.training.calibration import calibrate
from attribution_assets.ihc_service.training.learning import learned
from attribution_assets.ihc_service.training.probe import probe
from attribution_assets.ihc_service.training.quality import quality
from attribution_assets_tests.support.answered_journeys import CHANNELS, answered_by, made_up_parameters, recorded
from attribution_assets_tests.support.places import SHARED_DATA

RECORDED = {"A": ("ihc_responses.csv", "journey"), "B": ("ihc_responses_type_b.csv", "conversion_id")}
LEARNED_FROM = (10, 20, 50, 100, 200)


def training_errors(draws: int) -> dict[str, Any]:
    """Mean and worst draw by type and number of journeys of several sessions, errors by a probe; time for 10,000."""
    types = {
        name: recorded(SHARED_DATA / file, journey)
        for name, (file, journey) in RECORDED.items()
        if (SHARED_DATA / file).exists()
    }
    types |= {f"made up {number}": answered_by(made_up_parameters(number), 300) for number in range(12)}
    many, start = answered_by(made_up_parameters(3), 10_000), (time.perf_counter(), time.process_time())
    learned("new", many, "the benchmark", dt.datetime.now(dt.UTC))
    return {
        "seconds_for_10000_answers": round(time.perf_counter() - start[0], 1),
        "cpu_seconds_for_10000_answers": round(time.process_time() - start[1], 1),
        "probe": {f"made up {number}": _by_probe(made_up_parameters(number)) for number in range(12)},
        "errors": {name: _by_number(answered, draws) for name, answered in types.items()},
    }


def _by_probe(truth: ModelParameters) -> float:
    """The mean error on 300 journeys of what one probe teaches."""
    asked, others = probe(CHANNELS), answered_by(truth, 300)
    parameters = calibrate(AnsweredJourneys(asked, compute_ihc(asked, truth))).parameters
    return round(quality(compute_ihc(others.touchpoints, parameters)[:, 3], others).mean_error, 5)


def _by_number(answered: AnsweredJourneys, draws: int) -> dict[int, dict[str, float]]:
    found = {}
    for number in LEARNED_FROM:
        errors = [_on_the_rest(answered, number, seed) for seed in range(draws)]
        found[number] = {"mean": round(float(np.mean(errors)), 5), "worst": round(max(errors), 5)}
    return found


def _on_the_rest(answered: AnsweredJourneys, number: int, seed: int) -> float:
    dealt = np.random.default_rng(seed).permutation(answered.several)
    parameters = calibrate(answered.some(np.sort(dealt[:number]))).parameters
    rest = answered.some(np.sort(dealt[number:]))
    return quality(compute_ihc(rest.touchpoints, parameters)[:, 3], rest).mean_error
