"""Long lists in pages: `{"data": [...], "next": cursor}`, where `next` is null at the end."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from attribution_assets.api.problems import Problem

MOST = 1_000
Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many")]
Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=500)]
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    data: list[Item] = Field(description="What the page holds")
    next: str | None = Field(None, description="The cursor of the next page; null if this is the last")


def cursor_after(place: str) -> str:
    """The cursor of the page that begins after a place."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str) -> str:
    """The place after which the page of a cursor begins.

    Raises:
        Problem: 422, it is no cursor.
    """
    try:
        return base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, UnicodeError):
        raise no_cursor() from None


def number_of(cursor: str | None) -> int | None:
    """The number before which the page of a cursor begins, of lists that have the latest first; None: the first page.

    Raises:
        Problem: 422, it is no cursor.
    """
    if cursor is None:
        return None
    place = place_of(cursor)
    if not place.isascii() or not place.isdigit() or len(place) > 18:  # noqa: PLR2004 - what SQLite's integers hold
        raise no_cursor()
    return int(place)


def no_cursor() -> Problem:
    """What a text that is no cursor is refused with."""
    problem = {"pointer": "/query/cursor", "detail": "it is no cursor that a page gave as next"}
    return Problem(422, "Invalid request", problem["detail"], [problem])


def page_of(items: Mapping[str, Any], limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of things by their names."""
    after = place_of(cursor) if cursor else ""
    names = [name for name in sorted(items) if name > after]
    following = cursor_after(names[limit - 1]) if len(names) > limit else None
    return {"data": [items[name] for name in names[:limit]], "next": following}
