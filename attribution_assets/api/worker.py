"""A process that carries out one operation, and notes how far it is: `main(id, lease)`."""

import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from attribution_assets.api.problems import Problem, problem_of, unforeseen
from attribution_assets.operations.home import Home
from attribution_assets.operations.store import ERASE_USER, KeptOperation, OperationStore, State

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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    operation = store.take(id_, lease)
    if operation is None:
        return
    try:
        with _watched(store, operation, lease):
            state, result, error = _carried_out(store, operation, lease)
    except KeyboardInterrupt:
        store.give_back(id_, lease)
        os._exit(130)  # threads of libraries may still wait; all that matters has been written
    store.end(id_, lease, state, result, error.content if error else None)
    if operation.kind == ERASE_USER:
        store.home.compact()
    gc.unfreeze()  # else libraries in C complain of what is left at the end


def _carried_out(
    store: OperationStore, operation: KeptOperation, lease: str
) -> tuple[State, dict[str, object] | None, Problem | None]:
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
    try:
        return State.SUCCEEDED, perform(noted), None
    except Exception as error:  # noqa: BLE001 - the outermost place: whatever it is, it is how the operation ended
        return State.FAILED, None, problem_of(error) or unforeseen(error)


@contextmanager
def _watched(store: OperationStore, operation: KeptOperation, lease: str) -> Iterator[None]:
    """Interrupt this process soon after the operation is to be canceled, or has been given to another one."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if store.is_to_end(operation.id, lease):
                signal.raise_signal(signal.SIGTERM)
                if not over.wait(END_SECONDS):
                    store.give_back(operation.id, lease)
                    os._exit(130)
                return

    threading.Thread(target=watch, name="cancellation", daemon=True).start()
    try:
        yield
    finally:
        over.set()


END_SECONDS = 5.0
"""How long what is under way has to end by itself once it is interrupted."""
