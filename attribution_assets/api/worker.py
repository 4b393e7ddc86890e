"""A process that carries out one operation, and notes how far it is: `main(id, lease)`."""

import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from attribution_assets.api.problems import Problem, problem_of, unforeseen
from attribution_assets.command.interrupts import INTERRUPTED, ended_in_time
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import ERASE_USER, KeptOperation, State
from attribution_assets.operations.store import OperationStore

LOOK_SECONDS = 0.5


def main(id_: str, lease: str) -> None:
    """Carry out an operation that was leased to this process; nothing if the lease holds no more.

    SIGTERM gives it back, to be carried out again; so does a kill, once that is found.

    Args:
        id_: The operation.
        lease: The lease.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    store = OperationStore(Home.from_environment())
    operation = store.take(id_, lease)
    if operation is None:
        return
    error: Problem | None = None
    result: dict[str, object] | None = None
    try:
        with ended_in_time(), _watched(store, operation, lease):  # what an interrupt breaks off has not failed
            result = _perform(store, operation, lease)
    except KeyboardInterrupt:
        store.give_back(id_, lease)
        os._exit(INTERRUPTED)  # threads of libraries may still wait; all that matters has been written
    except Exception as failure:  # noqa: BLE001 - the outermost place: whatever it is, it is how the operation ended
        error = problem_of(failure) or unforeseen(failure)
    state = State.FAILED if error else State.SUCCEEDED
    store.end(id_, lease, state, result, error.content if error else None)
    if operation.kind == ERASE_USER:
        store.home.compact()
    gc.unfreeze()  # else libraries in C complain of what is left at the end


def _perform(store: OperationStore, operation: KeptOperation, lease: str) -> dict[str, object]:
    gc.disable()  # as in the command: two thousand modules load now
    from attribution_assets.api.work import Noted, perform  # noqa: PLC0415 - after the lease has been taken

    gc.freeze()
    gc.enable()
    id_ = operation.id
    noted = Noted(
        operation,
        lambda stage, done, of: store.note_progress(id_, lease, stage, done, of),
        lambda run_id: store.note_run(id_, lease, run_id),
    )
    return perform(noted)


@contextmanager
def _watched(store: OperationStore, operation: KeptOperation, lease: str) -> Iterator[None]:
    """Interrupt this process soon after the operation is to be canceled, or has been given to another one."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if store.is_to_end(operation.id, lease):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, name="cancellation", daemon=True).start()
    try:
        yield
    finally:
        over.set()
