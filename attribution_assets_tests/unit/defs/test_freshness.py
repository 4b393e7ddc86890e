"""Freshness asks for the latest day that is due, whatever was materialized last."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.checks.freshness import NAME, evaluation, freshness_sensor, latest_day_due
from attribution_assets.defs.resources import Storage
from attribution_assets.settings import Settings

SETTINGS = Settings(first_day=dt.date(2024, 2, 20), daily_hour=5)
DUE = dt.date(2024, 3, 9)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2024-03-10 07:59", "2024-03-08"),
        ("2024-03-10 08:00", "2024-03-09"),
        ("2024-03-11 07:59", "2024-03-09"),
        ("2024-02-21 08:00", "2024-02-20"),
    ],
)
def test_a_day_is_due_three_hours_after_the_daily_schedule_began_to_make_it(now: str, due: str) -> None:
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    assert latest_day_due(SETTINGS, moment) == dt.date.fromisoformat(due)


def test_a_schedule_late_in_the_day_has_its_three_hours_too() -> None:
    late = Settings(first_day=dt.date(2024, 2, 20), daily_hour=23)
    assert latest_day_due(late, dt.datetime(2024, 3, 10, 1, 59, tzinfo=dt.UTC)) == dt.date(2024, 3, 7)
    assert latest_day_due(late, dt.datetime(2024, 3, 10, 2, 0, tzinfo=dt.UTC)) == dt.date(2024, 3, 8)


def test_before_the_first_day_is_due_nothing_is_missing() -> None:
    assert latest_day_due(SETTINGS, dt.datetime(2024, 2, 21, 7, 59, tzinfo=dt.UTC)) is None
    assert evaluation(dg.AssetKey("sessions"), [], None).passed
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    assert latest_day_due(Settings(first_day=tomorrow), dt.datetime.now(dt.UTC)) is None


def test_an_asset_is_fresh_while_it_has_the_day_that_is_due() -> None:
    fresh = evaluation(dg.AssetKey("sessions"), [dt.date(2024, 3, 1), DUE], DUE)
    assert (fresh.passed, fresh.description) == (True, None)
    assert {name: value.value for name, value in fresh.metadata.items()} == {
        "day_due": "2024-03-09",
        "day_stored_last": "2024-03-09",
    }


def test_a_missing_day_is_a_warning_that_names_it() -> None:
    behind, empty = (
        evaluation(dg.AssetKey("sessions"), [dt.date(2024, 3, 1)], DUE),
        evaluation(dg.AssetKey("sessions"), [], DUE),
    )
    assert (behind.passed, behind.description) == (False, "2024-03-09 is missing: the last stored day is 2024-03-01")
    assert (empty.passed, empty.description) == (False, "2024-03-09 is missing: no day is stored")
    assert behind.severity == empty.severity == dg.AssetCheckSeverity.WARN


@pytest.fixture
def look(storage: AssetStorage) -> Callable[[str | None], Any]:
    """The sensor's next tick, given the cursor of the last one."""
    resources = {"storage": Storage(root=str(storage._root))}  # noqa: SLF001  # its folder, as a setting

    def tick(cursor: str | None) -> Any:  # noqa: ANN401  the type of a tick is private to Dagster
        with dg.build_sensor_context(cursor=cursor, resources=resources) as context:
            return freshness_sensor(SETTINGS).evaluate_tick(context)

    return tick


def test_an_old_day_made_anew_makes_no_asset_fresh_and_only_the_missing_day_does(
    look: Callable[[str | None], Any], storage: AssetStorage, table: Callable[..., pd.DataFrame]
) -> None:
    due = latest_day_due(SETTINGS, dt.datetime.now(dt.UTC))
    assert due
    first = look(None)
    said = [(each.asset_key.path, each.check_name, each.passed) for each in first.asset_events]
    assert said == [([asset], NAME, False) for asset in always_in_use()]
    assert look(first.cursor).skip_message == "Nothing has changed."

    storage.write("sessions", DayTable(dt.date(2024, 3, 1), table("sessions"), {}))
    restated = look(first.cursor)
    assert not any(each.passed for each in restated.asset_events)

    storage.write("sessions", DayTable(due, table("sessions"), {}))
    made = look(restated.cursor)
    assert [each.asset_key.to_user_string() for each in made.asset_events if each.passed] == ["sessions"]
    assert not made.run_requests


def test_in_a_run_of_an_old_day_the_check_still_asks_for_the_latest(
    storage: AssetStorage, table: Callable[..., pd.DataFrame]
) -> None:
    storage.write("sessions", DayTable(dt.date(2024, 3, 1), table("sessions"), {}))
    stored = {"storage": Storage(root=str(storage._root))}  # noqa: SLF001  # its folder, as a setting
    keys = [dg.AssetCheckKey(dg.AssetKey("sessions"), name) for name in ("matches_schema", NAME)]
    jobs = [
        dg.define_asset_job("of_a_day", selection=dg.AssetSelection.checks(*keys)),
        dg.define_asset_job("executed", selection=dg.AssetSelection.checks(keys[1])),
    ]
    definitions = dg.Definitions.merge(build_definitions(SETTINGS, stored), dg.Definitions(jobs=jobs))
    of_a_day = definitions.resolve_job_def("of_a_day").execute_in_process(tags={"dagster/partition": "2024-03-01"})
    executed = definitions.resolve_job_def("executed").execute_in_process()
    for result, others in ((of_a_day, {"matches_schema": True}), (executed, {})):
        assert result.success
        said = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
        assert said == {NAME: False, **others}
