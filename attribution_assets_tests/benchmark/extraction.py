"""The extraction of sessions against `pandas.read_sql` of the same rows, in turn, on the same database.

Ours reads each day in order, checks and types it, and makes its fingerprint. pandas reads all days at once.
"""

import datetime as dt
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
from generate import FIRST_DAY, Size, make_database

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets_tests.support.databases import create_source_tables, insert, rows_of, running_postgresql

QUERY = """
    SELECT s.*, c.cost FROM session_sources s LEFT JOIN session_costs c USING (session_id)
    WHERE event_date BETWEEN :first AND :last
"""


def against_pandas(size: Size, folder: Path, runs: int) -> dict[str, Any]:
    """Both on SQLite and on PostgreSQL.

    Args:
        size: Of the shop.
        folder: Where its database goes, and stays.
        runs: How often.

    Raises:
        ValueError: They read different numbers of rows.
    """
    file = folder / "generated.db"
    if not file.exists():
        make_database(file, size)
    days = days_between(FIRST_DAY, size.last_day)
    found = {"sqlite": _compared(f"sqlite:///{file}", days, runs)}
    with _postgresql_copy(f"sqlite:///{file}") as url:
        found["postgresql"] = _compared(url, days, runs)
    return found


def _compared(url: str, days: list[dt.date], runs: int) -> dict[str, Any]:
    source = SourceDatabase(url, days[0])
    engine = sa.create_engine(_engine_url(url), poolclass=sa.NullPool)

    def pandas() -> int:
        with engine.connect() as connection:
            span = {"first": str(days[0]), "last": str(days[-1])}
            return len(pd.read_sql(sa.text(QUERY), connection, params=span))

    competitors: dict[str, Callable[[], int]] = {
        "ours": lambda: sum(day.frame.shape[0] for day in source.sessions(days)),
        "pandas": pandas,
        "fingerprints": lambda: len(source.fingerprints("sessions", days)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in competitors}
    for _ in range(runs):
        rows = {}
        for name, read in competitors.items():
            wall, cpu = time.perf_counter(), time.process_time()
            rows[name] = read()
            seconds[name].append(time.perf_counter() - wall)
            cpu_seconds[name].append(time.process_time() - cpu)
        if rows["ours"] != rows["pandas"]:
            raise ValueError(f"different numbers of rows were read: {rows}")
    result: dict[str, Any] = {}
    for figure, of in (("seconds", seconds), ("cpu_seconds", cpu_seconds)):
        result[figure] = {name: round(statistics.median(each), 3) for name, each in of.items()}
        result[figure]["ratio"] = round(result[figure]["ours"] / result[figure]["pandas"], 2)
    return result


@contextmanager
def _postgresql_copy(source: str) -> Iterator[str]:
    with running_postgresql() as url:
        create_source_tables(url)
        for table in ("session_sources", "session_costs"):
            insert(url, table, rows_of(source, table))
        with sa.create_engine(_engine_url(url), isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        yield url


def _engine_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")
