"""Spark reads from stored tables the orders' results that DuckDB reads."""

from pathlib import Path

import pandas as pd

from attribution_assets.attribution.results.order_results import (
    channel_roles_over,
    markov_over,
    path_lengths,
    phase_shares,
    placed_over,
    time_lags,
    top_paths,
    unattributed_over,
)
from attribution_assets.attribution.sql.engine import SqlEngine
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets_tests.support.orders_of_four_days import DAYS

FIRST, LAST = DAYS[0], DAYS[-1]


def test_spark_reads_the_same(
    with_orders: AssetStorage, with_roles: AssetStorage, with_paths: AssetStorage, spark: SqlEngine, tmp_path: Path
) -> None:
    assert with_orders is with_roles is with_paths
    on_spark = AssetStorage(str(tmp_path / "assets"), spark)
    for read in (unattributed_over, channel_roles_over, phase_shares, top_paths, path_lengths, time_lags, markov_over):
        pd.testing.assert_frame_equal(read(on_spark, FIRST, LAST), read(with_orders, FIRST, LAST), check_exact=True)
    assert placed_over(on_spark, FIRST, LAST) == placed_over(with_orders, FIRST, LAST)
