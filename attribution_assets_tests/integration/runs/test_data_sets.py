"""Several data sets: the command over one of them or all, and that none touches another's tables, figures or waits."""

import csv
from pathlib import Path

import dagster as dg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from attribution_assets.command.chosen import chosen
from attribution_assets.command.cli import app
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.opening import dagster_instance, history_to_read
from attribution_assets.instance.runs import runs_under_way
from attribution_assets.monitoring.metrics import PipelineMetrics
from attribution_assets.resources import resources_of
from attribution_assets_tests.support.shop import Shop

DAYS = ("--start-date", "2024-02-22", "--end-date", "2024-02-24")


@pytest.fixture
def sets(any_shop: Shop, tmp_path: Path) -> Shop:
    """A shop of one order whose sessions are 1 and 3 days before it, and two data sets over its database."""
    any_shop.session("s1", "ann", "2024-02-21 10:00:00", "Display", 2.0)
    any_shop.session("s2", "ann", "2024-02-23 10:00:00", "Search", 1.0)
    any_shop.order("o1", "ann", "2024-02-24 12:00:00", 50.0)
    folder = tmp_path / "sets"
    folder.mkdir()
    (folder / "short.yaml").write_text("lookback_days: 2\ndatabase_url: {env: ATTRIBUTION_DATABASE_URL}\n")
    (folder / "long.yaml").write_text("lookback_days: 4\ndatabase_url: {env: ATTRIBUTION_DATABASE_URL}\n")
    any_shop.set(ATTRIBUTION_DATA_SETS=str(folder))
    return any_shop


def command(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def credited(shop: Shop, table: str) -> dict[str, float]:
    """Channel -> credited orders, of a result table."""
    return {str(row[0]): float(str(row[3])) for row in shop.rows(table) if row[3]}


def test_data_sets_that_share_a_database_have_tables_answers_and_places_of_their_own(sets: Shop) -> None:
    for words in (["--data-set", "short"], ["--data-set", "long"], []):
        done = command("run", *DAYS, *words)
        assert done.exit_code == 0, done.output
    assert credited(sets, "short__channel_reporting").keys() == {"Search"}
    assert credited(sets, "long__channel_reporting").keys() == {"Display", "Search"}
    assert sets.rows("long__channel_reporting") == sets.rows("channel_reporting")
    for table in ("short__ihc_answer", "long__ihc_answer", "ihc_answer"):
        assert [row[1] for row in sets.rows(table)] == ["o1"]
    for place in ("", "data_sets/short/", "data_sets/long/"):
        assert Path(f"data/assets/{place}sessions/2024-02-23.parquet").exists()
        with Path(f"data/reports/{place}channel_reporting.csv").open(newline="") as file:
            assert [row["channel_name"] for row in csv.DictReader(file)] == ["Search"]


def test_one_that_fails_or_is_forgotten_leaves_the_others_as_they_are(sets: Shop) -> None:
    assert command("run", *DAYS, "--data-set", "long").exit_code == 0
    before = sets.rows("long__channel_reporting")
    sets.set(IHC_API_URL="http://127.0.0.1:9/v1/compute_ihc", IHC_API_KEY="a-key-nobody-takes")
    (sets.folder / "sets/short.yaml").write_text(
        "lookback_days: 2\ndatabase_url: {env: ATTRIBUTION_DATABASE_URL}\nihc_max_requests_per_run: 1\n"
    )
    assert command("run", *DAYS, "--data-set", "short").exit_code == 1
    assert sets.rows("long__channel_reporting") == before
    forgotten = command("ledger", "--forget", "--yes", "--data-set", "short")
    assert "Forgotten: 0." in forgotten.output
    assert len(sets.rows("long__ihc_answer")) == 1


def test_messages_name_attributes_of_the_data_set_and_not_the_variables_of_the_environment(sets: Shop) -> None:
    early = command("run", "--start-date", "2019-01-01", "--end-date", "2024-02-24", "--data-set", "short")
    assert early.exit_code == 2
    assert "set start_date of the data set short to 2019-01-01 or earlier" in early.output
    sets.order("o2", "ann", "2024-02-23 12:00:00", -1.0)
    sets.session("s0", "ann", "2019-01-01 10:00:00", "Search", 1.0)
    stopped = command("run", *DAYS, "--data-set", "short")
    assert stopped.exit_code == 1
    assert "max_rejected_share=0.01 of the data set short allows" in " ".join(stopped.output.split())
    with history_to_read() as instance:
        key = DataSetNames("short").check_key("conversions", "rows_are_usable")
        record = instance.get_latest_asset_check_evaluation_record(key)
        sessions = instance.get_latest_materialization_event(DataSetNames("short").key("sessions"))
    assert record is not None
    assert record.event is not None
    assert record.event.dagster_event is not None
    said = record.event.dagster_event.asset_check_evaluation_data.description
    assert said is not None
    assert "max_rejected_share=0.01 of the data set short allows" in said
    assert sessions is not None
    assert sessions.asset_materialization is not None
    in_no_report = str(sessions.asset_materialization.metadata["rows_in_no_report"].value)
    assert in_no_report.endswith("their event_date is before start_date of the data set short.")


def test_status_and_ledger_of_all_name_each_and_end_with_the_worst_code(sets: Shop) -> None:
    assert command("run", *DAYS, "--data-set", "long").exit_code == 0
    (sets.folder / "sets/broken.yaml").write_text("lookback_days: 0")
    done = command("status", "--all-data-sets")
    assert done.exit_code == 2
    parts = [done.output.index(f"\n{title}\n") for title in ("(environment)", "broken", "long", "short")]
    assert parts == sorted(parts)
    assert "line 1: lookback_days is '0'" in done.output
    kept = command("ledger", "--data-set", "long")
    assert kept.exit_code == 0
    assert "default" in kept.output


def test_a_data_set_that_there_is_not_is_named(sets: Shop) -> None:
    done = command("run", "--data-set", "shop_uk")
    assert (done.exit_code, sets.rows("conversions")[0][0]) == (2, "o1")
    assert "there is no data set 'shop_uk': there are long, short" in done.output


@pytest.mark.usefixtures("sets")
def test_figures_of_a_named_data_set_carry_its_name() -> None:
    assert command("run", *DAYS, "--data-set", "short").exit_code == 0
    data_sets = {found.name: resources_of(found.usable()) for found in chosen(None, every=True)}
    with history_to_read() as instance:
        samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for metric in PipelineMetrics(instance, data_sets).collect()
            for sample in metric.samples
        }
    counted = {"dagster_job": "attribution", "status": "success"}
    assert samples["attribution_runs_total", frozenset({**counted, "data_set": "short"}.items())] >= 1
    assert samples["attribution_runs_total", frozenset({**counted, "data_set": "long"}.items())] == 0
    assert samples["attribution_runs_total", frozenset(counted.items())] == 0
    of_days = {"asset": "channel_reporting", "data_set": "short"}
    assert samples["attribution_stored_partitions", frozenset(of_days.items())] > 0
    assert samples["attribution_ledger_answers", frozenset({"data_set": "short"}.items())] == 1
    assert samples["attribution_ledger_answers", frozenset()] == 0


def test_a_run_under_way_holds_up_the_sensors_of_its_own_data_set_only(sets: Shop) -> None:
    with dagster_instance() as instance:
        instance.add_run(dg.DagsterRun("short__attribution", status=dg.DagsterRunStatus.STARTED))
        assert runs_under_way(instance, DataSetNames("short")).startswith("run ")
        assert [runs_under_way(instance, DataSetNames(name)) for name in ("long", "")] == ["", ""]
    assert sets.rows("conversions")
