"""Partial failures that may pass by themselves: their journeys are asked for again, and never kept as refused."""

import pytest

from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.errors import IhcTransientError
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets_tests.support.databases import rows_of
from attribution_assets_tests.support.ihc_endpoint import Answer, Fault, IhcEndpoint, Reply, credit
from attribution_assets_tests.support.ihc_journeys import attribute, credited, journeys_of, quick_api, settled


def fails(*failures: dict[str, object], without: str = "a") -> Fault:
    """These partial failures, and no credit for one journey."""

    def fault(answer: Answer) -> Reply:
        rest = [row for row in answer["value"] if row["conversion_id"] != without]
        return Reply({"statusCode": 206, "value": rest, "partialFailureErrors": list(failures)})

    return fault


def failure(status: object, **trigger: object) -> dict[str, object]:
    return {"trigger": trigger, "reason": "busy", "statusCode": status}


A = {"conversion_id": "a"}
PASSING = {
    "429": [failure(429, **A)],
    "408 of a session": [failure(408, **A, session_id="a-2")],
    "500": [failure(500, **A)],
    "503 as text": [failure("503", **A)],
    "twice, once for good": [failure(406, **A), failure(502, **A)],
    "of no journey": [{"reason": "busy", "statusCode": 429}],
    "of no journey, without a status": [{"trigger": None, "reason": "busy"}],
}


@pytest.mark.parametrize("failures", PASSING.values(), ids=PASSING.keys())
def test_a_journey_whose_failure_may_pass_is_asked_for_again_by_itself(failures: list[dict[str, object]]) -> None:
    with IhcEndpoint([fails(*failures)]) as endpoint:
        attribution = attribute(endpoint, {"a": 2, "b": 1})
    assert [sorted(request.journeys) for request in endpoint.received] == [["a", "b"], ["a"]]
    assert set(settled(attribution).values()) == {("attributed", None)}
    assert credited(attribution, "a") == credit(2)


def test_a_journey_with_credit_for_all_but_the_session_of_such_a_failure_is_asked_for_again() -> None:
    def all_for_the_first(answer: Answer) -> Reply:
        row = {"conversion_id": "a", "session_id": "a-1", "initializer": 1, "holder": 1, "closer": 1, "ihc": 1}
        named = failure(500, **A, session_id="a-2")
        return Reply(answer | {"statusCode": 206, "value": [row], "partialFailureErrors": [named]})

    with IhcEndpoint([all_for_the_first]) as endpoint:
        attribution = attribute(endpoint, {"a": 2})
    assert credited(attribution, "a") == credit(2)


def test_ids_may_come_back_as_numbers() -> None:
    with IhcEndpoint([fails(failure(429, conversion_id=17), without="17")]) as endpoint:
        attribution = attribute(endpoint, {"17": 1, "b": 1})
    assert set(settled(attribution).values()) == {("attributed", None)}
    assert [sorted(request.journeys) for request in endpoint.received] == [["17", "b"], ["17"]]


def test_a_failure_that_lasts_ends_the_run_with_its_words_and_only_the_rest_is_kept(sqlite_url: str) -> None:
    with (
        IhcEndpoint([fails(failure(429, **A))] * 9) as endpoint,
        IhcClient(quick_api(endpoint, max_tries=3), Ledger(sqlite_url)) as client,
        pytest.raises(IhcTransientError, match="gave up after 3 tries in 0 s: the IHC API answered 429: busy"),
    ):
        client.attribute(journeys_of({"a": 2, "b": 1, "c": 1}))
    assert len(endpoint.received) == 4
    assert sorted(row[1] for row in rows_of(sqlite_url, "ihc_answer")) == ["b", "c"]
    assert rows_of(sqlite_url, "ihc_claim") == []
