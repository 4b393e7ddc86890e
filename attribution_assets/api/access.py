"""Who may call what: dependencies of the API's routes. Each call needs a key with the scope that its route names."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from attribution_assets.api.keys import Key, Keys, Scope
from attribution_assets.api.problems import Problem
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.data_sets import data_sets
from attribution_assets.settings import Settings

_BEARER = HTTPBearer(auto_error=False, scheme_name="apiKey", description="A key of `attribution-assets api-key create`")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
DataSetName = Annotated[str, Path(description="the data set's name", examples=["shop_de"])]


def caller(request: Request, credentials: Credentials) -> Key:
    """The key of a call.

    Raises:
        Problem: 401, there is none or it does not work.
    """
    keys: Keys = request.app.state.keys
    key = keys.of(credentials.credentials) if credentials else None
    if key is None:
        detail = "send the header Authorization: Bearer KEY, with a key of `attribution-assets api-key create`"
        raise Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
    return key


Caller = Annotated[Key, Depends(caller)]


def with_scope(scope: str) -> Callable[..., Key]:
    """A dependency that gives the key of a call, which has a scope: 401 or 403 otherwise."""
    needed = Scope(scope)

    def key_with_scope(key: Caller) -> Key:
        if not key.may(needed):
            raise Problem(403, "Forbidden", f"this key has not the scope {needed}")
        return key

    return key_with_scope


def data_set_of(scope: str) -> Callable[..., Settings]:
    """A dependency of routes under `/v1/data-sets/{name}` that gives the data set's settings, usable ones.

    It answers 401 without a key, 403 without the scope or for another's data set, 404 if there is none of this name,
    and 409 if its settings cannot be used.

    Args:
        scope: What the key needs: read, write, run or admin.
    """

    def settings_of_data_set(key: Annotated[Key, Depends(with_scope(scope))], name: DataSetName) -> Settings:
        if not key.knows(name):
            raise Problem(403, "Forbidden", "this key is not for this data set")
        found = data_sets()
        settings, problem = found.usable.get(name), found.unusable.get(name, "")
        if settings and not settings.missing:
            return settings
        if settings or problem:
            raise Problem(409, "Not possible", problem or (settings.missing if settings else ""))
        raise Problem(404, "Not found", f"there is no data set {quoted(name)}")

    return settings_of_data_set
