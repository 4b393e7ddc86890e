"""Runs over a source beside the results: exported files, which are only read, and what a change of them restates."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.command.cli import app
from attribution_assets_tests.support.copied_sources import make_source, write_csv, write_parquet
from attribution_assets_tests.support.databases import rows_of
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.source_tables import order, session

DISPLAY, SEARCH = {"channel": "Display", "date": "2024-02-24"}, {"channel": "Search", "date": "2024-02-26"}
ROWS = {
    "session_sources": [
        session("s1", user="ann", **DISPLAY),
        session("s2", user="ann", **SEARCH),
        session("s3", user="ben", **SEARCH),
        session("bad", user="ben", **(SEARCH | {"time": "noon"})),
    ],
    "session_costs": [("s1", 2.5), ("s2", 0.1), ("s3", 0.2)],
    "conversions": [
        order("o1", user="ann", date="2024-02-26", time="20:00:00", revenue=90.55),
        order("o2", user="cat", date="2024-02-27", revenue=10.0),
    ],
}
TEXT = {table: [tuple(map(str, row)) for row in rows] for table, rows in ROWS.items()}


@pytest.fixture
def bare(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop without a database: only where the source is will be set."""
    shop.database.unlink()
    monkeypatch.delenv("ATTRIBUTION_DATABASE_URL")
    shop.set(ATTRIBUTION_MAX_REJECTED_SHARE="0.5")
    return shop


def made(folder: Path) -> tuple[bytes, dict[str, dict[str, str]], list[tuple[object, ...]]]:
    """What a run has made: the report, the versions of all stored days, and the result table; then it is cleared."""
    storage = AssetStorage("data/assets")
    versions = {
        asset.name: {str(day): stamp.version for day, stamp in storage.all_days(asset.name).stamps().items()}
        for asset in (folder / "data/assets").iterdir()
        if asset.is_dir()
    }
    report = (folder / "data/reports/channel_reporting.csv").read_bytes()
    published = rows_of("sqlite:///data/attribution.db", "channel_reporting")
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / "home")
    return report, versions, published


def test_the_same_rows_give_the_same_tables_to_the_byte_wherever_they_are(bare: Shop) -> None:
    folder = bare.folder
    urls = {}
    for kind in ("sqlite", "duckdb"):
        path = folder / f"source.{kind}"
        if kind == "sqlite":
            path.touch()
        urls[kind] = make_source(f"{kind}:///{path}", TEXT, text=True)
    urls["parquet"] = write_parquet(folder / "parquet", urls["duckdb"])
    urls["csv"] = write_csv(folder / "csv", TEXT)
    found = {}
    for kind, url in urls.items():
        bare.set(ATTRIBUTION_SOURCE_URL=url)
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
        result = bare.run()
        assert result.exit_code == 0, result.output
        assert all(path.stat().st_mtime_ns == time for path, time in before.items())
        found[kind] = made(folder)
    assert found["duckdb"] == found["sqlite"]
    assert found["parquet"] == found["sqlite"]
    assert found["csv"] == found["sqlite"]
    report, versions, published = found["csv"]
    assert b"2024-02-24" in report
    assert len(versions) >= 12
    assert [row[:3] for row in published] == [
        ("Display", "2024-02-24", 2.5),
        ("Search", "2024-02-26", pytest.approx(0.3)),
    ]


def test_a_row_that_comes_late_in_a_file_restates_what_hangs_on_it(bare: Shop) -> None:
    bare.set(ATTRIBUTION_SOURCE_URL=write_csv(bare.folder / "csv", ROWS))
    assert bare.run().exit_code == 0
    assert "Everything is up to date." in CliRunner().invoke(app, ["status"]).output
    late = session("s4", user="ann", channel="Late", date="2024-02-25")
    write_csv(bare.folder / "csv", ROWS | {"session_sources": [*ROWS["session_sources"], late]})
    assert "2024-02-25" in CliRunner().invoke(app, ["status"]).output
    result = bare.run()
    assert result.exit_code == 0, result.output
    assert [row["channel_name"] for row in bare.report()] == ["Display", "Late", "Search"]
    assert "Everything is up to date." in CliRunner().invoke(app, ["status"]).output


@pytest.mark.parametrize("command", ["run", "status", "demo"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("files:///nowhere", "There is no folder /nowhere: set ATTRIBUTION_SOURCE_URL to one"),
        ("duckdb:///nowhere.duckdb", "nowhere.duckdb: set ATTRIBUTION_SOURCE_URL to the one that is to be read"),
        ("sqlite:///nowhere.db", "nowhere.db: set ATTRIBUTION_SOURCE_URL to the one that is to be read"),
        ("mysql://u:hunter2@h/db", "begins with mysql://, but only"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_line_and_nothing_is_written(
    bare: Shop, url: str, words: str, command: str
) -> None:
    bare.set(ATTRIBUTION_SOURCE_URL=url)
    result = CliRunner().invoke(app, [command])
    assert result.exit_code == 2
    expected = "unset ATTRIBUTION_SOURCE_URL" if command == "demo" else words
    assert expected in " ".join(result.output.split())
    assert "hunter2" not in result.output
    assert not (bare.folder / "data").exists()


def test_a_database_for_results_is_sqlite_or_postgresql(bare: Shop) -> None:
    bare.set(ATTRIBUTION_DATABASE_URL="duckdb:///shop.duckdb")
    result = bare.run()
    assert result.exit_code == 2
    assert "as ATTRIBUTION_SOURCE_URL, which is only read, duckdb:///path/to/file.duckdb" in result.output


def test_data_before_the_calendar_names_the_variable_and_the_day(bare: Shop) -> None:
    early = ROWS | {"conversions": [order("o", date="2020-02-03")], "session_sources": []}
    bare.set(ATTRIBUTION_SOURCE_URL=write_csv(bare.folder / "csv", early))
    result = bare.run()
    assert result.exit_code == 2
    assert "set ATTRIBUTION_START_DATE to 2020-02-03" in " ".join(result.output.split())
