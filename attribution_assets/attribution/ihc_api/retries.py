"""Requests to the IHC API: a bounded number at once, each repeated until it is answered, all within a budget.

Here belongs how often and how long a request is repeated, and what becomes of the others when one fails. One POST is
made in `connection.py`, what an answer means is in `answers.py`, which journeys are asked for in `client.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed, wait
from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Event, Lock
from typing import Any, Final

import tenacity

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.answers import CheckedAnswer, check_answer, most_answer_bytes
from attribution_assets.attribution.ihc_api.connection import IhcConnection
from attribution_assets.attribution.ihc_api.errors import IhcApiError, IhcPermanentError, IhcTransientError
from attribution_assets.attribution.ihc_api.traffic import TrafficCount
from attribution_assets.attribution.json_text import encoded_json

_PREPARED_PER_SLOT: Final = 2
"""Threads per request that may be under way: while some wait for answers, the others encode, check and keep."""


class RequestBudget:
    """How many requests may be made, each try counted; for any number of threads.

    Args:
        requests: the number; None for any.

    Attributes:
        made: how many have been made.
        exceeded: whether one more was wanted than may be made.
    """

    def __init__(self, requests: int | None) -> None:
        self._requests = requests
        self._lock = Lock()
        self.made = 0
        self.exceeded = False

    def allows_one_more(self) -> bool:
        """Count one more request, if it may be made."""
        with self._lock:
            self.exceeded = self._requests is not None and self.made >= self._requests
            self.made += not self.exceeded
            return not self.exceeded


class Stop:
    """Tells the threads that attribute something to stop.

    Attributes:
        stopped: set when nothing more is to be sent.
        interrupted: set when what is under way is to be given up too; `stopped` is set then.
    """

    def __init__(self) -> None:
        self.stopped, self.interrupted = Event(), Event()

    def interrupt(self) -> None:
        """Set both."""
        self.interrupted.set()
        self.stopped.set()

    def after(self, error: BaseException) -> None:
        """Stop after an error; if it is no ordinary one but breaks the caller off, as SIGINT does, interrupt."""
        if isinstance(error, Exception):
            self.stopped.set()
        else:
            self.interrupt()


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        touchpoints: gives what it asks for, as it is sent.
        answered: takes in its answer, in the thread that got it and before anything else happens there.
        conv_type_id: the conversion type that it is for; None for the account's.
    """

    touchpoints: Callable[[], Sequence[Mapping[str, Any]]]
    answered: Callable[[CheckedAnswer], None]
    conv_type_id: str | None = None


class IhcRequests:
    """Sends requests over one connection, for any number of threads. `close` when it is done.

    Args:
        api: how often and how long a request is repeated, and how many are under way at once.
        connection: where they go.
        budget: how many may be made.
        traffic: counts the tries.
    """

    def __init__(self, api: IhcApi, connection: IhcConnection, budget: RequestBudget, traffic: TrafficCount) -> None:
        self._api, self._connection, self._budget, self._traffic = api, connection, budget, traffic
        self._slots = BoundedSemaphore(api.max_concurrent_requests)
        self._pool = ThreadPoolExecutor(_PREPARED_PER_SLOT * api.max_concurrent_requests, thread_name_prefix="ihc")

    def close(self) -> None:
        """Wait for the end of what is under way."""
        self._pool.shutdown()

    def ask(self, requests: Sequence[Request], may_send: Callable[[], bool], stop: Stop) -> list[int]:
        """Send requests; the first error stops them all, and so does the end of the budget.

        Args:
            requests: those that stand and fall together.
            may_send: asked before each try; once it says no, nothing more is sent.
            stop: is set here on an error; once it is set, here or elsewhere, nothing more is sent.

        Returns:
            The number of tries of each request that was answered. Those that were stopped were not.

        Raises:
            IhcApiError: the first error, once the requests that were under way with it have ended.
        """
        tries, futures = [], [self._pool.submit(self._ask, request, may_send, stop) for request in requests]
        try:
            for future in as_completed(futures):
                with suppress(CancelledError):  # what stopped this request is told by another one
                    tries.append(future.result())
        except BaseException as error:
            stop.after(error)
            raise
        finally:
            wait(futures)
        return tries

    def _ask(self, request: Request, may_send: Callable[[], bool], stop: Stop) -> int:
        """Send one request until it is answered, check the answer, and hand it over; arguments as for `ask`.

        Returns:
            The number of tries.

        Raises:
            CancelledError: `stop` was set elsewhere, or nothing more may be sent.
        """
        stopped = stop.stopped
        touchpoints = request.touchpoints()
        asked = [(touchpoint["conversion_id"], touchpoint["session_id"]) for touchpoint in touchpoints]
        body: dict[str, Any] = {"customer_journeys": touchpoints}
        if self._api.redistribution_parameter is not None:
            body["redistribution_parameter"] = dict(self._api.redistribution_parameter)
        encoded = encoded_json(body)
        most_bytes = most_answer_bytes(len(asked), len(encoded))

        def ask_once() -> CheckedAnswer:
            with self._slots:
                if stopped.is_set() or not (may_send() and self._budget.allows_one_more()):
                    raise CancelledError
                if repeating.statistics["attempt_number"] > 1:
                    self._traffic.tries_again()
                try:
                    answer = self._connection.post(
                        encoded, most_bytes, self._traffic, stop.interrupted, request.conv_type_id
                    )
                except IhcPermanentError:
                    stopped.set()  # before the slot is another's
                    raise
            return check_answer(asked, answer, self._connection.shown)

        repeating, done = _repeating(self._api, stopped), False
        try:
            request.answered(repeating(ask_once))
            done = True
            return int(repeating.statistics["attempt_number"])
        except CancelledError:
            done = True  # no error: whatever says no to this request says it to the others
            raise
        except IhcApiError as error:
            final = error
        finally:
            if not done:
                stopped.set()
        if isinstance(final, IhcTransientError):
            tries, seconds = (repeating.statistics[name] for name in ("attempt_number", "delay_since_first_attempt"))
            final = type(final)(f"gave up after {tries} tries in {seconds:.0f} s: {final}")
        raise final  # not in the handler, so that nothing of what was caught on the way is kept with it


def _repeating(api: IhcApi, stopped: Event) -> tenacity.Retrying:
    """How one request is repeated: exponential backoff with full jitter, on top of what a `Retry-After` asks for."""
    backoff = tenacity.wait_random_exponential(api.first_backoff_seconds, api.max_backoff_seconds)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, IhcTransientError) else None
        return backoff(state) + min(asked or 0.0, api.max_retry_after_seconds)

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(IhcTransientError),
        wait=wait,
        stop=tenacity.stop_after_attempt(api.max_tries) | tenacity.stop_before_delay(api.give_up_after_seconds),
        sleep=tenacity.sleep_using_event(stopped),
        reraise=True,
    )
