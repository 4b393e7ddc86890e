"""The result table `channel_breakdown`: made when it is needed, replaced day by day, used as it is if it is there."""

import datetime as dt
from collections.abc import Callable

import pandas as pd
import pytest

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import ResultTables, ResultTablesError
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets_tests.support.databases import execute, rows_of

DAY = dt.date(2024, 2, 26)
Table = Callable[..., pd.DataFrame]


def publish(url: str, storage: AssetStorage, frame: pd.DataFrame) -> ResultTables:
    tables = ResultTables(url)
    storage.write("channel_breakdown", DayTable(DAY, frame, {}))
    tables.publish("channel_breakdown", [DAY], storage)
    return tables


def test_it_is_made_when_the_first_day_is_published_and_a_day_is_replaced_whole(
    database_url: str, storage: AssetStorage, table: Table
) -> None:
    publish(database_url, storage, table("channel_breakdown", {}, {"value": "x" * 5000, "clicks": 3.0}))
    tables = publish(database_url, storage, table("channel_breakdown", {"cost": None}))
    row = ("Search", "2024-02-26", "campaign", "spring", None, 1.0, 100.0, None, None)
    assert rows_of(database_url, "channel_breakdown") == [row]
    assert list(tables.published()["channel_breakdown"]) == [DAY]
    execute(database_url, "DROP TABLE channel_breakdown")
    assert tables.published()["channel_breakdown"] == {}
    tables.publish("channel_breakdown", [DAY], storage)
    assert rows_of(database_url, "channel_breakdown") == [row]


def test_a_table_without_impressions_and_clicks_is_used_as_it_is(
    database_url: str, storage: AssetStorage, table: Table
) -> None:
    columns = "channel_name text, date text, dimension text, value text, cost numeric, ihc numeric, ihc_revenue numeric"
    execute(database_url, f"CREATE TABLE channel_breakdown ({columns})")
    publish(database_url, storage, table("channel_breakdown", {"clicks": 3.0}))
    assert [row[:4] for row in rows_of(database_url, "channel_breakdown")] == [
        ("Search", "2024-02-26", "campaign", "spring")
    ]


def test_a_table_that_lacks_a_column_is_an_error_that_names_it(
    sqlite_url: str, storage: AssetStorage, table: Table
) -> None:
    execute(sqlite_url, "CREATE TABLE channel_breakdown (channel_name text, date text)")
    with pytest.raises(ResultTablesError, match="lacks the column dimension of table channel_breakdown"):
        publish(sqlite_url, storage, table("channel_breakdown", {}))
