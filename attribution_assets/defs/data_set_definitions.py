"""All that Dagster loads of one data set. The code location joins those of several (`definitions.py`)."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from attribution_assets.attribution.freshness.records import assets_in_use
from attribution_assets.defs.asset_graph import daily_assets, daily_checks
from attribution_assets.defs.assets.source_tables import source_assets
from attribution_assets.defs.assets.training import training_asset
from attribution_assets.defs.automation.jobs import jobs
from attribution_assets.defs.automation.schedules import schedules
from attribution_assets.defs.automation.sensors import sensors
from attribution_assets.defs.checks.freshness import freshness_check, freshness_sensor
from attribution_assets.defs.io_managers import DailyTableIOManager
from attribution_assets.defs.resources import dagster_resources
from attribution_assets.instance import json_logs
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings


def data_set_definitions(settings: Settings, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Assets, checks, jobs, schedules, sensors and resources of a data set.

    Args:
        settings: The data set's settings.
        resources: Resources (`database`, `storage`, `reports`, `ihc_api`, `rules`) in place of those of the settings.
    """
    as_json, names = settings.log_format == "json", DataSetNames(settings.data_set)
    if as_json:
        json_logs.use_for_all_runs()
    used = {**dagster_resources(settings), **(resources or {})}
    in_use = assets_in_use(settings.windows)
    used["io_manager"] = DailyTableIOManager(**{name: used[name] for name in ("storage", "database", "rules")})
    return dg.Definitions(
        assets=[
            *source_assets(settings),
            *(asset.definition(settings) for asset in daily_assets() if asset.function.__name__ in in_use),
            training_asset(settings),
        ],
        asset_checks=[
            *(check.definition(names) for check in daily_checks() if check.asset in in_use),
            freshness_check(settings),
        ],
        jobs=jobs(names),
        schedules=schedules(settings),
        sensors=[*sensors(settings), freshness_sensor(settings)],
        resources={names.of(name): resource for name, resource in used.items()},
        executor=dg.in_process_executor,
        loggers={"console": json_logs.json_console} if as_json else None,
    )
