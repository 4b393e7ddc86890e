"""The database, storage, reports and API account that assets ask for, made from environment variables.

A variable that is not set has the default that stands here. Those that are set are read when a run starts, and the UI
shows their names instead of their values. What shapes the asset graph is read on import, in `settings.py`; nothing else
knows environment variables.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from pydantic import Field
from upath import UPath

from attribution_assets.attribution.files.locations import LocationError, location
from attribution_assets.attribution.files.object_store import ObjectStoreError, require_bucket
from attribution_assets.attribution.ihc_api.account import IhcApi
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.sender import StandIn
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.attribution.sql.engine import EngineUnavailableError
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import ResultTables
from attribution_assets.attribution.storage.stamps import digest
from attribution_assets.attribution.tables.credit import EMBEDDED
from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import first_day, max_rejected_share, whole_number

EMAIL_VARIABLES = (
    "ATTRIBUTION_EMAIL_TO",
    "ATTRIBUTION_EMAIL_FROM",
    "ATTRIBUTION_EMAIL_PASSWORD",
    "ATTRIBUTION_SMTP_HOST",
)
IHC_API_URL = "https://api.ihc-attribution.com/v1/compute_ihc"


@dataclass(frozen=True)
class FailureReports:
    """Where failed runs are reported besides the log: by e-mail, in Slack, or neither.

    Attributes:
        email_to: addresses; none without ATTRIBUTION_EMAIL_TO.
        email_from: the sender's address, which logs in at the server.
        email_password: its secret.
        smtp_host: the server, which takes TLS from the start.
        slack_channel: the channel; None without ATTRIBUTION_SLACK_CHANNEL.
        slack_token: the bot's secret.
    """

    email_to: tuple[str, ...] = ()
    email_from: str = ""
    email_password: str = field(default="", repr=False)
    smtp_host: str = ""
    slack_channel: str | None = None
    slack_token: str = field(default="", repr=False)


def failure_report_settings() -> FailureReports:
    """The settings of failure reports.

    Raises:
        ConfigurationError: One of the settings that go together is missing.
    """
    settings: dict[str, Any] = {}
    if email := _together(*EMAIL_VARIABLES):
        to, settings["email_from"], settings["email_password"], settings["smtp_host"] = email
        settings["email_to"] = tuple(address.strip() for address in to.split(",") if address.strip())
    if slack := _together("ATTRIBUTION_SLACK_CHANNEL", "ATTRIBUTION_SLACK_TOKEN"):
        settings["slack_channel"], settings["slack_token"] = slack
    return FailureReports(**settings)


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # its type parameter is for resources that build another object
    """The database with the source tables, where the result tables go too."""

    url: str = Field(description="SQLAlchemy URL of a SQLite or PostgreSQL database")

    def source(self) -> SourceDatabase:
        """The source tables, read only."""
        return SourceDatabase(self.url, first_day())

    def results(self) -> ResultTables:
        """The result tables."""
        return ResultTables(self.url)

    def ledger(self) -> Ledger:
        """The ledger of IHC answers."""
        return Ledger(self.url)


class Storage(dg.ConfigurableResource):  # type: ignore[type-arg]  # as above
    """Where the assets' tables lie, and what runs SQL over them."""

    root: str = Field(description="A folder, or a URL such as s3://bucket/prefix")
    engine: str = Field(default="duckdb", description="What runs SQL over the tables: duckdb or spark")

    def tables(self) -> AssetStorage:
        """The stored tables.

        Raises:
            ConfigurationError: The URL names a kind of storage that is unknown or not installed, or the engine is.
        """
        with _told_of("ATTRIBUTION_STORAGE", self.root):
            return AssetStorage(self.root, engine_named(self.engine))

    def check(self) -> None:
        """See that the object store, if it is one, can be reached, and that the engine can run queries.

        Raises:
            ConfigurationError: One of them cannot, or as for `tables`.
        """
        with _told_of("ATTRIBUTION_STORAGE", self.root):
            require_bucket(location(self.root))
            engine_named(self.engine).check()


