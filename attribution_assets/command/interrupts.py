"""SIGINT and SIGTERM end a run of the command within two seconds, whatever it is doing.

Both raise KeyboardInterrupt in the main thread, so that what is under way is given up and recorded. But Python raises
it between two steps of its own, not while a library computes or waits, or while the process waits for its threads at
its end. So a thread is told of each signal as it arrives, and ends the process if it still runs a little later, as a
kill would. Nor does the process collect garbage at its end, which takes a second with all that is loaded.
"""

import atexit
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

END_SECONDS = 1.5
"""How long what is under way has to end by itself."""

INTERRUPTED = 128 + signal.SIGINT
"""The exit code, as shells have it."""


@contextmanager
def ended_in_time() -> Iterator[None]:
    """End this process soon after SIGINT or SIGTERM as long as the context is open; in the main thread only.

    Raises:
        KeyboardInterrupt: A signal came; also in place of the errors that it led to.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, telling = socket.socketpair()
    telling.settimeout(0)  # as Python asks for
    signalled, over = threading.Event(), threading.Event()
    threading.Thread(target=_watch, args=[told, signalled, over], name="interrupts", daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the first process of a container ignores it
    before, ends = signal.set_wakeup_fd(telling.fileno()), False
    try:
        yield
    except KeyboardInterrupt:
        ends = True
        raise
    except Exception:
        ends = signalled.is_set()
        if ends:  # what it broke off has failed
            raise KeyboardInterrupt from None
        raise
    finally:
        if ends:
            atexit.register(os._exit, INTERRUPTED)  # the output has been flushed; the thread still watches
        else:
            over.set()
            signal.set_wakeup_fd(before)
            telling.close()


def _watch(told: socket.socket, signalled: threading.Event, over: threading.Event) -> None:
    with told:
        while number := told.recv(1):
            if number[0] in {signal.SIGINT, signal.SIGTERM}:
                signalled.set()
                if not over.wait(END_SECONDS):
                    os._exit(INTERRUPTED)
