"""One record per asset: a new one is a record, a function and a schema, and needs no other place to know it."""

import datetime as dt
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from pandera.pandas import Check, Column, DataFrameSchema

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.calendar.windows import Window, Windows
from attribution_assets.attribution.freshness.lineage import made_from, stored_state
from attribution_assets.attribution.freshness.records import (
    ASSETS,
    COMPARISON,
    AssetRecord,
    Input,
    Tables,
    always_in_use,
)
from attribution_assets.attribution.freshness.repair import Stage, next_stages
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.result_tables import ResultTables
from attribution_assets.attribution.storage.stored_days import DayTable, StoredDays, versions_of
from attribution_assets.attribution.tables.arrow import ARROW_SCHEMAS
from attribution_assets.attribution.tables.schemas import STORED_TABLES, TABLES
from attribution_assets.command.cli import app
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.assets import comparison as comparison_assets
from attribution_assets.defs.assets.daily import daily_asset, with_metadata
from attribution_assets.defs.automation.jobs import range_tags
from attribution_assets.defs.io_managers import DailyTables
from attribution_assets.defs.resources import ReportingRules
from attribution_assets.settings import Settings
from attribution_assets_tests.support.made_shop import WINDOWS, MadeShop, day, stale_only
from attribution_assets_tests.support.places import PROJECT

README = PROJECT / "README.md"

SCHEMA = DataFrameSchema(
    {"channel_name": Column(str), "orders": Column("int64", Check.ge(0))}, name="last_touches", strict=True
)


def counted(credit: pd.DataFrame) -> pd.DataFrame:
    """Last touchpoints of the day's orders, by channel."""
    last = credit.sort_values(["session_time", "session_id"]).drop_duplicates("conv_id", keep="last")
    return last.groupby("channel_name", as_index=False).agg(orders=("conv_id", "size"))


def counted_anew(
    storage: AssetStorage, _windows: Windows, of_days: Sequence[dt.date]
) -> Iterator[tuple[dt.date, Tables]]:
    """The tables of the days as they would be made now."""
    for each, credit in storage.days("ihc_attributions", of_days).frames():
        yield each, {"last_touches": counted(credit)}


RECORD = AssetRecord(
    "last_touches",
    COMPARISON,
    inputs=(Input("ihc_attributions"),),
    base="ihc_attributions",
    remake=counted_anew,
    repaired_with="comparisons",
)


@daily_asset(kinds={"pandas"})
def last_touches(context: dg.AssetExecutionContext, ihc_attributions: StoredDays, rules: ReportingRules) -> DailyTables:
    """Orders of the day by the channel of their last touchpoint."""
    versions = versions_of(ihc_attributions)
    return with_metadata(
        context,
        (
            (DayTable(each, counted(credit), made_from("last_touches", versions, each, rules.windows)), {})
            for each, credit in ihc_attributions.frames()
        ),
    )


