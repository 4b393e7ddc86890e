"""A Dagster history in PostgreSQL: the settings for it, and what it says of the runs in it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import yaml

from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.shop import Shop

VARIABLE = "DAGSTER_PG_URL"


def with_driver(url: str) -> str:
    """A PostgreSQL URL that names the driver that Dagster's storage is written for."""
    return url.replace("postgresql://", "postgresql+psycopg2://")


def keep_history_in(shop: Shop, url: str, home: str = "home", pool_limit: int = 2) -> None:
    """Have a shop's history kept in a PostgreSQL database: the project's dagster.yaml, but for the storage.

    Args:
        shop: the shop.
        url: the database, as for `Shop.url`.
        home: DAGSTER_HOME, in the shop's folder.
        pool_limit: how many runs may ask the API at once.
    """
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    settings["storage"] = {"postgres": {"postgres_url": {"env": VARIABLE}}}
    settings["concurrency"]["pools"]["default_limit"] = pool_limit
    folder = shop.folder / home
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(json.dumps(settings), encoding="utf-8")
    shop.set(**{"DAGSTER_HOME": str(folder), VARIABLE: with_driver(url)})


@contextmanager
def history(shop: Shop, home: str = "home") -> Iterator[dg.DagsterInstance]:
    """The history, as others see it."""
    with dg.DagsterInstance.from_config(str(shop.folder / home)) as instance:
        yield instance


def statuses(shop: Shop) -> list[str]:
    """The status of each run, the earliest first."""
    with history(shop) as instance:
        return [run.status.value for run in reversed(instance.get_runs())]
