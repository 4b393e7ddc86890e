"""The operations of the API as they are kept: their states, who carries them out, and what they came to.

    queued ──> running ──> succeeded | failed
       │  ^───────┘ │        (again queued: its worker was killed, or its server ended)
       └──────> canceled

A worker is given a lease with the operation, and takes it with its own process (`files/processes.py`). Whoever finds
that this process has ended queues the operation again, under another lease; so no two workers ever have it.
"""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from attribution_assets.attribution.files.processes import has_ended, this_process
from attribution_assets.operations.first_answers import IdempotentRequest, keep_answer
from attribution_assets.operations.home import Home, now
from attribution_assets.operations.records import DELETE_DATA_SET, ERASE_USER, KeptOperation, State
from attribution_assets.operations.webhooks import OPERATION_FINISHED, queue_event, remove_webhooks

MOST_ATTEMPTS = 5
"""So many workers may be killed over an operation, until it fails."""

_IN_TURN = (
    "SELECT * FROM operations AS one WHERE state = 'queued' AND NOT EXISTS (SELECT 1 FROM operations AS other WHERE"
    " other.data_set = one.data_set AND (other.state = 'running' OR other.state = 'queued' AND other.number <"
    " one.number)) ORDER BY number"
)


class OperationStore:
    """The operations of the API.

    Args:
        home: Where they are kept.
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    def add(
        self,
        data_set: str,
        kind: str,
        parameters: Mapping[str, Any],
        key: str,
        request: IdempotentRequest | None = None,
    ) -> KeptOperation:
        """Queue an operation; with the request's first answer, if it has an idempotency key.

        Returns:
            The operation; if it is to delete a data set that is being deleted already, the one that does.

        Raises:
            sqlite3.IntegrityError: There is a first answer to a request with this idempotency key.
        """
        id_ = str(uuid.uuid4())
        row = (id_, data_set, kind, json.dumps(parameters), key, State.QUEUED, now(), _progress("queued"))
        with self.home.changes() as database:
            under_way = database.execute(
                "SELECT * FROM operations WHERE data_set = ? AND kind = ? AND state IN ('queued', 'running')"
                " AND cancel = 0",
                [data_set, kind],
            ).fetchone()
            if under_way and kind == DELETE_DATA_SET:
                return _operation(under_way)
            database.execute(
                "INSERT INTO operations (id, data_set, kind, parameters, key, state, created, progress, run_ids,"
                " attempts, leases, cancel) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]', 0, 0, 0)",
                row,
            )
            added = _operation(database.execute("SELECT * FROM operations WHERE id = ?", [id_]).fetchone())
            if request:
                keep_answer(database, request, added.content)
            return added

    def get(self, id_: str) -> KeptOperation | None:
        """An operation; None if there is none of this id."""
        with self.home.database() as database:
            row = database.execute("SELECT * FROM operations WHERE id = ?", [id_]).fetchone()
        return _operation(row) if row else None

    def some(
        self, data_sets: Iterable[str] | None, state: str | None, before: int | None, most: int
    ) -> list[KeptOperation]:
        """Operations, the latest first.

        Args:
            data_sets: Of these alone; None: of all.
            state: Those in this state; None: in any.
            before: Those that came before this number; None: from the latest.
            most: At most so many.
        """
        names = None if data_sets is None else json.dumps([*data_sets])
        with self.home.database() as database:
            rows = database.execute(
                "SELECT * FROM operations WHERE (:names IS NULL OR data_set IN (SELECT value FROM json_each(:names)))"
                " AND (:state IS NULL OR state = :state) AND (:before IS NULL OR number < :before)"
                " ORDER BY number DESC LIMIT :most",
                {"names": names, "state": state, "before": before, "most": most},
            )
            return [_operation(row) for row in rows]

    def is_being_deleted(self, data_set: str) -> bool:
        """Whether the deletion of a data set is queued or under way."""
        return DELETE_DATA_SET in self._kinds_under_way(data_set)

    def is_busy(self, data_set: str) -> bool:
        """Whether an operation of a data set is queued or under way."""
        return bool(self._kinds_under_way(data_set))

    def _kinds_under_way(self, data_set: str) -> set[str]:
        with self.home.database() as database:
            rows = database.execute(
                "SELECT kind FROM operations WHERE data_set = ? AND state IN ('queued', 'running')", [data_set]
            )
            return {row["kind"] for row in rows}

    def lease_next(self, most: int) -> tuple[str, str] | None:
        """The next operation to carry out, and its lease; None if there is none, or `most` are under way.

        Those of one data set have their turn in the order in which they came.
        """
        with self.home.changes() as database:
            running = database.execute("SELECT count(*) FROM operations WHERE state = 'running'").fetchone()[0]
            if running >= most:
                return None
            turn = database.execute(f"{_IN_TURN} LIMIT 1").fetchone()
            return (turn["id"], _leased(database, turn["id"])) if turn else None

    def lease(self, id_: str) -> str | None:
        """The lease of an operation that is to be carried out now; None if it is not its turn."""
        with self.home.changes() as database:
            turns = {row["id"] for row in database.execute(_IN_TURN)}
            return _leased(database, id_) if id_ in turns else None

    def in_turn(self) -> list[tuple[str, str, int]]:
        """The operations whose turn it is, the first of each data set: id, data set, how many leases it has had."""
        with self.home.database() as database:
            return [(row["id"], row["data_set"], row["leases"]) for row in database.execute(_IN_TURN)]

    def take(self, id_: str, lease: str) -> KeptOperation | None:
        """Have this process carry out an operation that was leased; None if the lease holds no more."""
        with self.home.changes() as database:
            taken = database.execute(
                "UPDATE operations SET process = ? WHERE id = ? AND lease = ? AND state = 'running'"
                " AND process IS NULL",
                [this_process(), id_, lease],
            )
            if not taken.rowcount:
                return None
            return _operation(database.execute("SELECT * FROM operations WHERE id = ?", [id_]).fetchone())

    def note_progress(self, id_: str, lease: str, stage: str, done: int, of: int | None) -> None:
        """Keep how far an operation is."""
        with self.home.changes() as database:
            database.execute(
                "UPDATE operations SET progress = ? WHERE id = ? AND lease = ?",
                [_progress(stage, done, of), id_, lease],
            )

    def is_to_end(self, id_: str, lease: str) -> bool:
        """Whether who carries out an operation is to end: it is canceled, or the lease holds no more."""
        with self.home.database() as database:
            row = database.execute("SELECT cancel FROM operations WHERE id = ? AND lease = ?", [id_, lease]).fetchone()
        return row is None or bool(row["cancel"])

    def note_run(self, id_: str, lease: str, run_id: str) -> None:
        """Add a run of Dagster to an operation."""
        with self.home.changes() as database:
            database.execute(
                "UPDATE operations SET run_ids = json_insert(run_ids, '$[#]', ?) WHERE id = ? AND lease = ?",
                [run_id, id_, lease],
            )

    def end(
        self,
        id_: str,
        lease: str,
        state: State,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> bool:
        """Keep how an operation ended, if the lease still holds; of an erasure, not whose it was."""
        with self.home.changes() as database:
            ended = database.execute(
                "UPDATE operations SET state = :state, ended = :now, progress = CASE WHEN :state = 'succeeded' THEN"
                " json_set(progress, '$.stage', 'done', '$.done', coalesce(json_extract(progress, '$.of'), 1),"
                " '$.of', coalesce(json_extract(progress, '$.of'), 1)) ELSE progress END, lease = NULL, process = NULL,"
                " result = :result, error = :error,"
                " parameters = CASE kind WHEN 'erase_user' THEN '{}' ELSE parameters END"
                " WHERE id = :id AND lease = :lease AND state = 'running'",
                {
                    "state": state,
                    "now": now(),
                    "result": json.dumps(result) if result is not None else None,
                    "error": json.dumps(error) if error is not None else None,
                    "id": id_,
                    "lease": lease,
                },
            )
            if ended.rowcount:
                _tell_ended(database, id_)
            return bool(ended.rowcount)

    def give_back(self, id_: str, lease: str, *, killed: bool = False) -> None:
        """Have an operation carried out again, or end it if it is to be canceled, or too many have been killed over it.

        Args:
            id_: The operation.
            lease: The lease under which it was carried out.
            killed: Whether its worker ended without a word; else it was told to.
        """
        with self.home.changes() as database:
            row = database.execute(
                "SELECT * FROM operations WHERE id = ? AND lease = ? AND state = 'running'", [id_, lease]
            ).fetchone()
            if row is None:
                return
            if row["cancel"]:
                _set_ended(database, row, State.CANCELED, None)
            elif killed and row["attempts"] >= MOST_ATTEMPTS:
                _set_ended(database, row, State.FAILED, killed_too_often())
            else:
                database.execute(
                    "UPDATE operations SET state = 'queued', lease = NULL, process = NULL, progress = ?,"
                    " attempts = attempts - ? WHERE id = ?",
                    [_progress("queued"), 0 if killed else 1, id_],
                )

    def cancel(self, id_: str) -> KeptOperation | None:
        """Cancel an operation that is queued; have one that is running end soon. None if there is none of this id."""
        with self.home.changes() as database:
            row = database.execute("SELECT * FROM operations WHERE id = ?", [id_]).fetchone()
            if row and row["state"] == State.QUEUED:
                _set_ended(database, row, State.CANCELED, None)
            elif row and row["state"] == State.RUNNING:
                database.execute("UPDATE operations SET cancel = 1 WHERE id = ?", [id_])
            row = database.execute("SELECT * FROM operations WHERE id = ?", [id_]).fetchone()
        return _operation(row) if row else None

    def give_back_killed(self, starting: Iterable[str] = (), grace_seconds: float = 0) -> None:
        """Give back the operations whose worker has ended without a word.

        Args:
            starting: Leases whose workers have been started and have not said yet which process they are.
            grace_seconds: How long the workers of other leases have to say so.
        """
        with self.home.database() as database:
            rows = database.execute("SELECT * FROM operations WHERE state = 'running'").fetchall()
        waited_for = {*starting}
        for row in rows:
            waits = row["lease"] in waited_for or time.time() - row["leased"] < grace_seconds
            if has_ended(row["process"]) if row["process"] else not waits:
                self.give_back(row["id"], row["lease"], killed=True)


def killed_too_often() -> dict[str, Any]:
    """The problem of an operation over which too many workers were killed."""
    return {
        "type": "/docs#worker-ended",
        "title": "Worker ended",
        "status": 500,
        "detail": f"its process was ended from outside {MOST_ATTEMPTS} times, as a lack of memory does: ask again",
        "errors": [],
    }


def _leased(database: sqlite3.Connection, id_: str) -> str:
    lease = uuid.uuid4().hex
    database.execute(
        "UPDATE operations SET state = 'running', lease = ?, leased = ?, process = NULL,"
        " started = coalesce(started, ?), progress = ?, attempts = attempts + 1, leases = leases + 1"
        " WHERE id = ?",
        [lease, time.time(), now(), _progress("starting"), id_],
    )
    return lease


def _set_ended(database: sqlite3.Connection, row: sqlite3.Row, state: State, error: Mapping[str, Any] | None) -> None:
    parameters = "{}" if row["kind"] == ERASE_USER else row["parameters"]
    database.execute(
        "UPDATE operations SET state = ?, ended = ?, lease = NULL, process = NULL, error = ?, parameters = ?"
        " WHERE id = ?",
        [state, now(), json.dumps(error) if error else None, parameters, row["id"]],
    )
    _tell_ended(database, row["id"])


def _tell_ended(database: sqlite3.Connection, id_: str) -> None:
    """Have the webhooks of the data set told that an operation has ended; they go with their data set."""
    operation = _operation(database.execute("SELECT * FROM operations WHERE id = ?", [id_]).fetchone())
    queue_event(database, operation.data_set, OPERATION_FINISHED, operation.content)
    if operation.kind == DELETE_DATA_SET and operation.state is State.SUCCEEDED:
        remove_webhooks(database, operation.data_set)


def _operation(row: sqlite3.Row) -> KeptOperation:
    return KeptOperation(
        row["number"],
        row["id"],
        row["data_set"],
        row["kind"],
        json.loads(row["parameters"]),
        State(row["state"]),
        json.loads(row["progress"]),
        row["created"],
        row["started"],
        row["ended"],
        tuple(json.loads(row["run_ids"])),
        json.loads(row["result"]) if row["result"] else None,
        json.loads(row["error"]) if row["error"] else None,
        bool(row["cancel"]),
    )


def _progress(stage: str, done: int = 0, of: int | None = None) -> str:
    return json.dumps({"stage": stage, "done": done, "of": of})
