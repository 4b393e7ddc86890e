"""That the client of the IHC API pays for nothing twice, keeps to its budget, and says before what it will need."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest

from attribution_assets.attribution.ihc_api import client as ihc_api
from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import Attribution, IhcClient
from attribution_assets.attribution.ihc_api.errors import (
    IhcAnswerError,
    IhcAuthenticationError,
    IhcBudgetError,
    IhcTransientError,
)
from attribution_assets.attribution.ihc_api.sender import StandIn
from attribution_assets.attribution.ledger.ledger import Ledger, Selection
from attribution_assets.attribution.ledger.tables import LedgerError
from attribution_assets.attribution.progress import RequestPlan
from attribution_assets_tests.support.databases import execute, rows_of
from attribution_assets_tests.support.ihc_endpoint import KEY, Answer, IhcEndpoint, Reply, credit, lost_journey, status
from attribution_assets_tests.support.ihc_journeys import credited, journeys_of, quick_api, settled


def attribute(
    url: str,
    endpoint: IhcEndpoint,
    sizes: dict[str, int],
    **settings: Any,  # noqa: ANN401 - the settings are of many types
) -> Attribution:
    """Attribute `journeys_of` with the ledger of a database."""
    with IhcClient(quick_api(endpoint, **settings), Ledger(url)) as client:
        return client.attribute(journeys_of(sizes))


def asked(endpoint: IhcEndpoint) -> list[list[str]]:
    """The journeys of each request."""
    return [sorted(request.journeys) for request in endpoint.received]


def kept(url: str) -> set[str]:
    """The orders of which the ledger has an answer."""
    return {str(row[1]) for row in rows_of(url, "ihc_answer")}


ONE_BY_ONE = {"max_journeys_per_request": 1, "max_concurrent_requests": 1}


def test_journeys_that_have_not_changed_are_not_asked_for_again(database_url: str) -> None:
    journeys = {"a": 3, "b": 1, "c": 2}
    with IhcEndpoint(refused={"b"}, excluded={"a-2"}) as endpoint:
        first = attribute(database_url, endpoint, journeys)
        again = attribute(database_url, endpoint, journeys)
    pd.testing.assert_frame_equal(again.touchpoints, first.touchpoints)
    assert (first.requests, first.reused) == (1, 0)
    assert (again.requests, again.retries, again.reused) == (0, 0, 3)
    assert first.asked == dict.fromkeys("abc", 1 / 3)
    assert again.asked == {}
    assert len(endpoint.received) == 1


@pytest.mark.parametrize(
    "changed", [{"conv_type_id": "other"}, {"redistribution_parameter": {"holder": {"receive_threshold": 0.5}}}]
)
def test_other_terms_are_asked_for_anew_and_the_old_answers_stay(database_url: str, changed: dict[str, Any]) -> None:
    with IhcEndpoint() as endpoint:
        for settings in ({}, changed, {}, changed):
            attribute(database_url, endpoint, {"a": 2, "b": 1}, **settings)
    assert asked(endpoint) == [["a", "b"]] * 2
    assert len(rows_of(database_url, "ihc_answer")) == 4


def test_another_endpoint_is_asked_anew_and_the_old_answers_stay(database_url: str) -> None:
    with IhcEndpoint() as one, IhcEndpoint() as other:
        for endpoint in (one, other, one, other):
            attribute(database_url, endpoint, {"a": 2})
    assert (asked(one), asked(other)) == ([["a"]], [["a"]])
    assert {row[3] for row in rows_of(database_url, "ihc_answer")} == {one.url, other.url}


def test_neither_the_key_nor_the_packing_matters(database_url: str) -> None:
    with IhcEndpoint() as endpoint:
        attribute(database_url, endpoint, {"a": 2, "b": 1, "c": 3})
        with IhcClient(IhcApi(endpoint.url, "another-key", max_journeys_per_request=1), Ledger(database_url)) as client:
            assert client.attribute(journeys_of({"c": 3, "a": 2})).reused == 2
    assert len(endpoint.received) == 1


def test_a_late_session_has_only_its_own_journey_asked_for(database_url: str) -> None:
    with IhcEndpoint() as endpoint:
        attribute(database_url, endpoint, {"a": 2, "b": 2, "c": 1})
        late = attribute(database_url, endpoint, {"a": 2, "b": 3, "c": 1})
    assert asked(endpoint) == [["a", "b", "c"], ["b"]]
    assert late.reused == 2
    assert late.asked == {"b": 1.0}
    assert credited(late, "b") == credit(3)


def test_an_error_in_one_request_keeps_the_answers_of_the_others(database_url: str) -> None:
    with IhcEndpoint([None, None, status(403)]) as endpoint:
        with pytest.raises(IhcAuthenticationError):
            attribute(database_url, endpoint, dict.fromkeys("abcd", 1), **ONE_BY_ONE)
        before = kept(database_url)
        assert attribute(database_url, endpoint, dict.fromkeys("abcd", 1), **ONE_BY_ONE).reused == 2
    assert len(before) == 2
    assert sorted(name for request in asked(endpoint)[3:] for name in request) == sorted(set("abcd") - before)
    assert rows_of(database_url, "ihc_claim") == rows_of(database_url, "ihc_claimant") == []


def test_an_error_leaves_the_claims_to_others_at_once(database_url: str) -> None:
    with IhcEndpoint([status(403)]) as endpoint, IhcClient(quick_api(endpoint), Ledger(database_url)) as client:
        with pytest.raises(IhcAuthenticationError):
            client.attribute(journeys_of({"a": 1}))
        assert attribute(database_url, endpoint, {"a": 1}).requests == 1


def test_journeys_with_missing_rows_are_not_kept(database_url: str) -> None:
    with IhcEndpoint([lost_journey, *[status(500)] * 2]) as endpoint:
        with pytest.raises(IhcTransientError):
            attribute(database_url, endpoint, {"a": 1, "b": 1}, max_tries=2)
        (lost,) = endpoint.received[1].journeys
        assert kept(database_url) == {"a", "b"} - {lost}
        attribute(database_url, endpoint, {"a": 1, "b": 1})
    assert asked(endpoint)[3:] == [[lost]]


def test_a_journey_refused_because_its_rows_never_came_is_kept_even_where_others_stay_missing(
    database_url: str,
) -> None:
    failure = {"trigger": {"conversion_id": "a", "session_id": "a-1"}, "reason": "excluded", "statusCode": 206}

    def loses_a_and_b(answer: Answer) -> Reply:
        rest = [row for row in answer["value"] if row["conversion_id"] == "c"]
        return Reply({"statusCode": 206, "value": rest, "partialFailureErrors": [failure]})

    with IhcEndpoint([loses_a_and_b] * 2) as endpoint:
        with pytest.raises(IhcAnswerError, match=r"1 journeys \(b\) were asked for 2 times"):
            attribute(database_url, endpoint, {"a": 2, "b": 1, "c": 1}, max_answers_per_journey=2)
        again = attribute(database_url, endpoint, {"a": 2, "b": 1, "c": 1})
    assert asked(endpoint) == [["a", "b", "c"], ["a", "b"], ["b"]]
    assert settled(again)["a-2"] == ("refused", "excluded")
    assert np.isnan(credited(again, "a")).all()


def test_a_journey_that_was_too_long_is_asked_for_when_the_limit_allows_it(database_url: str) -> None:
    with IhcEndpoint() as endpoint:
        attribute(database_url, endpoint, {"a": 3}, max_sessions_per_request=2)
        assert endpoint.received == []
        assert attribute(database_url, endpoint, {"a": 3}).requests == 1


def test_what_was_forgotten_is_asked_for_again(database_url: str) -> None:
    with IhcEndpoint() as endpoint:
        attribute(database_url, endpoint, {"a": 1, "b": 1})
        assert Ledger(database_url).forget(Selection(conv_ids=["b"])) == 1
        assert attribute(database_url, endpoint, {"a": 1, "b": 1}).reused == 1
    assert asked(endpoint) == [["a", "b"], ["b"]]


# The stand-in


def test_a_stand_in_starts_when_it_is_first_asked_and_not_where_the_ledger_knows_all(database_url: str) -> None:
    started = []

    with IhcEndpoint() as endpoint:

        @contextmanager
        def start() -> Iterator[str]:
            started.append("started")
            yield endpoint.url

        api = IhcApi("http://ihc.invalid/", KEY)
        for expected in (1, 1):
            with IhcClient(api, Ledger(database_url), StandIn("embedded 1", start)) as client:
                client.plan([journeys_of({"a": 1})])
                client.attribute(journeys_of({"a": 1}))
                client.attribute(journeys_of({"a": 1}))
            assert len(started) == expected
    assert {row[3] for row in rows_of(database_url, "ihc_answer")} == {"embedded 1"}


def test_another_version_of_a_stand_in_is_asked_anew(database_url: str) -> None:
    with IhcEndpoint() as endpoint:

        @contextmanager
        def start() -> Iterator[str]:
            yield endpoint.url

        for name in ("embedded 1", "embedded 2", "embedded 1"):
            stand_in = StandIn(name, start)
            with IhcClient(IhcApi("http://ihc.invalid/", KEY), Ledger(database_url), stand_in) as client:
                client.attribute(journeys_of({"a": 1}))
    assert len(endpoint.received) == 2


# The budget


def test_every_try_counts_for_the_budget_and_what_was_answered_is_kept(database_url: str) -> None:
    faults = [status(503), status(503)]
    settings = ONE_BY_ONE | {"max_requests_per_run": 3}
    with IhcEndpoint(faults) as endpoint:
        with pytest.raises(IhcBudgetError) as raised:
            attribute(database_url, endpoint, dict.fromkeys("abcd", 1), **settings)
        assert len(endpoint.received) == 3
        assert len(kept(database_url)) == 1
        assert attribute(database_url, endpoint, dict.fromkeys("abcd", 1), **settings).requests == 3
    assert str(raised.value) == (
        "3 requests were made, which is all that IHC_MAX_REQUESTS_PER_RUN allows, and 3 journeys are still to be asked"
        " for. What was answered is in the ledger: run again to go on from there, or raise IHC_MAX_REQUESTS_PER_RUN"
    )


def test_requests_side_by_side_and_batches_one_after_another_share_the_budget(database_url: str) -> None:
    batches = [journeys_of(dict.fromkeys(conv_ids, 1)) for conv_ids in ("abc", "defghi", "jk")]
    api = {"max_journeys_per_request": 1, "max_concurrent_requests": 4, "max_requests_per_run": 5}
    with (
        IhcEndpoint(latency_seconds=0.02) as endpoint,
        IhcClient(quick_api(endpoint, **api), Ledger(database_url)) as client,
    ):
        assert client.plan(batches).requests == 11
        client.attribute(batches[0])
        with pytest.raises(IhcBudgetError, match=r"^5 requests were made, .* and 6 journeys are still to be asked for"):
            client.attribute(batches[1])
    assert len(endpoint.received) == len(kept(database_url)) == 5


def test_a_budget_that_is_just_enough_is_no_error(database_url: str) -> None:
    with IhcEndpoint() as endpoint:
        settings = ONE_BY_ONE | {"max_requests_per_run": 3}
        assert attribute(database_url, endpoint, dict.fromkeys("abc", 1), **settings).requests == 3


def test_a_budget_below_one_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        IhcApi("http://127.0.0.1/", KEY, max_requests_per_run=0)


# The plan


def test_a_plan_is_what_is_then_sent(database_url: str) -> None:
    batches = [{f"c{number}": 1 + number % 4 for number in range(start, start + 40)} for start in (0, 40, 80)]
    known = {name: size for number, (name, size) in enumerate(batches[1].items()) if number % 2}
    frames = [journeys_of(batch | {f"long{start}": 11}) for start, batch in enumerate(batches)]
    limits = {"max_sessions_per_request": 10, "max_journeys_per_request": 5}
    with IhcEndpoint() as endpoint:
        attribute(database_url, endpoint, known)
        endpoint.received.clear()
        with IhcClient(quick_api(endpoint, **limits), Ledger(database_url)) as client:
            plan = client.plan(frames)
            assert endpoint.received == []
            for frame in frames:
                client.attribute(frame)
    sent = [request.body["customer_journeys"] for request in endpoint.received]
    assert plan == RequestPlan(
        journeys=sum(len(request.journeys) for request in endpoint.received),
        touchpoints=sum(len(touchpoints) for touchpoints in sent),
        requests=len(sent),
        reused=20,
    )
    assert (plan.journeys, plan.touchpoints) == (100, 240)
    assert (client.requests, client.reused) == (plan.requests, 20)


def test_a_plan_says_in_a_line_what_is_needed_and_whether_the_budget_holds_it() -> None:
    asks = "1,200 journeys with 3,400 touchpoints to ask for in 17 requests, 5 journeys known from the ledger"
    assert str(RequestPlan(1200, 3400, 17, 5)) == str(RequestPlan(1200, 3400, 17, 5, budget=17)) == asks
    assert str(RequestPlan(1200, 3400, 17, 5, budget=16)) == (
        f"{asks}; only 16 requests may be made (IHC_MAX_REQUESTS_PER_RUN)"
    )


# The key, and a ledger that fails


def test_the_key_is_not_in_the_ledger_even_where_it_is_part_of_the_address(database_url: str) -> None:
    with IhcEndpoint(refused={"b"}) as endpoint:
        api = IhcApi(f"{endpoint.url}?key={KEY}", KEY)
        with IhcClient(api, Ledger(database_url)) as client:
            client.attribute(journeys_of({"a": 1, "b": 1}))
            tables = [rows_of(database_url, table) for table in ("ihc_answer", "ihc_claim", "ihc_claimant")]
    assert KEY not in str(tables)
    assert {row[3] for row in tables[0]} == {f"{endpoint.url}?key=***"}


def test_at_most_what_was_prepared_is_still_sent_once_an_answer_cannot_be_kept(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ihc_api, "KEEP_TRYING_SECONDS", 0.1)
    refuse = "CREATE TRIGGER refuse BEFORE INSERT ON ihc_answer BEGIN SELECT raise(ABORT, 'disk full'); END"
    Ledger(sqlite_url).known([])
    execute(sqlite_url, refuse)
    with IhcEndpoint() as endpoint, pytest.raises(LedgerError, match="disk full"):
        attribute(sqlite_url, endpoint, dict.fromkeys("abcdefgh", 1), **ONE_BY_ONE)
    assert len(endpoint.received) in (1, 2)
