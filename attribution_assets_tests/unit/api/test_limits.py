"""Bounds of requests: how many calls a key may make, and how those are slowed who try keys."""

import asyncio

import pytest

from attribution_assets.api.limits import MOST_WAITING, FailedTries, RateLimit
from attribution_assets.api.problems import Problem


def test_a_key_that_calls_too_often_is_told_when_to_call_again_and_others_are_not() -> None:
    limit = RateLimit(at_once=2, per_second=0.01)
    limit.take("a")
    limit.take("a")
    with pytest.raises(Problem) as refused:
        limit.take("a")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "100"})
    limit.take("b")


def test_a_bucket_fills_again() -> None:
    limit = RateLimit(at_once=1, per_second=1e9)
    for _ in range(100):
        limit.take("a")


def test_each_failed_try_of_an_address_waits_twice_as_long_as_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", noted)

    async def try_keys() -> None:
        tries = FailedTries()
        for _ in range(9):
            await tries.slow("192.0.2.1")
        await tries.slow("192.0.2.2")

    asyncio.run(try_keys())
    assert waits == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.0, 2.0, 0.02]


def test_more_failed_tries_at_once_than_may_wait_are_refused() -> None:
    async def try_keys() -> list[object]:
        tries = FailedTries()
        calls = (tries.slow(f"192.0.2.{number}") for number in range(MOST_WAITING + 3))
        return await asyncio.gather(*calls, return_exceptions=True)

    refused = [each for each in asyncio.run(try_keys()) if isinstance(each, Problem)]
    assert [problem.status for problem in refused] == [429] * 3
