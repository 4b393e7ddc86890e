"""A file of DuckDB as the source: it is only read, and what cannot be read is named."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from attribution_assets.attribution.database.database import DatabaseUrlError
from attribution_assets.attribution.source.database import SourceUnreachableError
from attribution_assets_tests.support.databases import create_source_tables, execute, insert
from attribution_assets_tests.support.source_tables import DAYS, FIRST, extracted_orders, order, source


def test_reading_leaves_the_file_as_it_was_and_nothing_beside_it(duckdb_url: str, tmp_path: Path) -> None:
    create_source_tables(duckdb_url)
    insert(duckdb_url, "conversions", [order()])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(extracted_orders(duckdb_url)[FIRST].frame) == 1
    source(duckdb_url).fingerprints("sessions", DAYS)
    source(duckdb_url).change_marker()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_stands_in_its_log_of_changes_is_read_too(duckdb_url: str, tmp_path: Path) -> None:
    create_source_tables(duckdb_url)
    killed = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute(\"INSERT INTO conversions VALUES ('c', 'u', '2024-02-28', '12:00:00', 3)\"); os._exit(1)"
    )
    before = source(duckdb_url).change_marker()
    subprocess.run([sys.executable, "-c", killed, duckdb_url.removeprefix("duckdb:///")], check=False)  # noqa: S603  this module's own
    assert (tmp_path / "source.duckdb.wal").exists()
    assert extracted_orders(duckdb_url)[FIRST].frame["revenue"].tolist() == [3.0]
    assert source(duckdb_url).change_marker() != before


def test_a_file_that_another_program_writes_to_is_named(duckdb_url: str) -> None:
    holds = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", holds, duckdb_url.removeprefix("duckdb:///")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: S603  the same
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(SourceUnreachableError, match=r"source\.duckdb is being written by another program: try"):
            source(duckdb_url).check()
        other.communicate()


def test_a_file_that_is_missing_or_none_of_duckdb_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.duckdb"
    with pytest.raises(SourceUnreachableError) as caught:
        source(f"duckdb:///{path}").check()
    assert str(caught.value) == (
        f"There is no database at {path}: set ATTRIBUTION_DATABASE_URL to the one that is to be read"
        " (duckdb:///relative/path or duckdb:////absolute/path)."
    )
    assert not path.exists()
    path.write_text("no database" * 1000)
    with pytest.raises(SourceUnreachableError, match=r"none\.duckdb cannot be used: .*not a valid DuckDB database"):
        source(f"duckdb:///{path}").check()


def test_with_views_which_may_show_files_the_marker_differs_every_time(duckdb_url: str, tmp_path: Path) -> None:
    create_source_tables(duckdb_url)
    duckdb.sql(f"COPY (SELECT 'a' AS session_id, 2.5 AS cost) TO '{tmp_path}/costs.parquet'")
    execute(
        duckdb_url,
        "DROP TABLE session_costs",
        f"CREATE VIEW session_costs AS SELECT * FROM '{tmp_path}/costs.parquet'",  # noqa: S608  this test's own
    )
    source(duckdb_url).check()
    assert source(duckdb_url).change_marker() != source(duckdb_url).change_marker()


@pytest.mark.parametrize(
    "url", ["duckdb://shop.duckdb", "duckdb:///", "duckdb:///:memory:", "duckdb:///a?b=c", "files://"]
)
def test_a_url_that_names_no_file_or_folder_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match=r"A (DuckDB URL|URL of files) names one f"):
        source(url)
