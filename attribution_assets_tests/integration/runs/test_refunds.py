"""Refunds in whole runs: what remains counts, a late one restates exactly the days credited, and nobody is asked."""

import dagster as dg

from attribution_assets.instance.opening import dagster_instance
from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop


def a_shop_with_refunds(shop: Shop) -> None:
    """Ann orders after two visits, ben after one; of another order of ben's more is refunded than it was worth."""
    shop.sql("ALTER TABLE conversions ADD COLUMN refunded double precision")
    shop.session("s1", "ann", "2024-02-22 10:00:00", "Display", 2.0)
    shop.session("s2", "ann", "2024-02-24 10:00:00", "Search", 0.5)
    shop.session("s3", "ben", "2024-02-25 11:00:00", "Social", 1.0)
    rows = [
        ("o1", "ann", "2024-02-24", "20:00:00", 90.0, None),
        ("o2", "ben", "2024-02-26", "09:00:00", 30.0, 10.0),
        ("o3", "ben", "2024-02-26", "10:00:00", 30.0, 31.0),
    ]
    insert(shop.url, "conversions", rows, "refunded")


def earned(shop: Shop) -> dict[object, object]:
    """Date and channel -> attributed revenue, where there is any."""
    return {(date, channel): revenue for channel, date, _, _, revenue in shop.rows("channel_reporting") if revenue}


def versions(shop: Shop) -> dict[object, object]:
    return {(asset, date): version for asset, date, version in shop.rows("attribution_day")}


def test_what_remains_of_an_order_counts_and_a_late_refund_restates_the_days_it_credits(any_shop: Shop) -> None:
    a_shop_with_refunds(any_shop)
    any_shop.set(ATTRIBUTION_MAX_REJECTED_SHARE="0.5")
    with IhcEndpoint() as endpoint:
        any_shop.asks(endpoint)
        result = any_shop.run("2024-02-22", "2024-02-27")
        assert result.exit_code == 0, result.output
        assert "(1 of conversions with a revenue of 30.00)" in result.output
        assert earned(any_shop) == {
            ("2024-02-22", "Display"): 30.0,
            ("2024-02-24", "Search"): 60.0,
            ("2024-02-25", "Social"): 20.0,
        }
        asked, before = len(endpoint.received), versions(any_shop)

        any_shop.sql("UPDATE conversions SET refunded = 45 WHERE conv_id = 'o1'")
        assert any_shop.run("2024-02-24", "2024-02-24").exit_code == 0
        assert earned(any_shop) == {
            ("2024-02-22", "Display"): 15.0,
            ("2024-02-24", "Search"): 30.0,
            ("2024-02-25", "Social"): 20.0,
        }
        after = versions(any_shop)
        assert {key for key in after if after[key] != before[key]} == {
            ("channel_reporting", "2024-02-22"),
            ("channel_reporting", "2024-02-24"),
        }
        assert len(endpoint.received) == asked

    with dagster_instance() as instance:
        records = instance.fetch_materializations(dg.AssetKey("conversions"), limit=100, ascending=True).records
    shown = {record.partition_key: record.asset_materialization.metadata for record in records}
    names = ("revenue", "revenue_gross", "revenue_refunded", "revenue_net")
    assert [shown["2024-02-24"][name].value for name in names] == [45.0, 90.0, 45.0, 45.0]
    assert [shown["2024-02-26"][name].value for name in names] == [20.0, 30.0, 10.0, 20.0]
