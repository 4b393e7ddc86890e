"""Which visits a run counts to an order, and what it says of orders that it cannot give a journey."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from attribution_assets.command.cli import app
from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop, endpoint
from attribution_assets_tests.support.whole_shop import LOOKBACK_DAYS, check_comparisons, check_tables, oracle_of

DAYS = "2024-02-20", "2024-02-27"


@pytest.fixture
def asked(any_shop: Shop) -> Iterator[IhcEndpoint]:
    """An endpoint that attributes the orders of a shop with four days of lookback."""
    any_shop.set(ATTRIBUTION_START_DATE=DAYS[0], ATTRIBUTION_LOOKBACK_DAYS=str(LOOKBACK_DAYS), COLUMNS="120")
    with endpoint() as answers:
        any_shop.asks(answers)
        yield answers


def in_words(output: str) -> str:
    """What was printed, without the lines of its tables."""
    return " ".join(output.replace("│", " ").split())


def test_a_visit_of_the_orders_own_second_counts_once_journeys_end_at_the_order(
    any_shop: Shop, asked: IhcEndpoint
) -> None:
    any_shop.session("s1", "ann", "2024-02-24 10:00:00", "Search")
    any_shop.session("s2", "ann", "2024-02-24 12:00:00", "Mail")
    any_shop.session("s3", "ben", "2024-02-25 12:00:00", "Mail")
    any_shop.order("o1", "ann", "2024-02-24 12:00:00", 90.0)
    any_shop.order("o2", "ben", "2024-02-25 12:00:00", 10.0)
    assert any_shop.run(*DAYS).exit_code == 0
    check_tables(any_shop, oracle_of(any_shop))
    own_second = "a visit in the order's own second, which ATTRIBUTION_JOURNEY_END=at counts"
    assert any_shop.rows("unattributed_order") == [("o2", "2024-02-25", "no_sessions", own_second, 10.0)]

    any_shop.set(ATTRIBUTION_JOURNEY_END="at")
    assert "journeys 2024-02-20..2024-02-27 2024-02-24..2024-02-25" in in_words(
        CliRunner().invoke(app, ["status"]).output
    )
    assert any_shop.run(*DAYS).exit_code == 0
    expected = oracle_of(any_shop, journey_end="at")
    check_tables(any_shop, expected)
    check_comparisons(any_shop, expected)
    assert any_shop.rows("unattributed_order") == []
    last = {
        touchpoint["conversion_id"]: touchpoint["session_id"]
        for touchpoint in asked.received[-1].body["customer_journeys"]
        if touchpoint["conversion"]
    }
    assert last == {"o1": "s2", "o2": "s3"}


def test_orders_of_one_user_id_for_many_are_too_long_until_a_request_may_hold_them(
    any_shop: Shop, asked: IhcEndpoint
) -> None:
    any_shop.set(IHC_MAX_SESSIONS_PER_REQUEST="25")
    visits = [(f"g{n:02}", "guest", "2024-02-24", f"10:00:{n:02}", "Direct", 1, 0, 0) for n in range(30)]
    insert(any_shop.url, "session_sources", visits)
    any_shop.order("o1", "guest", "2024-02-24 10:00:25", 1.0)
    any_shop.order("o2", "guest", "2024-02-24 10:00:26", 2.0)
    any_shop.order("o3", "guest", "2024-02-25 11:00:00", 4.0)
    first = any_shop.run(*DAYS)
    assert first.exit_code == 0
    check_tables(any_shop, oracle_of(any_shop, most_sessions=25))
    assert any_shop.rows("unattributed_order") == [
        ("o2", "2024-02-24", "too_long", "26 sessions, but a request may hold only 25", 2.0),
        ("o3", "2024-02-25", "too_long", "30 sessions, but a request may hold only 25", 4.0),
    ]
    assert "user 'guest': 2 orders with 26 to 30 sessions in the lookback window" in in_words(first.output)
    assert [len(received.body["customer_journeys"]) for received in asked.received] == [25]

    any_shop.set(IHC_MAX_SESSIONS_PER_REQUEST="26")
    assert any_shop.run("2024-02-24", "2024-02-24").exit_code == 0
    assert any_shop.run("2024-02-25", "2024-02-25").exit_code == 0
    check_tables(any_shop, oracle_of(any_shop, most_sessions=26))
    assert [len(received.body["customer_journeys"]) for received in asked.received] == [25, 26]


def test_a_run_in_which_most_orders_have_no_sessions_says_so_with_likely_causes(
    any_shop: Shop, asked: IhcEndpoint
) -> None:
    any_shop.session("s1", "101", "2024-02-24 10:00:00")
    for number in range(3):
        any_shop.order(f"o{number}", f"101.{number}", "2024-02-24 12:00:00")
    result = any_shop.run(*DAYS)
    assert result.exit_code == 0
    assert asked.received == []
    assert (
        "3 of 3 orders have no session in their lookback window. Likely causes: user ids missing or of two kinds,"
        " times not in UTC, or sessions missing before the orders." in in_words(result.output)
    )


COST_WITHOUT_SESSION = "INSERT INTO session_costs VALUES ('gone', 4.5)"
BAD_ROWS = (
    "INSERT INTO session_sources VALUES ('bad', 'ann', '20240224', '10:00:00', 'Search', 1, 0, 0)",
    "INSERT INTO conversions VALUES ('o1', 'ann', '2024-02-24T10:00:00Z', '10:00:00', 5)",
    "INSERT INTO conversions VALUES ('o2', 'ann', '1708768800', '10:00:00', 5)",
)
SAID = (
    "1 of {sessions} rows of session_sources are in no report: their event_date is no date written YYYY-MM-DD, such as"
    " session_id 'bad' with event_date '20240224'. 2 of {orders} rows of conversions with a revenue of 10.00 are in no"
    " report: their conv_date is no date written YYYY-MM-DD, such as conv_id 'o2' with conv_date '1708768800'."
)


def test_a_source_without_any_usable_date_is_said_to_be_so_with_examples(any_shop: Shop, asked: IhcEndpoint) -> None:
    any_shop.sql(*BAD_ROWS)
    for dates in ((), DAYS):
        result = any_shop.run(*dates)
        assert result.exit_code == 2
        assert in_words(result.output) == f"Not possible: no row has a usable date. {SAID.format(sessions=1, orders=2)}"
    assert asked.received == []


def test_unusable_dates_beside_good_rows_are_named_by_run_and_status_on_whatever_days_they_are(
    any_shop: Shop, asked: IhcEndpoint
) -> None:
    any_shop.sql(*BAD_ROWS, COST_WITHOUT_SESSION)
    any_shop.session("s1", "ann", "2024-02-25 10:00:00")
    any_shop.order("o3", "ann", "2024-02-25 11:00:00")
    any_shop.order("o4", "ann", "2999-02-25 11:00:00")
    run = any_shop.run("2024-02-25", "2024-02-25")
    assert run.exit_code == 0
    assert len(asked.received) == 1
    for output in (run.output, CliRunner().invoke(app, ["status"]).output):
        sessions, orders = SAID.format(sessions=2, orders=4).split(" 2 of ")
        cost = "1 rows of session_costs with a cost of 4.50 are in no report: session_sources has no row of their"
        later = "their conv_date is after ATTRIBUTION_END_DATE or still to come."
        assert (
            f"{sessions} {cost} session, such as session_id 'gone'. 2 of {orders}"
            f" 1 of 4 rows of conversions are in no report: {later}"
        ) in in_words(output)
