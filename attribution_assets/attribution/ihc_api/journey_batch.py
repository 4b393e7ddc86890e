"""Journeys that are attributed together: as the API is sent them, as the ledger knows them, and what came of each.

Here belongs the way from a frame of touchpoints to whole journeys and back. Who is asked for them, and when, is in
`client.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.ihc_api.answers import CheckedAnswer
from attribution_assets.attribution.ihc_api.journey_json import JsonColumn, JsonRows, in_json
from attribution_assets.attribution.ihc_api.order_types import CONV_TYPE_ID
from attribution_assets.attribution.ihc_api.retries import Asked
from attribution_assets.attribution.json_text import canonical_json, encoded_json
from attribution_assets.attribution.ledger.ledger import AnswerTerms, KeptAnswer
from attribution_assets.attribution.tables.credit import ATTRIBUTED, CREDIT_COLUMNS, TOO_LONG, too_many_sessions

_KEPT_COLUMNS: Final = ["conv_id", "conversion_time", "session_id", "session_time", "channel_name"]
_TEXTS: Final = {"conversion_id": "conv_id", "session_id": "session_id", "channel_label": "channel_name"}
_FLAGS: Final = ("holder_engagement", "closer_engagement", "conversion", "impression_interaction")
_FIELDS: Final = ("conversion_id", "session_id", "timestamp", "channel_label", *_FLAGS)
"""A touchpoint as the API names its fields, in the order in which a request and the keys of the ledger hold them."""

_ROWS_AT_ONCE: Final = 50_000
"""Of so many touchpoints, or one journey, the JSON is in memory that keys are made of."""

_NO_CREDIT: Final = (None,) * len(CREDIT_COLUMNS)


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
        self._journeys, self._columns = journeys, _columns(journeys)
        orders, sessions = (self._columns[name].dictionary_encode() for name in ("conversion_id", "session_id"))
        journey_of_row = orders.indices.to_numpy().astype(np.int64)
        touchpoints = journey_of_row * max(len(sessions.dictionary), 1) + sessions.indices.to_numpy()
        if (np.diff(journey_of_row, prepend=0) < 0).any() or len(pd.unique(touchpoints)) < len(touchpoints):
            raise ValueError("the rows of each journey must be adjacent, and each of its sessions have one row")
        self.conv_ids: list[str] = orders.dictionary.to_pylist()
        self.sizes: list[int] = np.bincount(journey_of_row, minlength=len(self.conv_ids)).tolist()
        self._ends = np.cumsum([0, *self.sizes]).tolist()
        self.types: list[str] = [default_type] * len(self.sizes)
        if CONV_TYPE_ID in journeys:
            self.types = journeys[CONV_TYPE_ID].iloc[self._ends[:-1]].tolist()
        self.keys = self._keys(terms_of)
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

    def asked(self, journeys: Sequence[int]) -> Asked:
        """The touchpoints of these journeys as a request holds them."""
        rows = pa.array(self._rows(journeys))
        columns = {name: values.take(rows) for name, values in self._columns.items()}
        ids = (columns[name].to_pylist() for name in ("conversion_id", "session_id"))
        json = JsonRows(_fields(columns, encoded_json), named=True).listed(0, len(rows))
        return Asked(list(zip(*ids, strict=True)), json)

    def kept(self, journeys: Sequence[int], answer: CheckedAnswer) -> dict[str, KeptAnswer]:
        """An answer on these journeys as the ledger keeps it, by key; those of which rows are missing are left out."""
        session_ids = self._columns["session_id"].take(self._rows(journeys)).to_pylist()
        credit, reasons = answer.credit.tolist(), answer.reason.tolist()
        kept, start = {}, 0
        for journey in journeys:
            rows = slice(start, start := start + self.sizes[journey])
            if (outcome := answer.outcome[rows.start]) is not None:
                numbers = credit[rows] if outcome == ATTRIBUTED else [_NO_CREDIT] * self.sizes[journey]
                touchpoints = [
                    (session_id, *of_touchpoint, reason)
                    for session_id, of_touchpoint, reason in zip(session_ids[rows], numbers, reasons[rows], strict=True)
                ]
                kept[self.keys[journey]] = KeptAnswer(self.conv_ids[journey], outcome, touchpoints)
        return kept

    def settle(self, answers: Mapping[str, KeptAnswer]) -> None:
        """Take in answers, by key, on any of these journeys."""
        rows = self._rows([self._journey_of_key[key] for key in answers])
        touchpoints = [touchpoint for answer in answers.values() for touchpoint in answer.touchpoints]
        if rows:
            self._outcome[rows] = [answer.outcome for answer in answers.values() for _ in answer.touchpoints]
            self._credit[rows] = [touchpoint[1:-1] for touchpoint in touchpoints]
            self._reason[rows] = [touchpoint[-1] for touchpoint in touchpoints]

    def touchpoints(self) -> pd.DataFrame:
        """What has come of the journeys: the table `ihc_attributions`, see `Attribution`."""
        touchpoints = self._journeys[_KEPT_COLUMNS].reset_index(drop=True)
        touchpoints[list(CREDIT_COLUMNS)] = self._credit
        return touchpoints.assign(outcome=self._outcome, reason=self._reason)

    def _keys(self, terms_of: Callable[[str], AnswerTerms]) -> list[str]:
        """The key of each journey, of its touchpoints as a list of lists in canonical JSON."""
        keys, ends = [""] * len(self.sizes), self._ends
        for _, of_block in groupby(range(len(keys)), lambda journey: ends[journey] // _ROWS_AT_ONCE):
            journeys = list(of_block)
            first, end = ends[journeys[0]], ends[journeys[-1] + 1]
            columns = {name: values[first:end] for name, values in self._columns.items()}
            rows = JsonRows(_fields(columns, canonical_json), named=False)
            for conv_type_id, members in self.by_type(journeys).items():
                sent = (rows.listed(ends[journey] - first, ends[journey + 1] - first) for journey in members)
                for journey, key in zip(members, terms_of(conv_type_id).journey_keys(sent), strict=True):
                    keys[journey] = key
        return keys

    def _rows(self, journeys: Sequence[int]) -> list[int]:
        return [row for journey in journeys for row in range(self._ends[journey], self._ends[journey + 1])]


def _columns(journeys: pd.DataFrame) -> dict[str, pa.Array]:
    """What of `journeys` is sent, by the API's names."""
    return {
        **{name: pa.array(journeys[column].to_numpy(object), pa.string()) for name, column in _TEXTS.items()},
        "timestamp": pa.array(journeys["session_time"].to_numpy("datetime64[s]")),
        **{flag: pa.array(journeys[flag].to_numpy("int64")) for flag in _FLAGS},
    }


def _fields(columns: Mapping[str, pa.Array], written: Callable[[object], bytes]) -> dict[str, JsonColumn]:
    """The fields of touchpoints in JSON; a time is YYYY-MM-DD HH:MM:SS."""
    texts = {name: values.cast(pa.string()) for name, values in columns.items()}
    return {name: (texts[name],) if name in _FLAGS else in_json(texts[name], written) for name in _FIELDS}
