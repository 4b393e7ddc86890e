"""The client of the IHC API: journeys in, credit for each of their touchpoints out.

Here belong the account's settings, and the way from a frame of journeys to requests and back: what a request holds, how
many are under way at once, and how often and how long one is repeated. Which journeys share a request is decided in
`request_packing.py`, one POST is made in `ihc_connection.py`, and what an answer means is in `ihc_answers.py`, where
the exceptions are too. Where the key comes from is the caller's affair.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final, Self
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pandas as pd
import tenacity

from attribution_assets.attribution.ihc_answers import (
    CREDIT_COLUMNS,
    CheckedAnswer,
    IhcAnswerError,
    IhcApiError,
    IhcTransientError,
    check_answer,
    some_of,
)
from attribution_assets.attribution.ihc_connection import IhcConnection
from attribution_assets.attribution.request_packing import pack

_KEPT_COLUMNS: Final = ["conv_id", "conversion_time", "session_id", "session_time", "channel_name"]
_FLAGS: Final = ("holder_engagement", "closer_engagement", "conversion", "impression_interaction")


@dataclass(frozen=True)
class IhcApi:
    """Where and how the IHC API is called.

    Attributes:
        url: full address of `compute_ihc`.
        api_key: the account's key; not in the repr.
        conv_type_id: conversion type.
        max_journeys_per_request: limit of the account.
        max_sessions_per_request: limit of the account; longer journeys are not sent.
        max_concurrent_requests: requests under way at once.
        redistribution_parameter: sent as it is; None leaves it out.
        connect_timeout_seconds: longest wait for a connection.
        answer_timeout_seconds: longest wait for an answer, up to its last byte; a fifth of `give_up_after_seconds`, so
            that connections on which nothing comes do not use up the time for all other tries.
        max_tries: how often one request is sent at most. Where a third of all tries fail at random, one request in
            14 million fails 15 times.
        give_up_after_seconds: no try of a request starts later than this after its first.
        first_backoff_seconds: longest wait before the second try; it doubles with each further one.
        max_backoff_seconds: where the doubling ends.
        max_retry_after_seconds: longest wait that a `Retry-After` of the API is granted.
        max_answers_per_journey: how often a journey is sent whose rows are missing from otherwise good answers.

    Raises:
        ValueError: the URL or the key is not one, or a limit is below 1.
    """

    url: str
    api_key: str = field(repr=False)
    conv_type_id: str = "default"
    max_journeys_per_request: int = 100
    max_sessions_per_request: int = 200
    max_concurrent_requests: int = 4
    redistribution_parameter: Mapping[str, Any] | None = None
    connect_timeout_seconds: float = 10
    answer_timeout_seconds: float = 30
    max_tries: int = 15
    give_up_after_seconds: float = 150
    first_backoff_seconds: float = 0.5
    max_backoff_seconds: float = 15
    max_retry_after_seconds: float = 60
    max_answers_per_journey: int = 5

    def __post_init__(self) -> None:
        """Refuse here what could only fail later, and would show the key when it does."""
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname or address.username is not None:
            raise ValueError("the URL of the IHC API must be http(s)://host/path, without user and password")
        if not (self.api_key.isascii() and self.api_key.isprintable() and self.api_key.split() == [self.api_key]):
            raise ValueError("the key of the IHC API is empty, or holds blanks or other characters that no key has")
        account = (self.max_journeys_per_request, self.max_sessions_per_request, self.max_concurrent_requests)
        if min(*account, self.max_tries, self.max_answers_per_journey) < 1:
            raise ValueError("the limits of the IHC API must be at least 1")


@dataclass(frozen=True, eq=False)
class Attribution:
    """What came of a frame of journeys.

    Attributes:
        touchpoints: the table `ihc_attributions`, one row for each touchpoint of the journeys, in their order: conv_id,
            conversion_time, session_id, session_time, channel_name, initializer, holder, closer, ihc (NaN unless
            attributed), outcome (attributed, too_long or refused), reason (str or None).
        requests: requests that were answered.
        retries: tries beyond the first of each request.
    """

    touchpoints: pd.DataFrame
    requests: int
    retries: int


class IhcClient:
    """Sends journeys to the IHC API over one pooled HTTP session; a context manager.

    Args:
        api: where and how the API is called.
    """

    def __init__(self, api: IhcApi) -> None:
        self._api = api
        self._connection = IhcConnection(
            api.url,
            api.api_key,
            api.conv_type_id,
            api.max_concurrent_requests,
            (api.connect_timeout_seconds, api.answer_timeout_seconds),
        )

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._connection.close()

    def attribute(self, journeys: pd.DataFrame) -> Attribution:
        """Have the API split each order over the touchpoints of its journey.

        Journeys of any number of days are sent together, whole, in as few requests as the limits allow. Journeys with
        more touchpoints than a request may hold are not sent (`too_long`). Journeys whose rows are missing from an
        answer are sent again; if the API never gives the rows but does name a reason, they are `refused`.

        Args:
            journeys: the table `journeys`, one row for each touchpoint: conv_id, conversion_time, session_id,
                session_time (naive, UTC), channel_name, holder_engagement, closer_engagement, impression_interaction,
                conversion. The rows of a journey are adjacent and in time order.

        Raises:
            ValueError: the rows of a journey are not adjacent, or one of its sessions comes twice.
            IhcTransientError: a request failed until the bounds on repeating it were reached.
            IhcAnswerError: the same because its answers were wrong, or journeys were missing from all answers.
            IhcPermanentError: the API rejected a request in a way that repeating it cannot change.
        """
        journey_of_row, conv_ids = pd.factorize(journeys["conv_id"])
        if (np.diff(journey_of_row, prepend=0) < 0).any() or journeys.duplicated(["conv_id", "session_id"]).any():
            raise ValueError("the rows of each journey must be adjacent, and each of its sessions have one row")
        sizes = np.bincount(journey_of_row)
        rows_of = np.split(np.arange(len(journeys)), np.cumsum(sizes)[:-1])
        fields = _fields(journeys)
        credit = np.full((len(journeys), len(CREDIT_COLUMNS)), np.nan)
        outcome = np.full(len(journeys), None, dtype=object)
        reason = np.full(len(journeys), None, dtype=object)

        limit = self._api.max_sessions_per_request
        for journey in np.flatnonzero(sizes > limit).tolist():
            outcome[rows_of[journey]] = "too_long"
            reason[rows_of[journey]] = f"{sizes[journey]} touchpoints, but a request may hold only {limit} sessions"

        pending = np.flatnonzero(sizes <= limit).tolist()
        answered = retries = 0
        for _ in range(self._api.max_answers_per_journey):
            packed = pack([int(sizes[journey]) for journey in pending], limit, self._api.max_journeys_per_request)
            requests = [np.concatenate([rows_of[pending[position]] for position in members]) for members in packed]
            for rows, answer, tries in self._ask_all(fields, requests):
                credit[rows], outcome[rows], reason[rows] = answer.credit, answer.outcome, answer.reason
                retries += tries - 1
            answered += len(requests)
            pending = [journey for journey in pending if outcome[rows_of[journey][0]] is None]

        missing = [conv_ids[journey] for journey in pending if reason[rows_of[journey][0]] is None]
        if missing:
            times = self._api.max_answers_per_journey
            raise IhcAnswerError(
                f"{some_of(missing)} were asked for {times} times, and each answer lacked rows of them"
            )
        for journey in pending:
            outcome[rows_of[journey]] = "refused"
        touchpoints = journeys[_KEPT_COLUMNS].reset_index(drop=True)
        touchpoints[list(CREDIT_COLUMNS)] = credit
        return Attribution(touchpoints.assign(outcome=outcome, reason=reason), answered, retries)

    def _ask_all(
        self,
        fields: Mapping[str, npt.NDArray[Any]],
        requests: Sequence[npt.NDArray[np.intp]],
    ) -> list[tuple[npt.NDArray[np.intp], CheckedAnswer, int]]:
        """Send requests, a bounded number at once; the first error stops them all.

        Args:
            fields: see `_fields`.
            requests: the rows of the journeys that each request holds.

        Returns:
            For each request, in the order of the answers: its rows, the answer, and the number of tries.
        """
        stopped = Event()
        answers = []
        with ThreadPoolExecutor(self._api.max_concurrent_requests, thread_name_prefix="ihc") as pool:
            asking = {pool.submit(self._ask, fields, rows, stopped): rows for rows in requests}
            try:
                for future in as_completed(asking):
                    with suppress(CancelledError):  # the error that stopped this request is that of another one
                        answers.append((asking[future], *future.result()))
            finally:
                stopped.set()
        return answers

    def _ask(
        self, fields: Mapping[str, npt.NDArray[Any]], rows: npt.NDArray[np.intp], stopped: Event
    ) -> tuple[CheckedAnswer, int]:
        """Send one request until it is answered, and check the answer.

        Args:
            fields: see `_fields`.
            rows: the rows of the journeys that the request holds.
            stopped: set here on an error; once it is set, here or elsewhere, nothing more is sent.

        Returns:
            The answer on `rows`, and the number of tries.

        Raises:
            CancelledError: `stopped` was set elsewhere.
        """
        columns = {name: values[rows].tolist() for name, values in fields.items()}
        asked = list(zip(columns["conversion_id"], columns["session_id"], strict=True))
        touchpoints = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        body: dict[str, Any] = {"customer_journeys": touchpoints}
        if self._api.redistribution_parameter is not None:
            body["redistribution_parameter"] = dict(self._api.redistribution_parameter)
        encoded = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()

        def ask_once() -> CheckedAnswer:
            if stopped.is_set():
                raise CancelledError
            return check_answer(asked, self._connection.post(encoded), self._connection.shown)

        repeating = _repeating(self._api, stopped)
        try:
            return repeating(ask_once), repeating.statistics["attempt_number"]
        except IhcApiError as error:
            stopped.set()
            final = error
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


def _fields(journeys: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
    """The columns of `journeys` as the API names and writes them, in the order in which a request holds them."""
    return {
        "conversion_id": journeys["conv_id"].to_numpy(object),
        "session_id": journeys["session_id"].to_numpy(object),
        "timestamp": journeys["session_time"].dt.strftime("%Y-%m-%d %H:%M:%S").to_numpy(object),
        "channel_label": journeys["channel_name"].to_numpy(object),
        **{flag: journeys[flag].to_numpy("int64") for flag in _FLAGS},
    }