class Reports(dg.ConfigurableResource):  # type: ignore[type-arg]  # as above
    """Where the CSV files go."""

    root: str = Field(description="A folder, or a URL such as s3://bucket/prefix")

    def file(self, name: str) -> UPath:
        """The path of one file.

        Raises:
            ConfigurationError: The URL names a kind of storage that is unknown or not installed.
        """
        with _told_of("ATTRIBUTION_REPORTS", self.root):
            return location(self.root) / name

    def check(self) -> None:
        """See that the object store, if it is one, can be reached.

        Raises:
            ConfigurationError: It cannot, or as for `file`.
        """
        with _told_of("ATTRIBUTION_REPORTS", self.root):
            require_bucket(location(self.root))


class IhcApiAccount(dg.ConfigurableResource):  # type: ignore[type-arg]  # as above
    """The account with the IHC API; without a key the embedded service answers in its place."""

    url: str = Field(description="Full URL of compute_ihc")
    api_key: str | None = Field(default=None, description="The account's secret")
    conv_type_id: str = Field(description="Conversion type, trained in the vendor's dashboard")
    max_journeys_per_request: int = Field(description="Limit of the account")
    max_sessions_per_request: int = Field(description="Limit of the account")
    max_concurrent_requests: int = Field(description="Requests under way at once, per run")
    redistribution_parameter: str | None = Field(default=None, description="JSON object, sent as it is")
    max_requests_per_run: int | None = Field(default=None, description="Budget of a run, each try counted")

    @property
    def answered_by(self) -> str:
        """Who splits the orders: `embedded`, or the API's URL, without the key if that is a part of it."""
        return self.url.replace(self.api_key, "***") if self.api_key else EMBEDDED

    @property
    def settings(self) -> str:
        """One text that stands for the settings that credit depends on: other settings, other text."""
        who = self.answered_by if self.api_key else self._embedded_name()
        limit = str(self.max_sessions_per_request)
        return digest(
            {"who": who, "type": self.conv_type_id, "limit": limit, "given": self.redistribution_parameter or ""}
        )

    def check(self) -> None:
        """See that the settings can be used, without calling anybody.

        Raises:
            ConfigurationError: One of them cannot.
        """
        self._api(self.url, self.api_key or EMBEDDED)

    def client(self, ledger: Ledger) -> IhcClient:
        """A client of the API; without a key, of an embedded service that starts when it is first asked.

        Args:
            ledger: the answers that are known, and where new ones are kept.

        Raises:
            ConfigurationError: A setting cannot be used.
        """
        if self.api_key:
            return IhcClient(self._api(self.url, self.api_key), ledger)
        stand_in = StandIn(self._embedded_name(), self._embedded_service)
        return IhcClient(self._api(self.url, EMBEDDED), ledger, stand_in)

    @staticmethod
    def _embedded_name() -> str:
        from attribution_assets.ihc_service.model import version  # noqa: PLC0415  # only without a key

        return f"embedded {version()}"

    def _embedded_service(self) -> AbstractContextManager[str]:
        from attribution_assets.ihc_service.server import embedded_ihc_service  # noqa: PLC0415  # 0.5 s that only it needs

        return embedded_ihc_service(self.max_journeys_per_request, self.max_sessions_per_request)

    def _api(self, url: str, api_key: str) -> IhcApi:
        try:
            return IhcApi(
                url=url,
                api_key=api_key.strip(),
                conv_type_id=self.conv_type_id,
                max_journeys_per_request=self.max_journeys_per_request,
                max_sessions_per_request=self.max_sessions_per_request,
                max_concurrent_requests=self.max_concurrent_requests,
                redistribution_parameter=self._redistribution(),
                max_requests_per_run=self.max_requests_per_run,
            )
        except ValueError as error:
            raise ConfigurationError(f"IHC_API_URL, IHC_API_KEY or a limit cannot be used: {error}") from None

    def _redistribution(self) -> Mapping[str, Any] | None:
        if self.redistribution_parameter is None:
            return None
        try:
            parameter = json.loads(self.redistribution_parameter)
        except json.JSONDecodeError as error:
            raise ConfigurationError(f"IHC_REDISTRIBUTION_PARAMETER is not JSON: {error}") from None
        if not isinstance(parameter, dict):
            raise ConfigurationError("IHC_REDISTRIBUTION_PARAMETER is not a JSON object")
        return parameter


