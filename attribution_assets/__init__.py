"""What each marketing channel cost and earned, as a Dagster code location.

    command                           what a person types
    dashboard                         the page for marketing
    monitoring, definitions           figures of the pipeline; the code location that Dagster loads
    defs                              partitions, resources, assets, checks, schedules and sensors
    instance, charts, demo            Dagster's instance, every chart, the demo database
    attribution                       the work: source, journeys, IHC API, reports, staleness; knows no Dagster
    ihc_service                       the embedded IHC service

Each floor imports only from those below it. `settings.py` reads every environment variable. ARCHITECTURE.md says more.
Others may import what `__all__` names; everything else may change.
"""

from typing import TYPE_CHECKING, Any

from attribution_assets.settings import Settings

if TYPE_CHECKING:
    from attribution_assets.definitions import build_definitions

__all__ = ["Settings", "build_definitions"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # the protocol of modules
    """`build_definitions`, loaded when it is asked for: it brings Dagster along, which takes seconds."""
    if name != "build_definitions":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from attribution_assets.definitions import build_definitions  # noqa: PLC0415  # as above

    return build_definitions
