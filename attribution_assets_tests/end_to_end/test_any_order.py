"""Any order, same result: random histories end in the tables of one run over everything, and nothing is paid twice.

A history costs some seconds, so few are played by default, always the same ones. ATTRIBUTION_TESTS_EXAMPLES=500 plays
as many others on each kind of database; a failing one is then shortened, and played again first the next time.
"""

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from attribution_assets_tests.support.databases import new_databases
from attribution_assets_tests.support.histories import History, Player, histories
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import (
    FIRST,
    LAST,
    PaidEndpoint,
    check_comparisons,
    check_csv,
    check_report,
    check_summary,
    check_tables,
    oracle_of,
    published,
)

MOST_SESSIONS = 6
REFUSED = ("o01", "o04")

ASKED_FOR = int(os.environ.get("ATTRIBUTION_TESTS_EXAMPLES") or 0)


def affordable(examples: int) -> settings:
    """So many examples, the same ones every time; or as many others as were asked for."""
    return settings(
        max_examples=ASKED_FOR or examples,
        derandomize=not ASKED_FOR,
        phases=tuple(Phase) if ASKED_FOR else (Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=True,
    )


ShopOfItsOwn = Callable[[], AbstractContextManager[tuple[Shop, PaidEndpoint]]]


@contextmanager
def on_sqlite() -> Iterator[tuple[Shop, PaidEndpoint]]:
    with (
        tempfile.TemporaryDirectory(prefix="attribution_history_") as folder,
        pytest.MonkeyPatch.context() as monkeypatch,
        PaidEndpoint(refused=REFUSED) as endpoint,
    ):
        shop = Shop(Path(folder), monkeypatch)
        shop.asks(endpoint)
        shop.set(IHC_MAX_SESSIONS_PER_REQUEST=str(MOST_SESSIONS), IHC_MAX_JOURNEYS_PER_REQUEST="3")
        yield shop, endpoint


@contextmanager
def on_postgresql(server: str) -> Iterator[tuple[Shop, PaidEndpoint]]:
    with new_databases(server) as new, on_sqlite() as (shop, endpoint):
        shop.move_to(new())
        yield shop, endpoint


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def a_shop_of_its_own(request: pytest.FixtureRequest) -> ShopOfItsOwn:
    """A new empty shop whenever it is called: the test runs once with each kind of database."""
    if request.param == "sqlite":
        return on_sqlite
    return partial(on_postgresql, request.getfixturevalue("postgresql_server"))


@affordable(2)
@given(histories(most_runs=3))
def test_whatever_happened_before_a_run_over_all_days_gives_the_tables_of_one_run_and_pays_for_no_journey_twice(
    a_shop_of_its_own: ShopOfItsOwn, history: History
) -> None:
    with a_shop_of_its_own() as (shop, endpoint):
        player = Player(shop)
        player.begin(history)
        for step in history.steps:
            player.play(step)
        last = shop.run(str(FIRST), str(LAST))
        assert last.exit_code == 0, last.output

        expected = oracle_of(shop, most_sessions=MOST_SESSIONS, refused=REFUSED)
        note(f"outcomes: {expected.outcomes}")
        check_tables(shop, expected)
        check_csv(shop, expected)
        check_comparisons(shop, expected)
        check_summary(last.output, expected)

        before, requests = published(shop), len(endpoint.received)
        again = shop.run(str(FIRST), str(LAST))
        assert again.exit_code == 0, again.output
        assert published(shop) == before
        assert len(endpoint.received) == requests
        assert endpoint.paid_twice == {}


@affordable(1)
@given(histories(most_runs=1), st.permutations([(20, 21), (22, 24), (25, 25), (26, 27)]))
def test_after_each_run_the_report_is_that_of_the_orders_attributed_so_far(
    a_shop_of_its_own: ShopOfItsOwn, history: History, blocks: list[tuple[int, int]]
) -> None:
    with a_shop_of_its_own() as (shop, endpoint):
        Player(shop).begin(history)
        attributed: set[dt.date] = set()
        for first, last in blocks:
            days = [dt.date(2024, 2, day) for day in range(first, last + 1)]
            shop.order("every day", "dan", f"{days[0]} 09:00:00", 0.0)  # the days hold data
            assert shop.run(str(days[0]), str(days[-1])).exit_code == 0
            shop.sql("DELETE FROM conversions WHERE conv_id = 'every day'")
            attributed |= set(days)
            expected = oracle_of(shop, most_sessions=MOST_SESSIONS, refused=REFUSED, order_days=attributed)
            reported = {date for _, date in expected.report if dt.date.fromisoformat(date) in attributed}
            reported |= {date for (_, date), (_, ihc, _) in expected.report.items() if ihc}
            of_those_days = {key: row for key, row in expected.report.items() if key[1] in reported}
            check_report(shop, type(expected)(**vars(expected) | {"report": of_those_days}))
        assert endpoint.paid_twice == {}


def test_a_session_that_vanished_from_a_day_without_other_rows_leaves_its_journey_in_a_run_without_dates(
    a_shop_of_its_own: ShopOfItsOwn,
) -> None:
    with a_shop_of_its_own() as (shop, _):
        shop.session("s1", "ann", "2024-02-22 10:00:00", "Display")
        shop.session("s2", "ann", "2024-02-24 10:00:00", "Search")
        shop.order("o9", "ann", "2024-02-24 20:00:00")
        assert shop.run("2024-02-24", "2024-02-24").exit_code == 0
        shop.sql("DELETE FROM session_sources WHERE session_id = 's1'")
        assert shop.run().exit_code == 0
        check_tables(shop, oracle_of(shop))
