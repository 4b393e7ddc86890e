"""What all checks have in common: one evaluation per run, of the run's days, which says what is wrong on which day.

Dagster could be given an evaluation per day. It would be another event for each check and day, most of which say that
nothing is wrong. *Execute* in the UI starts a run without days: it checks all days that are stored.
"""

import datetime as dt
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import dagster as dg

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.freshness.obstacles import obstacles
from attribution_assets.attribution.freshness.records import ASSETS
from attribution_assets.attribution.storage.stored_days import MissingDaysError
from attribution_assets.attribution.tables.readable import readable
from attribution_assets.defs.checks.problem_table import problems_metadata
from attribution_assets.defs.resource_names import with_resources_of
from attribution_assets.defs.resources import ReportingRules, Storage
from attribution_assets.instance.data_set_names import DataSetNames
from attribution_assets.instance.runs import days_between_tags

CheckFunction = Callable[..., dg.AssetCheckResult | Iterator[dg.AssetCheckResult]]


@dataclass(frozen=True)
class DailyCheck:
    """A check of an asset.

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

    def definition(self, names: DataSetNames) -> dg.AssetChecksDefinition:
        """The check of a data set as Dagster takes it."""
        decorator = dg.asset_check(asset=names.key(self.asset), name=self.name, blocking=self.blocking)
        return decorator(with_resources_of(self.function, names))  # type: ignore[arg-type]  # it takes generators too


def daily_check(asset: str, *, blocking: bool = True) -> Callable[[CheckFunction], DailyCheck]:
    """Make a check of the asset of a function, named like it."""
    return lambda function: DailyCheck(function, asset, function.__name__, blocking)


def days_of_run(context: dg.AssetCheckExecutionContext) -> list[dt.date] | None:
    """The days that a run is of; without any (None), all that is stored is checked."""
    return days_between_tags(context.run.tags)


def days_to_check(context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules) -> list[dt.date]:
    """The days that a check looks at, in calendar order: without those that are held up, or left out and never made.

    Raises:
        MissingDaysError: A day of the run was never materialized, though it can be.
    """
    asset, tables = _key(context).asset_key.path[-1], storage.tables()
    of_run = days_of_run(context)
    days = tables.stored_days(asset) if of_run is None else of_run
    hindered = obstacles(tables, asset, days, rules.windows, rules.max_rejected_share)
    missing = set(tables.days(asset, days).missing)
    if never_made := missing.intersection(hindered.without(days)):
        raise MissingDaysError(asset, sorted(never_made))
    return [day for day in days if day not in missing and day not in hindered.held_up]


PROBLEMS_SHOWN = 10
"""Of each day; the event log is no place for all rows of a broken table."""

MOST_PROBLEM_DAYS = 1_000
LONGEST_PROBLEM_OF_A_DAY = 300

LONGEST_PROBLEM = 1_000
"""The most characters of one; names in it are shortened where it is worded."""


def evaluated(
    context: dg.AssetCheckExecutionContext,
    problems_by_day: Iterable[tuple[dt.date, list[str]]],
    tolerated: Container[dt.date] = (),
    *,
    stops_only_its_day: bool = False,
    more: Mapping[str, dg.MetadataValue[Any]] | None = None,
) -> dg.AssetCheckResult:
    """The result over all days that are checked.

    Its metadata are `days_checked` (their number), `first_day`, `last_day`, and where something is wrong `problems` (a
    table) and `problem_days`: day -> `severity` and the first problem.

    Args:
        context: Of the check.
        problems_by_day: What is wrong on each day.
        tolerated: Days whose problems are a warning, which blocks nothing.
        stops_only_its_day: Whether what is made of the asset in the same run leaves out a day with problems by itself,
            so that it may go on with the other days.
        more: Further metadata.
    """
    days, problems, stopped, names = list[str](), {}, [], DataSetNames("".join(_key(context).asset_key.path[:-1]))
    for day, found in problems_by_day:
        days.append(str(day))
        if found:
            problems[str(day)] = [names.in_attributes(problem) for problem in _some_of(found)]
            if day not in tolerated:
                stopped.append(str(day))
    if not days:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="None of the days can be checked: they are not stored, or held up.",
        )
    goes_on = stops_only_its_day and len(stopped) < len(days) and _is_read_in_the_run(context)
    named = sorted(problems, key=lambda day: (day not in stopped[:1], day))[:3]
    return dg.AssetCheckResult(
        passed=not problems,
        severity=_severity(blocks=not problems or (bool(stopped) and not goes_on)),
        description="; ".join(f"{day}: {problems[day][0]}" for day in named) or None,
        metadata={
            "days_checked": len(days),
            "first_day": days[0],
            "last_day": days[-1],
            **_days_skipped(days),
            **problems_metadata(problems),
            **_problem_days(problems, stopped),
            **(more or {}),
        },
    )


def _days_skipped(days: Sequence[str]) -> dict[str, dg.JsonMetadataValue]:
    """`days_skipped`: the days between the first and the last one that were not checked; nothing if all were."""
    between = map(str, days_between(dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1])))
    skipped = sorted(set(between).difference(days))
    return {"days_skipped": dg.MetadataValue.json(skipped)} if skipped else {}


def _problem_days(problems: Mapping[str, list[str]], stopped: Container[str]) -> dict[str, dg.JsonMetadataValue]:
    """`problem_days` of the days that have problems; if they are very many, of the latest and those that stop first."""
    latest = sorted(problems, key=lambda day: (day in stopped, day))[-MOST_PROBLEM_DAYS:]
    found = {
        day: {
            "severity": _severity(blocks=day in stopped).value,
            "problem": readable(problems[day][0], LONGEST_PROBLEM_OF_A_DAY),
        }
        for day in latest
    }
    return {"problem_days": dg.MetadataValue.json(found)} if found else {}


def _severity(*, blocks: bool) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN


def _is_read_in_the_run(context: dg.AssetCheckExecutionContext) -> bool:
    """Whether the run makes an asset that reads the one that is checked."""
    *data_set, asset = _key(context).asset_key.path
    executed = context.job_def.asset_layer.executable_asset_keys
    made = {key.path[-1] for key in executed if [*key.path[:-1]] == data_set}
    return any(given.asset == asset for name in made & ASSETS.keys() for given in ASSETS[name].inputs)


def _key(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckKey:
    (check,) = context.op_execution_context.selected_asset_check_keys
    return check


def _some_of(problems: list[str]) -> list[str]:
    shown = [readable(problem, LONGEST_PROBLEM) for problem in problems[:PROBLEMS_SHOWN]]
    rest = len(problems) - PROBLEMS_SHOWN
    return shown if rest <= 0 else [*shown, f"and {rest} more"]


class ProblemOfDay(NamedTuple):
    """What a check found wrong on a day.

    Attributes:
        words: the first problem.
        stops: whether it is an error, so that nothing is made of the day; else it is a warning.
    """

    words: str
    stops: bool


def problems_of_days(evaluation: dg.AssetCheckEvaluation) -> Iterator[tuple[str, ProblemOfDay | None]]:
    """Each day that an evaluation is of, YYYY-MM-DD, with what is wrong there; None where nothing is.

    Args:
        evaluation: As `evaluated` makes them; one of no day gives nothing.
    """
    metadata: Mapping[str, Any] = evaluation.metadata
    if "first_day" not in metadata:
        return
    found = metadata["problem_days"].value if "problem_days" in metadata else {}
    skipped = set(metadata["days_skipped"].value) if "days_skipped" in metadata else set()
    first, last = (dt.date.fromisoformat(metadata[name].value) for name in ("first_day", "last_day"))
    for day in map(str, days_between(first, last)):
        if day in skipped:
            continue
        if day in found:
            stops = found[day]["severity"] == dg.AssetCheckSeverity.ERROR.value
            yield day, ProblemOfDay(found[day]["problem"], stops)
        else:
            yield day, None
