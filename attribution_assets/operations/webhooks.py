"""Webhooks as they are kept: whom to tell of a data set, the events that are to be delivered, and how that went.

An event is queued in the transaction of what it tells of, so that none is lost. Sending is in `api/webhook_sender.py`.

    pending ──> delivered | failed      (pending also between two tries)
"""

import base64
import json
import secrets
import sqlite3
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from attribution_assets.operations.home import Home, now

OPERATION_FINISHED, REPORT_RESTATED = "operation.finished", "report.restated"
EVENTS = (OPERATION_FINISHED, REPORT_RESTATED)
TEST = "webhook.test"

SECRET_BEGINS, SECRET_BYTES = "whsec_", 32
KEPT_SECONDS = 30 * 24 * 3600
"""So long it is known how a delivery went."""

_SUBSCRIBERS = (
    "SELECT * FROM webhooks WHERE data_set = ? AND removed IS NULL"
    " AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = ?)"
)


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Webhook:
    """Whom to tell of events of a data set.

    Attributes:
        number: its place in the order in which webhooks were made.
        id: its id.
        data_set: the data set.
        url: the address that events are sent to.
        events: which ones.
        secret: what they are signed with.
        created: when it was made (UTC).
    """

    number: int
    id: str
    data_set: str
    url: str
    events: tuple[str, ...]
    secret: str
    created: str


@dataclass(frozen=True)
class Delivery:
    """An event on its way to a webhook.

    Attributes:
        number: its place in the order in which deliveries were queued.
        id: its id, the same at each try.
        webhook: the id of the webhook.
        event: which event it is.
        body: what is sent; empty once it has ended.
        state: how far it is.
        created: when it was queued; ended: when it was delivered or given up (UTC).
        tries: how often it was tried.
        due: when it is tried next, in seconds since 1970.
        status: the HTTP status of the last answer.
        error: why the last try failed.
    """

    number: int
    id: str
    webhook: str
    event: str
    body: str
    state: DeliveryState
    created: str
    ended: str | None
    tries: int
    due: float
    status: int | None
    error: str | None


def queue_event(database: sqlite3.Connection, data_set: str, event: str, data: Mapping[str, Any]) -> None:
    """Queue an event for each webhook of a data set that is to be told of it, in the transaction of a connection."""
    for row in database.execute(_SUBSCRIBERS, [data_set, event]).fetchall():
        _queue(database, row["id"], event, data)


def remove_webhooks(database: sqlite3.Connection, data_set: str) -> None:
    """Remove the webhooks of a data set, in the transaction of a connection; what is queued is still delivered."""
    database.execute("UPDATE webhooks SET removed = ? WHERE data_set = ? AND removed IS NULL", [now(), data_set])
    database.execute("DELETE FROM reported_days WHERE data_set = ?", [data_set])


