"""The resources that assets, checks and sensors ask for: database, storage, reports, API account, calendar.

What an environment variable gives is read when a run starts, and the UI shows the variable's name instead of its value.
What the resources do is in `resources/`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from attribution_assets import resources
from attribution_assets.settings import VARIABLES, Settings


class DatabaseResource(resources.DatabaseResource, dg.ConfigurableResource):  # type: ignore[type-arg]  # its type parameter is for resources that build another object
    """The database that the result tables go to, and the source tables, if they are not elsewhere."""


class Storage(resources.Storage, dg.ConfigurableResource):  # type: ignore[type-arg]  # as above
    """Where the assets' tables lie, and what runs SQL over them."""


class Reports(resources.Reports, dg.ConfigurableResource):  # type: ignore[type-arg]  # as above
    """Where the CSV files go."""


class IhcApiAccount(resources.IhcApiAccount, dg.ConfigurableResource):  # type: ignore[type-arg]  # as above
    """The account with the IHC API; without a key the embedded service answers in its place."""


class ReportingRules(resources.ReportingRules, dg.ConfigurableResource):  # type: ignore[type-arg]  # as above
    """What shapes the days besides their rows: the calendar, the lookback window, and what counts as direct."""


def dagster_resources(settings: Settings) -> Mapping[str, dg.ConfigurableResource]:  # type: ignore[type-arg]  # as above
    """The resources that the settings describe, by the names under which assets ask for them.

    Those that come from an environment variable refer to it, for Dagster to resolve when a run starts and to show by
    name.
    """
    given: dict[str, Any] = {name: getattr(settings, name) for name in VARIABLES}
    for name, variable in settings.variables.items():
        given[name] = dg.EnvVar.int(variable) if isinstance(given[name], int) else dg.EnvVar(variable)
    fields = resources.fields_of(settings, given)
    return {
        "database": DatabaseResource(**fields["database"]),
        "storage": Storage(**fields["storage"]),
        "reports": Reports(**fields["reports"]),
        "ihc_api": IhcApiAccount(**fields["ihc_api"]),
        "rules": ReportingRules(**fields["rules"]),
    }
