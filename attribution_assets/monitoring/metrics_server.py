"""The HTTP server that Prometheus scrapes for the metrics of the pipeline.

How scrapes are answered belongs here. Which metrics there are, and where they come from, is in `metrics.py`.
"""

import socket
from collections.abc import Callable, Mapping, Sequence

import dagster as dg
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from attribution_assets.monitoring.metrics import PipelineMetrics
from attribution_assets.resources import Resources
from attribution_assets.serving import BOUNDED, KnownHosts


def serve_metrics(
    instance: dg.DagsterInstance,
    data_sets: Mapping[str, Resources],
    host: str,
    port: int,
    allowed_hosts: Sequence[str] = (),
) -> Callable[[], None]:
    """Listen for scrapes, once the history has been read for the first time.

    Args:
        instance: Dagster's instance.
        data_sets: Name of each data set -> its database and storage.
        host: Address to listen on.
        port: Port to listen on.
        allowed_hosts: Names that the server answers as, besides its address and loopback.

    Returns:
        A function that answers scrapes until it is interrupted.

    Raises:
        OSError: The address cannot be listened on.
    """
    registry = CollectorRegistry(auto_describe=False)
    metrics = PipelineMetrics(instance, data_sets)
    list(metrics.collect())
    registry.register(metrics)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen()
    app = KnownHosts(_application(registry), host, allowed_hosts)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, **BOUNDED))
    return lambda: server.run([listener])


def _application(registry: CollectorRegistry) -> Starlette:
    def scrape(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/metrics", scrape)], middleware=[Middleware(GZipMiddleware)])
