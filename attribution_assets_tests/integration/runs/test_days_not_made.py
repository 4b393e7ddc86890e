"""Days of a range that cannot be made: the others are made and reported, and it is said which were not, and why."""

import dagster as dg
import pytest
from typer.testing import CliRunner

from attribution_assets.attribution.freshness.records import ASSETS, always_in_use
from attribution_assets.command.cli import app
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.automation.sensors import sensors
from attribution_assets.defs.checks.daily import ProblemOfDay, problems_of_days
from attribution_assets.instance.opening import dagster_instance
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.made_shop import MadeShop
from attribution_assets_tests.support.shop import Shop

FIRST, BAD, LAST = (f"2024-02-{number}" for number in (20, 22, 23))
WHY = f"1 of 1 source rows of conversions of {BAD} were set aside, more than ATTRIBUTION_MAX_REJECTED_SHARE=0.01 allows"


@pytest.fixture
def shop_with_a_bad_day(shop: Shop) -> Shop:
    """A session and an order on each day; the order of the third day cannot be used."""
    for number in (20, 21, 22, 23):
        shop.session(f"s{number}", f"u{number}", f"2024-02-{number} 10:00:00")
        shop.order(f"o{number}", f"u{number}", f"2024-02-{number} 12:00:00", -50.0 if number == 22 else 50.0)
    return shop


def reported(shop: Shop) -> list[tuple[str, str]]:
    return [(row["date"], row["ihc"]) for row in shop.report()]


def skip_reason() -> str | None:
    """What the sensor `restatement` says when it requests nothing."""
    resources = resources_of(Settings.from_environment())
    used = {"database": resources.database, "storage": resources.storage, "rules": resources.rules}
    restatement, _ = sensors(Settings.from_environment())
    with dagster_instance() as instance:
        result = restatement(dg.build_sensor_context(instance, resources=used))
    assert isinstance(result, dg.SensorResult)
    assert result.run_requests == []
    return result.skip_reason.skip_message if result.skip_reason else None


def days_of(asset: str, statuses: dg.DagsterInstance) -> set[str]:
    """The days that Dagster shows as materialized."""
    return statuses.get_materialized_partitions(dg.AssetKey(asset))


@pytest.mark.slow
def test_a_bad_day_stops_itself_alone_until_its_rows_are_corrected(shop_with_a_bad_day: Shop) -> None:
    shop = shop_with_a_bad_day
    result = shop.run(FIRST, LAST)
    assert result.exit_code == 1
    others = ["2024-02-20", "2024-02-21", "2024-02-23"]
    assert reported(shop) == [(day, "1.0") for day in others]
    assert " attributed │      3 │  150.00 " in result.output
    assert result.output.splitlines()[-1] == (
        f"Failed: {WHY}: o22: revenue -50.0 is negative: refunds are not attributed;"
        f" not made because of this: journeys of {BAD}, channel_reporting of {BAD}"
    )
    with dagster_instance() as instance:
        assert days_of("conversions", instance) == {*others, BAD}
        assert all(days_of(asset, instance) == {*others} for asset in always_in_use() if ASSETS[asset].inputs)
        [run] = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE
    status = CliRunner().invoke(app, ["status"]).output
    assert f"Waiting until rejected rows are corrected in the source: {BAD} ({WHY})." in status
    assert (
        skip_reason()
        == f"Everything that can be is up to date. {BAD} wait until rejected rows are corrected in the source."
    )

    shop.sql("UPDATE conversions SET revenue = 50 WHERE conv_id = 'o22'")
    result = shop.run(FIRST, LAST)
    assert result.exit_code == 0, result.output
    assert reported(shop) == [(day, "1.0") for day in (*others[:2], BAD, others[2])]
    assert "Everything is up to date." in CliRunner().invoke(app, ["status"]).output


def test_days_whose_lookback_sessions_were_never_read_are_left_out_with_a_warning(
    shop: Shop, paid_endpoint: IhcEndpoint
) -> None:
    shop.asks(paid_endpoint)
    for number in (25, 26):
        shop.session(f"s{number}", "ann", f"2024-02-{number} 10:00:00")
        shop.order(f"o{number}", "ann", f"2024-02-{number} 12:00:00")
    made = MadeShop.make(shop, always_in_use(), 25, 26)  # type: ignore[arg-type]  # it needs no more than a shop
    assert made.success
    checks = {
        each.asset_key.to_user_string(): each
        for each in made.get_asset_check_evaluations()
        if each.check_name == "every_day_is_made"
    }
    left_out = checks["journeys"]
    words = "sessions of 2024-02-21..2024-02-24 was never materialized"
    assert (left_out.passed, left_out.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert dict(problems_of_days(left_out))["2024-02-25"] == ProblemOfDay(words, stops=False)
    assert checks["channel_reporting"].passed
    shown = {event.asset_key.to_user_string() for event in made.get_asset_materialization_events() if event.asset_key}
    assert shown == {"sessions", "conversions", "spend", "channel_reporting", "channel_reporting_csv"}
    status = CliRunner().invoke(app, ["status"]).output
    assert "To be materialized before, as stale days need them: sessions of 2024-02-21..2024-02-24." in status


def test_executing_a_check_without_days_checks_all_that_is_stored(made_shop: MadeShop) -> None:
    checks = dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())
    definitions = dg.Definitions.merge(build_definitions(), dg.Definitions(jobs=[checks]))
    made_shop.session("bad", "eve", "2024-02-23 25:00:00")
    with dg.DagsterInstance.ephemeral() as instance:
        made_shop.make(["sessions", "conversions"], 23, instance=instance)
        result = definitions.resolve_job_def("checks").execute_in_process(instance=instance, raise_on_error=False)
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == 24 + 8  # the last ones say whether each asset has its latest day
    others = {"every_day_is_made", "latest_day_is_stored"}
    failed = [each for each in evaluations if not each.passed and each.check_name not in others]
    [usable] = failed
    assert (usable.asset_key, usable.check_name) == (dg.AssetKey("sessions"), "rows_are_usable")
    assert usable.metadata["days_checked"].value == 9
    assert {problem.data["day"] for problem in usable.metadata["problems"].records} == {"2024-02-23"}
