"""The Dagster component `attribution_assets.DataSet`: a data set in the `defs` folder of any Dagster project."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
import yaml

from attribution_assets.data_set_attributes import data_set, lines_of
from attribution_assets.defs.data_set_definitions import data_set_definitions
from attribution_assets.settings import ATTRIBUTES

FILE = "defs.yaml"
"""Where Dagster looks for the attributes of a component."""


class NamedValue(dg.Model, dg.Resolvable):
    """A value that an environment variable or a file holds, as secrets do: `{env: NAME}` or `{file: PATH}`."""

    env: Annotated[str | None, dg.Resolver.default(description="Name of the variable")] = None
    file: Annotated[str | None, dg.Resolver.default(description="Path of the file")] = None

    @property
    def named(self) -> dict[str, str]:
        """What it names, as in YAML."""
        return {kind: name for kind, name in (("env", self.env), ("file", self.file)) if name is not None}


class DataSet(dg.Component, dg.Model, dg.Resolvable):
    """One shop, market or brand: what each of its marketing channels cost and earned, with IHC attribution.

    It brings assets with keys `[name, asset]`, their checks, jobs, schedules and sensors. What is not given is as the
    environment variables have it. Each attribute may name a variable or a file in place of a value, as in
    `{env: NAME}` or `{file: PATH}`; secrets have to.
    """

    name: Annotated[str | None, dg.Resolver.default(description="Its name; without one, that of its folder")] = None
    database_url: Annotated[
        str | NamedValue | None,
        dg.Resolver.default(
            description="SQLAlchemy URL of a SQLite or PostgreSQL database: source tables, result tables, kept answers"
        ),
    ] = None
    source_url: Annotated[
        str | NamedValue | None,
        dg.Resolver.default(
            description="Where the source tables are, if not in database_url: SQLite, PostgreSQL, duckdb:// or files://"
        ),
    ] = None
    storage: Annotated[
        str | NamedValue | None, dg.Resolver.default(description="Folder or URL of the assets' tables")
    ] = None
    reports: Annotated[str | NamedValue | None, dg.Resolver.default(description="Folder or URL of the CSV files")] = (
        None
    )
    engine: Annotated[
        str | NamedValue | None, dg.Resolver.default(description="What runs SQL over the tables: duckdb or spark")
    ] = None
    start_date: Annotated[str | NamedValue | None, dg.Resolver.default(description="First day, YYYY-MM-DD")] = None
    end_date: Annotated[
        str | NamedValue | None,
        dg.Resolver.default(description="Last day, YYYY-MM-DD, for data that has ended; without: yesterday"),
    ] = None
    lookback_days: Annotated[
        int | NamedValue | None, dg.Resolver.default(description="Length of the lookback window")
    ] = None
    max_rejected_share: Annotated[
        float | NamedValue | None,
        dg.Resolver.default(
            description="Share of a day's source rows that may be set aside before the day is held up, 0 to 1"
        ),
    ] = None
    direct_channels: Annotated[
        list[str] | str | NamedValue | None,
        dg.Resolver.default(description="Channels that the model last_non_direct passes over"),
    ] = None
    channels: Annotated[
        str | NamedValue | None,
        dg.Resolver.default(description="CSV file of channel names and the channel that each is reported as"),
    ] = None
    journey_end: Annotated[
        str | NamedValue | None,
        dg.Resolver.default(description="before, or at: a session in the order's own second is in its journey"),
    ] = None
    dimensions: Annotated[
        list[str] | str | NamedValue | None,
        dg.Resolver.default(description="Columns of session_sources and ad_spend to break the report down by"),
    ] = None
    order_dimensions: Annotated[
        list[str] | str | NamedValue | None,
        dg.Resolver.default(description="Columns of conversions to break credit down by"),
    ] = None
    ihc_api_url: Annotated[str | NamedValue | None, dg.Resolver.default(description="Full URL of compute_ihc")] = None
    ihc_api_key: Annotated[
        str | NamedValue | None,
        dg.Resolver.default(description="The account's key, as {env: NAME}; without one the embedded service answers"),
    ] = None
    ihc_conv_type_id: Annotated[
        str | NamedValue | None, dg.Resolver.default(description="The account's conversion type")
    ] = None
    ihc_conversion_types: Annotated[
        dict[str, str] | str | NamedValue | None,
        dg.Resolver.default(
            description="Value of conversions.conversion_type, and the account's conversion type of such orders"
        ),
    ] = None
    ihc_max_journeys_per_request: Annotated[
        int | NamedValue | None, dg.Resolver.default(description="Limit of the account")
    ] = None
    ihc_max_sessions_per_request: Annotated[
        int | NamedValue | None, dg.Resolver.default(description="Limit of the account")
    ] = None
    ihc_max_concurrent_requests: Annotated[
        int | NamedValue | None, dg.Resolver.default(description="Requests under way at once, per run")
    ] = None
    ihc_max_requests_per_run: Annotated[
        int | NamedValue | None, dg.Resolver.default(description="Budget of a run, each try counted")
    ] = None
    ihc_redistribution_parameter: Annotated[
        dict[str, Any] | str | NamedValue | None, dg.Resolver.default(description="Sent to the API as it is")
    ] = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Assets, checks, jobs, schedules, sensors and resources of the data set.

        Raises:
            ConfigurationError: An attribute cannot be used; it names file and line.
        """
        given = {name: getattr(self, name) for name in ATTRIBUTES if getattr(self, name) is not None}
        values = {name: value.named if isinstance(value, NamedValue) else value for name, value in given.items()}
        lines, file = _lines(context.path / FILE), context.path / FILE

        def label(attribute: str) -> str:
            return f"{file}, line {lines[attribute]}: {attribute}" if attribute in lines else f"{file}: {attribute}"

        return data_set_definitions(data_set(self.name or context.path.name, values, label))


def _lines(file: Path) -> Mapping[str, int]:
    """The line of each attribute in a component's file; none if it has no file."""
    if not file.is_file():
        return {}
    root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    parts = root.value if isinstance(root, yaml.MappingNode) else []
    attributes = next((value for key, value in parts if key.value == "attributes"), None)
    return lines_of(attributes) if isinstance(attributes, yaml.MappingNode) else {}
