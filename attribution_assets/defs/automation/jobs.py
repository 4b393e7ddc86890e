"""The jobs, and a run of a job over a range of days. When they run is said in `schedules` and `sensors`."""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg

from attribution_assets.attribution.freshness.records import ATTRIBUTION, COMPARISON, SOURCE_ASSETS
from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.defs.asset_graph import check_keys
from attribution_assets.defs.checks.freshness import freshness_keys
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import ATTRIBUTION_JOB, EXTRACTION_JOB, RANGE_END_TAG, RANGE_START_TAG, days_tag


@cache
def jobs(names: DataSetNames) -> tuple[Any, Any]:  # an asset job's type before it is resolved is private
    """The jobs `attribution` and `extraction` of a data set, made once: schedules and sensors name the same ones."""
    not_of_a_day = dg.AssetSelection.checks(*freshness_keys(names))
    attribution = dg.define_asset_job(
        names.of(ATTRIBUTION_JOB),
        selection=_of_days(names) - not_of_a_day,
        description="All assets of a day or of a range of days, with their checks",
        tags=names.tags,
        executor_def=dg.in_process_executor,
    )
    extraction = dg.define_asset_job(
        names.of(EXTRACTION_JOB),
        selection=dg.AssetSelection.assets(*map(names.key, SOURCE_ASSETS)) - not_of_a_day,
        description="Reads days of the source again; what has changed makes stale what was made from it",
        tags=names.tags,
        executor_def=dg.in_process_executor,
    )
    return attribution, extraction


def _of_days(names: DataSetNames) -> dg.AssetSelection:
    """The assets of a data set that have days; which there are depends on its settings."""
    if not names.data_set:
        return dg.AssetSelection.groups(ATTRIBUTION, COMPARISON)
    return dg.AssetSelection.groups(names.data_set) - dg.AssetSelection.assets(names.key("trained_conversion_type"))


def stage_request(
    names: DataSetNames, stage: Stage, run_key: str, tags: Mapping[str, str] | None = None
) -> dg.RunRequest:
    """A run of a stage's assets over its days, with their checks and no others."""
    assets = [names.key(asset) for asset in stage.assets]
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=assets,
        asset_check_keys=[check for check in check_keys(names) if check.asset_key in assets],
        tags={**range_tags(stage.first, stage.last), **names.tags, **(tags or {})},
    )


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """The tags by which Dagster runs the days from `first` to `last` in one run, and that by which people see them."""
    return {RANGE_START_TAG: str(first), RANGE_END_TAG: str(last), **days_tag(first, last)}
