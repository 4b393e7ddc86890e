"""What looks after the days that have been made: late rows are read again, and what they touch is brought up to date.

Each sensor gathers facts, has a pure function of `attribution/` decide, and requests runs of exactly the days decided
on. A request stands for the state that it answers. If the same has to be requested again, as after a run that failed,
it is after 2, 4, 8, ... minutes, in the end once an hour. While other runs are under way the sensors wait, so that half
of another run's work is not taken for staleness.
"""

import datetime as dt
import json
from collections.abc import Sequence

import dagster as dg

from attribution_assets.attribution.calendar.days import in_words
from attribution_assets.attribution.freshness.late_data import Watch, changed_days, extraction_stages
from attribution_assets.attribution.freshness.lineage import SOURCE_ASSETS, stored_state
from attribution_assets.attribution.freshness.staleness import Scope, Stage, Stale, next_stages, stale_days
from attribution_assets.attribution.storage.stamps import digest
from attribution_assets.defs.automation.schedules import attribution_job, stage_request
from attribution_assets.defs.partitions import windows
from attribution_assets.defs.resources import DatabaseResource, Storage, failure_report_settings
from attribution_assets.errors import ConfigurationError
from attribution_assets.instance.runs import REQUEST_TAG, runs_of_request, runs_under_way
from attribution_assets.settings import max_rejected_share

MOST_RUNS_PER_TICK = 10
DAYS_VERIFIED_PER_TICK = 60
OLDER_DAYS_PER_TICK = 30
FIRST_WAIT, LONGEST_WAIT, MOST_DOUBLINGS = dt.timedelta(minutes=2), dt.timedelta(hours=1), 5
TRIED_LATELY = "What is to be done was tried lately, and is tried again later: see the last runs."


@dg.sensor(
    job=attribution_job,
    minimum_interval_seconds=30,
    description="Requests exactly the days whose stored tables are no longer what their inputs say",
)
def restatement(
    context: dg.SensorEvaluationContext, database: DatabaseResource, storage: Storage
) -> dg.SensorResult | dg.SkipReason:
    """Requests stale journeys with their attributions; once these are right, the reports that they touch."""
    if waiting := runs_under_way(context.instance):
        return dg.SkipReason(f"Waits for the end of {waiting}.")
    tables = storage.tables()
    state = stored_state(tables, database.results().published())
    scope = Scope(confirmed=frozenset(json.loads(context.cursor or "[]")), most_verified=DAYS_VERIFIED_PER_TICK)
    stale = stale_days(tables, state, windows, max_rejected_share(), scope)
    due = due_requests(context.instance, next_stages(stale, windows), state.digest())
    return dg.SensorResult(
        run_requests=due,
        skip_reason=None if due else dg.SkipReason(TRIED_LATELY if stale else _nothing_to_do(stale)),
        cursor=json.dumps(sorted(stale.confirmed)),
    )


@dg.sensor(
    job=attribution_job,
    minimum_interval_seconds=30,
    description="Reads again exactly the days whose rows were added, changed or removed in the source since",
)
def late_data(
    context: dg.SensorEvaluationContext, database: DatabaseResource, storage: Storage
) -> dg.SensorResult | dg.SkipReason:
    """Compares fingerprints of the source's days with what was read: the latest days each time, the others in turn."""
    if waiting := runs_under_way(context.instance):
        return dg.SkipReason(f"Waits for the end of {waiting}.")
    source, watch = database.source(), Watch.from_cursor(context.cursor)
    marker = source.change_marker()
    if watch.look_on_from is None:
        if watch.marker == marker:
            return dg.SkipReason("The source has not changed since all its days were looked at.")
        watch = Watch(marker)
    state = stored_state(storage.tables(), {})
    stored = sorted({day for asset in SOURCE_ASSETS for day in state.stamps[asset] if day >= windows.first_day})
    days = watch.next_days(stored, windows.lookback_days + 1, OLDER_DAYS_PER_TICK)
    fingerprints = {asset: source.fingerprints(asset, days) for asset in SOURCE_ASSETS}
    changed = {asset: changed_days(state, asset, days, fingerprints[asset]) for asset in SOURCE_ASSETS}
    stages = extraction_stages(changed)
    seen = {f"{asset}/{day}": found for asset, of_days in fingerprints.items() for day, found in of_days.items()}
    due = due_requests(context.instance, stages, digest({"stored": state.digest(), **seen}))
    unchanged = f"No changes in {in_words(days) or 'the source: no day is read'}."
    return dg.SensorResult(
        run_requests=due,
        skip_reason=None if due else dg.SkipReason(TRIED_LATELY if stages else unchanged),
        cursor=watch.after(days, stored, changes=bool(stages)).cursor(),
    )


@dg.run_failure_sensor(description="Says in the log of its ticks which run failed, and why")
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Log the failure; the UI shows it with the tick."""
    run = context.dagster_run
    context.log.error("Run %s of %s failed: %s", run.run_id, run.job_name, context.failure_event.message)


def failure_reports() -> list[dg.SensorDefinition]:
    """The sensors that report failed runs: in the log, and by e-mail or in Slack where these are set up.

    Raises:
        ConfigurationError: A setting is missing, or Slack's package is not installed.
    """
    settings, sensors = failure_report_settings(), [failed_runs]
    if settings.email_to:
        sensors.append(
            dg.make_email_on_run_failure_sensor(
                settings.email_from,
                settings.email_password,
                settings.email_to,
                smtp_host=settings.smtp_host,
                name="failed_runs_by_email",
            )
        )
    if settings.slack_channel:
        try:
            from dagster_slack import make_slack_on_run_failure_sensor  # noqa: PLC0415  an extra
        except ImportError:
            raise ConfigurationError(
                "ATTRIBUTION_SLACK_CHANNEL needs the package dagster-slack: pip install 'attribution-assets[slack]'"
            ) from None
        sensors.append(
            make_slack_on_run_failure_sensor(settings.slack_channel, settings.slack_token, name="failed_runs_in_slack")
        )
    return sensors


def due_requests(instance: dg.DagsterInstance, stages: Sequence[Stage], state: str) -> list[dg.RunRequest]:
    """A run for each stage that is due, up to `MOST_RUNS_PER_TICK`.

    Args:
        instance: Whose history says which of them were requested before.
        stages: What to materialize.
        state: A version that stands for the facts that the stages follow from.
    """
    due: list[dg.RunRequest] = []
    for stage in stages:
        request = f"{'+'.join(stage.assets)} {stage.first}..{stage.last} {state}"
        before = runs_of_request(instance, request)
        if len(due) < MOST_RUNS_PER_TICK and is_due(before, dt.datetime.now(dt.UTC)):
            due.append(stage_request(stage, f"{request} {len(before)}", {REQUEST_TAG: request}))
    return due


def is_due(before: Sequence[dt.datetime], now: dt.datetime) -> bool:
    """Whether the same may be requested now: at once if it never was, else some time after the last run of it.

    Args:
        before: When each of the earlier runs ended.
        now: The time now.
    """
    wait = min(FIRST_WAIT * 2 ** min(len(before) - 1, MOST_DOUBLINGS), LONGEST_WAIT) if before else dt.timedelta()
    return not before or now - max(before) >= wait


def _nothing_to_do(stale: Stale) -> str:
    waiting = {day for days in stale.blocked.values() for day in days}
    held_up = f" {in_words(waiting)} wait until rejected rows are corrected in the source." if waiting else ""
    return f"Everything that can be is up to date.{held_up}"
