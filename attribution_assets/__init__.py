"""What each marketing channel cost and earned, as a Dagster code location.

    command                           what a person types
    dashboard                         the page for marketing
    monitoring, definitions           figures of the pipeline; the code location, and the component of a data set
    defs                              partitions, resources, assets, checks, schedules and sensors
    resources                         a data set's database, storage, reports, account, calendar; they know no Dagster
    instance, charts, demo            Dagster's instance, every chart, the demo database
    attribution                       the work: source, journeys, IHC API, reports, staleness; knows no Dagster
    ihc_service                       the embedded IHC service

Each floor imports only from those below it. `settings.py` reads every environment variable. ARCHITECTURE.md says more.
Others may import what `__all__` names; everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from attribution_assets.settings import Settings

if TYPE_CHECKING:
    from attribution_assets.data_set_component import DataSet
    from attribution_assets.definitions import build_definitions

__all__ = ["DataSet", "Settings", "build_definitions"]

_WITH_DAGSTER = {"DataSet": "data_set_component", "build_definitions": "definitions"}
"""Name -> its module, which brings Dagster along and so takes seconds: loaded when it is asked for."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  # the protocol of modules
    if name not in _WITH_DAGSTER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_DAGSTER[name]}"), name)


def __dir__() -> list[str]:
    """Dagster's `dg` finds the component here."""
    return sorted({*globals(), *__all__})
