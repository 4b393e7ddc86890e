"""A failed run is reported in the log with its job and the reason."""

import logging

import dagster as dg
import pytest

from attribution_assets.defs.automation.failure_reports import failed_runs
from attribution_assets_tests.support.made_shop import MadeShop


def test_a_failed_run_is_logged_with_its_job_and_the_reason(
    made_shop: MadeShop, caplog: pytest.LogCaptureFixture
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        made_shop.session("bad", "eve", "2024-02-23 25:00:00")
        result = made_shop.make(["sessions"], 23, instance=instance)
        assert not result.success
        run = instance.get_run_by_id(result.run_id)
        assert run
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_instance=instance,
            dagster_run=run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        context.log.addHandler(caplog.handler)
        failed_runs(context)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR and "failed: " in record.message]
    assert record.message == (
        f'Run {run.run_id} of attribution failed: Execution of run for "attribution" failed.'
        " Steps failed: ['sessions_rows_are_usable']."
    )
