"""What somebody sees who tries the demo and then clicks through Dagster's UI: a full calendar and runs that succeed.

The command and `dagster dev` are processes in a new folder, with no variable of this project set.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from attribution_assets_tests.support.browser import needs_chromium, running_browser
from attribution_assets_tests.support.command_process import COMMAND
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.ports import free_port

pytestmark = [needs_chromium, pytest.mark.slow, pytest.mark.chromium]

SECONDS = 600
MILLISECONDS = 1000 * SECONDS
JOB = "/locations/attribution_assets/jobs/attribution"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder with the project's workspace, in which the demo has been run."""
    for name in [name for name in os.environ if name.startswith("ATTRIBUTION_")]:
        monkeypatch.delenv(name)
    for name in ("workspace.yaml", "dagster.yaml"):
        shutil.copy(PROJECT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    subprocess.run([*COMMAND, "demo"], check=True, timeout=SECONDS)  # noqa: S603 - our own command
    return tmp_path


@contextmanager
def dagster_dev(folder: Path) -> Iterator[str]:
    """The address of a running `dagster dev`; it ends with all its processes."""
    port = free_port()
    command = [sys.executable, "-m", "dagster", "dev", "--port", str(port)]
    with (folder / "dagster_dev.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - Dagster's own
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)


def go(page: Page, path: str) -> None:
    """Open a page of the UI as soon as its server answers."""
    for _ in range(SECONDS):
        with suppress(Error):
            page.goto(path, wait_until="domcontentloaded")
            return
        page.wait_for_timeout(1000)
    raise AssertionError(f"{path} is not answered")


def test_the_demo_s_calendar_is_full_its_run_is_listed_and_latest_succeeds(folder: Path) -> None:
    with dagster_dev(folder) as address, running_browser() as browser:
        page = browser.new_context(base_url=address).new_page()
        page.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        go(page, "/assets/channel_reporting?view=partitions")
        expect(page.get_by_text("Missing (0)")).to_be_visible()
        expect(page.get_by_text("Failed (0)")).to_be_visible()

        go(page, f"{JOB}/runs")
        expect(page.get_by_text("days: ")).to_have_count(1)
        expect(page.get_by_text("attribution_assets/process")).to_have_count(0)
        go(page, "/overview/activity/timeline")
        expect(page.get_by_role("link", name="attribution").first).to_be_visible()

        go(page, JOB)
        page.get_by_role("button", name="Materialize all").click()
        page.get_by_role("button", name="Latest").click()
        with page.expect_response(lambda answer: "Launch" in (answer.request.post_data or "")):
            page.get_by_role("button", name="Launch 1 run").click()
        go(page, f"{JOB}/runs")
        expect(page.get_by_text("Success", exact=True)).to_have_count(2)
        expect(page.get_by_text("days: ")).to_have_count(2)
