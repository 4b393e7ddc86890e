"""Every environment variable, read in one place: `Settings.from_environment`. Importing reads none.

Nothing below this module knows the environment. Which resources the settings describe is in `defs/resources.py`.
"""

import datetime as dt
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.ihc_api.account import MOST_ANSWER_SECONDS
from attribution_assets.errors import ConfigurationError

MOST_LOOKBACK_DAYS = 3650
IHC_API_URL = "https://api.ihc-attribution.com/v1/compute_ihc"

VARIABLES: Mapping[str, str] = {
    "database_url": "ATTRIBUTION_DATABASE_URL",
    "storage": "ATTRIBUTION_STORAGE",
    "engine": "ATTRIBUTION_ENGINE",
    "reports": "ATTRIBUTION_REPORTS",
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
        lookback_days: length L of the lookback window.
        direct_channels: names, casefolded, of the channels that stand for visits without any other; the model
            `last_non_direct` passes them over.
        max_rejected_share: share of a day's source rows that may be set aside before the day is blocked, 0 to 1.
        daily_hour: hour (UTC) at which the daily schedule runs.
        log_format: `text` or `json`, how runs write their log to stderr.
        database_url: SQLAlchemy URL of the database with the source tables and the result tables.
        storage: folder or URL of the assets' tables.
        engine: what runs SQL over them, `duckdb` or `spark`.
        reports: folder or URL of the CSV files.
        ihc_api_url: full URL of compute_ihc.
        ihc_api_key: the account's secret; without one the embedded service answers.
        ihc_conv_type_id: the account's conversion type.
        ihc_max_journeys_per_request: limit of the account.
        ihc_max_sessions_per_request: limit of the account.
        ihc_max_concurrent_requests: requests under way at once, per run.
        ihc_redistribution_parameter: JSON object, sent as it is.
        ihc_max_requests_per_run: budget of a run, each try counted.
        ihc_answer_seconds: how long one exchange with the API may take in all.
        from_variables: the settings that a variable gives: what Dagster reads again when a run starts, and shows by
            the variable's name.
    """

    first_day: dt.date = dt.date(2023, 8, 1)
    lookback_days: int = 30
    direct_channels: frozenset[str] = frozenset({"direct", "(direct)", "direct traffic"})
    max_rejected_share: float = 0.01
    daily_hour: int = 5
    log_format: str = "text"
    database_url: str = "sqlite:///data/attribution.db"
    storage: str = "data/assets"
    engine: str = "duckdb"
    reports: str = "data/reports"
    ihc_api_url: str = IHC_API_URL
    ihc_api_key: str | None = field(default=None, repr=False)
    ihc_conv_type_id: str = "default"
    ihc_max_journeys_per_request: int = 100
    ihc_max_sessions_per_request: int = 200
    ihc_max_concurrent_requests: int = 4
    ihc_redistribution_parameter: str | None = None
    ihc_max_requests_per_run: int | None = None
    ihc_answer_seconds: int = 60
    from_variables: frozenset[str] = frozenset()

    @property
    def windows(self) -> Windows:
        """How the days are tied together."""
        return Windows(self.first_day, self.lookback_days, self.direct_channels)

    @classmethod
    def from_environment(cls) -> "Settings":
        """The settings that the environment variables describe now; a variable that is not set has its default.

        Raises:
            ConfigurationError: A variable has a value that cannot be used.
        """
        given: dict[str, Any] = {name: os.environ[of] for name, of in VARIABLES.items() if os.environ.get(of)}
        for name in given:
            if name.startswith("ihc_max_"):
                given[name] = _whole_number(VARIABLES[name], 1)
        if "ihc_answer_seconds" in given:
            given["ihc_answer_seconds"] = _ihc_answer_seconds()
        return cls(
            first_day=_first_day(),
            lookback_days=_lookback_days(),
            direct_channels=_direct_channels(),
            max_rejected_share=_max_rejected_share(),
            daily_hour=_daily_hour(),
            log_format=log_format(),
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
    """

    email_to: tuple[str, ...] = ()
    email_from: str = ""
    email_password: str = field(default="", repr=False)
    smtp_host: str = ""
    slack_channel: str | None = None
    slack_token: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> "FailureReports":
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
        return cls(**settings)


def log_format() -> str:
    """ATTRIBUTION_LOG_FORMAT: text or json, how runs write their log to stderr. The command needs it before all else.

    Raises:
        ConfigurationError: It is neither.
    """
    text = os.environ.get("ATTRIBUTION_LOG_FORMAT") or "text"
    if text not in ("text", "json"):
        raise ConfigurationError(f"ATTRIBUTION_LOG_FORMAT is {text!r}: it takes text or json")
    return text


def _first_day() -> dt.date:
    text = os.environ.get("ATTRIBUTION_START_DATE") or "2023-08-01"
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"ATTRIBUTION_START_DATE is {text!r}: it takes a date written YYYY-MM-DD") from None


def _lookback_days() -> int:
    days = _whole_number("ATTRIBUTION_LOOKBACK_DAYS", 30)
    if days > MOST_LOOKBACK_DAYS:
        raise ConfigurationError(f"ATTRIBUTION_LOOKBACK_DAYS is {days}: it takes at most {MOST_LOOKBACK_DAYS}")
    return days


def _ihc_answer_seconds() -> int:
    seconds = _whole_number("IHC_ANSWER_SECONDS", 60)
    if seconds > MOST_ANSWER_SECONDS:
        raise ConfigurationError(f"IHC_ANSWER_SECONDS is {seconds}: it takes at most {MOST_ANSWER_SECONDS}")
    return seconds


def _max_rejected_share() -> float:
    text = os.environ.get("ATTRIBUTION_MAX_REJECTED_SHARE") or "0.01"
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ConfigurationError(f"ATTRIBUTION_MAX_REJECTED_SHARE is {text!r}: it takes a number from 0 to 1")
    return share


def _direct_channels() -> frozenset[str]:
    names = os.environ.get("ATTRIBUTION_DIRECT_CHANNELS") or "Direct, (direct), Direct Traffic"
    return frozenset(name.strip().casefold() for name in names.split(",") if name.strip())


def _daily_hour() -> int:
    text = os.environ.get("ATTRIBUTION_DAILY_HOUR") or "5"
    if not text.isdecimal() or int(text) > 23:  # noqa: PLR2004  the hours of a day
        raise ConfigurationError(f"ATTRIBUTION_DAILY_HOUR is {text!r}: it takes a whole number from 0 to 23")
    return int(text)


def _whole_number(variable: str, default: int) -> int:
    """A variable that holds a whole number from 1."""
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{variable} is {text!r}: it takes a whole number from 1")
    return int(text)


def _together(*variables: str) -> list[str] | None:
    """The values of variables that are set all or none."""
    values = [os.environ.get(variable, "") for variable in variables]
    if not any(values):
        return None
    if missing := [variable for variable, value in zip(variables, values, strict=True) if not value]:
        raise ConfigurationError(f"{', '.join(missing)} must be set too, as {', '.join(variables)} go together")
    return values
