"""The resources that assets, checks and sensors ask for: database, storage, reports, API account, windows.

They are made from a `Settings` object. What an environment variable gives is read when a run starts, and the UI shows
the variable's name instead of its value.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field
from upath import UPath

from attribution_assets.attribution.calendar.windows import JourneyEnd, Windows
from attribution_assets.attribution.files.atomic_files import names_in
from attribution_assets.attribution.files.locations import LocationError, location, require_writable_folder
from attribution_assets.attribution.files.object_store import ObjectStoreError, require_bucket
from attribution_assets.attribution.ihc_api.account import GIVE_UP_AFTER_SECONDS, IhcApi, is_on_loopback
from attribution_assets.attribution.ihc_api.client import IhcClient
from attribution_assets.attribution.ihc_api.order_types import AskedWith, OrderTypes
from attribution_assets.attribution.ihc_api.redistribution import redistribution_parameter
from attribution_assets.attribution.ihc_api.sender import StandIn
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets.attribution.masking import masked
from attribution_assets.attribution.source.channel_names import ChannelNames, ChannelNamesError, read_channel_names
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.attribution.sql.engine import EngineUnavailableError
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import ResultTables
from attribution_assets.attribution.storage.stamps import digest
from attribution_assets.attribution.tables.credit import EMBEDDED
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.training.answered_days import TypesInUse
from attribution_assets.attribution.training.conversion_types import ConversionTypes, ConversionTypesError
from attribution_assets.environment import require_certificates, require_proxy_for, without_secrets
from attribution_assets.errors import ConfigurationError
from attribution_assets.ihc_service.model import ModelParameters, version
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import ATTRIBUTES, VARIABLES, Settings

_THE_ACCOUNTS = "the account's"


class OfDataSet(dg.ConfigurableResource):  # type: ignore[type-arg]  # its type parameter is for resources that build another object
    """What all resources have: they are of one data set."""

    data_set: str = Field(default="", description="The data set; empty for that of the environment")

    @property
    def names(self) -> DataSetNames:
        """What the things of the data set are called in Dagster."""
        return DataSetNames(self.data_set)

    def label(self, attribute: str) -> str:
        """What people call a setting of the data set: its variable, or the data set's attribute."""
        return f"{attribute} of the data set {self.data_set}" if self.data_set else ATTRIBUTES[attribute]


class DatabaseResource(OfDataSet):
    """The database that the result tables go to, and the source tables, if they are not elsewhere."""

    url: str = Field(description="SQLAlchemy URL of a SQLite or PostgreSQL database")
    source_url: str | None = Field(default=None, description="URL of the source tables, if they are elsewhere")
    first_day: str = Field(description="First day of the calendar, YYYY-MM-DD: rows of days before it are not read")
    channels: str | None = Field(default=None, description="CSV file of channel names and the channel of each")
    last_day: str | None = Field(default=None, description="Last day of the calendar, YYYY-MM-DD; without: yesterday")
    dimensions: list[str] = Field(default=[], description="Columns of visits and spend to break the report down by")
    order_dimensions: list[str] = Field(default=[], description="Columns of orders to break credit down by")

    def source(self) -> SourceDatabase:
        """The source tables, read only, with the mapping of channel names as the file has it now.

        Raises:
            ConfigurationError: The file of channel names cannot be read or used.
        """
        last_day = dt.date.fromisoformat(self.last_day) if self.last_day else None
        return SourceDatabase(
            self.source_url or self.url,
            dt.date.fromisoformat(self.first_day),
            self._channel_names(),
            last_day,
            self.label("source_url" if self.source_url else "database_url"),
            dimensions=tuple(self.dimensions),
            order_dimensions=tuple(self.order_dimensions),
        )

    def _channel_names(self) -> ChannelNames | None:
        if not self.channels:
            return None
        with _as_configuration_error(self.label("channels"), self.channels):
            try:
                return read_channel_names(location(self.channels))
            except OSError as error:
                raise LocationError(f"it cannot be read ({error.strerror or error}): name a CSV file") from None

    def results(self) -> ResultTables:
        """The result tables."""
        return ResultTables(self.url, self.names.of(""), makes_file=bool(self.source_url))

    def ledger(self) -> Ledger:
        """The ledger of IHC answers."""
        return Ledger(self.url, self.names.of(""), makes_file=bool(self.source_url))


