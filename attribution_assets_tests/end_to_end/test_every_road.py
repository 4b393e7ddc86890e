"""Every road by which days get materialized in a running Dagster ends with the tables of one run over everything.

Code server, daemon and webserver are real processes; only their pulse is quicker, see `quick_daemon.py`.
"""

import datetime as dt
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from attribution_assets.attribution.calendar.days import days_between, in_words
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets_tests.support.dagster_ui import LOCATION, Dagster, Run, requested, running_dagster
from attribution_assets_tests.support.databases import rows_of
from attribution_assets_tests.support.ihc_endpoint import credit
from attribution_assets_tests.support.oracle import Source, Truth, truth
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import LOOKBACK_DAYS, PaidEndpoint, check_tables

FIRST, LAST = dt.date(2024, 2, 20), dt.date(2024, 3, 10)
DAYS = [FIRST + dt.timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
ORDER_ASSETS = ("journeys", "ihc_attributions", "model_comparison")
REPORT_ASSETS = ("channel_reporting", "channel_reporting_csv")
ORDERS, REPORTS = "+".join(ORDER_ASSETS), "+".join(REPORT_ASSETS)
EVERYTHING = f"sessions+conversions+spend+{ORDERS}+{REPORTS}"


STATES = """query ($location: RepositorySelector!) {
    sensorsOrError(repositorySelector: $location) { ... on Sensors { results { name sensorState { status } } } }
    schedulesOrError(repositorySelector: $location) {
        ... on Schedules { results { name scheduleState { status } } } } }"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[PaidEndpoint]:
    with PaidEndpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, endpoint: PaidEndpoint) -> Iterator[Shop]:
    """Twenty days, each with a visitor who orders the next day, and one who never orders."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        shop = Shop(tmp_path_factory.mktemp("store"), monkeypatch)
        shop.asks(endpoint)
        for day in DAYS:
            visitor = f"v{day:%m%d}"
            shop.session(f"s-{visitor}", visitor, f"{day} 09:00:00", "Search", 2.0)
            shop.session(f"p-{day:%m%d}", f"passer-by {day}", f"{day} 15:00:00", "Social", None)
            if day < LAST:
                shop.order(f"o-{visitor}", visitor, f"{day + dt.timedelta(days=1)} 12:00:00", 10.0 * day.day)
        shop.session("second", "slow", "2024-02-28 09:00:00", "Search", 2.0)
        shop.order("o-slow", "slow", "2024-03-01 12:00:00", 30.0)
        yield shop


@pytest.fixture(scope="module")
def dagster(store: Shop) -> Iterator[Dagster]:
    with running_dagster(store) as dagster:
        yield dagster


def one_run_over_everything(shop: Shop) -> Truth:
    source = Source(*(rows_of(shop.url, table) for table in ("session_sources", "session_costs", "conversions")))
    return truth(source, credit, first=FIRST, last=LAST, lookback_days=LOOKBACK_DAYS)


def days_made(runs: Iterable[Run]) -> dict[str, str]:
    """The days of each asset in all runs, none twice. Dagster cuts them into runs by what it has seen end by then."""
    days: dict[str, list[dt.date]] = {}
    for run in runs:
        for asset in run.assets:
            days.setdefault(asset, []).extend(days_between(*map(dt.date.fromisoformat, (run.first, run.last))))
    assert [asset for asset, of_runs in days.items() if len(set(of_runs)) < len(of_runs)] == []
    return {asset: in_words(of_runs) for asset, of_runs in days.items()}


def session(session_id: str, user: str, time: str, channel: str) -> str:
    """SQL that adds a session."""
    date, clock = time.split()
    return f"INSERT INTO session_sources VALUES ('{session_id}', '{user}', '{date}', '{clock}', '{channel}', 1, 0, 0)"  # noqa: S608 - the tests' own names


def test_all_schedules_and_sensors_are_there_and_nothing_runs_before_it_is_started(dagster: Dagster) -> None:
    said = dagster.ask(STATES, location=LOCATION)
    sensors = {node["name"]: node["sensorState"]["status"] for node in said["sensorsOrError"]["results"]}
    schedules = {node["name"]: node["scheduleState"]["status"] for node in said["schedulesOrError"]["results"]}
    assert sensors == dict.fromkeys(
        ("late_data", "restatement", "freshness", "failed_runs", "api_operations"), "STOPPED"
    )
    assert schedules == dict.fromkeys(("daily", "weekly_check_up"), "STOPPED")
    assert dagster.runs() == []


def test_days_made_on_every_road_alone_and_at_once_end_as_one_run_over_everything(
    dagster: Dagster, store: Shop, endpoint: PaidEndpoint
) -> None:
    dagster.wait_for_launched(dagster.launch_range(FIRST, "2024-03-06"))
    dagster.wait_for_launched(dagster.launch_job_backfill(*DAYS[-4:]))
    assert [run.does for run in dagster.runs()] == [
        f"{EVERYTHING} 2024-02-20..2024-03-06",
        f"{EVERYTHING} 2024-03-07..2024-03-10",
    ]
    read_again = ("2024-02-21", "2024-02-26", "2024-02-27", "2024-03-05", "2024-03-08")
    store.sql(
        *(session(f"more {day}", f"v{day[5:7]}{day[8:]}", f"{day} 11:00:00", "More") for day in read_again),
        session("first", "slow", "2024-02-26 15:00:00", "More"),
        "DELETE FROM conversions WHERE conv_id = 'o-v0225'",
    )
    backfill = dagster.launch_asset_backfill("2024-02-26", "2024-02-27")
    dagster.wait_for_launched(
        backfill,
        dagster.launch_day("2024-02-21"),
        dagster.launch_range("2024-03-05", "2024-03-06"),
        dagster.launch_job_backfill("2024-03-08", "2024-03-09"),
    )
    assert days_made(run for run in dagster.runs() if run.tags.get("dagster/backfill") == backfill) == {
        **dict.fromkeys(SOURCE_ASSETS, "2024-02-26..2024-02-27"),
        **dict.fromkeys(ORDER_ASSETS, "2024-02-26..2024-03-02"),
        **dict.fromkeys(REPORT_ASSETS, "2024-02-22..2024-02-27"),
    }
    dagster.start_sensors()
    dagster.wait_until_settled(time.time())
    check_tables(store, one_run_over_everything(store))
    assert requested(dagster.runs(), "late_data") == []
    assert requested(dagster.runs(), "restatement") == [
        f"{REPORTS} 2024-02-21..2024-02-21",
        f"{REPORTS} 2024-02-28..2024-02-28",
        f"{ORDERS} 2024-02-22..2024-02-22",
    ]
    assert endpoint.paid_twice == {}


def test_late_rows_are_read_and_what_they_touch_is_made_anew_in_exactly_the_runs_that_this_takes(
    dagster: Dagster, store: Shop, endpoint: PaidEndpoint
) -> None:
    before, paid = {run.run_id for run in dagster.runs()}, len(endpoint.paid)
    store.sql(
        session("late", "v0224", "2024-02-22 10:00:00", "Late"),
        session("late, no order", "nobody", "2024-02-23 10:00:00", "Late"),
        "INSERT INTO conversions VALUES ('late order', 'v0228', '2024-03-01', '08:00:00', 70.0)",
        "INSERT INTO session_costs VALUES ('p-0303', 1.5)",
        "DELETE FROM session_sources WHERE session_id = 's-v0304'",
    )
    dagster.wait_until_settled(time.time())
    check_tables(store, one_run_over_everything(store))
    dagster.wait_for_more_ticks(3)
    runs = [run for run in dagster.runs() if run.run_id not in before]
    assert {run.status for run in runs} == {"SUCCESS"}
    assert requested(runs, "late_data") == [
        "conversions 2024-03-01..2024-03-01",
        "sessions 2024-02-22..2024-02-23",
        "sessions 2024-03-03..2024-03-04",
    ]
    assert requested(runs, "restatement") == [
        f"{REPORTS} 2024-02-22..2024-02-24",
        f"{REPORTS} 2024-02-28..2024-02-28",
        f"{REPORTS} 2024-03-03..2024-03-05",
        f"{ORDERS} 2024-02-25..2024-02-25",
        f"{ORDERS} 2024-03-01..2024-03-01",
        f"{ORDERS} 2024-03-05..2024-03-05",
    ]
    assert len(runs) == 9
    assert len(endpoint.paid) - paid == 2
    assert endpoint.paid_twice == {}


def test_every_report_file_is_there(store: Shop) -> None:
    files = {path.name for path in (Path(store.folder) / "data/reports").glob("*.csv")}
    assert files == {f"channel_reporting_{day}.csv" for day in DAYS}
