"""Packing against the fewest requests that could do and against first fit, on journeys of skewed lengths."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from attribution_assets.attribution.ihc_api.packing import fewest_requests, pack

LIMITS = [(200, 100), (3000, 100)]


def first_fit(sizes: Sequence[int], max_sessions: int, max_journeys: int) -> int:
    """How many requests there are if each journey goes, in its turn, to the first request that has room."""
    sessions, journeys = np.zeros(len(sizes), int), np.zeros(len(sizes), int)
    opened = 0
    for size in sizes:
        fits = np.flatnonzero((sessions[:opened] + size <= max_sessions) & (journeys[:opened] < max_journeys))
        request = int(fits[0]) if len(fits) else opened
        opened = max(opened, request + 1)
        sessions[request] += size
        journeys[request] += 1
    return opened


def request_counts(journeys: int) -> dict[str, Any]:
    """Requests by packing, bound and first fit, for lengths of several shapes and for two accounts' limits."""
    random = np.random.default_rng(7)
    shapes = {
        "1 to 60, falling": np.minimum(random.pareto(1.2, journeys).astype(int) + 1, 60),
        "1 to 200, heavy tail": np.minimum(random.pareto(0.7, journeys).astype(int) + 1, 200),
        "half 1, half 101": np.where(random.random(journeys) < 0.5, 1, 101),
        "51 to 100": random.integers(51, 101, journeys),
    }
    found = {}
    for shape, sizes in shapes.items():
        for limits in LIMITS:
            start = time.perf_counter()
            packed = len(pack(sizes.tolist(), *limits))
            seconds = round(time.perf_counter() - start, 3)
            bound, first = fewest_requests(sizes.tolist(), *limits), first_fit(sizes.tolist(), *limits)
            found[f"{shape}, {limits[0]} sessions and {limits[1]} journeys per request"] = {
                "packed": packed, "lower_bound": bound, "first_fit": first, "seconds": seconds
            }  # fmt: skip
    return found
