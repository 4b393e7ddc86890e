"""Answers on their way into the ledger: those that come while others are being written share the next transaction.

A transaction ends when the disk has it, and there is one at a time: with one for each answer, a disk that takes 10 ms
would let no more than 100 requests a second through.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock

from attribution_assets.attribution.ledger.ledger import AnsweredRequest


class LedgerWriter:
    """Writes answers; for any number of threads.

    Args:
        keep: writes the answers to some requests in one transaction.
    """

    def __init__(self, keep: Callable[[Sequence[AnsweredRequest]], None]) -> None:
        self._keep = keep
        self._waiting: SimpleQueue[tuple[AnsweredRequest, Future[None]]] = SimpleQueue()
        self._turn = Lock()

    def keep(self, answered: AnsweredRequest) -> None:
        """Return when the answers to a request have been written.

        Raises:
            LedgerError: they have not, as the ledger cannot be written.
        """
        kept: Future[None] = Future()
        self._waiting.put((answered, kept))
        with self._turn:
            if not kept.done():
                self._write_what_waits()
        kept.result()

    def _write_what_waits(self) -> None:
        together: list[tuple[AnsweredRequest, Future[None]]] = []
        with suppress(Empty):
            while True:
                together.append(self._waiting.get_nowait())
        if not self._written(together) and len(together) > 1:
            for one in together:  # what is wrong with one of them must not keep the others out
                self._written([one])

    def _written(self, together: Sequence[tuple[AnsweredRequest, Future[None]]]) -> bool:
        try:
            self._keep([answered for answered, _ in together])
        except BaseException as error:  # noqa: BLE001  whatever it is, those who wait hear of it
            if len(together) == 1:
                together[0][1].set_exception(error)
            return False
        for _, kept in together:
            kept.set_result(None)
        return True
