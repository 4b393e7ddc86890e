"""Who did what: a line of JSON for each call that changes something or is refused, in `audit.jsonl` of the API's home.

A line has no body, no secret and no id of a visitor. Ten files of 10 MB are kept.
"""

import datetime as dt
import json
import logging
from logging.handlers import RotatingFileHandler

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attribution_assets.operations.home import Home

FILE, BYTES, FILES = "audit.jsonl", 10 * 2**20, 10
_REFUSED = (401, 403, 429)
_ONLY_READ = ("GET", "HEAD", "OPTIONS")


class Audited:
    """An application whose calls are written down.

    Args:
        app: The application.
        home: Where the file lies.
    """

    def __init__(self, app: ASGIApp, home: Home) -> None:
        self._app = app
        file = home.folder / FILE
        self._file = RotatingFileHandler(file, maxBytes=BYTES, backupCount=FILES - 1, encoding="utf-8", delay=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its line is written before its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def noted(message: Message) -> None:
            status = message.get("status")
            if status and (scope["method"] not in _ONLY_READ or status in _REFUSED):
                self._write(scope, status, state["key"].name if "key" in state else None)
            await send(message)

        await self._app(scope, receive, noted)

    def _write(self, scope: Scope, status: int, key: str | None) -> None:
        line = {
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
            "key": key,
            "client": (scope.get("client") or [None])[0],
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
        }
        self._file.handle(logging.makeLogRecord({"msg": json.dumps(line)}))
        self._file.close()  # until the next one
