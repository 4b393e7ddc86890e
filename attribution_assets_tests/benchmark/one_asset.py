"""Materializes one asset over a range of days through Dagster; prints the seconds of its step and of its checks.

usage: one_asset.py ASSET FIRST LAST
"""

import datetime as dt
import json
import sys

import dagster as dg

from attribution_assets.definitions import build_definitions
from attribution_assets.defs.automation.jobs import range_tags
from attribution_assets.instance.opening import dagster_instance
from attribution_assets.instance.runs import ATTRIBUTION_JOB


def main(asset: str, first: str, last: str) -> None:
    """Run the job for one asset alone."""
    job = build_definitions().resolve_job_def(ATTRIBUTION_JOB)
    with dagster_instance() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(asset)],
            tags=range_tags(dt.date.fromisoformat(first), dt.date.fromisoformat(last)),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        steps = instance.get_run_step_stats(result.run_id)
    seconds = {step.step_key: (step.end_time or 0) - (step.start_time or 0) for step in steps}
    print(json.dumps({"step_seconds": seconds.pop(asset), "check_seconds": sum(seconds.values())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
