"""That the key goes to one address and into no text, and how that address is reached."""

import traceback
from typing import Any

import pytest

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.errors import IhcApiError, IhcAuthenticationError, IhcRequestError
from attribution_assets_tests.support.ihc_endpoint import (
    KEY,
    Answer,
    Fault,
    IhcEndpoint,
    Reply,
    credit,
    cut_off,
    first_row,
    reset,
    sends,
    stalls,
    status,
    trickles,
)
from attribution_assets_tests.support.ihc_journeys import attribute, credited, empty_ledger, journeys_of, quick_api

FAULTS = {
    "403": status(403, f"unknown key {KEY}"),
    "500": status(500, f"{KEY} {KEY}"),
    "text of a 500": lambda _: Reply(KEY.encode(), 500),
    "redirect": status(302, KEY, Location=f"/?key={KEY}"),
    "body 400": sends({"statusCode": 400, "message": KEY}),
    "row": sends({"statusCode": 200, "value": [KEY]}),
    "object": sends({KEY: KEY}),
    "no JSON": sends(KEY.encode()),
    "session_id": first_row(session_id=KEY),
    "trigger": sends({"statusCode": 206, "partialFailureErrors": [{"trigger": {"conversion_id": KEY}}]}),
    "reset": reset,
    "cut off": cut_off,
    "late": stalls(1),
    "a trickle": trickles(0.02),
}


def everything_shown(error: BaseException) -> str:
    """All texts of an error and of those that it came from, and whatever their attributes show."""
    chain: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending:
        if (one := pending.pop()) is not None and one not in chain:
            chain.append(one)
            pending += [one.__cause__, one.__context__]
    texts = [f"{one!r} {one} {vars(one)} {getattr(vars(one).get('request'), 'headers', '')}" for one in chain]
    return "".join([*traceback.format_exception(error), *texts])


def says_the_key(answer: Answer) -> Reply:
    """A refusal that quotes the key."""
    failures = [{"trigger": {"conversion_id": "a"}, "reason": f"no right for {KEY}", "statusCode": 406}]
    return Reply(answer | {"statusCode": 206, "value": [], "partialFailureErrors": failures})


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_no_error_shows_the_key(fault: Fault) -> None:
    with IhcEndpoint([fault] * 2) as endpoint, pytest.raises(IhcApiError) as raised:
        attribute(endpoint, {"a": 1}, max_tries=2, answer_seconds=0.2)
    assert KEY not in everything_shown(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500


def test_a_reason_that_quotes_the_key_is_kept_without_it() -> None:
    with IhcEndpoint([says_the_key]) as endpoint:
        attribution = attribute(endpoint, {"a": 1})
    assert attribution.touchpoints["reason"].tolist() == ["no right for ***"]


def test_the_settings_do_not_show_the_key() -> None:
    assert repr(IhcApi("http://127.0.0.1/", KEY)).startswith("IhcApi(url='http://127.0.0.1/', conv_type_id='default', ")
    assert KEY not in repr(IhcApi("http://127.0.0.1/", KEY))


@pytest.mark.parametrize("key", ["", " ", "secret\n", "sec ret", "s\u00e9cret", "se\x00cret", "secret\u2003"])
def test_a_key_that_no_header_can_carry_is_rejected_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="the key of the IHC API is empty, or holds") as raised:
        IhcApi("http://127.0.0.1/", key)
    assert "cret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["", "ihc.example/v1", "ftp://ihc.example/", "http://", "http://me:secret@ihc.example/"]
)
def test_an_address_that_is_not_http_or_holds_a_password_is_rejected(url: str) -> None:
    with pytest.raises(ValueError, match="must be http") as raised:
        IhcApi(url, KEY)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "limit",
    [{"max_journeys_per_request": 0}, {"max_sessions_per_request": 0}, {"max_concurrent_requests": 0}],
)
def test_a_limit_below_one_is_rejected(limit: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        IhcApi("http://127.0.0.1/", KEY, **limit)


def test_a_redirect_is_not_followed_so_that_the_key_stays_with_its_address() -> None:
    with IhcEndpoint() as elsewhere, IhcEndpoint([status(307, Location=elsewhere.url)]) as endpoint:
        with pytest.raises(IhcRequestError, match="redirects are not followed"):
            attribute(endpoint, {"a": 1})
        assert (len(endpoint.received), len(elsewhere.received)) == (1, 0)


def test_cookies_are_not_sent_back() -> None:
    with IhcEndpoint() as endpoint:
        attribute(endpoint, dict.fromkeys("abc", 1), max_journeys_per_request=1, max_concurrent_requests=1)
    assert [request.headers.get("cookie") for request in endpoint.received] == [None, None, None]


@pytest.fixture
def proxy_variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without exceptions from its proxies; of two spellings, the small letters count."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_no_proxy_stands_between_the_client_and_this_machine(proxy_variables: pytest.MonkeyPatch) -> None:
    proxy_variables.setenv("http_proxy", "http://127.0.0.1:1")
    with IhcEndpoint() as endpoint:
        assert credited(attribute(endpoint, {"a": 1}), "a") == credit(1)


def test_other_addresses_are_reached_through_the_proxy_of_the_environment(proxy_variables: pytest.MonkeyPatch) -> None:
    with IhcEndpoint() as proxy:
        proxy_variables.setenv("http_proxy", proxy.url)
        with empty_ledger() as ledger, IhcClient(IhcApi("http://ihc.invalid/v1/compute_ihc", KEY), ledger) as client:
            attribution = client.attribute(journeys_of({"a": 1}))
    assert credited(attribution, "a") == credit(1)
    assert proxy.received[0].headers["host"] == "ihc.invalid"


def test_a_malformed_proxy_is_a_permanent_error(proxy_variables: pytest.MonkeyPatch) -> None:
    proxy_variables.setenv("http_proxy", "http:///")
    with (
        empty_ledger() as ledger,
        IhcClient(IhcApi("http://ihc.invalid/", KEY), ledger) as client,
        pytest.raises(IhcRequestError) as raised,
    ):
        client.attribute(journeys_of({"a": 1}))
    assert "cannot be sent: InvalidProxyURL: " in str(raised.value)
    assert raised.value.__context__ is None


def test_a_client_may_be_used_again_after_an_error() -> None:
    with (
        IhcEndpoint([status(403)]) as endpoint,
        empty_ledger() as ledger,
        IhcClient(quick_api(endpoint), ledger) as client,
    ):
        with pytest.raises(IhcAuthenticationError):
            client.attribute(journeys_of({"a": 1}))
        assert credited(client.attribute(journeys_of({"a": 2})), "a") == credit(2)
