"""Serving the page in the foreground, until it is interrupted."""

import threading
from collections.abc import Sequence

import dagster as dg
import uvicorn

from attribution_assets.charts import rendering
from attribution_assets.dashboard.app import create_app
from attribution_assets.dashboard.health_page import HealthLook
from attribution_assets.defs.resources import Resources
from attribution_assets.serving import BOUNDED, KnownHosts
from attribution_assets.settings import currency, webserver_url


def serve(
    instance: dg.DagsterInstance, resources: Resources, host: str, port: int, allowed_hosts: Sequence[str] = ()
) -> None:
    """Serve the dashboard over HTTP, without authentication.

    Args:
        instance: Dagster's instance.
        resources: The database and the storage.
        host: The address to listen on.
        port: The port.
        allowed_hosts: Names that it answers as, besides its address and loopback.

    Raises:
        ConfigurationError: The storage or its engine cannot be used, or a variable has no usable value.
        SystemExit: The port is in use or not allowed.
    """
    rules, health = resources.rules, HealthLook(instance, resources, webserver_url()).now
    windows, storage = rules.windows, resources.storage.tables()
    app = create_app(
        storage,
        windows.lookback_days,
        health,
        windows.last_day,
        csv_guard=windows.csv_guard,
        currency=currency(),
        dimensions=(*windows.dimensions, *windows.order_dimensions),
    )
    threading.Thread(target=rendering.prepare, daemon=True).start()
    uvicorn.run(KnownHosts(app, host, allowed_hosts), host=host, port=port, access_log=False, **BOUNDED)
