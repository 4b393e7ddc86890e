"""Every environment variable, read in one place: `Settings.from_environment`. Importing reads none.

Nothing below this module knows the environment. Which resources the settings describe is in `resources/`.
"""

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from attribution_assets.attribution.calendar.windows import JourneyEnd, Windows
from attribution_assets.attribution.ihc_api.account import MOST_ANSWER_SECONDS
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.demo_campaigns import CONVERSION_TYPES as DEMO_CONVERSION_TYPES
from attribution_assets.environment import is_on, require_text
from attribution_assets.errors import ConfigurationError
from attribution_assets.setting_texts import Given

MOST_LOOKBACK_DAYS = 3650
MOST_NUMBER = 1_000_000_000
FIRST_DAY = dt.date(2023, 8, 1)
DATA_SETS = "data/data_sets"
IHC_API_URL = "https://api.ihc-attribution.com/v1/compute_ihc"

ATTRIBUTES: Mapping[str, str] = {
    "database_url": "ATTRIBUTION_DATABASE_URL",
    "source_url": "ATTRIBUTION_SOURCE_URL",
    "storage": "ATTRIBUTION_STORAGE",
    "reports": "ATTRIBUTION_REPORTS",
    "engine": "ATTRIBUTION_ENGINE",
    "start_date": "ATTRIBUTION_START_DATE",
    "end_date": "ATTRIBUTION_END_DATE",
    "lookback_days": "ATTRIBUTION_LOOKBACK_DAYS",
    "max_rejected_share": "ATTRIBUTION_MAX_REJECTED_SHARE",
    "direct_channels": "ATTRIBUTION_DIRECT_CHANNELS",
    "channels": "ATTRIBUTION_CHANNELS",
    "journey_end": "ATTRIBUTION_JOURNEY_END",
    "dimensions": "ATTRIBUTION_DIMENSIONS",
    "order_dimensions": "ATTRIBUTION_ORDER_DIMENSIONS",
    "ihc_api_url": "IHC_API_URL",
    "ihc_api_key": "IHC_API_KEY",
    "ihc_conv_type_id": "IHC_CONV_TYPE_ID",
    "ihc_conversion_types": "IHC_CONVERSION_TYPES",
    "ihc_max_journeys_per_request": "IHC_MAX_JOURNEYS_PER_REQUEST",
    "ihc_max_sessions_per_request": "IHC_MAX_SESSIONS_PER_REQUEST",
    "ihc_max_concurrent_requests": "IHC_MAX_CONCURRENT_REQUESTS",
    "ihc_max_requests_per_run": "IHC_MAX_REQUESTS_PER_RUN",
    "ihc_redistribution_parameter": "IHC_REDISTRIBUTION_PARAMETER",
}
"""Setting of a data set -> the variable that gives it for the data set of the environment."""

VARIABLES: Mapping[str, str] = {
    **{
        name: variable
        for name, variable in ATTRIBUTES.items()
        if name in {"database_url", "source_url", "storage", "reports", "engine", "channels"}
        or (name.startswith("ihc_") and name != "ihc_conversion_types")
    },
    "conversion_types": "ATTRIBUTION_CONVERSION_TYPES",
    "ihc_answer_seconds": "IHC_ANSWER_SECONDS",
}
"""Setting of a resource -> its variable: Dagster reads it again when a run starts, and shows the variable's name."""

_FIELDS = {"start_date": "first_day", "end_date": "last_day"}
"""Attributes that are fields of `Settings` under another name."""

_READ_BESIDES = {"filed", "row_hash", "id_rows", "cost_rows", "cost_digest"}
VISIT_COLUMNS = (
    frozenset(("session_id", "user_id", "event_date", "event_time", "session_time", "channel_name", "date", "cost"))
    | {"impressions", "clicks", "holder_engagement", "closer_engagement", "impression_interaction"}
    | _READ_BESIDES
)
ORDER_COLUMNS = (
    frozenset(("conv_id", "user_id", "conv_date", "conv_time", "conversion_time", "revenue", "refunded"))
    | {"channel_name"}
    | _READ_BESIDES
)
"""Columns of visits and spend, and of orders, in the source or stored, that are no dimensions."""