class Storage(OfDataSet):
    """Where the assets' tables lie, and what runs SQL over them."""

    root: str = Field(description="A folder, or a URL such as s3://bucket/prefix")
    engine: str = Field(default="duckdb", description="What runs SQL over the tables: duckdb or spark")
    last_day: str | None = Field(default=None, description="Last day of the calendar, YYYY-MM-DD; without: yesterday")

    def tables(self) -> AssetStorage:
        """The stored tables.

        Raises:
            ConfigurationError: The URL names a kind of storage that is unknown or not installed, or the engine is.
        """
        with _as_configuration_error(self.label("storage"), self.root):
            last_day = dt.date.fromisoformat(self.last_day) if self.last_day else None
            return AssetStorage(self.root, engine_named(self.engine), last_day)

    def check(self) -> None:
        """See that the object store, if it is one, can be reached, and that the engine can run queries.

        Raises:
            ConfigurationError: One of them cannot, or as for `tables`.
        """
        with _as_configuration_error(self.label("storage"), self.root):
            require_bucket(location(self.root))
            engine_named(self.engine).check()

    def require_writable(self) -> None:
        """See that tables can be written, leaving nothing behind; of an object store, only that it can be reached.

        Raises:
            ConfigurationError: They cannot.
        """
        with _as_configuration_error(self.label("storage"), self.root):
            require_writable_folder(location(self.root))


class Reports(OfDataSet):
    """Where the CSV files go."""

    root: str = Field(description="A folder, or a URL such as s3://bucket/prefix")

    def file(self, name: str) -> UPath:
        """The path of one file.

        Raises:
            ConfigurationError: The URL names a kind of storage that is unknown or not installed.
        """
        with _as_configuration_error(self.label("reports"), self.root):
            return location(self.root) / name

    def file_names(self) -> set[str]:
        """The names of the files that are there; errors as for `file`."""
        with _as_configuration_error(self.label("reports"), self.root):
            return set(names_in(location(self.root)))

    def check(self) -> None:
        """See that the object store, if it is one, can be reached, or else that files can be written to the folder.

        Raises:
            ConfigurationError: It cannot, they cannot, or as for `file`.
        """
        with _as_configuration_error(self.label("reports"), self.root):
            require_bucket(location(self.root))
            require_writable_folder(location(self.root))


