"""What the client of the IHC API does where the API, or the way to it, fails: ask again, give up, and say why."""

import random
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.connection import retry_after_seconds
from attribution_assets.attribution.ihc_api.errors import (
    IhcAnswerError,
    IhcAuthenticationError,
    IhcPermanentError,
    IhcRequestError,
    IhcTransientError,
)
from attribution_assets_tests.support.ihc_endpoint import (
    KEY,
    Fault,
    IhcEndpoint,
    body_status,
    credit,
    cut_off,
    doubled_row,
    first_row,
    lost_journey,
    lost_row,
    reset,
    sends,
    stalls,
    status,
    trickles,
    truncated,
)
from attribution_assets_tests.support.ihc_journeys import attribute, credited, empty_ledger, journeys_of

TRANSIENT = {
    "408": status(408),
    "429": status(429),
    "429 with seconds": status(429, Retry_After="1"),
    "429 with a date": status(429, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"),
    "429 with nonsense": status(429, Retry_After="soon"),
    "500": status(500),
    "502": status(502),
    "503": status(503, Retry_After="0"),
    "504": status(504),
    "no value": body_status(500),
    "reset": reset,
    "cut off": cut_off,
    "truncated JSON": truncated,
    "a page": sends(b"<html>"),
    "no text": sends(b"\xff\xfe\x00"),
    "deeply nested": sends(b"[" * 100_000),
    "nothing": sends(b""),
    "late": stalls(60),
    "a trickle": trickles(0.05),
}
WRONG = {
    "touchpoint twice": (doubled_row, "holds a touchpoint twice: "),
    "touchpoint that was not asked for": (first_row(session_id="a-9"), "touchpoint that was not asked for: "),
    "journey that was not asked for": (first_row(conversion_id="z"), "touchpoint that was not asked for: "),
    "text for a number": (first_row(ihc="0.5"), "credit that is not a number from 0 to 1: "),
    "no number": (first_row(holder=None), "credit that is not a number from 0 to 1: "),
    "truth": (first_row(closer=True), "credit that is not a number from 0 to 1: "),
    "NaN": (first_row(ihc=float("nan")), "credit that is not a number from 0 to 1: "),
    "infinity": (first_row(initializer=float("inf")), "credit that is not a number from 0 to 1: "),
    "a huge number": (first_row(ihc=10**400), "credit that is not a number from 0 to 1: "),
    "a negative number": (first_row(holder=-0.01), "credit that is not a number from 0 to 1: "),
    "a sum above 1": (first_row(ihc=1.0), "the ihc of conversion a sums to 1.33333, not 1"),
    "a sum barely off": (first_row(ihc=2 / 3 + 6e-4), "the ihc of conversion a sums to 1.0006, not 1"),
    "no credit": (sends({"statusCode": 200, "value": []}), "says nothing on any of the 1 journeys (a)"),
    "a list": (sends([1, 2]), "not an object with a statusCode: [1, 2]"),
    "no statusCode": (sends({"value": []}), "not an object with a statusCode: "),
    "value as text": (sends({"statusCode": 200, "value": "a"}), "are not lists: "),
    "a row of text": (sends({"statusCode": 200, "value": ["a"]}), "what is not the credit of a touchpoint: a"),
    "a row without holder": (
        sends({"statusCode": 200, "value": [{"conversion_id": "a", "session_id": "a-1"}]}),
        "what is not the credit of a touchpoint: ",
    ),
    "an id that is a list": (first_row(session_id=["a-1"]), "what is not the credit of a touchpoint: "),
    "failure of a stranger": (
        sends({"statusCode": 206, "partialFailureErrors": [{"trigger": {"conversion_id": "z"}, "reason": "r"}]}),
        "a partial failure of nothing asked for: ",
    ),
    "failure without trigger": (
        sends({"statusCode": 206, "partialFailureErrors": [{"reason": "r"}]}),
        "says nothing on any of the 1 journeys (a): r",
    ),
}
PERMANENT = {
    "400": (status(400, "bad input"), IhcRequestError, "answered 400: bad input (check IHC_CONV_TYPE_ID"),
    "401": (status(401), IhcAuthenticationError, "answered 401: trouble (check IHC_API_KEY)"),
    "403": (status(403, "Forbidden"), IhcAuthenticationError, "answered 403: Forbidden (check IHC_API_KEY"),
    "404": (status(404), IhcRequestError, "answered 404: trouble (check IHC_API_URL)"),
    "413": (status(413), IhcRequestError, "(lower IHC_MAX_SESSIONS_PER_REQUEST)"),
    "418": (status(418), IhcRequestError, "answered 418: trouble"),
    "302": (status(302, Location="/v2"), IhcRequestError, "answered 302: /v2 (redirects are not followed"),
    "body 400": (body_status(400), IhcRequestError, "answered 400 (check IHC_CONV_TYPE_ID"),
}


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_request_that_meets_a_transient_fault_is_sent_again_as_it_was(fault: str) -> None:
    limit = {"answer_seconds": 2} if fault in {"late", "a trickle"} else {}
    with IhcEndpoint([TRANSIENT[fault]]) as endpoint:
        attribution = attribute(endpoint, {"a": 2}, **limit)
    assert credited(attribution, "a") == credit(2)
    assert (attribution.requests, attribution.retries) == (1, 1)
    assert endpoint.received[0].body == endpoint.received[1].body


@pytest.mark.parametrize(("fault", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_answer_is_asked_for_again_and_then_an_error_that_says_what_is_wrong(
    fault: Fault, message: str
) -> None:
    with IhcEndpoint([fault]) as endpoint:
        attribution = attribute(endpoint, {"a": 2})
    assert credited(attribution, "a") == credit(2)
    assert attribution.retries == 1

    with IhcEndpoint([fault] * 3) as endpoint, pytest.raises(IhcAnswerError) as raised:
        attribute(endpoint, {"a": 2}, max_tries=3)
    assert re.match(r"gave up after 3 tries in \d+ s: ", str(raised.value))
    assert message in str(raised.value)
    assert len(endpoint.received) == 3


def test_credit_that_is_off_by_no_more_than_rounding_is_taken() -> None:
    with IhcEndpoint([first_row(ihc=2 / 3 + 5e-4, holder=1.0000001, closer=-1e-7)]) as endpoint:
        attribution = attribute(endpoint, {"a": 2})
    assert credited(attribution, "a")[1] == (0.0, 1.0, 0.0, 2 / 3 + 5e-4)
    assert attribution.retries == 0


@pytest.mark.parametrize(("fault", "kind", "message"), PERMANENT.values(), ids=PERMANENT.keys())
def test_a_permanent_fault_ends_at_once_with_the_words_of_the_api_and_what_to_do(
    fault: Fault, kind: type[IhcPermanentError], message: str
) -> None:
    with IhcEndpoint([fault]) as endpoint, pytest.raises(kind) as raised:
        attribute(endpoint, {"a": 2})
    assert message in str(raised.value)
    assert len(endpoint.received) == 1


def test_a_fault_that_lasts_ends_after_the_tries_that_are_allowed() -> None:
    with IhcEndpoint(iter(lambda: status(503, "down\nfor   now"), None)) as endpoint:
        with pytest.raises(IhcTransientError) as raised:
            attribute(endpoint, {"a": 1}, max_tries=4)
        assert len(endpoint.received) == 4
    assert re.fullmatch(r"gave up after 4 tries in \d+ s: the IHC API answered 503: down for now", str(raised.value))


def test_a_fault_that_lasts_ends_after_the_time_that_is_allowed() -> None:
    start = time.monotonic()
    with IhcEndpoint(iter(lambda: status(500), None)) as endpoint, pytest.raises(IhcTransientError, match="gave up"):
        attribute(endpoint, {"a": 1}, max_tries=10**6, give_up_after_seconds=0.3)
    assert time.monotonic() - start < 10


def test_an_endpoint_that_nobody_listens_on_is_a_transient_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        api = IhcApi(f"http://127.0.0.1:{unused.getsockname()[1]}/", KEY, max_tries=2, first_backoff_seconds=0.001)
        with empty_ledger() as ledger, IhcClient(api, ledger) as client, pytest.raises(IhcTransientError) as raised:
            client.attribute(journeys_of({"a": 1}))
    expected = r"gave up after 2 tries in \d+ s: no answer from 127.0.0.1: ConnectionRefusedError: "
    assert re.match(expected, str(raised.value))


def test_the_wait_that_the_api_asks_for_is_kept_up_to_a_bound() -> None:
    start = time.monotonic()
    with IhcEndpoint([status(429, Retry_After="1")]) as endpoint:
        attribute(endpoint, {"a": 1}, max_retry_after_seconds=60)
    assert 1 <= time.monotonic() - start < 20

    start = time.monotonic()
    with IhcEndpoint([status(429, Retry_After="3600")]) as endpoint:
        attribute(endpoint, {"a": 1}, max_retry_after_seconds=0.2)
    assert 0.2 <= time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 0 ", 0),
        ("-7", None),
        ("soon", None),
        ("", None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
    ],
)
def test_a_retry_after_header_holds_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, datetime(2026, 11, 23, 12, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("seed", range(3))
def test_the_result_is_right_where_a_third_of_all_answers_misbehave(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    faults = [status(429, Retry_After="0"), status(500), status(502), reset, cut_off, truncated, lost_journey, lost_row]

    def mixed() -> Iterator[Fault | None]:
        while True:
            yield rng.choice(faults) if rng.random() < 0.35 else None

    sizes = {f"c{number}": rng.choice([1, 1, 2, 3, 8]) for number in range(150)}
    refused = {f"c{number}" for number in range(0, 150, 23)}
    with IhcEndpoint(mixed(), refused=refused) as endpoint:
        attribution = attribute(endpoint, sizes, max_sessions_per_request=12, max_tries=30)
    for conv_id, size in sizes.items():
        if conv_id not in refused:
            assert credited(attribution, conv_id) == credit(size)
    table = attribution.touchpoints
    assert set(table.loc[table["outcome"] == "refused", "conv_id"]) == refused
    assert set(table["outcome"]) == {"attributed", "refused"}
    assert attribution.retries > 0
