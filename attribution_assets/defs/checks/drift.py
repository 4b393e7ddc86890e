"""The check that the API still answers as its conversion type was learned; it only warns, and needs a trained type."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from attribution_assets.attribution.tables.readable import readable
from attribution_assets.attribution.training.answered_days import AnsweredDays
from attribution_assets.attribution.training.channel_shares import MOST_DAYS, shares_over
from attribution_assets.attribution.training.conversion_types import ConversionTypesError
from attribution_assets.attribution.training.drift import Watch
from attribution_assets.defs.checks.daily import daily_check, days_to_check, evaluated
from attribution_assets.defs.resources import IhcApiAccount, ReportingRules, Storage

MOST_ROWS = 100


@daily_check("ihc_attributions", blocking=False)
def answers_are_as_learned(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules, ihc_api: IhcApiAccount
) -> dg.AssetCheckResult:
    """The API's answers are what its trained conversion type predicts, of known channels and usual flags. Warns."""
    days = days_to_check(context, storage, rules)
    try:
        in_use = ihc_api.types_in_use()
    except ConversionTypesError as error:
        return evaluated(context, ((day, [str(error)]) for day in days), tolerated=days)
    if not (ihc_api.api_key and in_use.trained):
        return evaluated(context, ((day, []) for day in days))
    answered = AnsweredDays(storage.tables(), in_use)
    watch = Watch(answered)
    problems = [(day, watch.problems(day)) for day in days]
    shown = {**_errors(watch, days), **_moves(answered, days)}
    return evaluated(context, problems, tolerated=days, more=shown)


def _errors(watch: Watch, days: Sequence[dt.date]) -> dict[str, dg.TableMetadataValue]:
    """`errors_against_training`: the latest days' errors, by conversion type; nothing if no day can be compared."""
    rows: list[dict[str, object]] = [
        {
            "day": str(day),
            "conversion_type": readable(trained.name),
            "mean_error": round(drift.errors.mean_error, 5),
            "worst_error": round(drift.errors.worst_error, 4),
            "touchpoints": drift.errors.touchpoints,
            "mean_error_near_the_cut": round(drift.near_the_cut.mean_error, 5),
            "worst_error_near_the_cut": round(drift.near_the_cut.worst_error, 4),
            "touchpoints_near_the_cut": drift.near_the_cut.touchpoints,
        }
        for day in days
        for trained, drift in watch.drifts(day)
    ]
    return _table("errors_against_training", rows)


def _moves(answered: AnsweredDays, days: Sequence[dt.date]) -> dict[str, dg.TableMetadataValue]:
    """`channel_moves`: channels whose share of the credit moved on one of the days, and whether the model did it."""
    if not days:
        return {}
    looked_at = [*answered.before(days[0])[-MOST_DAYS:], *days]
    shares = shares_over(answered, looked_at)
    moved = shares[(shares["moved_by"] != "") & (shares["date"] >= str(days[0]))]
    rows: list[dict[str, object]] = [
        {
            "day": row.date,
            "channel": readable(str(row.channel_name)),
            "moved_by": row.moved_by,
            **{name: round(float(getattr(row, name)), 4) for name in ("answered", "expected", "lower", "upper")},
        }
        for row in moved.itertuples()
    ]
    return _table("channel_moves", rows)


def _table(name: str, rows: Sequence[dict[str, object]]) -> dict[str, dg.TableMetadataValue]:
    return {name: dg.MetadataValue.table([dg.TableRecord(row) for row in rows[-MOST_ROWS:]])} if rows else {}  # type: ignore[arg-type]  # of numbers and texts