class IhcApiAccount(OfDataSet):
    """The account with the IHC API; without a key the embedded service answers in its place."""

    url: str = Field(description="Full URL of compute_ihc")
    api_key: str | None = Field(default=None, description="The account's secret")
    conv_type_id: str = Field(description="Conversion type, trained in the vendor's dashboard")
    max_journeys_per_request: int = Field(description="Limit of the account")
    max_sessions_per_request: int = Field(description="Limit of the account")
    max_concurrent_requests: int = Field(description="Requests under way at once, per run")
    redistribution_parameter: str | None = Field(default=None, description="JSON object, sent as it is")
    types_of_orders: dict[str, str] = Field(
        default={}, description="Value of conversions.conversion_type and the conversion type that it stands for"
    )
    max_requests_per_run: int | None = Field(default=None, description="Budget of a run, each try counted")
    allow_http: bool = Field(default=False, description="Whether the key may go to another host over http://, in clear")
    answer_seconds: int = Field(default=60, description="How long one exchange with the API may take in all")
    conversion_types: str = Field(
        default="data/conversion_types",
        description="Folder or URL of trained parameters, a file for each type",
    )

    @property
    def answered_by(self) -> str:
        """Who splits the orders: `embedded`, or the API's URL, without the key if that is a part of it."""
        return masked(self.url, [self.api_key]) if self.api_key else EMBEDDED

    @property
    def settings(self) -> str:
        """One text that stands for the settings that credit depends on: other settings, other text."""
        return self.settings_with(self.conv_type_id, self.redistribution_parameter)

    @property
    def order_types(self) -> OrderTypes:
        """Which conversion type splits which order."""
        return OrderTypes(self.conv_type_id, self.types_of_orders)

    def settings_of(self, values: Sequence[str], redistribution_parameter: str | None = _THE_ACCOUNTS) -> str:
        """`settings` of orders with these conversion types, as the source calls them (`Stamp.conversion_types`).

        Args:
            values: what the source calls them; none for the account's.
            redistribution_parameter: as it would be with this one; without it, the account's.
        """
        given = self.redistribution_parameter if redistribution_parameter == _THE_ACCOUNTS else redistribution_parameter
        unmapped = self.order_types.unmapped(values)
        used = {self.order_types.of(value) for value in values or [""] if value not in unmapped}
        of_types = {name: self.settings_with(name, given) for name in used} | dict.fromkeys(unmapped, "not mapped")
        return next(iter(of_types.values())) if len(of_types) == 1 else digest(of_types)

    def require_mapped(self, values: Iterable[str], where: str = "") -> None:
        """See that all conversion types of orders, as the source calls them, are mapped.

        Args:
            values: what the source calls them.
            where: which order has the first of those that are not, in words.

        Raises:
            ConfigurationError: One is not.
        """
        if unmapped := self.order_types.unmapped(values):
            mapped = {**self.order_types.mapped, unmapped[0]: self.conv_type_id}
            raise ConfigurationError(
                f"conversions.conversion_type is {quoted(unmapped[0])}{where}, which IHC_CONVERSION_TYPES does not"
                " map to a conversion type of the account: add it, as in"
                f" IHC_CONVERSION_TYPES='{json.dumps(mapped, ensure_ascii=False)}'"
            )

    def asked_with(self, conv_type_id: str) -> AskedWith:
        """What the answers of a conversion type were asked with that can teach it."""
        of_day = partial(self.settings_of, redistribution_parameter=None)
        return AskedWith(conv_type_id, self.settings_with(conv_type_id), of_day, self.order_types)

    def settings_with(self, conv_type_id: str, redistribution_parameter: str | None = None) -> str:
        """`settings`, as they would be with this conversion type and redistribution parameter."""
        who = self.answered_by
        if not self.api_key and (parameters := self.known_types().get(conv_type_id)):
            who = _embedded_name(parameters)
        return digest({"who": who, "type": conv_type_id, "given": redistribution_parameter or ""})

    def trained(self) -> ConversionTypes:
        """The trained conversion types, with those that come with the package.

        Raises:
            ConfigurationError: The URL names a kind of storage that is unknown or not installed.
        """
        with _as_configuration_error("ATTRIBUTION_CONVERSION_TYPES", self.conversion_types):
            return ConversionTypes(self.conversion_types)

    def known_types(self) -> Mapping[str, ModelParameters]:
        """The parameters of each conversion type that the embedded service can answer.

        Raises:
            ConfigurationError: A file of them cannot be read, or as for `trained`.
        """
        trained = self.trained()
        with _as_configuration_error("ATTRIBUTION_CONVERSION_TYPES", self.conversion_types):
            return trained.parameters()

    def types_in_use(self) -> TypesInUse:
        """The conversion types that orders can have, as far as they are trained.

        Raises:
            ConversionTypesError: A file of them cannot be read.
            ConfigurationError: As for `trained`.
        """
        types, found = self.trained(), self.order_types
        trained = {name: known for name in found.in_use if (known := types.read(name))}
        return TypesInUse(found, trained, partial(self.settings_of, redistribution_parameter=None))

    def check(self) -> None:
        """See that the settings can be used, without calling anybody.

        Raises:
            ConfigurationError: One of them cannot.
        """
        require_certificates()
        self._api(self.url, self.api_key or EMBEDDED)
        if not self.api_key:
            self._parameters()

    def client(self, ledger: Ledger) -> IhcClient:
        """A client of the API; without a key, of an embedded service that starts when it is first asked.

        Args:
            ledger: the answers that are known, and where new ones are kept.

        Raises:
            ConfigurationError: A setting cannot be used.
        """
        require_certificates()
        if self.api_key:
            return IhcClient(self._api(self.url, self.api_key), ledger)
        parameters = self._parameters()
        names = {name: _embedded_name(known) for name, known in parameters.items()}
        stand_in = StandIn(names[self.conv_type_id], partial(self._embedded_service, parameters), names)
        return IhcClient(self._api(self.url, EMBEDDED), ledger, stand_in)

    def _parameters(self) -> Mapping[str, ModelParameters]:
        """What the embedded service answers with, by conversion type."""
        known, types = self.known_types(), self.order_types
        for name in types.in_use:
            if name not in known:
                of_account = name == self.conv_type_id
                setting = self.label("ihc_conv_type_id" if of_account else "ihc_conversion_types")
                raise ConfigurationError(
                    f"{setting} {'is' if of_account else 'names'} {quoted(name)}, and without IHC_API_KEY the embedded"
                    f" service answers, which knows only {', '.join(map(quoted, sorted(known)))}: train it with"
                    " `attribution-assets train`, or set IHC_API_KEY"
                )
        return {name: known[name] for name in types.in_use}

    def _embedded_service(self, types: Mapping[str, ModelParameters]) -> AbstractContextManager[str]:
        from attribution_assets.ihc_service.server import embedded_ihc_service  # noqa: PLC0415  # 0.5 s that only it needs

        return embedded_ihc_service(self.max_journeys_per_request, self.max_sessions_per_request, types)

    def _api(self, url: str, api_key: str) -> IhcApi:
        try:
            api = IhcApi(
                url=url,
                api_key=api_key.strip(),
                conv_type_id=self.conv_type_id,
                max_journeys_per_request=self.max_journeys_per_request,
                max_sessions_per_request=self.max_sessions_per_request,
                max_concurrent_requests=self.max_concurrent_requests,
                redistribution_parameter=self.redistribution(),
                max_requests_per_run=self.max_requests_per_run,
                answer_seconds=self.answer_seconds,
                give_up_after_seconds=max(GIVE_UP_AFTER_SECONDS, 5 * self.answer_seconds),
            )
        except ValueError as error:
            raise ConfigurationError(f"IHC_API_URL, IHC_API_KEY or a limit cannot be used: {error}") from None
        if self.api_key and not is_on_loopback(url):
            address = urlsplit(url)
            if address.scheme == "http" and not self.allow_http:
                raise ConfigurationError(
                    f"IHC_API_URL begins with http://, so that IHC_API_KEY would go to {address.hostname} in clear:"
                    " write https://, or set IHC_ALLOW_HTTP=on if nobody can listen on the way"
                )
            require_proxy_for(url)
        return api

    def redistribution(self) -> Mapping[str, Any] | None:
        """The redistribution parameter, if there is one.

        Raises:
            ConfigurationError: It cannot be used.
        """
        if self.redistribution_parameter is None:
            return None
        try:
            return redistribution_parameter(self.redistribution_parameter)
        except ValueError as error:
            raise ConfigurationError(f"{self.label('ihc_redistribution_parameter')} {error}") from None


