"""The SQL of an asset, bare in DuckDB over the same files, its result in one Parquet file; prints the seconds it took.

usage: bare_duckdb.py journeys|channel_reporting STORAGE FIRST LAST LOOKBACK_DAYS OUTPUT.parquet
"""

import datetime as dt
import json
import sys
import time

import duckdb

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.reporting.channel_report import REPORT_SQL
from attribution_assets.attribution.reporting.journeys import JOURNEYS_SQL, over_the_window, query_parameters
from attribution_assets.attribution.sql.engine import with_literals
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS


def main(arguments: list[str]) -> None:
    """Run one query."""
    asset, storage, first, last, lookback_days, output = arguments
    start, end, length = dt.date.fromisoformat(first), dt.date.fromisoformat(last), int(lookback_days)
    before, after = start - dt.timedelta(days=length), end + dt.timedelta(days=length)
    tables = {
        "journeys": {"conversions": (start, end), "sessions": (before, end)},
        "channel_reporting": {
            "sessions": (start, end), "ihc_attributions": (start, after), "conversions": (start, after)
        },
    }  # fmt: skip
    windows = Windows(before, length)
    journeys = over_the_window(JOURNEYS_SQL, windows, "conversions")
    sql = {
        "journeys": with_literals(journeys, **query_parameters(windows)),
        "channel_reporting": with_literals(REPORT_SQL, first=start, last=end),
    }
    began = time.perf_counter()
    connection = duckdb.connect()
    for name, days in tables[asset].items():
        stored = {
            file.split("/")[-1]: file
            for (file,) in connection.sql(f"FROM glob('{storage}/{name}/*.parquet')").fetchall()
        }
        files = [stored[f"{day}.parquet"] for day in days_between(*days) if f"{day}.parquet" in stored]
        connection.read_parquet(files).create_view(name)
    connection.from_arrow(ARROW_SCHEMAS["spend"].empty_table()).create_view("spend")  # this shop has none
    connection.sql(sql[asset]).write_parquet(output)
    print(json.dumps({"work_seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main(sys.argv[1:])
