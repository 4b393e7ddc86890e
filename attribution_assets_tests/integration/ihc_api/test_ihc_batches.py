"""That batches are attributed one after another as far as anybody can see, without a pause for the API in between."""

import itertools
import os
import signal
import time
from collections.abc import Iterator
from threading import Event, Thread

import pandas as pd
import pytest

from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.errors import IhcRequestError
from attribution_assets.attribution.ledger import claims as ledger_claims
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets_tests.support.databases import rows_of
from attribution_assets_tests.support.ihc_endpoint import Answer, IhcEndpoint, Reply, stalls
from attribution_assets_tests.support.ihc_journeys import journeys_of, quick_api

BATCHES = [{f"{number}-{order}": 2 for order in "abc"} for number in range(4)]
ONE_BY_ONE = {"max_journeys_per_request": 1, "max_concurrent_requests": 1}


def frames(batches: list[dict[str, int]] = BATCHES) -> Iterator[pd.DataFrame]:
    return map(journeys_of, batches)


def asked(endpoint: IhcEndpoint) -> list[str]:
    return [order for request in endpoint.received for order in request.journeys]


def kept(url: str) -> list[str]:
    return sorted(str(row[1]) for row in rows_of(url, "ihc_answer"))


def test_batches_come_in_their_order_with_what_each_of_them_alone_would_get(sqlite_url: str) -> None:
    with IhcEndpoint() as endpoint, IhcClient(quick_api(endpoint), Ledger(sqlite_url)) as client:
        in_turn = [attribution.touchpoints for attribution in client.attribute_each(frames())]
        alone = [client.attribute(frame).touchpoints for frame in frames()]
        assert (client.requests, client.reused) == (4, 12)
    for one, other in zip(in_turn, alone, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_the_next_batch_is_asked_for_while_the_caller_has_the_last_one(sqlite_url: str) -> None:
    with IhcEndpoint() as endpoint, IhcClient(quick_api(endpoint, **ONE_BY_ONE), Ledger(sqlite_url)) as client:
        attributions = client.attribute_each(frames())
        next(attributions)
        deadline = time.monotonic() + 20
        while len(kept(sqlite_url)) < len([*BATCHES[0], *BATCHES[1]]):
            assert time.monotonic() < deadline, asked(endpoint)
            time.sleep(0.05)
        time.sleep(0.2)
        assert sorted(asked(endpoint)) == sorted([*BATCHES[0], *BATCHES[1]])
        attributions.close()
    assert kept(sqlite_url) == sorted([*BATCHES[0], *BATCHES[1]])


def test_no_more_requests_are_under_way_than_allowed_whatever_number_of_batches_is(sqlite_url: str) -> None:
    settings = {"max_journeys_per_request": 1, "max_concurrent_requests": 2}
    with IhcEndpoint(latency_seconds=0.1) as endpoint:
        with IhcClient(quick_api(endpoint, **settings), Ledger(sqlite_url)) as client:
            assert sum(attribution.requests for attribution in client.attribute_each(frames())) == 12
        assert endpoint.most_under_way == 2


def test_an_error_comes_when_it_is_the_batchs_turn_and_ends_what_comes_after_it(sqlite_url: str) -> None:
    def refuse_second_batch(answer: Answer) -> Reply:
        refused = answer["value"][0]["conversion_id"] in BATCHES[1]
        return Reply({"message": "no"}, 400) if refused else Reply(answer)

    with IhcEndpoint(itertools.repeat(refuse_second_batch)) as endpoint:
        with IhcClient(quick_api(endpoint, **ONE_BY_ONE), Ledger(sqlite_url)) as client:
            attributions = client.attribute_each(frames())
            assert len(next(attributions).touchpoints) == 6
            with pytest.raises(IhcRequestError):
                next(attributions)
        assert not {*asked(endpoint)} & {*BATCHES[3]}
    assert {*BATCHES[0]} <= {*kept(sqlite_url)} <= {*BATCHES[0], *BATCHES[2]}


def test_an_order_in_two_batches_at_once_is_paid_for_once(database_url: str) -> None:
    same = [{"a": 2, "b": 2}, {"b": 2, "a": 2, "c": 2}]
    with IhcEndpoint(latency_seconds=0.05) as endpoint:
        with IhcClient(quick_api(endpoint, **ONE_BY_ONE), Ledger(database_url)) as client:
            assert [len(attribution.touchpoints) for attribution in client.attribute_each(frames(same))] == [4, 6]
        assert sorted(asked(endpoint)) == ["a", "b", "c"]
    assert rows_of(database_url, "ihc_claim") == rows_of(database_url, "ihc_claimant") == []


def test_a_caller_that_leaves_waits_only_for_what_is_under_way(sqlite_url: str) -> None:
    hung = Event()

    def hang(answer: Answer) -> Reply:
        hung.wait(1)
        return Reply(answer)

    with IhcEndpoint(itertools.repeat(hang)) as endpoint:
        with IhcClient(quick_api(endpoint, **ONE_BY_ONE), Ledger(sqlite_url)) as client:
            attributions = client.attribute_each(frames())
            Thread(target=lambda: (time.sleep(0.2), hung.set())).start()
            next(attributions)
            attributions.close()
        asked_by_then = len(endpoint.received)
        time.sleep(0.3)
        assert len(endpoint.received) == asked_by_then < 12
    assert len(kept(sqlite_url)) == asked_by_then


def test_a_budget_is_spent_batch_by_batch(sqlite_url: str) -> None:
    with IhcEndpoint() as endpoint:
        api = quick_api(endpoint, **ONE_BY_ONE, max_requests_per_run=6)
        with IhcClient(api, Ledger(sqlite_url)) as client:
            attributions = client.attribute_each(frames())
            assert [len(attribution.touchpoints) for attribution in itertools.islice(attributions, 2)] == [6, 6]
    assert kept(sqlite_url) == sorted([*BATCHES[0], *BATCHES[1]])


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """An interrupt is a KeyboardInterrupt, also where the tests run in the background, as which a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_ends_the_batch_that_is_waited_for(sqlite_url: str) -> None:
    many = [{f"{number}-{order}": 1 for order in range(60)} for number in range(3)]

    def interrupt(answer: Answer) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        return Reply(answer)

    with IhcEndpoint([*[None] * 5, interrupt], latency_seconds=0.1) as endpoint:
        with (
            IhcClient(quick_api(endpoint, **ONE_BY_ONE), Ledger(sqlite_url)) as client,
            pytest.raises(KeyboardInterrupt),
        ):
            list(client.attribute_each(frames(many)))
        assert len(endpoint.received) < 20
    assert len(kept(sqlite_url)) == len(endpoint.received)


def test_journeys_whose_claims_have_lapsed_are_claimed_anew(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_claims, "LEASE_SECONDS", 5.5)  # half a second longer than the time between renewals
    with (
        IhcEndpoint([stalls(1)]) as endpoint,
        IhcClient(quick_api(endpoint, **ONE_BY_ONE), Ledger(sqlite_url)) as client,
    ):
        [attribution] = client.attribute_each(frames(BATCHES[:1]))
    assert set(attribution.touchpoints["outcome"]) == {"attributed"}
    assert sorted(asked(endpoint)) == sorted(BATCHES[0])