_READ: Mapping[str, Callable[[Given], Any]] = {
    "start_date": Given.day,
    "end_date": Given.day,
    "lookback_days": lambda given: given.whole_number(MOST_LOOKBACK_DAYS),
    "max_rejected_share": Given.share,
    "direct_channels": Given.names,
    "journey_end": Given.journey_end,
    "dimensions": lambda given: given.columns(VISIT_COLUMNS),
    "order_dimensions": lambda given: given.columns(ORDER_COLUMNS),
    "ihc_conversion_types": Given.conversion_types,
    "ihc_max_journeys_per_request": lambda given: given.whole_number(1_000_000),
    "ihc_max_sessions_per_request": lambda given: given.whole_number(1_000_000),
    "ihc_max_concurrent_requests": lambda given: given.whole_number(1_000),
    "ihc_max_requests_per_run": lambda given: given.whole_number(MOST_NUMBER),
    "ihc_answer_seconds": lambda given: given.whole_number(MOST_ANSWER_SECONDS),
}
"""Setting -> how its text is read; the others are texts."""

EMAIL_VARIABLES = (
    "ATTRIBUTION_EMAIL_TO",
    "ATTRIBUTION_EMAIL_FROM",
    "ATTRIBUTION_EMAIL_PASSWORD",
    "ATTRIBUTION_SMTP_HOST",
)


