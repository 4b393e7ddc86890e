"""What the dashboard answers at each of its URLs: pages, CSV downloads, charts, and what was saved.

Each answer is put together here, with its status code. The content of the pages is computed in `overview.py`,
`journeys_page.py` and `health_page.py`; HTML is in `templates/`. What readers save goes through `saving.py`, nothing
else writes. Which URLs there are is in `app.py`.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.results.marketing_mix import weekly_marketing_mix
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.tables.credit import EMBEDDED
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.charts import rendering
from attribution_assets.dashboard import goal_choices as goals_offered
from attribution_assets.dashboard import offered
from attribution_assets.dashboard.asked import Asked, Asking
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.downloads import XLSX, csv_file, file_name, xlsx_file
from attribution_assets.dashboard.health_page import HealthPage
from attribution_assets.dashboard.journeys_page import JourneysPage, journeys_page
from attribution_assets.dashboard.overview import Overview, overview
from attribution_assets.dashboard.reported_days import Reported
from attribution_assets.dashboard.saved import NotSavedError, Saved, SavedThings
from attribution_assets.dashboard.saving import MOST_BYTES, is_of_this_site, place_of, read_form, save_form
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.dashboard.tables import NONE, Column, Table, written
from attribution_assets.data_sets import NAMELESS
from attribution_assets.environment import without_secrets
from attribution_assets.monitoring.health import CANNOT_BE_READ

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
OK, SEE_OTHER, UNAVAILABLE = 200, 303, 503
BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_LARGE = 400, 403, 404, 409, 413
Content = Callable[[StoredResults, Reported, Choices, int, Saved], Overview | JourneysPage]
PAGES: Mapping[str, Content] = {"overview": overview, "journeys": journeys_page}
"""Page name -> the function that computes the page's content. The page's template has the same name."""


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


ALONE = Place()
"""The data set of the environment, without others."""


def _weekly(stored: StoredResults, choices: Choices) -> Table:
    """What a marketing-mix model is fitted to: of all channels, and without any model's credit."""
    weeks = stored.ask(weekly_marketing_mix, choices.first, choices.last)
    columns = [Column(str(name), str(name)) for name in weeks]
    return Table("marketing_mix_weekly", "By week", columns, weeks, about=None)


