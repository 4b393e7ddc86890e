"""DuckDB as one database of the process: queries know nothing of each other, nor of what files held before."""

import datetime as dt
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.sql import duckdb
from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays

Table = Callable[..., pd.DataFrame]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 6))
SUM_SQL = "SELECT CAST(SUM(CAST(cost AS BIGINT)) AS BIGINT) AS cost FROM channel_reporting"


def costs(storage: AssetStorage, table: Table, *of_days: float) -> StoredDays:
    """A report on each of the first days with one channel of this cost."""
    for day, cost in zip(DAYS, of_days, strict=False):
        report = table("channel_reporting", {"date": str(day), "cost": cost})
        storage.write("channel_reporting", DayTable(day, report, {}))
    return storage.days("channel_reporting", DAYS)


def test_queries_of_several_threads_each_see_their_own_days(storage: AssetStorage, table: Table) -> None:
    reports = costs(storage, table, *(2.0**n for n in range(10)))
    nothing = storage.days("channel_reporting", [])

    def sums(place: int) -> tuple[Any, Any]:
        of_day = run_sql(SUM_SQL, reports.among(DAYS[place : place + 1]))["cost"].item()
        return of_day, len(run_sql("SELECT * FROM channel_reporting", nothing))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(sums, [place for _ in range(10) for place in range(10)]))
    assert found == [(2**place, 0) for _ in range(10) for place in range(10)]


def test_a_day_that_has_been_replaced_is_read_anew_even_if_its_file_looks_the_same(
    storage: AssetStorage, table: Table, tmp_path: Path
) -> None:
    path = tmp_path / "assets" / "channel_reporting" / f"{DAYS[0]}.parquet"
    looks = set()
    for cost in (1.0, 2.0, 3.0):
        reports = costs(storage, table, cost)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        looks.add((path.stat().st_size, path.stat().st_mtime_ns))
        assert run_sql(SUM_SQL, reports)["cost"].item() == cost
    assert len(looks) == 1


def test_a_path_with_quotes_and_blanks_is_read(table: Table, tmp_path: Path) -> None:
    storage = AssetStorage(str(tmp_path / "O'Hare's \"best\" days"))
    assert run_sql(SUM_SQL, costs(storage, table, 5.0))["cost"].item() == 5


def test_a_query_that_fails_leaves_the_next_one_alone(storage: AssetStorage, table: Table, tmp_path: Path) -> None:
    reports = costs(storage, table, 1.0, 2.0)
    path = tmp_path / "assets" / "channel_reporting" / f"{DAYS[1]}.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(Exception, match=f"{DAYS[1]}.parquet"):
        run_sql(SUM_SQL, reports)
    path.write_bytes(whole)
    assert run_sql(SUM_SQL, reports)["cost"].item() == 3


def test_a_reader_that_is_left_half_way_leaves_the_next_query_alone(storage: AssetStorage, table: Table) -> None:
    reports = costs(storage, table, *(2.0**n for n in range(10)))
    with reports.engine.query("SELECT cost FROM channel_reporting", [reports]) as rows:
        assert run_sql(SUM_SQL, reports)["cost"].item() == 1023
        assert rows.read_all().num_rows == 10
    with reports.engine.query("SELECT cost FROM channel_reporting", [reports]):
        pass
    assert run_sql(SUM_SQL, reports)["cost"].item() == 1023


def test_the_database_is_closed_after_a_large_query_once_no_other_is_under_way(
    storage: AssetStorage, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_open() -> bool:
        return bool(duckdb._database.cache_info().currsize)  # noqa: SLF001 - which no result shows

    reports = costs(storage, table, *(2.0**n for n in range(10)))
    with reports.engine.query("SELECT cost FROM channel_reporting", [reports]) as rows:
        with monkeypatch.context() as patched:
            patched.setattr(duckdb, "LARGE_FILES", 1)
            assert run_sql(SUM_SQL, reports)["cost"].item() == 1023
        assert is_open()
        assert rows.read_all().num_rows == 10
    assert not is_open()
    assert run_sql(SUM_SQL, reports)["cost"].item() == 1023
    assert is_open()


def test_what_a_query_has_spilled_is_gone_after_it(storage: AssetStorage, table: Table) -> None:
    def spilled() -> int:
        folders = Path(tempfile.gettempdir()).glob("attribution_assets_*")
        return sum(
            file.stat().st_size
            for folder in folders
            if folder.is_dir()
            for file in folder.glob(f"duckdb_temp_{os.getpid()}_*")
        )

    reports = costs(storage, table, 1.0)
    before = spilled()
    many = (
        "SELECT i, REPEAT('x', 100) || i AS text FROM channel_reporting, RANGE(12000000) AS numbers(i) ORDER BY HASH(i)"
    )
    with reports.engine.query(many, [reports]) as rows:
        rows.read_next_batch()
        assert spilled() > before
    assert spilled() == before
