"""Has operations carried out: a process for each, so many at a time, those of one data set in turn."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from attribution_assets.api.problems import log_error
from attribution_assets.errors import RunRejectedError
from attribution_assets.operations.store import OperationStore
from attribution_assets.operations.worker_process import start_worker

MOST_WORKERS = 4
LOOK_SECONDS = 0.25
END_SECONDS = 8.0
LOCK = "workers.lock"


class Workers:
    """The processes that carry out operations.

    Args:
        store: The operations.
        most: How many run at a time.
    """

    def __init__(self, store: OperationStore, most: int = MOST_WORKERS) -> None:
        self._store, self._most = store, most
        self._processes: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Carry out operations as long as the context is open; then what is under way is given back.

        Raises:
            RunRejectedError: Another server does it already.
        """
        lock = FileLock(self._store.home.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RunRejectedError(
                "another server carries out the operations of this ATTRIBUTION_API_HOME: end it, or give this one"
                " another"
            ) from None
        thread = threading.Thread(target=self._carry_out, name="workers", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._end()
            lock.release()

    def _carry_out(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - the outermost place of the thread: it goes on
                log_error("operations cannot be looked at now", error)

    def _look(self) -> None:
        for lease, (id_, process) in list(self._processes.items()):
            if process.poll() is not None:
                del self._processes[lease]
                self._store.give_back(id_, lease, killed=True)  # nothing, if it has said how it ended
        self._store.give_back_killed(self._processes)
        while not self._over.is_set() and (leased := self._store.lease_next(self._most)):
            id_, lease = leased
            self._processes[lease] = id_, start_worker(id_, lease)

    def _end(self) -> None:
        for _, process in self._processes.values():
            process.terminate()
        for lease, (id_, process) in self._processes.items():
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._store.give_back(id_, lease)
