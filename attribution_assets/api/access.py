"""Who may call what: each call under /v1 needs a key, with the scope that its route names in a dependency."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from attribution_assets.api.keys import Key, Keys, Scope
from attribution_assets.api.limits import FailedTries, RateLimit
from attribution_assets.api.problems import Problem
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.data_sets import data_set_named, file_of
from attribution_assets.operations.store import OperationStore
from attribution_assets.settings import Settings

DataSetName = Annotated[str, Path(description="The data set's name", examples=["shop_de"])]


@dataclass(frozen=True)
class Guard:
    """What calls are checked with.

    Attributes:
        keys: the keys.
        rate_limit: how many calls each may make.
        failed_tries: slows those who try keys.
    """

    keys: Keys
    rate_limit: RateLimit = field(default_factory=RateLimit)
    failed_tries: FailedTries = field(default_factory=FailedTries)

    async def key_of(self, authorization: str | None, address: str) -> Key:
        """The key of a call.

        Args:
            authorization: The header of this name.
            address: Where the call comes from.

        Raises:
            Problem: 401, there is none or it does not work; 429, there are too many calls.
        """
        scheme, _, secret = (authorization or "").partition(" ")
        given = secret.strip() if scheme.lower() == "bearer" else ""
        if key := await run_in_threadpool(self.keys.of, given) if given else None:
            self.rate_limit.take(key.name)
            return key
        if given:
            await self.failed_tries.slow(address)
        detail = "send the header Authorization: Bearer KEY, with a key of `attribution-assets api-key create`"
        raise Problem(401, "Unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


class WithKeys:
    """An application that answers calls under /v1 only with a key that works, before it reads their bodies.

    Args:
        app: The application; the scope that it is given has the key as `state["key"]`.
        guard: What calls are checked with.
    """

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == "/v1" or path.startswith("/v1/")):
            client = scope.get("client") or ("", 0)
            try:
                key = await self._guard.key_of(Headers(scope=scope).get("authorization"), client[0])
            except Problem as problem:
                await problem.response(scope, receive, send)
                return
            scope.setdefault("state", {})["key"] = key
        await self._app(scope, receive, send)


_BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="A key of `attribution-assets api-key create`")


def caller(request: Request, _: Annotated[object, Depends(_BEARER)]) -> Key:
    """The key of a call."""
    key: Key = request.scope["state"]["key"]
    return key


Caller = Annotated[Key, Depends(caller)]


def with_scope(scope: str) -> Callable[..., Key]:
    """A dependency that gives the key of a call: 403 if it has not the scope."""
    needed = Scope(scope)

    def key_with_scope(key: Caller) -> Key:
        if not key.may(needed):
            raise Problem(403, "Forbidden", f"this key has not the scope {needed}")
        return key

    return key_with_scope


Reader = Annotated[Key, Depends(with_scope("read"))]
Writer = Annotated[Key, Depends(with_scope("write"))]
Runner = Annotated[Key, Depends(with_scope("run"))]
Admin = Annotated[Key, Depends(with_scope("admin"))]


def require_data_set(key: Key, name: str) -> None:
    """See that a key is for a data set, whether there is one of this name or not.

    Raises:
        Problem: 403, it is not.
    """
    if not key.knows(name):
        raise Problem(403, "Forbidden", "this key is not for this data set")


def require_kept(request: Request, name: str) -> None:
    """See that a data set is neither deleted nor being deleted.

    Raises:
        Problem: 404, it is gone; 409, its deletion is queued or under way.
    """
    if file_of(name) is None:
        raise not_there(name)
    operations: OperationStore = request.app.state.operations
    if operations.is_being_deleted(name):
        raise Problem(409, "Not possible", "the data set is being deleted")


def not_there(name: str) -> Problem:
    """What is answered where a key may know that there is no such data set."""
    return Problem(404, "Not found", f"there is no data set {quoted(name)}")


def data_set_of(scope: str) -> Callable[..., Settings]:
    """A dependency of routes under `/v1/data-sets/{name}` that gives the data set's settings, usable ones.

    It answers 403 without the scope or for another's data set, 404 if there is none of this name, and 409 if its
    settings cannot be used, or it is being deleted and the scope is not read.

    Args:
        scope: What the key needs: read, write, run or admin.
    """

    def settings_of_data_set(
        request: Request, key: Annotated[Key, Depends(with_scope(scope))], name: DataSetName
    ) -> Settings:
        require_data_set(key, name)
        settings = data_set_named(name)
        if settings is None:
            raise not_there(name)
        if settings.missing:
            raise Problem(409, "Not possible", settings.missing)
        if Scope(scope) is not Scope.READ:
            require_kept(request, name)
        return settings

    return settings_of_data_set
