"""Several data sets: what it takes to load the location, a tick of all their sensors, and ten runs side by side."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from generate import FIRST_DAY, Size, make_database
from measure import Command, in_turn, program, ratio

from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint

LATENCY_SECONDS = 1.0
SMALL = Size(sessions=3_000, orders=300, days=7)
SIDE_BY_SIDE = 10


def data_sets(runs: int) -> dict[str, Any]:
    """Measure 1, 10 and 50 data sets, and ten of them one after another and side by side.

    Args:
        runs: How often.
    """
    with TemporaryDirectory(prefix="benchmark_") as name:
        folder = Path(name)
        make_database(folder / "shop.db", SMALL)
        loading: Mapping[str, Callable[[], Command]] = {
            f"load and tick, {count} data sets": _loading(folder, count) for count in (1, 10, 50)
        }
        taken = in_turn(loading, runs)
        with IhcEndpoint(latency_seconds=LATENCY_SECONDS) as endpoint, ExitStack() as folders:
            side_by_side = {
                f"{SIDE_BY_SIDE} data sets, {jobs} at a time": _running(folder, endpoint.url, jobs, folders)
                for jobs in (1, 4)
            }
            taken |= in_turn(side_by_side, runs)
    one, four = (taken[name] for name in side_by_side)
    return taken | {"side by side / one after another": ratio(four, one)}


def _loading(folder: Path, count: int) -> Callable[[], Command]:
    sets = folder / f"sets_{count}"
    sets.mkdir()
    for number in range(count):
        (sets / f"shop_{number:02}.yaml").write_text(f"database_url: sqlite:///{folder}/shop.db\n")
    environment = {
        "ATTRIBUTION_DATA_SETS": str(sets),
        "ATTRIBUTION_DATABASE_URL": f"sqlite:///{folder}/shop.db",  # of the environment's own
        "ATTRIBUTION_START_DATE": str(FIRST_DAY),
    }
    return lambda: Command(program("load_and_tick.py"), environment, folder)


def _running(folder: Path, endpoint: str, jobs: int, folders: ExitStack) -> Callable[[], Command]:
    def command() -> Command:
        place = Path(folders.enter_context(TemporaryDirectory(prefix="benchmark_")))
        (place / "sets").mkdir()
        for number in range(SIDE_BY_SIDE):
            database = place / f"shop_{number}.db"
            database.write_bytes((folder / "shop.db").read_bytes())
            (place / f"sets/shop_{number}.yaml").write_text(f"database_url: sqlite:///{database}\n")
        environment = {
            "ATTRIBUTION_DATA_SETS": str(place / "sets"),
            "ATTRIBUTION_START_DATE": str(FIRST_DAY),
            "DAGSTER_HOME": str(place / "home"),
            "IHC_API_URL": endpoint,
            "IHC_API_KEY": KEY,
        }
        words = ["attribution-assets", "run", "--all-data-sets", "--jobs", str(jobs)]
        return Command(words, environment, place)

    return command
