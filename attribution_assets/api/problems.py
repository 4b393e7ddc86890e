"""Every error of the API, as RFC 9457 has it: `application/problem+json`, with no stack trace, path or secret in it."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from attribution_assets.attribution.database.database import DatabaseError, DatabaseUrlError
from attribution_assets.attribution.files.object_store import ObjectStoreError
from attribution_assets.attribution.source.database import SourceSchemaError
from attribution_assets.attribution.storage.asset_storage import ForeignStorageError
from attribution_assets.attribution.tables.readable import quoted, readable
from attribution_assets.environment import without_secrets
from attribution_assets.errors import ConfigurationError, RunFailedError, RunRejectedError
from attribution_assets.settings import ATTRIBUTES, data_sets_folder

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
METHOD_NOT_ALLOWED = 405
SERVER_ERRORS = 500
TITLES: Mapping[int, str] = {
    400: "Unreadable body",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "Request timeout",
    413: "Body too long",
    415: "Unsupported media type",
    429: "Too many requests",
    503: "Busy",
}
"""Status -> which kind of problem it is where the framework gives no more; texts of its own differ by version."""
_PATH = re.compile(r"(?:(?<![\w:/.~-])|(?<=:///)|(?<=file://))/(?P<first>[^/\s'\",;:()]+)(?:/[^/\s'\",;:()]*)*")


_ATTRIBUTE_OF = {variable: attribute for attribute, variable in ATTRIBUTES.items()}
_VARIABLE = re.compile(r"(?<!the variable )\b(?:ATTRIBUTION|IHC)_[A-Z_]+\b")


class ProblemError(BaseModel):
    """One of the errors of a problem."""

    model_config = ConfigDict(extra="allow")

    pointer: str | None = Field(default=None, description="where in the request, as a JSON pointer")
    row: int | None = Field(default=None, description="which row of the body, counted from 1")
    detail: str = Field(description="what is wrong")


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 describes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/docs#not-found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "there is no data set 'shop_at'",
                    "errors": [],
                }
            ]
        }
    )

    type: str = Field(description="which kind of problem: a stable address fragment")
    title: str = Field(description="the same in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what is wrong this time, and what to do")
    errors: list[ProblemError] = Field(
        description="each error in the request, where there are several or they have a place"
    )


def refusal(description: str) -> dict[str, Any]:
    """A route's answer with a problem, as its schema describes it."""
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


class Problem(Exception):  # noqa: N818 - the standard's word
    """What a request is refused with.

    Attributes:
        status: the HTTP status.
        title: which kind of problem, in words; those of one kind have one title. Its type follows from it.
        detail: what is wrong this time, and what to do.
        errors: each `{"pointer" or "row": where, "detail": what}`.
        headers: further headers of the answer, such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail
        self.errors, self.headers = [dict(error) for error in errors], dict(headers or {})

    @property
    def content(self) -> dict[str, Any]:
        """The problem as it is sent."""
        return {
            "type": problem_type(self.title),
            "title": self.title,
            "status": self.status,
            "detail": shown(self.detail),
            "errors": [
                {name: shown(value) if isinstance(value, str) else value for name, value in error.items()}
                for error in self.errors
            ],
        }

    @property
    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.content, self.status, self.headers, MEDIA_TYPE)


def problem_type(title: str) -> str:
    """The address fragment that stands for a kind of problem."""
    return f"/docs#{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}"


def shown(text: str) -> str:
    """A message as others may see it: in one line, without secrets and paths of this machine."""
    return without_paths(_in_words_of_the_api(readable(without_secrets(" ".join(text.split())), longest=None)))


def _in_words_of_the_api(text: str) -> str:
    """The text with data sets in place of their files, and attributes in place of the environment's variables."""
    if folder := data_sets_folder():
        text = re.sub(rf"{re.escape(folder.rstrip('/'))}/([^/\s'\",;:]+)\.ya?ml\b", r"the data set \1", text)
        text = text.replace(f"{folder.rstrip('/')}/", "")
    return _VARIABLE.sub(lambda variable: _ATTRIBUTE_OF.get(variable[0], variable[0]), text)


def without_paths(text: str) -> str:
    """The text with the last part alone of each absolute path that begins as those of this machine do."""
    return _PATH.sub(lambda path: Path(path[0]).name if Path(f"/{path['first']}").exists() else path[0], text)


_NOT_POSSIBLE = (RunRejectedError, ConfigurationError, ForeignStorageError, DatabaseUrlError, SourceSchemaError)


