"""A shop for tests: a small source database, an IHC endpoint, and the command run against them in this process."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from attribution_assets.command.cli import app
from attribution_assets_tests.support.databases import create_source_tables, execute, insert, rows_of
from attribution_assets_tests.support.ihc_endpoint import KEY, Fault, IhcEndpoint


class Shop:
    """The source database of one test, its settings, and what the command makes of it.

    Args:
        folder: Where everything lies; the current folder while the test runs.
        monkeypatch: Sets the environment variables.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder, monkeypatch
        self.database = folder / "shop.db"
        self.url = f"sqlite:///{self.database}"
        monkeypatch.chdir(folder)
        self.set(ATTRIBUTION_DATABASE_URL=self.url, DAGSTER_HOME=str(folder / "home"))
        self.database.touch()
        create_source_tables(self.url)

    def set(self, **variables: str) -> None:
        """Set environment variables for the rest of the test."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def move_to(self, url: str) -> None:
        """Have the source tables lie in another database, which is empty."""
        self.url = url
        create_source_tables(url)
        self.set(ATTRIBUTION_DATABASE_URL=url)

    def asks(self, endpoint: IhcEndpoint) -> None:
        """Have the orders attributed by this endpoint rather than by the embedded service."""
        self.set(IHC_API_URL=endpoint.url, IHC_API_KEY=KEY)

    def session(self, session_id: str, user: str, time: str, channel: str = "Search", cost: float | None = 1.0) -> None:
        """Add a session, `time` as YYYY-MM-DD HH:MM:SS."""
        insert(self.url, "session_sources", [(session_id, user, *time.split(), channel, 1, 0, 0)])
        if cost is not None:
            insert(self.url, "session_costs", [(session_id, cost)])

    def order(self, conv_id: str, user: str, time: str, revenue: float = 100.0) -> None:
        """Add an order, `time` as YYYY-MM-DD HH:MM:SS."""
        insert(self.url, "conversions", [(conv_id, user, *time.split(), revenue)])

    def sql(self, *statements: str) -> None:
        """Run statements in the database."""
        execute(self.url, *statements)

    def rows(self, table: str) -> list[tuple[object, ...]]:
        """All rows of a table, sorted."""
        return rows_of(self.url, table)

    def run(self, first: str | None = None, last: str | None = None, *more: str) -> Result:
        """The command `run`."""
        dates = (("--start-date", first), ("--end-date", last))
        arguments = [word for option, date in dates if date for word in (option, date)]
        return CliRunner().invoke(app, ["run", *arguments, *more])

    def report(self, name: str = "channel_reporting.csv") -> list[dict[str, str]]:
        """The rows of a CSV file in the reports folder, without what guards its names."""
        with (self.folder / "data/reports" / name).open(newline="", encoding="utf-8") as file:
            return [{column: unguarded(cell) for column, cell in row.items()} for row in csv.DictReader(file)]


def unguarded(cell: str) -> str:
    """A cell of a CSV file as the README says that its guard is undone."""
    cell = re.sub(r"(^|\r\n|[;\t\r\n])'", r"\1", cell)
    return re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), cell)


def endpoint(faults: Iterable[Fault | None] = (), **settings: object) -> IhcEndpoint:
    """An endpoint whose credit rises evenly along a journey: 1/3 and 2/3 of two touchpoints."""
    return IhcEndpoint(faults, **settings)  # type: ignore[arg-type]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An empty shop on SQLite."""
    return Shop(tmp_path, monkeypatch)


@pytest.fixture
def any_shop(shop: Shop, database_url: str) -> Shop:
    """An empty shop: the test runs once with each kind of database."""
    shop.move_to(database_url)
    return shop
