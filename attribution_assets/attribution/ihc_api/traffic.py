"""What went to the IHC API and came back, in numbers that can be added up over any number of steps and processes.

Each try of a request counts, also those of requests that failed in the end. What a try is, is in `connection.py`.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Self

NO_ANSWER: Final = "none"
"""Stands in place of a status where no whole answer came: no connection, one that broke, or a time limit."""

LATENCY_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the classes in which tries are counted by how long they took; histories hold counts by them."""


@dataclass(frozen=True)
class Traffic:
    """What went to the API and came back.

    Attributes:
        requests: tries by HTTP status, or `NO_ANSWER`.
        retries: those of them that were not the first try of their request.
        seconds: how long all tries took together, each up to the last byte of its answer or to its error.
        by_latency: tries by how long they took, one number for each of `LATENCY_SECONDS` and one for longer ones.
        answered: journeys that answers of the API settled.
        reused: journeys that the ledger answered.
    """

    requests: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0
    seconds: float = 0.0
    by_latency: Sequence[int] = (0,) * (len(LATENCY_SECONDS) + 1)
    answered: int = 0
    reused: int = 0

    def __add__(self, other: Self) -> "Traffic":
        """Both together."""
        return Traffic(
            dict(Counter(self.requests) + Counter(other.requests)),
            self.retries + other.retries,
            self.seconds + other.seconds,
            [one + more for one, more in zip(self.by_latency, other.by_latency, strict=True)],
            self.answered + other.answered,
            self.reused + other.reused,
        )

    @property
    def tries(self) -> int:
        """All tries."""
        return sum(self.requests.values())

    @property
    def failed(self) -> int:
        """Tries that were not answered with a status of 2xx."""
        return sum(tries for status, tries in self.requests.items() if not status.startswith("2"))

    @property
    def mean_seconds(self) -> float | None:
        """How long a try took on average; None if there was none."""
        return self.seconds / self.tries if self.tries else None

    @property
    def reused_share(self) -> float | None:
        """Which share of the journeys the ledger answered; None if there were none."""
        journeys = self.answered + self.reused
        return self.reused / journeys if journeys else None


class TrafficCount:
    """Counts traffic as it happens, for any number of threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._traffic = Traffic()

    @property
    def so_far(self) -> Traffic:
        """What has been counted so far."""
        return self._traffic

    def tried(self, status: str, seconds: float) -> None:
        """Count a try that ended with this status, or with `NO_ANSWER`, after so many seconds."""
        by_latency = [0] * (len(LATENCY_SECONDS) + 1)
        by_latency[bisect_left(LATENCY_SECONDS, seconds)] = 1
        self._add(Traffic({status: 1}, seconds=seconds, by_latency=by_latency))

    def tries_again(self) -> None:
        """Count that the next try of a request is not its first."""
        self._add(Traffic(retries=1))

    def answered(self, journeys: int) -> None:
        """Count journeys that an answer of the API settled."""
        self._add(Traffic(answered=journeys))

    def reused(self, journeys: int) -> None:
        """Count journeys that the ledger answered."""
        self._add(Traffic(reused=journeys))

    def _add(self, traffic: Traffic) -> None:
        with self._lock:
            self._traffic += traffic
