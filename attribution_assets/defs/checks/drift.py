"""The check that the API still answers as its conversion type was learned; it only warns, and needs a trained type."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from attribution_assets.attribution.training.conversion_types import ConversionTypesError
from attribution_assets.attribution.training.drift import drift_problems
from attribution_assets.attribution.training.stored_answers import answered_touchpoints, of_type
from attribution_assets.defs.checks.daily import daily_check, days_to_check, evaluated
from attribution_assets.defs.resources import IhcApiAccount, ReportingRules, Storage


@daily_check("ihc_attributions", blocking=False)
def answers_are_as_learned(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules, ihc_api: IhcApiAccount
) -> dg.AssetCheckResult:
    """The API's answers are what its trained conversion type predicts, of known channels and usual flags. Warns."""
    days, tables = days_to_check(context, storage, rules), storage.tables()
    attributions, journeys = tables.days("ihc_attributions", days), tables.days("journeys", days)
    named, types = tables.days("order_types", days), ihc_api.order_types
    asked_with = ihc_api.asked_with(ihc_api.conv_type_id).of_day

    def problems() -> Iterator[tuple[dt.date, list[str]]]:
        try:
            known = [ihc_api.trained().read(name) for name in types.in_use] if ihc_api.api_key else []
        except ConversionTypesError as error:
            yield from ((day, [str(error)]) for day in days)
            return
        for day in days:
            stamp, found = attributions.stamp(day), list[str]()
            if any(known) and day in journeys.files and stamp.settings == asked_with(stamp.conversion_types):
                answered = answered_touchpoints(attributions.frame(day), journeys.frame(day))
                for trained in known:
                    if trained:
                        found += drift_problems(of_type(answered, trained.name, types, named.frame(day)), trained)
            yield day, found

    return evaluated(context, problems(), tolerated=days)
