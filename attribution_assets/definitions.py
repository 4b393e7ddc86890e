"""The code location: what `dg dev` and the daemon load."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from attribution_assets.data_sets import data_sets
from attribution_assets.defs.assets.unusable import unusable_data_sets
from attribution_assets.defs.automation.api_operations import api_operation, api_operations
from attribution_assets.defs.automation.failure_reports import failure_reports
from attribution_assets.defs.data_set_definitions import data_set_definitions
from attribution_assets.settings import Settings


def build_definitions(settings: Settings | None = None, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """A code location: of one data set, or all that the environment names; several can live in one process.

    Args:
        settings: The settings of the one data set; without them, those that the environment describes, and beside them
            the data sets in the folder ATTRIBUTION_DATA_SETS.
        resources: As for `data_set_definitions`.

    Raises:
        ConfigurationError: An environment variable has a value that cannot be used.
    """
    found = [data_set_definitions(settings or Settings.from_environment(), resources)]
    if settings is None:
        named = data_sets()
        found += [data_set_definitions(of_data_set) for of_data_set in named.usable.values()]
        found.append(dg.Definitions(assets=unusable_data_sets(named.unusable, named.usable)))
    of_location = dg.Definitions(jobs=[api_operation], sensors=[*failure_reports(), api_operations])
    return dg.Definitions.merge(*found, of_location)


defs = build_definitions()
