"""What the sensors request, exactly: of a materialized shop, with a real history; and when they wait."""

import datetime as dt
import json
import shutil
import time
from collections.abc import Iterable, Iterator

import dagster as dg
import psycopg
import pytest
from dagster._core.events import JobFailureData  # noqa: TID251  # the end of a failed run, which this test makes

from attribution_assets.attribution.files.processes import this_process
from attribution_assets.attribution.freshness.late_data import Watch
from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.attribution.freshness.repair import Stage
from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.defs.automation.requests import MOST_RUNS_PER_TICK, due_requests, is_due
from attribution_assets.defs.automation.sensors import TRIED_LATELY, sensors
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import PROCESS_TAG, REQUEST_TAG
from attribution_assets.resources import DatabaseResource, resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.databases import create_source_tables, insert
from attribution_assets_tests.support.made_shop import (
    ATTRIBUTION,
    REPORTS,
    SOURCES,
    WINDOWS,
    MadeShop,
    day,
    stage,
)
from attribution_assets_tests.support.source_tables import order, session

CHECKS = {
    "sessions": {"matches_schema", "rows_are_usable"},
    "conversions": {"matches_schema", "rows_are_usable"},
    "spend": {"matches_schema", "rows_are_usable"},
    "journeys": {"every_day_is_made", "matches_schema", "journeys_fit_into_a_request", "orders_have_sessions"},
    "ihc_attributions": {
        "answers_are_as_learned",
        "every_day_is_made",
        "matches_schema",
        "credit_sums_to_one",
        "orders_are_conserved",
    },
    "channel_reporting": {
        "every_day_is_made",
        "matches_schema",
        "cost_is_conserved",
        "unattributed_orders_are_kept",
        "spend_goes_with_visits",
    },
    "channel_reporting_csv": {"every_day_is_made"},
    "model_comparison": {"every_day_is_made", "matches_schema", "comparisons_are_of_all_orders"},
}
restatement, late_data = sensors(Settings())
NOON = dt.datetime(2024, 3, 1, 12, 30, tzinfo=dt.UTC)
SETTLING_SECONDS = 1.1  # after a change, in which a SQLite file may be changing on

UNCHANGED = "The source has not changed since all its days were looked at."


class SourceOfMarkers(SourceDatabase):
    """A source whose tables nobody can read."""

    def fingerprints(self, table: str, days: Iterable[dt.date]) -> dict[dt.date, str]:
        raise AssertionError(f"{table} is read: {list(days)}")


