"""Makes and stores the days of an asset without Dagster: the query, its days, their Parquet files. Prints the seconds.

usage: asset_work.py journeys|channel_reporting STORAGE FIRST LAST LOOKBACK_DAYS OUTPUT
"""

import datetime as dt
import json
import sys
import time

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.reporting.channel_report import channel_report
from attribution_assets.attribution.reporting.journeys import customer_journeys
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable


def main(arguments: list[str]) -> None:
    """Make one range of days."""
    asset, root, first, last, lookback_days, output = arguments
    start, end, length = dt.date.fromisoformat(first), dt.date.fromisoformat(last), int(lookback_days)
    began = time.perf_counter()
    storage, stored = AssetStorage(root), AssetStorage(output)
    days, window = days_between(start, end), dt.timedelta(days=length)
    if asset == "journeys":
        sessions = storage.days("sessions", days_between(start - window, end))
        orders, windows = storage.days("conversions", days), Windows(start - window, length)
        for day, table, too_long in customer_journeys(orders, sessions, windows):
            stored.write(asset, DayTable(day, table, {}, {"too_long_orders": too_long}))
    else:
        credited_by = days_between(start, end + window)
        credit, orders = (storage.days(name, credited_by) for name in ("ihc_attributions", "conversions"))
        report = channel_report(storage.days("sessions", days), storage.days("spend", days), credit, orders, start, end)
        for day, frame in by_day(report, "date", days):
            stored.write(asset, DayTable(day, frame, {}))
    print(json.dumps({"work_seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main(sys.argv[1:])
