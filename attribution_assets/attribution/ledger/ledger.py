"""The ledger of IHC answers: an answer that was paid for is kept, and looked up when the same journey comes again.

An answer is kept under a key: a hash of everything that determines it (see `AnswerTerms`). The tables are in
`tables.py`, claims on journeys in `claims.py`, and requests to the API in `attribution/ihc_api/client.py`. The API key
is never passed to the ledger.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

import sqlalchemy as sa

from attribution_assets.attribution.json_text import canonical_json, decoded_json, encoded_json
from attribution_assets.attribution.ledger.tables import LedgerSchema, LedgerTables, is_among, rows_with_keys


@dataclass(frozen=True)
class AnswerTerms:
    """The terms of a request: all that an answer depends on beside the journey itself.

    Attributes:
        conv_type_id: conversion type.
        endpoint: the API's URL, or name and version of the embedded IHC service.
        redistribution_parameter: as sent to the API; None if none is sent.
    """

    conv_type_id: str
    endpoint: str
    redistribution_parameter: Mapping[str, Any] | None = None

    def journey_keys(self, journeys: Sequence[object]) -> list[str]:
        """The key of each journey: SHA-256, in hex, of the terms and of the journey as canonical JSON.

        Args:
            journeys: for each journey, all that is sent to the API: see `canonical_json`.
        """
        terms = [self.conv_type_id, self.endpoint, self.redistribution_parameter]
        of_terms = hashlib.sha256(_canonical(terms).encode() + b"\n")
        keys = []
        for journey in journeys:
            digest = of_terms.copy()
            digest.update(canonical_json(journey))
            keys.append(digest.hexdigest())
        return keys


@dataclass(frozen=True)
class KeptAnswer:
    """The API's answer on one journey.

    Attributes:
        conv_id: the journey's order.
        outcome: attributed or refused.
        touchpoints: session_id, initializer, holder, closer, ihc (None unless attributed) and reason (or None) of each
            touchpoint, in the order of the journey.
    """

    conv_id: str
    outcome: str
    touchpoints: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class AnsweredRequest:
    """The answer to one request.

    Attributes:
        answers: journey key -> answer on this journey.
        request_id: identifies the request; stored with each of its answers.
        at: time of the answer, with its time zone.
    """

    answers: Mapping[str, KeptAnswer]
    request_id: str
    at: dt.datetime


@dataclass(frozen=True)
class AnswersOfMonth:
    """The answers of one endpoint for one conversion type in one month.

    Attributes:
        endpoint: as in `AnswerTerms`.
        conv_type_id: conversion type.
        month: month of the answers, YYYY-MM, UTC.
        answers: number of answered journeys.
        requests: number of requests that returned these answers.
        touchpoints: number of touchpoints of these journeys.
    """

    endpoint: str
    conv_type_id: str
    month: str
    answers: int
    requests: int
    touchpoints: int


@dataclass(frozen=True)
class Selection:
    """A filter for answers of the ledger: selects the answers that meet all conditions given.

    Attributes:
        conv_type_id: conversion type; None selects all.
        before: selects answers from before this day, UTC; None selects all.
        conv_ids: orders; an empty collection selects all.
    """

    conv_type_id: str | None = None
    before: dt.date | None = None
    conv_ids: Collection[str] = ()

    def condition(self, answer: sa.Table) -> sa.ColumnElement[bool]:
        """The filter as an SQL expression over the table of answers."""
        conditions: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.conv_type_id is not None:
            conditions.append(answer.c.conv_type_id == self.conv_type_id)
        if self.before is not None:
            conditions.append(answer.c.answered_at < self.before.isoformat())
        if self.conv_ids:
            conditions.append(answer.c.conv_id.in_(self.conv_ids))
        return sa.and_(*conditions)


class Ledger:
    """The ledger in one database, for any number of threads. Constructing it opens no connection.

    Args:
        url: as for `database.Database`.
        prefix: as for `LedgerTables`.

    Attributes:
        tables: the ledger's tables.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, url: str, prefix: str = "", *, makes_file: bool = False) -> None:
        self.tables = LedgerTables(url, prefix, makes_file=makes_file)
        self._schema = self.tables.schema

    def __repr__(self) -> str:
        """The class with its database, without user and password."""
        return f"Ledger({self.tables})"

    def is_there(self) -> bool:
        """Whether the ledger's tables exist; creates nothing.

        Raises:
            LedgerError: the database cannot be read.
        """
        with self.tables.reading_if_there() as connection:
            return connection is not None

    def known(self, keys: Sequence[str]) -> set[str]:
        """The journey keys, among `keys`, that have an answer.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        with self.tables.reading() as connection:
            query = sa.select(self._schema.answer.c.journey_key)
            return {row.journey_key for row in rows_with_keys(connection, query, keys)}

    def answers(self, keys: Sequence[str]) -> dict[str, KeptAnswer]:
        """Journey key -> answer, for those of `keys` that have an answer.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        with self.tables.reading() as connection:
            return answers_in(connection, self._schema, keys)

    def keep(self, terms: AnswerTerms, requests: Sequence[AnsweredRequest], interrupted: Event | None = None) -> None:
        """Keep the answers to some requests and remove the claims on their journeys, in one transaction.

        Args:
            terms: the terms of all these requests.
            requests: the requests' answers.
            interrupted: once it is set, other writers are waited for no longer.

        Raises:
            LedgerError: the ledger cannot be written; nothing has changed in it.
        """
        parameter = terms.redistribution_parameter
        of_all = {
            "conv_type_id": terms.conv_type_id,
            "endpoint": terms.endpoint,
            "redistribution_parameter": None if parameter is None else _canonical(parameter),
        }
        rows = [
            {
                "journey_key": key,
                "conv_id": answer.conv_id,
                "outcome": answer.outcome,
                "touchpoints": len(answer.touchpoints),
                "credit": encoded_json(answer.touchpoints).decode(),
                "answered_at": request.at.astimezone(dt.UTC).isoformat(timespec="seconds"),
                "request_id": request.request_id,
                **of_all,
            }
            for request in requests
            for key, answer in request.answers.items()
        ]
        if rows:
            with self.tables.writing(interrupted) as connection:
                connection.execute(_keep(self._schema.answer), rows)
                claim = self._schema.claim
                keys = [key for request in requests for key in request.answers]
                connection.execute(claim.delete().where(is_among(connection, claim.c.journey_key, keys)))

    def summary(self) -> list[AnswersOfMonth]:
        """Counts of answers by endpoint, conversion type and month; empty if the tables do not exist yet.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        answer = self._schema.answer.c
        month = sa.func.substr(answer.answered_at, 1, 7)
        group = (answer.endpoint, answer.conv_type_id, month)
        counts = (sa.func.count(), sa.func.count(answer.request_id.distinct()), sa.func.sum(answer.touchpoints))
        with self.tables.reading_if_there() as connection:
            if connection is None:
                return []
            rows = connection.execute(sa.select(*group, *counts).group_by(*group).order_by(*group)).all()
        return [AnswersOfMonth(*row) for row in rows]

    def count(self, selection: Selection) -> int:
        """The number of selected answers; 0 if the tables do not exist yet.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        with self.tables.reading_if_there() as connection:
            if connection is None:
                return 0
            answer = self._schema.answer
            query = sa.select(sa.func.count()).select_from(answer).where(selection.condition(answer))
            return connection.execute(query).scalar_one()

    def forget(self, selection: Selection) -> int:
        """Delete the selected answers, so that the API is asked for their journeys again when these are needed.

        Returns:
            The number of deleted answers.

        Raises:
            LedgerError: the ledger cannot be written; nothing has changed in it.
        """
        with self.tables.writing() as connection:
            answer = self._schema.answer
            return connection.execute(answer.delete().where(selection.condition(answer))).rowcount


def answers_in(connection: sa.Connection, schema: LedgerSchema, keys: Sequence[str]) -> dict[str, KeptAnswer]:
    """Journey key -> answer, for those of `keys` that have an answer, read in the connection's transaction."""
    answer = schema.answer.c
    query = sa.select(answer.journey_key, answer.conv_id, answer.outcome, answer.credit)
    return {
        row.journey_key: KeptAnswer(row.conv_id, row.outcome, decoded_json(row.credit))
        for row in rows_with_keys(connection, query, keys)
    }


def _keep(answer: sa.Table) -> sa.TextClause:
    columns = answer.columns.keys()
    return sa.text(
        f"INSERT INTO {answer.name} ({', '.join(columns)})"  # noqa: S608  names of `tables`, and of a data set
        f" VALUES ({', '.join(f':{column}' for column in columns)}) ON CONFLICT (journey_key) DO NOTHING"
    )


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
