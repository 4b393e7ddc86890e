"""The ledger's database tables, in the same database as the source tables: their columns, creation and transactions.

    ihc_answer(journey_key, conv_id, conv_type_id, endpoint, redistribution_parameter, outcome, touchpoints,
               answered_at, request_id, credit)      one row per answered journey; credit is a JSON list with, for each
                                                     touchpoint, [session_id, initializer, holder, closer, ihc, reason]
    ihc_claim(journey_key, claimant)                 one row per journey that a client is asking the API for
    ihc_claimant(claimant, process, alive_until)     one row per client: its process (see `files/processes.py`) and the
                                                     end of its lease (seconds since 1970)

The tables of a named data set have its name before theirs, as in `shop_de__ihc_answer`.

    DatabaseError
    └── LedgerError     the ledger cannot be read or written, or a table of it lacks a column

The meaning of answers is in `ledger.py`, that of claims in `claims.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from threading import Event
from typing import Any, Final
from zlib import crc32

import sqlalchemy as sa

from attribution_assets.attribution.database.database import POSTGRESQL, Database, DatabaseError
from attribution_assets.attribution.database.own_tables import OwnTables
from attribution_assets.attribution.json_text import encoded_json


class LedgerSchema:
    """The definitions of the ledger's tables.

    Args:
        prefix: stands before the name of each table.

    Attributes:
        metadata: all of them.
        answer: the answers.
        claim: the claims on journeys.
        claimant: the clients that claim.
    """

    def __init__(self, prefix: str) -> None:
        self.metadata = sa.MetaData()
        self.answer = sa.Table(
            f"{prefix}ihc_answer",
            self.metadata,
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
        self.claim = sa.Table(
            f"{prefix}ihc_claim",
            self.metadata,
            sa.Column("journey_key", sa.Text, primary_key=True),
            sa.Column("claimant", sa.Text, nullable=False, index=True),
        )
        self.claimant = sa.Table(
            f"{prefix}ihc_claimant",
            self.metadata,
            sa.Column("claimant", sa.Text, primary_key=True),
            sa.Column("process", sa.Text, nullable=False),
            sa.Column("alive_until", sa.Double, nullable=False),
        )


@cache
def schema_of(prefix: str) -> LedgerSchema:
    """The definitions of the tables with this prefix, made once."""
    return LedgerSchema(prefix)


_ADVISORY_LOCK: Final = 4_972_036_116


class LedgerError(DatabaseError):
    """The ledger cannot be read or written."""


class LedgerTables:
    """The ledger's tables in one database. Constructing it opens no connection.

    Args:
        url: as for `database.Database`.
        prefix: stands before the name of each table, so that several data sets can share a database.
        makes_file: as for `database.Database`.

    Attributes:
        schema: the definitions of the tables.

    Raises:
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, url: str, prefix: str = "", *, makes_file: bool = False) -> None:
        self._database = Database(url, error=LedgerError, makes_file=makes_file)
        self.schema = schema_of(prefix)
        self._tables = OwnTables(
            self._database,
            {name: tuple(table.columns.keys()) for name, table in self.schema.metadata.tables.items()},
            self.schema.metadata.create_all,
            advisory_lock=_ADVISORY_LOCK + crc32(prefix.encode()),
            error=LedgerError,
        )

    def __str__(self) -> str:
        """The database, without user and password."""
        return str(self._database)

    def drop(self) -> None:
        """Delete the tables, as with the data set that they are of.

        Raises:
            LedgerError: they cannot be deleted.
        """
        with self._database.writing() as connection:
            self.schema.metadata.drop_all(connection)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read-only transaction on the ledger's tables, which are created first if they do not exist.

        Raises:
            LedgerError: the database or its driver reports an error.
        """
        if not self._tables.are_there:
            with self.writing():
                pass
        with self._database.reading() as connection:
            yield connection

    @contextmanager
    def reading_if_there(self) -> Iterator[sa.Connection | None]:
        """A read-only transaction on the ledger's tables, or None if they do not exist; creates nothing.

        Raises:
            LedgerError: the database or its driver reports an error.
        """
        with self._database.reading() as connection:
            yield connection if sa.inspect(connection).has_table(self.schema.answer.name) else None

    def writing(self, given_up: Event | None = None) -> AbstractContextManager[sa.Connection]:
        """A writing transaction on the ledger's tables, which are created first if they do not exist.

        Writing transactions of all clients run one after another.

        Args:
            given_up: see `Database.writing`.

        Raises:
            LedgerError: the database or its driver reports an error, or a table lacks a column.
        """
        return self._tables.writing(given_up)


def rows_with_keys(connection: sa.Connection, query: sa.Select[Any], keys: Sequence[str]) -> Iterator[sa.Row[Any]]:
    """The rows of a query whose first column is one of the journey keys."""
    return iter(connection.execute(query.where(is_among(connection, query.selected_columns[0], keys))))


def is_among(connection: sa.Connection, key: sa.ColumnElement[str], keys: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a journey key is one of these, any number of them: they are one parameter, a JSON list."""
    listed = sa.literal(encoded_json(keys).decode(), sa.Text)
    elements = (
        sa.func.json_array_elements_text(sa.cast(listed, sa.JSON))
        if connection.dialect.name == POSTGRESQL
        else sa.func.json_each(listed)
    )
    return key.in_(sa.select(elements.table_valued("value").c.value))