@dataclass(frozen=True)
class Settings:
    """The settings of a data set: one source, its storage, its account with the IHC API.

    Attributes:
        data_set: its name; empty for the data set that the environment describes.
        first_day: first day of the partitions.
        last_day: last day of the partitions, for data that has ended; None: yesterday.
        lookback_days: length L of the lookback window.
        journey_end: where the lookback window ends.
        direct_channels: names, casefolded, of the channels that stand for visits without any other; the model
            `last_non_direct` passes them over.
        max_rejected_share: share of a day's source rows that may be set aside before the day is blocked, 0 to 1.
        csv_guard: whether names in CSV files are guarded against being taken for formulas.
        daily_hour: hour (UTC) at which the daily schedule runs.
        log_format: `text` or `json`, how runs write their log to stderr.
        database_url: SQLAlchemy URL of the database with the result tables, and the source tables if `source_url` is
            None.
        source_url: URL of the source tables, which are only read: a database or a folder of files.
        storage: folder or URL of the assets' tables.
        engine: what runs SQL over them, `duckdb` or `spark`.
        reports: folder or URL of the CSV files.
        conversion_types: folder or URL of trained parameters, a file per conversion type.
        channels: CSV file of channel names and the channel that each is reported as; read when a run starts.
        ihc_api_url: full URL of compute_ihc.
        ihc_api_key: the account's secret; without one the embedded service answers.
        ihc_conv_type_id: the account's conversion type.
        ihc_max_journeys_per_request: limit of the account.
        ihc_max_sessions_per_request: limit of the account.
        ihc_max_concurrent_requests: requests under way at once, per run.
        ihc_redistribution_parameter: JSON object, sent as it is.
        ihc_max_requests_per_run: budget of a run, each try counted.
        ihc_allow_http: whether the key may go to another host over http://, in clear.
        ihc_answer_seconds: how long one exchange with the API may take in all.
        dimensions: columns of `session_sources` and `ad_spend` by which the report is broken down.
        order_dimensions: columns of `conversions` by which credit is broken down.
        ihc_conversion_types: value of `conversions.conversion_type` -> the account's conversion type.
        variables: setting of a resource -> the variable that gives it: what Dagster reads again when a run starts, and
            shows by the variable's name.
        own_account: whether the API is asked with another key than the environment's.
        missing: what is wrong with variables that are named and not set; empty if nothing is.
    """

    data_set: str = ""
    first_day: dt.date = FIRST_DAY
    lookback_days: int = 30
    journey_end: JourneyEnd = JourneyEnd.BEFORE
    direct_channels: frozenset[str] = frozenset({"direct", "(direct)", "direct traffic"})
    max_rejected_share: float = 0.01
    csv_guard: bool = True
    daily_hour: int = 5
    log_format: str = "text"
    last_day: dt.date | None = None
    database_url: str = "sqlite:///data/attribution.db"
    source_url: str | None = None
    storage: str = "data/assets"
    engine: str = "duckdb"
    reports: str = "data/reports"
    conversion_types: str = "data/conversion_types"
    channels: str | None = None
    ihc_api_url: str = IHC_API_URL
    ihc_api_key: str | None = field(default=None, repr=False)
    ihc_conv_type_id: str = "default"
    ihc_max_journeys_per_request: int = 100
    ihc_max_sessions_per_request: int = 200
    ihc_max_concurrent_requests: int = 4
    ihc_redistribution_parameter: str | None = None
    ihc_max_requests_per_run: int | None = None
    ihc_allow_http: bool = False
    ihc_answer_seconds: int = 60
    dimensions: tuple[str, ...] = ()
    order_dimensions: tuple[str, ...] = ()
    ihc_conversion_types: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    own_account: bool = False
    missing: str = ""

    @property
    def windows(self) -> Windows:
        """How the days are tied together."""
        return Windows(
            self.first_day,
            self.lookback_days,
            self.direct_channels,
            self.ihc_max_sessions_per_request,
            self.journey_end,
            self.last_day,
            self.csv_guard,
            self.dimensions,
            self.order_dimensions,
        )

    @classmethod
    def from_environment(cls, *, own_data: bool = False) -> "Settings":
        """The settings that the environment variables describe now; a variable that is not set has its default.

        Args:
            own_data: Whether they are for data of another place, whose calendar is not the demo's.

        Raises:
            ConfigurationError: A variable has a value that cannot be used.
        """
        require_text()
        given = {
            name: Given(variable, os.environ[variable], variable)
            for name, variable in {**ATTRIBUTES, **VARIABLES}.items()
            if os.environ.get(variable)
        }
        settings = cls(
            csv_guard=is_on("ATTRIBUTION_CSV_GUARD", default="on"),
            daily_hour=Given("ATTRIBUTION_DAILY_HOUR", os.environ.get("ATTRIBUTION_DAILY_HOUR") or "5").hour(),
            log_format=log_format(),
            ihc_allow_http=is_on("IHC_ALLOW_HTTP"),
        )
        if not own_data and not {"database_url", "source_url"} & given.keys():  # the demo's
            last_day = given["end_date"].day() if "end_date" in given else None
            settings = replace(settings, first_day=demo_start(last_day), ihc_conversion_types=DEMO_CONVERSION_TYPES)
        return settings.with_given(given)

    def with_given(self, given: Mapping[str, Given]) -> "Settings":
        """These settings with those that are given in place of their own.

        Args:
            given: Setting (a name of `ATTRIBUTES` or `VARIABLES`) -> its text.

        Raises:
            ConfigurationError: One of them cannot be used, or the last day is before the first.
        """
        fields: dict[str, Any] = {
            _FIELDS.get(name, name): _READ[name](text) if name in _READ else text.text for name, text in given.items()
        }
        kept = {name: variable for name, variable in self.variables.items() if name not in given}
        variables = {name: text.variable for name, text in given.items() if text.variable and name in VARIABLES}
        settings = replace(self, variables={**kept, **variables}, **fields)
        if both := [name for name in settings.order_dimensions if name in settings.dimensions]:
            label = given["order_dimensions" if "order_dimensions" in given else "dimensions"].label
            raise ConfigurationError(
                f"{label} names {quoted(both[0])}, which is a dimension of visits and of orders then: leave one of them"
            )
        if settings.last_day and settings.last_day < settings.first_day:
            if "end_date" in given:
                problem = f"is {settings.last_day}: that is before the first day, {settings.first_day}"
                raise ConfigurationError(f"{given['end_date'].label} {problem}")
            problem = f"is {settings.first_day}: that is after the last day, {settings.last_day}"
            raise ConfigurationError(
                f"{given['start_date'].label if 'start_date' in given else 'the first day'} {problem}"
            )
        return settings


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
        webserver_url: address of Dagster's UI, for links to runs; None if it is not known.
    """

    email_to: tuple[str, ...] = ()
    email_from: str = ""
    email_password: str = field(default="", repr=False)
    smtp_host: str = ""
    slack_channel: str | None = None
    slack_token: str = field(default="", repr=False)
    webserver_url: str | None = None

    @classmethod
    def from_environment(cls) -> "FailureReports":
        """The settings of failure reports.

        Raises:
            ConfigurationError: One of the settings that go together is missing.
        """
        settings: dict[str, Any] = {"webserver_url": webserver_url()}
        if email := _together(*EMAIL_VARIABLES):
            to, settings["email_from"], settings["email_password"], settings["smtp_host"] = email
            settings["email_to"] = tuple(address.strip() for address in to.split(",") if address.strip())
        if slack := _together("ATTRIBUTION_SLACK_CHANNEL", "ATTRIBUTION_SLACK_TOKEN"):
            settings["slack_channel"], settings["slack_token"] = slack
        return cls(**settings)


def log_format() -> str:
    """ATTRIBUTION_LOG_FORMAT: text or json, how runs write their log to stderr. The command needs it before all else.

    Raises:
        ConfigurationError: It is neither.
    """
    text = os.environ.get("ATTRIBUTION_LOG_FORMAT") or "text"
    if text not in ("text", "json"):
        raise ConfigurationError(f"ATTRIBUTION_LOG_FORMAT is {quoted(text)}: it takes text or json")
    return text


def webserver_url() -> str | None:
    """ATTRIBUTION_WEBSERVER_URL: address of Dagster's UI, for links to runs; None if it is not set.

    Raises:
        ConfigurationError: It is no address of a web server.
    """
    text = os.environ.get("ATTRIBUTION_WEBSERVER_URL")
    if text and not text.startswith(("http://", "https://")):
        raise ConfigurationError("ATTRIBUTION_WEBSERVER_URL has to begin with http:// or https://")
    return text or None


def currency() -> str:
    """ATTRIBUTION_CURRENCY: ISO code of the amounts' currency, which the page shows beside them; empty if not set.

    Raises:
        ConfigurationError: It is not three letters.
    """
    text = os.environ.get("ATTRIBUTION_CURRENCY") or ""
    if text and not re.fullmatch("[A-Z]{3}", text):
        raise ConfigurationError(f"ATTRIBUTION_CURRENCY is {quoted(text)}: it takes an ISO code such as EUR")
    return text


def data_sets_folder() -> str | None:
    """ATTRIBUTION_DATA_SETS: the folder with a YAML file for each data set; without it DATA_SETS, if it is there."""
    return os.environ.get("ATTRIBUTION_DATA_SETS") or (DATA_SETS if Path(DATA_SETS).is_dir() else None)


def api_home() -> Path:
    """ATTRIBUTION_API_HOME: where the HTTP API keeps keys, operations and its audit log."""
    return Path(os.environ.get("ATTRIBUTION_API_HOME") or "data/api")


def webhook_networks() -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """ATTRIBUTION_WEBHOOK_NETWORKS: the networks, besides public addresses, that webhooks may be delivered into.

    Raises:
        ConfigurationError: One of them is none.
    """
    text = os.environ.get("ATTRIBUTION_WEBHOOK_NETWORKS") or ""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigurationError(
            f"ATTRIBUTION_WEBHOOK_NETWORKS is {quoted(text)}: it takes networks such as 10.1.0.0/16, separated by"
            f" commas ({error})"
        ) from None


def demo_start(end: dt.date | None) -> dt.date:
    """The first day of the demo, and of the calendar where no source is named: the first of the month before.

    As it changes but once a month, what has been stored stays right from day to day.

    Args:
        end: The last day of the calendar; None: yesterday.
    """
    after = end + dt.timedelta(days=1) if end else dt.datetime.now(dt.UTC).date()
    return (after.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def _together(*variables: str) -> list[str] | None:
    """The values of variables that are set all or none."""
    values = [os.environ.get(variable, "") for variable in variables]
    if not any(values):
        return None
    if missing := [variable for variable, value in zip(variables, values, strict=True) if not value]:
        raise ConfigurationError(f"{', '.join(missing)} must be set too, as {', '.join(variables)} go together")
    return values
