"""The first answers to requests with an idempotency key, kept so that the same request again gets the same answer.

Only keeping and finding belongs here; what is answered to a request that comes again is in `api/operations.py`.
"""

import hashlib
import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from attribution_assets.operations.home import Home

FIRST_ANSWER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class FirstAnswer:
    """What was answered to the first request with an idempotency key that was accepted.

    Attributes:
        same_request: whether that request was the same as this one.
        answer: the body.
    """

    same_request: bool
    answer: Any


@dataclass(frozen=True)
class IdempotentRequest:
    """A request with an idempotency key.

    Attributes:
        key: the name of the API key.
        path: the request's path.
        idempotency_key: the header.
        body: its body as JSON.
    """

    key: str
    path: str
    idempotency_key: str
    body: Any

    @property
    def digest(self) -> str:
        """What stands for the body: no id of a visitor can be read from it."""
        text = json.dumps([self.key, self.path, self.idempotency_key, self.body], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def first_answer(home: Home, request: IdempotentRequest) -> FirstAnswer | None:
    """What was answered to the request with this idempotency key that was accepted within the last 24 hours."""
    with home.changes() as database:
        database.execute("DELETE FROM first_answers WHERE at < ?", [time.time() - FIRST_ANSWER_SECONDS])
        row = database.execute(
            "SELECT * FROM first_answers WHERE key = ? AND path = ? AND idempotency_key = ?",
            [request.key, request.path, request.idempotency_key],
        ).fetchone()
    if row is None:
        return None
    return FirstAnswer(row["request"] == request.digest, json.loads(row["answer"]))


def keep_answer(database: sqlite3.Connection, request: IdempotentRequest, answer: Any) -> None:  # noqa: ANN401 - as JSON has it
    """Keep the first answer to a request, in the transaction of what it asked for.

    Raises:
        sqlite3.IntegrityError: There is one to a request with this idempotency key.
    """
    row = (request.key, request.path, request.idempotency_key, request.digest, time.time(), json.dumps(answer))
    database.execute("INSERT INTO first_answers VALUES (?, ?, ?, ?, ?, ?)", row)
