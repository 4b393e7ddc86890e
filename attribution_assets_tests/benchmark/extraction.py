"""Times the extraction of sessions against `pandas.read_sql` of the same rows, in turn, on the same database.

usage: python attribution_assets_tests/benchmark/extraction.py [--sessions N] [--days N] [--runs N]
       [--database sqlite|postgresql] [--memory]

Ours reads each day in order, checks and types it, and makes its fingerprint; `fingerprints` makes these alone. pandas
reads all days at once, and `pandas with times` also makes one time of date and time, as `plain_script.py` does. Prints
JSON: median seconds of wall time and of this process's CPU time, and the ratio of ours to pandas. `--memory` prints the
peak of memory of reading all days one after the other instead, in MB, without pandas: with `--days 1` that of one day.
"""

import argparse
import datetime as dt
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))
from compare import FIRST_DAY, make_database
from databases import create_source_tables, insert, postgresql_server, rows_of

from attribution_assets.attribution.source_database import SourceDatabase

SOURCE_TABLES = ("session_sources", "session_costs")
QUERY = """
    SELECT s.*, c.cost FROM session_sources s LEFT JOIN session_costs c USING (session_id)
    WHERE event_date BETWEEN :first AND :last
"""


@contextmanager
def database(kind: str, file: Path) -> Iterator[str]:
    """The URL of a database of the kind, with the rows of the SQLite file."""
    if kind == "sqlite":
        yield f"sqlite:///{file}"
        return
    server = postgresql_server.__wrapped__()  # the fixture's own function
    url = next(server)
    create_source_tables(url)
    for table in SOURCE_TABLES:
        insert(url, table, rows_of(f"sqlite:///{file}", table))
    with sa.create_engine(_engine_url(url), isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    try:
        yield url
    finally:
        server.close()


def readings(url: str, days: list[dt.date]) -> dict[str, Callable[[], int]]:
    """What is timed, each giving the number of its rows."""
    source = SourceDatabase(url, days[0])
    engine = sa.create_engine(_engine_url(url), poolclass=sa.NullPool)

    def read() -> pd.DataFrame:
        with engine.connect() as connection:
            span = {"first": str(days[0]), "last": str(days[-1])}
            return pd.read_sql(sa.text(QUERY), connection, params=span)

    def read_with_times() -> int:
        sessions = read()
        sessions["session_time"] = pd.to_datetime(sessions["event_date"] + " " + sessions["event_time"])
        return len(sessions)

    return {
        "ours": lambda: sum(len(day.frame) for day in source.sessions(days)),
        "fingerprints": lambda: sum(int(text.split()[0]) for text in source.fingerprints("sessions", days).values()),
        "pandas": lambda: len(read()),
        "pandas with times": read_with_times,
    }


def compare(url: str, days: list[dt.date], runs: int) -> dict[str, object]:
    """Run each in turn, and see that each reads all rows.

    Raises:
        ValueError: They read different numbers of rows.
    """
    timed = readings(url, days)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    rows = set()
    for _ in range(runs):
        for name, read in timed.items():
            wall, cpu = time.perf_counter(), time.process_time()
            rows.add(read())
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    if len(rows) != 1:
        raise ValueError(f"different numbers of rows were read: {sorted(rows)}")
    result: dict[str, object] = {"rows": rows.pop()}
    for position, clock in enumerate(("wall", "cpu")):
        medians = {name: statistics.median(each[position] for each in of) for name, of in seconds.items()}
        result[clock] = {name: round(median, 3) for name, median in medians.items()} | {
            "ratio": round(medians["ours"] / medians["pandas"], 2),
            "ratio with times": round(medians["ours"] / medians["pandas with times"], 2),
        }
    return result


def peak_memory(url: str, days: list[dt.date]) -> dict[str, object]:
    """Megabytes of this process before and after all days were read."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = readings(url, days)["ours"]()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": rows, "MB before": before // 1024, "MB at most": after // 1024}


def _engine_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def main() -> None:
    """Read the arguments, make the database, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=300_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    days = [FIRST_DAY + dt.timedelta(days=number) for number in range(arguments.days)]
    with tempfile.TemporaryDirectory(prefix="benchmark_") as name:
        file = Path(name) / "generated.db"
        make_database(file, arguments.sessions, 1, arguments.days)
        with database(arguments.database, file) as url:
            measured = peak_memory(url, days) if arguments.memory else compare(url, days, arguments.runs)
            print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
