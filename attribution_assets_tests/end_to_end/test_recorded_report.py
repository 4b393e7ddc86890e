"""The installed command over recorded real journeys, against the report that the real API's answers gave."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attribution_assets_tests.support.places import SHARED_DATA

pytestmark = pytest.mark.skipif(not SHARED_DATA.exists(), reason="the recorded answers are not here")

Cells = dict[tuple[str, str], dict[str, str]]


def cells(path: Path) -> Cells:
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["channel_name"], row["date"]): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cells, str]:
    """The report of the ten recorded days, and what the command printed."""
    folder = tmp_path_factory.mktemp("recorded")
    shutil.copyfile(SHARED_DATA / "challenge.db", folder / "challenge.db")
    settings = {"ATTRIBUTION_DATABASE_URL": "sqlite:///challenge.db", "ATTRIBUTION_START_DATE": "2023-08-01"}
    command = ["attribution-assets", "run", "--start-date", "2023-08-29", "--end-date", "2023-09-07"]
    run = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, str(Path(sys.executable).with_name(command[0])), *command[1:], "--output", "report.csv"],
        cwd=folder,
        env=os.environ | settings | {"ATTRIBUTION_LOOKBACK_DAYS": "30"},
        check=True,
        capture_output=True,
        text=True,
    )
    return cells(folder / "report.csv"), " ".join(run.stdout.replace("│", " ").split())


def test_cost_is_the_published_one_in_every_cell(reported: tuple[Cells, str]) -> None:
    report, published = reported[0], cells(SHARED_DATA / "challenge_channel_reporting.csv")
    assert report.keys() == published.keys()
    assert len(report) == 150
    for cell, row in published.items():
        assert float(report[cell]["cost"]) == pytest.approx(float(row["cost"]), abs=0.005)
    assert sum(float(row["cost"]) for row in report.values()) == pytest.approx(293_876.849, abs=0.0005)


def test_credit_is_the_published_one_as_near_as_the_restated_model_comes(reported: tuple[Cells, str]) -> None:
    report, published = reported[0], cells(SHARED_DATA / "challenge_channel_reporting.csv")
    off = [abs(float(report[cell]["ihc"]) - float(row["ihc"])) for cell, row in published.items()]
    assert max(off) < 0.02
    assert sum(off) < 0.4
    assert sum(float(row["ihc"]) for row in report.values()) == pytest.approx(1940)
    assert sum(float(row["ihc_revenue"]) for row in report.values()) == pytest.approx(111_721.66)


def test_the_orders_without_any_earlier_session_are_reported_as_such(reported: tuple[Cells, str]) -> None:
    printed = reported[1]
    assert "attributed 1940 111,721.66" in printed
    assert "no_sessions 60 3,549.56" in printed
    assert "embedded IHC service" in printed
