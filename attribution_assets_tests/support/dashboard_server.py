"""The page for marketing on a free loopback port, in a thread of this process."""

import datetime as dt
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import uvicorn

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.app import create_app
from attribution_assets.dashboard.choices import Choices
from attribution_assets.dashboard.health_page import HealthPage
from attribution_assets.dashboard.learned_model import LearnedModel
from attribution_assets.dashboard.saved import SavedThings
from attribution_assets_tests.support.stored_results import LOOKBACK_DAYS


@contextmanager
def running_dashboard(  # noqa: PLR0913 - as for `create_app`
    storage: AssetStorage,
    health: Callable[[], HealthPage] = lambda: HealthPage([], [], []),
    *,
    lookback_days: int = LOOKBACK_DAYS,
    currency: str = "",
    dimensions: Sequence[str] = (),
    learned_model: Callable[[Choices], LearnedModel | None] | None = None,
    order_dimensions: Sequence[str] = (),
    saved: SavedThings | None = None,
    allow_saving: bool = False,
) -> Iterator[str]:
    """The page's address, as long as the context is open."""
    windows = replace(
        Windows(dt.date(2023, 8, 1), lookback_days),
        direct_channels=frozenset({"direct"}),
        dimensions=tuple(dimensions),
        order_dimensions=tuple(order_dimensions),
    )
    config = uvicorn.Config(
        create_app(
            storage,
            windows,
            health,
            currency=currency,
            saved=saved,
            allow_saving=allow_saving,
            learned_model=learned_model,
        ),
        lifespan="off",
        ws="none",
        log_config=None,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
