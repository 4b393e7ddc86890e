"""The IO manager in real Dagster runs of small assets: days written in turn, windows read as far as they are stored."""

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Window
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays
from attribution_assets.defs import io_managers
from attribution_assets.defs.io_managers import READ_BY, DailyTableIOManager, DailyTables, partition_days
from attribution_assets.defs.partitions import daily_partitions, window_mapping
from attribution_assets.defs.resources import DatabaseResource, ReportingRules, Storage

Table = Callable[..., pd.DataFrame]

FIRST, LAST = dt.date(2024, 2, 27), dt.date(2024, 3, 1)
daily = daily_partitions(dt.date(2024, 2, 20))
lookback_window, attribution_window = (window_mapping(window, 4) for window in (Window.LOOKBACK, Window.ATTRIBUTION))
DAYS = days_between(FIRST, LAST)


@pytest.fixture(params=["folder", "S3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "assets") if request.param == "folder" else f"{request.getfixturevalue('s3_bucket')}/assets"


@pytest.fixture
def storage(root: str) -> AssetStorage:
    return AssetStorage(root)


@pytest.fixture
def io_manager(root: str, tmp_path: Path) -> DailyTableIOManager:
    """An IO manager over the place of the fixture `storage`."""
    database = DatabaseResource(url=f"sqlite:///{tmp_path / 'shop.db'}", first_day="2024-02-20")
    rules = ReportingRules(first_day="2024-02-20", lookback_days=4, direct_channels=[], max_rejected_share=0.01)
    return DailyTableIOManager(storage=Storage(root=root), database=database, rules=rules)


@pytest.fixture
def materialize(io_manager: DailyTableIOManager) -> Callable[..., dg.ExecuteInProcessResult]:
    """`materialize(definitions, first, last, selection)`: a run on a temporary instance, of one day without `last`."""

    def run(
        definitions: list[Any],
        first: dt.date,
        last: dt.date | None = None,
        selection: Any = None,  # noqa: ANN401 - as Dagster's
    ) -> dg.ExecuteInProcessResult:
        tags = {
            "dagster/asset_partition_range_start": str(first),
            "dagster/asset_partition_range_end": str(last),
        }
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(
                definitions,
                instance=instance,
                resources={"io_manager": io_manager},
                partition_key=None if last else str(first),
                tags=tags if last else None,
                selection=selection,
            )

    return run


Materialize = Callable[..., dg.ExecuteInProcessResult]


def conversions_of(days: Iterable[DayTable]) -> dg.AssetsDefinition:
    """An asset `conversions` that hands over these days, whatever days it is run for."""

    @dg.asset(partitions_def=daily)
    def conversions() -> DailyTables:
        return DailyTables(day for day in days)

    return conversions


def reader(window: dg.PartitionMapping | None) -> tuple[Any, list[StoredDays]]:
    """An asset that reads a window of `conversions`, and the list in which it puts what it was given."""
    given: list[StoredDays] = []
    metadata = {READ_BY: "channel_reporting"}

    @dg.asset(partitions_def=daily, ins={"conversions": dg.AssetIn(partition_mapping=window, metadata=metadata)})
    def downstream(conversions: StoredDays) -> None:
        given.append(conversions)

    return downstream, given


def stored_orders(storage: AssetStorage) -> dict[dt.date, list[str]]:
    """The orders of each stored day around `DAYS`."""
    days = storage.days("conversions", days_between(dt.date(2024, 2, 20), dt.date(2024, 3, 5)))
    return {day: frame["conv_id"].tolist() for day, frame in days.frames()}


# Writing


def test_a_run_of_one_day_writes_that_day(materialize: Materialize, storage: AssetStorage, table: Table) -> None:
    frame = table("conversions", {"conv_id": "o1"})
    assert materialize([conversions_of([DayTable(FIRST, frame, {})])], FIRST).success
    assert stored_orders(storage) == {FIRST: ["o1"]}
    pd.testing.assert_frame_equal(storage.days("conversions", [FIRST]).frame(FIRST), frame)


def test_a_run_of_a_range_writes_each_of_its_days_those_without_rows_too(
    materialize: Materialize, storage: AssetStorage, table: Table
) -> None:
    rows = {FIRST: ["o1", "o2"], LAST: ["o3"]}
    handed_over = [
        DayTable(day, table("conversions", *({"conv_id": name} for name in rows.get(day, []))), {}) for day in DAYS
    ]
    result = materialize([conversions_of(handed_over)], FIRST, LAST)
    assert stored_orders(storage) == {day: rows.get(day, []) for day in DAYS}
    materialized = [event.partition for event in result.asset_materializations_for_node("conversions")]
    assert materialized == [str(day) for day in DAYS]


def test_running_a_day_again_replaces_it_and_no_other(
    materialize: Materialize, storage: AssetStorage, table: Table
) -> None:
    old, new = table("conversions", {"conv_id": "old"}), table("conversions", {"conv_id": "new"})
    materialize([conversions_of([DayTable(day, old, {}) for day in DAYS])], FIRST, LAST)
    materialize([conversions_of([DayTable(DAYS[1], new, {})])], DAYS[1])
    assert stored_orders(storage) == {FIRST: ["old"], DAYS[1]: ["new"], DAYS[2]: ["old"], LAST: ["old"]}


@pytest.mark.parametrize("large", [False, True])
def test_of_all_days_one_is_stored_while_the_next_one_is_made_and_none_if_it_is_large(
    materialize: Materialize, storage: AssetStorage, table: Table, monkeypatch: pytest.MonkeyPatch, *, large: bool
) -> None:
    monkeypatch.setattr(io_managers, "LARGE_DAY", 0 if large else 1)
    stored_when_made = []

    def days() -> Iterator[DayTable]:
        for day in DAYS:
            stored_when_made.append(list(stored_orders(storage)))
            yield DayTable(day, table("conversions"), {})

    materialize([conversions_of(days())], FIRST, LAST)
    for number, stored in enumerate(stored_when_made):
        assert stored in ([DAYS[:number]] if large else [DAYS[:number], DAYS[: max(number - 1, 0)]])


def test_a_run_that_fails_midway_keeps_the_days_before_and_leaves_the_others_as_they_were(
    materialize: Materialize, storage: AssetStorage, table: Table
) -> None:
    old, new = table("conversions", {"conv_id": "old"}), table("conversions", {"conv_id": "new"})
    materialize([conversions_of([DayTable(day, old, {}) for day in DAYS])], FIRST, LAST)

    def days() -> Iterator[DayTable]:
        yield DayTable(FIRST, new, {})
        raise ConnectionError("the source is gone")

    with pytest.raises(ConnectionError, match=r"^the source is gone$"):
        materialize([conversions_of(days())], FIRST, LAST)
    assert stored_orders(storage) == {FIRST: ["new"], DAYS[1]: ["old"], DAYS[2]: ["old"], LAST: ["old"]}


@pytest.mark.parametrize(
    ("handed_over", "written"),
    [
        ([LAST, *DAYS[:-1]], 0),
        ([DAYS[0], DAYS[2], DAYS[1], DAYS[3]], 1),
        ([*DAYS[:2], DAYS[1], *DAYS[2:]], 2),
        ([dt.date(2024, 2, 26), *DAYS], 0),
        ([*DAYS, dt.date(2024, 3, 2)], 4),
    ],
    ids=["last day first", "a day too early", "a day twice", "a day before the range", "a day after the range"],
)
def test_a_day_out_of_turn_fails_the_run_and_is_not_written(
    materialize: Materialize, storage: AssetStorage, table: Table, handed_over: list[dt.date], written: int
) -> None:
    conversions = conversions_of(DayTable(day, table("conversions"), {}) for day in handed_over)
    out_of_turn = handed_over[written]
    with pytest.raises(ValueError, match=rf"^conversions made a table for {out_of_turn}: expected the run's days in"):
        materialize([conversions], FIRST, LAST)
    assert list(stored_orders(storage)) == handed_over[:written]


def test_a_run_that_does_not_make_all_of_its_days_fails(
    materialize: Materialize, storage: AssetStorage, table: Table
) -> None:
    conversions = conversions_of(DayTable(day, table("conversions"), {}) for day in DAYS[:2])
    with pytest.raises(ValueError, match=r"^conversions made no table for 2024-02-29$"):
        materialize([conversions], FIRST, LAST)
    assert list(stored_orders(storage)) == DAYS[:2]


def test_what_makes_the_days_is_closed_when_the_run_fails(materialize: Materialize, table: Table) -> None:
    closed = []

    def days() -> Generator[DayTable]:
        try:
            yield DayTable(LAST, table("conversions"), {})
        finally:
            closed.append("connection")

    made = days()

    @dg.asset(partitions_def=daily)
    def conversions() -> DailyTables:
        return DailyTables(made)

    with pytest.raises(ValueError, match=r"^conversions made a table for 2024-03-01: "):
        materialize([conversions], FIRST, LAST)
    assert closed == ["connection"]


# Reading


def write_days(storage: AssetStorage, table: Table, days: Iterable[dt.date]) -> None:
    for day in days:
        storage.write("conversions", DayTable(day, table("conversions", {"conv_id": f"o{day.day}"}), {}))


def test_a_downstream_asset_of_the_same_run_reads_what_was_written(materialize: Materialize, table: Table) -> None:
    downstream, given = reader(window=None)
    conversions = conversions_of(DayTable(day, table("conversions", {"conv_id": f"o{day.day}"}), {}) for day in DAYS)
    assert materialize([conversions, downstream], FIRST, LAST).success
    [stored] = given
    assert [(day, frame["conv_id"].tolist()) for day, frame in stored.frames()] == [
        (FIRST, ["o27"]),
        (DAYS[1], ["o28"]),
        (DAYS[2], ["o29"]),
        (LAST, ["o1"]),
    ]


def test_a_range_reads_the_windows_of_all_of_its_days(
    materialize: Materialize, storage: AssetStorage, table: Table
) -> None:
    window = days_between(dt.date(2024, 2, 23), LAST)
    write_days(storage, table, days_between(dt.date(2024, 2, 20), dt.date(2024, 3, 5)))
    downstream, given = reader(lookback_window)
    materialize([conversions_of([]), downstream], FIRST, LAST, selection=[downstream])
    assert [(stored.asset, list(stored.files), stored.missing) for stored in given] == [("conversions", window, [])]


def test_a_window_starts_with_the_first_partition(
    materialize: Materialize, storage: AssetStorage, table: Table
) -> None:
    first = dt.date(2024, 2, 20)
    write_days(storage, table, [first, dt.date(2024, 2, 21)])
    downstream, given = reader(lookback_window)
    materialize([conversions_of([]), downstream], dt.date(2024, 2, 21), selection=[downstream])
    assert [list(stored.files) for stored in given] == [[first, dt.date(2024, 2, 21)]]


def test_a_window_that_may_miss_days_says_which_are_missing(
    materialize: Materialize, storage: AssetStorage, table: Table
) -> None:
    write_days(storage, table, [FIRST, dt.date(2024, 3, 2), dt.date(2024, 3, 6)])
    downstream, given = reader(attribution_window)
    materialize([conversions_of([]), downstream], FIRST, DAYS[1], selection=[downstream])
    [stored] = given
    assert list(stored.files) == [FIRST, dt.date(2024, 3, 2)]
    assert stored.missing == [*DAYS[1:], dt.date(2024, 3, 3)]


def test_a_window_that_may_miss_days_may_miss_all_of_them(materialize: Materialize) -> None:
    downstream, given = reader(attribution_window)
    materialize([conversions_of([]), downstream], FIRST, selection=[downstream])
    assert [(dict(stored.files), stored.missing) for stored in given] == [
        ({}, days_between(FIRST, dt.date(2024, 3, 2)))
    ]


# Days of a run


def test_an_asset_and_a_check_are_told_the_days_of_their_run_in_calendar_order(materialize: Materialize) -> None:
    told = []

    @dg.asset(partitions_def=daily)
    def asset(context: dg.AssetExecutionContext) -> None:
        told.append(partition_days(context))

    with pytest.warns(dg.PreviewWarning, match="partitions_def"):

        @dg.asset_check(asset=asset, partitions_def=daily)
        def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            told.append(partition_days(context))
            return dg.AssetCheckResult(passed=True)

    materialize([asset, check], FIRST, LAST)
    materialize([asset, check], LAST)
    assert told == [DAYS, DAYS, [LAST], [LAST]]
