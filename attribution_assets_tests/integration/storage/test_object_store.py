"""Days in an object store, on a server that speaks S3: whole in the midst of writers, listed anew, cheap to look at."""

import datetime as dt
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pandas as pd
import pytest
from upath import UPath

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.files.atomic_files import read_file, replace_file
from attribution_assets.attribution.files.locations import LocationError, local_path, location
from attribution_assets.attribution.files.object_store import ObjectStoreError
from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage import stamps
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.attribution.tables.arrow import version_of
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.s3_server import S3Server
from attribution_assets_tests.support.waiting import looks

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")

Table = Callable[..., pd.DataFrame]

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 2, 28))


@pytest.fixture
def root(s3_bucket: str) -> str:
    return f"{s3_bucket}/assets"


def tables_of_two_writers(table: Table) -> list[pd.DataFrame]:
    """Tables of very different size, each of whose rows say which one they belong to."""
    chance = random.Random(1)  # noqa: S311 - no secrets are made of it
    return [
        table("conversions", *({"conv_id": f"{chance.getrandbits(400):x}", "user_id": user} for _ in range(rows)))
        for user, rows in (("short", 10), ("long", 4000))
    ]


@contextmanager
def others_replacing(root: str, tables: list[pd.DataFrame]) -> Iterator[None]:
    """Another writer, who replaces all days by one table and by another in turn, as fast as it goes."""
    stopped, failures = Event(), []

    def replace() -> None:
        try:
            storage = AssetStorage(root)
            while not stopped.is_set():
                for frame in tables:
                    for day in DAYS:
                        storage.write("conversions", DayTable(day, frame, {}))
        except BaseException as error:
            failures.append(error)
            raise

    writer = Thread(target=replace)
    writer.start()
    try:
        yield
    finally:
        stopped.set()
        writer.join()
    assert failures == []


# Whole in the midst of writers


def test_table_and_stamp_are_of_the_same_write_while_the_day_is_being_replaced(root: str, table: Table) -> None:
    tables, seen = tables_of_two_writers(table), set()
    storage = AssetStorage(root)
    storage.write("conversions", DayTable(DAYS[0], tables[0], {}))
    days = storage.days("conversions", DAYS)
    with others_replacing(root, tables):
        for _ in looks(seen):
            frame, stamp = days.stamped(DAYS[0])
            assert (version_of("conversions", frame), len(frame)) == (stamp.version, stamp.rows)
            seen.add(stamp.rows)
    assert seen == {10, 4000}


def test_stamps_are_those_of_one_write_or_another_while_the_days_are_being_replaced(root: str, table: Table) -> None:
    tables = tables_of_two_writers(table)
    written = {(version_of("conversions", frame), len(frame)) for frame in tables}
    storage, seen = AssetStorage(root), set()
    with others_replacing(root, tables):
        for _ in looks(seen):
            stamps = storage.all_days("conversions").stamps().values()
            seen |= {(stamp.version, stamp.rows) for stamp in stamps}
    assert seen == written


def test_sql_sees_each_day_as_one_write_made_it_while_the_days_are_being_replaced(root: str, table: Table) -> None:
    tables = tables_of_two_writers(table)
    storage, seen = AssetStorage(root), set()
    for day in DAYS:
        storage.write("conversions", DayTable(day, tables[0], {}))
    with others_replacing(root, tables):
        for _ in looks(seen):
            counted = run_sql(
                "SELECT user_id, COUNT(*) AS orders FROM conversions GROUP BY 1", storage.days("conversions", DAYS)
            )
            orders = dict(zip(counted["user_id"], counted["orders"], strict=True))
            short, rest = divmod(orders.get("short", 0), 10)
            assert (rest, orders.get("long", 0)) == (0, 4000 * (len(DAYS) - short))
            seen.add(short)
    assert len(seen) > 1


def test_a_day_that_is_replaced_after_it_was_listed_has_the_stamp_of_the_new_one(root: str, table: Table) -> None:
    mine, theirs = AssetStorage(root), AssetStorage(root)
    short, long = tables_of_two_writers(table)
    for before, after in ((short, long), (long, short)):
        mine.write("conversions", DayTable(DAYS[0], before, {}))
        listed = mine.days("conversions", DAYS)
        replaced = Thread(target=lambda: theirs.write("conversions", DayTable(DAYS[0], after, {})))  # noqa: B023 - joined
        replaced.start()
        replaced.join()
        assert listed.stamp(DAYS[0]).version == version_of("conversions", after)


