"""The routes of data sets: making, showing, changing and deleting them. `data_set_files.py` writes their files."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from attribution_assets.api.access import Admin, DataSetName, Reader, Writer, not_there, require_data_set
from attribution_assets.api.data_set_files import (
    ALWAYS_SECRET,
    FOR_ADMINS,
    PLACES,
    DataSetExistsError,
    DataSetFiles,
    identity_of,
)
from attribution_assets.api.deletion import require_deletable
from attribution_assets.api.keys import Scope
from attribution_assets.api.operations import PRINTABLE, Day, Operation, accepted, store_of
from attribution_assets.api.pages import Cursor, Limit, Page, page_of
from attribution_assets.api.problems import Problem, refusal, shown
from attribution_assets.api.source_store import SourceStore, has_database
from attribution_assets.attribution.masking import MASK, masked
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.data_set_attributes import SCHEMA, attributes_in
from attribution_assets.data_sets import data_set_named, data_sets, file_named, file_of, owns_source
from attribution_assets.errors import ConfigurationError
from attribution_assets.operations.records import DELETE_DATA_SET
from attribution_assets.settings import ATTRIBUTES, Settings

MOST_CHARACTERS = 2_000
Text = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS, pattern=PRINTABLE)]
_EXAMPLE: dict[str, JsonValue] = {"start_date": "2024-01-01", "lookback_days": 30, "ihc_conv_type_id": "default"}


class DataSetSettings(BaseModel):
    """The settings of a data set; what is not given is as the environment of the server has it."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    start_date: Day | None = Field(None, description="First day, YYYY-MM-DD", examples=["2024-01-01"])
    end_date: Day | None = Field(None, description="Last day, of data that has ended; without: yesterday")
    lookback_days: int | None = Field(None, ge=1, le=3650, description="Length of the lookback window")
    journey_end: str | None = Field(
        None, pattern="^(before|at)$", description="at: a session in the order's own second is in its journey"
    )
    direct_channels: list[Text] | None = Field(
        None, max_length=100, description="Channels that the model last_non_direct passes over", examples=[["Direct"]]
    )
    dimensions: list[Text] | None = Field(
        None, max_length=100, description="Columns of sessions and spend to break the report down by"
    )
    order_dimensions: list[Text] | None = Field(
        None, max_length=100, description="Columns of conversions to break credit down by", examples=[["country"]]
    )
    max_rejected_share: float | None = Field(
        None, ge=0, le=1, description="Share of a day's rows that may be set aside before the day is held up"
    )
    ihc_api_url: Text | None = Field(None, description="Full URL of compute_ihc")
    ihc_api_key: Text | None = Field(
        None, description="The account's key: written, never read back; without one the embedded service answers"
    )
    ihc_conv_type_id: Text | None = Field(None, description="The account's conversion type", examples=["default"])
    ihc_conversion_types: dict[str, Text] | None = Field(
        None,
        description="Value of conversion_type of an order -> the account's conversion type",
        examples=[{"new": "new_customers"}],
    )
    ihc_max_journeys_per_request: int | None = Field(None, ge=1, le=1_000_000, description="Limit of the account")
    ihc_max_sessions_per_request: int | None = Field(None, ge=1, le=1_000_000, description="Limit of the account")
    ihc_max_concurrent_requests: int | None = Field(None, ge=1, le=1_000, description="Requests under way at once")
    ihc_max_requests_per_run: int | None = Field(None, ge=1, le=1_000_000_000, description="Budget of a run")
    ihc_redistribution_parameter: dict[str, Any] | None = Field(None, description="Sent to the API as it is")
    database_url: Text | None = Field(
        None, description="Database with the source tables; without it the data set has one of its own (scope admin)"
    )
    source_url: Text | None = Field(
        None, description="Where the source tables are, if not beside the results; only read (scope admin)"
    )
    storage: Text | None = Field(None, description="Folder or URL of the assets' tables (scope admin)")
    reports: Text | None = Field(None, description="Folder or URL of the CSV files (scope admin)")
    engine: str | None = Field(None, pattern="^(duckdb|spark)$", description="What runs SQL (scope admin)")
    channels: Text | None = Field(None, description="CSV file of channel names on the server (scope admin)")


class _NewName(BaseModel):
    """The name of a data set that is to be made."""

    name: str = Field(
        min_length=1,
        max_length=40,
        pattern="^[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$",
        description="Letters, digits and single underscores; it is the data set's name for good",
        examples=["shop_de"],
    )


