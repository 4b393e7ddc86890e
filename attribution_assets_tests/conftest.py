"""What all tests share: one configuration, and small tables in which a test names only the values that it is about."""

import os

# The package reads its first day and its lookback window on import, so they are set before anything imports it. All
# else that a developer's shell or a deployment sets is cleared: tests must not call a paid API, write into a real
# DAGSTER_HOME or pass on one machine only. Where the recorded data is to be found stays, and what tunes the tests.
for variable in list(os.environ):
    kept = variable == "ATTRIBUTION_SHARED_DATA" or variable.startswith("ATTRIBUTION_TESTS_")
    if variable.startswith(("ATTRIBUTION_", "IHC_", "DAGSTER_")) and not kept:
        del os.environ[variable]
os.environ |= {"ATTRIBUTION_START_DATE": "2024-02-20", "ATTRIBUTION_LOOKBACK_DAYS": "4"}

import datetime as dt  # noqa: E402 - the environment comes first
from collections.abc import Callable, Mapping, Sequence  # noqa: E402 - the same
from pathlib import Path  # noqa: E402 - the same
from typing import Any  # noqa: E402 - the same

import hypothesis  # noqa: E402 - the same
import pandas as pd  # noqa: E402 - the same
import pytest  # noqa: E402 - the same

from attribution_assets.attribution.storage.asset_storage import AssetStorage  # noqa: E402 - the same
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays, names_of  # noqa: E402 - the same
from attribution_assets.attribution.tables.schemas import STORED_TABLES  # noqa: E402 - the same

_FIXTURES = (
    "databases",
    "shop",
    "made_shop",
    "command_process",
    "s3_server",
    "spark_session",
    "dashboard_pages",
    "orders_of_four_days",
    "rows_api",
)
pytest_plugins = [f"attribution_assets_tests.support.{module}" for module in _FIXTURES]
pytest.register_assert_rewrite("attribution_assets_tests.support.whole_shop")

