"""Erasure of a visitor: from the source where it is ours, all stored tables, the ledger, results and Dagster's history.

What is left are days without the visitor, made anew, and an event in Dagster's history that says when it was done, and
how much, but not whose it was.
"""

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pandas as pd
import sqlalchemy as sa

from attribution_assets.attribution.database.database import Database, DatabaseError
from attribution_assets.attribution.files.atomic_files import look_for_leftovers
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.attribution.ledger.ledger import Selection
from attribution_assets.attribution.source.column_expressions import SourceTable
from attribution_assets.attribution.source.table_names import find_table
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import companion_table
from attribution_assets.command.report_range import restate_from_source
from attribution_assets.command.usable import usable
from attribution_assets.errors import RunFailedError, RunRejectedError
from attribution_assets.instance.opening import dagster_instance
from attribution_assets.instance.scrubbing import scrub_history
from attribution_assets.resources import Resources
from attribution_assets.resources.calendar import first_and_last_partition
from attribution_assets.settings import Settings

_IDS = {"session_sources": ("sessions", "session_id"), "conversions": ("conversions", "conv_id")}
"""Source table with visitors -> its asset, and its ids."""

_ORDERS_PER_STATEMENT = 500
_SHOWN_CHARACTERS = 50
"""Of a long value of a rejected row, at least so many characters are stored."""


@dataclass
class Erased:
    """What was erased.

    Attributes:
        sessions: sessions of the visitor that were deleted from the source.
        orders: orders.
        answers: answers of the IHC API that were forgotten.
        days: source asset -> days that were read again.
    """

    sessions: int = 0
    orders: int = 0
    answers: int = 0
    days: dict[str, set[dt.date]] = field(default_factory=dict)

    @property
    def all_days(self) -> list[dt.date]:
        """The days, in calendar order."""
        return sorted(set[dt.date]().union(*self.days.values()))


def erase(  # noqa: PLR0913 - who, where, and who is told
    user: str,
    settings: Settings,
    on_stage: Callable[[Stage], None],
    *,
    owns_source: bool,
    tags: Mapping[str, str] | None = None,
    on_run: Callable[[str], None] | None = None,
) -> Erased:
    """Delete all that is kept of a visitor, and make anew the days that this touches. What was begun can be repeated.

    Args:
        user: The visitor's id.
        settings: The data set's settings.
        on_stage: As for `report_range.report_days`.
        owns_source: Whether rows of the source are deleted; else they have to be gone.
        tags: As for `report_range.report_days`.
        on_run: The same.

    Raises:
        RunRejectedError: The id is blank, or the source is not ours and still has rows of the visitor; nothing has been
            changed.
        RunFailedError: A run failed, or days that hold the visitor could not be made anew.
        DatabaseError: A database cannot be read or written.
    """
    if not (user := user.strip()):
        raise RunRejectedError("the visitor's id is blank: give the user_id of the visitor's sessions and orders")
    resources, _ = usable(settings, None)
    storage = AssetStorage(resources.storage.root, resources.storage.tables().engine)  # days after its end too
    look_for_leftovers()
    erased, in_source = Erased(), _in_source(settings, resources, user)
    if any(in_source.values()) and not owns_source:
        found = " and ".join(f"{len(ids):,} {_IDS[table][0]}" for table, ids in in_source.items() if ids)
        raise RunRejectedError(f"the source still has {found} of this visitor: delete them there, then ask again")
    stored = _Stored(storage, user)
    erased.days = {asset: stored.days(asset) for asset in SOURCE_ASSETS if asset in stored.tables}
    orders = in_source["conversions"] | stored.orders(erased.days)
    erased.answers = _forget(resources, sorted(orders))
    if owns_source:
        erased.sessions, erased.orders = (len(in_source[table]) for table in ("session_sources", "conversions"))
        _delete_from_source(settings, in_source)
    calendar = first_and_last_partition(settings.first_day, settings.last_day)
    within = {asset: {day for day in days if calendar[0] <= day <= calendar[1]} for asset, days in erased.days.items()}
    _drop_outside(storage, {asset: days - within[asset] for asset, days in erased.days.items()})
    restate_from_source(within, settings, resources, on_stage, tags=tags, on_run=on_run)
    if left := {day for asset in erased.days for day in _Stored(storage, user).days(asset)}:
        raise RunFailedError(f"days that hold the visitor could not be made anew: {', '.join(map(str, sorted(left)))}")
    _compact(settings)
    with dagster_instance() as instance:
        scrub_history(instance, settings.data_set, user)
        _record(instance, resources, erased)
    return erased


def _in_source(settings: Settings, resources: Resources, user: str) -> dict[str, set[str]]:
    """Source table -> the ids of its rows of a visitor."""
    found: dict[str, set[str]] = {table: set() for table in _IDS}
    path = None if settings.source_url else Database(settings.database_url).path
    if path is not None and not path.exists():
        return found
    with resources.database.source().place.database.reading() as connection:
        for table, (_, id_) in _IDS.items():
            if "user_id" in find_table(connection, table).columns:
                source = SourceTable(connection, table)
                rows = sa.select(source.id(id_)).select_from(source.table).where(_is_user(source, user))
                found[table] = {str(row) for row in connection.scalars(rows)}
    return found


