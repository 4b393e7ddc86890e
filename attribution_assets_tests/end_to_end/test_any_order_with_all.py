"""Any order, same result, of a shop with spend, dimensions, refunds, conversion types and a mapping, all of them late.

As in `test_any_order.py`, few histories are played by default, always the same ones; ATTRIBUTION_TESTS_EXAMPLES=100
plays as many others.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import settings as hypothesis_settings

from attribution_assets_tests.support.databases import rows_of
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.shop_with_all import (
    DEFAULT,
    MEASURES,
    Run,
    Settings,
    Statement,
    TypedEndpoint,
    begin,
    histories,
    truth_of,
)
from attribution_assets_tests.support.whole_shop import FIRST, LAST

ASKED_FOR = int(os.environ.get("ATTRIBUTION_TESTS_EXAMPLES") or 0)


def run(shop: Shop, first: str, last: str) -> None:
    result = shop.run(first, last)
    nothing = result.exit_code == 2 and "holds no sessions and no conversions" in " ".join(result.output.split())
    assert nothing or result.exit_code == 0, result.output


def play(shop: Shop, steps: Sequence[object]) -> None:
    for step in steps:
        if isinstance(step, Statement):
            shop.sql(step.sql)
        elif isinstance(step, Settings):
            step.apply(shop)
        elif isinstance(step, Run):
            run(shop, step.first, step.last)


def by_measure(cells: Mapping[Any, Sequence[Any]]) -> dict[tuple[Any, ...], Any]:
    return {(*key, name): value for key, row in cells.items() for name, value in zip(MEASURES, row, strict=True)}


def exact(cells: Mapping[Any, Sequence[Any]]) -> dict[tuple[Any, ...], object]:
    return {
        key: None if value is None else pytest.approx(float(value), rel=0, abs=1e-7)
        for key, value in by_measure(cells).items()
    }


def check(shop: Shop, settings: Settings, endpoint: TypedEndpoint) -> None:
    expected = truth_of(shop, settings)
    report = {row[:2]: row[2:] for row in shop.rows("channel_reporting")}
    assert by_measure(report) == exact(expected.report)
    if settings.campaigns or settings.markets:
        columns = "dimension, channel_name, date, value, cost, ihc, ihc_revenue"
        rows = shop.rows(f"(SELECT {columns} FROM channel_breakdown) b")  # noqa: S608  names from here
        assert by_measure({row[:4]: row[4:] for row in rows}) == exact(expected.breakdown)
    found = expected.orders
    named = {row[0]: row[6] for row in rows_of(shop.url, "conversions")}
    for order, outcome in found.outcomes.items():
        if outcome == "attributed":
            due = settings.types[named[order]] if named[order] else DEFAULT
            assert due in endpoint.types_asked(order, found.journeys[order])
    assert [journey for journey, times in endpoint.paid.items() if times > 1] == []


@hypothesis_settings(
    max_examples=ASKED_FOR or 2,
    derandomize=not ASKED_FOR,
    phases=tuple(Phase) if ASKED_FOR else (Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
@given(histories())
def test_whatever_came_late_a_run_over_all_days_gives_the_tables_of_one_run_and_asks_for_nothing_twice(
    history: tuple[Mapping[str, Sequence[tuple[Any, ...]]], Sequence[object], Settings],
) -> None:
    rows, steps, last = history
    with (
        tempfile.TemporaryDirectory(prefix="attribution_history_") as folder,
        pytest.MonkeyPatch.context() as monkeypatch,
        TypedEndpoint() as endpoint,
    ):
        shop = Shop(Path(folder), monkeypatch)
        shop.asks(endpoint)
        begin(shop, rows)
        play(shop, [*steps, last, Run(str(FIRST), str(LAST))])
        note(f"rows: {rows}")
        check(shop, last, endpoint)
        asked = len(endpoint.received)
        again = shop.run(str(FIRST), str(LAST))
        assert "All days are up to date" in again.output, again.output
        assert len(endpoint.received) == asked
