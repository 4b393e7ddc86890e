"""The dashboard's web application: its URLs, status codes, response headers and CSV downloads.

The content of the pages is computed in `overview.py`, `journeys_page.py` and `health_page.py`; HTML and style are in
`templates/` and `static/`. Nothing here writes, and the pages load nothing from other hosts.
"""

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.middleware.gzip import GZipMiddleware

from attribution_assets.attribution.results.marketing_mix import weekly_marketing_mix
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.tables.credit import EMBEDDED
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.charts import rendering
from attribution_assets.dashboard import choices as offered
from attribution_assets.dashboard.choices import Choices, Reported, read_choices
from attribution_assets.dashboard.downloads import XLSX, csv_file, file_name, xlsx_file
from attribution_assets.dashboard.health_page import HealthPage
from attribution_assets.dashboard.journeys_page import JourneysPage, journeys_page
from attribution_assets.dashboard.learned_model import LearnedModel
from attribution_assets.dashboard.overview import Overview, overview
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import NONE, Column, Table, written
from attribution_assets.data_sets import NAMELESS
from attribution_assets.environment import without_secrets
from attribution_assets.monitoring.health import CANNOT_BE_READ

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
OK, BAD_REQUEST, NOT_FOUND, UNAVAILABLE = 200, 400, 404, 503
Content = Callable[[StoredResults, Reported, Choices, int], Overview | JourneysPage]
PAGES: Mapping[str, Content] = {"overview": overview, "journeys": journeys_page}
"""Page name -> the function that computes the page's content. The page's template has the same name."""

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Place:
    """Which data set an application shows, and where the others are.

    Attributes:
        data_set: its name; empty for that of the environment.
        base: the address before those of its pages.
        addresses: name of each data set -> its base.
    """

    data_set: str = ""
    base: str = ""
    addresses: Mapping[str, str] = field(default_factory=lambda: {"": ""})


def create_app(  # noqa: PLR0913 - each is a choice of its own
    storage: AssetStorage,
    lookback_days: int,
    health: Callable[[], HealthPage],
    data_ends: dt.date | None = None,
    *,
    csv_guard: bool = True,
    currency: str = "",
    dimensions: Sequence[str] = (),
    place: Place = Place(),
    learned_model: Callable[[Choices], LearnedModel | None] | None = None,
) -> FastAPI:
    """The dashboard as a FastAPI application.

    Args:
        storage: The stored days to show.
        lookback_days: Length of the lookback window.
        health: Returns the content of the health page as of now.
        data_ends: The last day of the calendar, for data that has ended.
        csv_guard: Whether names in downloads are guarded against being taken for formulas.
        currency: ISO code of the amounts' currency; empty if it is not known.
        dimensions: The dimensions by which the report is broken down.
        place: Which data set it shows.
        learned_model: Gives the section on trained conversion types; None without one.
    """
    app = FastAPI(title="attribution-assets", openapi_url=None)
    app.add_middleware(GZipMiddleware, compresslevel=5)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    stored = StoredResults(storage, data_ends, dimensions)
    pages = _Pages(stored, lookback_days, health, csv_guard=csv_guard, currency=currency, place=place)
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
    app.add_api_route("/download/{page}/{name}.{kind}", pages.download)
    app.add_api_route("/download/{page}.xlsx", pages.download)
    app.add_api_route("/chart/{page}/{name}.{kind}", pages.chart)
    app.add_api_route(f"/script/{rendering.script_name()}", _script)
    return app


def _script() -> Response:
    """What draws charts; its address changes with its version."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(rendering.script(), media_type="text/javascript; charset=utf-8", headers=headers)


def _weekly(stored: StoredResults, choices: Choices) -> Table:
    """What a marketing-mix model is fitted to: of all channels, and without any model's credit."""
    weeks = stored.ask(weekly_marketing_mix, choices.first, choices.last)
    columns = [Column(str(name), str(name)) for name in weeks]
    return Table("marketing_mix_weekly", "By week", columns, weeks, about=None)