def _is_user(source: SourceTable, user: str) -> sa.ColumnElement[bool]:
    return sa.func.trim(source.id("user_id")) == user


def _delete_from_source(settings: Settings, ids: Mapping[str, AbstractSet[str]]) -> None:
    """Delete rows of the source by their ids, and the costs of the sessions among them."""
    of_tables = [
        ("session_sources", "session_id", "session_sources"),
        ("session_costs", "session_id", "session_sources"),
    ]
    of_tables.append(("conversions", "conv_id", "conversions"))
    if not any(ids.values()):
        return
    with Database(settings.database_url).writing() as connection:
        for table, id_, of in of_tables:
            source = SourceTable(connection, table)
            for some in _some(sorted(ids[of])):
                connection.execute(sa.delete(source.table).where(source.id(id_).in_(some)))


class _Stored:
    """What is stored of a visitor.

    Args:
        storage: The stored tables.
        user: The visitor's id.
    """

    def __init__(self, storage: AssetStorage, user: str) -> None:
        self._storage, self._user = storage, user
        self.tables = {"sessions": "session_id", "conversions": "conv_id"}

    def days(self, asset: str) -> set[dt.date]:
        """The days of a source asset in whose rows, or in those that were set aside, the visitor is."""
        days = {day for day, frame in self._storage.all_days(asset).frames() if self._rows(frame).any()}
        rejected = self._storage.all_days(companion_table(asset)).frames()
        days |= {day for day, frame in rejected if any(map(self._is_in, frame["row"]))}
        if asset == "conversions":
            too_long = self._storage.all_days(companion_table("journeys")).frames()
            days |= {day for day, frame in too_long if self._rows(frame).any()}
        return days

    def orders(self, days: Mapping[str, AbstractSet[dt.date]]) -> set[str]:
        """The visitor's orders on some days."""
        stored = self._storage.days("conversions", days["conversions"])
        return {str(order) for _, frame in stored.frames() for order in frame.loc[self._rows(frame), "conv_id"]}

    def _rows(self, frame: pd.DataFrame) -> "pd.Series[bool]":
        of_user: pd.Series[bool] = frame["user_id"].str.strip() == self._user
        return of_user.fillna(value=False).astype(bool)

    def _is_in(self, row: str) -> bool:
        """Whether a row that was set aside is of the visitor."""
        try:
            values = json.loads(row)
        except ValueError:
            return self._user in row
        value = next((value for name, value in values.items() if name.lower() == "user_id"), None)
        text = "" if value is None else str(value).strip()
        return text == self._user or (len(text) > _SHOWN_CHARACTERS and text[:_SHOWN_CHARACTERS] == self._user[:50])


def _forget(resources: Resources, orders: Sequence[str]) -> int:
    """Forget the answers on orders: how many there were."""
    ledger = resources.database.ledger()
    if not orders or not ledger.is_there():
        return 0
    return sum(ledger.forget(Selection(conv_ids=some)) for some in _some(orders))


def _drop_outside(storage: AssetStorage, days: Mapping[str, AbstractSet[dt.date]]) -> None:
    """Delete stored days of source assets that lie outside the calendar, so that no run makes them anew."""
    for asset, outside in days.items():
        for table in (asset, companion_table(asset)):
            for file in storage.days(table, outside).files.values():
                file.unlink()


def _compact(settings: Settings) -> None:
    """Leave nothing of deleted rows in the files of the databases that are SQLite's."""
    if (path := Database(settings.database_url).path) and path.exists():
        compact_sqlite(path)


def compact_sqlite(path: Path) -> None:
    """Write a SQLite database anew, so that nothing of deleted rows is left in it or beside it.

    Raises:
        DatabaseError: Another program keeps it locked.
    """
    try:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise DatabaseError(f"The SQLite database {path} cannot be compacted: {error}") from None


def _record(instance: dg.DagsterInstance, resources: Resources, erased: Erased) -> None:
    """Say in Dagster's history when a visitor was erased, but not whose it was."""
    metadata = {
        "erased_at": dg.MetadataValue.text(dt.datetime.now(dt.UTC).isoformat(timespec="seconds")),
        "sessions": dg.MetadataValue.int(erased.sessions),
        "orders": dg.MetadataValue.int(erased.orders),
        "answers": dg.MetadataValue.int(erased.answers),
        "days": dg.MetadataValue.text(", ".join(map(str, erased.all_days))),
    }
    event = dg.AssetObservation(resources.rules.names.key("sessions"), "A visitor was erased", metadata=metadata)
    instance.report_runless_asset_event(event)


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _ORDERS_PER_STATEMENT):
        yield ids[start : start + _ORDERS_PER_STATEMENT]
