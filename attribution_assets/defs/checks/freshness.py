"""Whether each asset has the latest day that is due: a check, and a sensor that keeps its result up to date.

Dagster's `FreshnessPolicy` asks when anything of an asset was materialized last: an old day made anew turns it fresh
while yesterday is missing. The builder that asks for the latest partition, `build_time_partition_freshness_checks`, is
superseded by the policy. So this looks at the stored days themselves. It warns, and blocks nothing.
"""

import datetime as dt
import json
from collections.abc import Iterator, Sequence

import dagster as dg

from attribution_assets.attribution.freshness.records import always_in_use
from attribution_assets.defs.partitions import daily_partitions
from attribution_assets.defs.resource_names import with_resources_of
from attribution_assets.defs.resources import Storage
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.settings import Settings

NAME = "latest_day_is_stored"
PATIENCE = dt.timedelta(hours=3)
"""How long after the start of the schedule `daily` a day may take until it is due."""


def freshness_keys(names: DataSetNames) -> list[dg.AssetCheckKey]:
    """The check of each asset that there is with any settings; others are made from the latest day of these."""
    return [names.check_key(asset, NAME) for asset in always_in_use()]


def freshness_check(settings: Settings) -> dg.AssetChecksDefinition:
    """The check of all assets in one step; it is of no day. The jobs leave it out; the command's runs take it along."""
    names = DataSetNames(settings.data_set)
    specs = [
        dg.AssetCheckSpec(NAME, asset=key.asset_key, description="The latest day that is due has been materialized")
        for key in freshness_keys(names)
    ]

    def freshness(context: dg.AssetCheckExecutionContext, storage: Storage) -> Iterator[dg.AssetCheckResult]:
        """Compare the latest stored day of each selected asset with the latest day that is due."""
        due = latest_day_due(settings, dt.datetime.now(dt.UTC))
        for key in context.selected_asset_check_keys:
            asset = key.asset_key.path[-1]
            found = evaluation(key.asset_key, storage.tables().stored_days(asset), due)
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=NAME,
                passed=found.passed,
                severity=found.severity,
                description=found.description,
                metadata=found.metadata,
            )

    decorator = dg.multi_asset_check(name=names.of("freshness"), specs=specs, can_subset=True)
    return decorator(with_resources_of(freshness, names))


def freshness_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `freshness`: it records the check's result without a run, whenever the result has changed."""
    names = DataSetNames(settings.data_set)

    def freshness(context: dg.SensorEvaluationContext, storage: Storage) -> dg.SensorResult | dg.SkipReason:
        """Evaluate the check of each asset; what has been said before is not said again."""
        due, tables = latest_day_due(settings, dt.datetime.now(dt.UTC)), storage.tables()
        found = [evaluation(names.key(asset), tables.stored_days(asset), due) for asset in always_in_use()]
        said = json.dumps([[str(due)], *([each.asset_key.path[-1], each.description] for each in found)])
        if said == context.cursor:
            return dg.SkipReason("Nothing has changed.")
        return dg.SensorResult(asset_events=found, cursor=said)

    decorator = dg.sensor(
        name=names.of("freshness"),
        minimum_interval_seconds=300,
        tags=names.tags,
        description="Says in the check latest_day_is_stored of each asset whether the latest day that is due is there",
    )
    return decorator(with_resources_of(freshness, names))


def latest_day_due(settings: Settings, now: dt.datetime) -> dt.date | None:
    """The last day of the calendar that the schedule `daily` has had the time to make; None if there is none yet.

    A calendar that has ended stays with its last day, so that nothing is missing any more once that is there.
    """
    calendar = daily_partitions(settings.first_day, settings.last_day)
    last = calendar.get_last_partition_key()
    if last is None:
        return None
    made_by_now = (now - PATIENCE - dt.timedelta(hours=settings.daily_hour)).date() - dt.timedelta(days=1)
    due = min(made_by_now, dt.date.fromisoformat(last))
    return due if due >= settings.first_day else None


def evaluation(asset: dg.AssetKey, stored: Sequence[dt.date], due: dt.date | None) -> dg.AssetCheckEvaluation:
    """Whether an asset has the day that is due.

    Args:
        asset: The asset's key.
        stored: Its stored days.
        due: The latest day that it should have; None if there is none yet.
    """
    fresh = due is None or due in stored
    last = f"the last stored day is {max(stored)}" if stored else "no day is stored"
    metadata = {"day_due": str(due or ""), "day_stored_last": str(max(stored, default=""))}
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=NAME,
        passed=fresh,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if fresh else f"{due} is missing: {last}",
        metadata={name: dg.MetadataValue.text(text) for name, text in metadata.items() if text},
    )
