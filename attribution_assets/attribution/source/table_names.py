"""The source tables and their columns by name, as the database spells it: capital letters make no other name.

What the columns' types mean for their values belongs in `column_expressions`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from attribution_assets.attribution.database.database import POSTGRESQL, SQLITE, column_types
from attribution_assets.attribution.database.duckdb_dialect import DUCKDB

_TABLES = {
    SQLITE: "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
    DUCKDB: (
        "SELECT table_name AS name FROM information_schema.tables WHERE table_catalog = current_database()"
        " AND table_schema = current_schema()"
    ),
    POSTGRESQL: (
        "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(oid)"
        " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
    ),
}


_FOUND = "found source tables"


class FoundColumn(NamedTuple):
    """A column: its name in the database and its type."""

    name: str
    type: sa.types.TypeEngine[Any]


class FoundTable(NamedTuple):
    """A table: its name in the database, and its columns by their names in lower case."""

    name: str
    columns: Mapping[str, FoundColumn]


def find_table(connection: sa.Connection, name: str) -> FoundTable:
    """The table or view of this name, given in lower case; without columns if there is none.

    A name in lower case goes before others. If there are several others, it is none of them. A connection that reads
    sees one state of the tables, so each is looked for once.
    """
    tables: dict[str, FoundTable] = connection.info.setdefault(_FOUND, {})
    if name not in tables:
        tables[name] = _find_table(connection, name)
    return tables[name]


def look_again(connection: sa.Connection) -> None:
    """Have the tables be looked for again: a connection that writes has made or changed one."""
    connection.info.pop(_FOUND, None)


def _find_table(connection: sa.Connection, name: str) -> FoundTable:
    query = sa.text(f"SELECT name FROM ({_TABLES[connection.dialect.name]}) AS named WHERE lower(name) = :name")  # noqa: S608  ours
    table = _spelled(connection.scalars(query, {"name": name}), name) or name
    types = column_types(connection, table)
    columns = {column.lower(): _spelled(types, column.lower()) for column in types}
    return FoundTable(table, {low: FoundColumn(each, types[each]) for low, each in columns.items() if each})


def table_names(connection: sa.Connection) -> list[str]:
    """The names of all tables and views that are found without naming a schema, as the database spells them."""
    return sorted(connection.scalars(sa.text(_TABLES[connection.dialect.name])))


def missing_from(connection: sa.Connection, needed: Mapping[str, Sequence[str]]) -> list[str]:
    """The parts of `needed` (table -> columns) that are missing, as "the table t" or "the column c of table t"."""
    missing = []
    for table, columns in needed.items():
        found = find_table(connection, table).columns
        if not found:
            missing.append(f"the table {table}")
        else:
            missing += [f"the column {column} of table {table}" for column in columns if column not in found]
    return missing


def _spelled(names: Iterable[str], name: str) -> str | None:
    alike = [each for each in names if each.lower() == name]
    return name if name in alike else alike[0] if len(alike) == 1 else None
