"""Asset storage in folders, by file URL and on a server that speaks S3: what is written comes back with its types."""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.files.atomic_files import replace_file
from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, MissingDaysError
from attribution_assets.attribution.tables.schemas import STORED_TABLES
from attribution_assets_tests.support.places import PROJECT

Table = Callable[..., pd.DataFrame]

DAY = dt.date(2024, 2, 26)
NEXT = dt.date(2024, 2, 27)


PATTERN = "a[s]s?e*ts {x} 'ü' cost=1"


@pytest.fixture(params=["folder", "file URL", "S3", "folder with a name that is a pattern", "the same on S3"])
def any_storage(request: pytest.FixtureRequest, tmp_path: Path) -> AssetStorage:
    if "S3" in request.param:
        bucket = request.getfixturevalue("s3_bucket")
        return AssetStorage(f"{bucket}/{PATTERN}" if "same" in request.param else f"{bucket}/assets")
    roots = {
        "folder": f"{tmp_path}/assets",
        "file URL": f"file://{tmp_path}/assets",
        "folder with a name that is a pattern": f"{tmp_path}/{PATTERN}",
    }
    return AssetStorage(roots[request.param])


@pytest.mark.parametrize("asset", STORED_TABLES)
def test_a_day_comes_back_as_it_was_written(any_storage: AssetStorage, table: Table, asset: str) -> None:
    frame = table(asset, {}, {"session_id": "s2", "conv_id": "o2", "channel_name": 'Größe, "quoted"\r\n\t\0'})
    any_storage.write(asset, DayTable(DAY, frame, {}))
    pd.testing.assert_frame_equal(any_storage.days(asset, [DAY]).frame(DAY), frame)


@pytest.mark.parametrize("asset", STORED_TABLES)
def test_a_day_without_rows_keeps_its_types(any_storage: AssetStorage, table: Table, asset: str) -> None:
    any_storage.write(asset, DayTable(DAY, table(asset), {}))
    stored = any_storage.days(asset, [DAY])
    assert stored.missing == []
    pd.testing.assert_frame_equal(stored.frame(DAY), table(asset))


def test_other_files_among_the_days_are_left_alone(any_storage: AssetStorage, table: Table) -> None:
    any_storage.write("sessions", DayTable(DAY, table("sessions"), {}))
    folder = any_storage.days("sessions", [DAY]).files[DAY].parent
    replace_file(folder / ".DS_Store", b"a file manager's")
    assert any_storage.stored_days("sessions") == [DAY]
    assert list(any_storage.days("sessions", [DAY]).files) == [DAY]


def test_sql_reads_all_stored_days_of_every_kind_of_storage(any_storage: AssetStorage, table: Table) -> None:
    any_storage.write("sessions", DayTable(DAY, table("sessions", {"session_id": "s1", "cost": None}), {}))
    any_storage.write("sessions", DayTable(NEXT, table("sessions", {"session_id": "s2"}, {"session_id": "s3"}), {}))
    days = any_storage.days("sessions", days_between(DAY - dt.timedelta(1), NEXT))
    read = run_sql("SELECT * FROM sessions ORDER BY session_id", days)
    wanted = table("sessions", {"session_id": "s1", "cost": None}, {"session_id": "s2"}, {"session_id": "s3"})
    pd.testing.assert_frame_equal(read, wanted)


def test_writing_a_day_again_replaces_it_and_leaves_other_days(any_storage: AssetStorage, table: Table) -> None:
    any_storage.write("conversions", DayTable(DAY, table("conversions", {"conv_id": "o1"}, {"conv_id": "o2"}), {}))
    any_storage.write("conversions", DayTable(NEXT, table("conversions", {"conv_id": "o3"}), {}))
    any_storage.write("conversions", DayTable(DAY, table("conversions", {"conv_id": "o4"}), {}))
    stored = any_storage.days("conversions", [DAY, NEXT])
    assert [(day, frame["conv_id"].tolist()) for day, frame in stored.frames()] == [(DAY, ["o4"]), (NEXT, ["o3"])]


KILLED_WRITERS = """
import os, random, signal, sys, time
from pathlib import Path
from upath import UPath
from attribution_assets.attribution.files.atomic_files import replace_file

path, contents = Path(sys.argv[1]), (b"a" * 3_000_000, b"b" * 4_000_000)
replace_file(UPath(path), contents[0])
partial = 0
for _ in range(20):
    writer = os.fork()
    if not writer:
        while True:
            for content in contents:
                replace_file(UPath(path), content)
    time.sleep(random.uniform(0.001, 0.02))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    partial += path.read_bytes() not in contents
print(partial)
"""


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    finished = subprocess.run(  # noqa: S603 - this Python, with the program above
        [sys.executable, "-W", "ignore", "-c", KILLED_WRITERS, str(tmp_path / "file")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert finished.stdout == "0\n"


def test_days_are_in_calendar_order_and_say_which_are_missing(any_storage: AssetStorage, table: Table) -> None:
    for day in (NEXT, DAY):
        any_storage.write("conversions", DayTable(day, table("conversions"), {}))
    asked = [NEXT, dt.date(2024, 3, 1), DAY, dt.date(2024, 2, 25)]
    stored = any_storage.days("conversions", asked)
    assert list(stored.files) == [DAY, NEXT]
    assert stored.missing == [dt.date(2024, 2, 25), dt.date(2024, 3, 1)]
    assert [day for day, _ in stored.frames()] == [DAY, NEXT]


def test_the_table_of_a_missing_day_is_an_error_and_not_an_empty_table(any_storage: AssetStorage) -> None:
    with pytest.raises(MissingDaysError) as raised:
        any_storage.days("sessions", [DAY]).frame(DAY)
    assert str(raised.value) == ("sessions was never materialized for 2024-02-26: materialize these days of it first")
