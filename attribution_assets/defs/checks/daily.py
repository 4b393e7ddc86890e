"""What all checks have in common: partitioned by day, with an evaluation of each day in a range too.

*Execute* in the UI starts a run without days: it checks all days that are stored.
"""

import datetime as dt
import warnings
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

import dagster as dg

from attribution_assets.attribution.freshness.obstacles import obstacles
from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.storage.stored_days import MissingDaysError
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.defs.checks.problem_table import problems_metadata
from attribution_assets.defs.io_managers import partition_days
from attribution_assets.defs.partitions import daily_partitions
from attribution_assets.defs.resources import ReportingRules, Storage
from attribution_assets.instance.dagster_internals import check_without_partition
from attribution_assets.settings import Settings

CheckFunction = Callable[..., dg.AssetCheckResult | Iterator[dg.AssetCheckResult]]


@dataclass(frozen=True)
class DailyCheck:
    """A check of an asset without its calendar.

    Attributes:
        function: the function that checks a run's days.
        asset: the asset that it checks.
        name: its name.
        blocking: whether the assets that read this one wait for it, and are not made if it fails.
    """

    function: CheckFunction
    asset: str
    name: str
    blocking: bool

    def definition(self, settings: Settings) -> dg.AssetChecksDefinition:
        """The check of each day of the settings' calendar."""
        with warnings.catch_warnings():  # Dagster calls partitioned checks a preview; tests pin what they give
            warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)
            decorator = dg.asset_check(
                asset=self.asset,
                name=self.name,
                partitions_def=daily_partitions(settings.first_day, settings.last_day),
                blocking=self.blocking,
            )
            return decorator(self.function)  # type: ignore[arg-type]  # it takes generators too


def daily_check(asset: str, *, blocking: bool = True) -> Callable[[CheckFunction], DailyCheck]:
    """Make a check of the asset of a function, named like it."""
    return lambda function: DailyCheck(function, asset, function.__name__, blocking)


def has_days(context: dg.AssetCheckExecutionContext) -> bool:
    """Whether the run is of certain days; without any, all that is stored is checked."""
    return bool(context.has_partition_key or context.has_partition_key_range)


def days_to_check(context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules) -> list[dt.date]:
    """The days that a check looks at, in calendar order: without those that are held up, or left out and never made.

    Raises:
        MissingDaysError: A day of the run was never materialized, though it can be.
    """
    asset, tables = _key(context).asset_key.path[-1], storage.tables()
    days = partition_days(context) if has_days(context) else tables.stored_days(asset)
    hindered = obstacles(tables, asset, days, rules.windows, rules.max_rejected_share)
    missing = set(tables.days(asset, days).missing)
    if never_made := missing.intersection(hindered.without(days)):
        raise MissingDaysError(asset, sorted(never_made))
    return [day for day in days if day not in missing and day not in hindered.held_up]


PROBLEMS_SHOWN = 10
"""Of each day; the event log is no place for all rows of a broken table."""

LONGEST_PROBLEM = 1_000
"""The most characters of one; names in it are shortened where it is worded."""


def evaluated(
    context: dg.AssetCheckExecutionContext,
    problems_by_day: Iterable[tuple[dt.date, list[str]]],
    tolerated: Container[dt.date] = (),
    *,
    stops_only_its_day: bool = False,
) -> dg.AssetCheckResult:
    """The result over all days that are checked; besides, unless the run is of one day, an evaluation of each day.

    Dagster plans an evaluation for each day of a range, but makes only one that belongs to none, and would show the
    days as skipped.

    Args:
        context: Of the check.
        problems_by_day: What is wrong on each day.
        tolerated: Days whose problems are a warning, which blocks nothing.
        stops_only_its_day: Whether what is made of the asset in the same run leaves out a day with problems by itself,
            so that it may go on with the other days.
    """
    if not has_days(context):
        check_without_partition(context, _key(context).asset_key)
    checked, problems, stopped = 0, {}, []
    for day, found in problems_by_day:
        checked += 1
        if found:
            problems[str(day)] = _some_of(found)
            if day not in tolerated:
                stopped.append(str(day))
        if not context.has_partition_key:
            _evaluate_day(context, day, _some_of(found), _severity(blocks=not found or day not in tolerated))
    if not checked:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="None of the days can be checked: they are not stored, or held up.",
        )
    goes_on = stops_only_its_day and len(stopped) < checked and _is_read_in_the_run(context)
    named = sorted(problems, key=lambda day: (day not in stopped[:1], day))[:3]
    return dg.AssetCheckResult(
        passed=not problems,
        severity=_severity(blocks=not problems or (bool(stopped) and not goes_on)),
        description="; ".join(f"{day}: {problems[day][0]}" for day in named) or None,
        metadata={"days_checked": checked, **problems_metadata(problems)},
    )


def _severity(*, blocks: bool) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN


def _is_read_in_the_run(context: dg.AssetCheckExecutionContext) -> bool:
    """Whether the run makes an asset that reads the one that is checked."""
    asset = _key(context).asset_key.path[-1]
    made = {key.path[-1] for key in context.job_def.asset_layer.executable_asset_keys}
    return any(given.asset == asset for name in made & ASSETS.keys() for given in ASSETS[name].inputs)


def _key(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckKey:
    (check,) = context.op_execution_context.selected_asset_check_keys
    return check


def _evaluate_day(
    context: dg.AssetCheckExecutionContext, day: dt.date, problems: list[str], severity: dg.AssetCheckSeverity
) -> None:
    check = _key(context)
    evaluation = dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        partition=str(day),
        passed=not problems,
        severity=severity,
        description=problems[0] if problems else None,
        metadata=problems_metadata({str(day): problems}),
        blocking=context.job_def.asset_layer.asset_graph.get(check).blocking,
    )
    context.op_execution_context.log_event(evaluation)  # type: ignore[arg-type]  # its signature lags behind its body


def _some_of(problems: list[str]) -> list[str]:
    shown = [readable(problem, LONGEST_PROBLEM) for problem in problems[:PROBLEMS_SHOWN]]
    rest = len(problems) - PROBLEMS_SHOWN
    return shown if rest <= 0 else [*shown, f"and {rest} more"]