class Pages:
    """The request handlers, one per URL.

    Args:
        storage: The stored days.
        windows: How they are tied together.
        health: Returns the content of the health page as of now.
        currency: ISO code of the amounts' currency; empty if it is not known.
        place: Which data set they show.
        saved: What readers have saved; None: nothing.
        may_save: Whether they may save.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - as for `create_app`
        self,
        storage: AssetStorage,
        windows: Windows,
        health: Callable[[], HealthPage],
        currency: str,
        place: Place,
        saved: SavedThings | None,
        *,
        may_save: bool,
    ) -> None:
        self._asking = Asking(storage, windows, saved)
        self._windows, self._health, self._place, self._saved = windows, health, place, saved
        self._lookback_days = windows.lookback_days
        self.may_save = may_save
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
            goals_offered=goals_offered,
            script_name=rendering.script_name(),
            embedded=EMBEDDED,
            lookback_days=windows.lookback_days,
            may_save=may_save,
            currency=currency,
            none_written=NONE,
            place=place,
            nameless=NAMELESS,
        )

    def show(self, **more: object) -> None:
        """Give all templates something more to show, by name."""
        self._templates.globals.update(more)

    def overview(self, request: Request) -> Response:
        """The overview."""
        return self._page(request, "overview")

    def journeys(self, request: Request) -> Response:
        """The page on journeys."""
        return self._page(request, "journeys")

    def health(self, request: Request) -> Response:
        """The health page, also of stored days that cannot be read."""
        try:
            asked = self._asking.asked(request.query_params.multi_items())
        except CANNOT_BE_READ:
            asked = None  # the health page says what cannot be read
        return self._rendered(
            "health.html",
            OK,
            page="health",
            shown=self._health(),
            reported=asked and asked.reported,
            choices=asked and asked.choices,
        )

    def view(self, name: str) -> Response:
        """Sends on to a saved view."""
        views = self._asking.saved()[0].views
        if name not in views:
            return self._not_saved(f"There is no saved view called “{name}”.", "/", NOT_FOUND)
        return RedirectResponse(self._place.base + views[name].removesuffix("?"))

    async def save(self, request: Request) -> Response:
        """Saves what a form of the page holds."""
        if not is_of_this_site(request):
            return self._not_saved("Only this page itself can save.", "/", FORBIDDEN)
        if int(request.headers.get("content-length") or MOST_BYTES) >= MOST_BYTES:
            return self._not_saved("That is too much to save.", "/", TOO_LARGE)
        return await run_in_threadpool(self._save, read_form(await request.body()))

    def _save(self, form: dict[str, str]) -> Response:
        assert self._saved is not None  # noqa: S101  # else there is no such route
        back = place_of(form)
        asked = self._asking.asked([])
        if asked is None:
            return self._not_saved("There are no reports yet.", back, CONFLICT)
        try:
            save_form(
                self._saved, form, lambda query: self._asking.read(parse_qsl(query), asked.reported, asked.saved)[0]
            )
        except (NotSavedError, DatabaseError) as error:
            return self._not_saved(without_secrets(str(error)), back, CONFLICT)
        return RedirectResponse(self._place.base + back, SEE_OTHER)

    def _not_saved(self, said: str, back: str, status: int) -> Response:
        address = self._place.base + back
        return self._rendered("not_saved.html", status, page="", said=said, back=address, reported=None, choices=None)

    def _shown(self, page: str, asked: Asked) -> Overview | JourneysPage:
        return PAGES[page](asked.stored, asked.reported, asked.choices, self._lookback_days, asked.saved)

    def unreadable(self, _: Request, error: Exception) -> Response:
        """The page in place of one whose stored days cannot be read."""
        said = readable(without_secrets(str(error)), longest=None)
        log.warning("The stored days cannot be read: %s", said)
        return self._rendered(
            "unreadable.html", UNAVAILABLE, page="unreadable", error=said, reported=None, choices=None
        )

    def download(self, request: Request, page: str, name: str = "", kind: str = "xlsx") -> Response:
        """A table of a page as a CSV file or workbook, or all its tables as a workbook."""
        asked = self._asking.asked(request.query_params.multi_items())
        if asked is None:
            return PlainTextResponse("There are no reports yet.", NOT_FOUND)
        if asked.problems:
            return PlainTextResponse("\n".join(asked.problems), BAD_REQUEST)
        if (page, name) == ("marketing_mix", "weekly"):
            found, answered_by = [_weekly(asked.all_stored, asked.choices)], ""
        elif page in PAGES:
            shown = self._shown(page, asked)
            found, answered_by = [table for table in shown.tables if name in (table.name, "")], shown.answered_by
        else:
            found, answered_by = [], ""
        if not found or kind not in ("csv", "xlsx"):
            return PlainTextResponse("There is no such table.", NOT_FOUND)
        named = found[0] if name else replace(found[0], name=page)
        file = file_name(named, asked.choices, answered_by, kind)
        headers = {"Content-Disposition": f'attachment; filename="{file}"'}
        if kind == "xlsx":
            return Response(xlsx_file(found, asked.choices, answered_by), media_type=XLSX, headers=headers)
        text = csv_file(found[0], asked.choices, answered_by, guard=self._windows.csv_guard)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def chart(self, request: Request, page: str, name: str, kind: str) -> Response:
        """A chart of a page as a picture."""
        asked = self._asking.asked(request.query_params.multi_items())
        if asked is None or page not in PAGES or kind not in ("svg", "png"):
            return PlainTextResponse("There is no such chart.", NOT_FOUND)
        if asked.problems:
            return PlainTextResponse("\n".join(asked.problems), BAD_REQUEST)
        choices = asked.choices
        spec = next((chart.spec for chart in self._shown(page, asked).charts if chart.key == name), None)
        if spec is None:
            return PlainTextResponse("There is no such chart.", NOT_FOUND)
        file = f"{page}_{name}_{choices.model}_{choices.basis}_{choices.first}_{choices.last}.{kind}"
        headers = {"Content-Disposition": f'inline; filename="{file}"'}
        if kind == "png":
            return Response(rendering.png(spec), media_type="image/png", headers=headers)
        return Response(rendering.svg(spec), media_type="image/svg+xml; charset=utf-8", headers=headers)

    def _page(self, request: Request, page: str) -> Response:
        asked = self._asking.asked(request.query_params.multi_items())
        if asked is None:
            return self._rendered("empty.html", OK, page=page, reported=None, choices=None)
        choices = asked.choices
        if not asked.problems and choices.query != request.url.query:
            return RedirectResponse(f"{request.url.path}?{choices.query}".removesuffix("?"))
        return self._rendered(
            f"{page}.html",
            BAD_REQUEST if asked.problems else OK,
            page=page,
            path=request.url.path,
            reported=asked.reported,
            choices=choices,
            problems=asked.problems,
            saved=asked.saved,
            unread=asked.unread,
            of_orders=asked.of_orders,
            shown=self._shown(page, asked),
        )

    def _rendered(self, template: str, status: int, **values: object) -> Response:
        today = dt.datetime.now(dt.UTC).date()
        return HTMLResponse(self._templates.get_template(template).render(values, today=today), status)
