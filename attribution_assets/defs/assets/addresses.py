"""Where an asset's tables and its code are, as Dagster's metadata, and the kinds that follow from the settings.

Nothing is opened or connected to, and no user, password or key is shown. What a day holds is in `metadata`.
"""

import inspect
import warnings
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any

import dagster as dg

from attribution_assets.attribution.database.database import Database, DatabaseError, DatabaseUrlError
from attribution_assets.attribution.files.locations import address
from attribution_assets.attribution.source.places import place_of
from attribution_assets.attribution.storage.published_tables import PUBLISHED_AS
from attribution_assets.defs.assets.metadata import Metadata
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings

DATABASE, SOURCE, ENGINE = "database", "source", "engine"
"""Stand, among an asset's kinds, for the database, the source and the engine of the settings."""


def kinds(given: Iterable[str], settings: Settings) -> set[str]:
    """The kinds as Dagster shows them: at most three, with `DATABASE` and `ENGINE` resolved."""
    resolved = {
        DATABASE: _scheme(database_address(settings)),
        SOURCE: _scheme(source_address(settings)),
        ENGINE: settings.engine,
    }
    return {kind for kind in (resolved.get(kind, kind) for kind in given) if kind}


def database_address(settings: Settings) -> str:
    """The database's URL without user, password and options; empty if the setting is none, which a run will say."""
    try:
        return Database(settings.database_url).address
    except DatabaseUrlError:
        return ""


def source_address(settings: Settings) -> str:
    """The URL of the source tables, likewise."""
    if not settings.source_url:
        return database_address(settings)
    try:
        return place_of(settings.source_url, "", DatabaseError).database.address
    except DatabaseUrlError:
        return ""


def delivered(asset: str, given: Container[str], settings: Settings) -> Metadata:
    """Where an asset's days are stored, or its CSV files, and which tables of the database they are published in."""
    uri = address(settings.reports) if "csv" in given else address(settings.storage, asset)
    return _present({"dagster/uri": uri}) | _published(asset, settings)


def source_table(table: str, settings: Settings) -> Metadata:
    """Which table of the source database it is."""
    return {"dagster/table_name": table} | _present({"dagster/uri": source_address(settings)})


def code_of(function: Callable[..., Any]) -> Metadata:
    """The file and the line in which a function is defined: below its decorators, wherever the package is installed."""
    lines, first = inspect.getsourcelines(function)
    line = first + next((number for number, text in enumerate(lines) if text.startswith("def ")), 0)
    with warnings.catch_warnings():
        # Dagster calls them beta. `with_source_code_references`, which is too, points at the decorators.
        beta = "Class `(LocalFileCodeReference|CodeReferencesMetadataValue)`"
        warnings.filterwarnings("ignore", beta, dg.BetaWarning)
        file = Path(inspect.getfile(function)).absolute()
        reference = dg.LocalFileCodeReference(file_path=str(file), line_number=line, label=function.__name__)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


def _published(asset: str, settings: Settings) -> Metadata:
    if asset not in PUBLISHED_AS:
        return {}
    where = database_address(settings)
    own, *others = map(DataSetNames(settings.data_set).of, PUBLISHED_AS[asset])
    return {
        "dagster/table_name": own,
        "published_in": f"{', '.join([own, *others])} of {where}",
    } | _present({"dagster/storage_kind": _scheme(where)})


def _scheme(url: str) -> str:
    return url.partition(":")[0]


def _present(metadata: dict[str, str]) -> Metadata:
    return {name: value for name, value in metadata.items() if value}
