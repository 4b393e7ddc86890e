"""Answered journeys to train from: recorded ones, and made ones that made-up parameters of the model answer."""

import csv
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np

from attribution_assets.ihc_service.model import ModelParameters, Touchpoints, compute_ihc
from attribution_assets.ihc_service.training.answers import AnsweredJourneys

CHANNELS = tuple(f"Channel {number}" for number in range(10))
CUTS = (24.0, 48.0, 72.0, 120.0, 168.0, float("inf"))


def recorded(file: Path, journey: str) -> AnsweredJourneys:
    """The recorded journeys of a file; `journey` is the column that tells them apart."""
    with file.open(encoding="utf-8", newline="") as text:
        journeys = [list(rows) for _, rows in groupby(csv.DictReader(text), key=lambda row: row[journey])]
    rows = [row for rows in journeys for row in rows]
    labels = sorted({row["channel_label"] for row in rows})
    times = [datetime.fromisoformat(row["timestamp"] + "+00:00").timestamp() for row in rows]
    touchpoints = Touchpoints(
        journey_start=np.cumsum([0, *map(len, journeys)])[:-1].astype(np.int64),
        seconds=np.array(times, dtype=np.int64),
        channel=np.array([labels.index(row["channel_label"]) for row in rows], dtype=np.int64),
        channels=labels,
        holder_engagement=np.array([row["holder_engagement"] == "1" for row in rows]),
        closer_engagement=np.array([row["closer_engagement"] == "1" for row in rows]),
    )
    credit = [[float(row[name]) for name in ("initializer", "holder", "closer", "ihc")] for row in rows]
    return AnsweredJourneys(touchpoints, np.array(credit))


def made_up_parameters(number: int) -> ModelParameters:
    """A made-up conversion type: a cut of `CUTS`, other shapes of curve, channel weights off by a quarter."""
    random = np.random.default_rng(number)
    cut = CUTS[number % len(CUTS)]
    end = min(cut, 300.0)
    ages = np.sort(np.round(random.lognormal(np.log(end / 8), 1.6, 2000), 1))
    ages = ages[ages < end]
    hours, bend, power = np.linspace(0, end, 200), random.uniform(0, 0.4), random.uniform(0.7, 1.6)
    rising = (1 + bend) * (hours / end) ** power - bend * np.searchsorted(ages, hours) / len(ages)
    rising = np.maximum.accumulate(np.clip(rising, 0, 1))
    rising[-1] = 1.0
    initializer, holder, closer = random.dirichlet([12, 12, 12]).tolist()
    weights = np.exp(random.normal(0, 0.25, (len(CHANNELS), 3))).tolist()
    return ModelParameters(
        initializer_curve=(hours, rising),
        closer_curve=(np.maximum.accumulate(np.quantile(ages, np.linspace(0.05, 0.85, 81))), np.linspace(1, 0, 81)),
        restart_gap_hours=cut,
        phase_weights=(initializer, holder, closer),
        channel_weights={name: (w[0], w[1], w[2]) for name, w in zip(CHANNELS, weights, strict=True)},
    )


def answered_by(
    parameters: ModelParameters,
    journeys: int,
    sizes: Sequence[int] = (2, 2, 2, 3, 3, 4, 5, 7, 10),
    seed: int = 1,
    channels: int = len(CHANNELS),
) -> AnsweredJourneys:
    """Made journeys over the first of the channels with gaps of minutes to days, as these parameters answer them."""
    random = np.random.default_rng(seed)
    lengths = random.choice(sizes, journeys)
    total = int(lengths.sum())
    gaps = np.where(random.random(total) < 0.3, random.exponential(0.3, total), random.exponential(35, total))
    touchpoints = Touchpoints(
        journey_start=(np.cumsum(lengths) - lengths).astype(np.int64),
        seconds=(np.cumsum(gaps) * 3600).astype(np.int64),
        channel=random.integers(0, channels, total),
        channels=CHANNELS,
        holder_engagement=random.random(total) < 0.6,
        closer_engagement=random.random(total) < 0.6,
    )
    return AnsweredJourneys(touchpoints, compute_ihc(touchpoints, parameters))
