"""Whole runs on Apache Spark: the tables that DuckDB makes, so that either may go on where the other has stopped."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.freshness.staleness import stale_days
from attribution_assets.attribution.sql.engine import SqlEngine
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import versions_of
from attribution_assets.command.cli import app
from attribution_assets_tests.support.command_process import StartCommand
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.made_shop import ALL, WINDOWS, MadeShop, days, stale_only
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import FIRST, LAST, a_busy_week, check_tables, oracle_of, published


def stored_versions(folder: str) -> dict[str, dict[object, str]]:
    """The version of every stored day but those of the CSV files, which are named by their path."""
    storage = AssetStorage(folder)
    week = days_between(FIRST, LAST)
    return versions_of(*(storage.days(asset, week) for asset in always_in_use() if not asset.endswith("_csv")))


def status() -> str:
    return CliRunner().invoke(app, ["status"]).output


@pytest.mark.usefixtures("spark")
def test_runs_on_spark_and_on_duckdb_store_and_publish_the_same_and_neither_finds_the_others_stale(
    shop: Shop, paid_endpoint: IhcEndpoint
) -> None:
    shop.asks(paid_endpoint)
    a_busy_week(shop)
    assert shop.run(str(FIRST), str(LAST)).exit_code == 0
    by_duckdb, printed = published(shop), status()
    shop.set(ATTRIBUTION_ENGINE="spark")
    assert status() == printed

    shop.set(ATTRIBUTION_STORAGE="data/by_spark")
    result = shop.run(str(FIRST), str(LAST))
    assert result.exit_code == 0, result.output
    assert published(shop) == by_duckdb
    assert stored_versions("data/by_spark") == stored_versions("data/assets")
    check_tables(shop, oracle_of(shop))
    shop.set(ATTRIBUTION_ENGINE="duckdb")
    assert status() == printed


def test_spark_finds_stale_what_changed_in_tables_made_by_duckdb_and_nothing_else(
    made_shop: MadeShop, spark: SqlEngine
) -> None:
    made_shop.session("e1", "eve", "2024-02-24 11:00:00", "Social", 1.0)  # she orders nothing
    assert made_shop.make(["sessions"], 24).success
    tables = AssetStorage(str(made_shop.folder / "data/assets"), spark)
    stale = stale_days(tables, made_shop.state(), WINDOWS, 0.01, ALL)
    assert stale.days == stale_only(channel_reporting=days(24))
    assert stale == made_shop.stale()


def test_a_run_on_a_spark_connect_server_stores_the_same(
    shop: Shop, spark_connect_server: str, start_command: StartCommand
) -> None:
    a_busy_week(shop)
    assert shop.run(str(FIRST), str(LAST)).exit_code == 0
    shop.set(ATTRIBUTION_ENGINE="spark", ATTRIBUTION_STORAGE="data/by_spark", SPARK_REMOTE=spark_connect_server)
    output, _ = start_command(FIRST, LAST).communicate()
    assert "Report of 2024-02-20..2024-02-27" in output
    assert stored_versions("data/by_spark") == stored_versions("data/assets")


# What cannot be


def test_an_engine_that_is_not_known_is_refused_before_anything_is_written(shop: Shop) -> None:
    shop.session("s1", "ann", "2024-02-22 10:00:00")
    shop.set(ATTRIBUTION_ENGINE="sqlite")
    result = shop.run()
    assert (result.exit_code, result.output) == (
        2,
        "Not possible: ATTRIBUTION_ENGINE is 'sqlite': it takes duckdb or spark\n",
    )
    assert not (shop.folder / "data").exists()


def test_without_pyspark_the_command_says_what_to_install(shop: Shop, start_command: StartCommand) -> None:
    shop.set(ATTRIBUTION_ENGINE="spark")
    program = "import sys; sys.modules['pyspark'] = None; from attribution_assets.command.cli import app; app()"
    process = start_command(FIRST, LAST, command=[sys.executable, "-c", program])
    output, _ = process.communicate()
    assert process.returncode == 2
    assert output.startswith("Not possible: ATTRIBUTION_ENGINE is 'spark': ")
    assert output.endswith(": pip install 'attribution-assets[spark]'\n")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("JAVA_HOME", "/nowhere"), ("SPARK_REMOTE", "nonsense")],
)
def test_where_spark_cannot_start_the_command_says_what_it_takes_before_anything_is_written(
    shop: Shop, start_command: StartCommand, variable: str, value: str
) -> None:
    pytest.importorskip("pyspark")
    shop.session("s1", "ann", "2024-02-22 10:00:00")
    shop.set(ATTRIBUTION_ENGINE="spark", **{variable: value})
    process = start_command("2024-02-22", "2024-02-22")
    output, _ = process.communicate()
    assert process.returncode == 2
    assert "ATTRIBUTION_ENGINE is 'spark': no session can be started: it takes Java 17" in output
    assert not Path("data").exists()