class DatabaseOfMarkers(DatabaseResource):
    """The source database, without its tables."""

    def source(self) -> SourceDatabase:
        return SourceOfMarkers(self.url, WINDOWS.first_day)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    """What a tick of the sensor gives, with the settings of the environment."""
    resources = resources_of(Settings.from_environment())
    used = {"database": resources.database, "storage": resources.storage, "rules": resources.rules}
    context = dg.build_sensor_context(instance, cursor, resources=used)
    result = sensor(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def result_of(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    result = tick(sensor, instance, cursor)
    assert isinstance(result, dg.SensorResult)
    return result


def stages_of(result: dg.SensorResult) -> list[Stage]:
    """The stages that the requests ask for, each with all the checks of its assets and with no other."""
    stages = []
    for request in result.run_requests or []:
        assert request.asset_selection
        assert request.asset_check_keys is not None
        assets = tuple(key.to_user_string() for key in request.asset_selection)
        checks = [(key.asset_key.to_user_string(), key.name) for key in request.asset_check_keys]
        assert len(checks) == len(set(checks))
        assert set(checks) == {(asset, check) for asset in assets for check in CHECKS[asset]}
        first, last = (request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
        stages.append(Stage(assets, dt.date.fromisoformat(first), dt.date.fromisoformat(last)))
    return stages


def skip_reason(result: dg.SensorResult | dg.SkipReason) -> str | None:
    if isinstance(result, dg.SkipReason):
        return result.skip_message
    assert not (result.run_requests and result.skip_reason)
    return result.skip_reason.skip_message if result.skip_reason else None


def ended(instance: dg.DagsterInstance, request: dg.RunRequest, *, minutes_ago: float) -> None:
    """Have a run of the request in the history that failed some time ago."""
    run = dg.DagsterRun(job_name="attribution", status=dg.DagsterRunStatus.FAILURE, tags=dict(request.tags))
    instance.run_storage.add_run(run)
    end = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes_ago)
    event_type = dg.DagsterEventType.RUN_FAILURE.value
    failure = dg.DagsterEvent(event_type, "attribution", event_specific_data=JobFailureData(None))
    instance.run_storage.handle_run_event(run.run_id, failure, end)


def test_a_request_names_assets_checks_days_and_what_it_answers(instance: dg.DagsterInstance) -> None:
    [request] = due_requests(instance, DataSetNames(), [stage(REPORTS, 22, 24)], "state1")
    assert request.run_key == "channel_reporting+channel_reporting_csv 2024-02-22..2024-02-24 state1 0"
    assert request.asset_selection == [dg.AssetKey(asset) for asset in REPORTS]
    assert request.tags == {
        "dagster/asset_partition_range_start": "2024-02-22",
        "dagster/asset_partition_range_end": "2024-02-24",
        "days": "2024-02-22...2024-02-24",
        REQUEST_TAG: "channel_reporting+channel_reporting_csv 2024-02-22..2024-02-24 state1",
    }
    assert set(request.asset_check_keys or []) == {
        dg.AssetCheckKey(dg.AssetKey(asset), name) for asset in REPORTS for name in CHECKS[asset]
    }


def test_what_was_requested_before_is_requested_again_only_after_a_while_and_with_another_key(
    instance: dg.DagsterInstance,
) -> None:
    [first] = due_requests(instance, DataSetNames(), [stage(REPORTS, 22)], "state1")
    assert due_requests(instance, DataSetNames(), [stage(REPORTS, 22)], "state1")[0].run_key == first.run_key
    ended(instance, first, minutes_ago=1.5)
    assert due_requests(instance, DataSetNames(), [stage(REPORTS, 22)], "state1") == []
    assert len(due_requests(instance, DataSetNames(), [stage(REPORTS, 22)], "state2")) == 1
    assert len(due_requests(instance, DataSetNames(), [stage(REPORTS, 23)], "state1")) == 1


def test_what_has_failed_is_due_again_after_two_minutes(instance: dg.DagsterInstance) -> None:
    [first] = due_requests(instance, DataSetNames(), [stage(REPORTS, 22)], "state1")
    ended(instance, first, minutes_ago=2.1)
    [second] = due_requests(instance, DataSetNames(), [stage(REPORTS, 22)], "state1")
    assert second.run_key == f"{first.run_key[:-1]}1"


def test_what_was_tried_lately_leaves_its_place_to_others(instance: dg.DagsterInstance) -> None:
    stages = [stage(REPORTS, number) for number in range(20, 46, 2)]
    for request in due_requests(instance, DataSetNames(), stages, "state1"):
        ended(instance, request, minutes_ago=1)
    assert [request.run_key for request in due_requests(instance, DataSetNames(), stages, "state1")] == [
        f"channel_reporting+channel_reporting_csv {day(number)}..{day(number)} state1 0" for number in (40, 42, 44)
    ]


@pytest.mark.parametrize(("tried", "waits"), [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (50, 60)])
def test_the_wait_doubles_up_to_an_hour(tried: int, waits: int) -> None:
    before = [NOON - dt.timedelta(days=1)] * (tried - 1) + [NOON]
    assert not is_due(before, NOON + dt.timedelta(minutes=waits, seconds=-1))
    assert is_due(before, NOON + dt.timedelta(minutes=waits))


class TestRestatement:
    def test_of_a_shop_that_is_up_to_date_nothing_is_requested(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        assert made_shop.rows("channel_reporting")
        result = result_of(restatement, instance)
        assert (result.run_requests, result.cursor) == ([], "[]")
        assert skip_reason(result) == "Everything that can be is up to date."

    def test_journeys_are_requested_then_exactly_the_reports_that_they_touch_then_nothing(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        made_shop.session("a3", "ann", "2024-02-23 09:00:00")
        made_shop.make(["sessions"], 23)
        first = result_of(restatement, instance)
        assert stages_of(first) == [stage(ATTRIBUTION, 24)]
        assert skip_reason(first) is None
        made_shop.make(ATTRIBUTION, 24)
        second = result_of(restatement, instance, first.cursor)
        assert stages_of(second) == [stage(REPORTS, 22, 24)]
        made_shop.make(REPORTS, 22, 24)
        assert stages_of(result_of(restatement, instance, second.cursor)) == []

    def test_run_keys_stand_for_what_is_stored(self, made_shop: MadeShop, instance: dg.DagsterInstance) -> None:
        made_shop.session("f1", "fay", "2024-02-23 09:00:00")
        made_shop.make(["sessions"], 23)
        [first], [second] = (result_of(restatement, instance).run_requests or [] for _ in range(2))
        name, state = "channel_reporting+channel_reporting_csv 2024-02-23..2024-02-23", made_shop.state().digest()
        assert first.run_key == second.run_key == f"{name} {state} 0"
        made_shop.session("f2", "fay", "2024-02-25 09:00:00", cost=None)
        made_shop.make(["sessions"], 25)
        assert made_shop.state().digest() != state
        assert first.run_key not in {request.run_key for request in result_of(restatement, instance).run_requests or []}

    def test_a_run_that_failed_lately_is_waited_for(self, made_shop: MadeShop, instance: dg.DagsterInstance) -> None:
        made_shop.session("f1", "fay", "2024-02-23 09:00:00")
        made_shop.make(["sessions"], 23)
        [request] = result_of(restatement, instance).run_requests or []
        ended(instance, request, minutes_ago=1)
        assert skip_reason(result_of(restatement, instance)) == TRIED_LATELY

    def test_the_cursor_spares_what_was_found_right(self, made_shop: MadeShop, instance: dg.DagsterInstance) -> None:
        made_shop.session("f1", "fay", "2024-02-23 09:00:00")
        made_shop.make(["sessions", *REPORTS], 23)
        first = result_of(restatement, instance)
        assert first.cursor == json.dumps(sorted(made_shop.stale().confirmed))
        assert len(json.loads(first.cursor)) == 5 + 8
        assert result_of(restatement, instance, first.cursor).cursor == first.cursor

    def test_days_that_wait_for_corrections_are_named_and_not_requested(
        self, made_shop: MadeShop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made_shop.order("o4", "ann", "2024-02-25 10:00:00")
        made_shop.order("o5", "ann", "2024-02-25 11:00:00", -1.0)
        made_shop.make(["conversions"], 25)
        words = "Everything that can be is up to date. 2024-02-25 wait until rejected rows are corrected in the source."
        assert skip_reason(result_of(restatement, instance)) == words
        monkeypatch.setenv("ATTRIBUTION_MAX_REJECTED_SHARE", "0.5")
        assert stages_of(result_of(restatement, instance)) == [stage(ATTRIBUTION, 25)]

    def test_no_more_than_ten_runs_are_requested_at_once(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        assert made_shop.make(always_in_use(), 29, 46).success
        for number in range(20, 46, 2):
            made_shop.file("channel_reporting_csv", number).unlink()
        expected = [stage(REPORTS, number) for number in range(20, 46, 2)]
        assert MOST_RUNS_PER_TICK == 10
        assert stages_of(result_of(restatement, instance)) == expected[:10]


class TestLateData:
    def test_an_unchanged_source_is_looked_through_once_and_then_left_alone(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        time.sleep(SETTLING_SECONDS)
        first = result_of(late_data, instance)
        assert skip_reason(first) == "No changes in 2024-02-20..2024-02-28."
        assert Watch.from_cursor(first.cursor).look_on_from is None
        assert skip_reason(tick(late_data, instance, first.cursor)) == UNCHANGED
        resources = resources_of(Settings.from_environment())
        unreadable = DatabaseOfMarkers(url=made_shop.url, first_day="2024-02-20")
        used = {"database": unreadable, "storage": resources.storage, "rules": resources.rules}
        context = dg.build_sensor_context(instance, first.cursor, resources=used)
        assert skip_reason(late_data(context)) == UNCHANGED

    def test_exactly_the_changed_days_are_read_again(self, made_shop: MadeShop, instance: dg.DagsterInstance) -> None:
        first = result_of(late_data, instance)
        made_shop.session("f1", "fay", "2024-02-21 09:00:00")
        made_shop.sql(
            "UPDATE session_costs SET cost = 9 WHERE session_id = 'a2'", "DELETE FROM conversions WHERE conv_id = 'o1'"
        )
        second = result_of(late_data, instance, first.cursor)
        assert stages_of(second) == [stage(SOURCES, 24), stage(("sessions",), 21)]
        made_shop.make(SOURCES, 20, 28)
        time.sleep(SETTLING_SECONDS)
        third = result_of(late_data, instance, second.cursor)
        assert skip_reason(third) == "No changes in 2024-02-20..2024-02-28."
        assert skip_reason(tick(late_data, instance, third.cursor)) == UNCHANGED

    def test_days_whose_run_has_failed_are_requested_again_though_the_source_has_not_changed_since(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        made_shop.session("f1", "fay", "2024-02-21 09:00:00")
        first = result_of(late_data, instance)
        second = result_of(late_data, instance, first.cursor)
        assert stages_of(first) == stages_of(second) == [stage(("sessions",), 21)]

    def test_run_keys_stand_for_what_is_stored_and_in_the_source(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        def keys() -> set[str | None]:
            return {request.run_key for request in result_of(late_data, instance).run_requests or []}

        made_shop.session("f1", "fay", "2024-02-21 09:00:00")
        first, again = keys(), keys()
        assert first == again
        made_shop.session("f2", "fay", "2024-02-21 10:00:00")
        later = keys()
        assert len(first) == len(later) == 1
        assert later.isdisjoint(first)
        made_shop.make(["sessions"], 23)  # writes the same again: the same state
        assert keys() == later
        made_shop.order("o9", "fay", "2024-02-28 10:00:00")
        made_shop.make(["conversions"], 28)
        assert keys().isdisjoint(later)

    def test_what_exceeds_ten_runs_is_found_again_by_the_next_tick(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        assert made_shop.make(SOURCES, 29, 46).success
        numbers = range(20, 46, 2)
        for number in numbers:
            made_shop.session(f"f{number}", "fay", f"{day(number)} 09:00:00")
        first = result_of(late_data, instance)
        assert stages_of(first) == [stage(("sessions",), number) for number in numbers[:10]]
        for number in numbers[:10]:
            assert made_shop.make(["sessions"], number).success
        second = result_of(late_data, instance, first.cursor)
        assert stages_of(second) == [stage(("sessions",), number) for number in numbers[10:]]

    def test_of_many_days_the_latest_are_looked_at_first_and_the_oldest_in_the_next_tick(
        self, made_shop: MadeShop, instance: dg.DagsterInstance
    ) -> None:
        assert made_shop.make(SOURCES, 29, 59).success
        made_shop.session("f1", "fay", "2024-02-21 09:00:00")
        made_shop.session("f2", "fay", f"{day(59)} 09:00:00")
        first = result_of(late_data, instance)
        assert stages_of(first) == [stage(("sessions",), 59)]
        assert Watch.from_cursor(first.cursor).look_on_from == str(day(24))
        second = result_of(late_data, instance, first.cursor)
        assert stages_of(second) == [stage(("sessions",), 21), stage(("sessions",), 59)]
        assert Watch.from_cursor(second.cursor).look_on_from is None


def test_late_data_of_any_database_is_read_again(
    database_url: str, instance: dg.DagsterInstance, made_shop: MadeShop
) -> None:
    made_shop.url = database_url
    made_shop.set(ATTRIBUTION_DATABASE_URL=database_url)
    shutil.rmtree("data/assets")
    create_source_tables(database_url)
    insert(database_url, "session_sources", [session("s1", date="2024-02-21"), session("s2", date="2024-02-23")])
    insert(database_url, "conversions", [order("c1", date="2024-02-24")])
    assert made_shop.make(SOURCES, 20, 25).success
    first = result_of(late_data, instance)
    assert skip_reason(first) == "No changes in 2024-02-20..2024-02-25."
    insert(database_url, "session_costs", [("s2", 1.5)])
    insert(database_url, "conversions", [order("c2", date="2024-02-21")])
    second = result_of(late_data, instance)
    assert stages_of(second) == [stage(("sessions",), 23), stage(("conversions",), 21)]
    assert made_shop.make(["sessions"], 23).success
    assert stages_of(result_of(late_data, instance)) == [stage(("conversions",), 21)]


def test_a_locked_postgresql_is_not_asked_for_days_while_nothing_changes(
    postgresql_url: str, instance: dg.DagsterInstance, made_shop: MadeShop
) -> None:
    made_shop.set(ATTRIBUTION_DATABASE_URL=postgresql_url)
    shutil.rmtree("data/assets")
    create_source_tables(postgresql_url)
    cursor: str | None = None
    assert skip_reason(tick(late_data, instance)) == "No changes in the source: no day is read."
    deadline = time.monotonic() + 10  # the server counts what was written with a delay
    while isinstance(result := tick(late_data, instance, cursor), dg.SensorResult):
        assert time.monotonic() < deadline
        cursor = result.cursor
    assert skip_reason(result) == UNCHANGED
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("LOCK TABLE session_sources, conversions IN ACCESS EXCLUSIVE MODE")
        assert skip_reason(tick(late_data, instance, cursor)) == UNCHANGED


@pytest.mark.parametrize("sensor", [restatement, late_data], ids=["restatement", "late_data"])
@pytest.mark.parametrize("job", ["attribution", "extraction"])
def test_a_sensor_waits_while_a_run_of_the_project_is_under_way_but_for_no_other(
    made_shop: MadeShop, instance: dg.DagsterInstance, sensor: dg.SensorDefinition, job: str
) -> None:
    made_shop.session("f1", "fay", "2024-02-21 09:00:00")
    other = dg.DagsterRun(job_name="invoices", status=dg.DagsterRunStatus.STARTED)
    killed = dg.DagsterRun(job_name=job, status=dg.DagsterRunStatus.STARTED)
    killed = killed.with_tags({PROCESS_TAG: f"{killed.run_id} {dead_process()}"})
    for run in (other, killed):
        instance.run_storage.add_run(run)
    assert isinstance(tick(sensor, instance), dg.SensorResult)
    ours = instance.run_storage.add_run(dg.DagsterRun(job_name=job, status=dg.DagsterRunStatus.STARTED))
    assert skip_reason(tick(sensor, instance)) == f"Waits for the end of run {ours.run_id[:8]}."


def dead_process() -> str:
    """A process of this host that has ended: another one has its id now."""
    host, pid, started = this_process().rsplit("|", 2)
    return f"{host}|{pid}|{int(started) - 1}"
