"""The code location with sensors that look every second, so that a test need not wait for them."""

from attribution_assets.definitions import defs
from attribution_assets.defs.automation.sensors import late_data, restatement

for sensor in (late_data, restatement):
    sensor._min_interval = 1  # noqa: SLF001 - Dagster has no other way to copy a sensor with another interval

__all__ = ["defs"]
