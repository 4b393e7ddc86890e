"""Several processes of the command at once, over the same days and over others, on one database and one history.

ATTRIBUTION_TESTS_PROCESSES sets how many there are.
"""

import os
from itertools import cycle, islice

import pytest

from attribution_assets_tests.support.command_process import StartCommand
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import (
    FIRST,
    LAST,
    PaidEndpoint,
    a_busy_week,
    check_comparisons,
    check_csv,
    check_tables,
    oracle_of,
)

PROCESSES = int(os.environ.get("ATTRIBUTION_TESTS_PROCESSES") or 3)
RANGES = [("2024-02-20", "2024-02-25"), ("2024-02-23", "2024-02-27"), (FIRST, LAST)]


@pytest.fixture
def busy_shop(any_shop: Shop) -> Shop:
    """A shop with a busy week on either kind of database."""
    a_busy_week(any_shop)
    return any_shop


def test_processes_that_run_at_once_in_a_new_history_succeed_and_pay_for_no_journey_twice(
    busy_shop: Shop, start_command: StartCommand
) -> None:
    with PaidEndpoint(latency_seconds=0.05) as endpoint:
        busy_shop.asks(endpoint)
        busy_shop.set(IHC_MAX_JOURNEYS_PER_REQUEST="1")
        processes = [start_command(first, last) for first, last in islice(cycle(RANGES), PROCESSES)]
        outputs = [process.communicate()[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * PROCESSES, "\n".join(outputs)
        last = busy_shop.run(str(FIRST), str(LAST))
        assert last.exit_code == 0, last.output
        expected = oracle_of(busy_shop)
        check_tables(busy_shop, expected)
        check_csv(busy_shop, expected)
        check_comparisons(busy_shop, expected)
        assert len(endpoint.paid) == len(expected.outcomes) == 21
        assert endpoint.paid_twice == {}
