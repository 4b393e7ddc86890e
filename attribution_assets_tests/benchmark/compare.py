"""Times the whole command against the same report as a plain pandas script, with an endpoint of 100 ms per answer.

usage: python attribution_assets_tests/benchmark/compare.py [--sessions N] [--orders N] [--days N] [--runs N]
       python attribution_assets_tests/benchmark/compare.py --database FILE.db --first DAY --last DAY [--runs N]

Each run starts from a fresh copy of the database and an empty Dagster home. Prints JSON: the seconds of every run, the
medians, the command's ratio to the script, and the seconds that starting up takes.
"""

import argparse
import datetime as dt
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))
from databases import create_source_tables, insert
from ihc_endpoint import KEY, IhcEndpoint

LATENCY_SECONDS = 0.1
FIRST_DAY = dt.date(2024, 1, 1)
CHANNELS = [f"Channel {number}" for number in range(12)]


def make_database(path: Path, sessions: int, orders: int, days: int, seed: int = 7) -> None:
    """A shop whose visitors have 1 to 60 sessions, with ids of 64 characters."""
    random = np.random.default_rng(seed)
    per_user = np.minimum(random.pareto(1.2, sessions).astype(int) + 1, 60)
    users = np.repeat(np.arange(sessions), per_user)[:sessions]
    times = np.datetime64(FIRST_DAY, "s") + random.integers(0, days * 86_400, sessions)
    ids = [hashlib.sha256(f"session {number}".encode()).hexdigest() for number in range(sessions)]
    user_ids = [hashlib.sha256(f"user {number}".encode()).hexdigest() for number in users]
    stamps = [str(stamp).split("T") for stamp in times]
    flags = random.integers(0, 2, (sessions, 3)).tolist()
    channels = [CHANNELS[number] for number in random.integers(0, len(CHANNELS), sessions)]
    path.touch()
    url = f"sqlite:///{path}"
    create_source_tables(url)
    columns = zip(ids, user_ids, stamps, channels, flags, strict=True)
    insert(url, "session_sources", [(s, u, *stamp, c, *flag) for s, u, stamp, c, flag in columns])
    insert(url, "session_costs", zip(ids, np.round(random.exponential(1.0, sessions), 3).tolist(), strict=True))
    converting = random.choice(sessions, orders, replace=False)
    latest = np.datetime64(FIRST_DAY, "s") + days * 86_400 - 1
    placed = np.minimum(times[converting] + random.integers(1, 600, orders), latest)
    rows = zip(converting, placed, np.round(random.lognormal(3.5, 0.8, orders), 2).tolist(), strict=True)
    insert(
        url,
        "conversions",
        [(f"order {session}", user_ids[session], *str(at).split("T"), revenue) for session, at, revenue in rows],
    )


def timed(command: list[str], environment: dict[str, str], folder: Path) -> float:
    """Seconds of wall time of one command.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
    return time.perf_counter() - start


def compare(database: Path, first: str, last: str, runs: int) -> dict[str, object]:
    """Run both in turn, and see that they report the same."""
    seconds: dict[str, list[float]] = {"command": [], "script": [], "imports": []}
    script = str(Path(__file__).with_name("plain_script.py"))
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("ATTRIBUTION_", "IHC_", "DAGSTER_"))
    }
    with IhcEndpoint(latency_seconds=LATENCY_SECONDS) as endpoint:
        for _ in range(runs):
            with tempfile.TemporaryDirectory(prefix="benchmark_") as name:
                folder = Path(name)
                for copy in ("command.db", "script.db"):
                    shutil.copy(database, folder / copy)
                environment = clean | {
                    "ATTRIBUTION_DATABASE_URL": f"sqlite:///{folder / 'command.db'}",
                    "ATTRIBUTION_START_DATE": first,
                    "DAGSTER_HOME": str(folder / "home"),
                    "IHC_API_URL": endpoint.url,
                    "IHC_API_KEY": KEY,
                }
                command = ["attribution-assets", "run", "--start-date", first, "--end-date", last]
                plain = [sys.executable, script, "script.db", endpoint.url, KEY, first, last, "script.csv"]
                imports = [sys.executable, "-c", "import attribution_assets.runs"]
                seconds["command"].append(timed(command, environment, folder))
                seconds["script"].append(timed(plain, environment, folder))
                seconds["imports"].append(timed(imports, environment, folder))
                agree(folder)
    medians = {name: round(statistics.median(values), 2) for name, values in seconds.items()}
    rounded = {name: [round(value, 2) for value in values] for name, values in seconds.items()}
    return {"seconds": rounded, "medians": medians, "ratio": round(medians["command"] / medians["script"], 2)}


def agree(folder: Path) -> None:
    """See that command and script credited the same orders alike.

    Raises:
        ValueError: They did not.
    """
    query = "SELECT date, channel_name, round(cost, 4), round(ihc, 6), round(ihc_revenue, 4) FROM channel_reporting"
    tables = []
    for name in ("command.db", "script.db"):
        engine = sa.create_engine(f"sqlite:///{folder / name}")
        with engine.connect() as connection:
            tables.append(sorted(map(tuple, connection.exec_driver_sql(query))))
        engine.dispose()
    if tables[0] != tables[1]:
        raise ValueError("the command and the script report different figures")


def main() -> None:
    """Read the arguments, make the database if none is named, and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=300_000)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--first", default=str(FIRST_DAY))
    parser.add_argument("--last")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark_") as name:
        database, last = arguments.database, arguments.last
        if database is None:
            database = Path(name) / "generated.db"
            make_database(database, arguments.sessions, arguments.orders, arguments.days)
            last = str(FIRST_DAY + dt.timedelta(days=arguments.days - 1))
        print(json.dumps(compare(database, arguments.first, last, arguments.runs), indent=2))


if __name__ == "__main__":
    main()
