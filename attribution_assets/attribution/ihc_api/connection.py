"""One POST to the IHC API: bytes out, decoded JSON back, or the exception that says what came between.

Here belongs what concerns HTTP and the key: the pooled session, time limits, proxies, which statuses and broken
connections are transient, and that the key goes to one address only and into no text. What the JSON means is in
`answers.py`; what is sent and how often in `client.py`.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from attribution_assets.attribution.ihc_api.account import is_on_loopback
from attribution_assets.attribution.ihc_api.errors import IhcApiError, IhcRequestError, IhcTransientError, failure
from attribution_assets.attribution.ihc_api.traffic import NO_ANSWER, TrafficCount
from attribution_assets.attribution.masking import masked, passwords_in

_MOST_SHOWN: Final = 300
"""Characters that are kept of what the API said."""
_CHUNK_BYTES: Final = 1 << 16


class IhcConnection:
    """A pooled HTTP session with one endpoint of the IHC API, for any number of threads.

    Proxies and certificates are taken from the environment as `requests` does, but once instead of with each request,
    and never a proxy for an address on this machine. Cookies and ~/.netrc are left alone.

    Args:
        url: full address of `compute_ihc`.
        api_key: the account's key.
        conv_type_id: conversion type.
        connections: how many are kept open, one for each request under way.
        timeouts_seconds: longest waits for a connection, and for an answer up to its last byte.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        conv_type_id: str,
        connections: int,
        timeouts_seconds: tuple[float, float],
    ) -> None:
        self._url, self._api_key = url, api_key
        self._connect_timeout, self._answer_timeout = timeouts_seconds
        session = requests.Session()
        session.headers.update({"Content-Type": "application/json", "x-api-key": api_key})
        session.params = {"conv_type_id": conv_type_id}
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        environment = session.merge_environment_settings(url, {}, None, None, None)
        session.verify = environment["verify"]
        session.proxies = {} if is_on_loopback(url) else environment["proxies"]
        self._passwords = [password for proxy in session.proxies.values() for password in passwords_in(proxy)]
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections))
        self._session = session

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def post(self, body: bytes, traffic: TrafficCount) -> object:
        """Send one body once.

        Args:
            body: what is sent.
            traffic: counts the try.

        Returns:
            The decoded JSON of the answer.

        Raises:
            IhcTransientError: no whole answer in time, a status of 408, 429 or 5xx, or JSON that cannot be read.
            IhcPermanentError: any other status that is not 2xx, or the request cannot be sent as it is.
        """
        status, headers, content = self._exchange(body, traffic)
        if not 200 <= status < 300:  # noqa: PLR2004 - 2xx is the name of this class
            words = self.shown(_message(content) or headers.get("Location", ""))
            raise failure(status, words, retry_after_seconds(headers.get("Retry-After"), datetime.now(UTC)))
        with suppress(ValueError, RecursionError):
            return json.loads(content)
        raise IhcTransientError(f"the answer of {len(content)} bytes is not readable JSON")

    def shown(self, said: object) -> str:
        """What the API said, fit to show: one line of at most 300 characters, without the key or a password."""
        text = "".join(character if character.isprintable() else " " for character in str(said))
        text = " ".join(masked(text, [self._api_key, *self._passwords]).split())
        return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…"

    def _exchange(self, body: bytes, traffic: TrafficCount) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and content of the answer to a body."""
        began, status = time.monotonic(), NO_ANSWER
        try:
            with self._session.post(
                self._url,
                data=body,
                timeout=(self._connect_timeout, self._answer_timeout),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = bytearray()
                # The timeout of requests bounds each wait for bytes, not their sum: a trickle could last for ever.
                while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                    content += chunk
                    if time.monotonic() > began + self._answer_timeout:
                        raise requests.ReadTimeout(f"not complete after {self._answer_timeout:g} s")
                status = str(response.status_code)
                return response.status_code, response.headers, bytes(content)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            fault = self._fault(error)
        finally:
            traffic.tried(status, time.monotonic() - began)
        raise fault  # not in the handler: what was caught holds the request, with the key in its headers

    def _fault(self, error: Exception) -> IhcApiError:
        """The error for a request that got no answer, named after the root of what was raised."""
        root: BaseException = error
        while cause := root.__cause__ or root.__context__:
            root = cause
        said = self.shown(f"{type(root).__name__}: {root}")
        if isinstance(error, ValueError):
            return IhcRequestError(f"the request cannot be sent: {said} (check IHC_API_URL and the proxy settings)")
        return IhcTransientError(f"no answer from {urlsplit(self._url).hostname}: {said}")


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, None if it is absent or unreadable.

    The header holds seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    if header is None:
        return None
    try:
        if header.strip().isdigit():
            return float(header)
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _message(content: bytes) -> object:
    """What the API says in an answer that is not 2xx: its `message`, or all of it."""
    with suppress(ValueError, RecursionError, TypeError, KeyError):
        return json.loads(content)["message"]
    return content.decode("utf-8", "replace")
