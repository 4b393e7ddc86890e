"""Serving the page in the foreground, until it is interrupted."""

import dagster as dg
import uvicorn

from attribution_assets.dashboard.app import create_app
from attribution_assets.dashboard.health_page import HealthLook
from attribution_assets.defs.resources import Resources
from attribution_assets.settings import webserver_url


def serve(instance: dg.DagsterInstance, resources: Resources, host: str, port: int) -> None:
    """Serve the dashboard over HTTP, without authentication.

    Args:
        instance: Dagster's instance.
        resources: The database and the storage.
        host: The address to listen on.
        port: The port.

    Raises:
        ConfigurationError: The storage or its engine cannot be used.
        SystemExit: The port is in use or not allowed.
    """
    look, windows = HealthLook(instance, resources, webserver_url()), resources.rules.windows
    app = create_app(resources.storage.tables(), windows.lookback_days, look.now, windows.last_day)
    uvicorn.run(app, host=host, port=port, lifespan="off", ws="none", access_log=False)
