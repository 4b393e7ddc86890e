"""Every environment variable, read in one place: `Settings.from_environment`. Importing reads none.

Nothing below this module knows the environment. Which resources the settings describe is in `defs/resources.py`.
"""

import datetime as dt
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attribution_assets.attribution.calendar.windows import JourneyEnd, Windows
from attribution_assets.attribution.ihc_api.account import MOST_ANSWER_SECONDS
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.demo_campaigns import CONVERSION_TYPES as DEMO_CONVERSION_TYPES
from attribution_assets.environment import calendar_day, is_on, require_text
from attribution_assets.errors import ConfigurationError

MOST_LOOKBACK_DAYS = 3650
FIRST_DAY = dt.date(2023, 8, 1)
MOST: Mapping[str, int] = {
    "IHC_MAX_JOURNEYS_PER_REQUEST": 1_000_000,
    "IHC_MAX_SESSIONS_PER_REQUEST": 1_000_000,
    "IHC_MAX_CONCURRENT_REQUESTS": 1_000,
    "IHC_ANSWER_SECONDS": MOST_ANSWER_SECONDS,
    "ATTRIBUTION_LOOKBACK_DAYS": MOST_LOOKBACK_DAYS,
}
"""The largest whole numbers that variables take; others take a billion."""
IHC_API_URL = "https://api.ihc-attribution.com/v1/compute_ihc"

VARIABLES: Mapping[str, str] = {
    "database_url": "ATTRIBUTION_DATABASE_URL",
    "storage": "ATTRIBUTION_STORAGE",
    "engine": "ATTRIBUTION_ENGINE",
    "channels": "ATTRIBUTION_CHANNELS",
    "reports": "ATTRIBUTION_REPORTS",
    "conversion_types": "ATTRIBUTION_CONVERSION_TYPES",
    "ihc_api_url": "IHC_API_URL",
    "ihc_api_key": "IHC_API_KEY",
    "ihc_conv_type_id": "IHC_CONV_TYPE_ID",
    "ihc_max_journeys_per_request": "IHC_MAX_JOURNEYS_PER_REQUEST",
    "ihc_max_sessions_per_request": "IHC_MAX_SESSIONS_PER_REQUEST",
    "ihc_max_concurrent_requests": "IHC_MAX_CONCURRENT_REQUESTS",
    "ihc_redistribution_parameter": "IHC_REDISTRIBUTION_PARAMETER",
    "ihc_max_requests_per_run": "IHC_MAX_REQUESTS_PER_RUN",
    "ihc_answer_seconds": "IHC_ANSWER_SECONDS",
}
"""Setting of a resource -> the variable that it is read from."""

VISIT_COLUMNS = frozenset(
    ("session_id", "user_id", "event_date", "event_time", "channel_name", "date", "cost", "impressions", "clicks")
) | {"holder_engagement", "closer_engagement", "impression_interaction"}
ORDER_COLUMNS = frozenset(("conv_id", "user_id", "conv_date", "conv_time", "revenue", "refunded", "channel_name"))
"""Columns of visits and spend, and of orders, that are no dimensions."""

EMAIL_VARIABLES = (
    "ATTRIBUTION_EMAIL_TO",
    "ATTRIBUTION_EMAIL_FROM",
    "ATTRIBUTION_EMAIL_PASSWORD",
    "ATTRIBUTION_SMTP_HOST",
)


