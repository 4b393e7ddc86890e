"""The source tables of a data set where they are ours: in its own database, SQLite or PostgreSQL, written by uploads.

Tables and columns are made when rows first bring them. Reading the tables belongs in `attribution/source/database.py`.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from attribution_assets.api.problems import Problem
from attribution_assets.api.row_tables import ROW_TABLES, RowTable
from attribution_assets.attribution.database.database import POSTGRESQL, REAL, Database, insert_rows
from attribution_assets.attribution.source.column_expressions import SourceTable
from attribution_assets.attribution.source.plain_rows import is_amount, is_flag
from attribution_assets.attribution.source.table_names import find_table, look_again
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.data_sets import shares_database
from attribution_assets.settings import Settings

_ADVISORY_LOCK = 7_305_120_264_417
"""The lock for which uploads queue on PostgreSQL; SQLite's writers always queue."""

_CACHE = "PRAGMA cache_size = -65536"
"""In KiB: keys come in any order, and each has its place in an index."""

_STAGED = "attribution_staged_rows"
_NEEDED = ("sessions", "costs", "conversions")
"""The tables that a source has to have."""


def has_database(settings: Settings) -> bool:
    """Whether the data set's database is there; that of a new one is made when rows first come."""
    path = Database(settings.database_url).path
    return path is None or path.exists()


def has_source_tables(settings: Settings) -> bool:
    """Whether any of the source tables is there, or they are read from another place.

    A database can be there without them: it keeps the answers of a data set of the same name that was deleted.

    Raises:
        DatabaseError: the database cannot be read.
    """
    if settings.source_url:
        return True
    if not has_database(settings):
        return False
    with Database(settings.database_url).reading() as connection:
        return any(find_table(connection, ROW_TABLES[name].name).columns for name in _NEEDED)


class StagedRows:
    """Rows on their way into a table: in a temporary file, so that the database is locked for as short as can be."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="attribution_staged_")  # noqa: SIM115  closed by __exit__
        self._columns: dict[str, None] = {}
        self.rows = 0

    def __enter__(self) -> Self:
        """Nothing is staged yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Forget the rows."""
        self._file.close()

    @property
    def columns(self) -> Sequence[str]:
        """The columns in which any row has a value."""
        return [*self._columns]

    def add(self, columns: Mapping[str, list[Any]]) -> None:
        """Stage some rows, column by column: texts, numbers and None."""
        given = {name: values for name, values in columns.items() if values and values.count(None) < len(values)}
        if not given:
            return
        self._columns |= dict.fromkeys(given)
        self.rows += len(next(iter(given.values())))
        self._file.write(orjson.dumps(given) + b"\n")

    def __iter__(self) -> Iterator[dict[str, list[Any]]]:
        """The rows, as many at a time as were added at once; columns without a value are left out."""
        self._file.seek(0)
        for line in self._file:
            yield orjson.loads(line)


class SourceStore:
    """The source tables in the database of a data set. Constructing it opens no connection.

    Args:
        settings: the data set's.

    Raises:
        Problem: 409, its source tables are read from another place, and are not ours, or it has no database of its own.
        DatabaseUrlError: the URL is neither SQLite's nor PostgreSQL's.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.source_url:
            raise Problem(
                409,
                "Not possible",
                f"the data set {quoted(settings.data_set)} reads its rows from a source of its own (source_url): add"
                " or delete them there",
            )
        if shares_database(settings.data_set):
            raise Problem(
                409,
                "Not possible",
                f"the data set {quoted(settings.data_set)} has no database of its own, and that of the server has the"
                " rows of another one: give it database_url (another database, or the same with"
                " ?options=-csearch_path%3DNAME for a schema of its own)",
            )
        self._database = Database(settings.database_url, makes_file=True)

    def make_tables(self) -> None:
        """Make the tables that a source has to have, if they are missing.

        Raises:
            DatabaseError: the database cannot be written.
        """
        with self._writing() as connection:
            _make_needed(connection)

    def replace(self, table: RowTable, staged: StagedRows) -> int:
        """Put rows in place of those with the same keys, all in one transaction.

        Of several staged rows with one key, the last one counts.

        Returns:
            How many rows have changed something.

        Raises:
            Problem: 409, a table has several rows of one key.
            DatabaseError: the database cannot be written; nothing has changed in it.
        """
        with self._writing() as connection:
            _make_needed(connection)
            _make(connection, table)
            _add_columns(connection, table, staged.columns)
            _require_key(connection, table)
            return sum(_put(connection, table, columns) for columns in _unique(table, staged))

    def delete(self, table: RowTable, key: Sequence[str | None]) -> bool:
        """Delete the row with a key; whether there was one.

        Raises:
            DatabaseError: the database cannot be written; nothing has changed in it.
        """
        if self._database.path is not None and not self._database.path.exists():
            return False
        with self._writing() as connection:
            if not find_table(connection, table.name).columns:
                return False
            found = SourceTable(connection, table.name)
            conditions = [
                sa.func.coalesce(found.text(column), "") == (value or "")
                if _may_be_missing(table, column)
                else found.text(column) == value
                for column, value in zip(table.key, key, strict=True)
            ]
            return connection.execute(sa.delete(found.table).where(*conditions)).rowcount > 0

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._database.writing() as connection:
            if connection.dialect.name == POSTGRESQL:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            else:
                connection.exec_driver_sql(_CACHE)
            yield connection


