"""The resources of a data set: database, storage, reports, API account, calendar. They know no Dagster.

They are made from a `Settings` object. As what Dagster hands to assets, checks and sensors they are in
`defs/resources.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attribution_assets.errors import ConfigurationError
from attribution_assets.resources.account import IhcApiAccount
from attribution_assets.resources.places import DatabaseResource, ReportingRules, Reports, Storage
from attribution_assets.settings import VARIABLES, Settings

__all__ = [
    "DatabaseResource",
    "IhcApiAccount",
    "ReportingRules",
    "Reports",
    "Resources",
    "Storage",
    "fields_of",
    "resources_of",
]


@dataclass(frozen=True)
class Resources:
    """The resources of a data set, by the names under which assets ask for them."""

    database: DatabaseResource
    storage: Storage
    reports: Reports
    ihc_api: IhcApiAccount
    rules: ReportingRules


def resources_of(settings: Settings) -> Resources:
    """The resources that the settings describe.

    Raises:
        ConfigurationError: A variable that the data set names is not set.
    """
    if settings.missing:
        raise ConfigurationError(settings.missing)
    fields = fields_of(settings, {name: getattr(settings, name) for name in VARIABLES})
    return Resources(
        DatabaseResource(**fields["database"]),
        Storage(**fields["storage"]),
        Reports(**fields["reports"]),
        IhcApiAccount(**fields["ihc_api"]),
        ReportingRules(**fields["rules"]),
    )


def fields_of(settings: Settings, given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of each resource.

    Args:
        settings: The settings.
        given: Each setting that has a variable: its value, or what stands for it.
    """
    of_all = {"data_set": settings.data_set}
    first_day = settings.first_day.isoformat()
    last_day = settings.last_day.isoformat() if settings.last_day else None
    dimensions = {name: list(getattr(settings, name)) for name in ("dimensions", "order_dimensions")}
    of_account = {name.removeprefix("ihc_"): value for name, value in given.items() if name in _OF_THE_ACCOUNT}
    return {
        "database": of_all
        | dimensions
        | {
            "url": given["database_url"],
            "source_url": given["source_url"],
            "first_day": first_day,
            "channels": given["channels"],
            "last_day": last_day,
        },
        "storage": of_all | {"root": given["storage"], "engine": given["engine"], "last_day": last_day},
        "reports": of_all | {"root": given["reports"]},
        "ihc_api": of_all
        | of_account
        | {
            "url": given["ihc_api_url"],
            "api_key": given["ihc_api_key"],
            "allow_http": settings.ihc_allow_http,
            "conversion_types": given["conversion_types"],
            "types_of_orders": dict(settings.ihc_conversion_types),
        },
        "rules": of_all
        | dimensions
        | {
            "first_day": first_day,
            "lookback_days": settings.lookback_days,
            "most_sessions": given["ihc_max_sessions_per_request"],
            "journey_end": settings.journey_end.value,
            "direct_channels": sorted(settings.direct_channels),
            "max_rejected_share": settings.max_rejected_share,
            "last_day": last_day,
            "csv_guard": settings.csv_guard,
        },
    }


_OF_THE_ACCOUNT = {name for name in VARIABLES if name.startswith("ihc_")} - {"ihc_api_url", "ihc_api_key"}
