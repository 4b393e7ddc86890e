"""What looks after the days that have been made: late rows are read again, and what they touch is brought up to date.

Each sensor gathers facts, has a pure function of `attribution/` decide, and requests runs of exactly the days decided
on. A run key stands for the state that it answers and for the hour: the same state is never requested twice while
nothing happens, and a run that failed is tried again with the next hour. While other runs are under way the sensors
wait, so that half of another run's work is not taken for staleness.
"""

import datetime as dt
import json
from collections.abc import Sequence
from hashlib import blake2b

import dagster as dg

from attribution_assets import asset_checks
from attribution_assets.attribution.days import in_words
from attribution_assets.attribution.late_data import Watch, changed_days, extraction_stages
from attribution_assets.attribution.lineage import SOURCE_ASSETS, stored_state
from attribution_assets.attribution.staleness import Scope, Stage, Stale, next_stages, stale_days
from attribution_assets.automation import attribution_job, range_tags
from attribution_assets.errors import ConfigurationError
from attribution_assets.partitions import windows
from attribution_assets.resources import DatabaseResource, Storage, failure_report_settings, max_rejected_share
from attribution_assets.run_history import runs_under_way

MOST_RUNS_PER_TICK = 10
DAYS_VERIFIED_PER_TICK = 60
OLDER_DAYS_PER_TICK = 60

CHECKS = [key for check in dg.load_asset_checks_from_modules([asset_checks]) for key in check.check_keys]


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
    return dg.SensorResult(
        run_requests=requests(next_stages(stale)[:MOST_RUNS_PER_TICK], state.digest(), dt.datetime.now(dt.UTC)),
        skip_reason=None if stale else dg.SkipReason(_nothing_to_do(stale)),
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
    stored = sorted({day for asset in SOURCE_ASSETS for day in state.stamps[asset]})
    days = watch.next_days(stored, windows.lookback_days + 1, OLDER_DAYS_PER_TICK)
    fingerprints = {asset: source.fingerprints(asset, days) for asset in SOURCE_ASSETS}
    changed = {asset: changed_days(state, asset, days, fingerprints[asset]) for asset in SOURCE_ASSETS}
    stages = extraction_stages(changed)
    version = blake2b(
        json.dumps([state.digest(), *map(str, fingerprints.values())]).encode(), digest_size=16
    ).hexdigest()
    return dg.SensorResult(
        run_requests=requests(stages[:MOST_RUNS_PER_TICK], version, dt.datetime.now(dt.UTC)),
        skip_reason=None
        if stages
        else dg.SkipReason(f"No changes in {in_words(days) or 'the source: no day is read'}."),
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


def requests(stages: Sequence[Stage], state: str, now: dt.datetime) -> list[dg.RunRequest]:
    """A run for each stage.

    Args:
        stages: What to materialize.
        state: A version that stands for the facts that the stages follow from.
        now: When the decision was made.
    """
    return [
        dg.RunRequest(
            run_key=f"{'+'.join(stage.assets)} {stage.first}..{stage.last} {state} {now:%Y-%m-%dT%H}",
            asset_selection=[dg.AssetKey(asset) for asset in stage.assets],
            asset_check_keys=[check for check in CHECKS if check.asset_key.to_user_string() in stage.assets],
            tags=range_tags(stage.first, stage.last),
        )
        for stage in stages
    ]


def _nothing_to_do(stale: Stale) -> str:
    waiting = {day for days in stale.blocked.values() for day in days}
    held_up = f" {in_words(waiting)} wait until rejected rows are corrected in the source." if waiting else ""
    return f"Everything that can be is up to date.{held_up}"
