"""The jobs, and a run of a job over a range of days. When they run is said in `schedules` and `sensors`."""

import datetime as dt
from collections.abc import Mapping

import dagster as dg

from attribution_assets.attribution.freshness.records import ATTRIBUTION, COMPARISON, SOURCE_ASSETS
from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.defs.asset_graph import check_keys
from attribution_assets.defs.checks.freshness import freshness_keys
from attribution_assets.instance.runs import ATTRIBUTION_JOB, EXTRACTION_JOB, RANGE_END_TAG, RANGE_START_TAG, days_tag

_NOT_OF_A_DAY = dg.AssetSelection.checks(*freshness_keys())

attribution_job = dg.define_asset_job(
    ATTRIBUTION_JOB,
    selection=dg.AssetSelection.groups(ATTRIBUTION, COMPARISON) - _NOT_OF_A_DAY,
    description="All assets of a day or of a range of days, with their checks",
)

extraction_job = dg.define_asset_job(
    EXTRACTION_JOB,
    selection=dg.AssetSelection.assets(*SOURCE_ASSETS) - _NOT_OF_A_DAY,
    description="Reads days of the source again; what has changed makes stale what was made from it",
)


def stage_request(stage: Stage, run_key: str, tags: Mapping[str, str] | None = None) -> dg.RunRequest:
    """A run of a stage's assets over its days, with their checks and no others."""
    return dg.RunRequest(
        run_key=run_key,
        asset_selection=[dg.AssetKey(asset) for asset in stage.assets],
        asset_check_keys=[check for check in check_keys() if check.asset_key.to_user_string() in stage.assets],
        tags={**range_tags(stage.first, stage.last), **(tags or {})},
    )


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """The tags by which Dagster runs the days from `first` to `last` in one run, and that by which people see them."""
    return {RANGE_START_TAG: str(first), RANGE_END_TAG: str(last), **days_tag(first, last)}
