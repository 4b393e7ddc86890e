"""Serving the page in the foreground, until it is interrupted."""

import signal
import threading
from collections.abc import Mapping, Sequence

import dagster as dg
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from attribution_assets.charts import rendering
from attribution_assets.dashboard.app import create_app
from attribution_assets.dashboard.health_page import HealthLook
from attribution_assets.dashboard.learned_model import LearnedModelLook
from attribution_assets.dashboard.pages import Place
from attribution_assets.dashboard.saved import SavedThings
from attribution_assets.resources import Resources
from attribution_assets.serving import BOUNDED, KnownHosts
from attribution_assets.settings import currency, webserver_url


def serve(  # noqa: PLR0913 - each is a choice of its own
    instance: dg.DagsterInstance,
    data_sets: Mapping[str, Resources],
    host: str,
    port: int,
    allowed_hosts: Sequence[str] = (),
    *,
    allow_saving: bool = False,
) -> None:
    """Serve the dashboard over HTTP, without authentication.

    Args:
        instance: Dagster's instance.
        data_sets: Name of each data set -> its database and storage.
        host: The address to listen on.
        port: The port.
        allowed_hosts: Names that it answers as, besides its address and loopback.
        allow_saving: Whether everyone who reaches it may save goals, views and the like.

    Raises:
        ConfigurationError: The storage or its engine cannot be used, or a variable has no usable value.
        SystemExit: The port is in use or not allowed.
    """
    addresses = {name: f"/data-sets/{name}" if name else "" for name in data_sets}
    if "" not in addresses:  # the first one opens where there is none without a name
        addresses[next(iter(addresses))] = ""
    apps = {}
    for name, resources in data_sets.items():
        windows, database, base = resources.rules.windows, resources.database, addresses[name]
        apps[base] = create_app(
            resources.storage.tables(),
            windows,
            HealthLook(instance, resources, webserver_url()).now,
            currency=currency(),
            place=Place(name, base, addresses),
            learned_model=LearnedModelLook(resources.storage.tables(), resources.ihc_api).of,
            saved=SavedThings(database.url, database.names.of(""), makes_file=bool(database.source_url)),
            allow_saving=allow_saving,
        )
    app = Starlette(routes=[Mount(base, apps[base]) for base in sorted(apps, reverse=True)])  # "" takes what is left
    threading.Thread(target=rendering.script, daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else nothing deletes what narrowed days have in files
    uvicorn.run(KnownHosts(app, host, allowed_hosts), host=host, port=port, access_log=False, **BOUNDED)
