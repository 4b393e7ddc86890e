"""The invariants as asset checks, day by day. All block: a number that breaks one does not flow on.

`rows_are_usable` warns before it blocks, and blocks only what hangs on its day. `every_day_is_made` blocks nothing: it
names the days that a run could not make, and has the run fail once all others are made. `orders_have_sessions` and
`journeys_fit_into_a_request` only warn.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import pandas as pd
import pyarrow.compute as pc

from attribution_assets.attribution.calendar.days import days_between, in_words
from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.calendar.windows import JourneyEnd
from attribution_assets.attribution.freshness.obstacles import DaysHeldUpError, obstacles
from attribution_assets.attribution.freshness.records import ASSETS, SOURCE_ASSETS
from attribution_assets.attribution.invariants import attribution as invariants
from attribution_assets.attribution.invariants import sound_days
from attribution_assets.attribution.reporting.journeys import orders_without_their_journey
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes
from attribution_assets.attribution.storage.stored_days import StoredDays, companion_table, names_of, query_batches
from attribution_assets.attribution.tables.schemas import TABLES
from attribution_assets.defs.checks.daily import (
    DailyCheck,
    daily_check,
    days_of_run,
    days_to_check,
    evaluated,
)
from attribution_assets.defs.resources import ReportingRules, Storage

TOO_LONG_ORDERS = companion_table("journeys")

SPENT_BEFORE_DAYS = 7
"""A channel with spend in so many days before is thought to be paid for."""


def _schema_check(asset: str) -> DailyCheck:
    @daily_check(asset)
    def matches_schema(
        context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
    ) -> dg.AssetCheckResult:
        """Every row of the asset's table, and of those stored beside it, matches its schema."""
        days = days_to_check(context, storage, rules)
        problems: dict[dt.date, list[str]] = {day: [] for day in days}
        for name in names_of(asset):
            table = storage.tables().days(name, days)
            for day, of_day in invariants.schema_problems_by_day(name, table.tables()):
                problems[day] += of_day if name == asset else [f"{name}: {problem}" for problem in of_day]
        return evaluated(context, problems.items())

    return matches_schema


def schema_checks() -> list[DailyCheck]:
    """A check of each asset that stores a table."""
    return [_schema_check(asset) for asset in TABLES]


def _usable_rows_check(asset: str) -> DailyCheck:
    @daily_check(asset)
    def rows_are_usable(
        context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
    ) -> dg.AssetCheckResult:
        """Every source row could be used, and stands once. Otherwise a warning; blocks if too many are set aside."""
        days, share = days_to_check(context, storage, rules), rules.max_rejected_share
        kept, rejected = (storage.tables().days(name, days) for name in (asset, companion_table(asset)))
        problems, tolerated = {}, set()
        for day in days:
            of_day = kept.stamp(day)
            problems[day], too_many = invariants.usability_problems(
                asset, rejected.frame(day), of_day.usable_rows, of_day.repeated, share, of_day.undated
            )
            if not too_many:
                tolerated.add(day)
        return evaluated(context, problems.items(), tolerated, stops_only_its_day=True)

    return rows_are_usable


def usable_rows_checks() -> list[DailyCheck]:
    """A check of each asset that is read from the source."""
    return [_usable_rows_check(asset) for asset in SOURCE_ASSETS]


