"""Tables that this project makes beside the source tables: written one transaction after another, made when missing.

Which tables these are is said in `result_tables.py` and `ledger_tables.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from attribution_assets.attribution.database.database import POSTGRESQL, Database, DatabaseError, missing_parts


class OwnTables:
    """Some tables of one database, made by the first transaction that writes to them.

    Args:
        database: where they are.
        needed: table -> the columns that are used of it.
        make: makes those that are not there.
        advisory_lock: behind which their writers queue on PostgreSQL, as SQLite's do by nature; any number will do, as
            long as it is always the same.
        error: raised where a table lacks a column.

    Attributes:
        are_there: whether they are known to be there.
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
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction on the tables, one after another; they are made first if they are not there.

        Raises:
            DatabaseError: of the class `error`: a table lacks a column, or what `Database.writing` raises.
        """
        with self._database.writing() as connection:
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
