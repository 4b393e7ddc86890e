"""One record per asset: what its days are made from, how a day is made anew, and what holds it up.

Dagster's inputs and partition mappings, the stamps, staleness, the order of repair and the list of assets follow from
these records. A new asset is one record here, one function in `defs/assets/` and one schema in `tables/schemas`.
What is stored, and how it compares with what the records say, is in `lineage` and `staleness`.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from attribution_assets.attribution.calendar.days import adjacent_ranges, days_between
from attribution_assets.attribution.calendar.tables_by_day import by_day
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.comparison.order_comparisons import comparisons_by_day
from attribution_assets.attribution.reporting.channel_breakdown import (
    breakdown_inputs,
    breakdown_sql,
    channel_breakdowns,
)
from attribution_assets.attribution.reporting.channel_report import REPORT_SQL
from attribution_assets.attribution.reporting.journeys import (
    IN_THE_WINDOW_SQL,
    JOURNEYS_SQL,
    TOO_LONG_SQL,
    customer_journeys,
)
from attribution_assets.attribution.reporting.missing_sessions import NEAREST_SQL
from attribution_assets.attribution.reporting.order_outcomes import OUTCOMES_SQL
from attribution_assets.attribution.reporting.report_blocks import report_blocks, report_inputs
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stamps import digest

JOURNEYS_VERSION = digest({"journeys": IN_THE_WINDOW_SQL + JOURNEYS_SQL, "too long": TOO_LONG_SQL})
REPORT_VERSION = digest({"report": REPORT_SQL, "outcomes": OUTCOMES_SQL, "no sessions": NEAREST_SQL})
"""With another query the rows may be others: what was made with the old one is looked at again."""

COMPARISON_VERSION = "1"
"""To be raised with the rules of the models, the paths or the roles: what was made with the old ones is made anew."""

Tables = Mapping[str, pd.DataFrame | pa.Table]
"""Name -> the asset's table of a day, or a table that is stored beside it."""

Remake = Callable[[AssetStorage, Windows, Sequence[dt.date]], Iterator[tuple[dt.date, Tables]]]


@dataclass(frozen=True)
class Input:
    """What an asset reads, or what holds it up.

    Attributes:
        asset: the input.
        window: the days of it that one day of the asset reads.
        may_miss_days: whether days of the window may not have been materialized yet.
        only_with_rows: whether this holds for a day whose base has no rows, which needs nothing of the input.
        beside: whether the asset takes it from the storage by itself: it is no input in Dagster, so its window widens
            no backfill. A table that is stored beside an asset's own can be read so.
    """

    asset: str
    window: Window = Window.DAY
    may_miss_days: bool = False
    only_with_rows: bool = False
    beside: bool = False


def _no_rules(_windows: Windows, _day: dt.date) -> Mapping[str, str]:
    return {}


def _always(_table: pd.DataFrame | pa.Table) -> bool:
    return True


def _with_any_settings(_windows: Windows) -> bool:
    return True


@dataclass(frozen=True)
class AssetRecord:
    """What there is to know of an asset besides the function that makes it.

    Attributes:
        name: the asset, its table and its function.
        group: its group in Dagster's UI.
        source_tables: the tables of the source database that it reads.
        inputs: the assets that it reads; none if it reads the source.
        base: the input without whose day the asset has none.
        rules: what a day is made from besides its inputs: name -> version.
        remake: makes days anew, to see whether their rows would change; without it, a day whose inputs have changed is
            stale whatever its rows would be.
        expected_with: the input whose stored day has a day of the asset made that is not there; without it, `base`.
        worth_making: whether such a day is wanted all the same, by what `remake` made of it.
        repaired_with: the step of a repair in which the asset is made; assets of one step are made together.
        in_use: whether there is such an asset with these settings.
        held_up_by: source assets, each with the window whose days hold the asset's day up while too many of their rows
            are rejected.
    """

    name: str
    group: str
    source_tables: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    base: str = ""
    rules: Callable[[Windows, dt.date], Mapping[str, str]] = _no_rules
    remake: Remake | None = None
    expected_with: str = ""
    worth_making: Callable[[pd.DataFrame | pa.Table], bool] = _always
    repaired_with: str = ""
    held_up_by: tuple[Input, ...] = ()
    in_use: Callable[[Windows], bool] = _with_any_settings

    @property
    def reads_the_source(self) -> bool:
        """Whether its days are extracted from the source database."""
        return not self.inputs

    def derived_inputs(self) -> Iterator[Input]:
        """The inputs, but for those beside, that are not extracted from the source."""
        return (given for given in self.dagster_inputs() if not ASSETS[given.asset].reads_the_source)

    def dagster_inputs(self) -> Iterator[Input]:
        """The inputs that Dagster hands to the asset."""
        return (given for given in self.inputs if not given.beside)


