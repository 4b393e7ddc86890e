"""One try to send a webhook's event: signed as Standard Webhooks has it, and never to an address that is not allowed.

The address that is checked is the one that is connected to, whatever the name resolves to next. No redirect is followed
and no proxy is used, since both would lead elsewhere. When what is sent, and how often, is in `webhook_sender.py`.
"""

import base64
import hmac
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from attribution_assets.attribution.ihc_api.exchange import (
    BROKEN_ANSWER,
    BoundedAdapter,
    BoundedSession,
    Exchange,
    GivenUpError,
)
from attribution_assets.operations.webhooks import SECRET_BEGINS, Delivery, Webhook

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]

ANSWER_SECONDS = 15.0
CONNECT_SECONDS = 5.0
NOT_ALLOWED = "its address is not public, and not in ATTRIBUTION_WEBHOOK_NETWORKS"
NOT_ALLOWED_PLAIN = "http:// goes into ATTRIBUTION_WEBHOOK_NETWORKS only: give an address with https://"


class NotSentError(Exception):
    """Nothing was sent; its text says why, and names no address."""


@dataclass(frozen=True)
class Try:
    """How a try went.

    Attributes:
        status: the HTTP status of the answer; None if there was none.
        error: why it failed; None if it did not.
    """

    status: int | None
    error: str | None


def may_be_called(address: str, networks: Networks, *, tls: bool) -> bool:
    """Whether events may be sent to an IP address: a public one over TLS, or one in the networks that are allowed."""
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    if any((mapped or found) in network for network in networks):
        return True
    return tls and _is_public(found)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is on the Internet, and stands for no IPv4 address that may not be."""
    if isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo or address.is_site_local):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def signature(secret: str, id_: str, seconds: int, body: bytes) -> str:
    """The header `webhook-signature` of a body that is sent at a time, in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(SECRET_BEGINS))
    digest = hmac.digest(key, f"{id_}.{seconds}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def send(delivery: Delivery, webhook: Webhook, networks: Networks, interrupted: Event) -> Try | None:
    """Send an event once.

    Args:
        delivery: The event.
        webhook: Where it goes, and what it is signed with.
        networks: Networks besides public addresses that it may go into.
        interrupted: Gives up when it is set.

    Returns:
        How it went; None if it was interrupted.
    """
    body, seconds = delivery.body.encode(), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "attribution-assets",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature(webhook.secret, delivery.id, seconds, body),
    }
    try:
        status = Exchange(partial(_posted, webhook.url, headers, body, networks)).result(ANSWER_SECONDS, interrupted)
    except GivenUpError:
        return None if interrupted.is_set() else Try(None, f"it did not answer within {ANSWER_SECONDS:g} s")
    except NotSentError as error:
        return Try(None, str(error))
    except requests.exceptions.SSLError:
        return Try(None, "TLS failed: is its certificate one that others trust?")
    except BROKEN_ANSWER:
        return Try(None, "it cannot be reached, or gave no answer")
    accepted = 200 <= status < 300  # noqa: PLR2004 - 2xx is the name of this class
    return Try(status, None if accepted else f"it answered {status}")


def _posted(url: str, headers: dict[str, str], body: bytes, networks: Networks) -> int:
    """The status of the answer to a POST; its content is not read."""
    with BoundedSession() as session:
        session.verify = session.merge_environment_settings(url, {}, None, None, None)["verify"]
        session.trust_env = False
        for scheme in ("http", "https"):
            session.mount(f"{scheme}://", _Adapter(partial(may_be_called, networks=networks, tls=scheme == "https")))
        timeouts = (CONNECT_SECONDS, ANSWER_SECONDS + 1)  # the exchange as a whole ends earlier
        with session.post(url, body, headers=headers, timeout=timeouts, stream=True, allow_redirects=False) as answer:
            return answer.status_code


class _CheckedAdapter(HTTPAdapter):
    """Makes connections to addresses alone that are allowed."""

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self._allows = allows
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the base class has it
        super().init_poolmanager(*args, **kwargs)
        manager: Any = self.poolmanager
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": _checked(pool.ConnectionCls, self._allows)})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }


class _Adapter(BoundedAdapter, _CheckedAdapter):
    """The same, whose exchanges can be given up at any point."""


def _checked(connection_class: Any, allows: Callable[[str], bool]) -> type:  # noqa: ANN401 - either scheme's
    """A connection class of urllib3 that looks its name up once, and connects to what it has checked."""

    class Checked(connection_class):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            try:
                found = socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                raise NotSentError("its name is not known") from None
            allowed = [str(address[0]) for *_, address in found if allows(str(address[0]))]
            if not allowed:
                raise NotSentError(NOT_ALLOWED)
            return _connected(allowed, self.port)

    return Checked


def _connected(addresses: Sequence[str], port: int) -> socket.socket:
    """A connection to the first of some IP addresses that can be reached."""
    *others, last = dict.fromkeys(addresses)
    for address in others:
        try:
            return socket.create_connection((address, port), CONNECT_SECONDS)
        except OSError:
            continue
    return socket.create_connection((last, port), CONNECT_SECONDS)
