"""Sends the events of webhooks, in a thread of the server: when, how often, and of one server of several.

What cannot be delivered is tried again, later each time. A server that was killed loses nothing: what it was about to
send is sent again, with the same id.
"""

import logging
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

from filelock import FileLock, Timeout

from attribution_assets.api.problems import log_error
from attribution_assets.api.restatements import note_restatements
from attribution_assets.api.webhook_sending import Try, send
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import State
from attribution_assets.operations.store import OperationStore
from attribution_assets.operations.webhooks import Delivery, Webhook, WebhookStore
from attribution_assets.settings import webhook_networks

log = logging.getLogger(__name__)

WAITS = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400)
"""Seconds before the second try, the third, ...: over 31 hours. Each is up to a fifth longer, by chance."""

MOST_AT_ONCE = 8
"""So many events are on their way at once, of each webhook one: who does not answer holds up no other."""

LOOK_SECONDS, TAKE_OVER_SECONDS = 0.5, 5.0
RESTATED_SECONDS = 15.0
"""How often reports are compared with what was told, besides at the end of each operation."""

TIDY_SECONDS = 3600.0
LOCK = "webhooks.lock"
_RESTATED = ""
"""Stands for the look at reports among the webhooks that are under way."""


class WebhookSender:
    """Sends events while its context is open.

    Args:
        home: Where the API keeps them.
        waits: Seconds before the second try of a delivery, the third, ...

    Raises:
        ConfigurationError: ATTRIBUTION_WEBHOOK_NETWORKS cannot be used.
    """

    def __init__(self, home: Home, waits: Sequence[float] = WAITS) -> None:
        self._home, self._store, self._waits = home, WebhookStore(home), waits
        self._networks = webhook_networks()
        self._under_way: dict[str, Future[None]] = {}
        self._over = Event()
        self._looked = self._tidied = float("-inf")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send events as long as the context is open; what is on its way then is sent again later."""
        thread = Thread(target=self._work, name="webhooks", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _work(self) -> None:
        lock = FileLock(self._home.folder / LOCK)
        while not lock.is_locked:
            try:
                lock.acquire(timeout=0)
            except Timeout:  # another server of this home sends them, until it ends
                if self._over.wait(TAKE_OVER_SECONDS):
                    return
        try:
            with ThreadPoolExecutor(MOST_AT_ONCE + 1, "webhooks") as pool:
                while not self._over.wait(LOOK_SECONDS):
                    self._look_anyway(pool)
        finally:
            lock.release()

    def _look_anyway(self, pool: ThreadPoolExecutor) -> None:
        try:
            self._look(pool)
        except Exception as error:  # noqa: BLE001 - the outermost place of the thread: it goes on
            log_error("webhooks cannot be looked at now", error)

    def _look(self, pool: ThreadPoolExecutor) -> None:
        self._under_way = {key: future for key, future in self._under_way.items() if not future.done()}
        if time.monotonic() - self._looked > RESTATED_SECONDS and _RESTATED not in self._under_way:
            self._looked = time.monotonic()
            self._under_way[_RESTATED] = pool.submit(self._look_for_restatements)
        if time.monotonic() - self._tidied > TIDY_SECONDS:
            self._tidied = time.monotonic()
            self._store.forget_old()
        for delivery, webhook in self._store.due(self._under_way):
            if len(self._under_way.keys() - {_RESTATED}) >= MOST_AT_ONCE:
                return
            self._under_way[webhook.id] = pool.submit(self._deliver, delivery, webhook)

    def _deliver(self, delivery: Delivery, webhook: Webhook) -> None:
        try:
            tried = send(delivery, webhook, self._networks, self._over)
        except Exception as error:  # noqa: BLE001 - it is tried again
            log.error("the event %s cannot be sent: %s", delivery.id, type(error).__name__)  # noqa: TRY400 - its text can hold the address
            tried = Try(None, "it cannot be sent; the server's log says more")
        if tried is None:
            return
        wait = self._waits[delivery.tries] if delivery.tries < len(self._waits) else None
        if tried.error and wait is None:
            log.warning("the event %s of the data set %s is given up: %s", delivery.id, webhook.data_set, tried.error)
        next_after = wait and wait * random.uniform(1, 1.2)  # noqa: S311 - so that not all are tried at once
        self._store.note_try(delivery.id, tried.status, tried.error, next_after)

    def _look_for_restatements(self) -> None:
        """Compare the reports of data sets with what was told of them: other runs than operations restate too."""
        operations = OperationStore(self._home)
        for data_set in sorted(self._store.told_of_restatements()):
            if self._over.is_set():
                return
            if not operations.some([data_set], State.RUNNING, None, 1):  # else it does so itself, at its end
                try:
                    note_restatements(self._home, data_set)
                except Exception as error:  # noqa: BLE001 - of whichever library: those of others can
                    log_error(f"the reports of the data set {data_set} cannot be looked at now", error)
