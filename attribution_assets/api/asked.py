"""What every result is asked with, and the stored results of the data set that is asked about.

What holds for all results belongs here: their parameters, the days that these name, how far the data set has come. What
each of them is stands in `results.py`, how it is sent in `answers.py`.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import takewhile
from typing import Annotated

import pandas as pd
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError

from attribution_assets.api.access import data_set_of
from attribution_assets.api.answers import FEW_ROWS, MOST_ROWS, Result, Standing, answer
from attribution_assets.api.problems import Problem
from attribution_assets.attribution.calendar.days import day_written, days_between
from attribution_assets.attribution.results.result_days import (
    final_and_provisional_days,
    last_written_at,
    results_version,
)
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.dashboard.reported_days import Reported
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.resources import Resources, resources_of
from attribution_assets.settings import Settings


@dataclass(frozen=True)
class Asked:
    """What all results are asked with.

    Attributes:
        request: the request.
        settings: the data set's.
        first: the first day; None: the first that there is.
        last: the last day; None: the last that there is.
        limit: rows of a page of JSON.
        cursor: where the page begins.
    """

    request: Request
    settings: Settings
    first: dt.date | None
    last: dt.date | None
    limit: int
    cursor: str | None


def _as_written(value: object) -> object:
    if isinstance(value, str) and day_written(value) is None:  # else seconds since 1970 would be a day too
        raise PydanticCustomError("day", "it is no day of the calendar, written YYYY-MM-DD")
    return value


AskedDay = Annotated[dt.date, BeforeValidator(_as_written)]


def asked(
    request: Request,
    settings: Annotated[Settings, Depends(data_set_of("read"))],
    first_day: Annotated[AskedDay | None, Query(description="First day; without it, the first that there is.")] = None,
    last_day: Annotated[AskedDay | None, Query(description="Last day, included.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page of JSON.")] = FEW_ROWS,
    cursor: Annotated[str | None, Query(description="`next` of the page before.", max_length=500)] = None,
) -> Asked:
    """The parameters that all results have; CSV and Parquet hold all rows, whatever the limit."""
    if first_day and last_day and last_day < first_day:
        raise invalid_parameter("last_day", f"{last_day} is before first_day, {first_day}")
    return Asked(request, settings, first_day, last_day, limit, cursor)


Question = Annotated[Asked, Depends(asked)]


def invalid_parameter(parameter: str, detail: str) -> Problem:
    """The answer to a parameter that cannot be used, and why."""
    return Problem(422, "Invalid request", detail, [{"pointer": f"/query/{parameter}", "detail": detail}])


class AskedDataSet:
    """The stored results of the data set that is asked about.

    Args:
        question: what it is asked with.

    Attributes:
        settings: its settings.
        resources: its database, storage and so on.
        storage: its stored days.
        stored: its results.
        version: a fingerprint that changes whenever a stored day does.
        reported: the days with a report; None if there are none.
    """

    def __init__(self, question: Asked) -> None:
        self._question, self.settings = question, question.settings
        self.resources: Resources = resources_of(self.settings)
        self.storage: AssetStorage = self.resources.storage.tables()
        self.storage.require(str(self.resources.database.source()))
        self.stored = _stored_results(self.settings.storage, self.settings.engine, self.settings.last_day)
        self.version = results_version(self.storage)
        self.reported: Reported | None = self.stored.reported()

    @property
    def standing(self) -> Standing:
        """How far the results have come."""
        if self.reported is None:
            return Standing()
        first, last = self.reported.first, self.reported.last
        final, _ = self.stored.ask(
            final_and_provisional_days, first, last, self.settings.lookback_days, self.settings.last_day
        )
        through = list(takewhile(set(final).__contains__, days_between(first, last)))
        return Standing(through[-1] if through else None, self.stored.ask(last_written_at))

    @property
    def days(self) -> tuple[dt.date, dt.date] | None:
        """The first and the last day that are asked for; None if nothing is reported."""
        if self.reported is None:
            return None
        first, last = self._question.first or self.reported.first, self._question.last or self.reported.last
        return (first, last) if first <= last else None

    def in_range(self, day: dt.date) -> bool:
        """Whether a day is asked for."""
        return (self._question.first or day) <= day <= (self._question.last or day)

    def stored_days(self, *names: str) -> StoredDays:
        """The days that are asked for and that all these tables have, of the first of them."""
        known = set.intersection(*(set(self.storage.stored_days(name)) for name in names))
        return self.storage.days(names[0], sorted(filter(self.in_range, known)))

    def by_day(
        self, row: type[BaseModel], table: StoredDays, form: Callable[[dt.date, pd.DataFrame], pd.DataFrame]
    ) -> Result:
        """The rows of stored days, each day a part.

        Args:
            row: describes a row.
            table: the days.
            form: makes of a day and its table the rows.
        """
        parts = [partial(lambda day: form(day, table.frame(day)), day) for day in table.files]
        return Result(row, [*row.model_fields], parts, self.version)

    def answer(self, result: Result) -> Response:
        """The result as it is sent."""
        question = self._question
        return answer(
            question.request,
            result,
            self.standing,
            limit=question.limit,
            cursor=question.cursor,
            guard=self.settings.csv_guard,
        )


@lru_cache(maxsize=64)
def _stored_results(root: str, engine: str, last_day: dt.date | None) -> StoredResults:
    return StoredResults(AssetStorage(root, engine_named(engine), last_day), last_day)
