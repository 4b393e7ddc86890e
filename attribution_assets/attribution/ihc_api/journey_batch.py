"""Journeys that are attributed together: as the API is sent them, as the ledger knows them, and what came of each.

Here belongs the way from a frame of touchpoints to whole journeys and back. Who is asked for them, and when, is in
`client.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution_assets.attribution.ihc_api.answers import CheckedAnswer
from attribution_assets.attribution.ihc_api.order_types import CONV_TYPE_ID
from attribution_assets.attribution.ledger.ledger import AnswerTerms, KeptAnswer
from attribution_assets.attribution.tables.credit import ATTRIBUTED, CREDIT_COLUMNS, TOO_LONG, too_many_sessions

_KEPT_COLUMNS: Final = ["conv_id", "conversion_time", "session_id", "session_time", "channel_name"]
_FLAGS: Final = ("holder_engagement", "closer_engagement", "conversion", "impression_interaction")


class JourneyBatch:
    """Some journeys; each is known by its number in their order.

    Args:
        journeys: the table `journeys`, see `IhcClient.attribute`.
        terms_of: gives what the answers for a conversion type depend on beside the journeys.
        default_type: the conversion type of journeys that name none.
        max_sessions: journeys with more touchpoints are too long to be sent.

    Attributes:
        conv_ids: the order of each journey.
        sizes: the number of touchpoints of each journey.
        types: the conversion type of each journey.
        keys: the key of each journey in the ledger.

    Raises:
        ValueError: the rows of a journey are not adjacent, or one of its sessions comes twice.
    """

    def __init__(
        self, journeys: pd.DataFrame, terms_of: Callable[[str], AnswerTerms], default_type: str, max_sessions: int
    ) -> None:
        journey_of_row, conv_ids = pd.factorize(journeys["conv_id"])
        if (np.diff(journey_of_row, prepend=0) < 0).any() or journeys.duplicated(["conv_id", "session_id"]).any():
            raise ValueError("the rows of each journey must be adjacent, and each of its sessions have one row")
        self.conv_ids: list[str] = conv_ids.tolist()
        self.sizes: list[int] = np.bincount(journey_of_row).tolist()
        self._journeys = journeys
        self._ends = np.cumsum([0, *self.sizes]).tolist()
        self._fields = _fields(journeys)
        touchpoints = list(zip(*self._fields.values(), strict=True))
        sent = [touchpoints[start:end] for start, end in zip(self._ends, self._ends[1:], strict=False)]
        self.types: list[str] = [default_type] * len(sent)
        if CONV_TYPE_ID in journeys:
            self.types = journeys[CONV_TYPE_ID].iloc[self._ends[:-1]].tolist()
        self.keys = [""] * len(sent)
        for conv_type_id, members in self.by_type(range(len(sent))).items():
            of_type = terms_of(conv_type_id).journey_keys([sent[journey] for journey in members])
            for journey, key in zip(members, of_type, strict=True):
                self.keys[journey] = key
        self._journey_of_key = {key: journey for journey, key in enumerate(self.keys)}
        self._credit = np.full((len(journeys), len(CREDIT_COLUMNS)), np.nan)
        self._outcome = np.full(len(journeys), None, dtype=object)
        self._reason = np.full(len(journeys), None, dtype=object)
        for journey, size in enumerate(self.sizes):
            if size > max_sessions:
                rows = slice(self._ends[journey], self._ends[journey + 1])
                self._outcome[rows] = TOO_LONG
                self._reason[rows] = too_many_sessions(size, max_sessions)

    def by_type(self, journeys: Iterable[int]) -> dict[str, list[int]]:
        """These journeys by their conversion type."""
        found: dict[str, list[int]] = {}
        for journey in journeys:
            found.setdefault(self.types[journey], []).append(journey)
        return found

    def unsettled(self) -> list[int]:
        """The journeys of which nothing has come yet, those that are too long excepted."""
        return [journey for journey, start in enumerate(self._ends[:-1]) if self._outcome[start] is None]

    def sent(self, journeys: Sequence[int]) -> list[dict[str, Any]]:
        """The touchpoints of these journeys as a request holds them."""
        rows = self._rows(journeys)
        columns = [[values[row] for row in rows] for values in self._fields.values()]
        return [dict(zip(self._fields, values, strict=True)) for values in zip(*columns, strict=True)]

    def kept(self, journeys: Sequence[int], answer: CheckedAnswer) -> dict[str, KeptAnswer]:
        """An answer on these journeys as the ledger keeps it, by key; those of which rows are missing are left out."""
        kept, start = {}, 0
        for journey in journeys:
            rows = range(start, start := start + self.sizes[journey])
            if (outcome := answer.outcome[rows[0]]) is not None:
                session_ids = self._fields["session_id"][self._ends[journey] : self._ends[journey + 1]]
                credit = [
                    answer.credit[row].tolist() if outcome == ATTRIBUTED else [None] * len(CREDIT_COLUMNS)
                    for row in rows
                ]
                touchpoints = [
                    (session_id, *numbers, answer.reason[row])
                    for session_id, numbers, row in zip(session_ids, credit, rows, strict=True)
                ]
                kept[self.keys[journey]] = KeptAnswer(self.conv_ids[journey], outcome, touchpoints)
        return kept

    def settle(self, answers: Mapping[str, KeptAnswer]) -> None:
        """Take in answers, by key, on any of these journeys."""
        for key, answer in answers.items():
            journey = self._journey_of_key[key]
            rows = slice(self._ends[journey], self._ends[journey + 1])
            self._outcome[rows] = answer.outcome
            self._credit[rows] = [touchpoint[1:-1] for touchpoint in answer.touchpoints]
            self._reason[rows] = [touchpoint[-1] for touchpoint in answer.touchpoints]

    def touchpoints(self) -> pd.DataFrame:
        """What has come of the journeys: the table `ihc_attributions`, see `Attribution`."""
        touchpoints = self._journeys[_KEPT_COLUMNS].reset_index(drop=True)
        touchpoints[list(CREDIT_COLUMNS)] = self._credit
        return touchpoints.assign(outcome=self._outcome, reason=self._reason)

    def _rows(self, journeys: Sequence[int]) -> list[int]:
        return [row for journey in journeys for row in range(self._ends[journey], self._ends[journey + 1])]


def _fields(journeys: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns of `journeys` as the API names and writes them, in the order in which a request holds them."""
    columns: dict[str, npt.NDArray[Any]] = {
        "conversion_id": journeys["conv_id"].to_numpy(object),
        "session_id": journeys["session_id"].to_numpy(object),
        "timestamp": _written(journeys["session_time"].to_numpy("datetime64[s]")),
        "channel_label": journeys["channel_name"].to_numpy(object),
        **{flag: journeys[flag].to_numpy("int64") for flag in _FLAGS},
    }
    return {name: values.tolist() for name, values in columns.items()}


def _written(seconds: npt.NDArray[np.datetime64]) -> npt.NDArray[np.str_]:
    """Times as YYYY-MM-DD HH:MM:SS; many times faster than strftime."""
    written = np.datetime_as_string(seconds, unit="s").astype("U19")
    written.view(np.uint32).reshape(len(written), 19)[:, len("YYYY-MM-DD")] = ord(" ")
    return written
