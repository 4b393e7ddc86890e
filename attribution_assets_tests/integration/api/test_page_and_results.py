"""The page and its downloads show the numbers that the API gives of the same days, by each model and date."""

import csv
import io
import re
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.command.cli import app as command
from attribution_assets_tests.support.dashboard_server import running_dashboard
from attribution_assets_tests.support.rows_api import DATA_SET, ApiServer

CSV = "text/csv"
FLAGS = "1,0,0"
SESSIONS = [
    "a1,ann,2024-02-22T10:00:00Z,Display",
    "a2,ann,2024-02-24T10:00:00Z,Search",
    "b1,ben,2024-02-26T11:00:00Z,Search",
    "c1,cat,2024-02-26T12:00:00Z,Social",
]
ORDERS = [
    "o1,ann,2024-02-24T20:00:00Z,90.07",
    "o2,ben,2024-02-27T09:00:00Z,30.1",
    "o3,dan,2024-02-27T10:00:00Z,7",
]
FIGURES = ("cost", "orders", "revenue", "CPO", "ROAS")
TABLES = (
    ("by_day", "channel,day", ("channel_name", "date")),
    ("channels", "channel", ("channel_name",)),
    ("over_time", "day", ("period",)),
)
"""Each table of the page: its name, what the API's report is grouped by, and its columns for that."""

Report = dict[tuple[str, ...], list[float | None]]
"""Channel, day or both -> cost, orders, revenue, CPO and ROAS."""


@pytest.fixture
def made(api: ApiServer) -> ApiServer:
    flags = "holder_engagement,closer_engagement,impression_interaction"
    sessions = [f"session_id,user_id,timestamp,channel_name,{flags}", *(f"{row},{FLAGS}" for row in SESSIONS)]
    for table, rows in (
        ("sessions", sessions),
        ("conversions", ["conv_id,user_id,timestamp,revenue", *ORDERS]),
        ("costs", ["session_id,cost", "a1,2", "a2,0.5", "c1,3.25"]),
    ):
        assert api.send(table, "\n".join(rows), CSV).json()["stored"] == len(rows) - 1
    days = ["--start-date", "2024-02-20", "--end-date", "2024-02-28"]
    assert CliRunner().invoke(command, ["run", *days, "--data-set", DATA_SET]).exit_code == 0
    return api


@pytest.fixture
def address(made: ApiServer) -> Iterator[str]:
    with running_dashboard(AssetStorage(made.settings.storage), lookback_days=4) as running:
        yield running


def read(address: str) -> str:
    with urlopen(address) as answer:  # noqa: S310  an address of ours
        text: str = answer.read().decode()
        return text


def downloaded(text: str, keys: tuple[str, ...]) -> Report:
    """The figures of a CSV file, without days that have none."""
    found = {
        tuple(row[key] for key in keys): [float(row[name]) if row[name] else None for name in FIGURES]
        for row in csv.DictReader(io.StringIO(text))
    }
    return {key: figures for key, figures in found.items() if any(figure is not None for figure in figures)}


def shown(page: str, channel: str) -> dict[str, str]:
    """The cells of a channel's row."""
    row = re.search(rf"(?s)<th[^>]*>{channel}</th>.*?</tr>", page[page.index('<table id="channels"') :])
    assert row is not None
    return dict(re.findall(r'data-label="([^"]*)"[^>]*>([^<]*)<', row[0]))


def written(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:,.2f}"


@pytest.mark.parametrize(("model", "basis"), [("ihc", "touch"), ("last_touch", "touch"), ("linear", "conversion")])
def test_the_report_is_what_the_page_and_its_downloads_show(
    made: ApiServer, address: str, model: str, basis: str
) -> None:
    query = urlencode({"model": model, "basis": f"{basis}_date", "by": "day", "days": "all"})
    for table, group, keys in TABLES:
        found = made.get("report", group=group, model=model, date_basis=basis).json()["data"]
        reported: Report = {tuple(row[: len(keys)]): row[len(keys) :] for row in ([*cells.values()] for cells in found)}
        rounded = {key: [None if one is None else round(one, 9) for one in row] for key, row in reported.items()}
        assert len(rounded) >= 3
        assert downloaded(read(f"{address}/download/overview/{table}.csv?{query}"), keys) == rounded, table
        if table == "channels":
            page = read(f"{address}/?{query}")
            for (channel,), (cost, orders, revenue, cpo, roas) in rounded.items():
                assert shown(page, channel) == {
                    "Profit": f"{(revenue or 0) - (cost or 0):+,.2f}",
                    "Cost": written(cost),
                    "Orders": f"{orders:.0f}" if model == "last_touch" else written(orders),
                    "Revenue": written(revenue),
                    "CPO": written(cpo),
                    "ROAS": written(roas),
                }
