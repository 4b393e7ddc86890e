"""The database, the storage, the reports and the calendar of a data set as resources."""

import datetime as dt

from pydantic import Field
from upath import UPath

from attribution_assets.attribution.calendar.windows import JourneyEnd, Windows
from attribution_assets.attribution.files.atomic_files import names_in
from attribution_assets.attribution.files.locations import LocationError, location, require_writable_folder
from attribution_assets.attribution.files.object_store import require_bucket
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets.attribution.source.channel_names import ChannelNames, read_channel_names
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import ResultTables
from attribution_assets.resources.of_data_set import OfDataSet, as_configuration_error


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
        with as_configuration_error(self.label("channels"), self.channels):
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
        with as_configuration_error(self.label("storage"), self.root):
            last_day = dt.date.fromisoformat(self.last_day) if self.last_day else None
            return AssetStorage(self.root, engine_named(self.engine), last_day)

    def check(self) -> None:
        """See that the object store, if it is one, can be reached, and that the engine can run queries.

        Raises:
            ConfigurationError: One of them cannot, or as for `tables`.
        """
        with as_configuration_error(self.label("storage"), self.root):
            require_bucket(location(self.root))
            engine_named(self.engine).check()

    def require_writable(self) -> None:
        """See that tables can be written, leaving nothing behind; of an object store, only that it can be reached.

        Raises:
            ConfigurationError: They cannot.
        """
        with as_configuration_error(self.label("storage"), self.root):
            require_writable_folder(location(self.root))


class Reports(OfDataSet):
    """Where the CSV files go."""

    root: str = Field(description="A folder, or a URL such as s3://bucket/prefix")

    def file(self, name: str) -> UPath:
        """The path of one file.

        Raises:
            ConfigurationError: The URL names a kind of storage that is unknown or not installed.
        """
        with as_configuration_error(self.label("reports"), self.root):
            return location(self.root) / name

    def file_names(self) -> set[str]:
        """The names of the files that are there; errors as for `file`."""
        with as_configuration_error(self.label("reports"), self.root):
            return set(names_in(location(self.root)))

    def check(self) -> None:
        """See that the object store, if it is one, can be reached, or else that files can be written to the folder.

        Raises:
            ConfigurationError: It cannot, they cannot, or as for `file`.
        """
        with as_configuration_error(self.label("reports"), self.root):
            require_bucket(location(self.root))
            require_writable_folder(location(self.root))


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
