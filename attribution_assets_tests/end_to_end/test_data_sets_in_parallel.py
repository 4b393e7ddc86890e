"""Two data sets with the same ids side by side, one with faults, a kill and late rows: each as if it were alone."""

import shutil
from itertools import chain, repeat
from pathlib import Path

import pytest

from attribution_assets_tests.support.command_process import KilledInsteadOfAnswered, StartCommand
from attribution_assets_tests.support.databases import execute, rows_of
from attribution_assets_tests.support.ihc_endpoint import KEY, reset, status
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import (
    FIRST,
    LAST,
    PaidEndpoint,
    a_busy_week,
    check_all_is_right,
    check_csv,
    oracle_of,
)

RESULTS = ("attribution_customer_journey", "attribution_order", "channel_reporting", "unattributed_order")


@pytest.fixture
def two(shop: Shop, tmp_path: Path) -> Shop:
    """A busy week, and two data sets with a copy of it each; an account each, too."""
    a_busy_week(shop)
    (tmp_path / "sets").mkdir()
    for name in ("calm", "stormy"):
        shutil.copy(shop.database, tmp_path / f"{name}.db")
        (tmp_path / f"sets/{name}.yaml").write_text(
            f"database_url: sqlite:///{tmp_path / name}.db\nihc_api_url: {{env: {name.upper()}_URL}}\n"
            f"ihc_api_key: {{env: {name.upper()}_KEY}}\nihc_max_journeys_per_request: 1\n"
        )
    shop.set(ATTRIBUTION_DATA_SETS=str(tmp_path / "sets"), CALM_KEY=f"{KEY}-calm", STORMY_KEY=f"{KEY}-stormy")
    return shop


def results(folder: Path, data_set: str = "") -> list[list[tuple[object, ...]]]:
    """The rows of the result tables of a data set, or of the one without a name."""
    database, prefix = (folder / f"{data_set}.db", f"{data_set}__") if data_set else (folder / "shop.db", "")
    return [rows_of(f"sqlite:///{database}", f"{prefix}{table}") for table in RESULTS]


def report(folder: Path, data_set: str = "") -> bytes:
    """The CSV file of a data set."""
    place = f"data_sets/{data_set}/" if data_set else ""
    return (folder / f"data/reports/{place}channel_reporting.csv").read_bytes()


def test_the_faults_kills_and_late_rows_of_one_never_touch_the_other(
    two: Shop, tmp_path: Path, start_command: StartCommand
) -> None:
    killing = KilledInsteadOfAnswered()
    faults = chain((status(500), reset, None, status(429), killing), repeat(None))
    with PaidEndpoint(latency_seconds=0.05) as calm, PaidEndpoint(faults, latency_seconds=0.05) as stormy:
        two.set(CALM_URL=calm.url, STORMY_URL=stormy.url)
        killing.process = start_command(FIRST, LAST, "--data-set", "stormy")
        beside = start_command(FIRST, LAST, "--data-set", "calm")
        assert killing.process.wait() == -9
        again = start_command(FIRST, LAST, "--data-set", "stormy")
        output = beside.communicate()[0]
        assert beside.returncode == 0, output
        assert again.wait() == 0
        late = "INSERT INTO session_sources VALUES ('late', 'ann', '2024-02-24', '03:00:00', 'Late', 1, 0, 0)"
        execute(f"sqlite:///{tmp_path}/stormy.db", late)
        last = start_command(FIRST, LAST, "--data-set", "stormy")
        assert last.wait() == 0
        assert calm.paid_twice == {}
        assert len(stormy.paid_twice) <= 4  # the requests that were under way at the kill
        assert len(calm.paid) == 21
    with PaidEndpoint() as endpoint:  # the same shops, alone
        two.asks(endpoint)
        alone = two.run(str(FIRST), str(LAST))
        assert alone.exit_code == 0, alone.output
        check_all_is_right(two)
        assert (results(tmp_path, "calm"), report(tmp_path, "calm")) == (results(tmp_path), report(tmp_path))
        two.sql(late)
        alone = two.run(str(FIRST), str(LAST))
        assert alone.exit_code == 0, alone.output
        check_csv(two, oracle_of(two))
        assert (results(tmp_path, "stormy"), report(tmp_path, "stormy")) == (results(tmp_path), report(tmp_path))


@pytest.mark.slow
@pytest.mark.usefixtures("two")
def test_twenty_data_sets_run_side_by_side_with_one_that_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_command: StartCommand
) -> None:
    for number in range(20):
        (tmp_path / f"sets/shop_{number:02}.yaml").write_text(
            f"database_url: sqlite:///{tmp_path}/shop_{number:02}.db\n"
        )
        shutil.copy(tmp_path / "calm.db", tmp_path / f"shop_{number:02}.db")
    (tmp_path / "sets/stormy.yaml").unlink()
    (tmp_path / "sets/calm.yaml").write_text("lookback_days: 0")
    monkeypatch.delenv("ATTRIBUTION_DATABASE_URL")
    process = start_command(FIRST, LAST, "--all-data-sets", "--jobs", "3")
    output = process.communicate()[0]
    assert process.returncode == 2, output
    assert output.count(" done ") >= 20
    assert "calm: Not possible: " in output
    reports = {report(tmp_path, f"shop_{number:02}") for number in range(20)}
    assert len(reports) == 1
