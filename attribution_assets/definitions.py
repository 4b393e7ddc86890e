"""The code location: what `dg dev`, the daemon and the command load."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from attribution_assets.attribution.freshness.records import assets_in_use
from attribution_assets.defs.asset_graph import daily_assets, daily_checks
from attribution_assets.defs.assets.source_tables import source_assets
from attribution_assets.defs.assets.training import trained_conversion_type
from attribution_assets.defs.automation import sensors
from attribution_assets.defs.automation.failure_reports import failure_reports
from attribution_assets.defs.automation.jobs import attribution_job, extraction_job
from attribution_assets.defs.automation.schedules import schedules
from attribution_assets.defs.checks.freshness import freshness_check, freshness_sensor
from attribution_assets.defs.io_managers import DailyTableIOManager
from attribution_assets.defs.resources import resources_of
from attribution_assets.instance import json_logs
from attribution_assets.settings import Settings


def build_definitions(settings: Settings | None = None, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The code location of the settings; several can live in one process.

    Args:
        settings: The settings; without them, those that the environment describes.
        resources: Resources (`database`, `storage`, `reports`, `ihc_api`, `rules`) in place of those of the settings.

    Raises:
        ConfigurationError: An environment variable has a value that cannot be used.
    """
    used_settings = settings or Settings.from_environment()
    as_json = used_settings.log_format == "json"
    if as_json:
        json_logs.use_for_all_runs()
    used = {**vars(resources_of(used_settings, references=True)), **(resources or {})}
    in_use = assets_in_use(used_settings.windows)
    io_manager = DailyTableIOManager(**{name: used[name] for name in ("storage", "database", "rules")})
    return dg.Definitions(
        assets=[
            *source_assets(used_settings),
            *(asset.definition(used_settings) for asset in daily_assets() if asset.function.__name__ in in_use),
            trained_conversion_type,
        ],
        asset_checks=[
            *(check.definition() for check in daily_checks() if check.asset in in_use),
            freshness_check(used_settings),
        ],
        jobs=[attribution_job, extraction_job],
        schedules=schedules(used_settings),
        sensors=[sensors.restatement, sensors.late_data, freshness_sensor(used_settings), *failure_reports()],
        resources={**used, "io_manager": io_manager},
        executor=dg.in_process_executor,
        loggers={"console": json_logs.json_console} if as_json else None,
    )


defs = build_definitions()
