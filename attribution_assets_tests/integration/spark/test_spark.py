"""The queries on Apache Spark: byte for byte what DuckDB makes of the same files, whatever Spark's own settings are."""

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.calendar.windows import JourneyEnd, Windows
from attribution_assets.attribution.reporting.channel_report import channel_report, with_phases
from attribution_assets.attribution.reporting.journeys import (
    JourneysOfDay,
    customer_journeys,
    orders_without_their_journey,
)
from attribution_assets.attribution.reporting.missing_sessions import why_no_sessions
from attribution_assets.attribution.reporting.order_outcomes import answered_by, order_outcomes, unattributed_orders
from attribution_assets.attribution.sql.engine import SqlEngine, run_sql
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays
from attribution_assets.attribution.tables.arrow import version_of

Row = dict[str, Any]
Table = Callable[..., pd.DataFrame]
Keep = Callable[..., StoredDays]
Query = Callable[[AssetStorage], pd.DataFrame]

# Clocks in New York skip the hour from 2:00 on 10 March: such times exist only where they have no zone.
DAYS = days_between(dt.date(2024, 3, 8), dt.date(2024, 3, 12))
FIRST, LAST = DAYS[0], DAYS[-1]
TIME = "2024-03-10 02:30:00"
WINDOWS = Windows(FIRST, 2, most_sessions=20)
NAMES = [
    "s9",
    "s10",
    "é",
    "e\u0301",
    "S",
    "z",
    "\U0001f600",
    "\uffee",
    "s",
    "s ",
    "日本",
    'Größe, "A"',
    "O'Hare; --",
    "İ",
]


class Stored:
    """A storage that both engines look at.

    Args:
        root: Where it lies.
        spark: The engine that is held against DuckDB.
    """

    def __init__(self, root: Path, spark: SqlEngine, table: Table, keep: Keep) -> None:
        self.duckdb, self.spark = AssetStorage(str(root)), AssetStorage(str(root), spark)
        self._table, self._keep = table, keep

    def keep(self, asset: str, rows: Sequence[Row], days: Sequence[dt.date] = DAYS) -> None:
        self._keep(self.duckdb, asset, self._table(asset, *rows), days)

    def same(self, query: Query, asset: str | None = None) -> pd.DataFrame:
        """What the query answers, on both engines: also as the asset's table, if it is one."""
        wanted, found = query(self.duckdb), query(self.spark)
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
        if asset is not None:
            assert version_of(asset, found) == version_of(asset, wanted)
        return found

    def journeys(self) -> pd.DataFrame:
        return self.same(_journeys, "journeys")

    def report(self) -> pd.DataFrame:
        return self.same(_report, "channel_reporting")


def _journeys(storage: AssetStorage) -> pd.DataFrame:
    journeys = customer_journeys(storage.days("conversions", DAYS), storage.days("sessions", DAYS), WINDOWS)
    return pa.concat_tables([of_day.table for of_day in journeys]).to_pandas()


def _report(storage: AssetStorage) -> pd.DataFrame:
    sessions, credit, orders = (storage.days(name, DAYS) for name in ("sessions", "ihc_attributions", "conversions"))
    return channel_report(sessions, storage.days("spend", DAYS), credit, orders, FIRST, LAST)


def _phases(storage: AssetStorage) -> pd.DataFrame:
    credit, orders = (storage.days(name, DAYS) for name in ("ihc_attributions", "conversions"))
    return with_phases(_report(storage), credit, orders, FIRST, LAST)


def _outcomes(storage: AssetStorage) -> pd.DataFrame:
    return order_outcomes(
        *(storage.days(name, DAYS) for name in ("conversions", "ihc_attributions", "too_long_orders"))
    )


def _unattributed(storage: AssetStorage) -> pd.DataFrame:
    return unattributed_orders(_outcomes(storage), _no_sessions(storage))


def _no_sessions(storage: AssetStorage) -> pd.DataFrame:
    names = ("conversions", "ihc_attributions", "too_long_orders", "sessions")
    return why_no_sessions(*(storage.days(name, DAYS) for name in names), WINDOWS)


