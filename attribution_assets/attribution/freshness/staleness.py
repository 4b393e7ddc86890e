"""Which stored days are no longer what their inputs say, and what to materialize next to bring them up to date.

Each stored day carries the version of its rows and a digest of the versions that it was made from (`asset_storage`).
Where the digest no longer fits what is stored, the day is suspected; where making it anew would change its rows, or a
step after it never ran, it is stale. Late rows of a visitor without orders, for instance, make suspects of all journeys
whose window they fall in, and no day stale.

Nothing here remembers anything: what is stale follows from the storage and the result tables alone, so that no crash
and no order of runs can hide it.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import blake2b

import pandas as pd

from attribution_assets.attribution.calendar.days import adjacent_ranges, by_day, days_between
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.comparison.order_comparisons import order_comparison
from attribution_assets.attribution.freshness.lineage import (
    ALL_ASSETS,
    ORDER_ASSETS,
    ORDER_COMPARISONS,
    REPORT_ASSETS,
    WINDOW_COMPARISONS,
    StoredState,
    beside_versions,
    fitting_inputs,
    is_published,
    share_rejected,
)
from attribution_assets.attribution.reporting.channel_report import channel_report
from attribution_assets.attribution.reporting.journeys import customer_journeys
from attribution_assets.attribution.reporting.order_outcomes import order_outcomes, unattributed_orders
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stamps import digest
from attribution_assets.attribution.storage.stored_days import query_batches as order_blocks
from attribution_assets.attribution.tables.arrow import version_of


@dataclass(frozen=True)
class Stage:
    """Assets to materialize together over a range of days."""

    assets: Sequence[str]
    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class Scope:
    """Which days are looked at for staleness.

    Attributes:
        within: first and last of them, reports also up to a lookback window earlier, Markov chains as much later;
            without it, all.
        confirmed: tokens of suspects that need no second look, from an earlier result.
        most_verified: how many suspected days of an asset are looked at closely, the latest first, those that have to
            wait for corrections last; without it, all.
    """

    within: tuple[dt.date, dt.date] | None = None
    confirmed: AbstractSet[str] = frozenset()
    most_verified: int | None = None


@dataclass(frozen=True)
class Stale:
    """The days to be made anew, by asset.

    Attributes:
        days: asset -> its stale days.
        missing_sessions: days of sessions that stale journeys need and that have never been materialized.
        blocked: stale days that wait for rows to be corrected in the source, by asset.
        confirmed: the suspects that were found to be right, each as a token that stands for the day's version and its
            inputs' versions.
    """

    days: Mapping[str, AbstractSet[dt.date]]
    missing_sessions: AbstractSet[dt.date] = frozenset()
    blocked: Mapping[str, AbstractSet[dt.date]] = field(default_factory=dict)
    confirmed: AbstractSet[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything is stale that can be made anew."""
        return any(self.days.values())


def stale_days(
    storage: AssetStorage,
    state: StoredState,
    windows: Windows,
    most_rejected: float,
    scope: Scope = Scope(),
) -> Stale:
    """The days to be made anew.

    A day whose orders are stored, but which has no journeys or attributions, counts as stale, and so does a day of
    sessions that was never reported if its orders are attributed or credit lands on it. Other days that were never
    materialized do not: whether to begin with them is for the user to say.

    Args:
        storage: Where the assets' tables lie.
        state: What it holds, see `stored_state`.
        windows: How the days are tied together.
        most_rejected: Share of a day's source rows that may be rejected; what hangs on a day with more has to wait.
        scope: Which days are looked at.
    """
    suspects = _suspects(state, windows, scope.within)
    certain, to_verify = _sorted_out(state, suspects)
    tokens = {
        (name, day): _token(state, name, day, fits) for name, days in to_verify.items() for day, fits in days.items()
    }
    held_up = _blocked(state, windows, most_rejected)
    known = {suspect for suspect, token in tokens.items() if token in scope.confirmed}
    open_days = {
        name: sorted(
            (day for day in days if (name, day) not in known),
            key=lambda day: (day not in held_up[name], day),
        )[-(scope.most_verified or len(days)) :]
        for name, days in to_verify.items()
    }
    missing = {
        day: lacking
        for day in {*open_days["journeys"], *certain["journeys"]}
        if (lacking := set(days_between(*windows.sessions_of(day))) - set(state.stamps["sessions"]))
    }
    buildable = [day for day in open_days["journeys"] if day not in missing]
    changed = {
        "journeys": {*_changed_journeys(storage, state, windows, buildable), *missing},
        "channel_reporting": _changed_reports(storage, state, windows, open_days["channel_reporting"]),
        **{name: _changed_comparisons(storage, state, windows, name, open_days[name]) for name in ORDER_COMPARISONS},
    }
    stale = {name: certain.get(name, set()) | changed.get(name, set()) for name in ALL_ASSETS[2:]}
    return Stale(
        days={name: days - held_up[name] for name, days in stale.items()},
        missing_sessions=set().union(*(missing[day] for day in missing if day not in held_up["journeys"])),
        blocked={name: days & held_up[name] for name, days in stale.items() if days & held_up[name]},
        confirmed={
            token
            for (name, day), token in tokens.items()
            if (name, day) in known or (day in open_days[name] and day not in changed[name])
        },
    )