def _embedded_name(parameters: ModelParameters) -> str:
    return f"{EMBEDDED} {version(parameters)}"


@contextmanager
def _as_configuration_error(variable: str, value: str) -> Iterator[None]:
    try:
        yield
    except (LocationError, ObjectStoreError, ChannelNamesError, ConversionTypesError) as error:
        raise ConfigurationError(without_secrets(f"{variable} is {value!r}: {error}")) from None
    except EngineUnavailableError as error:  # which names its own variable
        raise ConfigurationError(str(error)) from None


class ReportingRules(OfDataSet):
    """What shapes the days besides their rows: the calendar, the lookback window, and what counts as direct."""

    first_day: str = Field(description="First day of the calendar, YYYY-MM-DD")
    lookback_days: int = Field(description="Length L of the lookback window")
    most_sessions: int = Field(default=200, description="How many sessions a journey may have: what a request holds")
    journey_end: str = Field(default="before", description="at: sessions of the order's own second are in its journey")
    direct_channels: list[str] = Field(description="Channels that the model last_non_direct passes over, casefolded")
    max_rejected_share: float = Field(description="Share of a day's source rows that may be set aside, 0 to 1")
    last_day: str | None = Field(default=None, description="Last day of the calendar, YYYY-MM-DD; without: yesterday")
    csv_guard: bool = Field(default=True, description="Whether names in CSV files are guarded against being formulas")
    dimensions: list[str] = Field(default=[], description="Columns of visits and spend to break the report down by")
    order_dimensions: list[str] = Field(default=[], description="Columns of orders to break credit down by")

    @property
    def windows(self) -> Windows:
        """How the days are tied together."""
        return Windows(
            dt.date.fromisoformat(self.first_day),
            self.lookback_days,
            frozenset(self.direct_channels),
            self.most_sessions,
            JourneyEnd(self.journey_end),
            dt.date.fromisoformat(self.last_day) if self.last_day else None,
            csv_guard=self.csv_guard,
            dimensions=tuple(self.dimensions),
            order_dimensions=tuple(self.order_dimensions),
        )