def _missed(storage: AssetStorage) -> pd.DataFrame:
    names = ("conversions", "sessions", "journeys", "too_long_orders")
    return orders_without_their_journey(*(storage.days(name, DAYS) for name in names), WINDOWS)


@pytest.fixture
def stored(tmp_path: Path, spark: SqlEngine, table: Table, keep: Keep) -> Stored:
    return Stored(tmp_path / "assets", spark, table, keep)


def cells(report: pd.DataFrame) -> list[tuple[Any, ...]]:
    """(channel, cost, ihc, revenue) of each row of a report of one day."""
    return list(report.drop(columns="date").itertuples(index=False, name=None))


def test_orders_with_too_many_sessions_are_counted_alike_where_journeys_end_before_or_at_the_order(
    stored: Stored,
) -> None:
    random_orders = random.Random(8)  # noqa: S311 - no secrets are made of it
    stored.keep("conversions", [order(f"o{n}", random_orders) for n in range(60)])
    stored.keep("sessions", [session(f"s{n}", random_orders) for n in range(300)])
    for end in JourneyEnd:
        windows = replace(WINDOWS, journey_end=end)

        def counted(storage: AssetStorage, windows: Windows = windows) -> pd.DataFrame:
            return pd.concat([made.too_long for made in made_of(storage, windows)], ignore_index=True)

        def built(storage: AssetStorage, windows: Windows = windows) -> pd.DataFrame:
            return pa.concat_tables([made.table for made in made_of(storage, windows)]).to_pandas()

        assert 0 < len(stored.same(counted, "too_long_orders")) < 60
        assert len(stored.same(built, "journeys"))


def made_of(storage: AssetStorage, windows: Windows) -> Iterator[JourneysOfDay]:
    return customer_journeys(storage.days("conversions", DAYS), storage.days("sessions", DAYS), windows)


def order(conv_id: str, chance: random.Random) -> Row:
    return {"conv_id": conv_id, "user_id": chance.choice("abc"), "conversion_time": moment(chance)}


def session(session_id: str, chance: random.Random) -> Row:
    return {"session_id": session_id, "user_id": chance.choice("abc"), "session_time": moment(chance)}


def moment(chance: random.Random) -> str:
    return f"{chance.choice(DAYS)} 0{chance.randrange(4)}:00:0{chance.randrange(3)}.{chance.choice([0, 25, 75])}"


# The same tables


