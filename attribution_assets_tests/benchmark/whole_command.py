"""The whole command, and again with nothing new, against the same report as a plain pandas script."""

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from measure import Command, in_turn, program, ratio

from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint


@dataclass(frozen=True)
class Api:
    """How the API of a measurement behaves: seconds until it answers, and how much a request may hold."""

    latency_seconds: float
    sessions_per_request: int
    journeys_per_request: int


def whole_command(database: Path, first: str, last: str, runs: int, api: Api) -> dict[str, Any]:
    """Run both in turn, each time from nothing, and see that they report the same.

    Args:
        database: A source database in SQLite; it is copied.
        first: First day.
        last: Last day.
        runs: How often.
        api: The API that both ask.
    """
    limits = (api.sessions_per_request, api.journeys_per_request)
    with IhcEndpoint(latency_seconds=api.latency_seconds) as endpoint, ExitStack() as folders:
        folder = Path()

        def run() -> Command:
            environment = settings(folder, folder / "command.db", endpoint.url, first)
            environment |= {
                "IHC_MAX_SESSIONS_PER_REQUEST": str(limits[0]),
                "IHC_MAX_JOURNEYS_PER_REQUEST": str(limits[1]),
            }
            words = ["attribution-assets", "run", "--start-date", first, "--end-date", last]
            return Command(words, environment, folder)

        def command() -> Command:
            nonlocal folder
            folder = Path(folders.enter_context(TemporaryDirectory(prefix="benchmark_")))
            shutil.copy(database, folder / "command.db")
            return run()

        def script() -> Command:
            shutil.copy(database, folder / "script.db")
            arguments = ("script.db", endpoint.url, KEY, first, last, "script.csv", *limits)
            return Command(program("plain_script.py", *arguments), {}, folder)

        def imports() -> Command:
            agree(folder)
            return Command([sys.executable, "-c", "import attribution_assets.command.report_range"], {}, folder)

        competitors: Mapping[str, Callable[[], Command]] = {
            "command": command, "script": script, "imports": imports, "again": run,
        }  # fmt: skip
        taken = in_turn(competitors, runs)
    ratios = {f"ratio of {figure}": ratio(taken["command"], taken["script"], figure) for figure in taken["script"]}
    return taken | ratios


def settings(folder: Path, database: object, endpoint: str, first: str, **others: str) -> dict[str, str]:
    """The environment of a command that works in a folder of its own."""
    return {
        "ATTRIBUTION_DATABASE_URL": f"sqlite:///{database}",
        "ATTRIBUTION_STORAGE": str(folder / "assets"),
        "ATTRIBUTION_REPORTS": str(folder / "reports"),
        "ATTRIBUTION_START_DATE": first,
        "DAGSTER_HOME": str(folder / "home"),
        "IHC_API_URL": endpoint,
        "IHC_API_KEY": KEY,
        **others,
    }


def agree(folder: Path) -> None:
    """See that command and script credited the same orders alike.

    Raises:
        ValueError: They did not.
    """
    query = "SELECT date, channel_name, round(cost, 4), round(ihc, 6), round(ihc_revenue, 4) FROM channel_reporting"
    tables = []
    for name in ("command.db", "script.db"):
        engine = sa.create_engine(f"sqlite:///{folder / name}")
        with engine.connect() as connection:
            tables.append(sorted(map(tuple, connection.exec_driver_sql(query))))
        engine.dispose()
    if tables[0] != tables[1]:
        raise ValueError("the command and the script report different figures")
