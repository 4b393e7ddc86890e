"""A file of DuckDB that is only read.

Which tables are read of it does not belong here.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import sqlalchemy as sa

from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.database.duckdb_dialect import duckdb_reading, duckdb_settings


class DuckDbFile:
    """A database of DuckDB by its path; each block of `reading` opens the file and closes it.

    Args:
        path: the file.
        variable: the environment variable that names it, for messages.
        error: the class that `reading` raises for errors.
    """

    def __init__(self, path: Path, variable: str, error: type[DatabaseError] = DatabaseError) -> None:
        self.path, self.variable, self._error = path, variable, error

    def __str__(self) -> str:
        """Which database it is."""
        return f"DuckDB database {self.path.resolve()}"

    @property
    def address(self) -> str:
        """Its URL."""
        return f"duckdb:///{self.path.absolute()}"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that cannot change the file. Meanwhile no program can write to it: DuckDB keeps it locked."""
        if not self.path.exists():
            raise self._error(
                f"There is no database at {self.path.absolute()}: set {self.variable} to the one that is to be read"
                " (duckdb:///relative/path or duckdb:////absolute/path)."
            )
        with duckdb_reading(self._connect, self._as_error) as connection:
            yield connection

    def _connect(self) -> duckdb.DuckDBPyConnection:
        place = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:16]
        return duckdb.connect(str(self.path), read_only=True, config=duckdb_settings(place))

    def _as_error(self, words: str) -> DatabaseError:
        if "Could not set lock" in words:
            return self._error(f"The {self} is being written by another program: try again when that program is done.")
        return self._error(f"The {self} cannot be used: {' '.join(words.split()).rstrip('.')}. Check {self.variable}.")