class _Environment:
    """Reads environment variables: as references that Dagster resolves when a run starts, or as values."""

    def __init__(self, *, references: bool) -> None:
        self._references = references

    def text(self, variable: str, default: str) -> str:
        return self.secret(variable) or default

    def secret(self, variable: str) -> str | None:
        if not os.environ.get(variable):
            return None
        return dg.EnvVar(variable) if self._references else os.environ[variable]

    def number(self, variable: str, default: int) -> int:
        value = whole_number(variable, default)
        return dg.EnvVar.int(variable) if self._references and os.environ.get(variable) else value

    def limit(self, variable: str) -> int | None:
        return self.number(variable, 1) if os.environ.get(variable) else None


@contextmanager
def _told_of(variable: str, value: str) -> Iterator[None]:
    try:
        yield
    except (LocationError, ObjectStoreError) as error:
        raise ConfigurationError(f"{variable} is {value!r}: {error}") from None
    except EngineUnavailableError as error:  # which names its own variable
        raise ConfigurationError(str(error)) from None


def _together(*variables: str) -> list[str] | None:
    """The values of variables that are set all or none."""
    values = [os.environ.get(variable, "") for variable in variables]
    if not any(values):
        return None
    if missing := [variable for variable, value in zip(variables, values, strict=True) if not value]:
        raise ConfigurationError(f"{', '.join(missing)} must be set too, as {', '.join(variables)} go together")
    return values


@dataclass(frozen=True)
class Resources:
    """The resources of the code location, by the names under which assets ask for them."""

    database: DatabaseResource
    storage: Storage
    reports: Reports
    ihc_api: IhcApiAccount


def from_environment(*, references: bool) -> Resources:
    """The resources as the environment variables describe them.

    Args:
        references: Whether they refer to the variables, for Dagster to resolve when a run starts and to show by name,
            or hold the values that the variables have now.

    Raises:
        ConfigurationError: A variable has a value that cannot be used.
    """
    environment = _Environment(references=references)
    max_rejected_share()  # else a value that cannot be used would show only when a check runs
    return Resources(
        database=DatabaseResource(url=environment.text("ATTRIBUTION_DATABASE_URL", "sqlite:///data/attribution.db")),
        storage=Storage(
            root=environment.text("ATTRIBUTION_STORAGE", "data/assets"),
            engine=environment.text("ATTRIBUTION_ENGINE", "duckdb"),
        ),
        reports=Reports(root=environment.text("ATTRIBUTION_REPORTS", "data/reports")),
        ihc_api=IhcApiAccount(
            url=environment.text("IHC_API_URL", IHC_API_URL),
            api_key=environment.secret("IHC_API_KEY"),
            conv_type_id=environment.text("IHC_CONV_TYPE_ID", "default"),
            max_journeys_per_request=environment.number("IHC_MAX_JOURNEYS_PER_REQUEST", 100),
            max_sessions_per_request=environment.number("IHC_MAX_SESSIONS_PER_REQUEST", 200),
            max_concurrent_requests=environment.number("IHC_MAX_CONCURRENT_REQUESTS", 4),
            redistribution_parameter=environment.secret("IHC_REDISTRIBUTION_PARAMETER"),
            max_requests_per_run=environment.limit("IHC_MAX_REQUESTS_PER_RUN"),
        ),
    )
