"""The check that the API still answers as its conversion type was learned; it only warns, and needs a trained type."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from attribution_assets.attribution.training.conversion_types import ConversionTypesError
from attribution_assets.attribution.training.drift import drift_problems
from attribution_assets.attribution.training.stored_answers import answered_touchpoints
from attribution_assets.defs.checks.daily import daily_check, days_to_check, evaluated
from attribution_assets.defs.resources import IhcApiAccount, ReportingRules, Storage


@daily_check("ihc_attributions", blocking=False)
def answers_are_as_learned(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules, ihc_api: IhcApiAccount
) -> dg.AssetCheckResult:
    """The API's answers are what its trained conversion type predicts, of known channels and usual flags. Warns."""
    days, tables = days_to_check(context, storage, rules), storage.tables()
    attributions, journeys = tables.days("ihc_attributions", days), tables.days("journeys", days)
    asked_with = ihc_api.settings_with(ihc_api.conv_type_id)

    def problems() -> Iterator[tuple[dt.date, list[str]]]:
        try:
            trained = ihc_api.trained().read(ihc_api.conv_type_id) if ihc_api.api_key else None
        except ConversionTypesError as error:
            yield from ((day, [str(error)]) for day in days)
            return
        for day in days:
            if trained is None or day not in journeys.files or attributions.stamp(day).settings != asked_with:
                yield day, []
            else:
                answered = answered_touchpoints(attributions.frame(day), journeys.frame(day))
                yield day, drift_problems(answered, trained)

    return evaluated(context, problems(), tolerated=days)
