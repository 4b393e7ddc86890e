"""The version of the results changes with each write, in a folder and in an object store."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.results.channel_results import results_by_day
from attribution_assets.attribution.results.result_days import READ_TABLES, DateBasis, results_version
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.attribution.tables.schemas import STORED_TABLES

DAYS = days_between(dt.date(2024, 2, 26), dt.date(2024, 3, 2))
FIRST, LAST = DAYS[0], DAYS[-1]
LOOKBACK = 2
TOUCH, CONVERSION = DateBasis.TOUCH, DateBasis.CONVERSION
NOTHING = {"lookback_days": LOOKBACK}


def empty_frame(name: str) -> pd.DataFrame:
    types = {"str": "object", "datetime64[ns]": "datetime64[us]"}
    columns = STORED_TABLES[name].columns
    return pd.DataFrame(
        {key: pd.Series([], dtype=types.get(str(of.dtype), str(of.dtype))) for key, of in columns.items()}
    )


def write_day(storage: AssetStorage, name: str, day: dt.date) -> None:
    """A day without rows; of a table beside another, that one alone."""
    storage._write(name, DayTable(day, empty_frame(name), {}))  # noqa: SLF001  # nobody else writes them one by one


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_the_version_of_the_results_is_another_once_a_day_of_any_table_that_they_are_read_from_has_been_written(
    place: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    storage = AssetStorage(str(tmp_path) if place == "folder" else f"{request.getfixturevalue('s3_bucket')}/assets")
    versions = [results_version(storage)]
    for name in READ_TABLES:
        for day in DAYS[:2]:
            write_day(storage, name, day)
            versions.append(results_version(storage))
    assert len(set(versions)) == len(versions)
    write_day(storage, "journeys", DAYS[0])
    results_by_day(storage, FIRST, LAST, **NOTHING, model="linear")
    assert results_version(storage) == versions[-1]
