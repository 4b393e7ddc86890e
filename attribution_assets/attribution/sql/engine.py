"""Runs SQL over stored tables: on DuckDB in this process, or on Apache Spark, one text for both.

The SQL itself stands with what it computes: `journeys.py`, `channel_report.py`. It keeps to what all engines do alike,
so that the stored tables are the same whichever has run it:

- Floating point numbers are only compared and taken through single steps that IEEE 754 defines (`decimal_of`); sums
  are of decimals. Decimals leave the engine as they are, and become floating point numbers here.
- Times have no zone. Text is compared by its UTF-8 bytes. What rows are sorted by is never NULL and names one row.
- Parameters are written into the text as literals, as the engines' own placeholders differ.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from string import Template
from typing import Protocol

import pandas as pd
import pyarrow as pa
from upath import UPath

from attribution_assets.attribution.calendar.tables_by_day import batches_by_day

ORDERS_PER_QUERY = 1_000_000
"""Maximum orders per query: neighbouring days share most of their lookback window, so one query serves several."""


class EngineUnavailableError(Exception):
    """The engine that was asked for cannot be used here; the message says what is missing."""

    def __init__(self, name: str, missing: object) -> None:
        super().__init__(f"ATTRIBUTION_ENGINE is {name!r}: {missing}")


class QueriedTable(Protocol):
    """A table as an engine sees it."""

    @property
    def asset(self) -> str:
        """The table's name."""

    @property
    def files(self) -> Mapping[dt.date, UPath]:
        """Its Parquet files; none is an empty table."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns: text, `timestamp[us]` without a zone, int64 and float64."""


class SqlEngine(Protocol):
    """What runs a query over Parquet files."""

    def check(self) -> None:
        """See that queries can be run, without running one; what has to be started for them is started now.

        Raises:
            EngineUnavailableError: They cannot.
        """

    def query(self, sql: str, tables: Sequence[QueriedTable]) -> AbstractContextManager[pa.RecordBatchReader]:
        """The result of a SELECT over `tables`, in its order, read while the context is open; errors as for `check`."""


class EngineTable(QueriedTable, Protocol):
    """A table that knows which engine queries it."""

    @property
    def engine(self) -> SqlEngine:
        """The engine."""


def run_sql(sql: str, *tables: EngineTable, **parameters: dt.date | int) -> pd.DataFrame:
    """The result of one query, on the engine that the tables carry.

    Args:
        sql: A SELECT over tables named like the assets, with `$name` for parameters.
        tables: The days of each asset that the query may see; an asset without any stored day is an empty table.
        parameters: Values for the query's parameters.

    Returns:
        The rows in the query's order; decimals as the nearest floating point numbers.
    """
    with tables[0].engine.query(with_literals(sql, **parameters), tables) as rows:
        return _frame(rows.read_all())


def run_sql_by_day(
    sql: str, *tables: EngineTable, by: str, days: Sequence[dt.date], **parameters: dt.date | int
) -> Iterator[tuple[dt.date, pa.Table]]:
    """The result of one query cut into its days as it comes, so that a day of it is in memory at a time.

    Args:
        sql: As for `run_sql`, in the order of the column `by`, and without decimals.
        tables: As for `run_sql`.
        by: The column of times that says which day a row is of.
        days: The days to cut it into.
        parameters: As for `run_sql`.

    Raises:
        ValueError: Rows belong to no day of `days`.
    """
    with tables[0].engine.query(with_literals(sql, **parameters), tables) as rows:
        yield from batches_by_day(rows, by, days)


def decimal_of(amount: str) -> str:
    """SQL for an amount as a decimal of 12 places, exactly alike on every engine.

    Engines differ in how they cast floating point numbers to decimals. So the whole part is cut off, which is exact,
    and what is left is counted in units of the twelfth place.

    Args:
        amount: SQL for a floating point number from 0 to below 1e15.
    """
    units = f"CAST(FLOOR(({amount} - FLOOR({amount})) * 1e12 + 0.5) AS BIGINT)"
    return f"CAST(CAST(FLOOR({amount}) AS BIGINT) + {units} * 0.000000000001 AS DECIMAL(28, 12))"


def with_literals(sql: str, **parameters: dt.date | int) -> str:
    """The SQL with its `$name` parameters written as literals."""
    return Template(sql).substitute({name: _literal(value) for name, value in parameters.items()})


def _literal(value: dt.date | int) -> str:
    return f"DATE '{value:%Y-%m-%d}'" if isinstance(value, dt.date) else f"{value:d}"


def _frame(result: pa.Table) -> pd.DataFrame:
    for place, field in enumerate(result.schema):
        if pa.types.is_decimal(field.type):
            numbers = [None if value is None else float(value) for value in result.column(place).to_pylist()]
            result = result.set_column(place, field.name, pa.array(numbers, pa.float64()))
    frame: pd.DataFrame = result.to_pandas()
    return frame
