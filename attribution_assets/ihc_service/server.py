"""Runs the embedded IHC service: in a thread of this process, or by itself in the foreground.

The HTTP contract is in `app`, the arithmetic in `model`.
"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from attribution_assets.ihc_service.app import COMPUTE_IHC_PATH, create_app
from attribution_assets.ihc_service.model import ModelParameters
from attribution_assets.serving import BOUNDED, BoundedBodies, KnownHosts

LOOPBACK = "127.0.0.1"
STARTUP_POLL_SECONDS = 0.002
LONGEST_SHUTDOWN_SECONDS = 1
FEWEST_BODY_BYTES, BYTES_PER_SESSION = 64 * 2**20, 2**10
"""The bound on a request's body: so much for each session that it may have, and not below the first."""


@contextmanager
def embedded_ihc_service(
    max_journeys_per_request: int = 100,
    max_sessions_per_request: int = 200,
    conversion_types: Mapping[str, ModelParameters] | None = None,
) -> Iterator[str]:
    """Run the service in a thread of this process, on a free loopback port, as long as the context is open.

    Args:
        max_journeys_per_request: a request with more journeys is rejected.
        max_sessions_per_request: a request with more sessions is rejected.
        conversion_types: as for `create_app`.

    Yields:
        The full URL of `compute_ihc`. The service is ready, and needs no API key.

    Raises:
        RuntimeError: if the service does not start.
    """
    config = uvicorn.Config(
        _guarded(
            create_app(max_journeys_per_request, max_sessions_per_request, conversion_types=conversion_types),
            max_sessions_per_request,
        ),
        **BOUNDED,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=LONGEST_SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    with socket.create_server((LOOPBACK, 0)) as listener:
        url = f"http://{LOOPBACK}:{listener.getsockname()[1]}{COMPUTE_IHC_PATH}"
        thread = threading.Thread(target=server.run, args=([listener],), name="embedded-ihc-service", daemon=True)
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the embedded IHC service did not start")
                time.sleep(STARTUP_POLL_SECONDS)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def serve(  # noqa: PLR0913 - what it listens on, and what `create_app` takes
    port: int,
    *,
    max_journeys_per_request: int = 100,
    max_sessions_per_request: int = 200,
    api_key: str | None = None,
    allowed_hosts: Sequence[str] = (),
    conversion_types: Mapping[str, ModelParameters] | None = None,
) -> None:
    """Run the service in the foreground on a loopback port, until it is interrupted.

    Args:
        port: the port; 0 for a free one, which the log names.
        max_journeys_per_request: a request with more journeys is rejected.
        max_sessions_per_request: a request with more sessions is rejected.
        api_key: if set, a request with another `x-api-key` is rejected.
        allowed_hosts: names that it answers as, besides loopback.
        conversion_types: as for `create_app`.

    Raises:
        SystemExit: if the port is in use or not allowed.
    """
    app = create_app(max_journeys_per_request, max_sessions_per_request, api_key, conversion_types)
    uvicorn.run(_guarded(app, max_sessions_per_request, allowed_hosts), host=LOOPBACK, port=port, **BOUNDED)


def _guarded(app: FastAPI, max_sessions_per_request: int, allowed_hosts: Sequence[str] = ()) -> KnownHosts:
    most_bytes = max(FEWEST_BODY_BYTES, BYTES_PER_SESSION * max_sessions_per_request)
    return KnownHosts(BoundedBodies(app, most_bytes), LOOPBACK, allowed_hosts)