_TIERS = {"unit", "integration", "end_to_end"}
_MARKERS_OF_FIXTURES = {
    "postgresql_server": ("postgresql",),
    "running_s3_server": ("s3",),
    "spark_settings": ("spark", "slow"),
    "browser": ("chromium",),
}
_MARKERS_OF_PARAMETERS = {"postgresql": ("postgresql",), "S3": ("s3",), "s3": ("s3",), "the same on S3": ("s3",)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with its tier, which is its folder, and with the servers that its fixtures name."""
    for item in items:
        for tier in _TIERS.intersection(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(tier)
        for parameter in getattr(getattr(item, "callspec", None), "params", {}).values():
            for marker in _MARKERS_OF_PARAMETERS.get(str(parameter), ()):
                item.add_marker(marker)
        for fixture in getattr(item, "fixturenames", ()):
            for marker in _MARKERS_OF_FIXTURES.get(fixture, ()):
                item.add_marker(marker)


# How long an example takes says more of the machine than of the code.
# The examples are the same ones each time, unless ATTRIBUTION_TESTS_RANDOM=1 asks for others, and for more of them.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.register_profile("random", deadline=None)
hypothesis.settings.load_profile("random" if os.environ.get("ATTRIBUTION_TESTS_RANDOM") == "1" else "same")

_TOUCHPOINT: dict[str, Any] = {
    "conv_id": "o1",
    "conversion_time": "2024-02-26 12:00:00",
    "session_id": "s1",
    "session_time": "2024-02-26 11:00:00",
    "channel_name": "Search",
    "holder_engagement": 1,
    "closer_engagement": 0,
    "impression_interaction": 0,
}
_COMPARED = {"conversion_date": "2024-02-26", "orders": 1, "revenue": 100.0}
_REJECTED = {"row_key": "s1", "reason": "cost 'free' is not a number", "row": "{}", "amount": None}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "sessions": _TOUCHPOINT | {"user_id": "u1", "cost": 1.0},
    "conversions": _TOUCHPOINT | {"user_id": "u1", "revenue": 100.0},
    "journeys": _TOUCHPOINT | {"conversion": 1},
    "spend": {"date": "2024-02-26", "channel_name": "Search", "campaign": None, "cost": 1.0}
    | {"impressions": None, "clicks": None},
    "rejected_spend": _REJECTED,
    "session_dimensions": _TOUCHPOINT | {"date": "2024-02-26", "dimension": "campaign", "value": "spring"},
    "order_dimensions": _TOUCHPOINT | {"date": "2024-02-26", "dimension": "market", "value": "north"},
    "spend_by_dimension": {"channel_name": "Search", "date": "2024-02-26", "dimension": "campaign", "value": "spring"}
    | {"cost": 1.0, "impressions": None, "clicks": None},
    "channel_breakdown": {"channel_name": "Search", "date": "2024-02-26", "dimension": "campaign", "value": "spring"}
    | {"cost": 1.0, "ihc": 1.0, "ihc_revenue": 100.0, "impressions": None, "clicks": None},
    "channel_breakdown_csv": {"path": "report.csv"},
    "order_types": {"conv_id": "o1", "conversion_type": "new"},
    "too_long_orders": _TOUCHPOINT | {"user_id": "u1", "sessions": 201, "most_sessions": 200},
    "ihc_attributions": _TOUCHPOINT
    | {"initializer": 1.0, "holder": 0.0, "closer": 1.0, "ihc": 1.0, "outcome": "attributed", "reason": None}
    | {"answered_by": "embedded"},
    "channel_reporting": _TOUCHPOINT | {"date": "2024-02-26", "cost": 1.0, "ihc": 1.0, "ihc_revenue": 100.0},
    "model_comparison": _COMPARED | {"model": "ihc", "channel_name": "Search", "touch_date": "2024-02-26"},
    "conversion_paths": _COMPARED | {"path": '["Search"]', "days_to_conversion": 0, "touchpoints": 1},
    "channel_roles": _COMPARED
    | {"channel_name": "Search", "influenced_orders": 1, "influenced_revenue": 100.0}
    | {"assisted_orders": 0, "assisted_revenue": 0.0, "initializer": 1.0, "holder": 0.0, "closer": 1.0},
    "unattributed_orders": _TOUCHPOINT | {"reason": "no_sessions", "detail": None, "revenue": 100.0},
    "rejected_sessions": _REJECTED,
    "rejected_conversions": _REJECTED,
    "channel_reporting_csv": {"path": "report.csv"},
}
_TYPES = {"str": "object", "datetime64[ns]": "datetime64[us]", "int64": "int64", "float64": "float64"}
_TIME = {
    "sessions": "session_time",
    "channel_reporting": "date",
    "spend": "date",
    "channel_breakdown": "date",
    "session_dimensions": "date",
    "order_dimensions": "date",
    "spend_by_dimension": "date",
    "model_comparison": "conversion_date",
    "conversion_paths": "conversion_date",
    "channel_roles": "conversion_date",
}


@pytest.fixture
def storage(tmp_path: Path) -> AssetStorage:
    """An empty asset storage in a folder."""
    return AssetStorage(str(tmp_path / "assets"))


@pytest.fixture(scope="session")
def table() -> Callable[..., pd.DataFrame]:
    """`table(asset, *rows)`: a table as it is stored; what a row does not name is order o1, session s1 of user u1."""

    def build(asset: str, *rows: Mapping[str, Any]) -> pd.DataFrame:
        columns = STORED_TABLES[asset].columns
        frame = pd.DataFrame([_DEFAULTS[asset] | dict(row) for row in rows], columns=list(columns))
        return frame.astype({name: _TYPES[str(column.dtype)] for name, column in columns.items()})

    return build


@pytest.fixture(scope="session")
def keep() -> Callable[..., StoredDays]:
    """`keep(storage, asset, frame, days)`: the table stored for the days, those without rows too."""

    def store(storage: AssetStorage, asset: str, frame: pd.DataFrame, days: Sequence[dt.date]) -> StoredDays:
        dates = pd.to_datetime(frame[_TIME.get(asset, "conversion_time")]).dt.date
        assert set(dates) <= set(days)
        for day in days:
            beside = {name: storage.days(name, [day]).frame(day) for name in names_of(asset)[1:]}
            storage.write(asset, DayTable(day, frame[dates == day], {}, beside))
        return storage.days(asset, days)

    return store