@dataclass(frozen=True)
class Settings:
    """The settings of a code location: one source, its storage, its account with the IHC API.

    Attributes:
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
        database_url: SQLAlchemy URL of the database with the source tables and the result tables.
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
        from_variables: the settings that a variable gives: what Dagster reads again when a run starts, and shows by
            the variable's name.
    """

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
    from_variables: frozenset[str] = frozenset()

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
    def from_environment(cls) -> "Settings":
        """The settings that the environment variables describe now; a variable that is not set has its default.

        Raises:
            ConfigurationError: A variable has a value that cannot be used.
        """
        require_text()
        given: dict[str, Any] = {name: os.environ[of] for name, of in VARIABLES.items() if os.environ.get(of)}
        for name in given:
            if name.startswith("ihc_max_"):
                given[name] = _whole_number(VARIABLES[name], 1)
        first_day, last_day = _first_and_last_day()
        dimensions, order_dimensions = dimensions_of(
            *((name, os.environ.get(name, "")) for name in ("ATTRIBUTION_DIMENSIONS", "ATTRIBUTION_ORDER_DIMENSIONS"))
        )
        if "ihc_answer_seconds" in given:
            given["ihc_answer_seconds"] = _whole_number(VARIABLES["ihc_answer_seconds"], 60)
        return cls(
            first_day=first_day,
            last_day=last_day,
            lookback_days=_lookback_days(),
            journey_end=_journey_end(),
            direct_channels=_direct_channels(),
            max_rejected_share=_max_rejected_share(),
            csv_guard=is_on("ATTRIBUTION_CSV_GUARD", default="on"),
            daily_hour=_daily_hour(),
            log_format=log_format(),
            ihc_allow_http=is_on("IHC_ALLOW_HTTP"),
            dimensions=dimensions,
            order_dimensions=order_dimensions,
            ihc_conversion_types=_conversion_types(),
            from_variables=frozenset(given),
            **given,
        )


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


