"""The client of the IHC API: journeys in, credit for each of their touchpoints out, none of it paid for twice.

Here belongs the order of things: what the ledger knows is taken from it, what another client is asking for is waited
for, the rest is claimed, packed and asked for. The settings are in `account.py`, the way from a frame to journeys and
back is in `journey_batch.py`, which journeys share a request in `packing.py`, where requests go in `sender.py`, how one
is repeated in `retries.py`, what an answer means in `answers.py`, and which exceptions there are in `errors.py`.
"""

import datetime as dt
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Self

import pandas as pd

from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.answers import CheckedAnswer, some_of
from attribution_assets.attribution.ihc_api.errors import IhcAnswerError, IhcBudgetError
from attribution_assets.attribution.ihc_api.journey_batch import JourneyBatch
from attribution_assets.attribution.ihc_api.packing import pack
from attribution_assets.attribution.ihc_api.retries import Request, RequestBudget, Stop
from attribution_assets.attribution.ihc_api.sender import Sender, StandIn
from attribution_assets.attribution.ihc_api.traffic import Traffic, TrafficCount
from attribution_assets.attribution.ledger.claims import Claims
from attribution_assets.attribution.ledger.ledger import AnsweredRequest, AnswerTerms, KeptAnswer, Ledger
from attribution_assets.attribution.ledger.writer import LedgerWriter
from attribution_assets.attribution.masking import masked
from attribution_assets.attribution.progress import PlanOfType, RequestPlan, tell_requests_planned

KEEP_TRYING_SECONDS = 300
"""How long an answer that has been paid for is held ready while the ledger's database is locked or away."""

