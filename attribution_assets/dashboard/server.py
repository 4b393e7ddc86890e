"""Serving the page in the foreground, until it is interrupted."""

import uvicorn

from attribution_assets.attribution.asset_storage import AssetStorage
from attribution_assets.dashboard.app import create_app


def serve(storage: AssetStorage, lookback_days: int, host: str, port: int) -> None:
    """Serve the page.

    Args:
        storage: The stored days that it shows.
        lookback_days: Length of the lookback window.
        host: The address to listen on.
        port: The port.

    Raises:
        SystemExit: The port cannot be had.
    """
    uvicorn.run(create_app(storage, lookback_days), host=host, port=port, lifespan="off", ws="none", access_log=False)