def next_stages(stale: Stale, windows: Windows) -> list[Stage]:
    """What to materialize next, in runs that do not depend on each other; what follows shows when they have ended.

    A report comes when no stale day of orders can credit it any more, a Markov chain when the paths of its window are
    right.

    Args:
        stale: The days to be made anew.
        windows: How the days are tied together.
    """
    orders = stale.days["journeys"] | stale.days["ihc_attributions"]
    waiting = {earlier for day in orders for earlier in days_between(*windows.sessions_of(day))}
    reports = {day for asset in REPORT_ASSETS for day in stale.days[asset]} - waiting
    followers = adjacent_stages(REPORT_ASSETS, reports) + _comparison_stages(stale, orders, windows)
    if stale.missing_sessions:
        return adjacent_stages(("sessions",), stale.missing_sessions) + followers
    return (
        adjacent_stages(ORDER_ASSETS, stale.days["journeys"])
        + adjacent_stages(ORDER_ASSETS[1:], stale.days["ihc_attributions"] - stale.days["journeys"])
        + followers
    )


def _comparison_stages(stale: Stale, orders: AbstractSet[dt.date], windows: Windows) -> list[Stage]:
    """The comparisons that come before or after those which are made together with the attributions of `orders`."""
    compared = {day for asset in ORDER_COMPARISONS for day in stale.days[asset]}
    waiting = {later for day in orders | compared for later in days_between(*windows.chains_of(day))}
    chained = {day for asset in WINDOW_COMPARISONS for day in stale.days[asset]} - waiting
    return adjacent_stages(ORDER_COMPARISONS, compared - orders) + adjacent_stages(WINDOW_COMPARISONS, chained)


def _suspects(
    state: StoredState, windows: Windows, within: tuple[dt.date, dt.date] | None
) -> dict[str, dict[dt.date, str]]:
    """The days whose digest does not fit their inputs, or that are not stored though the asset before them is.

    Returns:
        Asset -> day -> the digest that would fit.
    """
    versions = state.versions()
    first, last = within or (windows.first_day, dt.date.max)
    earliest = {asset: windows.sessions_of(first)[0] for asset in REPORT_ASSETS}
    chains_until = windows.chains_of(last)[1] if within else last
    latest = dict.fromkeys(WINDOW_COMPARISONS, chains_until)
    suspects: dict[str, dict[dt.date, str]] = {}
    for name, (after, inputs_of) in fitting_inputs(versions, windows).items():
        suspects[name] = {}
        for day in state.stamps[after]:
            if not max(earliest.get(name, first), windows.first_day) <= day <= latest.get(name, last):
                continue
            fits = digest(inputs_of(day) | beside_versions(versions, name, day))
            stamp = state.stamps[name].get(day)
            if stamp is None or stamp.made_from != fits or not is_published(state, name, day):
                suspects[name][day] = fits
    return suspects


