"""Asset storage: what is written comes back with its types, days are replaced whole, and missing ones are named."""

import datetime as dt
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from upath import UPath

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.files.atomic_files import replace_file
from attribution_assets.attribution.progress import RequestPlan, listening
from attribution_assets.attribution.sql.engine import run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stamps import Stamp, written_with_stamp
from attribution_assets.attribution.storage.stored_days import DayTable, MissingDaysError, StoredDays
from attribution_assets.attribution.tables.arrow import stored_form, version_of
from attribution_assets.attribution.tables.schemas import STORED_TABLES

Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]

DAY = dt.date(2024, 2, 26)
NEXT = dt.date(2024, 2, 27)
NEWER = Stamp("newer", "other", None, 1)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """A disk that is full: no file can be written beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# Round trips


def test_a_day_whose_text_and_numbers_are_all_empty_keeps_its_types(storage: AssetStorage, table: Table) -> None:
    frame = table(
        "ihc_attributions",
        {"initializer": None, "holder": None, "closer": None, "ihc": None, "outcome": "too_long", "reason": None},
    )
    storage.write("ihc_attributions", DayTable(DAY, frame, {}))
    stored = storage.days("ihc_attributions", [DAY]).frame(DAY)
    pd.testing.assert_frame_equal(stored, frame)
    assert stored["reason"].tolist() == [None]


@pytest.mark.parametrize("asset", STORED_TABLES)
def test_what_is_remembered_of_a_written_day_is_what_its_file_holds(
    storage: AssetStorage, table: Table, tmp_path: Path, asset: str
) -> None:
    nullable = [name for name, column in STORED_TABLES[asset].columns.items() if column.nullable]
    rows = [{}, dict.fromkeys(nullable)]
    for number, frame in enumerate((table(asset, *rows), table(asset))):
        day = DAY + dt.timedelta(days=number)
        storage.write(asset, DayTable(day, frame, {}))
        remembered = storage.days(asset, [day]).day(day)
        elsewhere = AssetStorage(str(tmp_path / "copy"))
        replace_file(
            UPath(tmp_path / "copy" / asset / f"{day}.parquet"), next(tmp_path.rglob(f"{day}.parquet")).read_bytes()
        )
        read = elsewhere.days(asset, [day]).day(day)
        assert read.table.equals(remembered.table)
        assert read.stamp == remembered.stamp
        pd.testing.assert_frame_equal(read.frame, remembered.frame)
        pd.testing.assert_frame_equal(read.frame, frame)


def test_a_day_that_another_process_has_replaced_is_read_anew(
    storage: AssetStorage, table: Table, tmp_path: Path
) -> None:
    for number in (1, 2):
        storage.write("sessions", DayTable(DAY, table("sessions", {"cost": float(number)}), {}))
        (file,) = tmp_path.rglob(f"{DAY}.parquet")
        replace_file(
            UPath(file), written_with_stamp(stored_form("sessions", table("sessions", {"cost": 9.0})), lambda: NEWER)
        )
        replaced = storage.days("sessions", [DAY])
        assert replaced.frame(DAY)["cost"].tolist() == [9.0]
        assert replaced.stamp(DAY) == NEWER


def test_equal_rows_have_one_version_in_whatever_pieces_they_come(table: Table) -> None:
    frame = table("journeys", *({"session_id": f"s{number}", "channel_name": "x" * number} for number in range(9)))
    whole = pa.Table.from_pandas(frame, preserve_index=False)
    more = pa.concat_tables([whole, whole.slice(2, 5)])  # its rows 2 to 6 stand in it twice, once as a piece's own
    pieces = pa.Table.from_batches([batch for n in (0, 4) for batch in whole.slice(n, 4 + n).to_batches(3)])
    with_null = [pa.array([*column.to_pylist(), None], column.type) for column in whole.columns]
    nulls_possible = pa.Table.from_arrays([column[:-1] for column in with_null], names=whole.column_names)
    assert {version_of("journeys", made) for made in (frame, whole, pieces, nulls_possible)} == {
        version_of("journeys", whole)
    }
    assert version_of("journeys", more.slice(2, 5)) == version_of("journeys", more.slice(9, 5))
    assert version_of("journeys", more) != version_of("journeys", whole)


def test_times_keep_their_microseconds(storage: AssetStorage, table: Table) -> None:
    storage.write(
        "conversions", DayTable(DAY, table("conversions", {"conversion_time": "2024-02-26 23:59:59.999999"}), {})
    )
    [time] = storage.days("conversions", [DAY]).frame(DAY)["conversion_time"]
    assert time == pd.Timestamp("2024-02-26 23:59:59.999999")


@pytest.mark.parametrize("asset", STORED_TABLES)
def test_sql_reads_an_asset_without_any_stored_day_as_an_empty_table(
    storage: AssetStorage, table: Table, asset: str
) -> None:
    read = run_sql(f"SELECT * FROM {asset}", storage.days(asset, [DAY]))  # noqa: S608 - the name of a table
    pd.testing.assert_frame_equal(read, table(asset))


# Replacing


def test_a_day_is_one_file_of_its_asset_and_nothing_else(storage: AssetStorage, table: Table, tmp_path: Path) -> None:
    storage.write("conversions", DayTable(DAY, table("conversions", {}), {}))
    storage.write("conversions", DayTable(DAY, table("conversions"), {}))
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")] == [
        "assets/conversions/2024-02-26.parquet"
    ]


def test_a_days_stamp_is_another_with_another_table_beside_it(storage: AssetStorage, table: Table) -> None:
    def made_from(**beside: pd.DataFrame) -> str:
        storage.write("conversions", DayTable(DAY, table("conversions", {}), {"source": "1"}, beside))
        return storage.days("conversions", [DAY]).stamp(DAY).made_from

    rejected, types = table("rejected_conversions", {}), table("order_types", {})
    both = made_from(rejected_conversions=rejected, order_types=types)
    assert storage.days("rejected_conversions", [DAY]).frame(DAY).equals(rejected)
    assert storage.days("order_types", [DAY]).frame(DAY).equals(types)
    alone = made_from(rejected_conversions=rejected), made_from(order_types=types)
    assert len({both, *alone, made_from()}) == 4
    assert made_from(order_types=types, rejected_conversions=rejected) == both


def test_a_table_beside_an_assets_own_has_a_file_once_it_has_rows_and_says_so_when_they_are_gone(
    storage: AssetStorage, table: Table
) -> None:
    def stored(*rejected: dict[str, object]) -> tuple[list[dt.date], int]:
        beside = {"rejected_conversions": table("rejected_conversions", *rejected)}
        storage.write("conversions", DayTable(DAY, table("conversions", {}), {}, beside))
        return storage.stored_days("rejected_conversions"), len(storage.days("rejected_conversions", [DAY]).frame(DAY))

    assert stored() == ([], 0)
    assert stored({"reason": "revenue is missing"}) == ([DAY], 1)
    assert stored() == ([DAY], 0)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_write_that_fails_midway_leaves_the_old_day_and_no_stray_file(
    table: Table, tmp_path: Path, scheme: str
) -> None:
    storage = AssetStorage(f"{scheme}{tmp_path}")
    old = table("conversions", {"conv_id": "old"})
    storage.write("conversions", DayTable(DAY, old, {}))
    new = table("conversions", *({"conv_id": f"{row:032x}"} for row in range(5000)))
    with files_limited_to(20_000), pytest.raises(OSError, match="File too large"):
        storage.write("conversions", DayTable(DAY, new, {}))
    pd.testing.assert_frame_equal(storage.days("conversions", [DAY]).frame(DAY), old)
    assert [path.name for path in (tmp_path / "conversions").iterdir()] == ["2024-02-26.parquet"]


def test_a_file_is_replaced_in_folders_that_do_not_exist_yet(tmp_path: Path) -> None:
    path = UPath(tmp_path) / "a" / "b" / "report.csv"
    replace_file(path, b"first")
    replace_file(path, b"second")
    assert path.read_bytes() == b"second"


@pytest.mark.parametrize(
    "columns",
    [["conv_id", "user_id", "conversion_time"], ["conv_id", "user_id", "revenue", "conversion_time"]],
    ids=["one is missing", "another order"],
)
def test_a_frame_with_other_columns_is_refused_and_the_old_day_stays(
    storage: AssetStorage, table: Table, columns: list[str]
) -> None:
    old = table("conversions", {})
    storage.write("conversions", DayTable(DAY, old, {}))
    with pytest.raises(
        ValueError,
        match=r"^conversions has the columns \['conv_id', 'user_id', 'conversion_time', 'revenue'\], not \['conv_id', ",
    ):
        storage.write("conversions", DayTable(DAY, old.iloc[:0][columns], {}))
    pd.testing.assert_frame_equal(storage.days("conversions", [DAY]).frame(DAY), old)


def test_a_column_that_the_schema_does_not_know_is_refused_and_not_dropped(storage: AssetStorage, table: Table) -> None:
    with pytest.raises(ValueError, match=r"'revenue', 'currency'\]$"):
        storage.write("conversions", DayTable(DAY, table("conversions", {}).assign(currency="EUR"), {}))


def test_values_of_another_type_are_refused_and_the_old_day_stays(storage: AssetStorage, table: Table) -> None:
    old = table("sessions", {})
    storage.write("sessions", DayTable(DAY, old, {}))
    for wrong in ({"cost": "free"}, {"session_id": 7}, {"holder_engagement": 0.5}, {"session_time": "noon"}):
        with pytest.raises(pa.ArrowException):
            storage.write("sessions", DayTable(DAY, old.assign(**wrong), {}))
    pd.testing.assert_frame_equal(storage.days("sessions", [DAY]).frame(DAY), old)


class Heard:
    """Keeps what it is told of the progress."""

    def __init__(self) -> None:
        self.days: list[tuple[str, dt.date, int]] = []
        self.plans: list[RequestPlan] = []

    def day_written(self, asset: str, day: dt.date, rows: int) -> None:
        self.days.append((asset, day, rows))

    def rows_in_no_report(self, asset: str, lines: Sequence[str]) -> None: ...

    def requests_planned(self, plan: RequestPlan) -> None:
        self.plans.append(plan)


def test_listeners_are_told_of_each_written_day_with_asset_day_and_rows(storage: AssetStorage, table: Table) -> None:
    heard, other = Heard(), Heard()
    with listening(heard):
        storage.write("conversions", DayTable(DAY, table("conversions", {}), {}))
        with listening(other):
            storage.write("conversions", DayTable(NEXT, table("conversions", {}, {"conv_id": "o2"}), {}))
        storage.write("conversions", DayTable(DAY, table("conversions"), {}))
    storage.write("conversions", DayTable(NEXT, table("conversions"), {}))
    assert heard.days == [("conversions", DAY, 1), ("conversions", NEXT, 2), ("conversions", DAY, 0)]
    assert other.days == [("conversions", NEXT, 2)]
    assert heard.plans == []


def test_a_listener_is_told_of_what_other_threads_write_and_of_nothing_after_its_block_has_failed(
    storage: AssetStorage, table: Table
) -> None:
    heard, row = Heard(), table("conversions", {})
    with listening(heard), ThreadPoolExecutor(1) as pool:
        pool.submit(storage.write, "conversions", DayTable(DAY, row, {})).result()
    with pytest.raises(ValueError, match="has the columns"), listening(heard):
        storage.write("conversions", DayTable(DAY, row[["conv_id"]], {}))
    storage.write("conversions", DayTable(NEXT, row, {}))
    assert heard.days == [("conversions", DAY, 1)]


# Days


def test_another_asset_of_the_same_day_is_not_stored_by_it(storage: AssetStorage, table: Table) -> None:
    storage.write("conversions", DayTable(DAY, table("conversions"), {}))
    assert storage.days("sessions", [DAY]).missing == [DAY]


def test_days_within_a_range_hold_both_ends_stored_or_missing(storage: AssetStorage, table: Table, keep: Keep) -> None:
    keep(storage, "conversions", table("conversions"), days_between(DAY, NEXT))
    days = storage.days("conversions", days_between(dt.date(2024, 2, 24), dt.date(2024, 2, 29)))
    within = days.within(dt.date(2024, 2, 25), DAY)
    assert (within.asset, list(within.files), within.missing) == ("conversions", [DAY], [dt.date(2024, 2, 25)])


def test_days_among_others_are_those_that_both_hold(storage: AssetStorage, table: Table, keep: Keep) -> None:
    days = keep(storage, "conversions", table("conversions"), days_between(DAY, NEXT))
    assert list(days.among({NEXT, dt.date(2024, 3, 1)}).files) == [NEXT]


def test_missing_days_are_named_as_ranges() -> None:
    days = [*days_between(dt.date(2024, 2, 20), dt.date(2024, 2, 23)), dt.date(2024, 2, 26)]
    assert str(MissingDaysError("journeys", days)) == (
        "journeys was never materialized for 2024-02-20..2024-02-23, 2024-02-26: materialize these days of it first"
    )


def test_a_damaged_file_is_an_error_and_not_an_empty_table(storage: AssetStorage, table: Table, tmp_path: Path) -> None:
    storage.write("conversions", DayTable(DAY, table("conversions", {}), {}))
    file = tmp_path / "assets" / "conversions" / "2024-02-26.parquet"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(pa.ArrowInvalid):
        storage.days("conversions", [DAY]).frame(DAY)
