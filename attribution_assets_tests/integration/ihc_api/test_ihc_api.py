"""What the client of the IHC API sends, what it makes of the answers, and how many requests it has under way."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.errors import IhcAnswerError, IhcAuthenticationError
from attribution_assets_tests.support.ihc_endpoint import (
    KEY,
    Answer,
    Fault,
    IhcEndpoint,
    Reply,
    credit,
    lost_journey,
    lost_row,
    status,
)
from attribution_assets_tests.support.ihc_journeys import attribute, credited, empty_ledger, journeys_of, settled


def test_every_touchpoint_gets_its_own_credit_in_the_order_of_the_journeys() -> None:
    journeys = journeys_of({"b": 3, "a": 1, "c": 2})
    with IhcEndpoint() as endpoint, empty_ledger() as ledger, IhcClient(IhcApi(endpoint.url, KEY), ledger) as client:
        attribution = client.attribute(journeys)
    expected = journeys[["conv_id", "conversion_time", "session_id", "session_time", "channel_name"]].copy()
    expected[["initializer", "holder", "closer", "ihc"]] = [*credit(3), *credit(1), *credit(2)]
    expected["outcome"] = "attributed"
    expected["reason"] = pd.Series([None] * 6, dtype=object)
    pd.testing.assert_frame_equal(attribution.touchpoints, expected)
    assert (attribution.requests, attribution.retries) == (1, 0)


def test_a_request_holds_the_fields_of_the_api_and_the_key() -> None:
    with IhcEndpoint() as endpoint:
        attribute(endpoint, {"a": 2}, conv_type_id="new & old")
    (request,) = endpoint.received
    assert request.headers["x-api-key"] == KEY
    assert request.headers["content-type"] == "application/json"
    assert request.parameters == {"conv_type_id": ["new & old"]}
    assert request.body == {
        "customer_journeys": [
            {
                "conversion_id": "a",
                "session_id": "a-1",
                "timestamp": "2024-02-28 01:00:00",
                "channel_label": "Größe, 1",
                "holder_engagement": 1,
                "closer_engagement": 0,
                "conversion": 0,
                "impression_interaction": 1,
            },
            {
                "conversion_id": "a",
                "session_id": "a-2",
                "timestamp": "2024-02-28 02:00:00",
                "channel_label": "Größe, 2",
                "holder_engagement": 0,
                "closer_engagement": 0,
                "conversion": 1,
                "impression_interaction": 0,
            },
        ]
    }


def test_a_redistribution_parameter_is_sent_as_it_is() -> None:
    parameter = {"initializer": {"direction": "any_session", "receive_threshold": 0.5}}
    with IhcEndpoint() as endpoint:
        attribute(endpoint, {"a": 1}, redistribution_parameter=parameter)
    assert endpoint.received[0].body["redistribution_parameter"] == parameter


def test_journeys_are_sent_once_and_whole_in_as_few_requests_as_the_limits_allow() -> None:
    sizes = {f"c{number}": 1 + number % 4 for number in range(40)}
    with IhcEndpoint() as endpoint:
        attribution = attribute(endpoint, sizes, max_sessions_per_request=10, max_journeys_per_request=5)
    sent = [journey for request in endpoint.received for journey in request.journeys.items()]
    assert sorted(sent) == sorted(
        (conv_id, [f"{conv_id}-{place}" for place in range(1, size + 1)]) for conv_id, size in sizes.items()
    )
    assert len(endpoint.received) == attribution.requests == 10
    assert all(
        len(request.journeys) <= 5 and len(request.body["customer_journeys"]) <= 10 for request in endpoint.received
    )


def test_no_journeys_give_an_empty_table_without_a_request() -> None:
    with IhcEndpoint() as endpoint:
        attribution = attribute(endpoint, {})
    assert attribution.touchpoints.dtypes.astype(str).to_dict() == {
        "conv_id": "object",
        "conversion_time": "datetime64[us]",
        "session_id": "object",
        "session_time": "datetime64[us]",
        "channel_name": "object",
        "initializer": "float64",
        "holder": "float64",
        "closer": "float64",
        "ihc": "float64",
        "outcome": "object",
        "reason": "object",
    }
    assert (len(attribution.touchpoints), attribution.requests, endpoint.received) == (0, 0, [])


def test_a_journey_that_no_request_can_hold_is_too_long_and_not_sent() -> None:
    with IhcEndpoint() as endpoint:
        attribution = attribute(endpoint, {"a": 3, "long": 4}, max_sessions_per_request=3)
    assert [request.journeys for request in endpoint.received] == [{"a": ["a-1", "a-2", "a-3"]}]
    assert settled(attribution) == {f"a-{place}": ("attributed", None) for place in (1, 2, 3)} | {
        f"long-{place}": ("too_long", "4 sessions, but a request may hold only 3") for place in (1, 2, 3, 4)
    }
    assert np.isnan(credited(attribution, "long")).all()


def test_rows_of_a_journey_that_are_not_adjacent_are_an_error() -> None:
    journeys = journeys_of({"a": 2, "b": 1}).iloc[[0, 2, 1]]
    with (
        empty_ledger() as ledger,
        IhcClient(IhcApi("http://127.0.0.1:1/", KEY), ledger) as client,
        pytest.raises(ValueError, match="adjacent"),
    ):
        client.attribute(journeys)


def test_a_session_twice_in_a_journey_is_an_error() -> None:
    journeys = journeys_of({"a": 2}).assign(session_id="a-1")
    with (
        empty_ledger() as ledger,
        IhcClient(IhcApi("http://127.0.0.1:1/", KEY), ledger) as client,
        pytest.raises(ValueError, match="one row"),
    ):
        client.attribute(journeys)


def test_a_journey_that_the_api_rejects_is_refused_with_its_words_and_the_others_are_attributed() -> None:
    with IhcEndpoint(refused={"b"}) as endpoint:
        attribution = attribute(endpoint, {"a": 2, "b": 2, "c": 1})
    refused = ("refused", "error in parsing customer journey")
    good = ("attributed", None)
    assert settled(attribution) == {"a-1": good, "a-2": good, "b-1": refused, "b-2": refused, "c-1": good}
    assert np.isnan(credited(attribution, "b")).all()
    assert credited(attribution, "a") == credit(2)
    assert (attribution.requests, attribution.retries) == (1, 0)


def test_an_excluded_session_gets_no_credit_and_its_reason_and_the_rest_of_the_journey_all_credit() -> None:
    with IhcEndpoint(excluded={"a-2"}) as endpoint:
        attribution = attribute(endpoint, {"a": 3})
    assert settled(attribution) == {
        "a-1": ("attributed", None),
        "a-2": ("attributed", "Session/Impression excluded"),
        "a-3": ("attributed", None),
    }
    assert credited(attribution, "a") == [credit(2)[0], (0, 0, 0, 0), credit(2)[1]]


def test_a_journey_with_all_sessions_excluded_is_refused() -> None:
    with IhcEndpoint(excluded={"a-1", "a-2"}) as endpoint:
        attribution = attribute(endpoint, {"a": 2, "b": 1})
    refused = ("refused", "Session/Impression excluded")
    assert settled(attribution) == {"a-1": refused, "a-2": refused, "b-1": ("attributed", None)}
    assert len(endpoint.received) == 1


@pytest.mark.parametrize("trigger", [{"conversion_id": "a"}, {"conversion_id": "a", "session_id": "a-1"}])
def test_a_partial_failure_that_stands_for_its_journey_refuses_all_of_it(trigger: dict[str, str]) -> None:
    failures = [{"trigger": trigger, "reason": reason, "statusCode": 406} for reason in ("bad", "very\nbad", "bad")]

    def names_the_journey_once(answer: Answer) -> Reply:
        rest = [row for row in answer["value"] if row["conversion_id"] != "a"]
        return Reply({"statusCode": 206, "value": rest, "partialFailureErrors": failures})

    with IhcEndpoint([names_the_journey_once]) as endpoint:
        attribution = attribute(endpoint, {"a": 2, "b": 1})
    refused = ("refused", "bad; very bad")
    assert settled(attribution) == {"a-1": refused, "a-2": refused, "b-1": ("attributed", None)}


def test_a_request_rejected_for_one_named_journey_is_answered_without_it() -> None:
    failure = {"trigger": {"conversion_id": "a"}, "reason": "invalid", "statusCode": 406}
    rejected = Reply({"statusCode": 400, "value": None, "partialFailureErrors": [failure]})
    with IhcEndpoint([lambda _: rejected]) as endpoint:
        attribution = attribute(endpoint, {"a": 1, "b": 1})
    assert settled(attribution) == {"a-1": ("refused", "invalid"), "b-1": ("attributed", None)}
    assert [list(request.journeys) for request in endpoint.received] == [["a", "b"], ["b"]]


@pytest.mark.parametrize("fault", [lost_journey, lost_row])
def test_a_journey_with_rows_missing_from_an_answer_is_asked_for_again_by_itself(fault: Fault) -> None:
    with IhcEndpoint([fault]) as endpoint:
        attribution = attribute(endpoint, {"a": 1, "b": 2, "c": 3})
    lost = next(iter(endpoint.received[1].journeys))
    assert [sorted(request.journeys) for request in endpoint.received] == [["a", "b", "c"], [lost]]
    assert {conv_id: credited(attribution, conv_id) for conv_id in "abc"} == {
        "a": credit(1),
        "b": credit(2),
        "c": credit(3),
    }
    assert (attribution.requests, attribution.retries) == (2, 0)


def test_missing_journeys_of_several_requests_are_asked_for_again_together() -> None:
    with IhcEndpoint([lost_journey, lost_journey]) as endpoint:
        attribution = attribute(endpoint, dict.fromkeys("abcdef", 1), max_journeys_per_request=3)
    assert [len(request.journeys) for request in endpoint.received] == [3, 3, 2]
    assert set(settled(attribution).values()) == {("attributed", None)}


def test_journeys_that_stay_missing_are_an_error_that_names_some() -> None:
    def with_the_first_alone(answer: Answer) -> Reply:
        first = min(row["conversion_id"] for row in answer["value"])
        return Reply(answer | {"value": [row for row in answer["value"] if row["conversion_id"] == first]})

    with IhcEndpoint([with_the_first_alone] * 3) as endpoint, pytest.raises(IhcAnswerError) as raised:
        attribute(endpoint, dict.fromkeys("abcdefg", 1), max_answers_per_journey=3)
    expected = "4 journeys (d, e, f, ...) were asked for 3 times, and each answer lacked rows of them"
    assert str(raised.value) == expected
    assert len(endpoint.received) == 3


def test_a_journey_whose_rows_never_come_but_for_which_the_api_gave_a_reason_is_refused() -> None:
    failure = {"trigger": {"conversion_id": "a", "session_id": "a-1"}, "reason": "excluded", "statusCode": 206}

    def excludes_one_and_loses_the_other(answer: Answer) -> Reply:
        rest = [row for row in answer["value"] if row["conversion_id"] != "a"]
        return Reply({"statusCode": 206, "value": rest, "partialFailureErrors": [failure]})

    with IhcEndpoint([excludes_one_and_loses_the_other] * 5) as endpoint:
        attribution = attribute(endpoint, {"a": 2, "b": 1})
    refused = ("refused", "excluded")
    assert settled(attribution) == {"a-1": refused, "a-2": refused, "b-1": ("attributed", None)}
    assert [len(request.journeys) for request in endpoint.received] == [2, 1, 1, 1, 1]


# Requests under way


def test_requests_under_way_are_bounded_and_share_their_connections() -> None:
    with IhcEndpoint(latency_seconds=0.1) as endpoint:
        attribute(
            endpoint,
            {f"c{number}": 1 for number in range(24)},
            max_journeys_per_request=1,
            max_concurrent_requests=3,
        )
    assert len(endpoint.received) == 24
    assert endpoint.most_under_way == 3
    assert endpoint.connections == 3


def test_a_permanent_error_keeps_what_is_queued_from_being_sent() -> None:
    with IhcEndpoint([None, status(403)]) as endpoint, pytest.raises(IhcAuthenticationError):
        attribute(endpoint, dict.fromkeys("abcdef", 1), max_journeys_per_request=1, max_concurrent_requests=1)
    assert len(endpoint.received) == 2


def test_a_permanent_error_ends_the_waiting_of_another_request() -> None:
    start = time.monotonic()
    with IhcEndpoint([status(503, Retry_After="30"), status(401)]) as endpoint, pytest.raises(IhcAuthenticationError):
        attribute(
            endpoint,
            dict.fromkeys("ab", 1),
            max_journeys_per_request=1,
            max_concurrent_requests=2,
            max_retry_after_seconds=30,
        )
    assert len(endpoint.received) == 2
    assert time.monotonic() - start < 15


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), max_size=40),
    max_sessions=st.integers(8, 30),
    max_journeys=st.integers(1, 10),
)
def test_every_touchpoint_has_one_row_and_the_credit_of_its_place(
    sizes: list[int], max_sessions: int, max_journeys: int
) -> None:
    named = {f"c{number}": size for number, size in enumerate(sizes)}
    with IhcEndpoint() as endpoint:
        attribution = attribute(
            endpoint, named, max_sessions_per_request=max_sessions, max_journeys_per_request=max_journeys
        )
    table = attribution.touchpoints
    assert table["session_id"].tolist() == journeys_of(named)["session_id"].tolist()
    for conv_id, size in named.items():
        if size <= max_sessions:
            assert credited(attribution, conv_id) == credit(size)
        else:
            assert set(table.loc[table["conv_id"] == conv_id, "outcome"]) == {"too_long"}
