"""What each asset's day is made from, and what is stored: the facts that staleness follows from.

What an asset reads is said here once: the assets stamp what they store with it, and `staleness` compares.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Windows
from attribution_assets.attribution.reporting.channel_report import REPORT_SQL
from attribution_assets.attribution.reporting.journeys import IN_THE_WINDOW_SQL, JOURNEYS_SQL
from attribution_assets.attribution.reporting.order_outcomes import OUTCOMES_SQL
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import PUBLISHED_ASSETS, published_version
from attribution_assets.attribution.storage.stamps import Stamp, digest
from attribution_assets.attribution.storage.stored_days import NOT_STORED, names_of
from attribution_assets.attribution.storage.stored_days import companion_table as name_beside

JOURNEYS_VERSION = digest({"journeys": IN_THE_WINDOW_SQL + JOURNEYS_SQL})
REPORT_VERSION = digest({"report": REPORT_SQL, "outcomes": OUTCOMES_SQL})
"""With another query the rows may be others: what was made with the old one is looked at again."""

COMPARISON_VERSION = "1"
"""To be raised with the rules of the models, the paths or the roles: what was made with the old ones is made anew."""

Versions = Mapping[str, Mapping[dt.date, str]]
"""Asset -> day -> version."""


SOURCE_ASSETS = ("sessions", "conversions")
REPORT_ASSETS = ("channel_reporting", "channel_reporting_csv")
ORDER_COMPARISONS = ("model_comparison", "conversion_paths", "channel_roles")
WINDOW_COMPARISONS = ("markov_comparison", "comparison_csv")
ORDER_ASSETS = ("journeys", "ihc_attributions", *ORDER_COMPARISONS)
ALL_ASSETS = (*SOURCE_ASSETS, *ORDER_ASSETS, *REPORT_ASSETS, *WINDOW_COMPARISONS)


@dataclass(frozen=True)
class StoredState:
    """What is stored and published: the facts that staleness follows from.

    Attributes:
        stamps: asset or table beside one -> day -> stamp.
        published: asset -> day -> the version that the result tables hold.
    """

    stamps: Mapping[str, Mapping[dt.date, Stamp]]
    published: Versions

    def versions(self) -> dict[str, dict[dt.date, str]]:
        """The version of each stored day."""
        return {name: {day: stamp.version for day, stamp in days.items()} for name, days in self.stamps.items()}

    def digest(self) -> str:
        """One version that stands for all of it."""
        held = {"stored": self.versions(), "published": self.published}
        return digest(
            {
                f"{kind}/{name}/{day}": version
                for kind, tables in held.items()
                for name, days in tables.items()
                for day, version in days.items()
            }
        )


def stored_state(
    storage: AssetStorage, published: Versions, within: tuple[dt.date, dt.date] | None = None
) -> StoredState:
    """What is stored now.

    Args:
        storage: Where the assets' tables lie.
        published: See `ResultTables.published`.
        within: First and last day to look at; without it, all.
    """
    names = [name for asset in ALL_ASSETS for name in names_of(asset)]
    return StoredState(
        {
            name: (storage.days(name, days_between(*within)) if within else storage.all_days(name)).stamps()
            for name in names
        },
        published,
    )


def extraction_inputs(fingerprint: str) -> dict[str, str]:
    """What a day of sessions or conversions is made from: name -> version."""
    return {"source": fingerprint}


def beside_versions(versions: Versions, asset: str, day: dt.date) -> dict[str, str]:
    """The version of the table that is stored beside the asset's, by its name; empty if there is none."""
    return {name: versions[name].get(day, NOT_STORED) for name in names_of(asset)[1:]}


def journeys_inputs(versions: Versions, day: dt.date, windows: Windows) -> dict[str, str]:
    """What the day's journeys are made from: name -> version."""
    first, last = windows.sessions_of(day)
    return {
        **_of_days(versions, "conversions", [day]),
        **_of_days(versions, "sessions", days_between(first, last)),
        "sessions from": str(first),
        "query": JOURNEYS_VERSION,
        "lookback days": str(windows.lookback_days),
    }