class _Pages:
    """The request handlers, one per URL.

    Args:
        stored: The stored days.
        lookback_days: Length of the lookback window.
        health: Returns the content of the health page as of now.
        csv_guard: Whether names in downloads are guarded.
        currency: ISO code of the amounts' currency; empty if it is not known.
        place: Which data set they show.
    """

    def __init__(  # noqa: PLR0913 - as for `create_app`
        self,
        stored: StoredResults,
        lookback_days: int,
        health: Callable[[], HealthPage],
        *,
        csv_guard: bool,
        currency: str,
        place: Place,
    ) -> None:
        self._stored, self._lookback_days, self._health, self._csv_guard = stored, lookback_days, health, csv_guard
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(written=written, readable=readable)
        self._templates.globals.update(
            offered=offered,
            script_name=rendering.script_name(),
            embedded=EMBEDDED,
            lookback_days=lookback_days,
            currency=currency,
            none_written=NONE,
            place=place,
            nameless=NAMELESS,
        )

    def show(self, **more: object) -> None:
        """Give all templates something more to show, by name."""
        self._templates.globals.update(more)

    def overview(self, request: Request) -> Response:
        return self._page(request, "overview")

    def journeys(self, request: Request) -> Response:
        return self._page(request, "journeys")

    def health(self, request: Request) -> Response:
        try:
            reported = self._stored.reported()
        except CANNOT_BE_READ:
            reported = None  # the health page says what cannot be read
        choices = (
            read_choices(request.query_params.multi_items(), reported, self._stored.dimensions)[0] if reported else None
        )
        return self._rendered(
            "health.html", OK, page="health", shown=self._health(), reported=reported, choices=choices
        )

    def unreadable(self, _: Request, error: Exception) -> Response:
        said = readable(without_secrets(str(error)), longest=None)
        log.warning("The stored days cannot be read: %s", said)
        return self._rendered(
            "unreadable.html", UNAVAILABLE, page="unreadable", error=said, reported=None, choices=None
        )

    def download(self, request: Request, page: str, name: str = "", kind: str = "xlsx") -> Response:
        reported = self._stored.reported()
        if reported is None:
            return PlainTextResponse("There are no reports yet.", NOT_FOUND)
        choices, problems = read_choices(request.query_params.multi_items(), reported, self._stored.dimensions)
        if problems:
            return PlainTextResponse("\n".join(problems), BAD_REQUEST)
        if (page, name) == ("marketing_mix", "weekly"):
            found, answered_by = [_weekly(self._stored, choices)], ""
        elif page in PAGES:
            shown = PAGES[page](self._stored, reported, choices, self._lookback_days)
            found, answered_by = [table for table in shown.tables if name in (table.name, "")], shown.answered_by
        else:
            found, answered_by = [], ""
        if not found or kind not in ("csv", "xlsx"):
            return PlainTextResponse("There is no such table.", NOT_FOUND)
        named = found[0] if name else replace(found[0], name=page)
        file = file_name(named, choices, answered_by, kind)
        headers = {"Content-Disposition": f'attachment; filename="{file}"'}
        if kind == "xlsx":
            return Response(xlsx_file(found, choices, answered_by), media_type=XLSX, headers=headers)
        text = csv_file(found[0], choices, answered_by, guard=self._csv_guard)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def chart(self, request: Request, page: str, name: str, kind: str) -> Response:
        reported = self._stored.reported()
        if reported is None or page not in PAGES or kind not in ("svg", "png"):
            return PlainTextResponse("There is no such chart.", NOT_FOUND)
        choices, problems = read_choices(request.query_params.multi_items(), reported, self._stored.dimensions)
        if problems:
            return PlainTextResponse("\n".join(problems), BAD_REQUEST)
        shown = PAGES[page](self._stored, reported, choices, self._lookback_days)
        spec = next((chart.spec for chart in shown.charts if chart.key == name), None)
        if spec is None:
            return PlainTextResponse("There is no such chart.", NOT_FOUND)
        file = f"{page}_{name}_{choices.model}_{choices.basis}_{choices.first}_{choices.last}.{kind}"
        headers = {"Content-Disposition": f'inline; filename="{file}"'}
        if kind == "png":
            return Response(rendering.png(spec), media_type="image/png", headers=headers)
        return Response(rendering.svg(spec), media_type="image/svg+xml; charset=utf-8", headers=headers)

    def _page(self, request: Request, page: str) -> Response:
        reported = self._stored.reported()
        if reported is None:
            return self._rendered("empty.html", OK, page=page, reported=None, choices=None)
        choices, problems = read_choices(request.query_params.multi_items(), reported, self._stored.dimensions)
        if not problems and choices.query != request.url.query:
            return RedirectResponse(f"{request.url.path}?{choices.query}".removesuffix("?"))
        shown = PAGES[page](self._stored, reported, choices, self._lookback_days)
        return self._rendered(
            f"{page}.html",
            BAD_REQUEST if problems else OK,
            page=page,
            path=request.url.path,
            reported=reported,
            choices=choices,
            problems=problems,
            shown=shown,
        )

    def _rendered(self, template: str, status: int, **values: object) -> Response:
        today = dt.datetime.now(dt.UTC).date()
        return HTMLResponse(self._templates.get_template(template).render(values, today=today), status)
