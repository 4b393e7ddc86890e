"""Uploads and reads over HTTP, beside the same work without it: seconds, rows a second, latencies, and peak memory.

Without: the rows are read by the same parsers and written to keyed tables by one statement, unchecked; the report is
read by the same function.
"""

import csv
import io
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import requests
from generate import FIRST_DAY, Size, make_database

from attribution_assets.attribution.reporting.csv_text import csv_text
from attribution_assets.attribution.results.channel_results import results_by_day
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.data_sets import data_sets
from attribution_assets_tests.support.api_server import ApiCommand, new_key

TABLES = {"sessions": "session_sources", "costs": "session_costs", "conversions": "conversions"}
TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
READS = 50


def http_api(size: Size, folder: Path, runs: int) -> dict[str, Any]:
    """Uploads in each format, then reads of a report over all days."""
    database = folder / "generated.db"
    if not database.exists():
        make_database(database, size)
    files = _files(database, folder)
    home = folder / "served"
    shutil.rmtree(home, ignore_errors=True)
    (home / "data_sets").mkdir(parents=True)
    os.chdir(home)
    os.environ |= {"ATTRIBUTION_DATA_SETS": str(home / "data_sets"), "DAGSTER_HOME": str(home / "dagster")}
    headers = {"Authorization": f"Bearer {new_key('benchmark', 'read', 'write')}"}
    uploads = {}
    for format_ in TYPES:
        taken = [_uploaded(home, f"{format_}_{run}", format_, files, headers) for run in range(runs)]
        bare = [_bare(home / f"bare_{format_}_{run}.db", format_, files["sessions", format_]) for run in range(runs)]
        uploads[format_] = {
            "seconds": round(statistics.median(seconds for seconds, _ in taken), 2),
            "rows_per_second": round(size.sessions / statistics.median(seconds for seconds, _ in taken)),
            "peak_mb": max(peak for _, peak in taken),
            "without_api_seconds": round(statistics.median(bare), 2),
        }
    data_set = f"{next(reversed(TYPES))}_0"
    command = str(Path(sys.executable).with_name("attribution-assets"))
    subprocess.run([command, "run", "--data-set", data_set], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    return {"uploads_of_sessions": uploads, "reads_milliseconds": _reads(home, data_set, headers)}


def _files(database: Path, folder: Path) -> dict[tuple[str, str], Path]:
    """The tables in each format."""
    files = {(table, format_): folder / f"{table}.{format_}" for table in TABLES for format_ in TYPES}
    with closing(sqlite3.connect(database)) as source:
        for table, name in TABLES.items():
            cursor = source.execute(f"SELECT * FROM {name}")  # noqa: S608 - names of this module
            names = [column[0] for column in cursor.description]
            rows = pa.Table.from_pydict(dict(zip(names, map(list, zip(*cursor, strict=True)), strict=True)))
            pq.write_table(rows, files[table, "parquet"])
            with files[table, "ndjson"].open("wb") as file:
                file.writelines(orjson.dumps(row) + b"\n" for row in rows.to_pylist())
            with files[table, "csv"].open("w", newline="") as text:
                writer = csv.DictWriter(text, names)
                writer.writeheader()
                writer.writerows(rows.to_pylist())
    return files


@contextmanager
def _server(home: Path) -> Any:  # noqa: ANN401 - a generator
    server = ApiCommand(home, "--no-workers", "--max-body", "4000")
    server.start()
    try:
        yield server
    finally:
        server.end()


def _uploaded(
    home: Path, data_set: str, format_: str, files: Mapping[tuple[str, str], Path], headers: Mapping[str, str]
) -> tuple[float, int]:
    """Seconds for the sessions into a new data set, and the peak memory of a server that did nothing else, in MB."""
    (home / "data_sets" / f"{data_set}.yaml").write_text(f"start_date: {FIRST_DAY}\n")
    with _server(home) as server:
        seconds = 0.0
        for table in TABLES:
            start = time.perf_counter()
            with files[table, format_].open("rb") as body:
                answer = requests.post(
                    f"{server.url}/v1/data-sets/{data_set}/rows/{table}",
                    data=body,
                    headers={**headers, "Content-Type": TYPES[format_]},
                    timeout=3600,
                )
            answer.raise_for_status()
            seconds = seconds or time.perf_counter() - start
        status = Path(f"/proc/{server.process_id}/status").read_text()
    return seconds, int(status.split("VmHWM:")[1].split()[0]) // 1024


def _bare(database: Path, format_: str, file: Path) -> float:
    """Seconds for the same rows without the API."""
    start = time.perf_counter()
    rows, names = _read(format_, file)
    with closing(sqlite3.connect(database)) as target:
        target.execute("PRAGMA cache_size = -65536")
        target.execute(f"CREATE TABLE session_sources ({', '.join(names)}, PRIMARY KEY (session_id))")
        marks = ", ".join("?" for _ in names)
        target.executemany(f"INSERT OR REPLACE INTO session_sources VALUES ({marks})", rows)  # noqa: S608 - the same
        target.commit()
    return time.perf_counter() - start


def _read(format_: str, file: Path) -> tuple[Iterable[tuple[Any, ...]], list[str]]:
    if format_ == "csv":
        reader = csv.reader(io.StringIO(file.read_text()))
        names = next(reader)
        return map(tuple, reader), names
    if format_ == "parquet":
        parquet = pq.ParquetFile(file)
        names = parquet.schema_arrow.names
        parts = ([column.to_pylist() for column in part.columns] for part in parquet.iter_batches())
        return (row for columns in parts for row in zip(*columns, strict=True)), names
    lines = file.read_bytes().splitlines()
    return (tuple(orjson.loads(line).values()) for line in lines), [*orjson.loads(lines[0])]


def _reads(home: Path, data_set: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Latencies of a report over all days; without the API, of the function that reads it."""
    settings = data_sets().usable[data_set]
    storage = AssetStorage(settings.storage)
    days = storage.stored_days("channel_reporting")
    first, last = days[0], days[-1]

    def read_here() -> None:
        csv_text(results_by_day(storage, first, last, lookback_days=settings.lookback_days), guard=True)

    found = {"without_api_csv": _latency(read_here)}
    with _server(home) as server, requests.Session() as client:
        client.headers.update(headers)
        url = f"{server.url}/v1/data-sets/{data_set}"

        def ask(path: str, **more: str) -> Callable[[], None]:
            return lambda: client.get(f"{url}/{path}", headers=more, timeout=60).raise_for_status()

        etag = client.get(f"{url}/report", timeout=60).headers["ETag"]
        order = client.get(f"{url}/journeys?limit=1", timeout=60).json()["data"][0]["conv_id"]
        found |= {
            "report_json": _latency(ask("report")),
            "report_csv": _latency(ask("report", Accept="text/csv")),
            "report_parquet": _latency(ask("report", Accept=TYPES["parquet"])),
            "report_not_modified": _latency(ask("report", **{"If-None-Match": etag})),
            "one_journey": _latency(ask(f"journeys?conversion_id={order}&first_day={first}&last_day={first}")),
            "healthz": _latency(lambda: client.get(f"{server.url}/healthz", timeout=60).raise_for_status()),
        }
    return found


def _latency(call: Callable[[], None]) -> dict[str, float]:
    taken = []
    for _ in range(READS):
        start = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - start))
    return {"median": round(statistics.median(taken), 1), "95th": round(statistics.quantiles(taken, n=20)[-1], 1)}
