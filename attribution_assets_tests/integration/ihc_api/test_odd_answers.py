"""Answers of the API that are no good HTTP, or too large: asked for again or explained, never a Python error."""

import gzip
import resource
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.answers import check_answer, most_answer_bytes
from attribution_assets.attribution.ihc_api.connection import IhcConnection, retry_after_seconds
from attribution_assets.attribution.ihc_api.errors import IhcApiError, IhcRequestError, IhcTransientError
from attribution_assets.attribution.ihc_api.traffic import TrafficCount
from attribution_assets_tests.support.ihc_endpoint import KEY, credit
from attribution_assets_tests.support.ihc_journeys import attribute, credited
from attribution_assets_tests.support.raw_endpoint import RawEndpoint, endless, good_answer, http

ASKED = [("a", "a-1"), ("a", "a-2")]
SLOW_DOWN = b"429 Too Many Requests"
MEGABYTE = 1 << 20
CHUNKED = b"Transfer-Encoding: chunked"

GOOD = {
    "a length": http(),
    "the end of the connection": http(length=False),
    "chunks": http(CHUNKED, content=b"%x\r\n%b\r\n0\r\n\r\n" % (len(good_answer()), good_answer()), length=False),
    "gzip": http(b"Content-Encoding: gzip", content=gzip.compress(good_answer())),
    "gzip by another name": http(b"content-encoding: X-GZIP", content=gzip.compress(good_answer())),
    "gzip in two parts": http(
        b"Content-Encoding: gzip", content=gzip.compress(good_answer()[:50]) + gzip.compress(good_answer()[50:])
    ),
    "identity": http(b"Content-Encoding: identity"),
    "interim responses": b"HTTP/1.1 100 Continue\r\n\r\n" * 3
    + b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    + http(),
    "an unknown charset": http(b"Content-Type: application/json; charset=klingon-8"),
    "headers that are no UTF-8": http(b"X-Served-By: M\xfcnchen \xff\xfe"),
    "a header line that is none": http(b"no colon here", length=False),
    "odd cookies": http(b"Set-Cookie: \xff=\x01; expires=Fri, 99 Foo 99999 99:99:99 ZZZ; max-age=-1e9"),
    "the same length twice": http(b"Content-Length: %d" % len(good_answer())),
    "UTF-16": http(content=good_answer().decode().encode("utf-16")),
}
TRANSIENT = {
    "Retry-After of a day that is none": http(b"Retry-After: Fri, 31 Feb 2100 25:61:61 GMT", status=SLOW_DOWN),
    "Retry-After of a zone that is none": http(b"Retry-After: Fri, 31 Dec 2100 23:59:59 +9999999999", status=SLOW_DOWN),
    "Retry-After of the year 1": http(b"Retry-After: Mon, 01 Jan 0001 00:00:00 +1400", status=SLOW_DOWN),
    "Retry-After of the year 10000": http(b"Retry-After: Mon, 01 Jan 10000 00:00:00 GMT", status=SLOW_DOWN),
    "Retry-After below 0": http(b"Retry-After: -5", status=SLOW_DOWN),
    "Retry-After of 5,000 digits": http(b"Retry-After: " + b"9" * 5000, status=SLOW_DOWN),
    "Retry-After that is no ASCII": http(b"Retry-After: \xb2\xb3", status=SLOW_DOWN),
    "Retry-After twice": http(b"Retry-After: 1", b"Retry-After: 2", status=SLOW_DOWN),
    "a status line that is none": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a status that is no number": b"HTTP/1.1 two hundred\r\n\r\n",
    "a status of four digits": http(status=b"2000 OK"),
    "another version": b"HTTP/7.7 200 OK\r\n\r\n",
    "nothing": b"",
    "two lengths": http(b"Content-Length: 7"),
    "two lengths in one": http(b"Content-Length: 7, 8", length=False),
    "a length that is too large": http(b"Content-Length: 99999999", length=False),
    "a chunk's size that is no number": http(CHUNKED, content=b"zz\r\nabc\r\n0\r\n\r\n", length=False),
    "a chunk's size below 0": http(CHUNKED, content=b"-1\r\nabc\r\n0\r\n\r\n", length=False),
    "a chunk that breaks off": http(CHUNKED, content=b"ff\r\nabc", length=False),
    "200 headers": http(*[b"X-%d: y" % number for number in range(200)]),
    "a header of 100,000 bytes": http(b"X: " + b"y" * 100_000),
    "500 whose content breaks off": http(status=b"500 Oh", content=b"").replace(b"Length: 0", b"Length: 9"),
    "500 in brotli": http(b"Content-Encoding: br", status=b"500 Oh", content=b"\xff" * 9),
    "500 without end": endless(b"x" * 1000, before=b"HTTP/1.1 500 Oh\r\n\r\n"),
    "an answer that is too large": http(content=b" " * MEGABYTE),
    "an answer without end": endless(b" " * 1000, before=b"HTTP/1.1 200 OK\r\n\r\n"),
    "gzip of something large": http(b"Content-Encoding: gzip", content=gzip.compress(b" " * MEGABYTE)),
    "gzip of nothing without end": endless(
        b"\x00\x00\x00\xff\xff", before=b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10]
    ),
    "gzip that breaks off": http(b"Content-Encoding: gzip", content=gzip.compress(good_answer())[:-9]),
    "gzip that is none": http(b"Content-Encoding: gzip"),
    "gzip with a wrong sum": http(b"Content-Encoding: gzip", content=gzip.compress(good_answer())[:-8] + bytes(8)),
    "JSON nested deeply": http(content=b"[" * 50_000),
    "JSON nested as deeply as Python reads it": http(content=b'{"a":' * 900 + b"1" + b"}" * 900),
    "a number of 5,000 digits": http(content=good_answer().replace(b"200", b"9" * 5000)),
    "a status of 4,000 digits": http(content=good_answer().replace(b"200", b"9" * 4000)),
    "credit that is no number": http(content=good_answer().replace(b"0.5", b"NaN")),
    "content that is no UTF-8": http(content=b'{"statusCode": "\xff\xfe"}'),
}
PERMANENT = {
    "Location that is none": (http(b"Location: http://[::1", status=b"302 Found"), "answered 302"),
    "Location that is no UTF-8": (http(b"Location: \xff\xfe", status=b"301 Moved"), "answered 301"),
    "Location of a host that is none": (http(b"Location: http://\x01\xff:abc/", status=b"308 Moved"), "answered 308"),
    "redirect without end": (
        endless(b"x" * 1000, before=b"HTTP/1.1 307 Moved\r\nLocation: /v2\r\n\r\n"),
        "answered 307: /v2",
    ),
    "404 that is no UTF-8": (http(status=b"404 No", content=b"\xff\xfe\x00"), "answered 404"),
    "brotli": (http(b"Content-Encoding: br", content=b"\x0b"), "compressed as br, which was not asked for"),
    "zstd": (http(b"Content-Encoding: zstd", content=b"\x28"), "compressed as zstd"),
    "deflate": (http(b"Content-Encoding: deflate", content=zlib.compress(good_answer())), "compressed as deflate"),
    "gzip twice": (
        http(b"Content-Encoding: gzip, gzip", content=gzip.compress(gzip.compress(good_answer()))),
        "compressed as gzip, gzip",
    ),
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD.keys())
def test_an_answer_is_taken_however_it_is_sent(answer: bytes) -> None:
    with RawEndpoint([answer]) as endpoint:
        attribution = attribute(endpoint, {"a": 2}, max_tries=1)
    assert credited(attribution, "a") == credit(2)


