"""Trained conversion types with made-up parameters."""

import datetime as dt

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
