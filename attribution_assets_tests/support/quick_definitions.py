"""The code location with sensors that look every second, so that a test need not wait for them."""

import dagster as dg

from attribution_assets.definitions import defs

for sensor in defs.sensors or ():
    if isinstance(sensor, dg.SensorDefinition) and sensor.name.endswith(("late_data", "restatement")):
        sensor._min_interval = 1  # noqa: SLF001 - Dagster has no other way to copy a sensor with another interval

__all__ = ["defs"]
