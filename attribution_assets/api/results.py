"""Results out: `GET /v1/data-sets/{name}/...`. Each is read from where page and command read it; nothing computes here.

What all of them are asked with is in `asked.py`; how results are sent is in `answers.py`.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from attribution_assets.api.answers import Result, ResultPage
from attribution_assets.api.asked import Asked, AskedDataSet, Question, invalid_parameter
from attribution_assets.api.problems import refusal, shown
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
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS, assets_in_use
from attribution_assets.attribution.reporting.ratios import with_ratios
from attribution_assets.attribution.reporting.report_file import with_readable_paths
from attribution_assets.attribution.results.breakdowns import breakdown_by_day
from attribution_assets.attribution.results.channel_results import MODELS, results_by_day, summed
from attribution_assets.attribution.results.order_results import UNATTRIBUTED, markov_over
from attribution_assets.attribution.results.result_days import DateBasis
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.command.current_status import current_status


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
        raise invalid_parameter("model", f"there is no model {quoted(model)}: take one of {', '.join(MODELS)}")
    data_set = AskedDataSet(question)
    known = (*data_set.settings.dimensions, *data_set.settings.order_dimensions)
    if dimension is not None and dimension not in known:
        there = f"it has {', '.join(known)}" if known else "it has none"
        raise invalid_parameter("dimension", f"the data set has no dimension {quoted(dimension)}: {there}")
    if dimension is not None and (model, date_basis) != (MODELS[0], "touch"):
        raise invalid_parameter(
            "dimension", f"a dimension is broken down by the model {MODELS[0]} and the touch date alone"
        )
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
    data_set = AskedDataSet(question)

    def touchpoints(_: dt.date, frame: pd.DataFrame) -> pd.DataFrame:
        return frame if conversion_id is None else frame[frame["conv_id"] == conversion_id]

    return data_set.answer(data_set.by_day(Touchpoint, data_set.stored_days("ihc_attributions"), touchpoints))


def unattributed_orders(question: Question) -> Response:
    """The orders of the days that got no credit, with the reason."""
    data_set = AskedDataSet(question)
    return data_set.answer(data_set.by_day(UnattributedOrder, data_set.stored_days(UNATTRIBUTED), _with_details))


def rejected_rows(question: Question) -> Response:
    """The source rows of the days that runs have set aside, with the reason."""
    data_set = AskedDataSet(question)
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
    data_set = AskedDataSet(question)
    days = [*_compared_days(data_set, "model_comparison").files]
    parts = [lambda: data_set.stored.ask(markov_over, days[0], days[-1])] if days else []
    return data_set.answer(Result(MarkovRow, [*MarkovRow.model_fields], parts, data_set.version))


def status(question: Question) -> Response:
    """The days of each asset that are missing, changed in the source, stale, blocked or provisional."""
    data_set = AskedDataSet(question)

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
    data_set = AskedDataSet(question)
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
    data_set = AskedDataSet(question)
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
    data_set = AskedDataSet(question)
    return data_set.answer(data_set.by_day(row, _compared_days(data_set, table), form))


def _compared_days(data_set: AskedDataSet, table: str) -> StoredDays:
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
