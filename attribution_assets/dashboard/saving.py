"""Saving from the page: forms that the page itself has sent, where the one who serves it allows that.

A browser says with each form which site it came from (the header Origin); what another site has a reader's browser send
is refused. Who reaches the page may save: it has no login of its own. What is saved is in `saved.py`.
"""

import datetime as dt
import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from attribution_assets.attribution.calendar.days import day_written
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.saved import KINDS, Annotation, Kind, NotSavedError, SavedThings

MOST_BYTES = 100_000
PATHS = ("/", "/journeys")


def is_of_this_site(request: Request) -> bool:
    """Whether a request comes from a page of the host that it is addressed to."""
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")


def place_of(form: dict[str, str]) -> str:
    """The address, below the data set's base, of the page that a form was sent from; `/` if it says another one."""
    back = form.get("back", "")
    return back if back.partition("?")[0] in PATHS else "/"


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form."""
    return dict(parse_qsl(body.decode(errors="replace")))


def save_form(things: SavedThings, form: dict[str, str], read: Callable[[str], Choices]) -> None:
    """Save or delete what a form says.

    Args:
        things: Where to.
        form: kind, name, and day of an annotation; back, whose choices are what is saved of goals, views and groups;
            delete, if it is to be deleted.
        read: Reads the choices in a query.

    Raises:
        NotSavedError: It cannot be saved.
        SavedError: The database cannot be written.
    """
    named, name = form.get("kind", ""), form.get("name", "").strip()
    kind: Kind | None = next((kind for kind in KINDS if kind == named), None)
    if kind is None:
        raise NotSavedError(f"There is nothing to save of the kind {named!r}.")
    if "delete" in form:
        things.delete(kind, name)
        return
    back = urlsplit(place_of(form))
    choices = read(back.query)
    value = ""
    if kind == "goals":
        name, value = "", choices.goals_query
    elif kind == "view":
        if name in (".", ".."):  # browsers take these for steps of a path
            raise NotSavedError("A view takes another name than this.")
        value = f"{back.path}?{choices.query}"
    elif kind == "group":
        if not choices.channels or choices.grouped:
            raise NotSavedError("Choose the channels of the group, show them, then save it.")
        value = json.dumps(choices.channels)
    else:
        day = day_written(form.get("day", "").strip())
        if day is None:
            raise NotSavedError("An annotation takes a day, written YYYY-MM-DD.")
        if not name:
            raise NotSavedError("An annotation takes a text.")
        name = Annotation(day, name).name
    things.save(kind, name, value, dt.datetime.now(dt.UTC))
