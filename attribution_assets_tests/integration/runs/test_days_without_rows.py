"""A run of a day of which the source has no row: it succeeds, whatever is stored before it, and nothing moves."""

import datetime as dt

import dagster as dg
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.results.result_days import final_and_provisional_days, reported_days
from attribution_assets.command.current_status import current_status
from attribution_assets.definitions import build_definitions
from attribution_assets.instance.opening import dagster_instance, history_to_read
from attribution_assets.monitoring.health import PipelineHealth
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.shop import Shop

FIRST, LAST, LATER = dt.date(2024, 2, 24), dt.date(2024, 2, 26), dt.date(2024, 4, 10)


@pytest.fixture
def small(shop: Shop) -> Shop:
    """A shop whose data ends on 2024-02-26, and whose days have been made; journeys reach back four days."""
    shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
    assert shop.run(str(FIRST), str(LAST)).exit_code == 0
    return shop


def make(first: dt.date, last: dt.date) -> bool:
    """Run the job over days, as the UI does; whether it succeeded."""
    job = build_definitions().resolve_job_def("attribution")
    with dagster_instance() as instance:
        tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
        return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success


def test_it_succeeds_although_the_days_before_were_never_read(small: Shop) -> None:
    assert make(LATER, LATER)
    tables = resources_of(Settings.from_environment()).storage.tables()
    assert {asset: LATER in tables.stored_days(asset) for asset in always_in_use()} == dict.fromkeys(
        always_in_use(), True
    )
    status, _ = current_status(resources_of(Settings.from_environment()))
    assert not status.stale
    assert small.report()[-1]["date"] == "2024-02-24"


def test_a_day_with_orders_still_needs_the_sessions_of_its_whole_window(small: Shop) -> None:
    small.order("o2", "ann", f"{LATER} 10:00:00", 10.0)
    make(LATER, LATER)
    tables = resources_of(Settings.from_environment()).storage.tables()
    assert LATER not in tables.stored_days("journeys")


def test_the_last_day_with_data_stays_where_it_was_on_the_page_in_the_figures_and_for_the_command(small: Shop) -> None:
    resources = resources_of(Settings.from_environment())
    tables = resources.storage.tables()

    def seen() -> object:
        status, _ = current_status(resources)
        with history_to_read() as instance:
            pipeline = PipelineHealth(instance, resources)
            health = pipeline.now()
            assert not pipeline.calendar_ended()
        window = days_between(FIRST - dt.timedelta(days=2), LAST)
        return (
            [day for day in reported_days(tables) if day <= LAST],
            reported_days(tables)[-1],
            final_and_provisional_days(tables, *(FIRST, LAST), 4),
            (status.final, [day for day in status.provisional if day <= LAST]),
            [day for day in health.days.provisional if day <= LAST],
            [day for day in health.days.latest_window if day in window],
            sorted(day for day in health.history.materialized["sessions"] if day <= str(LAST)),
        )

    before = seen()
    assert make(LAST + dt.timedelta(days=1), LAST + dt.timedelta(days=8))
    assert seen() == before
    report = small.report()
    assert small.run().exit_code == 0
    assert small.report() == report


def test_days_are_final_once_a_later_day_has_rows(small: Shop) -> None:
    assert make(LAST + dt.timedelta(days=1), LAST + dt.timedelta(days=4))
    tables = resources_of(Settings.from_environment()).storage.tables()
    assert final_and_provisional_days(tables, FIRST, LAST, 4)[0] == []
    small.session("s9", "zoe", "2024-03-01 10:00:00", "Search", 1.0)
    assert make(dt.date(2024, 3, 1), dt.date(2024, 3, 1))
    assert final_and_provisional_days(tables, FIRST, LAST, 4)[0] == [FIRST, dt.date(2024, 2, 25), LAST]


def test_data_that_ends_makes_its_last_days_final(small: Shop) -> None:
    small.set(ATTRIBUTION_END_DATE=str(LAST))
    resources = resources_of(Settings.from_environment())
    status, _ = current_status(resources)
    assert status.provisional == []
    with history_to_read() as instance:
        assert PipelineHealth(instance, resources).calendar_ended()
    rejected = small.run(str(FIRST), "2024-02-27")
    assert rejected.exit_code == 2
    assert (
        "2024-02-27 is after ATTRIBUTION_END_DATE: the last day that can be reported is 2024-02-26" in rejected.output
    )
    calendars = {
        asset.partitions_def.get_partition_keys()[-1]
        for asset in build_definitions().assets or ()
        if isinstance(asset, dg.AssetsDefinition) and asset.partitions_def
    }
    assert calendars == {str(LAST)}
