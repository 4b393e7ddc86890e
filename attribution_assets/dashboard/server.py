"""Serving the page in the foreground, until it is interrupted."""

import threading
from collections.abc import Mapping, Sequence

import dagster as dg
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from attribution_assets.charts import rendering
from attribution_assets.dashboard.app import Place, create_app
from attribution_assets.dashboard.health_page import HealthLook
from attribution_assets.dashboard.learned_model import LearnedModelLook
from attribution_assets.defs.resources import Resources
from attribution_assets.serving import BOUNDED, KnownHosts
from attribution_assets.settings import currency, webserver_url


def serve(
    instance: dg.DagsterInstance,
    data_sets: Mapping[str, Resources],
    host: str,
    port: int,
    allowed_hosts: Sequence[str] = (),
) -> None:
    """Serve the dashboard over HTTP, without authentication.

    Args:
        instance: Dagster's instance.
        data_sets: Name of each data set -> its database and storage.
        host: The address to listen on.
        port: The port.
        allowed_hosts: Names that it answers as, besides its address and loopback.

    Raises:
        ConfigurationError: The storage or its engine cannot be used, or a variable has no usable value.
        SystemExit: The port is in use or not allowed.
    """
    addresses = {name: f"/data-sets/{name}" if name else "" for name in data_sets}
    if "" not in addresses:  # the first one opens where there is none without a name
        addresses[next(iter(addresses))] = ""
    apps = {}
    for name, resources in data_sets.items():
        windows, base = resources.rules.windows, addresses[name]
        apps[base] = create_app(
            resources.storage.tables(),
            windows.lookback_days,
            HealthLook(instance, resources, webserver_url()).now,
            windows.last_day,
            csv_guard=windows.csv_guard,
            currency=currency(),
            dimensions=(*windows.dimensions, *windows.order_dimensions),
            place=Place(name, base, addresses),
            learned_model=LearnedModelLook(resources.storage.tables(), resources.ihc_api).of,
        )
    app = Starlette(routes=[Mount(base, apps[base]) for base in sorted(apps, reverse=True)])  # "" takes what is left
    threading.Thread(target=rendering.prepare, daemon=True).start()
    uvicorn.run(KnownHosts(app, host, allowed_hosts), host=host, port=port, access_log=False, **BOUNDED)
