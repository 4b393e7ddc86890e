"""The tables of the ledger, beside the source tables: how they are made, read and written.

    ihc_answer(journey_key, conv_id, conv_type_id, endpoint, redistribution_parameter, outcome, touchpoints,
               answered_at, request_id, credit)      one row per answered journey; credit holds for each touchpoint
                                                     [session_id, initializer, holder, closer, ihc, reason]
    ihc_claim(journey_key, claimant)                 journeys that are being asked for
    ihc_claimant(claimant, process, alive_until)     who is asking: a process (see `processes.py`), which is alive at
                                                     least until this time (seconds since 1970)

    DatabaseError
    └── LedgerError     the ledger cannot be read or written, or a table of it lacks a column

What answers and claims mean is in `ledger.py` and `ledger_claims.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import sqlalchemy as sa

from attribution_assets.attribution.database.database import Database, DatabaseError
from attribution_assets.attribution.database.own_tables import OwnTables

_TABLES: Final = sa.MetaData()
ANSWER: Final = sa.Table(
    "ihc_answer",
    _TABLES,
    sa.Column("journey_key", sa.Text, primary_key=True),
    sa.Column("conv_id", sa.Text, nullable=False),
    sa.Column("conv_type_id", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("redistribution_parameter", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("touchpoints", sa.Integer, nullable=False),
    sa.Column("answered_at", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("credit", sa.Text, nullable=False),
)
CLAIM: Final = sa.Table(
    "ihc_claim",
    _TABLES,
    sa.Column("journey_key", sa.Text, primary_key=True),
    sa.Column("claimant", sa.Text, nullable=False, index=True),
)
CLAIMANT: Final = sa.Table(
    "ihc_claimant",
    _TABLES,
    sa.Column("claimant", sa.Text, primary_key=True),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("alive_until", sa.Double, nullable=False),
)
_COLUMNS: Final = {name: tuple(table.columns.keys()) for name, table in _TABLES.tables.items()}

_KEYS_PER_QUERY: Final = 1000
_ADVISORY_LOCK: Final = 4_972_036_116


class LedgerError(DatabaseError):
    """The ledger cannot be read or written."""


class LedgerTables:
    """The tables in one database. Making one connects to nothing.

    Args:
        url: as for `database.Database`.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url, error=LedgerError)
        self._tables = OwnTables(
            self._database, _COLUMNS, _TABLES.create_all, advisory_lock=_ADVISORY_LOCK, error=LedgerError
        )

    def __str__(self) -> str:
        """Which database it is, without user and password."""
        return str(self._database)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read-only transaction on the ledger's tables; they are made first if they are not there.

        Raises:
            LedgerError: what the database or its driver refuses.
        """
        if not self._tables.are_there:
            with self.writing():
                pass
        with self._database.reading() as connection:
            yield connection

    @contextmanager
    def reading_if_there(self) -> Iterator[sa.Connection | None]:
        """The same, but None where the tables are not there.

        Raises:
            LedgerError: what the database or its driver refuses.
        """
        with self._database.reading() as connection:
            yield connection if sa.inspect(connection).has_table(ANSWER.name) else None

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """A transaction on the ledger's tables, one after another; they are made first if they are not there.

        Raises:
            LedgerError: what the database or its driver refuses, or a table lacks a column.
        """
        return self._tables.writing()


def rows_with_keys(connection: sa.Connection, query: sa.Select[Any], keys: Sequence[str]) -> Iterator[sa.Row[Any]]:
    """The rows of a query whose first column is one of the journey keys."""
    key = query.selected_columns[0]
    for some in chunks(keys):
        yield from connection.execute(query.where(key.in_(some)))


def chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """The keys, as many at a time as one statement takes well."""
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        yield keys[start : start + _KEYS_PER_QUERY]
