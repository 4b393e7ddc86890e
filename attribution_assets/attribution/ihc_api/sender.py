"""What requests are sent by, and where to: the IHC API, or a service that stands in for it; nothing starts unneeded."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from threading import Lock

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.connection import IhcConnection
from attribution_assets.attribution.ihc_api.retries import IhcRequests, RequestBudget
from attribution_assets.attribution.ihc_api.traffic import TrafficCount


@dataclass(frozen=True)
class StandIn:
    """A service that answers in place of the API.

    Attributes:
        name: what it and its version are called in the ledger.
        start: runs it as long as the context is open, and gives the full URL of its `compute_ihc`.
        names: the same of conversion types for which it has another version.
    """

    name: str
    start: Callable[[], AbstractContextManager[str]]
    names: Mapping[str, str] = field(default_factory=dict)


class Sender:
    """Connects when the first request is to be sent, and starts the stand-in then; for any number of threads.

    Args:
        api: where and how the API is called.
        budget: how many requests may be made.
        traffic: counts the tries.
        stand_in: what answers in place of the API at `api.url`, if anything does.
    """

    def __init__(self, api: IhcApi, budget: RequestBudget, traffic: TrafficCount, stand_in: StandIn | None) -> None:
        self._api, self._budget, self._traffic, self._stand_in = api, budget, traffic, stand_in
        self._open = ExitStack()
        self._requests: IhcRequests | None = None
        self._starting = Lock()

    def ready(self) -> IhcRequests:
        """What sends the requests, connected."""
        with self._starting:
            if self._requests is None:
                api = self._api
                url = self._open.enter_context(self._stand_in.start()) if self._stand_in else api.url
                connection = IhcConnection(api, url)
                self._open.callback(connection.close)
                sending = IhcRequests(api, connection, self._budget, self._traffic)
                self._requests = self._open.enter_context(closing(sending))
            return self._requests

    def close(self) -> None:
        """Close the connections, and end the stand-in."""
        self._open.close()
