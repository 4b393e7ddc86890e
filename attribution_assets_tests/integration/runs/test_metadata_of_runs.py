"""What the UI shows of the days of real runs: charts of each day and of the range, and numbers that add up."""

import re
from typing import Any

import dagster as dg
import pytest

from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.tables.credit import OUTCOMES
from attribution_assets.attribution.tables.schemas import RULE_MODELS
from attribution_assets.definitions import defs
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.places import PROJECT
from attribution_assets_tests.support.shop import Shop

DAYS = ["2024-02-24", "2024-02-25", "2024-02-26", "2024-02-27"]
RANGE = "2024-02-24..2024-02-27"


def shown(shop: Shop, asset: str) -> dict[str, dict[str, Any]]:
    """The latest metadata of each day of the asset."""
    with dg.DagsterInstance.from_config(str(shop.folder / "home")) as instance:
        records = instance.fetch_materializations(dg.AssetKey(asset), limit=100, ascending=True).records
    found = (record.asset_materialization for record in records)
    return {str(one.partition): {name: entry.value for name, entry in one.metadata.items()} for one in found if one}


def words(plots: str) -> list[str]:
    """The charts in words."""
    return [re.sub(r"\\(.)", r"\1", one) for one in re.findall(r"!\[(.*)\]\(data:image/svg", plots)]


@pytest.fixture
def four_days(shop: Shop) -> Shop:
    """Two visitors and three orders on the last two of four days; nothing on the second."""
    shop.session("s1", "ann", "2024-02-24 10:00:00", "Search", 10.0)
    shop.session("s2", "ann", "2024-02-26 10:00:00", "Direct", None)
    shop.session("s3", "ben", "2024-02-26 11:00:00", "Search", 2.0)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 30.0)
    shop.order("o2", "ben", "2024-02-26 21:00:00", 50.0)
    shop.order("o3", "ben", "2024-02-27 09:00:00", 100.0)
    shop.order("o4", "cat", "2024-02-27 10:00:00", 20.0)
    return shop


def test_a_run_over_a_range_draws_the_range_once_on_its_last_day(four_days: Shop) -> None:
    with IhcEndpoint() as endpoint:
        four_days.asks(endpoint)
        assert four_days.run(DAYS[0], DAYS[-1]).exit_code == 0
    days = shown(four_days, "channel_reporting")
    assert {day: [name for name in of_day if name.startswith("plots")] for day, of_day in days.items()} == {
        "2024-02-24": [],
        "2024-02-25": [],
        "2024-02-26": [],
        "2024-02-27": [f"plots_of_{RANGE}"],
    }
    costs, roas, phases = words(days["2024-02-27"][f"plots_of_{RANGE}"])
    assert costs == (
        f"Cost and attributed revenue by channel, {RANGE}, cost (12.00 in all) / attributed revenue (180 in all):"
        " Search 12.00 / 160; Direct 0 / 20.00"
    )
    assert roas.endswith("(15.00 in all; the dashed line is at 1): Search 13.33; Direct n/a")
    assert phases.endswith("Search 100.0% / 83.3% / 66.7%; Direct 0.0% / 16.7% / 33.3%")


def test_a_run_of_one_day_draws_the_day_alone(four_days: Shop) -> None:
    with IhcEndpoint() as endpoint:
        four_days.asks(endpoint)
        assert four_days.run("2024-02-26", "2024-02-26").exit_code == 0
    of_day = shown(four_days, "channel_reporting")["2024-02-26"]
    assert [name for name in of_day if name.startswith("plots")] == ["plots"]
    costs, roas, _ = words(of_day["plots"])
    assert costs.split(", cost ")[1] == (
        "(2.00 in all) / attributed revenue (70.00 in all): Search 2.00 / 50.00; Direct 0 / 20.00"
    )
    assert roas.endswith("(35.00 in all; the dashed line is at 1): Search 25.00; Direct n/a")


def test_the_numbers_of_orders_are_those_of_their_day_and_add_up(four_days: Shop) -> None:
    with IhcEndpoint() as endpoint:
        four_days.asks(endpoint)
        four_days.run(DAYS[0], DAYS[-1])
    names = ("orders", "revenue", "orders_no_sessions", "orders_unattributed_share", "revenue_unattributed_share")
    days = shown(four_days, "channel_reporting")
    assert {day: [of_day.get(name) for name in names] for day, of_day in days.items()} == {
        "2024-02-24": [0, 0.0, 0, None, None],
        "2024-02-25": [0, 0.0, 0, None, None],
        "2024-02-26": [2, 80.0, 0, 0.0, 0.0],
        "2024-02-27": [2, 120.0, 1, 0.5, pytest.approx(1 / 6, abs=1e-6)],
    }


def documented_names() -> set[str]:
    """The names in the table of ARCHITECTURE.md, each placeholder replaced by what it stands for."""
    table = (PROJECT / "attribution_assets/ARCHITECTURE.md").read_text().split("## Names of metadata")[1]
    rows = [line.split("|")[1] for line in table.split("\n## ")[0].splitlines() if line.startswith("| `")]
    stands_for = {"outcome": OUTCOMES, "model": ("ihc", *RULE_MODELS), "days": (RANGE,)}
    names = set()
    for name in re.findall("`(.+?)`", "".join(rows)):
        known = re.search("<(.+)>", name)
        names |= {name.replace(known[0], word) for word in stands_for[known[1]]} if known else {name}
    return names


def test_every_name_shown_is_explained_and_none_differs_from_another_by_word_order(four_days: Shop) -> None:
    with IhcEndpoint() as endpoint:
        four_days.asks(endpoint)
        four_days.run(DAYS[0], DAYS[-1])
    names = {name for spec in defs.resolve_all_asset_specs() for name in spec.metadata}
    with dg.DagsterInstance.from_config(str(four_days.folder / "home")) as instance:
        for entry in instance.all_logs(instance.get_runs()[0].run_id):
            if (event := entry.dagster_event) and event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                names |= event.asset_check_evaluation_data.metadata.keys()
            elif event and event.event_type == dg.DagsterEventType.ASSET_OBSERVATION:
                names |= event.asset_observation_data.asset_observation.metadata.keys()
    for asset in ASSETS:
        names |= {name for of_day in shown(four_days, asset).values() for name in of_day}
    ours = {name for name in names if not name.startswith("dagster/")}
    assert ours - documented_names() == set()
    of_words = [tuple(sorted(name.split("_"))) for name in documented_names() | ours]
    assert len(set(of_words)) == len(of_words)


def test_journeys_asked_for_and_reused_are_counted_on_their_day_and_requests_in_parts(four_days: Shop) -> None:
    names = ("journeys_asked", "journeys_reused", "requests", "requests_of_run", "journeys_reused_of_run")
    with IhcEndpoint() as endpoint:
        four_days.asks(endpoint)
        four_days.run("2024-02-26", "2024-02-26")
        four_days.session("s0", "ann", "2024-02-25 10:00:00")
        four_days.set(IHC_MAX_JOURNEYS_PER_REQUEST="2")
        four_days.run("2024-02-26", "2024-02-27")
        requests = len(endpoint.received)
    days = shown(four_days, "ihc_attributions")
    assert requests == 2
    assert {day: [days[day][name] for name in names] for day in DAYS[2:]} == {
        "2024-02-26": [1, 1, 0.5, 1, 1],
        "2024-02-27": [1, 0, 0.5, 1, 1],
    }
