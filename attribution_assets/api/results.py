"""Results out: `GET /v1/data-sets/{name}/...`. Each is read from where page and command read it; nothing computes here.

How results are sent is in `answers.py`.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import takewhile
from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError

from attribution_assets.api.access import data_set_of
from attribution_assets.api.answers import FEW_ROWS, MOST_ROWS, Result, ResultPage, Standing, answer
from attribution_assets.api.problems import Problem, refusal, shown
from attribution_assets.api.result_rows import (
    AssetStatus,
    KeptAnswers,
    MarkovRow,
    ModelRow,
    PathRow,
    ReportRow,
    RoleRow,
    SetAsideRow,
    Touchpoint,
    TrainedConversionType,
    UnattributedOrder,
)
from attribution_assets.api.source_store import has_database, has_source_tables
from attribution_assets.api.uploads import CSV, JSON, PARQUET
from attribution_assets.attribution.calendar.days import day_written, days_between
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS, assets_in_use
from attribution_assets.attribution.reporting.ratios import with_ratios
from attribution_assets.attribution.reporting.report_file import with_readable_paths
from attribution_assets.attribution.results.breakdowns import breakdown_by_day
from attribution_assets.attribution.results.channel_results import (
    MODELS,
    DateBasis,
    final_and_provisional_days,
    last_written_at,
    results_by_day,
    results_version,
    summed,
)
from attribution_assets.attribution.results.order_results import UNATTRIBUTED, markov_over
from attribution_assets.attribution.sql.engines import engine_named
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.command.current_status import current_status
from attribution_assets.dashboard.choices import Reported
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
        raise _invalid("last_day", f"{last_day} is before first_day, {first_day}")
    return Asked(request, settings, first_day, last_day, limit, cursor)


Question = Annotated[Asked, Depends(asked)]


def _invalid(parameter: str, detail: str) -> Problem:
    return Problem(422, "Invalid request", detail, [{"pointer": f"/query/{parameter}", "detail": detail}])


class _DataSet:
    """The stored results of the data set that is asked about."""

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


def report(
    question: Question,
    group: Annotated[
        Literal["channel", "day", "channel,day"], Query(description="By what the figures are summed.")
    ] = "channel,day",
    dimension: Annotated[str | None, Query(description="Break the report down by this dimension.")] = None,
    model: Annotated[str, Query(description="The attribution model.", json_schema_extra={"enum": [*MODELS]})] = MODELS[
        0
    ],
    date_basis: Annotated[
        Literal["touch", "conversion"],
        Query(description="Whether credit counts on the day of the visit or on that of the order."),
    ] = "touch",
) -> Response:
    """What each channel cost and earned: the figures of `channel_reporting`, by date, then channel."""
    if model not in MODELS:
        raise _invalid("model", f"there is no model {quoted(model)}: take one of {', '.join(MODELS)}")
    data_set = _DataSet(question)
    known = (*data_set.settings.dimensions, *data_set.settings.order_dimensions)
    if dimension is not None and dimension not in known:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise _invalid("dimension", f"the data set has no dimension {quoted(dimension)}: {there}")
    if dimension is not None and (model, date_basis) != (MODELS[0], "touch"):
        raise _invalid("dimension", f"a dimension is broken down by the model {MODELS[0]} and the touch date alone")
    by = [{"channel": "channel_name", "day": "date"}[name] for name in group.split(",")]
    broken_down = ["dimension", "value"] if dimension else []
    columns = [*by, *broken_down, "cost", "ihc", "ihc_revenue", "cpo", "roas"]
    parts: list[Callable[[], pd.DataFrame]] = []
    if days := data_set.days:
        basis = DateBasis.TOUCH if date_basis == "touch" else DateBasis.CONVERSION
        lookback = data_set.settings.lookback_days

        def figures() -> pd.DataFrame:
            if dimension:
                found = data_set.stored.ask(breakdown_by_day, *days, dimension)
            else:
                found = data_set.stored.ask(results_by_day, *days, lookback_days=lookback, model=model, basis=basis)
            found = found if len(by) > 1 else summed(found, *by, *broken_down)
            named = found.rename(columns={"orders": "ihc", "revenue": "ihc_revenue"})
            return with_ratios(named).rename(columns={"CPO": "cpo", "ROAS": "roas"})

        parts.append(figures)
    return data_set.answer(Result(ReportRow, columns, parts, data_set.version))


def journeys(
    question: Question,
    conversion_id: Annotated[str | None, Query(description="Only the journey of this order.")] = None,
) -> Response:
    """The touchpoints of the orders of the days, in the order of their journeys, with their credit."""
    data_set = _DataSet(question)

    def touchpoints(_: dt.date, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if conversion_id is None else frame[frame["conv_id"] == conversion_id]

    return data_set.answer(data_set.by_day(Touchpoint, data_set.stored_days("ihc_attributions"), touchpoints))


def unattributed_orders(question: Question) -> Response:
    """The orders of the days that got no credit, with the reason."""
    data_set = _DataSet(question)
    return data_set.answer(data_set.by_day(UnattributedOrder, data_set.stored_days(UNATTRIBUTED), _with_details))


def rejected_rows(question: Question) -> Response:
    """The source rows of the days that runs have set aside, with the reason."""
    data_set = _DataSet(question)
    parts: list[Any] = []
    for asset in SOURCE_ASSETS:
        table = data_set.stored_days(f"rejected_{asset}")
        named = partial(lambda asset, day, frame: frame.assign(table=asset, date=str(day)), asset)
        parts += data_set.by_day(SetAsideRow, table, named).parts
    return data_set.answer(Result(SetAsideRow, [*SetAsideRow.model_fields], parts, data_set.version))


def compared_models(question: Question) -> Response:
    """The credit of each channel by all models: `model_comparison.csv` of the command `compare`."""
    return _comparison(question, ModelRow, "model_comparison", _as_it_is)


def compared_paths(question: Question) -> Response:
    """Orders by the sequence of channels: `conversion_paths.csv` of the command `compare`."""
    return _comparison(question, PathRow, "conversion_paths", lambda _, frame: with_readable_paths(frame))


def compared_roles(question: Question) -> Response:
    """The orders that each channel took part in: `channel_roles.csv` of the command `compare`."""
    return _comparison(question, RoleRow, "channel_roles", _as_it_is)


def compared_markov(question: Question) -> Response:
    """The credit by a Markov chain of all paths of the days: `markov_comparison.csv` of the command `compare`."""
    data_set = _DataSet(question)
    days = [*_compared_days(data_set, "model_comparison").files]
    parts = [lambda: data_set.stored.ask(markov_over, days[0], days[-1])] if days else []
    return data_set.answer(Result(MarkovRow, [*MarkovRow.model_fields], parts, data_set.version))


def status(question: Question) -> Response:
    """The days of each asset that are missing, changed in the source, stale, blocked or provisional."""
    data_set = _DataSet(question)

    def shown(days: Sequence[dt.date] | set[dt.date] | frozenset[dt.date]) -> list[str]:
        return [str(day) for day in sorted(days) if data_set.in_range(day)]

    empty: set[dt.date] = set()
    found = current_status(data_set.resources)[0] if has_source_tables(question.settings) else None
    rows = [
        {
            "asset": asset,
            "missing": shown(set(found.missing[asset]) if found else empty),
            "changed": shown(set(found.changed.get(asset, ())) if found else empty),
            "stale": shown(set(found.stale.days.get(asset, ())) if found else empty),
            "blocked": shown(set(found.stale.blocked.get(asset, ())) if found else empty),
            "provisional": shown(found.provisional if found and asset == "channel_reporting" else empty),
        }
        for asset in assets_in_use(question.settings.windows)
    ]
    return data_set.answer(Result.of(AssetStatus, pd.DataFrame(rows)))


def answers(question: Question) -> Response:
    """The paid answers of the API that are kept, by conversion type and month of the answers."""
    data_set = _DataSet(question)
    kept = data_set.resources.database.ledger().summary() if has_database(question.settings) else []
    first, last = (str(day or default)[:7] for day, default in ((question.first, "0"), (question.last, "9")))
    rows = [
        (each.conv_type_id, each.month, each.endpoint, each.answers, each.requests, each.touchpoints)
        for each in kept
        if first <= each.month <= last
    ]
    return data_set.answer(Result.of(KeptAnswers, pd.DataFrame(rows, columns=[*KeptAnswers.model_fields])))


def conversion_types(question: Question) -> Response:
    """The trained conversion types, with which the embedded service can answer, and how good they are."""
    data_set = _DataSet(question)
    rows = []
    for name, trained in data_set.resources.ihc_api.trained().all().items():
        how, measured = trained.training, trained.training.held_out
        rows.append(
            {
                "conversion_type": name,
                "version": how.version,
                "trained_at": how.trained_at.astimezone(dt.UTC).replace(tzinfo=None),
                "method": str(how.method),
                "approximation": how.is_approximation,
                "source": how.source,
                "answers": how.answers,
                "mean_error": measured.mean_error if measured else None,
                "worst_error": measured.worst_error if measured else None,
                "touchpoints": measured.touchpoints if measured else None,
                "in_use": name == data_set.settings.ihc_conv_type_id,
            }
        )
    frame = pd.DataFrame(rows, columns=[*TrainedConversionType.model_fields])
    return data_set.answer(Result.of(TrainedConversionType, frame.astype({"touchpoints": "Int64"})))


def _comparison(
    question: Asked, row: type[BaseModel], table: str, form: Callable[[dt.date, pd.DataFrame], pd.DataFrame]
) -> Response:
    data_set = _DataSet(question)
    return data_set.answer(data_set.by_day(row, _compared_days(data_set, table), form))


def _compared_days(data_set: _DataSet, table: str) -> StoredDays:
    """The days of which the comparisons are stored; of tables beside the models' own, those with rows."""
    return data_set.stored_days(table, "model_comparison")