@dataclass(frozen=True)
class Resources:
    """The resources of the code location, by the names under which assets ask for them."""

    database: DatabaseResource
    storage: Storage
    reports: Reports
    ihc_api: IhcApiAccount
    rules: ReportingRules


def resources_of(settings: Settings, *, references: bool) -> Resources:
    """The resources that the settings describe.

    Args:
        settings: The settings.
        references: Whether those that come from an environment variable refer to it, for Dagster to resolve when a run
            starts and to show by name, or hold their values.

    Raises:
        ConfigurationError: Values are asked for, and a variable that the data set names is not set.
    """
    if settings.missing and not references:
        raise ConfigurationError(settings.missing)
    data_set = settings.data_set
    given: dict[str, Any] = {name: getattr(settings, name) for name in VARIABLES}
    if references:
        for name, variable in settings.variables.items():
            given[name] = dg.EnvVar.int(variable) if isinstance(given[name], int) else dg.EnvVar(variable)
    first_day = settings.first_day.isoformat()
    last_day = settings.last_day.isoformat() if settings.last_day else None
    dimensions: Any = {name: list(getattr(settings, name)) for name in ("dimensions", "order_dimensions")}
    return Resources(
        database=DatabaseResource(
            data_set=data_set,
            url=given["database_url"],
            source_url=given["source_url"],
            first_day=first_day,
            channels=given["channels"],
            last_day=last_day,
            **dimensions,
        ),
        storage=Storage(data_set=data_set, root=given["storage"], engine=given["engine"], last_day=last_day),
        reports=Reports(data_set=data_set, root=given["reports"]),
        ihc_api=IhcApiAccount(
            data_set=data_set,
            url=given["ihc_api_url"],
            api_key=given["ihc_api_key"],
            allow_http=settings.ihc_allow_http,
            conversion_types=given["conversion_types"],
            types_of_orders=dict(settings.ihc_conversion_types),
            **{name.removeprefix("ihc_"): value for name, value in given.items() if name in _OF_THE_ACCOUNT},
        ),
        rules=ReportingRules(
            data_set=data_set,
            first_day=first_day,
            lookback_days=settings.lookback_days,
            most_sessions=given["ihc_max_sessions_per_request"],
            journey_end=settings.journey_end.value,
            direct_channels=sorted(settings.direct_channels),
            max_rejected_share=settings.max_rejected_share,
            last_day=last_day,
            csv_guard=settings.csv_guard,
            **dimensions,
        ),
    )


_OF_THE_ACCOUNT = {name for name in VARIABLES if name.startswith("ihc_")} - {"ihc_api_url", "ihc_api_key"}
