import datetime as dt
import hashlib
import time
from pathlib import Path

import pandas as pd
import pytest

from attribution_assets.attribution.source.database import SourceDatabase
from attribution_assets.demo import (
    DEMO_TABLES,
    DemoDatabaseError,
    DemoSize,
    extend_demo_database,
    has_source_tables,
    make_demo_database,
)
from attribution_assets.demo_visitors import CHANNELS, day_weights
from attribution_assets_tests.support.databases import execute, rows_of
from attribution_assets_tests.support.source_tables import in_pandas

FIRST = dt.date(2023, 8, 1)
LOOKBACK = pd.Timedelta(days=30)
PAID = {channel.name for channel in CHANNELS if channel.cost_per_click}
SPENT_ON = {"Display", "Paid Social", "Video"}


@pytest.fixture(scope="module")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('demo')}/demo.db"
    make_demo_database(url, FIRST)
    return url


@pytest.fixture(scope="module")
def sessions(demo_url: str) -> pd.DataFrame:
    extracted = SourceDatabase(demo_url, FIRST).sessions(days(30))
    return pd.concat([in_pandas(day).frame for day in extracted], ignore_index=True)


@pytest.fixture(scope="module")
def conversions(demo_url: str) -> pd.DataFrame:
    extracted = SourceDatabase(demo_url, FIRST).conversions(days(30))
    return pd.concat([in_pandas(day).frame for day in extracted], ignore_index=True)


@pytest.fixture(scope="module")
def costs(demo_url: str, sessions: pd.DataFrame) -> "pd.Series[float]":
    """What each channel cost: of its visits, or what was spent on it."""
    days_spent = (extracted.frame for extracted in SourceDatabase(demo_url, FIRST).spend(days(30)))
    spent = pd.concat(days_spent, ignore_index=True).groupby("channel_name")["cost"].sum()
    assert set(spent.index) == SPENT_ON
    return spent.combine_first(sessions.groupby("channel_name")["cost"].sum())


@pytest.fixture(scope="module")
def touchpoints(sessions: pd.DataFrame, conversions: pd.DataFrame) -> pd.DataFrame:
    """Touchpoints of all journeys, each with an equal share of its order."""
    pairs = conversions.merge(sessions, on="user_id")
    lag = pairs["conversion_time"] - pairs["session_time"]
    pairs = pairs[(lag > pd.Timedelta(0)) & (lag <= LOOKBACK)]
    return pairs.assign(ihc=1 / pairs.groupby("conv_id")["session_id"].transform("size"))


def days(count: int) -> list[dt.date]:
    return [FIRST + dt.timedelta(days=number) for number in range(count)]


def digest(url: str) -> str:
    rows = [rows_of(url, table) for table in DEMO_TABLES.tables]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


