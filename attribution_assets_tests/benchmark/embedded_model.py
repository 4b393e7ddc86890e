"""The embedded model's touchpoints per second, and what its service adds to it."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import requests

from attribution_assets.ihc_service.model import Touchpoints, compute_ihc, recorded_parameters
from attribution_assets.ihc_service.server import embedded_ihc_service

SESSIONS_PER_REQUEST = 200
CHANNELS = [f"Channel {number}" for number in range(12)]


def embedded_model(journeys: int, runs: int) -> dict[str, Any]:
    """The model over all journeys at once, and the service over requests of 200 sessions, one after another.

    Args:
        journeys: how many, of 1 to 60 touchpoints.
        runs: how often.
    """
    random = np.random.default_rng(7)
    sizes = np.minimum(random.pareto(1.2, journeys).astype(int) + 1, 60)
    touchpoints = _touchpoints(sizes, random)
    seconds = _median(lambda: compute_ihc(touchpoints, recorded_parameters()), runs)
    of_request = np.full(20, SESSIONS_PER_REQUEST // 20)
    small = _touchpoints(of_request, random)
    model = _median(lambda: compute_ihc(small, recorded_parameters()), 100 * runs)
    body = {"customer_journeys": _rows(small, of_request)}
    with embedded_ihc_service() as url, requests.Session() as session:
        answered = _median(
            lambda: session.post(url, params={"conv_type_id": "default"}, json=body).raise_for_status(), 100 * runs
        )
    return {
        "touchpoints": int(sizes.sum()),
        "million_touchpoints_per_second": round(sizes.sum() / seconds / 1e6, 2),
        "service_ms_per_request_of_200_sessions": round(answered * 1e3, 2),
        "of_which_model_ms": round(model * 1e3, 2),
    }


def _touchpoints(sizes: np.ndarray[Any, Any], random: np.random.Generator) -> Touchpoints:
    total = int(sizes.sum())
    start = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    hours = random.exponential(20, total).cumsum()
    return Touchpoints(
        journey_start=start,
        seconds=(hours * 3600).astype(np.int64),
        channel=random.integers(0, len(CHANNELS), total),
        channels=CHANNELS,
        holder_engagement=random.random(total) < 0.5,
        closer_engagement=random.random(total) < 0.5,
    )


def _rows(touchpoints: Touchpoints, sizes: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    last = set((np.cumsum(sizes) - 1).tolist())
    journey = np.repeat(np.arange(len(sizes)), sizes)
    times = np.datetime64("2024-01-01", "s") + touchpoints.seconds.astype("timedelta64[s]")
    return [
        {
            "conversion_id": f"order {journey[row]}",
            "session_id": f"session {row}",
            "timestamp": str(times[row]).replace("T", " "),
            "channel_label": CHANNELS[touchpoints.channel[row]],
            "holder_engagement": int(touchpoints.holder_engagement[row]),
            "closer_engagement": int(touchpoints.closer_engagement[row]),
            "conversion": int(row in last),
            "impression_interaction": 0,
        }
        for row in range(len(times))
    ]


def _median(work: Callable[[], object], runs: int) -> float:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
