"""What all checks have in common: partitioned by day, blocking, with an evaluation of each day in a range too."""

import datetime as dt
import warnings
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

import dagster as dg

from attribution_assets.attribution.tables.readable import readable
from attribution_assets.defs.checks.problem_table import problems_metadata
from attribution_assets.defs.partitions import daily_partitions
from attribution_assets.settings import Settings


@dataclass(frozen=True)
class DailyCheck:
    """A blocking check of an asset without its calendar.

    Attributes:
        function: the function that checks a run's days.
        asset: the asset that it checks.
        name: its name.
    """

    function: Callable[..., dg.AssetCheckResult]
    asset: str
    name: str

    def definition(self, settings: Settings) -> dg.AssetChecksDefinition:
        """The check of each day of the settings' calendar."""
        with warnings.catch_warnings():  # Dagster calls partitioned checks a preview; tests pin what they give
            warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)
            decorator = dg.asset_check(
                asset=self.asset,
                name=self.name,
                partitions_def=daily_partitions(settings.first_day, settings.last_day),
                blocking=True,
            )
            return decorator(self.function)


def daily_check(asset: str) -> Callable[[Callable[..., dg.AssetCheckResult]], DailyCheck]:
    """Make a blocking check of the asset of a function, named like it."""
    return lambda function: DailyCheck(function, asset, function.__name__)


PROBLEMS_SHOWN = 10
"""Of each day; the event log is no place for all rows of a broken table."""

LONGEST_PROBLEM = 1_000
"""The most characters of one; names in it are shortened where it is worded."""


def evaluated(
    context: dg.AssetCheckExecutionContext,
    problems_by_day: Iterable[tuple[dt.date, list[str]]],
    tolerated: Container[dt.date] = (),
) -> dg.AssetCheckResult:
    """The result over all days of the run; in a run over a range, with an evaluation of each day besides.

    Dagster plans an evaluation for each day of a range, but makes only one that belongs to none, and would show the
    days as skipped.

    Args:
        context: Of the check.
        problems_by_day: What is wrong on each day.
        tolerated: Days whose problems are a warning, which blocks nothing.
    """
    checked, problems, first_blocked = 0, {}, None
    for day, found in problems_by_day:
        checked += 1
        if found:
            problems[str(day)] = _some_of(found)
            if day not in tolerated:
                first_blocked = first_blocked or str(day)
        if context.has_partition_key_range:
            _evaluate_day(context, day, _some_of(found), _severity(blocks=not found or day not in tolerated))
    named = sorted(problems, key=lambda day: (day != first_blocked, day))[:3]
    return dg.AssetCheckResult(
        passed=not problems,
        severity=_severity(blocks=not problems or first_blocked is not None),
        description="; ".join(f"{day}: {problems[day][0]}" for day in named) or None,
        metadata={"days_checked": checked, **problems_metadata(problems)},
    )


def _severity(*, blocks: bool) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN


def _evaluate_day(
    context: dg.AssetCheckExecutionContext, day: dt.date, problems: list[str], severity: dg.AssetCheckSeverity
) -> None:
    (check,) = context.op_execution_context.selected_asset_check_keys
    evaluation = dg.AssetCheckEvaluation(
        asset_key=check.asset_key,
        check_name=check.name,
        partition=str(day),
        passed=not problems,
        severity=severity,
        description=problems[0] if problems else None,
        metadata=problems_metadata({str(day): problems}),
        blocking=True,
    )
    context.op_execution_context.log_event(evaluation)  # type: ignore[arg-type]  # its signature lags behind its body


def _some_of(problems: list[str]) -> list[str]:
    shown = [readable(problem, LONGEST_PROBLEM) for problem in problems[:PROBLEMS_SHOWN]]
    rest = len(problems) - PROBLEMS_SHOWN
    return shown if rest <= 0 else [*shown, f"and {rest} more"]
