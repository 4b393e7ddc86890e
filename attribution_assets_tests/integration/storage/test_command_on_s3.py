"""The command with its tables and reports in an object store, on a server that speaks S3: as with folders."""

import signal
import sys

import pytest
from typer.testing import CliRunner

from attribution_assets.attribution.freshness.lineage import stored_state
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.command.cli import app
from attribution_assets_tests.support.command_process import KilledInsteadOfAnswered, StartCommand
from attribution_assets_tests.support.ihc_endpoint import Answer, Reply
from attribution_assets_tests.support.s3_server import SECRET, S3Server
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import FIRST, LAST, PaidEndpoint, a_busy_week, check_tables, oracle_of

s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")

REPORT = "channel_reporting.csv"


@pytest.fixture
def week(shop: Shop, s3_bucket: str) -> Shop:
    """A shop with a busy week, whose tables and reports go into a bucket."""
    a_busy_week(shop)
    shop.set(ATTRIBUTION_STORAGE=f"{s3_bucket}/assets", ATTRIBUTION_REPORTS=f"{s3_bucket}/reports")
    return shop


def stored_versions(root: str) -> object:
    """Of all tables but that of the files' paths, which differ."""
    versions = stored_state(AssetStorage(root), {}).versions()
    return {name: days for name, days in versions.items() if not name.endswith("_csv")}


@pytest.mark.slow
def test_days_run_and_run_again_with_late_rows_are_what_one_run_with_folders_makes(week: Shop, s3_bucket: str) -> None:
    with PaidEndpoint() as endpoint:
        week.asks(endpoint)
        first = week.run("2024-02-25", str(LAST))
        assert first.exit_code == 0, first.output
        week.session("late", "ann", "2024-02-26 11:00:00", "Late", 2.5)
        assert week.run(str(FIRST), str(LAST), "--output", f"{s3_bucket}/all.csv").exit_code == 0
        paid, stored = len(endpoint.paid_requests), stored_versions(f"{s3_bucket}/assets")
        unchanged = week.run(str(FIRST), str(LAST))
        assert f"Report of {FIRST}..{LAST}: {s3_bucket}/reports/{REPORT}" in unchanged.output
        assert len(endpoint.paid_requests) == paid
        assert stored_versions(f"{s3_bucket}/assets") == stored
        assert "Everything is up to date" in CliRunner().invoke(app, ["status"]).output
        check_tables(week, oracle_of(week))
        week.set(ATTRIBUTION_STORAGE="one_run/assets", ATTRIBUTION_REPORTS="one_run/reports")
        assert week.run(str(FIRST), str(LAST)).exit_code == 0
    assert stored == stored_versions("one_run/assets")
    in_folder = {path.name: path.read_bytes() for path in (week.folder / "one_run/reports").iterdir()}
    in_bucket = s3fs.S3FileSystem().cat(f"{s3_bucket}/reports/*")
    assert {path.rpartition("/")[2]: content for path, content in in_bucket.items()} == in_folder
    assert s3fs.S3FileSystem().cat(f"{s3_bucket}/all.csv") == in_folder[REPORT]


@pytest.mark.slow
def test_a_command_that_was_killed_is_made_good_by_the_next_which_pays_for_nothing_twice(
    week: Shop, start_command: StartCommand
) -> None:
    killed = KilledInsteadOfAnswered()
    week.set(IHC_MAX_JOURNEYS_PER_REQUEST="1", IHC_MAX_CONCURRENT_REQUESTS="1")
    with PaidEndpoint([*[None] * 5, killed]) as endpoint:
        week.asks(endpoint)
        killed.process = process = start_command(FIRST, LAST)
        process.wait()
        assert process.returncode == -signal.SIGKILL
        assert len(endpoint.paid_requests) == 5
        result = week.run(str(FIRST), str(LAST))
        assert result.exit_code == 0, result.output
    assert len(endpoint.paid) == 21
    assert len(endpoint.paid_twice) <= 1  # the answer that was being stored
    check_tables(week, oracle_of(week))


# Errors


def check_is_not_possible(shop: Shop, words: str, *more: str) -> None:
    result = shop.run(str(FIRST), str(LAST), *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Not possible: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert SECRET not in result.stderr


@pytest.mark.parametrize("variable", ["ATTRIBUTION_STORAGE", "ATTRIBUTION_REPORTS"])
def test_a_bucket_that_does_not_exist_is_said_before_anything_is_done(week: Shop, variable: str) -> None:
    week.set(**{variable: "s3://no-such-bucket/x"})
    check_is_not_possible(week, f"{variable} is 's3://no-such-bucket/x': there is no bucket 'no-such-bucket'")
    assert not s3fs.S3FileSystem().exists("no-such-bucket")


def test_an_output_in_a_bucket_that_does_not_exist_is_said_before_anything_is_done(week: Shop) -> None:
    url = "s3://no-such-bucket/report.csv"
    check_is_not_possible(week, f"--output {url} cannot be written: there is no bucket", "--output", url)


def test_a_store_that_refuses_is_said_before_anything_is_done(week: Shop, s3_server: S3Server) -> None:
    s3_server.refuses = True
    check_is_not_possible(week, "Access Denied")


def test_missing_credentials_are_said_before_anything_is_done(week: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    s3fs.S3FileSystem.clear_instance_cache()
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    check_is_not_possible(week, "Unable to locate credentials")


def test_an_endpoint_that_cannot_be_reached_is_said_before_anything_is_done(week: Shop) -> None:
    s3fs.S3FileSystem.clear_instance_cache()
    week.set(AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")
    check_is_not_possible(week, 'Could not connect to the endpoint URL: "http://127.0.0.1:1/')


WITHOUT_ITS_LIBRARY = """
import sys
sys.modules["s3fs"] = None
from attribution_assets.command.cli import app
app()
"""


@pytest.mark.usefixtures("week")
def test_a_store_whose_library_is_not_installed_names_what_to_install(start_command: StartCommand) -> None:
    process = start_command(FIRST, LAST, command=[sys.executable, "-c", WITHOUT_ITS_LIBRARY])
    output, _ = process.communicate()
    assert process.returncode == 2
    assert output.startswith("Not possible: ATTRIBUTION_STORAGE is 's3://")
    assert output.endswith(": install what it needs: pip install 'attribution-assets[s3]'\n")


def test_a_store_that_begins_to_refuse_fails_the_run_in_a_line(week: Shop, s3_server: S3Server) -> None:
    def refuse(answer: Answer) -> Reply:
        s3_server.refuses = True
        return Reply(answer)

    with PaidEndpoint([refuse]) as endpoint:
        week.asks(endpoint)
        failed = week.run(str(FIRST), str(LAST))
        assert failed.exit_code == 1
        last = failed.stderr.splitlines()[-1]
        assert last.startswith("Failed: ihc_attributions: s3://")
        assert last.endswith(": Access Denied")