@daily_check("journeys")
def journeys_fit_into_a_request(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """No user has more sessions in a lookback window than a request to the API may hold: one id for many? Warns."""
    days = days_to_check(context, storage, rules)
    too_long = storage.tables().days(TOO_LONG_ORDERS, days)
    some = {day for day, stamp in too_long.stamps().items() if stamp.rows}
    found = ((day, invariants.users_with_too_long_orders(too_long.frame(day)) if day in some else []) for day in days)
    return evaluated(context, found, tolerated=days)


@daily_check("journeys")
def orders_have_sessions(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """At least half of the run's orders have a session in their lookback window. Warns."""
    tables, days = storage.tables(), days_to_check(context, storage, rules)
    conversions, journeys, too_long = (tables.days(name, days) for name in ("conversions", "journeys", TOO_LONG_ORDERS))
    placed = {day: conversions.stamp(day).rows for day in days}
    counted = {day: stamp.rows for day, stamp in too_long.stamps().items()}
    without = {
        day: placed[day] - pc.count_distinct(journeys.table(day, "conv_id")["conv_id"]).as_py() - counted.get(day, 0)
        for day in days
    }
    wrong = bool(invariants.sessions_problems(sum(placed.values()), sum(without.values())))
    found = ((day, invariants.sessions_problems(placed[day], without[day], fewest=1) if wrong else []) for day in days)
    return evaluated(context, found, tolerated=days)


def _made_days_check(asset: str) -> DailyCheck:
    @daily_check(asset, blocking=False)
    def every_day_is_made(
        context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
    ) -> Iterator[dg.AssetCheckResult]:
        """No day is left out as its inputs are not stored (a warning), or held up until something is corrected."""
        tables, of_run = storage.tables(), days_of_run(context)
        days = tables.stored_days(ASSETS[asset].base) if of_run is None else of_run
        hindered = obstacles(tables, asset, days, rules.windows, rules.max_rejected_share)
        why = {**hindered.left_out, **hindered.held_up}
        yield evaluated(context, ((day, [why[day]] if day in why else []) for day in days), hindered.left_out)
        if hindered.held_up and of_run is not None:
            raise DaysHeldUpError(f"{asset} of {in_words(hindered.held_up)} is held up")

    return every_day_is_made


def made_days_checks() -> list[DailyCheck]:
    """A check of each asset that is made from others."""
    return [_made_days_check(name) for name, record in ASSETS.items() if not record.reads_the_source]


@daily_check("ihc_attributions")
def credit_sums_to_one(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """The credit of each attributed order sums to 1."""
    days = days_to_check(context, storage, rules)
    attributions = storage.tables().days("ihc_attributions", days)
    columns = "conv_id", "outcome", "ihc"

    def problems(day: dt.date) -> list[str]:
        if sound_days.sound_credit(attributions.table(day, *columns)):
            return []
        return invariants.credit_problems(attributions.frame(day, *columns))

    return evaluated(context, ((day, problems(day)) for day in days))


@daily_check("ihc_attributions")
def orders_are_conserved(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """Attributed and unattributed orders are the day's orders, and so is their revenue; none has lost its journey."""
    tables, days = storage.tables(), days_to_check(context, storage, rules)
    conversions, journeys, too_long, attributions = (
        tables.days(asset, days) for asset in ("conversions", "journeys", TOO_LONG_ORDERS, "ihc_attributions")
    )
    lookback, ends_before = dt.timedelta(days=rules.lookback_days), rules.windows.journey_end is JourneyEnd.BEFORE
    sessions = tables.days("sessions", days_between(days[0] - lookback, days[-1]) if days else ())

    def problems() -> Iterator[tuple[dt.date, list[str]]]:
        for block in query_batches(conversions, days):
            outcomes = order_outcomes(conversions.among(block), attributions.among(block), too_long.among(block))
            window = sessions.within(block[0] - lookback, block[-1])
            missed = orders_without_their_journey(
                conversions.among(block), window, journeys.among(block), too_long.among(block), rules.windows
            )
            missed_by_day = dict(by_day(missed, "conversion_time", block))
            for day, accounted in by_day(outcomes, "conversion_time", block):
                orders = conversions.table(day, "conv_id", "revenue")
                touchpoints = journeys.table(day, "conv_id", "conversion_time", "session_id", "session_time")
                credited = attributions.table(day, "conv_id", "session_id", "outcome")
                found = [f"order {order} has sessions, but no journey" for order in missed_by_day[day]["conv_id"]]
                if ends_before and not sound_days.before_their_order(touchpoints):
                    found += invariants.own_second_problems(touchpoints.to_pandas())
                if not sound_days.sound_touchpoints(touchpoints, credited):
                    found += invariants.touchpoint_problems(touchpoints.to_pandas(), credited.to_pandas())
                if not sound_days.sound_orders(orders, credited, len(accounted), float(accounted["revenue"].sum())):
                    found += invariants.order_problems(orders.to_pandas(), credited.to_pandas(), accounted)
                yield day, found

    return evaluated(context, problems())


@daily_check("channel_reporting")
def unattributed_orders_are_kept(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """The day's orders are those with credit and those kept without it, and so is their revenue."""
    tables, days = storage.tables(), days_to_check(context, storage, rules)
    orders, credit, kept = (
        tables.days(name, days) for name in ("conversions", "ihc_attributions", companion_table("channel_reporting"))
    )

    def problems(day: dt.date) -> list[str]:
        if day not in orders.files or day not in credit.files:
            return []
        of_day = orders.table(day, "conv_id", "revenue"), credit.table(day, "conv_id", "outcome"), kept.table(day)
        if sound_days.sound_unattributed(*of_day):
            return []
        return invariants.unattributed_problems(*(table.to_pandas() for table in of_day))

    return evaluated(context, ((day, problems(day)) for day in days))


@daily_check("channel_reporting")
def cost_is_conserved(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """The report's cost is what was paid on the day, channel by channel: spend where it is given, else for visits."""
    tables, days = storage.tables(), days_to_check(context, storage, rules)
    sessions, spend, report = (tables.days(asset, days) for asset in ("sessions", "spend", "channel_reporting"))

    def problems(day: dt.date) -> list[str]:
        of_day = sessions.table(day, "channel_name", "cost"), report.table(day)
        paid_for = day in spend.files and spend.stamp(day).rows
        if not paid_for and sound_days.sound_cost(*of_day):
            return []
        visits, reported = (table.to_pandas() for table in of_day)
        return invariants.cost_problems(visits, reported, _spent(spend, day))

    return evaluated(context, ((day, problems(day)) for day in days))


@daily_check("channel_reporting", blocking=False)
def spend_goes_with_visits(
    context: dg.AssetCheckExecutionContext, storage: Storage, rules: ReportingRules
) -> dg.AssetCheckResult:
    """No channel has a cost by its visits beside spend, is paid for without spend, or has spend but no visit. Warns."""
    tables, days = storage.tables(), days_to_check(context, storage, rules)
    read = days_between(days[0] - dt.timedelta(days=SPENT_BEFORE_DAYS), days[-1]) if days else []
    sessions, spend = tables.days("sessions", days), tables.days("spend", read)

    def problems() -> Iterator[tuple[dt.date, list[str]]]:
        channels = {day: set(table["channel_name"].to_pylist()) for day, table in spend.tables() if len(table)}
        for day in days:
            before = days_between(day - dt.timedelta(days=SPENT_BEFORE_DAYS), day - dt.timedelta(days=1))
            spent_before = set[str]().union(*(channels.get(earlier, set()) for earlier in before))
            if spent_before or day in channels:
                visits = sessions.frame(day, "channel_name", "cost")
                yield day, invariants.spend_problems(visits, _spent(spend, day), spent_before)
            else:
                yield day, []

    return evaluated(context, problems(), tolerated=days)


def _spent(spend: StoredDays, day: dt.date) -> pd.DataFrame:
    """The day's spend; nothing where it was never read."""
    empty: pd.DataFrame = spend.schema.empty_table().to_pandas()
    return spend.frame(day) if day in spend.files else empty
