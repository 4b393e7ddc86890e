"""The page's drill-down below a channel: the values of a dimension, which is kept in the address."""

import datetime as dt
import urllib.request
from collections.abc import Callable
from urllib.error import HTTPError

import pandas as pd
import pytest

from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets_tests.support.dashboard_server import running_dashboard

DAYS = [dt.date(2024, 2, 26), dt.date(2024, 2, 27)]


def test_the_page_breaks_the_chosen_channels_down_by_a_dimension(
    storage: AssetStorage, table: Callable[..., pd.DataFrame]
) -> None:
    for day in DAYS:
        rows = [
            {"value": "spring", "cost": 10.0, "ihc": 0.25, "ihc_revenue": 20.0},
            {"value": "<b>winter</b>", "cost": 30.0, "ihc": 0.75, "ihc_revenue": 80.0},
            {"channel_name": "TV", "value": "(none)", "cost": 7.0, "ihc": 0.0, "ihc_revenue": 0.0},
            {"dimension": "market", "value": "north", "cost": None},
        ]
        dated = [row | {"date": str(day)} for row in rows]
        report = [{"date": str(day), "cost": 40.0}, {"date": str(day), "channel_name": "TV", "cost": 7.0}]
        storage.write("channel_reporting", DayTable(day, table("channel_reporting", *report), {}))
        storage.write("channel_breakdown", DayTable(day, table("channel_breakdown", *dated), {}))
    with running_dashboard(storage, dimensions=("campaign", "market")) as address:

        def page(query: str, path: str = "") -> str:
            with urllib.request.urlopen(f"{address}/{path}?{query}") as answer:  # noqa: S310  an address of ours
                return str(answer.read().decode())

        about = "ihc,touch_date,2024-02-26,2024-02-27,yes,"
        plain, shown = page(""), page("dimension=campaign&channel=Search")
        assert '<option value="market">market</option>' in plain
        assert 'id="breakdown"' not in plain
        assert '<option value="campaign" selected>campaign</option>' in shown
        assert page("dimension=campaign&channel=Search", "download/overview/breakdown.csv").splitlines()[1:] == [
            f"{about},Search,<b>winter</b>,60.0,1.5,160.0,100.0,40.0,2.666666667",
            f"{about},Search,spring,20.0,0.5,40.0,20.0,40.0,2.0",
        ]
        assert "&lt;b&gt;winter&lt;/b&gt;" in shown
        assert "<b>winter</b>" not in shown
        by_market = page("dimension=market")
        assert (
            '<th scope="row" class="text">Search</th><td class="text">north</td><td class="amount">-</td>' in by_market
        )
        with pytest.raises(HTTPError) as refused:
            page("dimension=country")
        assert "dimension can be campaign, market, not" in refused.value.read().decode()
    with running_dashboard(storage) as address:
        assert "breakdown-heading" not in page("")