def _sorted_out(
    state: StoredState, suspects: Mapping[str, Mapping[dt.date, str]]
) -> tuple[dict[str, set[dt.date]], dict[str, dict[dt.date, str]]]:
    """The suspects that are stale for certain, and those whose rows have to be looked at."""
    certain = {name: set(suspects[name]) for name in ("ihc_attributions", "channel_reporting_csv", *WINDOW_COMPARISONS)}
    for name in ("journeys", *ORDER_COMPARISONS):
        certain[name] = suspects[name].keys() - state.stamps[name].keys()
    certain["channel_reporting"] = {
        day
        for day in suspects["channel_reporting"]
        if (
            not is_published(state, "channel_reporting", day)
            if day in state.stamps["channel_reporting"]
            else day in state.stamps["ihc_attributions"]
        )
    }
    to_verify = {
        name: {day: fits for day, fits in suspects[name].items() if day not in certain.get(name, ())}
        for name in ("journeys", *ORDER_COMPARISONS, "channel_reporting")
    }
    return certain, to_verify


def _changed_journeys(
    storage: AssetStorage, state: StoredState, windows: Windows, days: Sequence[dt.date]
) -> Iterator[dt.date]:
    for first, last in adjacent_ranges(days):
        orders = storage.days("conversions", days_between(first, last))
        sessions = storage.days("sessions", days_between(windows.sessions_of(first)[0], last))
        for day, table in customer_journeys(orders, sessions, windows.lookback_days):
            if version_of("journeys", table) != state.stamps["journeys"][day].version:
                yield day


def _changed_reports(
    storage: AssetStorage, state: StoredState, windows: Windows, days: Sequence[dt.date]
) -> set[dt.date]:
    changed = set()
    for first, last in adjacent_ranges(days):
        credited_by = days_between(first, windows.orders_of(last)[1])
        credit, orders = (storage.days(name, credited_by) for name in ("ihc_attributions", "conversions"))
        for block in order_blocks(orders, days_between(first, last)):
            window = block[0], windows.orders_of(block[-1])[1]
            report = channel_report(
                storage.days("sessions", block), credit.within(*window), orders.within(*window), block[0], block[-1]
            )
            outcomes = order_outcomes(orders.among(block), credit.among(block))
            unattributed = dict(by_day(unattributed_orders(outcomes), "conversion_time", block))
            for day, frame in by_day(report, "date", block):
                if day in state.stamps["channel_reporting"]:
                    made = {"channel_reporting": frame, "unattributed_orders": unattributed[day]}
                    if any(_differs(state, name, day, table) for name, table in made.items()):
                        changed.add(day)
                elif frame["ihc"].any():
                    changed.add(day)
    return changed


def _changed_comparisons(
    storage: AssetStorage, state: StoredState, windows: Windows, name: str, days: Sequence[dt.date]
) -> set[dt.date]:
    credit, orders = (storage.days(asset, days) for asset in ("ihc_attributions", "conversions"))
    return {
        day
        for day in days
        if day in orders.files
        if _differs(state, name, day, order_comparison(name, credit.frame(day), orders.frame(day), windows))
    }


def _differs(state: StoredState, name: str, day: dt.date, frame: pd.DataFrame) -> bool:
    stamp = state.stamps[name].get(day)
    return stamp is None or stamp.version != version_of(name, frame)


def _blocked(state: StoredState, windows: Windows, most_rejected: float) -> dict[str, set[dt.date]]:
    """The days that hang on a day with too many rejected rows, by asset."""
    sessions, conversions = (
        {day for day in state.stamps[asset] if share_rejected(state, asset, day) > most_rejected}
        for asset in ("sessions", "conversions")
    )
    orders = conversions | {later for day in sessions for later in days_between(*windows.orders_of(day))}
    return {
        **dict.fromkeys(ORDER_ASSETS, orders),
        **dict.fromkeys(ORDER_COMPARISONS, conversions),
        "channel_reporting": sessions | conversions,
        "channel_reporting_csv": sessions | conversions,
        **{asset: set() for asset in WINDOW_COMPARISONS},
    }


def _token(state: StoredState, name: str, day: dt.date, fits: str) -> str:
    stamp = state.stamps[name].get(day)
    return blake2b(f"{name}/{day}/{stamp and stamp.version}/{fits}".encode(), digest_size=8).hexdigest()


def adjacent_stages(assets: Sequence[str], days: Iterable[dt.date]) -> list[Stage]:
    """The days as the fewest stages of adjacent days."""
    return [Stage(assets, first, last) for first, last in adjacent_ranges(days)]
