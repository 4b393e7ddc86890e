"""Dagster's command `dg` in a copy of the project: it loads, lists, scaffolds and serves what is there."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.waiting import wait_until

DG = str(Path(sys.executable).with_name("dg"))
START_SECONDS = 300

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, which is what Python imports there."""
    copy = tmp_path / "project"
    shutil.copytree(
        PROJECT / "attribution_assets", copy / "attribution_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "dagster.yaml"):
        shutil.copy(PROJECT / name, copy)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)  # whose telemetry is off
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(copy))
    return copy


def dg(project: Path, *arguments: str) -> str:
    """What the command says, without an error."""
    done = subprocess.run(  # noqa: S603 - Dagster's own command
        [DG, *arguments], cwd=project, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def test_definitions_load_with_what_was_scaffolded_beside_them(project: Path) -> None:
    for what, where in (("asset", "assets/coupons.py"), ("schedule", "hourly.py"), ("DefsFolderComponent", "more")):
        dg(project, "scaffold", "defs", f"dagster.{what}", where)
        assert (project / "attribution_assets/defs" / where).exists()
    assert "All definitions loaded successfully." in dg(project, "check", "defs")
    listed = {asset["asset_key"] for asset in json.loads(dg(project, "list", "defs", "--json"))["assets"]}
    assert listed == {
        *always_in_use(),
        "trained_conversion_type",
        "source/session_sources",
        "source/session_costs",
        "source/conversions",
        "source/ad_spend",
    }


def test_dg_dev_serves_the_location_without_a_warning(project: Path) -> None:
    log = project / "dev.log"
    with socket.socket() as free:  # not one of those that Dagster gives to its code servers, from 20000 on
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    question = json.dumps(
        {"query": "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"}
    )
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", question.encode(), {"Content-Type": "application/json"}
    )

    def is_loaded() -> bool:
        with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(request) as answer:  # noqa: S310
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
            return entries == [{"name": "attribution_assets", "loadStatus": "LOADED"}]
        return False

    with log.open("wb") as file:
        server = subprocess.Popen([DG, "dev", "--port", str(port)], cwd=project, stdout=file, stderr=file)  # noqa: S603
    try:
        wait_until(is_loaded, START_SECONDS, log.read_text)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(START_SECONDS)
    assert "Warning" not in log.read_text()