class TestRows:
    def test_thirty_days_have_some_fifty_thousand_sessions_and_fifteen_hundred_orders(
        self, sessions: pd.DataFrame, conversions: pd.DataFrame
    ) -> None:
        assert (len(sessions), len(conversions)) == (48_105, 1_431)

    def test_a_seed_gives_the_same_rows_today_as_ever(self, demo_url: str) -> None:
        assert digest(demo_url) == "477851ca4083aa86686b8bb89c7f48424b19f11c0031281c6f73edba63c8b705"

    def test_both_databases_get_the_same_rows(self, database_url: str) -> None:
        assert make_demo_database(database_url, FIRST, days=2, seed=1) == DemoSize(sessions=3_200, orders=93)
        assert digest(database_url) == "1ab94f58a368fbcbaa53a96aab3586e923dc7b45b568e513982db49ad4bf030e"

    def test_a_day_has_the_same_rows_whichever_other_days_are_made_and_when(
        self, database_url: str, demo_url: str
    ) -> None:
        assert make_demo_database(database_url, FIRST, days=28) == DemoSize(sessions=44_648, orders=1_329)
        last = FIRST + dt.timedelta(days=29)
        assert extend_demo_database(database_url, FIRST, last) == DemoSize(sessions=3_457, orders=102)
        assert digest(database_url) == digest(demo_url)
        assert extend_demo_database(database_url, FIRST, last) == DemoSize(sessions=0, orders=0)
        assert digest(database_url) == digest(demo_url)

    def test_another_seed_gives_other_rows(self, tmp_path: Path) -> None:
        digests = set()
        for seed in (1, 2):
            url = f"sqlite:///{tmp_path}/{seed}.db"
            make_demo_database(url, FIRST, days=1, seed=seed)
            digests.add(digest(url))
        assert len(digests) == 2

    def test_all_of_it_is_in_the_given_days_and_every_day_has_some(self, demo_url: str, sessions: pd.DataFrame) -> None:
        assert SourceDatabase(demo_url, FIRST).days_with_data() == (FIRST, FIRST + dt.timedelta(days=29))
        assert sessions.groupby(sessions["session_time"].dt.date).size().index.tolist() == days(30)

    def test_weekends_are_quieter_and_nights_are_quiet(self, sessions: pd.DataFrame) -> None:
        four_weeks = sessions[sessions["session_time"] < pd.Timestamp(FIRST) + pd.Timedelta(days=28)]
        by_weekday = four_weeks.groupby(four_weeks["session_time"].dt.weekday).size()
        assert by_weekday.idxmin() == 5
        assert by_weekday.idxmax() == 0
        by_hour = sessions.groupby(sessions["session_time"].dt.hour).size()
        assert by_hour.idxmax() == 20
        assert by_hour[2:4].sum() < 0.1 * by_hour[19:22].sum()

    def test_a_december_monday_is_half_as_busy_again_as_one_in_june(self) -> None:
        june, december = (day_weights(day, 1).item() for day in (dt.date(2023, 6, 12), dt.date(2023, 12, 11)))
        assert december / june == pytest.approx(1.5, abs=0.01)

    def test_journeys_have_from_one_touchpoint_to_many(self, touchpoints: pd.DataFrame) -> None:
        lengths = touchpoints.groupby("conv_id").size()
        assert lengths.min() == 1
        assert lengths.max() == 29
        assert 0.3 < (lengths == 1).mean() < 0.5
        assert 3 < lengths.mean() < 5

    def test_some_orders_have_no_sessions(self, conversions: pd.DataFrame, touchpoints: pd.DataFrame) -> None:
        without = ~conversions["conv_id"].isin(touchpoints["conv_id"])
        assert 0.02 < without.mean() < 0.04
        assert without.sum() == 43

    def test_visitors_return_and_journeys_share_sessions(
        self, sessions: pd.DataFrame, touchpoints: pd.DataFrame
    ) -> None:
        visits = sessions.groupby("user_id").size()
        assert visits.max() <= 40
        assert 0.2 < (visits > 1).mean() < 0.4
        assert touchpoints["session_id"].duplicated().any()

    def test_only_paid_channels_cost_and_a_few_sessions_have_no_cost_row(
        self, sessions: pd.DataFrame, costs: "pd.Series[float]"
    ) -> None:
        assert set(costs.index) == {channel.name for channel in CHANNELS}
        assert set(costs[costs > 0].index) == PAID
        assert len(PAID) == 8
        by_visit = sessions[~sessions["channel_name"].isin(SPENT_ON)]
        assert 0.005 < by_visit["cost"].isna().mean() < 0.015
        assert sessions[sessions["channel_name"].isin(SPENT_ON)]["cost"].isna().all()

    def test_visits_and_orders_have_dimensions_types_and_refunds(self, database_url: str) -> None:
        make_demo_database(database_url, FIRST, days=2, conversion_types=["new", "returning"])
        dimensions = {"dimensions": ("campaign", "country"), "order_dimensions": ("market", "customer_type")}
        shop = SourceDatabase(database_url, FIRST, **dimensions)
        visits, orders, spend = (next(read(days(2))) for read in (shop.sessions, shop.conversions, shop.spend))
        values = {
            name: set(found["value"])
            for of in (visits.beside["session_dimensions"], orders.beside["order_dimensions"])
            for name, found in of.groupby("dimension")
        }
        assert values["country"] == {"DE", "AT", "CH"}
        assert values["market"] == {"Germany", "Austria", "Switzerland"}
        assert values["customer_type"] == {"new", "returning"}
        assert set(orders.beside["order_types"]["conversion_type"]) == {"new", "returning"}
        assert 0 < orders.refunded < 0.2 * orders.frame["revenue"].sum()
        assert set(spend.frame["campaign"]) < values["campaign"]
        assert spend.frame[["impressions", "clicks"]].notna().all(axis=None)

    def test_some_sessions_are_impressions_that_engage_little(self, sessions: pd.DataFrame) -> None:
        impressions = sessions[sessions["impression_interaction"] == 1]
        assert set(impressions["channel_name"]) == {"Display", "Paid Social", "Video"}
        assert 0.05 < len(impressions) / len(sessions) < 0.12
        clicks = sessions[sessions["impression_interaction"] == 0]
        for flag in ("holder_engagement", "closer_engagement"):
            assert impressions[flag].mean() < clicks[flag].mean() / 2

    def test_return_on_ad_spend_is_a_shop_s(self, costs: "pd.Series[float]", touchpoints: pd.DataFrame) -> None:
        cost = costs
        by_channel = touchpoints.assign(revenue=touchpoints["ihc"] * touchpoints["revenue"]).groupby("channel_name")
        earned = by_channel[["ihc", "revenue"]].sum()
        assert 4 < earned["revenue"].sum() / cost.sum() < 6
        roas = (earned["revenue"] / cost)[sorted(PAID)]
        assert roas.between(1.5, 8).all()
        assert roas.idxmax() == "Paid Search Brand"
        assert roas["Paid Search Brand"] > 2 * roas["Display"]
        assert (cost / earned["ihc"])[sorted(PAID)].between(5, 40).all()

    def test_revenues_are_those_of_a_shop(self, conversions: pd.DataFrame) -> None:
        kept = conversions.loc[conversions["revenue"] > 0, "revenue"]
        assert kept.quantile([0.01, 0.5, 0.99]).round().tolist() == [12, 45, 156]


