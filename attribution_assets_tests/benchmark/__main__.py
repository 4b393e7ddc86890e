"""Times the assets and the whole command beside what they could be compared with; prints JSON, and writes it to a file.

usage: python attribution_assets_tests/benchmark PART... [--sessions N] [--days N] [--runs N] [--output FILE.json]

whole      the whole command, again with nothing new, and the same report as a plain pandas script; the API answers
           after 100 ms (--latency) and takes 200 sessions and 100 journeys a request (--request SESSIONS JOURNEYS)
           (with --database FILE.db --first DAY --last DAY: on data of your own, in SQLite)
years      three years of a small shop at once, again, status, one more day, ticks of the sensors, and the plain script
assets     journeys and channel_reporting, over all days and over one, and the same SQL bare in DuckDB
api        the step that asks the API, 8 requests at once, and the time in which so many requests can be answered
extraction reading sessions, and pandas' own reader
packing    requests per journeys, the lower bound, and first fit
model      the embedded model and its service
training   errors of trained conversion types by the number of journeys learned from, of 10 x --runs draws
history    one more day after 10, 100 and 1,000 stored ones
ranges     3, 30 and 90 days at once
http       uploads and reads over the HTTP API, and the same without it
data_sets  loading 1, 10 and 50 data sets and a tick of their sensors; 10 one after another and side by side

Every run starts from nothing, or from generated tables (visitors with 1 to 60 sessions, ids of 64 characters, 12
channels, an order per 30 sessions). With --folder the generated tables stay for the next time.
"""

import argparse
import datetime as dt
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # the tests' own endpoint and databases
from data_sets import data_sets
from embedded_model import embedded_model
from extraction import against_pandas
from generate import FIRST_DAY, Size, make_database
from http_api import http_api
from long_history import one_more_day, ranges, three_years
from measure import machine
from request_counts import request_counts
from single_assets import against_bare_duckdb, against_floor
from training_errors import training_errors
from whole_command import Api, whole_command

SESSIONS_PER_ORDER = 30

Part = Callable[[Size, Path, int], dict[str, Any]]


PARTS: dict[str, Part] = {
    "assets": against_bare_duckdb,
    "api": against_floor,
    "extraction": against_pandas,
    "packing": lambda size, _, __: request_counts(size.orders),
    "model": lambda size, _, runs: embedded_model(size.orders, runs),
    "training": lambda _, __, runs: training_errors(10 * runs),
    "years": lambda *_: three_years(),
    "history": lambda _, __, runs: one_more_day([10, 100, 1000], runs),
    "http": http_api,
    "data_sets": lambda _, __, runs: data_sets(runs),
    "ranges": lambda size, _, runs: ranges([3, 30, 90], size.sessions // size.days, runs),
}


def main() -> None:
    """Read the arguments, and measure one part after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=["whole", *PARTS], metavar="PART")
    parser.add_argument("--sessions", type=int, default=300_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--first", type=dt.date.fromisoformat)
    parser.add_argument("--last", type=dt.date.fromisoformat)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--request", type=int, nargs=2, default=[200, 100])
    arguments = parser.parse_args()
    size, runs = Size(arguments.sessions, arguments.sessions // SESSIONS_PER_ORDER, arguments.days), arguments.runs
    found: dict[str, Any] = {"machine": machine(), "sessions": size.sessions, "days": size.days, "runs": runs}
    with tempfile.TemporaryDirectory(prefix="benchmark_") as temporary:
        folder = (arguments.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        for part in arguments.parts:
            if part == "whole":
                database, first, last = arguments.database, arguments.first, arguments.last
                if not database:
                    database, first, last = folder / "generated.db", FIRST_DAY, size.last_day
                    if not database.exists():
                        make_database(database, size)
                api = Api(arguments.latency, *arguments.request)
                found[part] = whole_command(database, str(first), str(last), runs, api)
            else:
                found[part] = PARTS[part](size, folder, runs)
            print(json.dumps({part: found[part]}, indent=2), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
