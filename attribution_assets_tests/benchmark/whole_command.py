"""The whole command against the same report as a plain pandas script, with an endpoint of 100 ms per answer."""

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from measure import Command, in_turn, program, ratio

from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint

LATENCY_SECONDS = 0.1


def whole_command(database: Path, first: str, last: str, runs: int) -> dict[str, Any]:
    """Run both in turn, each time from nothing, and see that they report the same.

    Args:
        database: A source database in SQLite; it is copied.
        first: First day.
        last: Last day.
        runs: How often.
    """
    with IhcEndpoint(latency_seconds=LATENCY_SECONDS) as endpoint, ExitStack() as folders:
        folder = Path()

        def command() -> Command:
            nonlocal folder
            folder = Path(folders.enter_context(TemporaryDirectory(prefix="benchmark_")))
            environment = settings(folder, shutil.copy(database, folder / "command.db"), endpoint.url, first)
            return Command(
                ["attribution-assets", "run", "--start-date", first, "--end-date", last], environment, folder
            )

        def script() -> Command:
            shutil.copy(database, folder / "script.db")
            arguments = ("script.db", endpoint.url, KEY, first, last, "script.csv")
            return Command(program("plain_script.py", *arguments), {}, folder)

        def imports() -> Command:
            agree(folder)
            return Command([sys.executable, "-c", "import attribution_assets.command.report_range"], {}, folder)

        competitors: Mapping[str, Callable[[], Command]] = {"command": command, "script": script, "imports": imports}
        taken = in_turn(competitors, runs)
    return taken | {"ratio": ratio(taken["command"], taken["script"])}


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
