"""What a run makes again: only what is not fresh, and all of that."""

import datetime as dt
import os
from collections.abc import Collection, Iterator, Sequence

import dagster as dg
import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.freshness.obstacles import obstacles, obstacles_by_asset
from attribution_assets.attribution.freshness.records import assets_in_use
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import StoredDays
from attribution_assets.command.fresh_days import NotFresh, days_not_fresh
from attribution_assets.instance.opening import dagster_instance
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop

FIRST, LAST = "2024-02-24", "2024-02-27"
FRESH = "All days are up to date. None was made again"


@pytest.fixture
def week(shop: Shop) -> Shop:
    """A shop with two orders, reported once."""
    shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
    shop.session("s2", "ann", "2024-02-26 10:00:00", "Search", 0.5)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
    shop.order("o2", "ann", "2024-02-27 20:00:00", 10.0)
    return shop


def made(shop: Shop) -> list[str]:
    """What each run made, the oldest first: the days of its tag."""
    with dg.DagsterInstance.from_config(str(shop.folder / "home")) as instance:
        return [run.tags["days"] for run in reversed(instance.get_runs()) if run.job_name == "attribution"]


def run(shop: Shop, *more: str, exit_code: int = 0) -> str:
    result = shop.run(FIRST, LAST, *more)
    assert result.exit_code == exit_code, result.output
    return result.output


def test_an_unchanged_run_makes_nothing_and_again_makes_all(week: Shop) -> None:
    assert FRESH not in run(week)
    report = week.report()
    before = made(week)
    assert FRESH in run(week)
    assert made(week) == before
    assert week.report() == report
    assert FRESH not in run(week, "--again")
    assert made(week)[len(before) :] == [f"{FIRST}...{LAST}"]


def test_a_dry_run_says_which_days_it_would_attribute_and_change(week: Shop) -> None:
    planned = " ".join(run(week, "--dry-run").split())
    assert "Days to attribute: 2024-02-24..2024-02-27. Days that would change: 2024-02-20..2024-02-27." in planned
    assert not (week.folder / "data").exists()
    run(week)
    assert "Every day is fresh: no day would change." in run(week, "--dry-run")


def test_a_dry_run_names_the_stored_days_whose_orders_it_does_not_count(week: Shop) -> None:
    assert "Not counted" not in run(week, "--dry-run")
    run(week)
    planned = week.run(FIRST, "2024-02-25", "--dry-run")
    assert (
        "Not counted: a run asks for orders of 2024-02-26..2024-02-27 too, if late rows have changed their journeys."
        in " ".join(planned.output.split())
    )


def test_a_day_that_has_changed_is_made_again_with_what_it_touches(week: Shop) -> None:
    run(week)
    before = made(week)
    week.order("o3", "ann", "2024-02-27 21:00:00", 50.0)
    assert FRESH not in run(week)
    assert made(week)[len(before)] == LAST
    assert sum(float(row["ihc_revenue"]) for row in week.report()) == pytest.approx(150.0)


def test_a_stale_day_that_the_range_touches_is_made_again_though_another_day_is_due(week: Shop) -> None:
    assert week.run("2024-02-20", "2024-03-04").exit_code == 0
    report = week.folder / "data/assets/channel_reporting/2024-02-21.parquet"  # 02-28 touches this day, 03-04 does not
    report.unlink()
    week.order("o3", "ann", "2024-03-04 21:00:00", 50.0)
    assert week.run("2024-02-28", "2024-03-04").exit_code == 0
    assert report.exists()


def test_nothing_is_looked_at_again_after_a_range_that_is_fresh_and_all_of_it_where_nothing_is_stored(
    week: Shop,
) -> None:
    first, last = map(dt.date.fromisoformat, (FIRST, LAST))
    days, touched = days_between(first, last), (dt.date(2024, 2, 20), dt.date(2024, 3, 2))
    resources = resources_of(Settings.from_environment())
    with dagster_instance() as instance:
        assert days_not_fresh(instance, resources, first, last) == NotFresh(set(days), touched)
    run(week)
    with dagster_instance() as instance:
        assert days_not_fresh(instance, resources, first, last) == NotFresh(set(), None)
    rules, storage = resources.rules, resources.storage.tables()
    around, assets = days_between(*touched), assets_in_use(rules.windows)
    together = obstacles_by_asset(storage, assets, around, rules.windows, rules.max_rejected_share)
    assert together == {
        asset: obstacles(storage, asset, around, rules.windows, rules.max_rejected_share) for asset in assets
    }
    assert together["journeys"].left_out


def test_files_that_are_not_there_or_were_written_elsewhere_last_are_written_again(week: Shop) -> None:
    run(week)
    file = week.folder / "data/reports/channel_reporting_2024-02-26.csv"
    right = file.read_text(encoding="utf-8")
    file.unlink()
    run(week)
    assert file.read_text(encoding="utf-8") == right
    week.set(ATTRIBUTION_REPORTS="data/elsewhere")
    run(week)
    week.order("o3", "ann", "2024-02-26 21:00:00", 50.0)
    run(week)
    week.set(ATTRIBUTION_REPORTS="data/reports")
    run(week)
    assert file.read_text(encoding="utf-8") == (week.folder / "data/elsewhere" / file.name).read_text(encoding="utf-8")
    assert file.read_text(encoding="utf-8") != right


def test_a_history_that_does_not_know_of_the_days_has_them_made_again(week: Shop) -> None:
    run(week)
    week.set(DAGSTER_HOME=str(week.folder / "another"))
    os.makedirs(week.folder / "another")  # noqa: PTH103
    assert FRESH not in run(week)


def test_a_day_that_a_check_stopped_is_checked_again(week: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(
        credit: StoredDays, orders: StoredDays, days: Sequence[dt.date], direct: Collection[str]
    ) -> Iterator[tuple[dt.date, dict[str, pd.DataFrame]]]:
        for day, tables in right(credit, orders, days, direct):
            yield day, {name: frame.iloc[:0] for name, frame in tables.items()}

    from attribution_assets.defs.assets import comparison  # noqa: PLC0415

    right = comparison.comparisons_by_day
    with monkeypatch.context() as patched:
        patched.setattr(comparison, "comparisons_by_day", nothing)
        run(week, exit_code=1)
    run(week)
    storage = AssetStorage(str(week.folder / "data/assets"))
    assert len(storage.days("model_comparison", [dt.date(2024, 2, 26)]).frame(dt.date(2024, 2, 26)))
    assert FRESH in run(week)


def test_attributions_of_other_settings_are_made_again(week: Shop) -> None:
    with IhcEndpoint() as endpoint:
        run(week)
        week.asks(endpoint)
        assert FRESH not in run(week)
        assert len(endpoint.received) == 1
        assert FRESH in run(week)
