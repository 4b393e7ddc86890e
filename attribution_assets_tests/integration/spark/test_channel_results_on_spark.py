"""Spark reads from stored tables the channels' results that DuckDB reads."""

from pathlib import Path

import pandas as pd

from attribution_assets.attribution.results.channel_results import (
    compared_models,
    results_by_day,
    roas_by_days_since_touch,
)
from attribution_assets.attribution.results.result_days import DateBasis
from attribution_assets.attribution.sql.engine import SqlEngine
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets_tests.support.evenly_credited_shop import DAYS, LOOKBACK, Table, stored_shop

FIRST, LAST = DAYS[0], DAYS[-1]
TOUCH, CONVERSION = DateBasis.TOUCH, DateBasis.CONVERSION
NOTHING = {"lookback_days": LOOKBACK}


def test_spark_reads_the_same_results(table: Table, spark: SqlEngine, tmp_path: Path) -> None:
    root = str(tmp_path / "shop")
    visits = [("Search", 47), ('Größe, "A"', 30), ("Email", 1)]
    orders = [{"day": day, "revenue": 0.07 * n, "visits": visits[: n % 3 + 1]} for n, day in enumerate(DAYS)]
    stored_shop(root, table, orders, [0.1, 0.2, 0.3, 0.4])
    for read in (
        *(
            lambda of, basis=basis, model=model: results_by_day(of, DAYS[1], LAST, **NOTHING, model=model, basis=basis)
            for basis in DateBasis
            for model in ("ihc", "position_based")
        ),
        lambda of: compared_models(of, DAYS[1], LAST, **NOTHING),
        lambda of: roas_by_days_since_touch(of, DAYS[1], DAYS[3], **NOTHING, days=(0, 1, 30)),
    ):
        pd.testing.assert_frame_equal(read(AssetStorage(root, spark)), read(AssetStorage(root)), check_exact=True)
