"""Waiting for what other processes and threads do, for as long as it takes them."""

import time
from collections.abc import Callable, Collection, Iterator

MOST_SECONDS = 60


def wait_until(fact: Callable[[], bool], seconds: float, what_is: Callable[[], object]) -> None:
    """Look until something is a fact.

    Raises:
        AssertionError: It is none after so many seconds; says what is instead.
    """
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, what_is()
        time.sleep(0.2)


def looks(seen: Collection[object]) -> Iterator[None]:
    """Turns at looking at what others replace: 25 and two seconds at least, and on until two states have been seen."""
    start, number = time.monotonic(), 0
    while number < 25 or (seconds := time.monotonic() - start) < 2 or (len(seen) < 2 and seconds < MOST_SECONDS):
        number += 1
        yield
