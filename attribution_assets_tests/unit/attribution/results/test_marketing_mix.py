"""The weekly input of marketing-mix models: whole weeks, all orders, cost and visits by channel."""

import datetime as dt
import tempfile

import pandas as pd
import pytest

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.results.marketing_mix import weekly_marketing_mix
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable, companion_table
from attribution_assets.attribution.tables.schemas import TABLES
from attribution_assets_tests.support.stored_results import Order, Visit, store_results

DAYS = days_between(dt.date(2024, 2, 23), dt.date(2024, 3, 12))
MONDAYS = [dt.date(2024, 2, 26), dt.date(2024, 3, 4)]


def test_whole_weeks_have_all_orders_and_what_each_channel_cost() -> None:
    monday, sunday, next_monday = MONDAYS[0], MONDAYS[0] + dt.timedelta(days=6), MONDAYS[1]
    orders = [
        Order(monday, 10.1, (Visit(monday, "Paid Search", 1.5),), (1.0,)),
        Order(sunday, 5.2),
        Order(DAYS[0], 99.0),
        Order(
            next_monday, 7.0, (Visit(sunday, "Paid Search", 2.0), Visit(next_monday, "Paid-Search", 4.0)), (0.5, 0.5)
        ),
    ]
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        store_results(storage, DAYS, orders, [Visit(DAYS[-1], "SEO", 0.0)])
        found = weekly_marketing_mix(storage, DAYS[0], DAYS[-1])
        assert weekly_marketing_mix(storage, DAYS[0], DAYS[8]).empty
    assert found.columns.tolist() == [
        "time", "geo", "orders", "revenue", "revenue_per_order", "Paid_Search_spend", "Paid_Search_visits",
        "Paid_Search__2_spend", "Paid_Search__2_visits",
    ]  # fmt: skip
    assert found.to_numpy().tolist() == [
        ["2024-02-26", "national", 2, 15.3, pytest.approx(7.65), 3.5, 2, 0, 0],
        ["2024-03-04", "national", 1, 7.0, 7.0, 0, 0, 4.0, 1],
    ]


def test_impressions_stand_beside_the_channels_whose_source_tells_of_them() -> None:
    monday = MONDAYS[0]
    with tempfile.TemporaryDirectory() as folder:
        storage = AssetStorage(folder)
        store_results(storage, DAYS, [], [Visit(DAYS[-1], "SEO", 0.0), Visit(monday, "SEO", 0.0)])
        for day, impressions in ((monday, 700.0), (monday + dt.timedelta(days=1), 50.0), (MONDAYS[1], None)):
            row = {"date": str(day), "channel_name": "Video", "campaign": None, "cost": 3.0, "clicks": None}
            spend = pd.DataFrame([row | {"impressions": impressions}])[list(TABLES["spend"].columns)]
            nothing = pd.DataFrame({"row_key": [], "reason": [], "row": [], "amount": []}, dtype=object)
            rejected = {companion_table("spend"): nothing.astype({"amount": "float64"})}
            storage.write("spend", DayTable(day, spend.astype({"impressions": "float64"}), {}, rejected))
        found = weekly_marketing_mix(storage, DAYS[0], DAYS[-1])
    assert found.columns.tolist()[5:] == ["SEO_spend", "SEO_visits", "Video_spend", "Video_visits", "Video_impressions"]
    assert found["Video_impressions"].tolist() == [750.0, 0.0]
