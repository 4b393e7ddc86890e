"""A small shop all of whose days have been materialized: what was made of it, and what has become stale since.

It is materialized once per session and kind of database, and copied for each test.

    24 February   o1 of ann, who came on the 22nd (Display) and on the 24th (Search): credit 1/3 and 2/3
    27 February   o2 of ben, who came on the 26th (Search), and o3 of dan, who never came
    26 February   cat comes and orders nothing
"""

import datetime as dt
import functools
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.freshness.lineage import StoredState, stored_state
from attribution_assets.attribution.freshness.records import ASSETS, always_in_use
from attribution_assets.attribution.freshness.repair import Stage, next_stages
from attribution_assets.attribution.freshness.staleness import Scope, Stale, stale_days
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import ResultTables
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.automation.jobs import range_tags
from attribution_assets.settings import Settings
from attribution_assets_tests.support.databases import NewDatabase, new_databases
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop

ALL = Scope()
WINDOWS = replace(Settings().windows, first_day=dt.date(2024, 2, 20), lookback_days=4)
SOURCES = ("sessions", "conversions")
COMPARISONS = ("model_comparison",)
ATTRIBUTION = ("journeys", "ihc_attributions", *COMPARISONS)
REPORTS = ("channel_reporting", "channel_reporting_csv")


def day(number: int) -> dt.date:
    """A day of February 2024; those after the 29th are in March."""
    return dt.date(2024, 2, 1) + dt.timedelta(days=number - 1)


def days(*numbers: int) -> set[dt.date]:
    """Several days, as for `day`."""
    return {day(number) for number in numbers}


def stage(assets: Sequence[str], first: int, last: int | None = None) -> Stage:
    """A stage over days of February 2024."""
    return Stage(assets, day(first), day(first if last is None else last))


@functools.cache
def _job() -> dg.JobDefinition:
    """The job with everything: the settings that are there now are read from the environment whenever it runs."""
    assert {"ATTRIBUTION_DATABASE_URL", "IHC_API_URL", "IHC_API_KEY"} <= os.environ.keys()
    return build_definitions().resolve_job_def("attribution")


class MadeShop(Shop):
    """A shop whose assets are materialized in this process, and what is stale of them."""

    def make(
        self, assets: Iterable[str], first: int, last: int | None = None, *, instance: dg.DagsterInstance | None = None
    ) -> dg.ExecuteInProcessResult:
        """Materialize assets over days of February 2024, with their checks; the run may fail."""
        with nullcontext(instance) if instance else dg.DagsterInstance.ephemeral() as history:
            return _job().execute_in_process(
                instance=history,
                asset_selection=[dg.AssetKey(asset) for asset in assets],
                tags=range_tags(day(first), day(first if last is None else last)),
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )

    def make_next(self, stale: Stale) -> None:
        """Materialize the next stages; fails the test if a run fails."""
        for each in next_stages(stale, WINDOWS):
            assert self.make(each.assets, (each.first - day(0)).days, (each.last - day(0)).days).success

    @property
    def tables(self) -> AssetStorage:
        """The stored tables."""
        return AssetStorage(str(self.folder / "data/assets"))

    def file(self, name: str, number: int) -> Path:
        """The file of a stored table of a day of February 2024."""
        return self.folder / f"data/assets/{name}/{day(number)}.parquet"

    def state(self) -> StoredState:
        """What is stored and published."""
        return stored_state(self.tables, ResultTables(self.url).published())

    def stale(self, scope: Scope = ALL, *, windows: Windows = WINDOWS, most_rejected: float = 0.01) -> Stale:
        """What is stale now."""
        return stale_days(self.tables, self.state(), windows, most_rejected, scope)


def stale_only(**by_asset: set[dt.date]) -> dict[str, set[dt.date]]:
    """The days of `Stale` if these are all that are stale."""
    return {asset: by_asset.get(asset, set()) for asset in always_in_use() if not ASSETS[asset].reads_the_source}


@pytest.fixture(scope="session")
def paid_endpoint() -> Iterator[IhcEndpoint]:
    """The endpoint that attributes the made shop's orders."""
    with IhcEndpoint() as endpoint:
        yield endpoint


def _make(folder: Path, endpoint: IhcEndpoint, url: str | None = None) -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        shop = MadeShop(folder, monkeypatch)
        if url:
            shop.move_to(url)
        shop.asks(endpoint)
        shop.session("a1", "ann", "2024-02-22 10:00:00", "Display", 2.0)
        shop.session("a2", "ann", "2024-02-24 10:00:00", "Search", 0.5)
        shop.session("b1", "ben", "2024-02-26 11:00:00", "Search", None)
        shop.session("c1", "cat", "2024-02-26 12:00:00", "Social", 3.25)
        shop.order("o1", "ann", "2024-02-24 20:00:00", 90.0)
        shop.order("o2", "ben", "2024-02-27 09:00:00", 30.0)
        shop.order("o3", "dan", "2024-02-27 10:00:00", 7.0)
        assert shop.make(always_in_use(), 20, 28).success
    return folder


@pytest.fixture(scope="session")
def _master(tmp_path_factory: pytest.TempPathFactory, paid_endpoint: IhcEndpoint) -> Path:
    return _make(tmp_path_factory.mktemp("made_shop"), paid_endpoint)


@pytest.fixture(scope="session")
def _postgresql_master(
    tmp_path_factory: pytest.TempPathFactory, paid_endpoint: IhcEndpoint, postgresql_server: str
) -> Iterator[tuple[Path, str]]:
    with new_databases(postgresql_server) as new:
        url = new()
        yield _make(tmp_path_factory.mktemp("made_shop"), paid_endpoint, url), url


@pytest.fixture
def made_shop(_master: Path, paid_endpoint: IhcEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeShop:
    """A copy of the shop, all of whose assets are materialized from 20 to 28 February 2024."""
    folder = tmp_path / "made"
    shutil.copytree(_master, folder)
    (folder / "data/assets/made_from.txt").unlink()  # it names the database by its path
    (folder / "shop.db").rename(folder / "copied.db")
    shop = MadeShop(folder, monkeypatch)
    (folder / "copied.db").replace(folder / "shop.db")
    shop.asks(paid_endpoint)
    return shop


@pytest.fixture(params=["sqlite", "postgresql"])
def any_made_shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeShop:
    """A copy of the shop as `made_shop`: the test runs once with each kind of database."""
    if request.param == "sqlite":
        return request.getfixturevalue("made_shop")  # type: ignore[no-any-return] # it is one
    master, url = request.getfixturevalue("_postgresql_master")
    new_database: NewDatabase = request.getfixturevalue("new_database")
    folder = tmp_path / "made"
    shutil.copytree(master, folder)
    (folder / "data/assets/made_from.txt").unlink()  # it names the other database
    (folder / "shop.db").unlink()
    shop = MadeShop(folder, monkeypatch)
    shop.url = new_database(template=url)
    shop.set(ATTRIBUTION_DATABASE_URL=shop.url)
    shop.asks(request.getfixturevalue("paid_endpoint"))
    return shop