def test_a_day_that_is_what_it_was_again_after_another_one_was_met_has_its_stamp(
    root: str, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = AssetStorage(root)
    first, second = tables_of_two_writers(table)
    storage.write("conversions", DayTable(DAYS[0], first, {}))
    open_version, opened = stamps.open_version, []

    def open_amid_writers(path: UPath, version: str) -> object:
        opened.append(version)
        if len(opened) > 1:
            return open_version(path, version)
        storage.write("conversions", DayTable(DAYS[0], second, {}))
        try:
            return open_version(path, version)
        finally:
            storage.write("conversions", DayTable(DAYS[0], first, {}))

    monkeypatch.setattr(stamps, "open_version", open_amid_writers)
    assert storage.days("conversions", DAYS).stamp(DAYS[0]).version == version_of("conversions", first)
    assert opened == [opened[0]] * 2


KILLED_WRITER = """
import sys
from attribution_assets.attribution.files.atomic_files import replace_file
from attribution_assets.attribution.files.locations import location

path = location(sys.argv[1])
while True:
    for content in (b"a" * 6_000_000, b"b" * 9_000_000):
        replace_file(path, content)
        print("written", flush=True)
"""


def test_a_killed_writer_leaves_the_old_object_or_the_new_one_and_nothing_else(s3_bucket: str) -> None:
    path = location(f"{s3_bucket}/file")
    with subprocess.Popen(  # noqa: S603 - this Python, with the program above
        [sys.executable, "-W", "ignore", "-c", KILLED_WRITER, str(path)],
        stdout=subprocess.PIPE,
        cwd=PROJECT,
    ) as writer:
        assert writer.stdout is not None
        for _ in range(3):
            writer.stdout.readline()
        time.sleep(0.02)  # in the midst of the next
        writer.kill()
    content = read_file(path)
    assert (len(content), set(content)) in [(6_000_000, {ord("a")}), (9_000_000, {ord("b")})]
    assert s3fs.S3FileSystem().find(s3_bucket) == [path.path]


# What is asked of the store


def test_a_large_object_is_read_with_one_request_so_that_it_cannot_be_parts_of_two(
    s3_bucket: str, s3_server: S3Server
) -> None:
    path, content = location(f"{s3_bucket}/large"), b"x" * (51 * 2**20)  # more than the library takes at once by itself
    replace_file(path, content)
    assert read_file(path) == content
    assert s3_server.requests == {"PUT": 1, "GET": 1}


def test_stamps_take_one_listing_and_a_request_for_each_day_that_is_new(
    root: str, table: Table, s3_server: S3Server
) -> None:
    storage = AssetStorage(root)
    for number, day in enumerate(DAYS):
        storage.write("conversions", DayTable(day, table("conversions", {"conv_id": f"{root} {number}"}), {}))
    asked = []
    for _ in range(2):
        s3_server.requests.clear()
        storage.all_days("conversions").stamps()
        asked.append(dict(s3_server.requests))
    storage.write("conversions", DayTable(DAYS[0], table("conversions", {"conv_id": f"{root} new"}), {}))
    s3_server.requests.clear()
    storage.days("conversions", DAYS).stamps()
    assert [*asked, dict(s3_server.requests)] == [{"LIST": 1, "GET": 3}, {"LIST": 1}, {"LIST": 1, "GET": 1}]


def test_what_others_have_written_since_the_last_listing_is_listed(root: str, table: Table) -> None:
    mine = AssetStorage(root)
    assert mine.stored_days("conversions") == []
    theirs = s3fs.S3FileSystem(skip_instance_cache=True)
    mine.write("conversions", DayTable(DAYS[0], table("conversions"), {}))
    assert mine.stored_days("conversions") == DAYS[:1]
    theirs.copy(f"{root}/conversions/{DAYS[0]}.parquet", f"{root}/conversions/{DAYS[1]}.parquet")
    assert mine.stored_days("conversions") == DAYS[:2]
    assert mine.days("conversions", DAYS).missing == DAYS[2:]


def test_a_day_is_one_object_and_makes_no_folders(root: str, table: Table) -> None:
    AssetStorage(root).write("conversions", DayTable(DAYS[0], table("conversions"), {}))
    bucket = root.removeprefix("s3://").partition("/")[0]
    listed = s3fs.S3FileSystem().call_s3("list_objects_v2", Bucket=bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == ["assets/conversions/2024-02-26.parquet"]


# Errors


def test_a_bucket_that_does_not_exist_is_not_made(s3_server: S3Server, table: Table) -> None:  # noqa: ARG001  it answers
    storage = AssetStorage("s3://no-such-bucket/assets")
    with pytest.raises(
        ObjectStoreError,
        match=r"^s3://no-such-bucket/assets/.*2024-02-26.parquet: The specified bucket does not exist$",
    ):
        storage.write("conversions", DayTable(DAYS[0], table("conversions"), {}))
    assert not s3fs.S3FileSystem().exists("no-such-bucket")


def test_a_store_that_refuses_is_an_error_and_not_a_store_without_days(root: str, s3_server: S3Server) -> None:
    storage = AssetStorage(root)
    s3_server.refuses = True
    for ask in (lambda: storage.stored_days("conversions"), lambda: storage.require("any")):
        with pytest.raises(ObjectStoreError, match=r"^s3://.*: Access Denied$"):
            ask()


@pytest.mark.parametrize("url", ["sftp://host/folder", "http://host/folder", "memory://folder", "s4://bucket"])
def test_urls_of_other_kinds_are_refused(url: str) -> None:
    with pytest.raises(LocationError, match=r"^it takes a folder, or a URL that begins with s3://, gs:// or az://$"):
        location(url)


@pytest.mark.usefixtures("s3_server")
def test_a_url_without_a_bucket_is_refused() -> None:
    with pytest.raises(LocationError, match=r"^it names no bucket: s3://bucket/prefix$"):
        location("s3://")


def test_only_urls_of_object_stores_lie_elsewhere(tmp_path: Path, s3_bucket: str) -> None:
    paths = [location(text) for text in ("data/assets", str(tmp_path), f"file://{tmp_path}", f"{s3_bucket}/assets")]
    assert [local_path(path) is None for path in paths] == [False, False, False, True]
