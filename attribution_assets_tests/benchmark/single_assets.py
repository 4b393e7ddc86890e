"""Journeys and report against the same SQL bare in DuckDB, and the API's step against its floor."""

import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from generate import FIRST_DAY, Size, store
from measure import Command, in_turn, program
from whole_command import settings

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint

LOOKBACK_DAYS = 30
LATENCY_SECONDS = 0.1
CONCURRENT_REQUESTS = 8


def against_bare_duckdb(size: Size, folder: Path, runs: int) -> dict[str, Any]:
    """Both assets over all days of a shop, and over its last day alone: bare, without Dagster, and as Dagster's step.

    Credit is shared out evenly over each journey, so that no API is needed for it.

    Args:
        size: Of the shop.
        folder: Where its tables go, and stay.
        runs: How often.
    """
    root = folder / "assets"
    if not (root / "sessions").exists():
        store(str(root), size)
    database = _results(folder)
    environment = settings(folder, database, "http://127.0.0.1:9/unused", str(FIRST_DAY))
    found: dict[str, Any] = {}
    for asset in ("journeys", "channel_reporting"):
        for span, first in (("all days", FIRST_DAY), ("last day", size.last_day)):
            days = (str(first), str(size.last_day))
            arguments = (asset, root, *days, LOOKBACK_DAYS)
            words = {
                "bare": program("bare_duckdb.py", *arguments, folder / "bare.parquet"),
                "work": program("asset_work.py", *arguments, folder / "work"),
                "asset": program("one_asset.py", asset, *days),
            }
            taken = in_turn({name: partial(Command, of, environment, folder) for name, of in words.items()}, runs)
            found[f"{asset}, {span}"] = taken | {
                "ratio of work": round(taken["work"]["work_seconds"] / taken["bare"]["work_seconds"], 2),
                "ratio of step": round(taken["asset"]["step_seconds"] / taken["bare"]["work_seconds"], 2),
            }
        if asset == "journeys":
            _share_out_evenly(str(root))
    return found


def against_floor(size: Size, folder: Path, runs: int) -> dict[str, Any]:
    """The step that asks the API, 8 requests at once of 100 ms each, against the time in which these can be answered.

    Beside the floor, which knows of no other cost, it is held against as many requests that nothing is done with.

    Args:
        size: Of the shop.
        folder: Where its tables go, and stay.
        runs: How often, each time with an empty ledger.
    """
    root = folder / "assets"
    with IhcEndpoint(latency_seconds=LATENCY_SECONDS) as endpoint:
        others = {"IHC_MAX_CONCURRENT_REQUESTS": str(CONCURRENT_REQUESTS)}
        environment = settings(folder, folder / "results.db", endpoint.url, str(FIRST_DAY), **others)
        days = (str(FIRST_DAY), str(size.last_day))
        if not (root / "journeys").exists():
            store(str(root), size)
            in_turn({"journeys": lambda: Command(program("one_asset.py", "journeys", *days), environment, folder)}, 1)

        sent = Counter[str]()

        def from_nothing() -> Command:
            _results(folder)
            return Command(program("one_asset.py", "ihc_attributions", *days), environment, folder)

        def as_many_bare() -> Command:
            requests = len(endpoint.received) - sent.total()
            sent.update({"asset": requests, "bare": requests})
            return Command(program("bare_client.py", endpoint.url, KEY, requests, CONCURRENT_REQUESTS), {}, folder)

        taken = in_turn({"asset": from_nothing, "bare": as_many_bare}, runs)
    floor = sent["asset"] / runs * LATENCY_SECONDS / CONCURRENT_REQUESTS
    return taken | {
        "requests": sent["asset"] / runs,
        "floor_seconds": round(floor, 3),
        "ratio of step to floor": round(taken["asset"]["step_seconds"] / floor, 2),
        "ratio of step to bare": round(taken["asset"]["step_seconds"] / taken["bare"]["work_seconds"], 2),
    }


def _results(folder: Path) -> Path:
    """An empty database for the results."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    for left in folder.glob("results.db*"):
        left.unlink()
    (folder / "results.db").touch()
    return folder / "results.db"


def _share_out_evenly(root: str) -> None:
    """Store `ihc_attributions` of all journeys."""
    storage = AssetStorage(root)
    stored = storage.days("journeys", storage.stored_days("journeys"))
    for day, file in stored.files.items():
        frame = duckdb.sql(
            f"""SELECT conv_id, conversion_time, session_id, session_time, channel_name, credit AS initializer,
                       credit AS holder, credit AS closer, credit AS ihc, 'attributed' AS outcome,
                       CAST(NULL AS VARCHAR) AS reason, 'nobody' AS answered_by
                FROM (SELECT *, 1 / COUNT(*) OVER (PARTITION BY conv_id) AS credit FROM read_parquet('{file}'))"""  # noqa: S608  our own file
        ).df()
        storage.write("ihc_attributions", DayTable(day, frame, {"journeys": "shared out evenly"}))
