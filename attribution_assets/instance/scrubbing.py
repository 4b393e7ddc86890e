"""Takes the id of a visitor out of what Dagster's history says of one data set in free texts: messages, metadata.

Structure stays as it is: names of assets and steps, days, tags, numbers. Only a SQLite history lies in files that can
be written anew; in PostgreSQL the rows are changed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from attribution_assets.data_set_attributes import RESERVED
from attribution_assets.errors import RunFailedError
from attribution_assets.instance.dagster_internals import sqlite_history
from attribution_assets.instance.data_set_names import DATA_SET_TAG, split_name

ERASED = "(erased)"
_FREE = {"user_message", "message", "description", "text", "md_str", "stack", "records", "data", "skip_reason"}
"""Names under which Dagster's events hold free texts."""

_NEVER_FREE = {"__class__", "severity"}
"""Names of what stays as it is within free texts: what Dagster and the checks look at."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

_BODIES = {
    "event_logs": "event",
    "asset_keys": "last_materialization",
    "asset_check_executions": "evaluation_event",
    "job_ticks": "tick_body",
}
"""Table of the history -> its column of JSON with free texts."""

_MOST_BYTES_OF_A_LOG = 100 * 2**20


def scrub_history(instance: dg.DagsterInstance, data_set: str, user: str) -> None:
    """Take an id out of the free texts that the instance's history has of a data set.

    Args:
        instance: The instance.
        data_set: The data set's name; empty for that of the environment.
        user: The id.

    Raises:
        RunFailedError: The history cannot be written.
    """
    history, runs = sqlite_history(instance), instance.get_runs()
    scrub = _Scrub(user, data_set, {run.run_id: _data_sets_of(run) for run in runs})
    try:
        if history is None:
            if url := getattr(instance.run_storage, "postgres_url", None):
                scrub.database(sa.create_engine(url, poolclass=sa.NullPool), compact=False)
            return
        base = Path(history.path_for_shard("index")).parent.parent.parent
        for file in sorted(base.rglob("*.db")):
            engine = sa.create_engine(f"sqlite:///{file}", poolclass=sa.NullPool, connect_args={"timeout": 30})
            scrub.database(engine, compact=True)
        for log in (path for path in base.rglob("*") if path.suffix in {".out", ".err", ".log"} and path.is_file()):
            if any(scrub.is_run(part) for part in log.relative_to(base).parts):
                _scrub_log(log, scrub.pattern)
    except (DBAPIError, OSError) as error:
        reason = getattr(error, "orig", error)
        raise RunFailedError(f"Dagster's history cannot be cleared of the visitor's id: {reason}") from None


def id_pattern(user: str) -> re.Pattern[str]:
    """What finds an id in a text where it stands by itself: not in longer words, days, times and decimal numbers."""
    forms = "|".join(map(re.escape, sorted({user, json.dumps(user)[1:-1]}, key=len, reverse=True)))
    before, after = (r"(?<!\d[-.:])" * user[0].isdigit(), r"(?![-.:]\d)" * user[-1].isdigit())
    return re.compile(rf"(?<!\w){before}(?:{forms})(?!\w){after}")


def scrubbed(body: str, pattern: re.Pattern[str]) -> str:
    """An event's JSON without an id in its free texts; what is no JSON object is left as it is."""
    try:
        content = json.loads(body)
    except ValueError:
        return body
    without = _scrubbed(content, pattern, free=False)
    return body if without == content else json.dumps(without)


def _scrubbed(content: Any, pattern: re.Pattern[str], *, free: bool) -> Any:  # noqa: ANN401 - as JSON has it
    if isinstance(content, dict):
        return {
            name: value if name in _NEVER_FREE else _scrubbed(value, pattern, free=free or name in _FREE)
            for name, value in content.items()
        }
    if isinstance(content, list):
        return [_scrubbed(value, pattern, free=free) for value in content]
    is_text = free and isinstance(content, str) and not _DAY.fullmatch(content)
    return pattern.sub(ERASED, content) if is_text else content


def _data_sets_of(run: dg.DagsterRun) -> AbstractSet[str]:
    """The data sets that a run is of: a run of Dagster's UI can be of several."""
    if name := run.tags.get(DATA_SET_TAG):
        return {name}
    return {_data_set_of_key(key.path) for key in run.asset_selection or ()} or {_data_set_of_name(run.job_name)}


def _data_set_of_key(path: Sequence[str]) -> str:
    return path[0] if len(path) > 1 and path[0] not in RESERVED else ""


def _data_set_of_name(name: str) -> str:
    before, _ = split_name(name)
    return "" if before in RESERVED else before


@dataclass(frozen=True)
class _Scrub:
    """An id that is taken out of what is of one data set.

    Attributes:
        user: the id.
        data_set: the data set.
        runs: run -> the data sets that it is of.
    """

    user: str
    data_set: str
    runs: Mapping[str, AbstractSet[str]]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What finds the id."""
        return id_pattern(self.user)

    def is_run(self, run_id: str) -> bool:
        """Whether this is a run of the data set."""
        return self.data_set in self.runs.get(run_id, ())

    def database(self, engine: sa.Engine, *, compact: bool) -> None:
        """Take the id out of one database of the history."""
        found, changed = sa.MetaData(), False
        with engine.begin() as connection:
            found.reflect(connection)
            for name, column in _BODIES.items():
                if name in found.tables and column in found.tables[name].columns:
                    changed |= self._table(connection, found.tables[name], column)
        if compact and changed:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()

    def _table(self, connection: sa.Connection, table: sa.Table, column: str) -> bool:
        body, changed = table.columns[column], False
        once = json.dumps(self.user)[1:-1]
        is_in = sa.or_(*(body.contains(form, autoescape=True) for form in {self.user, once, json.dumps(once)[1:-1]}))
        for row in connection.execute(sa.select(table).where(is_in)).mappings().all():
            if self._is_of_data_set(row, row[column]) and (text := scrubbed(row[column], self.pattern)) != row[column]:
                connection.execute(sa.update(table).where(table.c.id == row["id"]).values({column: text}))
                changed = True
        return changed

    def _is_of_data_set(self, row: Mapping[Any, Any], body: str) -> bool:
        """Whether a row is of the data set: by its asset, else by its step, its sensor or its run."""
        if key := row.get("asset_key"):
            return _data_set_of_key(json.loads(key)) == self.data_set
        if "tick_body" in row:
            return _data_set_of_name(json.loads(body).get("instigator_name", "")) == self.data_set
        of_run = self.runs.get(row.get("run_id") or "", frozenset())
        if len(of_run) > 1 and (step := row.get("step_key")):
            return _data_set_of_name(step) == self.data_set
        return self.data_set in of_run


def _scrub_log(log: Path, pattern: re.Pattern[str]) -> None:
    if log.stat().st_size > _MOST_BYTES_OF_A_LOG:
        return
    text = log.read_text(encoding="utf-8", errors="surrogateescape")
    if (without := pattern.sub(ERASED, text)) != text:
        log.write_text(without, encoding="utf-8", errors="surrogateescape")
