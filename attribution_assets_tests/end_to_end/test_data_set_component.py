"""A project of somebody else, made with Dagster's `dg` alone, with two data sets in its folder `defs`."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets_tests.support.databases import create_source_tables, insert
from attribution_assets_tests.support.places import PROJECT

DG = str(Path(sys.executable).with_name("dg"))
DEFINITIONS = """
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
PYPROJECT = """
[project]
name = "shops"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shops"
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, as `create-dagster project` lays it out."""
    package = tmp_path / "shops"
    (package / "defs").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").touch()
    (package / "definitions.py").write_text(DEFINITIONS)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)  # whose telemetry is off
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{PROJECT}")
    return tmp_path


def dg(project: Path, *arguments: str, code: int = 0) -> str:
    """What the command says."""
    done = subprocess.run(  # noqa: S603 - Dagster's own command
        [DG, *arguments], cwd=project, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def write(project: Path, name: str, *attributes: str) -> None:
    """Scaffold a data set, if it is not there, and write its attributes."""
    folder = project / "shops/defs" / name
    if not folder.exists():
        dg(project, "scaffold", "defs", "attribution_assets.DataSet", name)
    assert (folder / "defs.yaml").read_text().startswith("type: attribution_assets.DataSet")
    lines = "".join(f"  {line}\n" for line in attributes)
    (folder / "defs.yaml").write_text(f"type: attribution_assets.DataSet\n\nattributes:\n{lines}")


def database(project: Path, name: str, revenue: float) -> str:
    """A shop with one visit and one order; ids are alike in all shops."""
    url = f"sqlite:///{project / name}.db"
    (project / f"{name}.db").touch()
    create_source_tables(url)
    insert(url, "session_sources", [("s1", "ann", "2024-02-23", "10:00:00", "Search", 1, 0, 0)])
    insert(url, "conversions", [("o1", "ann", "2024-02-24", "12:00:00", revenue)])
    return url


def test_two_data_sets_are_scaffolded_checked_and_run(project: Path) -> None:
    assert "attribution_assets.DataSet" in dg(project, "list", "components", "--json")
    for name, revenue in (("shop_de", 50.0), ("shop_fr", 70.0)):
        url = database(project, name, revenue)
        write(project, name, f"database_url: {url}", "start_date: 2024-02-20", "end_date: 2024-02-26")
    dg(project, "check", "yaml")
    assert "All definitions loaded successfully." in dg(project, "check", "defs")
    listed = {asset["asset_key"] for asset in json.loads(dg(project, "list", "defs", "--json"))["assets"]}
    assert {f"{name}/{asset}" for name in ("shop_de", "shop_fr") for asset in always_in_use()} <= listed
    for name in ("shop_de", "shop_fr"):
        job = f"{name}__attribution"
        dg(project, "launch", "--job", job, "--partition-range", "2024-02-20...2024-02-26")
    for name, revenue in (("shop_de", 50.0), ("shop_fr", 70.0)):
        with sqlite3.connect(project / f"{name}.db") as connection:
            rows = connection.execute(f"SELECT * FROM {name}__channel_reporting").fetchall()  # noqa: S608  a test's
        connection.close()
        assert rows == [("Search", "2024-02-23", 0.0, 1.0, revenue)]


def test_a_wrong_attribute_is_named_with_its_file_and_line(project: Path) -> None:
    write(project, "shop_de", "start_date: 2024-02-20", "lookback_dys: 4")
    assert "'lookback_dys' was unexpected" in dg(project, "check", "yaml", code=1)
    write(project, "shop_de", "start_date: 2024-02-20", "lookback_days: 0")
    said = dg(project, "check", "defs", code=1)
    assert "defs.yaml, line 5: lookback_days is '0': it takes a whole number from 1 to 3650" in said
