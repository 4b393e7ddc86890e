"""What an answer of the IHC API means: credit for each touchpoint that was asked for, or which error.

Here belong the decisions about an answer that has arrived, all of them pure functions. The exceptions are in
`errors.py`, sending is in `connection.py`, waiting and repeating in `retries.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from math import fsum, nan
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from attribution_assets.attribution.ihc_api.errors import IhcAnswerError, IhcApiError, failure, is_transient
from attribution_assets.attribution.tables.credit import ATTRIBUTED, CREDIT_COLUMNS, REFUSED, SUM_TOLERANCE

_TOUCHPOINT: Final = itemgetter("conversion_id", "session_id")
_NUMBERS: Final = itemgetter(*CREDIT_COLUMNS)
_RANGE_TOLERANCE: Final = 1e-6
_FLOAT_SLACK: Final = 1e-9
_MOST_NAMED: Final = 3
_NO_ROW: Final = -1
_EXCLUDED: Final = 206
"""`statusCode` of a partial failure by which one session was left out and the rest of its journey attributed."""
_MOST_BYTES_PER_SESSION: Final = 1024
_MOST_OTHER_BYTES: Final = 1 << 16


@dataclass(frozen=True, eq=False)
class CheckedAnswer:
    """What one answer says about each of the n touchpoints that were asked for, in the order of asking.

    Attributes:
        credit: float64 (n, 4), the `CREDIT_COLUMNS`; NaN unless the journey is attributed, 0 for excluded sessions.
        outcome: object (n,), the same for a whole journey: `ATTRIBUTED`, `REFUSED`, or None where rows are missing.
        reason: object (n,), the API's words: about the touchpoint where attributed, else about its journey; or None.
        may_pass: bool (n,), the same for a whole journey: rows are missing because of a fault that may pass by itself.
    """

    credit: npt.NDArray[np.float64]
    outcome: npt.NDArray[np.object_]
    reason: npt.NDArray[np.object_]
    may_pass: npt.NDArray[np.bool_]

    def last(self) -> "CheckedAnswer":
        """The same, if nothing more is asked: journeys whose rows are missing are refused where a reason is named.

        Unless the reason may pass by itself.
        """
        outcome = self.outcome.copy()
        for row, reason in enumerate(self.reason):
            if outcome[row] is None and reason is not None and not self.may_pass[row]:
                outcome[row] = REFUSED
        return replace(self, outcome=outcome)


def most_answer_bytes(sessions: int, request_bytes: int) -> int:
    """A size that no answer exceeds, with much room, so that anything larger need not be read.

    A session has credit or a partial failure, some 200 bytes besides its ids. These stand in the request too, from
    which the answer may differ in spelling, where one of both escapes what the other writes as UTF-8.

    Args:
        sessions: number of sessions that were asked for.
        request_bytes: size of the request.
    """
    return 3 * request_bytes + _MOST_BYTES_PER_SESSION * sessions + _MOST_OTHER_BYTES


def check_answer(asked: Sequence[tuple[str, str]], answer: object, shown: Callable[[object], str]) -> CheckedAnswer:
    """Check an answer against what was asked, and sort its journeys by outcome.

    A journey is attributed if each of its touchpoints has credit or is named in a partial failure (it was excluded and
    gets none). It is refused if none has credit and the partial failures name all of them or are about more than a
    session (any `statusCode` but 206). Otherwise rows of it are missing. So they are, whatever else is said on it, if a
    partial failure that names it may pass by itself (408, 429, 5xx). A partial failure without `session_id` names all
    touchpoints of its journey; one without `trigger` is about the journeys on which nothing else is said.

    Args:
        asked: (conversion_id, session_id) of each touchpoint sent, without duplicates.
        answer: the decoded JSON.
        shown: makes what the API said fit to be shown (one short line, without the key).

    Raises:
        IhcAnswerError: the answer is not of the agreed form, holds rows that were not asked for or one twice, credit
            that is not a number from 0 to 1, a journey whose ihc does not sum to 1 within `SUM_TOLERANCE`, or nothing
            on any of the journeys.
        IhcTransientError: its `statusCode` says so, and it names no partial failures; or it says nothing on any of the
            journeys but faults that may pass by themselves.
        IhcPermanentError: the same.
    """
    value, failures = _envelope(answer, shown)
    row_of = {touchpoint: row for row, touchpoint in enumerate(asked)}
    if not failures and (attributed := _all_attributed(asked, value, row_of)):
        return attributed
    return _journey_by_journey(asked, value, failures, row_of, shown)


def _all_attributed(
    asked: Sequence[tuple[str, str]], value: list[Any], row_of: Mapping[tuple[str, str], int]
) -> CheckedAnswer | None:
    """The same of an answer that is credit for each of the touchpoints and nothing else, at once; None of others."""
    credit = np.empty((len(asked), len(CREDIT_COLUMNS)))
    try:
        rows, numbers = [row_of[_TOUCHPOINT(item)] for item in value], [_NUMBERS(item) for item in value]
        credit[rows] = numbers
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not len(set(rows)) == len(value) == len(asked) or not {*map(type, chain(*numbers))} <= {float, int}:
        return None
    numbered = dict[str, int]()
    journeys = [numbered.setdefault(conversion_id, len(numbered)) for conversion_id, _ in asked]
    in_range = ((credit >= -_RANGE_TOLERANCE) & (credit <= 1 + _RANGE_TOLERANCE)).all()
    if not in_range or (np.abs(np.bincount(journeys, credit[:, -1]) - 1) > SUM_TOLERANCE).any():
        return None
    nothing = np.full(len(asked), None, dtype=object)
    outcome = np.full(len(asked), ATTRIBUTED, dtype=object)
    return CheckedAnswer(np.clip(credit, 0, 1), outcome, nothing, np.full(len(asked), fill_value=False))


def _journey_by_journey(
    asked: Sequence[tuple[str, str]],
    value: list[Any],
    failures: list[Any],
    row_of: Mapping[tuple[str, str], int],
    shown: Callable[[object], str],
) -> CheckedAnswer:
    """The same of any answer."""
    rows_of: dict[str, list[int]] = {}
    for row, (conversion_id, _) in enumerate(asked):
        rows_of.setdefault(conversion_id, []).append(row)
    credit_of = _credit_by_row(value, row_of, shown)
    failures_of = _failures_by_row(failures, row_of, rows_of, shown)
    of_no_journey = failures_of.pop(_NO_ROW, [])

    credit = np.full((len(asked), len(CREDIT_COLUMNS)), nan)
    outcome = np.full(len(asked), None, dtype=object)
    reason = np.full(len(asked), None, dtype=object)
    may_pass = np.full(len(asked), fill_value=False)
    for conversion_id, rows in rows_of.items():
        credited = [row for row in rows if row in credit_of]
        named = [row for row in rows if row in failures_of]
        said = [partial_failure for row in named for partial_failure in failures_of[row]]
        if any(is_transient(status) for status, _ in said):
            may_pass[rows], reason[rows] = True, _words(said)
        elif credited and len({*credited, *named}) == len(rows):
            total = fsum(credit_of[row][-1] for row in credited)
            if abs(total - 1) > SUM_TOLERANCE + _FLOAT_SLACK:
                raise IhcAnswerError(f"the ihc of conversion {conversion_id} sums to {total:.6g}, not 1")
            for row in rows:
                outcome[row] = ATTRIBUTED
                credit[row] = credit_of.get(row, 0.0)
                reason[row] = _words(failures_of.get(row, []))
        elif named:
            about_journey = any(status != _EXCLUDED for status, _ in said)
            refused = not credited and (about_journey or len(named) == len(rows))
            outcome[rows] = REFUSED if refused else None
            reason[rows] = _words(said)
        elif of_no_journey and not credited:
            may_pass[rows], reason[rows] = True, _words(of_no_journey)
    if not outcome.any() and not reason[~may_pass].any():
        raise _nothing_said([*failures_of.values(), of_no_journey], list(rows_of))
    return CheckedAnswer(np.clip(credit, 0, 1), outcome, reason, may_pass)


def _nothing_said(failures: Iterable[list[tuple[int, str]]], conversion_ids: Sequence[str]) -> IhcApiError:
    """The error for an answer that neither attributes nor refuses any of the journeys."""
    said = [partial_failure for some in failures for partial_failure in some]
    if passing := [(status, words) for status, words in said if is_transient(status)]:
        return failure(passing[0][0], _words(passing) or "")
    why = f": {_words(said)}" if said else ""
    return IhcAnswerError(f"the answer says nothing on any of the {some_of(conversion_ids)}{why}")


def some_of(conversion_ids: Sequence[str]) -> str:
    """How many journeys, and the first few of them, for a message."""
    first = ", ".join(conversion_ids[:_MOST_NAMED])
    more = ", ..." if len(conversion_ids) > _MOST_NAMED else ""
    return f"{len(conversion_ids)} journeys ({first}{more})"


def _envelope(answer: object, shown: Callable[[object], str]) -> tuple[list[Any], list[Any]]:
    """The credit and the partial failures of an answer, or the error that its `statusCode` stands for."""
    status = answer.get("statusCode") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or type(status) is not int or not 100 <= status <= 999:  # noqa: PLR2004 - a status
        raise IhcAnswerError(f"the answer is not an object with a statusCode: {shown(answer)}")
    value, failures = answer.get("value") or [], answer.get("partialFailureErrors") or []
    if not isinstance(value, list) or not isinstance(failures, list):
        raise IhcAnswerError(f"value and partialFailureErrors of the answer are not lists: {shown(answer)}")
    if not 200 <= status < 300 and (not failures or is_transient(status)):  # noqa: PLR2004 - 2xx is its name
        raise failure(status, shown(answer.get("message") or ""))
    return value, failures


def _credit_by_row(
    value: list[Any], row_of: Mapping[tuple[str, str], int], shown: Callable[[object], str]
) -> dict[int, tuple[float, ...]]:
    """The numbers in `CREDIT_COLUMNS` of each touchpoint that has credit."""
    credit_of: dict[int, tuple[float, ...]] = {}
    for item in value:
        try:
            row, numbers = row_of.get(_TOUCHPOINT(item)), _NUMBERS(item)
            if row is None:
                row = row_of.get((_as_sent(item["conversion_id"]), _as_sent(item["session_id"])))
        except (KeyError, TypeError):
            raise IhcAnswerError(f"the answer holds what is not the credit of a touchpoint: {shown(item)}") from None
        if row is None:
            raise IhcAnswerError(f"the answer holds a touchpoint that was not asked for: {shown(item)}")
        if row in credit_of:
            raise IhcAnswerError(f"the answer holds a touchpoint twice: {shown(item)}")
        for number in numbers:
            if type(number) not in (float, int) or not -_RANGE_TOLERANCE <= number <= 1 + _RANGE_TOLERANCE:
                raise IhcAnswerError(f"the answer holds credit that is not a number from 0 to 1: {shown(item)}")
        credit_of[row] = numbers
    return credit_of


def _failures_by_row(
    failures: list[Any],
    row_of: Mapping[tuple[str, str], int],
    rows_of: Mapping[str, list[int]],
    shown: Callable[[object], str],
) -> dict[int, list[tuple[int, str]]]:
    """The (statusCode, reason) of the partial failures that name a touchpoint, for each one that is named.

    Those that name none are under `_NO_ROW`.
    """
    failures_of: dict[int, list[tuple[int, str]]] = {}
    for item in failures:
        try:
            status, reason, trigger = _status(item.get("statusCode")), item.get("reason"), item.get("trigger")
            rows = [_NO_ROW]
            if trigger:
                conversion_id, session_id = _as_sent(trigger["conversion_id"]), _as_sent(trigger.get("session_id"))
                rows = [row_of[conversion_id, session_id]] if session_id else rows_of[conversion_id]
        except (KeyError, TypeError, AttributeError):
            raise IhcAnswerError(f"the answer holds a partial failure of nothing asked for: {shown(item)}") from None
        for row in rows:
            failures_of.setdefault(row, []).append(
                (status, shown(reason or f"no reason given (statusCode {item.get('statusCode')})"))
            )
    return failures_of


def _as_sent(an_id: object) -> Any:  # noqa: ANN401 - what JSON may hold in place of an id
    """An id as it was sent, where the API answers with a number."""
    return str(an_id) if type(an_id) is int else an_id


def _status(status: object) -> int:
    """The `statusCode` of a partial failure, also if it is text; 0 if there is none."""
    with suppress(ValueError, OverflowError):
        if isinstance(status, int | float | str):
            return int(status)
    return 0


def _words(partial_failures: Sequence[tuple[int, str]]) -> str | None:
    """The distinct reasons in the order of the answer, None if there are none."""
    return "; ".join(dict.fromkeys(reason for _, reason in partial_failures)) or None
