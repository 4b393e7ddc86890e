"""Serving the page in the foreground, until it is interrupted."""

import dagster as dg
import uvicorn

from attribution_assets.dashboard.app import create_app
from attribution_assets.dashboard.health_page import HealthLook
from attribution_assets.defs.resources import Resources


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
    rules, health = resources.rules, HealthLook(instance, resources).now
    app = create_app(resources.storage.tables(), rules.lookback_days, health, csv_guard=rules.csv_guard)
    uvicorn.run(app, host=host, port=port, lifespan="off", ws="none", access_log=False)