@pytest.mark.parametrize("answer", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_an_odd_answer_is_asked_for_again(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with RawEndpoint([answer, http()]) as endpoint:
        attribution = attribute(endpoint, {"a": 2}, answer_seconds=20)
    assert credited(attribution, "a") == credit(2)
    assert (attribution.retries, endpoint.requests, endpoint.open_connections) == (1, 2, 0)
    assert caplog.records == []

    with RawEndpoint([answer]) as endpoint, pytest.raises(IhcTransientError, match="gave up after 2 tries") as raised:
        attribute(endpoint, {"a": 2}, answer_seconds=20, max_tries=2)
    assert len(str(raised.value)) < 500
    assert str(raised.value).isprintable()
    assert raised.value.__context__ is None


@pytest.mark.parametrize(("answer", "message"), PERMANENT.values(), ids=PERMANENT.keys())
def test_an_answer_that_is_not_the_apis_ends_with_what_to_check(answer: bytes, message: str) -> None:
    with RawEndpoint([answer]) as endpoint, pytest.raises(IhcRequestError) as raised:
        attribute(endpoint, {"a": 2})
    assert message in str(raised.value)
    assert str(raised.value).endswith("check IHC_API_URL)")
    assert str(raised.value).isprintable()
    assert endpoint.requests == 1


def test_256_megabytes_in_a_quarter_of_one_of_gzip_take_no_memory() -> None:
    bomb = gzip.compress(bytes(256 * MEGABYTE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (
        RawEndpoint([http(b"Content-Encoding: gzip", content=bomb)]) as endpoint,
        pytest.raises(IhcTransientError, match="the answer cannot be read: more than 6"),
    ):
        attribute(endpoint, {"a": 2}, max_tries=2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 50 * 1024  # KB


@given(header=st.one_of(st.text(), st.from_regex(r"\A[A-Z][a-z]{2}, ?\d{1,2} [A-Z][a-z]{2} \d{1,5} [-:+\d ]{0,12}")))
def test_any_retry_after_is_a_number_of_seconds_or_nothing(header: str) -> None:
    seconds = retry_after_seconds(header, datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert seconds is None or seconds >= 0


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good answer in which some bytes have been replaced, left out or repeated, or header lines been added."""
    answer = draw(st.sampled_from([*GOOD.values()]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(answer)))
        end = draw(st.integers(start, min(start + 40, len(answer))))
        new = draw(st.one_of(st.binary(max_size=20), st.just(answer[start:end] * 2), _HEADER_LINES))
        answer = answer[:start] + new + answer[end:]
    return answer


_HEADER_NAMES = ["Content-Length", "Transfer-Encoding", "Content-Encoding", "Location", "Retry-After", "Set-Cookie"]
_HEADER_LINES = st.builds(
    lambda name, text: b"\r\n" + name.encode() + b": " + text + b"\r\n",
    st.sampled_from([*_HEADER_NAMES, "Connection", "Content-Type", "Trailer", "Upgrade"]),
    st.one_of(st.binary(max_size=12), st.sampled_from([b"-1", b"0", b"7, 8", b"chunked", b"gzip", b"br", b"close"])),
)


@pytest.fixture(scope="module")
def raw_endpoint() -> Iterator[RawEndpoint]:
    with RawEndpoint([http()]) as endpoint:
        yield endpoint


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answer=damaged())
def test_a_damaged_answer_is_credit_or_one_of_the_clients_own_errors(raw_endpoint: RawEndpoint, answer: bytes) -> None:
    raw_endpoint.answer_with(answer)
    connection = IhcConnection(IhcApi(raw_endpoint.url, KEY, answer_seconds=20), raw_endpoint.url)
    try:
        said = connection.post(b"{}", most_answer_bytes(2, 500), TrafficCount(), Event())
        checked = check_answer(ASKED, said, connection.shown)
    except IhcApiError as error:
        shown = str(error)
    else:
        shown = str(checked.outcome)
    finally:
        connection.close()
    assert shown.isprintable()
