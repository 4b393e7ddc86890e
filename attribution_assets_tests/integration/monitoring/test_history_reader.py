"""A history that could not be read for a while: nothing of it is lost, and what shows it says so."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest

from attribution_assets.dashboard.health_page import HealthLook
from attribution_assets.errors import RunFailedError
from attribution_assets.instance.opening import dagster_instance, history_to_read
from attribution_assets.instance.runs import ATTRIBUTION_JOB
from attribution_assets.monitoring.health import PipelineHealth
from attribution_assets.monitoring.history_reader import HistoryReader
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.shop import Shop


@dg.op
def nothing() -> None:
    """Do nothing."""


@dg.job(name=ATTRIBUTION_JOB)
def runs_of_nothing() -> None:
    nothing()


@pytest.fixture
def home(shop: Shop) -> Path:
    """The home of a history with a run of five days ago and one of now."""
    home = shop.folder / "home"
    home.mkdir()
    with dagster_instance() as instance:
        old, _ = (runs_of_nothing.execute_in_process(instance=instance).run_id for _ in range(2))
    (runs,) = home.rglob("runs.db")
    with closing(sqlite3.connect(runs)) as connection, connection:
        five_days_ago = "datetime('now', '-5 days')"
        connection.execute(
            f"UPDATE runs SET update_timestamp = {five_days_ago}, create_timestamp = {five_days_ago} WHERE run_id = ?",  # noqa: S608
            [old],
        )
    return home


@contextmanager
def unreadable(home: Path) -> Iterator[None]:
    """The events of the runs lie elsewhere."""
    shards = [file for file in home.rglob("*.db") if file.stem.count("-") == 4]
    assert len(shards) == 2
    for shard in shards:
        shard.rename(shard.with_suffix(".away"))
    yield
    for shard in shards:
        shard.with_suffix(".away").rename(shard)


def test_runs_that_could_not_be_read_are_counted_once_they_can(home: Path) -> None:
    with history_to_read() as instance:
        resources = resources_of(Settings.from_environment())
        health, reader = PipelineHealth(instance, resources), HistoryReader(instance, resources.rules.lookback_days)
        with unreadable(home), pytest.raises(RunFailedError, match="cannot be used"):
            health.history()
        assert health.history().runs[ATTRIBUTION_JOB].ended == {"success": 2, "failure": 0, "canceled": 0}
        assert health.history().runs == reader.read().runs


def test_an_asset_of_the_same_name_with_other_partitions_is_left_out(home: Path) -> None:
    with dagster_instance() as instance:
        for partition in ("north", "2024-02-30", "2024-02-21", None):
            instance.report_runless_asset_event(dg.AssetMaterialization("sessions", partition=partition))
        history = HistoryReader(instance, 4).read()
    assert home.exists()
    assert list(history.materialized["sessions"]) == ["2024-02-21"]


def test_the_page_says_that_the_history_cannot_be_read(home: Path) -> None:
    with history_to_read() as instance, unreadable(home):
        page = HealthLook(instance, resources_of(Settings.from_environment())).now()
    assert any("Dagster's history cannot be read" in problem for problem in page.problems)
