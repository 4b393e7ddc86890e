"""Log lines as JSON, one object per line on stderr, if ATTRIBUTION_LOG_FORMAT is json.

    time      the time in UTC
    level     debug, info, warning, error, critical
    message   the text
    run, job  the run and its job
    data_set  the data set, if it has a name
    asset     the asset; with it day, or first_day and last_day of the run's range
    event     Dagster's type of event
    error     the root cause of an error

Fields that are not known are left out, and control characters are written as escapes (`readable_lines`). Each event of
a run is a line; Dagster's own events have the level debug. How a line is written belongs here, not what is logged.
"""

import datetime as dt
import json
import logging
from typing import Any

import dagster as dg

from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.tables.readable import readable_lines
from attribution_assets.environment import without_secrets
from attribution_assets.instance.dagster_internals import LogMetadata, log_metadata, use_loggers_by_default
from attribution_assets.instance.data_set_names import DATA_SET_TAG, split_name
from attribution_assets.instance.run_failures import root_cause
from attribution_assets.instance.runs import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG


class JsonLines(logging.Formatter):
    """Formats a log record as a JSON line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        metadata = log_metadata(record)
        line: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": metadata["orig_message"] if metadata else record.getMessage(),
        }
        if metadata:
            line |= _of_run(metadata)
        if record.exc_info and record.exc_info[1]:
            line["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        shown = {name: readable_lines(value) if isinstance(value, str) else value for name, value in line.items()}
        known = {name: value for name, value in shown.items() if value is not None}
        return without_secrets(json.dumps(known, ensure_ascii=False))


def _of_run(metadata: LogMetadata) -> dict[str, Any]:
    event, tags = metadata["dagster_event"], metadata["job_tags"]
    error = getattr(event.event_specific_data, "error", None) if event else None
    day = (event.partition if event else None) or tags.get(PARTITION_TAG)
    data_set, asset = _data_set_and_asset(event, metadata["step_key"] or "")
    return {
        "run": metadata["run_id"],
        "job": metadata["job_name"],
        "data_set": data_set or tags.get(DATA_SET_TAG),
        "asset": asset,
        "day": day,
        "first_day": None if day else tags.get(RANGE_START_TAG),
        "last_day": None if day else tags.get(RANGE_END_TAG),
        "event": event.event_type_value if event else None,
        "error": root_cause(error) if error else None,
    }


def _data_set_and_asset(event: dg.DagsterEvent | None, step: str) -> tuple[str | None, str | None]:
    """The data set and the asset of an event, or of a step by its name, which begins with them."""
    key = event.asset_key if event else None
    if event and event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        key = event.asset_check_evaluation_data.asset_key
    if key:
        *data_set, asset = key.path
        return "/".join(data_set) or None, asset
    data_set_of_step, plain = split_name(step)
    named = (asset for asset in ASSETS if f"{plain}_".startswith(f"{asset}_"))
    return data_set_of_step or None, max(named, key=len, default=None)


@dg.logger(config_schema={"log_level": dg.Field(str, default_value="DEBUG", description="The lowest level shown")})
def json_console(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster logger that writes the lines of a run as JSON."""
    logger = logging.Logger(__name__, context.logger_config["log_level"])  # noqa: LOG001  # its own for each run
    logger.addHandler(json_handler())
    return logger


def json_handler() -> logging.Handler:
    """A handler that writes log records to stderr as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    return handler


def use_for_all_runs() -> None:
    """Make Dagster use `json_console` for each run of this process whose configuration names no logger."""

    def loggers(instance: dg.DagsterInstance | None) -> list[tuple[dg.LoggerDefinition, dict[str, object]]]:
        return [(json_console, {"log_level": (instance and instance.python_log_level) or "DEBUG"})]

    use_loggers_by_default(loggers)


def use_for_all_else() -> None:
    """Make all other loggers of this process, and warnings, write JSON lines too."""
    logging.basicConfig(handlers=[json_handler()], level=logging.WARNING)
    logging.captureWarnings(capture=True)
