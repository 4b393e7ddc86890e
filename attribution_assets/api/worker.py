"""A process that carries out one operation, and notes how far it is: `main(id, lease)`."""

import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attribution_assets.api.problems import log_error, problem_of, unforeseen
from attribution_assets.command.interrupts import INTERRUPTED, ended_in_time
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import ERASE_USER, KeptOperation, State
from attribution_assets.operations.store import OperationStore
from attribution_assets.operations.webhooks import WebhookStore

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
    for number in (signal.SIGINT, signal.SIGTERM):  # Dagster gives SIGTERM the handler of SIGINT, which may be ignored
        signal.signal(number, signal.default_int_handler)
    operation = store.take(id_, lease)
    if operation is None:
        return
    state, result, problem = State.SUCCEEDED, None, None
    try:
        with _watched(store, operation, lease), ended_in_time():
            result = _carried_out(store, operation, lease)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is done: that is kept
    except KeyboardInterrupt:  # or what it led to: Dagster makes a failed run of it
        store.give_back(id_, lease)
        os._exit(INTERRUPTED)  # threads of libraries may still wait; all that matters has been written
    except Exception as error:  # noqa: BLE001 - the outermost place: whatever it is, it is how the operation ended
        state, problem = State.FAILED, problem_of(error) or unforeseen(error)
    _note_restatements(store, operation.data_set)
    store.end(id_, lease, state, result, problem.content if problem else None)
    if operation.kind == ERASE_USER:
        store.home.compact()
    gc.unfreeze()  # else libraries in C complain of what is left at the end


def _note_restatements(store: OperationStore, data_set: str) -> None:
    """Have webhooks told of days that were restated, before they are told that the operation has ended."""
    if data_set not in WebhookStore(store.home).told_of_restatements():
        return
    from attribution_assets.api.restatements import note_restatements  # noqa: PLC0415 - it loads what the work does

    try:
        note_restatements(store.home, data_set)
    except Exception as error:  # noqa: BLE001 - of whichever library: the operation has ended as it has
        log_error("restated days are told of later, by a server", error)


def _carried_out(store: OperationStore, operation: KeptOperation, lease: str) -> dict[str, Any]:
    gc.disable()  # as in the command: two thousand modules load now
    from attribution_assets.api.work import Noted, perform  # noqa: PLC0415 - after the lease has been taken

    gc.freeze()
    gc.enable()
    id_ = operation.id
    return perform(
        Noted(
            operation,
            lambda stage, done, of: store.note_progress(id_, lease, stage, done, of),
            lambda run_id: store.note_run(id_, lease, run_id),
        )
    )


@contextmanager
def _watched(store: OperationStore, operation: KeptOperation, lease: str) -> Iterator[None]:
    """Interrupt this process soon after the operation is to be canceled, or has been given to another one."""
    over, main_thread = threading.Event(), threading.get_ident()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if store.is_to_end(operation.id, lease):
                signal.pthread_kill(main_thread, signal.SIGTERM)  # what it waits for is broken off
                return

    threading.Thread(target=watch, name="cancellation", daemon=True).start()
    try:
        yield
    finally:
        over.set()
