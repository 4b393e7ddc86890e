"""The code location: what `dagster dev`, the daemon and the command load."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from attribution_assets.defs.assets import attribution as assets
from attribution_assets.defs.assets import comparison as comparison_assets
from attribution_assets.defs.automation import schedules as automation
from attribution_assets.defs.automation import sensors
from attribution_assets.defs.checks import attribution as asset_checks
from attribution_assets.defs.checks import comparison as comparison_checks
from attribution_assets.defs.io_managers import DailyTableIOManager
from attribution_assets.defs.resources import from_environment
from attribution_assets.instance import json_logs
from attribution_assets.settings import log_format


def build_definitions(resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The code location.

    Args:
        resources: Resources (`database`, `storage`, `reports`, `ihc_api`) in place of those that the environment
            describes.
    """
    as_json = log_format() == "json"
    if as_json:
        json_logs.use_for_all_runs()
    used = {**vars(from_environment(references=True)), **(resources or {})}
    return dg.Definitions(
        assets=dg.load_assets_from_modules([assets, comparison_assets]),
        asset_checks=dg.load_asset_checks_from_modules([asset_checks, comparison_checks]),
        jobs=[automation.attribution_job, automation.extraction_job],
        schedules=[automation.daily_schedule, automation.weekly_check_up],
        sensors=[sensors.restatement, sensors.late_data, *sensors.failure_reports()],
        resources={**used, "io_manager": DailyTableIOManager(storage=used["storage"], database=used["database"])},
        executor=dg.in_process_executor,
        loggers={"console": json_logs.json_console} if as_json else None,
    )


defs = build_definitions()
