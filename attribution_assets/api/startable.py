"""Whether an operation can start, as far as that is known at once: it is refused then, and not queued."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attribution_assets.api.problems import Problem
from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.attribution.source.database import SourceSchemaError, SourceUnreachableError
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.training.stored_answers import has_stored_answers
from attribution_assets.command.report_range import days_to_report, require_mapped_types
from attribution_assets.data_sets import owns_source
from attribution_assets.ihc_service.training.calibration import FEWEST_JOURNEYS
from attribution_assets.operations.store import OperationStore
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings


def require_startable(settings: Settings, asked: Mapping[str, Any], store: OperationStore) -> None:
    """See that an operation can start.

    Args:
        settings: The data set's settings.
        asked: The operation, as it was asked for.
        store: The operations that there are.

    Raises:
        Problem: It cannot.
        RunRejectedError: The same.
        ConfigurationError: A setting cannot be used.
        SourceUnreachableError: The source cannot be reached now.
    """
    if asked["kind"] == "attribute":
        _require_days(settings, asked)
    elif asked["kind"] == "train" and not store.is_busy(settings.data_set):
        require_answers(settings, asked["conversion_type"])  # else those before it may bring some


def _require_days(settings: Settings, asked: Mapping[str, Any]) -> None:
    first, last = (_day(asked, name) for name in ("first_day", "last_day"))
    if first and last and last < first:
        detail = f"the range ends on {last}, before it starts on {first}"
        raise Problem(422, "Invalid request", detail, [{"pointer": "/last_day", "detail": detail}])
    resources = resources_of(settings)
    resources.ihc_api.check()
    try:
        days = days_to_report(resources.database.source(), resources.storage.tables(), settings.windows, first, last)
        require_mapped_types(resources, *days)
    except SourceSchemaError as error:
        raise Problem(409, "Not possible", str(error)) from None
    except SourceUnreachableError as error:
        path: Path | None = getattr(resources.database.source().place.database, "path", None)  # a server has none
        if path is None or path.exists():
            raise
        none_yet = "the data set has no rows yet: send sessions and conversions"
        detail = none_yet if owns_source(settings.data_set) else str(error)
        raise Problem(409, "Not possible", detail) from None


def require_answers(settings: Settings, conversion_type: str) -> None:
    """See that there are answers enough to train a conversion type.

    Raises:
        Problem: There are not.
    """
    resources = resources_of(settings)
    asked_with = resources.ihc_api.asked_with(conversion_type)
    if not has_stored_answers(resources.storage.tables(), asked_with, FEWEST_JOURNEYS):
        raise Problem(
            409,
            "Not possible",
            f"there are fewer than {FEWEST_JOURNEYS} answers of the IHC API for the conversion type"
            f" {quoted(conversion_type)} that could be learned from: attribute more days with it, with ihc_api_key and"
            " ihc_conv_type_id set",
        )


def _day(asked: Mapping[str, Any], name: str) -> dt.date | None:
    if asked[name] is None:
        return None
    if (day := day_written(asked[name])) is None:
        detail = f"{asked[name]} is no day of the calendar"
        raise Problem(422, "Invalid request", detail, [{"pointer": f"/{name}", "detail": detail}])
    return day