def problem_of(error: Exception) -> Problem | None:
    """The problem that an error of the work or its settings is; None if it is none that was foreseen."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, _NOT_POSSIBLE):
        return Problem(409, "Not possible", str(error))
    if isinstance(error, RunFailedError):
        return Problem(500, "Run failed", str(error))
    if isinstance(error, (DatabaseError, ObjectStoreError)):
        return Problem(503, "Not reachable now", str(error), headers={"Retry-After": "30"})
    return None


def unforeseen(error: Exception) -> Problem:
    """The problem of an error that nobody foresaw; what it was stands in the server's log alone."""
    log_error("an answer or an operation failed", error)
    return _internal_error()


def log_error(what: str, error: Exception) -> None:
    """Write to the server's log what failed and why, without secrets; a stack trace could hold some.

    Args:
        what: What failed.
        error: The error.
    """
    log.error("%s: %s", what, without_secrets(f"{type(error).__name__}: {error}"))


def _internal_error() -> Problem:
    return Problem(500, "Internal error", "the server failed to answer this; its log says more")


def add_problem_handlers(app: FastAPI, methods_of: Callable[[str], Iterable[str]]) -> None:
    """Have an application answer every error as a problem.

    Args:
        app: The application.
        methods_of: The methods that an address takes.
    """

    async def answer(_: Request, error: Exception) -> JSONResponse:
        return (problem_of(error) or unforeseen(error)).response

    async def of_unforeseen(_: Request, error: Exception) -> JSONResponse:  # which goes on to the server's log
        return (problem_of(error) or _internal_error()).response

    async def of_http(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):  # as Starlette types handlers
            raise error
        title = TITLES.get(error.status_code, "Bad request" if error.status_code < SERVER_ERRORS else "Internal error")
        of_framework = error.detail in {HTTPStatus(error.status_code).phrase, _NO_JSON}
        detail = _DETAILS.get(error.status_code, title) if of_framework else error.detail
        headers = dict(error.headers or {})
        if error.status_code == METHOD_NOT_ALLOWED:  # of all routes of the address, not of the first one alone
            headers["Allow"] = ", ".join(sorted(methods_of(request.url.path))) or headers.get("Allow", "GET")
        return Problem(error.status_code, title, detail, headers=headers).response

    async def of_validation(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        return _of_validation(request, error.errors(), error.body).response

    for kind in (
        Problem,
        RunRejectedError,
        ConfigurationError,
        ForeignStorageError,
        RunFailedError,
        DatabaseError,
        ObjectStoreError,
    ):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(Exception, of_unforeseen)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)


def _of_validation(request: Request, found: Sequence[Mapping[str, Any]], body: object) -> Problem:
    """The problem of a request that is not as its route describes it, with all that is wrong."""
    if any(each["loc"] == ("body",) for each in found) and (type_ := _other_than_json(request)):
        return Problem(415, TITLES[415], f"Content-Type is {quoted(type_)}: this address takes application/json")
    if unreadable := next((each for each in found if each["type"] == "json_invalid"), None):
        detail = f"the body is no JSON: {unreadable['ctx']['error']} at character {unreadable['loc'][-1]}"
        return Problem(400, "Unreadable body", detail)
    errors = [{"pointer": _pointer(each, body), "detail": each["msg"]} for each in found[:MOST_ERRORS]]
    detail = "; ".join(f"{each['pointer'] or 'the body'}: {each['detail']}" for each in errors[:3])
    return Problem(422, "Invalid request", detail, errors)


def _other_than_json(request: Request) -> str | None:
    """The type of a request's body, if it has one that is no JSON."""
    type_ = request.headers.get("content-type", "")
    is_json = re.fullmatch(r"application/([\w.+-]+\+)?json\s*(;.*)?", type_, re.IGNORECASE)
    return None if is_json or request.headers.get("content-length", "") in {"", "0"} else type_ or "(missing)"


_NO_JSON = "There was an error parsing the body"  # as FastAPI says it
_DETAILS = {
    400: "the body is no JSON that can be read: it has to be UTF-8, and not nested too deep",
    404: "there is nothing at this address: /docs lists what there is",
    405: "this address does not take this method: /docs lists what it takes",
}


def _pointer(error: Mapping[str, Any], body: object) -> str:
    """Where in a request an error of pydantic is, as a JSON pointer; `/query/limit` for a parameter."""
    first, *parts = error["loc"]
    if first != "body":
        parts = [first, *parts]
    elif parts and isinstance(body, Mapping) and parts[0] not in body and parts[0] == body.get("kind"):
        parts = parts[1:]  # it tells which of several bodies it is, and is no part of it
    if discriminator := error.get("ctx", {}).get("discriminator"):
        parts = [*parts, discriminator.strip("'")]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
