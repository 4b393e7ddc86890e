"""A failed run is reported in the log: which, why, where it is shown, and what to do."""

import logging

import dagster as dg
import pytest

from attribution_assets.defs.automation.failure_reports import failure_reports
from attribution_assets_tests.support.made_shop import MadeShop


def test_a_failed_run_is_logged_with_its_job_its_days_the_reason_and_what_to_do(
    made_shop: MadeShop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_WEBSERVER_URL", "https://dagster.shop.test/")
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
        (failed_runs,) = failure_reports()
        failed_runs(context)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR and "failed: " in record.message]
    assert record.message == (
        f"Run {run.run_id} of attribution of 2024-02-23 failed: check rows_are_usable of sessions: 2024-02-23:"
        " 1 of 1 source rows were set aside with a cost of 1.00, more than ATTRIBUTION_MAX_REJECTED_SHARE=0.01 allows:"
        " bad: event_time '25:00:00' is not a time HH:MM:SS."
        f" https://dagster.shop.test/runs/{run.run_id}"
        " When the cause is gone, run the same days again: what had succeeded is kept, and no answer of the API is paid"
        " for twice."
    )
