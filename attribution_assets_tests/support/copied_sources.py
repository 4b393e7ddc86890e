"""The same source rows in each kind of place that can be a source."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from attribution_assets.demo import SOURCE_TABLES
from attribution_assets_tests.support.databases import execute, insert
from attribution_assets_tests.support.source_tables import UNKEYED

Rows = dict[str, Sequence[tuple[Any, ...]]]
"""Source table -> rows with all its columns, in the order of `SOURCE_TABLES`."""

KINDS = ("duckdb", "parquet", "csv")


def columns_of(table: str) -> list[str]:
    """The columns of a source table."""
    return list(SOURCE_TABLES.tables[table].columns.keys())


def make_source(url: str, rows: Rows, *, text: bool) -> str:
    """The source tables made anew in an empty database, with these rows; their columns are text, or else as usual."""
    flag, amount = ("text", "text") if text else ("integer", "double precision")
    execute(url, *(f"DROP TABLE IF EXISTS {table}" for table in rows))
    execute(url, *UNKEYED.format(flag=flag, amount=amount).split(";"))
    for table, some in rows.items():
        insert(url, table, some)
    return url


def write_csv(folder: Path, rows: Rows, separator: str = ",", encoding: str = "utf-8") -> str:
    """A CSV file of each table; the URL of the folder."""
    folder.mkdir(exist_ok=True)
    for table, some in rows.items():
        with (folder / f"{table}.csv").open("w", newline="", encoding=encoding) as file:
            writer = csv.writer(file, delimiter=separator)
            writer.writerow(columns_of(table))
            writer.writerows(some)
    return f"files://{folder}"


def write_parquet(folder: Path, duckdb_url: str) -> str:
    """A Parquet file of each table of a database of DuckDB; the URL of the folder."""
    folder.mkdir(exist_ok=True)
    with duckdb.connect(duckdb_url.removeprefix("duckdb:///"), read_only=True) as connection:
        for table in SOURCE_TABLES.tables:
            connection.execute(f"COPY {table} TO '{folder}/{table}.parquet'")
    return f"files://{folder}"
