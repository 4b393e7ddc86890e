"""The settings that shape the asset graph, its checks and schedules: read from environment variables on import.

All others, secrets among them, are read in `resources.py`; nothing else knows environment variables.
"""

import datetime as dt
import math
import os

from attribution_assets.errors import ConfigurationError

MOST_LOOKBACK_DAYS = 3650


def first_day() -> dt.date:
    """ATTRIBUTION_START_DATE: the first day of the partitions.

    Raises:
        ConfigurationError: It is not a date written YYYY-MM-DD.
    """
    text = os.environ.get("ATTRIBUTION_START_DATE") or "2023-08-01"
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"ATTRIBUTION_START_DATE is {text!r}: it takes a date written YYYY-MM-DD") from None


def lookback_days() -> int:
    """ATTRIBUTION_LOOKBACK_DAYS: the length L of the lookback window, in days.

    Raises:
        ConfigurationError: It is not a whole number from 1 to 3650.
    """
    days = whole_number("ATTRIBUTION_LOOKBACK_DAYS", 30)
    if days > MOST_LOOKBACK_DAYS:
        raise ConfigurationError(f"ATTRIBUTION_LOOKBACK_DAYS is {days}: it takes at most {MOST_LOOKBACK_DAYS}")
    return days


def max_rejected_share() -> float:
    """ATTRIBUTION_MAX_REJECTED_SHARE: the share of a day's source rows that may be set aside before the day is blocked.

    Raises:
        ConfigurationError: It is not a number from 0 to 1.
    """
    text = os.environ.get("ATTRIBUTION_MAX_REJECTED_SHARE") or "0.01"
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ConfigurationError(f"ATTRIBUTION_MAX_REJECTED_SHARE is {text!r}: it takes a number from 0 to 1")
    return share


def direct_channels() -> frozenset[str]:
    """ATTRIBUTION_DIRECT_CHANNELS: the names, casefolded, of the channels that stand for visits without any other.

    The model `last_non_direct` passes them over.
    """
    names = os.environ.get("ATTRIBUTION_DIRECT_CHANNELS") or "Direct, (direct), Direct Traffic"
    return frozenset(name.strip().casefold() for name in names.split(",") if name.strip())


def daily_hour() -> int:
    """ATTRIBUTION_DAILY_HOUR: the hour (UTC) at which the daily schedule runs.

    Raises:
        ConfigurationError: It is not a whole number from 0 to 23.
    """
    text = os.environ.get("ATTRIBUTION_DAILY_HOUR") or "5"
    if not text.isdecimal() or int(text) > 23:  # noqa: PLR2004  the hours of a day
        raise ConfigurationError(f"ATTRIBUTION_DAILY_HOUR is {text!r}: it takes a whole number from 0 to 23")
    return int(text)


def log_format() -> str:
    """ATTRIBUTION_LOG_FORMAT: text or json, how runs write their log to stderr.

    Raises:
        ConfigurationError: It is neither.
    """
    text = os.environ.get("ATTRIBUTION_LOG_FORMAT") or "text"
    if text not in ("text", "json"):
        raise ConfigurationError(f"ATTRIBUTION_LOG_FORMAT is {text!r}: it takes text or json")
    return text


def whole_number(variable: str, default: int) -> int:
    """A variable that holds a whole number from 1.

    Raises:
        ConfigurationError: It holds something else.
    """
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{variable} is {text!r}: it takes a whole number from 1")
    return int(text)