def a_random_shop(chance: random.Random, sessions: int, orders: int) -> tuple[list[Row], list[Row]]:
    """Sessions and orders with many equal times, on all days, of all magnitudes; half of the sessions have no cost."""
    times = [f"{day} {clock}" for day in DAYS for clock in ("00:00:00", "02:30:00", "23:59:59.999999")]
    times += [f"{day} 12:{chance.randrange(60):02}:00" for day in DAYS for _ in range(20)]

    def amount() -> float:
        return chance.choice([chance.randrange(10**7) / 100, 10 ** chance.uniform(-13, 14.99)])

    users = [f"u{number}" for number in range(orders // 5)]
    return (
        [
            {"session_id": f"{chance.choice(NAMES)}{number}", "user_id": chance.choice(users)}
            | {"session_time": chance.choice(times), "channel_name": chance.choice(NAMES)}
            | {"holder_engagement": chance.randrange(2), "cost": chance.choice([None, amount()])}
            for number in range(sessions)
        ],
        [
            {"conv_id": f"{chance.choice(NAMES)}{number}", "user_id": chance.choice(users)}
            | {"conversion_time": chance.choice(times), "revenue": amount()}
            for number in range(orders)
        ],
    )


def credited(journeys: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    """Journeys as they come back from the API: three of four attributed, with shares that sum to about 1."""
    outcomes = {
        order: chance.choice(["attributed", "attributed", "attributed", "refused"])
        for order in journeys["conv_id"].unique()
    }
    outcome = journeys["conv_id"].map(outcomes)
    weights = pd.Series([chance.random() for _ in range(len(journeys))], journeys.index)
    shares = weights / weights.groupby(journeys["conv_id"]).transform("sum")
    ihc = shares.where(outcome == "attributed")
    reason = outcome.map({"refused": "so it is"}).astype(object).where(outcome == "refused", None)
    credit = journeys.drop(columns=[*journeys.columns[5:]])
    return credit.assign(
        initializer=ihc, holder=ihc, closer=ihc, ihc=ihc, outcome=outcome, reason=reason, answered_by="embedded"
    )


def test_a_random_shop_with_days_missing_gives_byte_for_byte_the_same_tables(stored: Stored) -> None:
    chance = random.Random(1)  # noqa: S311 - no secrets are made of it
    sessions, orders = a_random_shop(chance, 20_000, 1500)
    stored.keep("sessions", [row for row in sessions if str(DAYS[1]) not in row["session_time"]], [DAYS[0], *DAYS[2:]])
    stored.keep("conversions", orders)
    journeys = stored.journeys()
    assert len(journeys) > 10_000
    for day, frame in by_day(journeys, "conversion_time", DAYS):
        if day != LAST:
            stored.duckdb.write("journeys", DayTable(day, frame.iloc[:-1], {}))
            stored.duckdb.write("ihc_attributions", DayTable(day, credited(frame, chance), {}))
    assert len(stored.report()) == len(NAMES) * (len(DAYS) - 1)
    assert stored.same(_phases)["closer"].sum() > 1
    assert set(stored.same(_outcomes)["outcome"]) == {"attributed", "refused", "no_sessions"}
    details = stored.same(_unattributed, "unattributed_orders").groupby("reason")["detail"].agg(set)
    assert details["refused"] == {"so it is"}
    assert "a visit in the order's own second, which ATTRIBUTION_JOURNEY_END=at counts" in details["no_sessions"]
    assert None not in details["no_sessions"]
    assert len(stored.same(_missed)) > 10
    assert answered_by(stored.spark.days("ihc_attributions", DAYS)) == "embedded"


def test_sessions_of_the_same_second_stand_in_the_order_of_their_ids_code_points(stored: Stored) -> None:
    stored.keep("conversions", [{"conversion_time": "2024-03-10 03:00:00"}])
    stored.keep("sessions", [{"session_id": name, "session_time": TIME} for name in NAMES])
    journeys = stored.journeys()
    assert journeys["session_id"].tolist() == sorted(NAMES)
    assert journeys["conversion"].tolist() == [0] * (len(NAMES) - 1) + [1]


def test_times_that_the_sessions_zone_skips_are_kept_and_stay_on_their_day(stored: Stored) -> None:
    times = ["2024-03-10 00:00:00", "2024-03-10 02:00:00", TIME, "2024-03-10 23:59:59.999999"]
    stored.keep("conversions", [{"conversion_time": "2024-03-12 02:00:00"}])
    stored.keep("sessions", [{"session_id": time, "session_time": time} for time in times])
    assert stored.journeys()["session_time"].tolist() == [pd.Timestamp(time) for time in times[1:]]
    assert stored.report()["date"].tolist() == ["2024-03-10"]


def test_channels_that_differ_in_a_code_point_are_kept_apart_and_stand_in_that_order(stored: Stored) -> None:
    stored.keep("sessions", [{"session_id": name, "channel_name": name, "session_time": TIME} for name in NAMES])
    assert stored.report()["channel_name"].tolist() == sorted(NAMES)


def test_sums_are_exact_for_large_and_tiny_amounts_and_for_costs_that_are_not_known(stored: Stored) -> None:
    costs = {
        "decimals": [0.1, 0.2],
        "large": [1e14 + 0.25] * 3,
        "largest": [999_999_999_999_999.875] * 1000,
        "large and small": [1e14, *[0.001] * 1000],
        "tiny": [1e-12, 1e-10, 3e-10],
        "negative zero": [-0.0],
        "some not known": [None, 5.5],
        "none known": [None],
    }
    rows = [(channel, cost) for channel, costs in costs.items() for cost in costs]
    stored.keep(
        "sessions",
        [
            {"session_id": f"s{n}", "channel_name": name, "session_time": TIME, "cost": cost}
            for n, (name, cost) in enumerate(rows)
        ],
    )
    assert cells(stored.report()) == [
        ("decimals", 0.3, 0.0, 0.0),
        ("large", 300_000_000_000_000.75, 0.0, 0.0),
        ("large and small", 100_000_000_000_001.0, 0.0, 0.0),
        ("largest", 999_999_999_999_999_875.0, 0.0, 0.0),
        ("negative zero", 0.0, 0.0, 0.0),
        ("none known", 0.0, 0.0, 0.0),
        ("some not known", 5.5, 0.0, 0.0),
        ("tiny", 0.0, 0.0, 0.0),
    ]


def test_credit_keeps_twelve_places_and_revenue_nine(stored: Stored) -> None:
    order = {"conversion_time": "2024-03-11 02:30:00"}
    stored.keep("conversions", [order | {"revenue": 1e6}])
    stored.keep("ihc_attributions", [order | {"session_time": TIME, "ihc": 1.23456e-7 + 4e-13}])
    assert cells(stored.report()) == [("Search", 0.0, 1.23456e-7, 0.1234564)]


def test_days_without_rows_and_days_that_are_not_stored_give_empty_tables_with_their_types(
    stored: Stored, table: Table
) -> None:
    pd.testing.assert_frame_equal(stored.report(), table("channel_reporting"))
    for asset in ("conversions", "sessions"):
        stored.keep(asset, [])
        pd.testing.assert_frame_equal(stored.journeys(), table("journeys"))
        pd.testing.assert_frame_equal(stored.report(), table("channel_reporting"))
    assert stored.same(_outcomes).empty
    assert stored.same(_missed).empty


# The session


@pytest.mark.parametrize("name", ["a folder {1} [2] 100% ä?*", "day=1/_hidden/.too"])
def test_spark_reads_from_folders_of_any_name(tmp_path: Path, name: str, spark: SqlEngine, table: Table) -> None:
    storage = AssetStorage(str(tmp_path / name), spark)
    frames = [table("conversions", {"conv_id": conv_id}) for conv_id in ("o1", "o2")]
    for day, frame in zip(DAYS, frames, strict=False):
        storage.write("conversions", DayTable(day, frame, {}))
    read = run_sql("SELECT * FROM conversions ORDER BY conv_id", storage.days("conversions", DAYS))
    pd.testing.assert_frame_equal(read, pd.concat(frames, ignore_index=True))


@pytest.mark.parametrize("content", [b"no Parquet file", None])
def test_a_file_that_is_damaged_or_gone_is_an_error_and_not_a_day_without_rows(
    stored: Stored, tmp_path: Path, content: bytes | None
) -> None:
    stored.keep("conversions", [])
    days = stored.spark.days("conversions", DAYS)
    file = tmp_path / f"assets/conversions/{LAST}.parquet"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(Exception, match=r"(?i)not a parquet file|does not exist|path_not_found"):
        run_sql("SELECT COUNT(*) AS orders FROM conversions", days)


def test_an_amount_that_has_no_decimal_is_an_error_and_not_null(stored: Stored) -> None:
    stored.keep("sessions", [{"session_time": TIME, "cost": 1e17}])
    with pytest.raises(Exception, match="NUMERIC_VALUE_OUT_OF_RANGE"):
        _report(stored.spark)


def test_queries_at_the_same_time_see_their_own_tables(spark: SqlEngine, tmp_path: Path, table: Table) -> None:
    def orders_of(number: int) -> list[str]:
        storage = AssetStorage(str(tmp_path / str(number)), spark)
        storage.write("conversions", DayTable(FIRST, table("conversions", {"conv_id": f"o{number}"}), {}))
        found = [
            run_sql("SELECT conv_id FROM conversions", storage.days("conversions", [FIRST]))["conv_id"].tolist()
            for _ in range(3)
        ]
        return [conv_id for conv_ids in found for conv_id in conv_ids]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(orders_of, range(8))) == [[f"o{number}"] * 3 for number in range(8)]


def test_the_session_of_the_process_keeps_its_own_views_and_settings(stored: Stored) -> None:
    from pyspark.sql import SparkSession  # noqa: PLC0415 - not everybody has it

    stored.keep("conversions", [])
    stored.same(_outcomes)
    session = SparkSession.builder.getOrCreate()
    assert session.catalog.listTables() == []
    assert session.conf.get("spark.sql.ansi.enabled") == "false"
