"""Sensors, off at first: re-read late source rows, and bring stale days up to date.

Each sensor gathers facts, has a pure function of `attribution/` decide, and requests runs of exactly the days decided
on (`requests`). While other runs are under way the sensors wait, so that half
of another run's work is not taken for staleness.
"""

import datetime as dt
import json
from collections.abc import Callable

import dagster as dg

from attribution_assets.attribution.calendar.days import in_words
from attribution_assets.attribution.freshness.late_data import Watch, changed_days, extraction_stages
from attribution_assets.attribution.freshness.lineage import stored_state
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.attribution.freshness.repair import next_stages
from attribution_assets.attribution.freshness.staleness import Scope, Stale, stale_days
from attribution_assets.attribution.storage.stamps import digest
from attribution_assets.defs.automation.jobs import jobs
from attribution_assets.defs.automation.requests import due_requests
from attribution_assets.defs.resource_names import with_resources_of
from attribution_assets.defs.resources import DatabaseResource, ReportingRules, Storage
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import runs_under_way
from attribution_assets.settings import Settings

DAYS_VERIFIED_PER_TICK = 60
OLDER_DAYS_PER_TICK = 30
TRIED_LATELY = "What is to be done was tried lately, and is tried again later: see the last runs."


def sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensors of a data set; they wait for its runs alone."""
    names = DataSetNames(settings.data_set)
    attribution, _ = jobs(names)
    described: dict[Callable[..., dg.SensorResult | dg.SkipReason], str] = {
        restatement: "Requests exactly the days whose stored tables are no longer what their inputs say",
        late_data: "Reads again exactly the days whose rows were added, changed or removed in the source since",
    }
    return [
        dg.sensor(
            name=names.of(function.__name__),
            job=attribution,
            minimum_interval_seconds=30,
            description=description,
            tags=names.tags,
        )(with_resources_of(function, names))
        for function, description in described.items()
    ]


def restatement(
    context: dg.SensorEvaluationContext, database: DatabaseResource, storage: Storage, rules: ReportingRules
) -> dg.SensorResult | dg.SkipReason:
    """Requests stale journeys with their attributions; once these are right, the reports that they touch."""
    if waiting := runs_under_way(context.instance, rules.names):
        return dg.SkipReason(f"Waits for the end of {waiting}.")
    tables, windows = storage.tables(), rules.windows
    state = stored_state(tables, database.results().published())
    scope = Scope(confirmed=frozenset(json.loads(context.cursor or "[]")), most_verified=DAYS_VERIFIED_PER_TICK)
    stale = stale_days(tables, state, windows, rules.max_rejected_share, scope)
    due = due_requests(context.instance, rules.names, next_stages(stale, windows), state.digest())
    return dg.SensorResult(
        run_requests=due,
        skip_reason=None if due else dg.SkipReason(TRIED_LATELY if stale else _nothing_to_do(stale)),
        cursor=json.dumps(sorted(stale.confirmed)),
    )


def late_data(
    context: dg.SensorEvaluationContext, database: DatabaseResource, storage: Storage, rules: ReportingRules
) -> dg.SensorResult | dg.SkipReason:
    """Compares fingerprints of the source's days with what was read: the latest days each time, the others in turn."""
    if waiting := runs_under_way(context.instance, rules.names):
        return dg.SkipReason(f"Waits for the end of {waiting}.")
    source, watch, windows = database.source(), Watch.from_cursor(context.cursor), rules.windows
    marker = source.change_marker()
    if watch.look_on_from is None:
        if watch.marker == marker:
            return dg.SkipReason("The source has not changed since all its days were looked at.")
        watch = Watch(marker)
    state = stored_state(storage.tables(), {})
    calendar = windows.first_day, windows.last_day or dt.date.max
    stored = sorted(
        {day for asset in SOURCE_ASSETS for day in state.stamps[asset] if calendar[0] <= day <= calendar[1]}
    )
    days = watch.next_days(stored, windows.lookback_days + 1, OLDER_DAYS_PER_TICK)
    fingerprints = {asset: source.fingerprints(asset, days) for asset in SOURCE_ASSETS}
    changed = {asset: changed_days(state, asset, days, fingerprints[asset]) for asset in SOURCE_ASSETS}
    stages = extraction_stages(changed)
    seen = {f"{asset}/{day}": found for asset, of_days in fingerprints.items() for day, found in of_days.items()}
    due = due_requests(context.instance, rules.names, stages, digest({"stored": state.digest(), **seen}))
    unchanged = f"No changes in {in_words(days) or 'the source: no day is read'}."
    return dg.SensorResult(
        run_requests=due,
        skip_reason=None if due else dg.SkipReason(TRIED_LATELY if stages else unchanged),
        cursor=watch.after(days, stored, changes=bool(stages)).cursor(),
    )


def _nothing_to_do(stale: Stale) -> str:
    waiting = {day for days in stale.blocked.values() for day in days}
    held_up = f" {in_words(waiting)} wait until rejected rows are corrected in the source." if waiting else ""
    return f"Everything that can be is up to date.{held_up}"
