"""The first and the last day of the calendar, as the environment says."""

import datetime as dt

import pytest

from attribution_assets.attribution.calendar.windows import Window
from attribution_assets.defs.partitions import daily_partitions
from attribution_assets.errors import ConfigurationError
from attribution_assets.resources.calendar import first_and_last_partition
from attribution_assets.settings import Settings, demo_start


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "ATTRIBUTION_START_DATE",
        "ATTRIBUTION_END_DATE",
        "ATTRIBUTION_DATABASE_URL",
        "ATTRIBUTION_SOURCE_URL",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ("2024-02-29", "2024-02-01"),  # March has begun
        ("2024-03-01", "2024-02-01"),
        ("2024-03-30", "2024-02-01"),
        ("2024-03-31", "2024-03-01"),
        ("2024-01-15", "2023-12-01"),
    ],
)
def test_the_demo_starts_with_the_month_before(monkeypatch: pytest.MonkeyPatch, last: str, first: str) -> None:
    assert demo_start(dt.date.fromisoformat(last)) == dt.date.fromisoformat(first)
    monkeypatch.setenv("ATTRIBUTION_END_DATE", last)
    settings = Settings.from_environment()
    assert (str(settings.first_day), str(settings.last_day)) == (first, last)


def test_without_any_variable_the_calendar_is_the_demo_s_and_ends_yesterday() -> None:
    settings = Settings.from_environment()
    first, last = first_and_last_partition(settings.first_day, settings.last_day)
    assert (first, last) == (demo_start(last), last)
    assert 27 <= (last - first).days <= 61


@pytest.mark.parametrize(
    ("variable", "url"),
    [("ATTRIBUTION_DATABASE_URL", "sqlite:///shop.db"), ("ATTRIBUTION_SOURCE_URL", "files:///data/export")],
)
def test_with_a_source_of_one_s_own_it_starts_where_the_variable_says(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    monkeypatch.setenv(variable, url)
    assert Settings.from_environment().first_day == dt.date(2023, 8, 1)
    monkeypatch.setenv("ATTRIBUTION_START_DATE", "2022-01-01")
    assert Settings.from_environment().first_day == dt.date(2022, 1, 1)


def test_the_last_day_bounds_partitions_and_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_START_DATE", "2024-02-20")
    monkeypatch.setenv("ATTRIBUTION_END_DATE", "2024-02-23")
    settings = Settings.from_environment()
    keys = daily_partitions(settings.first_day, settings.last_day).get_partition_keys()
    assert keys == ["2024-02-20", "2024-02-21", "2024-02-22", "2024-02-23"]
    assert settings.windows.read_by(dt.date(2024, 2, 22), Window.ATTRIBUTION)[1] == dt.date(2024, 2, 23)


def test_a_last_day_that_is_not_over_bounds_nothing_yet() -> None:
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    assert first_and_last_partition(dt.date(2024, 2, 20), dt.date(2090, 1, 1))[1] == yesterday


@pytest.mark.parametrize("last_day", [None, dt.date(2024, 2, 20), dt.date(2024, 3, 1), dt.date(2090, 1, 1)])
def test_the_calendar_has_dagsters_first_and_last_partition(last_day: dt.date | None) -> None:
    first_day = dt.date(2024, 2, 20)
    daily = daily_partitions(first_day, last_day)
    of_dagster = daily.get_first_partition_key(), daily.get_last_partition_key()
    assert tuple(map(str, first_and_last_partition(first_day, last_day))) == of_dagster


@pytest.mark.parametrize("last_day", [None, dt.date(2090, 1, 1)])
def test_a_calendar_of_which_no_day_is_over_has_no_partition(last_day: dt.date | None) -> None:
    today = dt.datetime.now(dt.UTC).date()
    assert daily_partitions(today, last_day).get_last_partition_key() is None
    with pytest.raises(ConfigurationError, match="no day from there on is over yet"):
        first_and_last_partition(today, last_day)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2024-02-19", "ATTRIBUTION_END_DATE is 2024-02-19: that is before the first day, 2024-02-20"),
        (
            "20.02.2024",
            "ATTRIBUTION_END_DATE is '20.02.2024': it takes a date written YYYY-MM-DD, from 1970-01-01 to 2099-12-31",
        ),
    ],
)
def test_a_last_day_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, text: str, problem: str) -> None:
    monkeypatch.setenv("ATTRIBUTION_START_DATE", "2024-02-20")
    monkeypatch.setenv("ATTRIBUTION_END_DATE", text)
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment()
    assert str(raised.value) == problem
