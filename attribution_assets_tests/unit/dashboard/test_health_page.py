"""The health page says of each problem what to do."""

import datetime as dt

from attribution_assets.dashboard.health_page import day_problems
from attribution_assets.monitoring.health import DaysHealth

DAY = dt.date(2024, 3, 1)


def health(**states: dict[str, set[dt.date]]) -> DaysHealth:
    none: dict[str, set[dt.date]] = {}
    return DaysHealth({}, states.get("missing", none), states.get("stale", none), states.get("blocked", none), [], 30)


def test_of_days_that_are_well_nothing_is_said() -> None:
    assert day_problems(health()) == []


def test_missing_stale_and_waiting_days_come_with_what_to_do() -> None:
    later = DAY + dt.timedelta(days=2)
    days = {"missing": {"sessions": {DAY}, "journeys": {DAY, later}}, "stale": {"journeys": {DAY}}}
    missing, stale, waiting = day_problems(health(**days, blocked={"journeys": {later}}))
    assert missing == (
        "Days that are missing: 2024-03-01, 2024-03-03. To do it now, make these days in Dagster's UI, or run: "
        "attribution-assets run --start-date 2024-03-01 --end-date 2024-03-03."
    )
    assert stale == (
        "Days that are stale, to be made anew: 2024-03-01. The sensor restatement makes them anew where it is on. To "
        "do it now, make these days in Dagster's UI, or run: attribution-assets run --start-date 2024-03-01 --end-date "
        "2024-03-01."
    )
    assert waiting == (
        "Days that wait until rows are corrected in the source: 2024-03-03. Which rows, and why, stands in the "
        "metadata of sessions and conversions; then run these days again."
    )
