"""One POST to the IHC API: bytes out, decoded JSON back, or the exception that says what came between.

Here belongs what concerns HTTP and the key: the pooled session, proxies, which statuses and broken connections are
transient, and that the key goes to one address only and into no text. The bounds on time and bytes of an exchange are
in `exchange.py`; what the JSON means is in `answers.py`; what is sent and how often in `client.py`.
"""

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from threading import Event
from typing import Final
from urllib.parse import urlsplit

import requests

from attribution_assets.attribution.ihc_api.account import IhcApi, is_on_loopback
from attribution_assets.attribution.ihc_api.errors import (
    IhcAnswerError,
    IhcApiError,
    IhcRequestError,
    IhcTransientError,
    failure,
)
from attribution_assets.attribution.ihc_api.exchange import (
    BROKEN_ANSWER,
    BoundedAdapter,
    BoundedSession,
    ContentError,
    Exchange,
    GivenUpError,
    Received,
    UnknownEncodingError,
    received,
)
from attribution_assets.attribution.ihc_api.traffic import NO_ANSWER, TrafficCount
from attribution_assets.attribution.json_text import decoded_json
from attribution_assets.attribution.masking import masked, passwords_in

_MOST_SHOWN: Final = 300
"""Characters that are kept of what the API said."""
_CANNOT_BE_SENT: Final = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
"""Not transient: the address, or that of a proxy, is none, or the proxy needs what is not installed."""


class IhcConnection:
    """A pooled HTTP session with one endpoint of the IHC API, for any number of threads.

    Proxies and certificates are taken from the environment as `requests` does, but once instead of with each request,
    and never a proxy for an address on this machine. Cookies and ~/.netrc are left alone.

    Args:
        api: key, conversion type and time limits; one connection is kept open for each request under way.
        url: full address of `compute_ihc`, of the API or of what stands in for it.
    """

    def __init__(self, api: IhcApi, url: str) -> None:
        self._url, self._api_key, self._answer_seconds = url, api.api_key, api.answer_seconds
        self._timeouts = (api.connect_timeout_seconds, api.answer_seconds + 1)  # the exchange as a whole ends earlier
        session = BoundedSession()
        session.headers.update(
            {"Content-Type": "application/json", "Accept-Encoding": "gzip", "x-api-key": api.api_key}
        )
        session.params = {"conv_type_id": api.conv_type_id}
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        environment = session.merge_environment_settings(url, {}, None, None, None)
        session.verify = environment["verify"]
        session.proxies = {} if is_on_loopback(url) else environment["proxies"]
        self._passwords = [password for proxy in session.proxies.values() for password in passwords_in(proxy)]
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter(pool_connections=1, pool_maxsize=api.max_concurrent_requests))
        self._session = session

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def post(
        self,
        body: bytes,
        most_bytes: int,
        traffic: TrafficCount,
        interrupted: Event,
        conv_type_id: str | None = None,
    ) -> object:
        """Send one body once.

        Args:
            body: what is sent.
            most_bytes: no answer to it can be larger.
            traffic: counts the try.
            interrupted: gives up the exchange when it is set.
            conv_type_id: the conversion type; None for the account's.

        Returns:
            The decoded JSON of the answer.

        Raises:
            IhcTransientError: no whole answer in time, one that is too large, a status of 408, 429 or 5xx, or JSON that
                cannot be read.
            IhcPermanentError: any other status that is not 2xx, the request cannot be sent as it is, or the answer is
                compressed in a way that was not asked for.
            CancelledError: it was interrupted.
        """
        parameters = {"conv_type_id": conv_type_id} if conv_type_id is not None else {}
        answer = self._exchange(partial(self._sent, body, most_bytes, parameters), traffic, interrupted)
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - 2xx is the name of this class
            words = self.shown(_message(answer.content) or answer.headers.get("Location", ""))
            retry_after = retry_after_seconds(answer.headers.get("Retry-After"), datetime.now(UTC))
            raise failure(answer.status, words, retry_after)
        with suppress(ValueError, RecursionError):
            return decoded_json(answer.content)
        raise IhcTransientError(
            f"the answer of {len(answer.content)} bytes is not readable JSON (check IHC_API_URL if this lasts)"
        )

    def shown(self, said: object) -> str:
        """What the API said, fit to show: one line of at most 300 characters, without the key or a password."""
        try:
            text = "".join(character if character.isprintable() else " " for character in str(said))
        except (RecursionError, ValueError):  # JSON may be nested deeper, and hold longer numbers, than text can show
            text = "(nested too deeply to show)"
        text = " ".join(masked(text, [self._api_key, *self._passwords]).split())
        return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"

    def _exchange(self, sent: Callable[[], Received], traffic: TrafficCount, interrupted: Event) -> Received:
        """The answer to what is sent."""
        began, status = time.monotonic(), NO_ANSWER
        try:
            answer = Exchange(sent).result(self._answer_seconds, interrupted)
            status = str(answer.status)
        except GivenUpError as error:
            fault: Exception = (
                CancelledError() if interrupted.is_set() else self._no_answer(f"{error} (IHC_ANSWER_SECONDS)")
            )
        except (*BROKEN_ANSWER, ContentError) as error:
            fault = self._fault(error)
        else:
            return answer
        finally:
            traffic.tried(status, time.monotonic() - began)
        raise fault  # not in the handler: what was caught holds the request, with the key in its headers

    def _sent(self, body: bytes, most_bytes: int, parameters: Mapping[str, str]) -> Received:
        """Send a body and read the answer, without a bound on the time that it takes."""
        with self._session.post(
            self._url, params=parameters, data=body, timeout=self._timeouts, allow_redirects=False, stream=True
        ) as response:
            return received(response, most_bytes)

    def _fault(self, error: Exception) -> IhcApiError:
        """The error for a request that got no answer, named after the root of what was raised."""
        root: BaseException = error
        while cause := root.__cause__ or root.__context__:
            root = cause
        said = self.shown(str(root) if isinstance(error, ContentError) else f"{type(root).__name__}: {root}")
        if (
            isinstance(error, _CANNOT_BE_SENT) or type(error) is OSError
        ):  # the latter: a file of certificates is missing
            return IhcRequestError(f"the request cannot be sent: {said} (check IHC_API_URL and the proxy settings)")
        if isinstance(error, UnknownEncodingError):
            return IhcRequestError(f"the answer is compressed as {said}, which was not asked for (check IHC_API_URL)")
        if isinstance(error, ContentError):
            return IhcAnswerError(f"the answer cannot be read: {said} (check IHC_API_URL if this lasts)")
        return self._no_answer(said)

    def _no_answer(self, why: str) -> IhcTransientError:
        return IhcTransientError(f"no answer from {urlsplit(self._url).hostname}: {why}")


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, None if it is absent or unreadable.

    The header holds seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    if header is None:
        return None
    if (seconds := header.strip()).isascii() and seconds.isdigit():
        return float(seconds)
    try:
        at = parsedate_to_datetime(header)
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):  # whichever step of the parser the text trips
        return None


def _message(content: bytes) -> object:
    """What the API says in an answer that is not 2xx: its `message`, or all of it."""
    with suppress(ValueError, RecursionError, TypeError, KeyError):
        return json.loads(content)["message"]
    return content.decode("utf-8", "replace")