def _journeys_rules(windows: Windows, day: dt.date) -> Mapping[str, str]:
    return {
        "sessions from": str(windows.read_by(day, Window.LOOKBACK)[0]),
        "query": JOURNEYS_VERSION,
        "lookback days": str(windows.lookback_days),
        "most sessions": str(windows.most_sessions),
        "end": windows.journey_end.value,
    }


def _report_rules(windows: Windows, day: dt.date) -> Mapping[str, str]:
    first, last = windows.read_by(day, Window.AROUND)
    return {"query": REPORT_VERSION, "sessions looked for": f"{first}..{last}"}


def _has_dimensions(windows: Windows) -> bool:
    return bool(windows.dimensions or windows.order_dimensions)


def _breakdown_rules(windows: Windows, _day: dt.date) -> Mapping[str, str]:
    return {"query": digest({"breakdown": breakdown_sql(windows)})}


def _comparison_rules(windows: Windows, _day: dt.date) -> Mapping[str, str]:
    return {"rules": COMPARISON_VERSION, "direct channels": ", ".join(sorted(windows.direct_channels))}


def _csv_rules(windows: Windows, _day: dt.date) -> Mapping[str, str]:
    return {"names": "guarded and escaped" if windows.csv_guard else "as they are"}


def _journeys_anew(
    storage: AssetStorage, windows: Windows, days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, Tables]]:
    for first, last in adjacent_ranges(days):
        orders = storage.days("conversions", days_between(first, last))
        sessions = storage.days("sessions", days_between(windows.read_by(first, Window.LOOKBACK)[0], last))
        for made in customer_journeys(orders, sessions, windows):
            yield made.day, {"journeys": made.table, "too_long_orders": made.too_long}


def _reports_anew(storage: AssetStorage, windows: Windows, days: Sequence[dt.date]) -> Iterator[tuple[dt.date, Tables]]:
    for first, last in adjacent_ranges(days):
        inputs = report_inputs(storage, windows, first, last)
        for block in report_blocks(inputs, days_between(first, last), windows):
            unattributed = dict(by_day(block.unattributed, "conversion_time", block.days))
            for day, frame in by_day(block.report, "date", block.days):
                yield day, {"channel_reporting": frame, "unattributed_orders": unattributed[day]}


def _breakdowns_anew(
    storage: AssetStorage, windows: Windows, days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, Tables]]:
    for first, last in adjacent_ranges(days):
        inputs = breakdown_inputs(storage, windows, first, last)
        for block, breakdown in channel_breakdowns(inputs, days_between(first, last), windows):
            for day, frame in by_day(breakdown, "date", block):
                yield day, {"channel_breakdown": frame}


def _comparisons_anew(
    storage: AssetStorage, windows: Windows, days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, Tables]]:
    credit, orders = (storage.days(asset, days) for asset in ("ihc_attributions", "conversions"))
    there = [day for day in days if day in orders.files]
    yield from comparisons_by_day(credit, orders, there, windows.direct_channels)


def _has_credit(report: pd.DataFrame | pa.Table) -> bool:
    return bool(report["ihc"].any())


ATTRIBUTION, COMPARISON = "attribution", "comparison"

_ORDERS_AND_THEIR_SESSIONS = (Input("conversions"), Input("sessions", Window.LOOKBACK))
_ROWS_OF_THE_DAY = (Input("sessions"), Input("conversions"), Input("spend"))

