"""The application of the API: its routes, its schema, and the page that people read."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.routing import compile_path

from attribution_assets.api import data_sets, operations, results, rows, webhooks
from attribution_assets.api.described import describe
from attribution_assets.api.docs_page import HEADERS, docs_page
from attribution_assets.api.problems import ProblemDetails, add_problem_handlers
from attribution_assets.operations.store import OperationStore

OPENAPI = "/v1/openapi.json"
TITLE, VERSION = "attribution-assets", "1.0.0"
DESCRIPTION = """\
What each marketing channel cost and earned, with IHC attribution: make a data set, send its rows, ask for attribution,
take the report. Every call under `/v1` needs the header `Authorization: Bearer KEY`. Days are UTC, amounts in the data
set's currency. What takes longer than a request may is an operation: the answer 202 says where it is to be looked at.
"""
ROUTERS = (data_sets.router, rows.router, operations.router, results.router, webhooks.router)


def create_app(store: OperationStore) -> FastAPI:
    """The API as a FastAPI application, without what stands around it (`server.guarded`).

    Args:
        store: The operations.
    """
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # to an address that is not known behind a proxy
        generate_unique_id_function=lambda route: route.name,  # as generated clients call it
    )
    app.state.operations = store
    for router in ROUTERS:
        app.include_router(router())
    schema = schema_of(app)
    add_problem_handlers(app, partial(_methods_of, schema["paths"]))
    page = docs_page(schema)

    @app.get("/healthz", include_in_schema=False)
    async def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(OPENAPI, include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(schema)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page, headers=HEADERS)

    return app


def _methods_of(paths: Mapping[str, Mapping[str, Any]], path: str) -> set[str]:
    """The methods that an address takes; where it takes GET, `server.AnswersHead` has it take HEAD."""
    found = {
        method.upper()
        for template, methods in paths.items()
        if compile_path(template)[0].match(path)
        for method in methods
    }
    return found | {"HEAD"} if "GET" in found else found


def schema_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI schema of the application's routes, in which every error is a problem."""
    schema = get_openapi(title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes)
    parts = schema.setdefault("components", {}).setdefault("schemas", {})
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    parts |= {**problem.pop("$defs", {}), "ProblemDetails": problem}
    for name in ("HTTPValidationError", "ValidationError"):
        parts.pop(name, None)
    describe(schema)
    return schema