def _may_be_missing(table: RowTable, column: str) -> bool:
    return column not in table.required


def _make_needed(connection: sa.Connection) -> None:
    for name in _NEEDED:
        _make(connection, ROW_TABLES[name])


def _make(connection: sa.Connection, table: RowTable) -> None:
    """Make the table if there is none of its name."""
    if find_table(connection, table.name).columns:
        return
    columns = dict.fromkeys([*table.required, *table.key])
    single = table.key[0] if len(table.key) == 1 else None
    made = sa.Table(
        table.name,
        sa.MetaData(),
        *(sa.Column(name, _type(table, name), primary_key=name == single) for name in columns),
    )
    if table.date:
        sa.Index(f"attribution_days_of_{table.name}", made.c[table.date])
    made.create(connection)
    look_again(connection)


def _type(table: RowTable, column: str) -> sa.types.TypeEngine[Any]:
    if is_amount(table.schema, column):
        return REAL
    return sa.Integer() if is_flag(table.schema, column) else sa.Text()


def _add_columns(connection: sa.Connection, table: RowTable, columns: Sequence[str]) -> None:
    found, quote = find_table(connection, table.name), connection.dialect.identifier_preparer.quote
    for column in dict.fromkeys([*columns, *table.key]):
        if column not in found.columns:
            type_ = _type(table, column).compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {quote(found.name)} ADD COLUMN {quote(column)} {type_}")
    look_again(connection)


def _require_key(connection: sa.Connection, table: RowTable) -> None:
    """Have the database keep one row for each key."""
    if len(table.key) == 1 and SourceTable(connection, table.name).is_key(table.key[0]):
        return
    name = connection.dialect.identifier_preparer.quote(find_table(connection, table.name).name)
    key = _key(connection, table)
    try:
        connection.exec_driver_sql(
            f"CREATE UNIQUE INDEX IF NOT EXISTS attribution_key_of_{table.name} ON {name} ({key})"
        )
    except IntegrityError:
        raise Problem(
            409,
            "Not possible",
            f"the table {table.name} has several rows with the same {', '.join(table.key)}, so that rows cannot be"
            " replaced: leave one of each",
        ) from None


def _key(connection: sa.Connection, table: RowTable) -> str:
    """The columns of the key as the index has them."""
    quote, columns = connection.dialect.identifier_preparer.quote, find_table(connection, table.name).columns
    names = [quote(columns[column].name) for column in table.key]
    return ", ".join(
        f"coalesce({name}, '')" if _may_be_missing(table, column) else name
        for name, column in zip(names, table.key, strict=True)
    )


def _unique(table: RowTable, staged: StagedRows) -> Iterator[dict[str, list[Any]]]:
    """The staged rows, of those with one key that come together the last."""
    for columns in staged:
        rows = len(next(iter(columns.values())))
        nothing = [None] * rows
        last = {key: i for i, key in enumerate(zip(*(columns.get(name, nothing) for name in table.key), strict=True))}
        kept = sorted(last.values())
        yield columns if len(kept) == rows else {name: [values[i] for i in kept] for name, values in columns.items()}


def _put(connection: sa.Connection, table: RowTable, columns: Mapping[str, list[Any]]) -> int:
    """Insert rows with different keys, or put them in place of others; how many have changed something."""
    found, quote = find_table(connection, table.name), connection.dialect.identifier_preparer.quote
    nothing = [None] * len(next(iter(columns.values())))
    rows = list(zip(*(columns.get(name, nothing) for name in found.columns), strict=True))
    target, names = quote(found.name), [quote(each.name) for each in found.columns.values()]
    others = [name for column, name in zip(found.columns, names, strict=True) if column not in table.key]
    listed = ", ".join(names)
    upsert = f" ON CONFLICT ({_key(connection, table)}) DO NOTHING"
    if others:
        new = ", ".join(f"{name} = excluded.{name}" for name in others)
        is_another = "IS DISTINCT FROM" if connection.dialect.name == POSTGRESQL else "IS NOT"
        before, after = (", ".join(f"{which}.{name}" for name in others) for which in (target, "excluded"))
        upsert = f" ON CONFLICT ({_key(connection, table)}) DO UPDATE SET {new} WHERE ({before}) {is_another} ({after})"
    if connection.dialect.name == POSTGRESQL:
        connection.exec_driver_sql(
            f"CREATE TEMP TABLE IF NOT EXISTS {_STAGED} (LIKE {target}) ON COMMIT DROP; TRUNCATE {_STAGED}"
        )
        insert_rows(connection, _STAGED, [each.name for each in found.columns.values()], rows)
        merge = f"INSERT INTO {target} ({listed}) SELECT {listed} FROM {_STAGED}{upsert}"  # noqa: S608  quoted names
        return connection.exec_driver_sql(merge).rowcount
    driver: Any = connection.connection.dbapi_connection
    before_all = driver.total_changes
    values = ", ".join("?" for _ in names)
    driver.executemany(f"INSERT INTO {target} ({listed}) VALUES ({values}){upsert}", rows)  # noqa: S608  the same
    changed: int = driver.total_changes - before_all
    return changed
