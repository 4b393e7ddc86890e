"""Tables that this project makes beside the source tables: created when missing, written by one transaction at a time.

The tables themselves are defined elsewhere: the result tables in `storage/published_tables`, the ledger's in
`ledger/tables`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event

import sqlalchemy as sa

from attribution_assets.attribution.database.database import POSTGRESQL, Database, DatabaseError, missing_parts


class OwnTables:
    """Some tables of one database; the first transaction that writes to them creates those that are missing.

    Args:
        database: the database of the tables.
        needed: table -> its columns that are used.
        make: creates the missing tables.
        advisory_lock: the number of the lock for which writers queue on PostgreSQL (SQLite's writers always queue); any
            number, but always the same one for the same tables.
        error: raised if a table lacks a column.

    Attributes:
        are_there: whether the tables are known to exist.
    """

    def __init__(
        self,
        database: Database,
        needed: Mapping[str, Sequence[str]],
        make: Callable[[sa.Connection], None],
        *,
        advisory_lock: int,
        error: type[DatabaseError],
    ) -> None:
        self._database, self._needed, self._make = database, needed, make
        self._advisory_lock, self._error = advisory_lock, error
        self.are_there = False

    @contextmanager
    def writing(self, given_up: Event | None = None) -> Iterator[sa.Connection]:
        """A transaction that writes to the tables, one at a time; missing tables are created first.

        Args:
            given_up: see `Database.writing`.

        Raises:
            DatabaseError: of the class `error`: a table lacks a column, or what `Database.writing` raises.
        """
        with self._database.writing(given_up) as connection:
            if connection.dialect.name == POSTGRESQL:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(self._advisory_lock)))
            if not self.are_there:
                self._make(connection)
                if missing := missing_parts(connection, self._needed):
                    raise self._error(
                        f"The {self._database} lacks {', '.join(missing)}. Add it, or rename that table away: a new one"
                        " is made then."
                    )
            yield connection
        self.are_there = True
