"""The dashboard's web application: its URLs and response headers.

What is answered at each URL is in `pages.py`; style and script are in `static/`. The pages load nothing from other
hosts.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.charts import rendering
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.health_page import HealthPage
from attribution_assets.dashboard.learned_model import LearnedModel
from attribution_assets.dashboard.pages import ALONE, Pages, Place
from attribution_assets.dashboard.saved import SavedThings
from attribution_assets.monitoring.health import CANNOT_BE_READ

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def create_app(  # noqa: PLR0913 - each is a choice of its own
    storage: AssetStorage,
    windows: Windows,
    health: Callable[[], HealthPage],
    *,
    currency: str = "",
    place: Place = ALONE,
    learned_model: Callable[[Choices], LearnedModel | None] | None = None,
    saved: SavedThings | None = None,
    allow_saving: bool = False,
) -> FastAPI:
    """The dashboard as a FastAPI application.

    Args:
        storage: The stored days to show.
        windows: How the days are tied together, and by which dimensions they are broken down.
        health: Returns the content of the health page as of now.
        currency: ISO code of the amounts' currency; empty if it is not known.
        place: Which data set it shows.
        learned_model: Gives the section on trained conversion types; None without one.
        saved: What readers have saved; None: nothing, and nothing can be.
        allow_saving: Whether everyone who reaches the page may save.
    """
    app = FastAPI(title="attribution-assets", openapi_url=None)
    app.add_middleware(GZipMiddleware, compresslevel=5)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    pages = Pages(storage, windows, health, currency, place, saved, may_save=allow_saving and saved is not None)
    pages.show(learned_model=learned_model)

    @app.middleware("http")
    async def with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.update({**HEADERS, **response.headers})
        return response

    for kind in CANNOT_BE_READ:
        app.add_exception_handler(kind, pages.unreadable)
    app.add_api_route("/", pages.overview)
    app.add_api_route("/journeys", pages.journeys)
    app.add_api_route("/health", pages.health)
    app.add_api_route("/views/{name:path}", pages.view)
    if pages.may_save:
        app.add_api_route("/save", pages.save, methods=["POST"])
    app.add_api_route("/download/{page}/{name}.{kind}", pages.download)
    app.add_api_route("/download/{page}.xlsx", pages.download)
    app.add_api_route("/chart/{page}/{name}.{kind}", pages.chart)
    app.add_api_route(f"/script/{rendering.script_name()}", _script)
    return app


def _script() -> Response:
    """What draws charts; its address changes with its version."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(rendering.script(), media_type="text/javascript; charset=utf-8", headers=headers)