def _as_it_is(_: dt.date, frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def _with_details(_: dt.date, frame: pd.DataFrame) -> pd.DataFrame:
    """Orders without credit, whose details call settings by their attributes."""
    return frame.assign(detail=frame["detail"].map(shown, na_action="ignore"))


_ROUTES: Sequence[tuple[str, Callable[..., Response], type[BaseModel], str]] = (
    ("report", report, ReportRow, "Report by channel and day"),
    ("journeys", journeys, Touchpoint, "Journeys with their credit"),
    ("unattributed-orders", unattributed_orders, UnattributedOrder, "Orders without credit"),
    ("rejected-rows", rejected_rows, SetAsideRow, "Rows that were set aside"),
    ("comparisons/models", compared_models, ModelRow, "Attribution models compared"),
    ("comparisons/paths", compared_paths, PathRow, "Paths to orders"),
    ("comparisons/roles", compared_roles, RoleRow, "Roles of channels"),
    ("comparisons/markov", compared_markov, MarkovRow, "Markov chain"),
    ("status", status, AssetStatus, "How up to date everything is"),
    ("answers", answers, KeptAnswers, "Paid answers"),
    ("conversion-types", conversion_types, TrainedConversionType, "Trained conversion types"),
)


def router() -> APIRouter:
    """The routes of results."""
    routes = APIRouter(tags=["Results out"])
    for path, endpoint, row, summary in _ROUTES:
        forms = {
            JSON: {},  # first, as generated clients take the first
            CSV: {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        }
        routes.add_api_route(
            f"/v1/data-sets/{{name}}/{path}",
            endpoint,
            methods=["GET"],
            response_class=Response,
            summary=summary,
            responses={
                200: {"model": ResultPage[row], "content": forms, "description": "The rows."},  # type: ignore[valid-type]
                304: {"description": "The client has them, as `If-None-Match` says."},
                406: refusal("Accept names no form that there is."),
                409: refusal("The results have changed since the cursor was given, or the settings cannot be used."),
                422: refusal("A parameter cannot be used."),
            },
        )
    return routes