_RECORDS = (
    AssetRecord("sessions", ATTRIBUTION, source_tables=("session_sources", "session_costs")),
    AssetRecord("conversions", ATTRIBUTION, source_tables=("conversions",)),
    AssetRecord("spend", ATTRIBUTION, source_tables=("ad_spend",)),
    AssetRecord(
        "journeys",
        ATTRIBUTION,
        inputs=(Input("conversions"), Input("sessions", Window.LOOKBACK, only_with_rows=True)),
        base="conversions",
        rules=_journeys_rules,
        remake=_journeys_anew,
        repaired_with="journeys",
        held_up_by=_ORDERS_AND_THEIR_SESSIONS,
    ),
    AssetRecord(
        "ihc_attributions",
        ATTRIBUTION,
        inputs=(Input("journeys"), Input("order_types", may_miss_days=True, beside=True)),
        base="journeys",
        repaired_with="attributions",
        held_up_by=_ORDERS_AND_THEIR_SESSIONS,
    ),
    AssetRecord(
        "model_comparison",
        COMPARISON,
        inputs=(Input("ihc_attributions"), Input("conversions")),
        base="ihc_attributions",
        rules=_comparison_rules,
        remake=_comparisons_anew,
        repaired_with="comparisons",
        held_up_by=(Input("conversions"),),
    ),
    AssetRecord(
        "channel_reporting",
        ATTRIBUTION,
        inputs=(
            Input("sessions"),
            Input("spend", may_miss_days=True),
            Input("ihc_attributions", Window.ATTRIBUTION, may_miss_days=True),
            Input("conversions", Window.ATTRIBUTION, may_miss_days=True),
            Input("sessions", Window.AROUND, may_miss_days=True, beside=True),
            Input("too_long_orders", may_miss_days=True, beside=True),
        ),
        base="sessions",
        rules=_report_rules,
        remake=_reports_anew,
        expected_with="ihc_attributions",
        worth_making=_has_credit,
        repaired_with="reports",
        held_up_by=_ROWS_OF_THE_DAY,
    ),
    AssetRecord(
        "channel_reporting_csv",
        ATTRIBUTION,
        inputs=(Input("channel_reporting"),),
        base="channel_reporting",
        rules=_csv_rules,
        repaired_with="reports",
        held_up_by=_ROWS_OF_THE_DAY,
    ),
    AssetRecord(
        "channel_breakdown",
        ATTRIBUTION,
        inputs=(
            Input("channel_reporting"),
            Input("sessions"),
            Input("spend", may_miss_days=True),
            Input("ihc_attributions", Window.ATTRIBUTION, may_miss_days=True),
            Input("conversions", Window.ATTRIBUTION, may_miss_days=True),
            Input("session_dimensions", may_miss_days=True, beside=True),
            Input("spend_by_dimension", may_miss_days=True, beside=True),
            Input("order_dimensions", Window.ATTRIBUTION, may_miss_days=True, beside=True),
        ),
        base="channel_reporting",
        rules=_breakdown_rules,
        remake=_breakdowns_anew,
        repaired_with="reports",
        held_up_by=_ROWS_OF_THE_DAY,
        in_use=_has_dimensions,
    ),
    AssetRecord(
        "channel_breakdown_csv",
        ATTRIBUTION,
        inputs=(Input("channel_breakdown"),),
        base="channel_breakdown",
        rules=_csv_rules,
        repaired_with="reports",
        held_up_by=_ROWS_OF_THE_DAY,
        in_use=_has_dimensions,
    ),
)

ASSETS: dict[str, AssetRecord] = {record.name: record for record in _RECORDS}
"""All records, each asset after its inputs."""


def assets_in_use(windows: Windows) -> tuple[str, ...]:
    """The assets that there are with these settings, each after its inputs."""
    return tuple(name for name, record in ASSETS.items() if record.in_use(windows))


def always_in_use() -> tuple[str, ...]:
    """The assets that there are with any settings, each after its inputs."""
    return tuple(name for name, record in ASSETS.items() if record.in_use is _with_any_settings)


SOURCE_ASSETS = tuple(name for name, record in ASSETS.items() if record.reads_the_source)
