"""What readers have saved of a data set: goals, views, annotations and groups of channels, in its result database.

    page_saved(kind, name, value, saved_at)     one row for each; the name is unique among those of its kind

The table of a named data set has its name before, as in `shop_de__page_saved`. Each saved thing is a row of its own, so
that writers who save at once do not undo each other's. Who may save, and that no other site does it, is in `saving.py`.

    DatabaseError
    └── SavedError      the table cannot be read or written
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple
from zlib import crc32

import sqlalchemy as sa

from attribution_assets.attribution.database.database import Database, DatabaseError, column_types
from attribution_assets.attribution.database.own_tables import OwnTables

Kind = Literal["goals", "view", "annotation", "group"]
KINDS: Final = ("goals", "view", "annotation", "group")
LONGEST_NAME: Final = 120
MOST_OF_A_KIND: Final = 500
_ADVISORY_LOCK: Final = 4_972_036_117


class SavedError(DatabaseError):
    """What has been saved cannot be read or written."""


class NotSavedError(Exception):
    """Something cannot be saved as it was given; the message says why, and what to do."""


class Annotation(NamedTuple):
    """What somebody wrote of a day, such as "price raised".

    Attributes:
        day: The day.
        text: The text.
    """

    day: dt.date
    text: str

    @property
    def name(self) -> str:
        """The name under which it is saved."""
        return f"{self.day} {self.text}"


@dataclass(frozen=True)
class Saved:
    """What has been saved of a data set.

    Attributes:
        goals: The query with the goals and the margin that hold where an address says none; empty if none are saved.
        views: Name of each view -> its address below the data set's base.
        annotations: By day.
        groups: Name of each group -> its channels. No channel is in two of them.
    """

    goals: str = ""
    views: Mapping[str, str] = field(default_factory=dict)
    annotations: Sequence[Annotation] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def group_of(self) -> dict[str, str]:
        """Channel -> its group, of the channels that are in one."""
        return {channel: group for group, channels in self.groups.items() for channel in channels}


NOTHING_SAVED: Final = Saved()


class SavedThings:
    """The table of saved things in a database. Constructing it opens no connection.

    Args:
        url: As for `database.Database`.
        prefix: Stands before the table's name, so that several data sets can share a database.
        makes_file: As for `database.Database`.

    Raises:
        DatabaseUrlError: The URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, url: str, prefix: str = "", *, makes_file: bool = False) -> None:
        self._database = Database(url, error=SavedError, makes_file=makes_file)
        metadata = sa.MetaData()
        self._table = sa.Table(
            f"{prefix}page_saved",
            metadata,
            sa.Column("kind", sa.Text, primary_key=True),
            sa.Column("name", sa.Text, primary_key=True),
            sa.Column("value", sa.Text, nullable=False),
            sa.Column("saved_at", sa.Text, nullable=False),
        )
        self._tables = OwnTables(
            self._database,
            {self._table.name: tuple(self._table.columns.keys())},
            metadata.create_all,
            advisory_lock=_ADVISORY_LOCK + crc32(prefix.encode()),
            error=SavedError,
        )

    def read(self) -> Saved:
        """All that is saved now; nothing if there is no table yet.

        Raises:
            SavedError: The database cannot be read.
        """
        with self._database.reading() as connection:
            if not column_types(connection, self._table.name):
                return Saved()
            return _saved(connection, self._table)

    def save(self, kind: Kind, name: str, value: str, today: dt.datetime) -> None:
        """Save something; goals take the place of those that were saved.

        Args:
            kind: What it is.
            name: Its name, without blanks at its ends; of goals, empty.
            value: Of goals their query, of a view its address, of a group a JSON list of its channels; of an annotation
                empty.
            today: The time.

        Raises:
            NotSavedError: The name is taken or cannot be one, a channel is in another group, or there are too many.
            SavedError: The database cannot be written.
        """
        if kind != "goals" and not (name and name.isprintable() and len(name) <= LONGEST_NAME):
            raise NotSavedError(f"A name has 1 to {LONGEST_NAME} characters, all of which can be printed.")
        row = {"kind": kind, "name": name, "value": value, "saved_at": today.isoformat(timespec="seconds")}
        table = self._table
        with self._tables.writing() as connection:
            if kind == "goals":
                connection.execute(sa.delete(table).where(table.c.kind == kind))
            else:
                self._require_room(_saved(connection, table), kind, name, value)
            connection.execute(sa.insert(table), row)

    def delete(self, kind: Kind, name: str) -> None:
        """Delete something, if it is there. Errors as for `read`."""
        table = self._table
        with self._tables.writing() as connection:
            connection.execute(sa.delete(table).where(table.c.kind == kind, table.c.name == name))

    def drop(self) -> None:
        """Delete the table, as with the data set that it is of. Errors as for `read`."""
        with self._database.writing() as connection:
            self._table.drop(connection, checkfirst=True)

    @staticmethod
    def _require_room(saved: Saved, kind: Kind, name: str, value: str) -> None:
        taken = {
            "view": list(saved.views),
            "annotation": [annotation.name for annotation in saved.annotations],
            "group": list(saved.groups),
        }[kind]
        if name in taken:
            raise NotSavedError(f"There is already one called “{name}”: delete it first, or take another name.")
        if len(taken) >= MOST_OF_A_KIND:
            raise NotSavedError(f"There are {MOST_OF_A_KIND} already: delete some first.")
        for channel in json.loads(value) if kind == "group" else ():
            if group := saved.group_of.get(channel):
                raise NotSavedError(f"{channel} is in the group “{group}” already: delete that group first.")


def _saved(connection: sa.Connection, table: sa.Table) -> Saved:
    query = sa.select(table.c.kind, table.c.name, table.c.value).order_by(table.c.kind, table.c.name)
    of: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
    for kind, name, value in connection.execute(query):
        of.setdefault(kind, {})[name] = value
    return Saved(
        goals=next(iter(of["goals"].values()), ""),
        views=of["view"],
        annotations=tuple(Annotation(dt.date.fromisoformat(name[:10]), name[11:]) for name in of["annotation"]),
        groups={name: json.loads(value) for name, value in of["group"].items()},
    )