def attributions_inputs(versions: Versions, day: dt.date) -> dict[str, str]:
    """What the day's attributions are made from: name -> version."""
    return _of_days(versions, "journeys", [day])


def report_inputs(versions: Versions, day: dt.date, windows: Windows) -> dict[str, str]:
    """What the day's report is made from: name -> version."""
    credited_by = days_between(*windows.orders_of(day))
    return {
        "query": REPORT_VERSION,
        **_of_days(versions, "sessions", [day]),
        **_of_days(versions, "ihc_attributions", credited_by),
        **_of_days(versions, "conversions", credited_by),
    }


def csv_inputs(versions: Versions, day: dt.date) -> dict[str, str]:
    """What the day's CSV file is made from: name -> version."""
    return _of_days(versions, "channel_reporting", [day])


def order_comparison_inputs(versions: Versions, asset: str, day: dt.date, windows: Windows) -> dict[str, str]:
    """What the day's model comparison, paths or roles are made from: name -> version."""
    direct = {"direct channels": ", ".join(sorted(windows.direct_channels))} if asset == "model_comparison" else {}
    return {
        "rules": COMPARISON_VERSION,
        **_of_days(versions, "ihc_attributions", [day]),
        **_of_days(versions, "conversions", [day]),
        **direct,
    }


def markov_inputs(versions: Versions, day: dt.date, windows: Windows) -> dict[str, str]:
    """What the Markov chain of the window that ends with the day is made from: name -> version."""
    first, last = windows.paths_of(day)
    return {
        "rules": COMPARISON_VERSION,
        "paths from": str(first),
        **_of_days(versions, "conversion_paths", days_between(first, last)),
    }


def comparison_csv_inputs(versions: Versions, day: dt.date) -> dict[str, str]:
    """What the day's CSV files of comparisons are made from: name -> version."""
    tables = (*ORDER_COMPARISONS, "markov_comparison")
    return {name: version for asset in tables for name, version in _of_days(versions, asset, [day]).items()}


def fitting_inputs(versions: Versions, windows: Windows) -> dict[str, tuple[str, Callable[[dt.date], dict[str, str]]]]:
    """What the days of each derived asset should be made from now.

    Returns:
        Asset -> the asset without whose day it has none, and a function of the day that gives its inputs.
    """
    return {
        "journeys": ("conversions", lambda day: journeys_inputs(versions, day, windows)),
        "ihc_attributions": ("journeys", lambda day: attributions_inputs(versions, day)),
        "channel_reporting": ("sessions", lambda day: report_inputs(versions, day, windows)),
        "channel_reporting_csv": ("channel_reporting", lambda day: csv_inputs(versions, day)),
        **{
            asset: ("ihc_attributions", partial(order_comparison_inputs, versions, asset, windows=windows))
            for asset in ORDER_COMPARISONS
        },
        "markov_comparison": ("conversion_paths", lambda day: markov_inputs(versions, day, windows)),
        "comparison_csv": ("conversion_paths", lambda day: comparison_csv_inputs(versions, day)),
    }


def is_published(state: StoredState, asset: str, day: dt.date) -> bool:
    """Whether the result tables hold the stored day, where the asset has any."""
    if asset not in PUBLISHED_ASSETS:
        return True
    versions = [state.stamps[name][day].version for name in names_of(asset) if day in state.stamps[name]]
    return state.published.get(asset, {}).get(day) == published_version(*versions)


def share_rejected(state: StoredState, asset: str, day: dt.date) -> float:
    """Share of the day's source rows that were rejected; 0 if there were none at all."""
    kept, beside = state.stamps[asset][day].rows, state.stamps[name_beside(asset)]
    rejected = beside[day].rows if day in beside else 0
    return rejected / (kept + rejected) if rejected else 0.0


def _of_days(versions: Versions, asset: str, days: Iterable[dt.date]) -> dict[str, str]:
    stored = versions.get(asset, {})
    return {f"{asset}/{day}": stored[day] for day in days if day in stored}