class WebhookStore:
    """The webhooks of the API and their deliveries.

    Args:
        home: Where they are kept.
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    def add(self, data_set: str, url: str, events: Sequence[str], most: int) -> Webhook | None:
        """Make a webhook, with a new secret; None if its data set has so many already."""
        secret = SECRET_BEGINS + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        id_ = str(uuid.uuid4())
        with self.home.changes() as database:
            there = "SELECT count(*) FROM webhooks WHERE data_set = ? AND removed IS NULL"
            if database.execute(there, [data_set]).fetchone()[0] >= most:
                return None
            database.execute(
                "INSERT INTO webhooks (id, data_set, url, events, secret, created) VALUES (?, ?, ?, ?, ?, ?)",
                [id_, data_set, url, json.dumps([*events]), secret, now()],
            )
            return _webhook(database.execute("SELECT * FROM webhooks WHERE id = ?", [id_]).fetchone())

    def of(self, data_set: str) -> list[Webhook]:
        """The webhooks of a data set, in the order in which they were made."""
        with self.home.database() as database:
            rows = database.execute(
                "SELECT * FROM webhooks WHERE data_set = ? AND removed IS NULL ORDER BY number", [data_set]
            )
            return [_webhook(row) for row in rows]

    def get(self, data_set: str, id_: str) -> Webhook | None:
        """A webhook of a data set; None if there is none of this id."""
        return next((webhook for webhook in self.of(data_set) if webhook.id == id_), None)

    def remove(self, webhook: Webhook) -> None:
        """Remove a webhook, with all that is queued for it."""
        with self.home.changes() as database:
            database.execute("DELETE FROM webhook_deliveries WHERE webhook = ?", [webhook.id])
            database.execute("DELETE FROM webhooks WHERE id = ?", [webhook.id])
            if not database.execute(_SUBSCRIBERS, [webhook.data_set, REPORT_RESTATED]).fetchall():
                database.execute("DELETE FROM reported_days WHERE data_set = ?", [webhook.data_set])

    def queue_test(self, webhook: Webhook) -> Delivery:
        """Queue an event that tells of nothing."""
        with self.home.changes() as database:
            id_ = _queue(database, webhook.id, TEST, {"data_set": webhook.data_set})
            return _delivery(database.execute("SELECT * FROM webhook_deliveries WHERE id = ?", [id_]).fetchone())

    def deliveries(self, webhook: Webhook, before: int | None, most: int) -> list[Delivery]:
        """Deliveries to a webhook, the latest first.

        Args:
            webhook: The webhook.
            before: Those that were queued before this number; None: from the latest.
            most: At most so many.
        """
        with self.home.database() as database:
            rows = database.execute(
                "SELECT * FROM webhook_deliveries WHERE webhook = :webhook AND (:before IS NULL OR number < :before)"
                " ORDER BY number DESC LIMIT :most",
                {"webhook": webhook.id, "before": before, "most": most},
            )
            return [_delivery(row) for row in rows]

    def due(self, without: Collection[str]) -> list[tuple[Delivery, Webhook]]:
        """What is to be sent now: of each webhook, but for some, the delivery that is due longest."""
        with self.home.database() as database:
            rows = database.execute(
                "SELECT *, min(due) FROM webhook_deliveries WHERE state = 'pending' AND due <= ?"
                " AND webhook NOT IN (SELECT value FROM json_each(?)) GROUP BY webhook ORDER BY due",
                [time.time(), json.dumps([*without])],
            ).fetchall()
            webhooks = {row["id"]: _webhook(row) for row in database.execute("SELECT * FROM webhooks")}
        found = map(_delivery, rows)
        return [(one, webhooks[one.webhook]) for one in found if one.webhook in webhooks]  # else it was just removed

    def note_try(self, id_: str, status: int | None, error: str | None, next_after: float | None) -> None:
        """Keep how a try to deliver went.

        Args:
            id_: The delivery.
            status: The HTTP status of the answer; None if there was none.
            error: Why it failed; None if it did not.
            next_after: In how many seconds the next try is due, if it failed; None: it is given up.
        """
        state = DeliveryState.DELIVERED if error is None else DeliveryState.FAILED
        if error is not None and next_after is not None:
            state = DeliveryState.PENDING
        ended = state is not DeliveryState.PENDING
        with self.home.changes() as database:
            database.execute(
                "UPDATE webhook_deliveries SET state = ?, tries = tries + 1, status = ?, error = ?, due = ?, ended = ?,"
                " body = CASE WHEN ? THEN '' ELSE body END WHERE id = ?",
                [state, status, error, time.time() + (next_after or 0), now() if ended else None, ended, id_],
            )

    def forget_old(self) -> None:
        """Forget the deliveries that ended long ago, and the webhooks of deleted data sets that wait for none."""
        with self.home.changes() as database:
            database.execute(
                "DELETE FROM webhook_deliveries WHERE state != 'pending' AND due < ?", [time.time() - KEPT_SECONDS]
            )
            database.execute(
                "DELETE FROM webhooks WHERE removed IS NOT NULL AND id NOT IN (SELECT webhook FROM webhook_deliveries)"
            )

    def told_of_restatements(self) -> set[str]:
        """The data sets of which a webhook is told when reports are restated."""
        with self.home.database() as database:
            rows = database.execute(
                "SELECT DISTINCT data_set FROM webhooks, json_each(events) WHERE removed IS NULL AND value = ?",
                [REPORT_RESTATED],
            )
            return {row["data_set"] for row in rows}

    def note_reports(self, data_set: str, versions: Mapping[str, str]) -> None:
        """Keep the reports of a data set, and queue an event if one has changed that was kept already.

        Args:
            data_set: The data set.
            versions: Day -> version of its report's rows.
        """
        with self.home.changes() as database:
            row = database.execute("SELECT versions FROM reported_days WHERE data_set = ?", [data_set]).fetchone()
            before: dict[str, str] = json.loads(row["versions"]) if row else {}
            days = sorted(day for day, version in versions.items() if before.get(day, version) != version)
            if days:
                queue_event(database, data_set, REPORT_RESTATED, {"data_set": data_set, "days": days})
            database.execute(
                "INSERT OR REPLACE INTO reported_days VALUES (?, ?)", [data_set, json.dumps({**before, **versions})]
            )


def _queue(database: sqlite3.Connection, webhook: str, event: str, data: Mapping[str, Any]) -> str:
    at = now()
    id_, body = f"msg_{uuid.uuid4().hex}", json.dumps({"type": event, "timestamp": at, "data": data})
    database.execute(
        "INSERT INTO webhook_deliveries (id, webhook, event, body, state, created, tries, due)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
        [id_, webhook, event, body, DeliveryState.PENDING, at, time.time()],
    )
    return id_


def _webhook(row: sqlite3.Row) -> Webhook:
    events = tuple(json.loads(row["events"]))
    return Webhook(row["number"], row["id"], row["data_set"], row["url"], events, row["secret"], row["created"])


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        row["number"],
        row["id"],
        row["webhook"],
        row["event"],
        row["body"],
        DeliveryState(row["state"]),
        row["created"],
        row["ended"],
        row["tries"],
        row["due"],
        row["status"],
        row["error"],
    )