def demo_start(end: dt.date | None) -> dt.date:
    """The first day of the demo, and of the calendar where no database is named: the first of the month before.

    As it changes but once a month, what has been stored stays right from day to day.

    Args:
        end: The last day of the calendar; None: yesterday.
    """
    after = end + dt.timedelta(days=1) if end else dt.datetime.now(dt.UTC).date()
    return (after.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def _first_and_last_day() -> tuple[dt.date, dt.date | None]:
    first, last = _date("ATTRIBUTION_START_DATE"), _date("ATTRIBUTION_END_DATE")
    if first is None:
        first = FIRST_DAY if os.environ.get(VARIABLES["database_url"]) else demo_start(last)
    if last and last < first:
        raise ConfigurationError(f"ATTRIBUTION_END_DATE is {last}: that is before the first day, {first}")
    return first, last


def _date(variable: str) -> dt.date | None:
    text = os.environ.get(variable)
    return calendar_day(variable, text) if text else None


def _lookback_days() -> int:
    return _whole_number("ATTRIBUTION_LOOKBACK_DAYS", 30)


def _journey_end() -> JourneyEnd:
    text = os.environ.get("ATTRIBUTION_JOURNEY_END") or JourneyEnd.BEFORE.value
    try:
        return JourneyEnd(text)
    except ValueError:
        raise ConfigurationError(f"ATTRIBUTION_JOURNEY_END is {quoted(text)}: it takes before or at") from None


def dimensions_of(
    of_visits: tuple[str, str | Sequence[str]], of_orders: tuple[str, str | Sequence[str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The dimensions of visits and those of orders, in lower case.

    Args:
        of_visits: What the setting is called where it was given, and the columns: a list, or a text with commas.
        of_orders: The same of orders.

    Raises:
        ConfigurationError: A name cannot be a column's, is one with a meaning of its own, or is there twice.
    """
    found: dict[str, str] = {}
    for name, given, taken in ((*of_visits, VISIT_COLUMNS), (*of_orders, ORDER_COLUMNS)):
        parts = given.split(",") if isinstance(given, str) else given
        for dimension in (part.strip().lower() if isinstance(part, str) else "" for part in parts if part != ""):
            said = f"{name} names {quoted(dimension)}"
            if not re.fullmatch(r"\w[\w .-]*", dimension):
                raise ConfigurationError(f"{said}: it takes names of columns, separated by commas")
            if dimension in taken:
                raise ConfigurationError(f"{said}, which has a meaning of its own: name other columns")
            if dimension in found:
                where = "twice" if found[dimension] == name else f"too, as {found[dimension]} does"
                raise ConfigurationError(f"{said} {where}: leave one of them")
            found[dimension] = name
    visits, orders = (
        tuple(dimension for dimension, of in found.items() if of == name) for name in (of_visits[0], of_orders[0])
    )
    return visits, orders


def _conversion_types() -> Mapping[str, str]:
    if text := os.environ.get("IHC_CONVERSION_TYPES"):
        return conversion_types_of("IHC_CONVERSION_TYPES", text)
    return {} if os.environ.get(VARIABLES["database_url"]) else DEMO_CONVERSION_TYPES


def conversion_types_of(name: str, given: object) -> Mapping[str, str]:
    """Value of `conversions.conversion_type` -> conversion type.

    Args:
        name: what the setting is called where it was given.
        given: the mapping, or JSON of it.

    Raises:
        ConfigurationError: it is neither, or one of its parts is no text, empty, or there twice.
    """
    said = f"{name} is {quoted(given if isinstance(given, str) else str(given))}"
    try:
        pairs = json.loads(given, object_pairs_hook=_Pairs) if isinstance(given, str) else given
    except ValueError as error:
        raise ConfigurationError(f"{said}: it is no JSON ({error})") from None
    pairs = list(pairs.items()) if isinstance(pairs, Mapping) else pairs
    if not isinstance(pairs, list) or (isinstance(given, str) and not isinstance(pairs, _Pairs)):
        raise ConfigurationError(said + ': it takes a JSON object such as {"new": "new_customers"}')
    types: dict[str, str] = {}
    for value, conversion_type in pairs:
        parts = [part.strip() if isinstance(part, str) else "" for part in (value, conversion_type)]
        if not all(parts):
            raise ConfigurationError(f"{said}: each value and each conversion type has to be a text that is not empty")
        if parts[0] in types:
            raise ConfigurationError(f"{said}: {quoted(parts[0])} is there twice")
        types[parts[0]] = parts[1]
    return types


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object, those that are there twice included."""


def _max_rejected_share() -> float:
    text = os.environ.get("ATTRIBUTION_MAX_REJECTED_SHARE") or "0.01"
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ConfigurationError(f"ATTRIBUTION_MAX_REJECTED_SHARE is {quoted(text)}: it takes a number from 0 to 1")
    return share


def _direct_channels() -> frozenset[str]:
    names = os.environ.get("ATTRIBUTION_DIRECT_CHANNELS") or "Direct, (direct), Direct Traffic"
    return frozenset(name.strip().casefold() for name in names.split(",") if name.strip())


def _daily_hour() -> int:
    text = os.environ.get("ATTRIBUTION_DAILY_HOUR") or "5"
    if text not in {*map(str, range(24)), *(f"{hour:02}" for hour in range(24))}:
        raise ConfigurationError(f"ATTRIBUTION_DAILY_HOUR is {quoted(text)}: it takes a whole number from 0 to 23")
    return int(text)


def _whole_number(variable: str, default: int) -> int:
    """A variable that holds a whole number from 1 to the one in `MOST`."""
    text, most = os.environ.get(variable) or str(default), MOST.get(variable, 1_000_000_000)
    number = int(text) if re.fullmatch(r"\d{1,36}", text, re.ASCII) else 0  # of more digits Python reads none
    if not 1 <= number <= most:
        raise ConfigurationError(f"{variable} is {quoted(text)}: it takes a whole number from 1 to {most}")
    return number


def _together(*variables: str) -> list[str] | None:
    """The values of variables that are set all or none."""
    values = [os.environ.get(variable, "") for variable in variables]
    if not any(values):
        return None
    if missing := [variable for variable, value in zip(variables, values, strict=True) if not value]:
        raise ConfigurationError(f"{', '.join(missing)} must be set too, as {', '.join(variables)} go together")
    return values