@pytest.fixture
def new_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asset, as if its record, its function and its schema stood with the others."""
    monkeypatch.setitem(ASSETS, "last_touches", RECORD)
    monkeypatch.setattr(comparison_assets, "last_touches", last_touches, raising=False)
    for tables in (TABLES, STORED_TABLES):
        monkeypatch.setitem(tables, "last_touches", SCHEMA)
    monkeypatch.setitem(
        ARROW_SCHEMAS, "last_touches", pa.schema([("channel_name", pa.string()), ("orders", pa.int64())])
    )


def run(settings: Settings, stage: Stage) -> dg.ExecuteInProcessResult:
    """Materialize a stage in this process, with the checks of its assets."""
    job = build_definitions(settings).resolve_job_def("attribution")
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(asset) for asset in stage.assets],
            tags=range_tags(stage.first, stage.last),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


@pytest.mark.usefixtures("new_asset")
def test_a_new_asset_is_made_stamped_checked_restated_and_listed(
    made_shop: MadeShop, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings.from_environment()
    stale = made_shop.stale()
    assert stale.days == stale_only(last_touches=set(days_between(day(20), day(28))))
    (stage,) = next_stages(stale, WINDOWS)
    assert (stage.first, stage.last) == (day(20), day(28))
    assert "last_touches" in stage.assets

    result = run(settings, stage)
    assert result.success
    checked = {(each.asset_key.to_user_string(), each.check_name) for each in result.get_asset_check_evaluations()}
    assert ("last_touches", "matches_schema") in checked
    stored = made_shop.tables.days("last_touches", [day(24), day(27)])
    assert [frame.to_dict("records") for _, frame in stored.frames()] == [
        [{"channel_name": "Search", "orders": 1}],
        [{"channel_name": "Search", "orders": 1}],
    ]
    assert all(stamp.made_from for stamp in stored.stamps().values())
    assert not made_shop.stale()

    made_shop.session("a3", "ann", "2024-02-24 19:00:00", "Email")
    assert run(settings, Stage(("sessions",), day(24), day(24))).success
    for _ in range(3):  # journeys and what is made with them, reports
        for each in next_stages(made_shop.stale(), WINDOWS):
            assert run(settings, each).success
    assert made_shop.tables.days("last_touches", [day(24)]).frame(day(24)).to_dict("records") == [
        {"channel_name": "Email", "orders": 1}
    ]

    assert app(["status"], standalone_mode=False) in {0, None}
    assert "last_touches" in capsys.readouterr().out


def test_two_settings_live_and_run_in_one_process(made_shop: MadeShop, tmp_path: Path) -> None:
    near = replace(Settings.from_environment(), lookback_days=1, storage=str(tmp_path / "near"))
    near = replace(near, database_url=_copied(made_shop, tmp_path), ihc_api_key=None, variables={})
    far = replace(near, lookback_days=4, storage=str(tmp_path / "far"), first_day=day(22))
    everything = Stage(always_in_use(), day(22), day(27))
    sessions_before = Stage(("sessions",), day(20), day(21))
    both = {settings.storage: build_definitions(settings) for settings in (near, far)}
    assert both[near.storage].resolve_asset_graph() != both[far.storage].resolve_asset_graph()
    assert run(near, sessions_before).success
    assert run(near, everything).success
    assert run(far, everything).success
    orders = {
        settings.storage: AssetStorage(settings.storage)
        .days("journeys", [day(24)])
        .frame(day(24))["session_id"]
        .tolist()
        for settings in (near, far)
    }
    assert orders == {near.storage: ["a2"], far.storage: ["a1", "a2"]}  # a1 came two days before the order
    for settings in (near, far):
        storage = AssetStorage(settings.storage)
        state = stored_state(storage, ResultTables(settings.database_url).published(), (day(22), day(27)))
        assert state.stamps["channel_reporting"].keys() == set(days_between(day(22), day(27)))


def _copied(shop: MadeShop, folder: Path) -> str:
    """The shop's database, copied."""
    shutil.copy(shop.url.removeprefix("sqlite:///"), folder / "copied.db")
    return f"sqlite:///{folder / 'copied.db'}"


def test_the_windows_of_readers_are_those_of_what_is_read() -> None:
    for window in Window:
        for number in range(24, 34):
            first, last = WINDOWS.read_by(day(number), window)
            for read in days_between(first, last):
                earliest, latest = WINDOWS.readers_of(read, window)
                assert earliest <= day(number) <= latest


def test_the_readmes_graph_is_that_of_the_records() -> None:
    """Each arrow of the picture is an input of a record with its window, and none is missing."""
    picture = README.read_text(encoding="utf-8").split("```mermaid")[1].split("```")[0]
    drawn: dict[tuple[str, str], str] = {}
    for sources, label, targets in re.findall(
        r"^ *([\w &]+?) -(?:- \"(.*?)\" -)?-> ([\w &]+?)$", picture, re.MULTILINE
    ):
        for source in sources.split(" & "):
            for target in targets.split(" & "):
                if {source, target} <= set(always_in_use()):
                    drawn[source, target] = label
    labels = {Window.DAY: "", Window.LOOKBACK: "[D-L .. D]", Window.ATTRIBUTION: "[D .. D+L]"}
    inputs = {
        (given.asset, name): labels[given.window] for name in always_in_use() for given in ASSETS[name].dagster_inputs()
    }
    assert inputs == drawn