class NewDataSet(DataSetSettings, _NewName):
    """A data set that is to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "shop_de", **_EXAMPLE}]})


class _Named(BaseModel):
    """The name of a data set."""

    name: str = Field(description="Its name")


class DataSet(DataSetSettings, _Named):
    """A data set with the settings that hold for it; of a secret, *** says that it is set."""

    model_config = ConfigDict(
        extra="allow", strict=False, json_schema_extra={"examples": [{"name": "shop_de", **_EXAMPLE, "problem": None}]}
    )

    problem: str | None = Field(None, description="Why its settings cannot be used; null if they can")


class DataSetPage(Page[DataSet]):
    """Data sets, by name."""


_routes = APIRouter(prefix="/v1/data-sets", tags=["Data sets"])
_files = DataSetFiles()


def router() -> APIRouter:
    """The routes of data sets."""
    return _routes


@_routes.post(
    "",
    status_code=201,
    summary="Make a data set",
    response_model=DataSet,
    responses={409: refusal("There is a data set of this name.")},
)
def create_data_set(body: NewDataSet, key: Admin, response: Response) -> dict[str, Any]:
    """Make a data set, with a source store of its own if it is given no database."""
    require_data_set(key, body.name)
    try:
        settings = _files.create(body.name, _given(body, without=("name",)))
    except DataSetExistsError:
        raise Problem(409, "Data set exists", f"there is a data set {quoted(body.name)}: take another name") from None
    except ConfigurationError as error:
        raise _unusable(error) from None
    if owns_source(body.name) and has_database(settings):  # with the answers of one that was deleted
        SourceStore(settings).make_tables()
    response.headers["Location"] = f"/v1/data-sets/{body.name}"
    return _shown(settings)


@_routes.get("", summary="List data sets", response_model=DataSetPage)
def list_data_sets(key: Reader, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """The data sets that the key is for, by name."""
    found = data_sets()
    all_of_them: dict[str, dict[str, Any]] = {name: _shown(settings) for name, settings in found.usable.items()}
    all_of_them |= {name: _of_unusable(name, problem) for name, problem in found.unusable.items()}
    return page_of({name: each for name, each in all_of_them.items() if key.knows(name)}, limit, cursor)


@_routes.get("/{name}", summary="Show a data set", response_model=DataSet)
def get_data_set(name: DataSetName, key: Reader) -> dict[str, Any]:
    """One data set. Secrets are never shown."""
    require_data_set(key, name)
    if file_named(name) is None:
        raise not_there(name)
    try:
        settings = data_set_named(name)
    except ConfigurationError as error:
        return _of_unusable(name, str(error))
    if settings is None:
        raise not_there(name)
    return _shown(settings)


@_routes.patch(
    "/{name}",
    summary="Change settings",
    response_model=DataSet,
    responses={409: refusal("The data set is being deleted.")},
)
def change_data_set(request: Request, name: DataSetName, body: DataSetSettings, key: Writer) -> dict[str, Any]:
    """Change settings; null takes one away, so that its default holds.

    Where things lie on the server, and whom it asks for credit, takes the scope admin.
    """
    require_data_set(key, name)
    if (places := sorted(body.model_fields_set.intersection(FOR_ADMINS))) and not key.may(Scope.ADMIN):
        raise Problem(403, "Forbidden", f"this key has not the scope admin, which {', '.join(places)} takes")
    if store_of(request).is_being_deleted(name):
        raise Problem(409, "Not possible", "the data set is being deleted")
    try:
        settings = _files.change(name, body.model_dump(exclude_unset=True))
    except ConfigurationError as error:
        raise _unusable(error) from None
    if settings is None:
        raise not_there(name)
    return _shown(settings)


@_routes.delete(
    "/{name}",
    status_code=202,
    summary="Delete a data set",
    response_model=Operation,
    responses={409: refusal("It cannot be deleted: where its data lies is not known, or its deletion is under way.")},
)
def delete_data_set(
    request: Request,
    name: DataSetName,
    key: Admin,
    response: Response,
    *,
    forget_answers: Annotated[bool, Query(description="Delete paid answers too; they would be paid again")] = False,
) -> dict[str, Any]:
    """Delete a data set with its rows, tables and reports; an operation does it, after those under way.

    Answers of the IHC API that were paid for are kept, so that a data set of the same name has them again. If it is
    being deleted already, that operation is the answer.
    """
    require_data_set(key, name)
    path = file_named(name)
    if path is None:
        raise not_there(name)
    require_deletable(path)
    asked = {"forget_answers": forget_answers, "file": identity_of(path)}
    operation = store_of(request).add(name, DELETE_DATA_SET, asked, key.name)
    if operation.parameters["forget_answers"] != forget_answers:
        detail = "its deletion has been asked for already, with another forget_answers: cancel that, then ask again"
        raise Problem(409, "Not possible", detail)
    return accepted(operation, response)


def _given(body: DataSetSettings, without: tuple[str, ...] = ()) -> Mapping[str, Any]:
    return {name: value for name, value in body.model_dump(exclude_none=True).items() if name not in without}


def _unusable(error: ConfigurationError) -> Problem:
    """Attributes that cannot be used; a message begins with the attribute."""
    attribute = str(error).partition(" ")[0].rstrip(":")
    errors = [{"pointer": f"/{attribute}", "detail": str(error)}] if attribute in ATTRIBUTES else []
    return Problem(422, "Invalid request", str(error), errors)


def _shown(settings: Settings) -> dict[str, Any]:
    """A data set as it is sent. A place that its file does not give is null: it lies where the server has put it."""
    path = file_of(settings.data_set)
    given = attributes_in(path)[0] if path else {}
    fields = {
        "start_date": settings.first_day.isoformat(),
        "end_date": settings.last_day and settings.last_day.isoformat(),
    }
    found: dict[str, Any] = {
        "name": settings.data_set,
        "problem": shown(settings.missing) if settings.missing else None,
    }
    for attribute in ATTRIBUTES:
        value = fields[attribute] if attribute in fields else getattr(settings, attribute)
        named = given.get(attribute)
        if attribute in PLACES and (named is None or (isinstance(named, Mapping) and SCHEMA in named)):
            value = None
        elif isinstance(value, frozenset):
            value = sorted(value)
        elif attribute in ALWAYS_SECRET:
            value = MASK if value else None
        elif attribute == "ihc_redistribution_parameter":
            value = value and _json_or_none(value)
        elif isinstance(value, Mapping):
            value = dict(value) or None
        elif attribute == "journey_end":
            value = settings.journey_end.value
        elif isinstance(value, str):
            value = masked(value)
        found[attribute] = value
    return found


def _json_or_none(text: str) -> Any:  # noqa: ANN401 - as JSON has it
    import orjson  # noqa: PLC0415

    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _of_unusable(name: str, problem: str) -> dict[str, Any]:
    return {"name": name, "problem": shown(problem)}