BATCHES_AT_ONCE = 2
"""So many batches are being asked for, or wait to be taken, at one time: the API has no pause between them."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """What came of a frame of journeys.

    Attributes:
        touchpoints: the table `ihc_attributions`, one row for each touchpoint of the journeys, in their order: conv_id,
            conversion_time, session_id, session_time, channel_name, initializer, holder, closer, ihc (NaN unless
            attributed), outcome (attributed, too_long or refused), reason (str or None).
        requests: requests that were answered.
        retries: tries beyond the first of each request.
        reused: journeys that the ledger answered.
        asked: the orders whose journeys were asked for -> how much of a request each took, in equal parts of the one
            whose answer it came with.
    """

    touchpoints: pd.DataFrame
    requests: int
    retries: int
    reused: int
    asked: Mapping[str, float]


@dataclass
class _Tally:
    """What a batch took: see `Attribution`."""

    requests: int = 0
    retries: int = 0
    reused: int = 0
    asked: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    """What belongs to the journeys that are attributed together.

    Attributes:
        why_unanswered: as keys, what the API said in the last turn on journeys that have to be asked for again.
    """

    batch: JourneyBatch
    claims: Claims
    stop: Stop
    tally: _Tally
    why_unanswered: dict[str, None] = field(default_factory=dict)


class IhcClient:
    """Has journeys attributed by the ledger and the IHC API; a context manager.

    Nothing is connected to or started before it is needed.

    Args:
        api: where and how the API is called.
        ledger: the answers that are known.
        stand_in: what answers in place of the API at `api.url`, if anything does.
    """

    def __init__(self, api: IhcApi, ledger: Ledger, stand_in: StandIn | None = None) -> None:
        self._api, self._ledger, self._stand_in = api, ledger, stand_in
        self._writers: dict[str, LedgerWriter] = {}
        self._budget = RequestBudget(api.max_requests_per_run)
        self._planned = 0
        self._asked = 0
        self._tallies: list[_Tally] = []
        self._traffic = TrafficCount()
        self._sender = Sender(api, self._budget, self._traffic, stand_in)

    @property
    def requests(self) -> int:
        """Requests that were answered so far."""
        return sum(tally.requests for tally in self._tallies)

    @property
    def retries(self) -> int:
        """Tries beyond the first of each of them."""
        return sum(tally.retries for tally in self._tallies)

    @property
    def reused(self) -> int:
        """Journeys that the ledger answered so far."""
        return sum(tally.reused for tally in self._tallies)

    @property
    def traffic(self) -> Traffic:
        """What went to the API and came back so far, failed requests and their tries included."""
        return self._traffic.so_far

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections, and end the stand-in."""
        self._sender.close()

    def plan(self, batches: Iterable[pd.DataFrame]) -> RequestPlan:
        """What has to be asked for when `attribute` gets these batches one after another; listeners are told.

        Args:
            batches: as for `attribute`.

        Raises:
            ValueError: the rows of a journey are not adjacent, or one of its sessions comes twice.
            LedgerError: the ledger cannot be read or written.
        """
        journeys = touchpoints = requests = reused = 0
        of_types: dict[str, list[int]] = {}
        for frame in batches:
            batch = self._batch(frame)
            unsettled = batch.unsettled()
            known = self._ledger.known([batch.keys[journey] for journey in unsettled])
            asked = [journey for journey in unsettled if batch.keys[journey] not in known]
            journeys, reused = journeys + len(asked), reused + len(known)
            touchpoints += sum(batch.sizes[journey] for journey in asked)
            packed = self._packed(batch, asked)
            requests += len(packed)
            for members in packed:
                of_type = of_types.setdefault(batch.types[members[0]], [0, 0, 0])
                more = (len(members), sum(batch.sizes[journey] for journey in members), 1)
                of_type[:] = map(sum, zip(of_type, more, strict=True))
        self._planned = journeys
        types = [PlanOfType(name, *counts) for name, counts in sorted(of_types.items())] if len(of_types) > 1 else []
        plan = RequestPlan(journeys, touchpoints, requests, reused, self._api.max_requests_per_run, tuple(types))
        tell_requests_planned(plan)
        return plan

    def attribute(self, journeys: pd.DataFrame) -> Attribution:
        """Have each order split over the touchpoints of its journey.

        What the ledger knows is not asked for. The other journeys, of any number of days, are sent together, whole, in
        as few requests as the limits allow (those of one conversion type together), and what comes is in the ledger
        before anything else happens. Journeys with more touchpoints than a request may hold are not sent (`too_long`).
        Journeys whose rows are missing from an answer are sent again; if the API never gives the rows but does name a
        reason, they are `refused`. Journeys that another client is asking for are waited for.

        Args:
            journeys: the table `journeys`, one row for each touchpoint: conv_id, conversion_time, session_id,
                session_time (naive, UTC), channel_name, holder_engagement, closer_engagement, impression_interaction,
                conversion. The rows of a journey are adjacent and in time order. A column `conv_type_id`, if there is
                one, says which conversion type splits the order; without it, the account's.

        Raises:
            ValueError: the rows of a journey are not adjacent, or one of its sessions comes twice.
            IhcTransientError: a request failed until the bounds on repeating it were reached.
            IhcAnswerError: the same because its answers were wrong, or journeys were missing from all answers.
            IhcPermanentError: the API rejected a request in a way that repeating it cannot change.
            IhcBudgetError: the budget of requests is used up, and journeys are still to be asked for.
            LedgerError: the ledger cannot be read or written.
        """
        return self._attribute(journeys, Stop())

    def attribute_each(self, batches: Iterable[pd.DataFrame]) -> Generator[Attribution]:
        """`attribute` for one batch after another; the next is being asked for while the caller has the last one.

        With a budget of requests there is no such overlap, so that an earlier batch has what there is of it. A caller
        that is interrupted, or closes the generator, waits a quarter of a second for what is under way.

        Args:
            batches: as for `attribute`; taken one ahead of what has been given out.

        Raises:
            IhcApiError: as `attribute`, when it is the batch's turn.
        """
        at_once = BATCHES_AT_ONCE if self._api.max_requests_per_run is None else 1
        pending: deque[tuple[Stop, Future[Attribution]]] = deque()
        with ThreadPoolExecutor(at_once, thread_name_prefix="ihc-batch") as pool:
            try:
                for batch in batches:
                    stop = Stop()
                    pending.append((stop, pool.submit(self._attribute, batch, stop)))
                    if len(pending) == at_once:
                        yield self._first_of(pending)
                while pending:
                    yield self._first_of(pending)
            except BaseException as error:
                for stop, future in pending:
                    stop.after(error)
                    future.cancel()
                raise

    @staticmethod
    def _first_of(pending: deque[tuple[Stop, Future[Attribution]]]) -> Attribution:
        attribution = pending[0][1].result()  # still pending, and stopped with the others, if the waiting is broken off
        pending.popleft()
        return attribution

    def _attribute(self, journeys: pd.DataFrame, stop: Stop) -> Attribution:
        """What `attribute` says.

        Raises:
            CancelledError: `stop` was set by the caller.
        """
        batch, tally = self._batch(journeys), _Tally()
        self._tallies.append(tally)
        known = self._ledger.answers([batch.keys[journey] for journey in batch.unsettled()])
        self._reuse(batch, known, tally)
        with closing(Claims(self._ledger.tables, stop.interrupted)) as claims:
            while unsettled := batch.unsettled():
                keys = [batch.keys[journey] for journey in unsettled]
                taken = claims.take(keys)
                self._reuse(batch, taken.answers, tally)
                if claimed := [journey for journey in unsettled if batch.keys[journey] in taken.claimed]:
                    self._ask(_Work(batch, claims, stop, tally), claimed)
                elif not taken.answers:
                    claims.wait(keys, stop.stopped)
                if stop.stopped.is_set():
                    raise CancelledError
        return Attribution(batch.touchpoints(), **asdict(tally))

    def _ask(self, work: _Work, journeys: Sequence[int]) -> None:
        """Ask for journeys until each is settled, the claims on them may be void, or the caller has stopped it."""
        batch, claims, stop, tally = work.batch, work.claims, work.stop, work.tally
        for turn in range(1, self._api.max_answers_per_journey + 1):
            if work.why_unanswered:  # too many requests, for example: asking again at once would not help
                stop.stopped.wait(min(self._api.max_backoff_seconds, self._api.first_backoff_seconds * 2**turn))
                work.why_unanswered.clear()
            settled = partial(self._settle, work, last=turn == self._api.max_answers_per_journey)
            requests = [
                Request(partial(batch.sent, members), partial(settled, members), batch.types[members[0]])
                for members in self._packed(batch, journeys)
            ]
            tries = self._sender.ready().ask(requests, lambda: claims.hold, stop)
            tally.requests += len(tries)
            tally.retries += sum(tries) - len(tries)
            unsettled = set(batch.unsettled())
            asked, journeys = len(journeys), [journey for journey in journeys if journey in unsettled]
            self._asked += asked - len(journeys)
            if journeys and self._budget.exceeded:
                raise IhcBudgetError(
                    f"{self._budget.made} requests were made, which is all that IHC_MAX_REQUESTS_PER_RUN allows, and"
                    f" {max(self._planned - self._asked, len(unsettled))} journeys are still to be asked for. What was"
                    " answered is in the ledger: run again to go on from there, or raise IHC_MAX_REQUESTS_PER_RUN"
                )
            if not journeys or not claims.hold or stop.stopped.is_set():
                return
        missing = some_of([batch.conv_ids[journey] for journey in journeys])
        why = f": {'; '.join(work.why_unanswered)}" if work.why_unanswered else ""
        raise IhcAnswerError(f"{missing} were asked for {turn} times, and each answer lacked rows of them{why}")

    def _settle(self, work: _Work, journeys: Sequence[int], answer: CheckedAnswer, *, last: bool) -> None:
        """Take in the answer to a request for these journeys; the ledger comes first."""
        batch = work.batch
        work.why_unanswered.update(dict.fromkeys(answer.reason[answer.may_pass]))
        kept = batch.kept(journeys, answer.last() if last else answer)
        answered = AnsweredRequest(kept, uuid.uuid4().hex, dt.datetime.now(dt.UTC))
        self._writer(batch.types[journeys[0]]).keep_trying(answered, KEEP_TRYING_SECONDS, work.stop.interrupted)
        batch.settle(kept)
        work.tally.asked.update((journey.conv_id, 1 / len(kept)) for journey in kept.values())
        self._traffic.answered(len(kept))

    def _reuse(self, batch: JourneyBatch, answers: Mapping[str, KeptAnswer], tally: _Tally) -> None:
        batch.settle(answers)
        tally.reused += len(answers)
        self._traffic.reused(len(answers))

    def _batch(self, journeys: pd.DataFrame) -> JourneyBatch:
        return JourneyBatch(journeys, self._terms, self._api.conv_type_id, self._api.max_sessions_per_request)

    def _terms(self, conv_type_id: str) -> AnswerTerms:
        """What the answers for a conversion type depend on beside the journeys."""
        api, stand_in = self._api, self._stand_in
        endpoint = masked(api.url, [api.api_key])
        if stand_in:
            endpoint = stand_in.names.get(conv_type_id, stand_in.name)
        return AnswerTerms(conv_type_id, endpoint, api.redistribution_parameter)

    def _writer(self, conv_type_id: str) -> LedgerWriter:
        """What writes the answers for a conversion type."""
        made = LedgerWriter(partial(self._ledger.keep, self._terms(conv_type_id)))
        return self._writers.setdefault(conv_type_id, made)

    def _packed(self, batch: JourneyBatch, journeys: Sequence[int]) -> list[list[int]]:
        """Which of these journeys share a request: all of them have one conversion type."""
        most = self._api.max_sessions_per_request, self._api.max_journeys_per_request
        return [
            [of_type[position] for position in members]
            for of_type in batch.by_type(journeys).values()
            for members in pack([batch.sizes[journey] for journey in of_type], *most)
        ]