class TestMaking:
    def test_it_takes_less_than_two_seconds(self, tmp_path: Path) -> None:
        seconds = []
        for name in "abc":
            start = time.process_time()
            make_demo_database(f"sqlite:///{tmp_path}/{name}.db", FIRST)
            seconds.append(time.process_time() - start)
        assert min(seconds) < 2

    def test_folders_are_made_and_nothing_else_is_left_there(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/new/folder/demo%25.db"
        assert not has_source_tables(url)
        make_demo_database(url, FIRST, days=1)
        assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["demo%.db"]
        assert has_source_tables(url)

    def test_a_database_with_a_source_table_is_left_alone(self, database_url: str) -> None:
        assert not has_source_tables(database_url)
        execute(database_url, "CREATE TABLE conversions (conv_id text)", "INSERT INTO conversions VALUES ('mine')")
        assert has_source_tables(database_url)
        with pytest.raises(DemoDatabaseError, match="has source tables already: they are left alone"):
            make_demo_database(database_url, FIRST, days=1)
        assert rows_of(database_url, "conversions") == [("mine",)]

    def test_days_are_added_to_no_database_but_a_demo_s(self, database_url: str) -> None:
        make_demo_database(database_url, FIRST, days=2)
        tomorrow = FIRST + dt.timedelta(days=2)
        execute(database_url, "DELETE FROM session_sources", "DELETE FROM conversions")
        execute(
            database_url,
            "INSERT INTO conversions (conv_id, user_id, conv_date, conv_time, revenue)"
            " VALUES ('mine', 'u', '2023-08-02', '10:00:00', 1)",
        )
        assert extend_demo_database(database_url, FIRST, tomorrow) is None
        execute(database_url, "DROP TABLE attribution_demo")
        assert extend_demo_database(database_url, FIRST, tomorrow) is None
        assert [row[0] for row in rows_of(database_url, "conversions")] == ["mine"]

    def test_other_tables_of_a_database_stay(self, database_url: str) -> None:
        execute(database_url, "CREATE TABLE other (a text)", "INSERT INTO other VALUES ('mine')")
        make_demo_database(database_url, FIRST, days=1)
        assert rows_of(database_url, "other") == [("mine",)]
        assert has_source_tables(database_url)

    def test_a_failure_leaves_no_half_database(self, database_url: str) -> None:
        execute(database_url, "CREATE TABLE taken (a text)", "CREATE INDEX session_costs ON taken (a)")
        with pytest.raises(DemoDatabaseError, match="session_costs"):
            make_demo_database(database_url, FIRST, days=1)
        assert not has_source_tables(database_url)

    def test_a_failure_leaves_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "folder").write_text("a file where a folder has to be")
        with pytest.raises(OSError, match="folder"):
            make_demo_database(f"sqlite:///{tmp_path}/folder/demo.db", FIRST, days=1)
        assert [path.name for path in tmp_path.iterdir()] == ["folder"]

    def test_an_unreachable_server_is_an_error_without_the_password(self) -> None:
        with pytest.raises(DemoDatabaseError, match=r"shop at 127\.0\.0\.1:1 cannot be used") as caught:
            has_source_tables("postgresql://u:hunter2@127.0.0.1:1/shop")
        assert "hunter2" not in str(caught.value)
