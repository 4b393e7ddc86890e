"""Loads the shipped location, then has each sensor `restatement` look once; prints the seconds of both as JSON."""

import json
import resource
import tempfile
import time

import dagster as dg


def main() -> None:
    """Load, tick, print."""
    began = time.perf_counter()
    from attribution_assets.definitions import defs  # noqa: PLC0415  # what is measured

    repository = defs.get_repository_def()
    loaded = time.perf_counter()
    known = repository.get_top_level_resources()
    sensors = [sensor for sensor in repository.sensor_defs if sensor.name.endswith("restatement")]
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as instance:
        for sensor in sensors:
            resources = {name: known[name] for name in sensor.required_resource_keys}
            with dg.build_sensor_context(instance, repository_def=repository, resources=resources) as context:
                sensor.evaluate_tick(context)
    ticked = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"load": loaded - began, "ticks": ticked - loaded, "sensors": len(sensors), "peak_kb": peak}))


main()
