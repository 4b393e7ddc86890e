"""Writes answers into the ledger: answers that arrive during a transaction are written together in the next one.

Transactions run one at a time, and each waits for the disk. With a transaction per request, a disk that takes 10 ms
would limit a client to 100 requests per second. The SQL is in `ledger.py`.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock

import tenacity

from attribution_assets.attribution.ledger.ledger import AnsweredRequest
from attribution_assets.attribution.ledger.tables import LedgerError


class LedgerWriter:
    """Writes answers, grouped into transactions. For any number of threads.

    Args:
        keep: writes the answers to some requests in one transaction, see `Ledger.keep`.
    """

    def __init__(self, keep: Callable[[Sequence[AnsweredRequest], Event | None], None]) -> None:
        self._keep = keep
        self._waiting: SimpleQueue[tuple[AnsweredRequest, Future[None]]] = SimpleQueue()
        self._turn = Lock()

    def keep(self, answered: AnsweredRequest, interrupted: Event | None = None) -> None:
        """Write the answers to a request; returns when they are written, possibly by another thread.

        Args:
            answered: the answers to a request.
            interrupted: once it is set, other writers are waited for no longer.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        kept: Future[None] = Future()
        self._waiting.put((answered, kept))
        with self._turn:
            if not kept.done():
                self._write_waiting_answers(interrupted)
        kept.result()

    def keep_trying(self, answered: AnsweredRequest, seconds: float, interrupted: Event) -> None:
        """The same, again every second while the ledger cannot be written.

        Args:
            answered: the answers to a request.
            seconds: how long it is tried.
            interrupted: ends it, and the waiting for other writers.

        Raises:
            LedgerError: the ledger could not be written to the end.
        """
        trying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(LedgerError),
            stop=tenacity.stop_after_delay(seconds) | tenacity.stop_when_event_set(interrupted),
            wait=tenacity.wait_fixed(1),
            sleep=tenacity.sleep_using_event(interrupted),
            reraise=True,
        )
        trying(self.keep, answered, interrupted)

    def _write_waiting_answers(self, interrupted: Event | None) -> None:
        together: list[tuple[AnsweredRequest, Future[None]]] = []
        with suppress(Empty):
            while True:
                together.append(self._waiting.get_nowait())
        if not self._written(together, interrupted) and len(together) > 1:
            for one in together:  # one at a time, so that an error in one of them does not stop the others
                self._written([one], interrupted)

    def _written(self, together: Sequence[tuple[AnsweredRequest, Future[None]]], interrupted: Event | None) -> bool:
        try:
            self._keep([answered for answered, _ in together], interrupted)
        except BaseException as error:  # noqa: BLE001  the waiting thread gets any error by its future
            if len(together) == 1:
                together[0][1].set_exception(error)
            return False
        for _, kept in together:
            kept.set_result(None)
        return True
