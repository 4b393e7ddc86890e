"""What a request asks for: the reader's choices, and the stored days and saved things that it is answered from."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.results.narrowed import NO_VALUE, Narrowing, order_values
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.dashboard.choices import Choices, read_choices
from attribution_assets.dashboard.goal_choices import usual_of
from attribution_assets.dashboard.reported_days import Reported
from attribution_assets.dashboard.saved import NOTHING_SAVED, Saved, SavedThings
from attribution_assets.dashboard.stored_results import StoredResults
from attribution_assets.environment import without_secrets


@dataclass(frozen=True)
class Asked:
    """What a request asks for.

    Attributes:
        all_stored: The stored days.
        stored: The same, narrowed to what is chosen.
        reported: The days with a stored report.
        choices: The reader's choices.
        problems: What cannot be used of the address.
        saved: What readers have saved.
        unread: Why that cannot be read; empty if it can.
        windows: How the days are tied together.
    """

    all_stored: StoredResults
    stored: StoredResults
    reported: Reported
    choices: Choices
    problems: Sequence[str]
    saved: Saved
    unread: str
    windows: Windows

    @property
    def of_orders(self) -> dict[str, list[str]]:
        """The values of each dimension of orders that can be chosen: those of orders that can credit these days."""
        dimensions, choices = self.windows.order_dimensions, self.choices
        if not dimensions:
            return {}
        until = choices.last + dt.timedelta(days=self.windows.lookback_days)
        found, chosen = self.all_stored.ask(order_values, choices.first, until), dict(choices.orders)
        return {
            name: sorted({*found.get(name, ()), NO_VALUE, *([chosen[name]] if name in chosen else [])})
            for name in dimensions
        }


class Asking:
    """Reads what requests ask for.

    Args:
        storage: The stored days.
        windows: How they are tied together, and by which dimensions they are broken down.
        saved: What readers have saved; None: nothing.
    """

    def __init__(self, storage: AssetStorage, windows: Windows, saved: SavedThings | None) -> None:
        dimensions = (*windows.dimensions, *windows.order_dimensions)
        self._stored = StoredResults(storage, windows.last_day, dimensions)
        self._windows, self._saved = windows, saved

    def asked(self, pairs: Collection[tuple[str, str]]) -> Asked | None:
        """What an address with these names and values asks for; None without any report."""
        reported = self._stored.reported()
        if reported is None:
            return None
        saved, unread = self.saved()
        choices, problems = self.read(pairs, reported, saved)
        windows = self._windows
        narrowing = Narrowing(dict(choices.orders), saved.group_of if choices.grouped else {})
        narrowed = self._stored.narrowed(narrowing, windows.lookback_days, windows.direct_channels)
        return Asked(self._stored, narrowed, reported, choices, problems, saved, unread, windows)

    def saved(self) -> tuple[Saved, str]:
        """What is saved, and why it cannot be read, if it cannot."""
        if self._saved is None:
            return NOTHING_SAVED, ""
        try:
            return self._saved.read(), ""
        except DatabaseError as error:
            return NOTHING_SAVED, f"What has been saved cannot be read: {without_secrets(str(error))}"

    def read(self, pairs: Collection[tuple[str, str]], reported: Reported, saved: Saved) -> tuple[Choices, list[str]]:
        """The choices, see `read_choices`; where groups are shown, they are chosen with any of their channels."""
        of_orders, usual = self._windows.order_dimensions, usual_of(saved.goals)
        choices, problems = read_choices(pairs, reported, self._stored.dimensions, of_orders, usual)
        if choices.grouped:
            group_of = saved.group_of | {group: group for group in saved.groups}
            rows = {group_of.get(channel, channel) for channel in choices.channels}
            choices = replace(choices, channels=tuple(sorted(rows)))
        return choices, problems
