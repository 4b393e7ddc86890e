"""How up to date a data set is now. It needs nothing of what makes days, so that it answers soon."""

import datetime as dt

from attribution_assets.attribution.freshness.lineage import stored_state
from attribution_assets.attribution.freshness.staleness import stale_days
from attribution_assets.attribution.freshness.status import Status, attributed_with_other_settings, status
from attribution_assets.resources import Resources
from attribution_assets.resources.calendar import first_and_last_partition


def current_status(resources: Resources) -> tuple[Status, set[dt.date]]:
    """How up to date everything is, and the days attributed with other settings than those of now.

    Raises:
        SourceDatabaseError: The source cannot be read.
        ResultTablesError: The result tables cannot.
        ForeignStorageError: The storage holds the tables of another database.
    """
    storage, source = resources.storage.tables(), resources.database.source()
    storage.require(str(source))
    state = stored_state(storage, resources.database.results().published())
    rules = resources.rules
    stale = stale_days(storage, state, rules.windows, rules.max_rejected_share)
    calendar = first_and_last_partition(rules.windows.first_day, rules.windows.last_day)
    found = status(state, stale, source, calendar, rules.windows)
    return found, attributed_with_other_settings(state, resources.ihc_api.settings_of)
