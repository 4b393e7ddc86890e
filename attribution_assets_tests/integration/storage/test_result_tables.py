import datetime as dt
import multiprocessing
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution_assets.attribution.database.database import DatabaseError
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.published_tables import published_version
from attribution_assets.attribution.storage.result_tables import ResultTables, ResultTablesError
from attribution_assets.attribution.storage.stored_days import DayTable
from attribution_assets.attribution.tables.arrow import version_of
from attribution_assets_tests.support.databases import create_source_tables, execute, rows_of

DAYS = [dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]


class Order(NamedTuple):
    """What the assets say of one order."""

    outcome: str = "attributed"
    touchpoints: tuple[str, ...] = ("s1", "s2")
    reason: str | None = None


Days = Mapping[dt.date, Mapping[str, Order]]


def attributions(orders: Mapping[str, Order]) -> pd.DataFrame:
    time = pd.Timestamp("2024-02-28")
    rows = []
    for conv_id, order in orders.items():
        ihc = 1 / len(order.touchpoints) if order.outcome == "attributed" else None
        credit = [ihc] * 4
        rows += [
            (conv_id, time, session, time, "SEO", *credit, order.outcome, order.reason, "embedded")
            for session in order.touchpoints
        ]
    numbers = ["initializer", "holder", "closer", "ihc"]
    columns = ["conv_id", "conversion_time", "session_id", "session_time", "channel_name", *numbers]
    frame = pd.DataFrame(rows, columns=[*columns, "outcome", "reason", "answered_by"])
    return frame.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(columns[1:4:2], "datetime64[us]"))


class Results:
    """The result tables of a database, and the storage that they are published from.

    Args:
        url: Of the database.
        folder: Where the storage lies.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.storage, self.tables = AssetStorage(str(folder / "assets")), ResultTables(url)

    def attribute(self, day: dt.date, orders: Mapping[str, Order]) -> None:
        """Store a day's attributions and publish them."""
        self.storage.write("ihc_attributions", DayTable(day, attributions(orders), {}))
        self.tables.publish("ihc_attributions", [day], self.storage)

    def report(self, day: dt.date, *rows: tuple[str, float, float, float], left: Sequence[str] = ()) -> None:
        """Store a day's report, with the orders `left` without credit, and publish it."""
        table = DayTable(day, report(day, *rows), {}, {"unattributed_orders": unattributed(day, *left)})
        self.storage.write("channel_reporting", table)
        self.tables.publish("channel_reporting", [day], self.storage)


@pytest.fixture
def results(database_url: str, tmp_path: Path) -> Results:
    return Results(database_url, tmp_path)


@pytest.fixture
def sqlite_results(sqlite_url: str, tmp_path: Path) -> Results:
    return Results(sqlite_url, tmp_path)


def expected_orders(days: Days) -> list[tuple[Any, ...]]:
    return sorted(
        (conv_id, day.isoformat(), order.outcome, order.reason)
        for day, orders in days.items()
        for conv_id, order in orders.items()
    )


def expected_journeys(days: Days) -> list[tuple[Any, ...]]:
    return sorted(
        (conv_id, session, 1 / len(order.touchpoints))
        for orders in days.values()
        for conv_id, order in orders.items()
        if order.outcome == "attributed"
        for session in order.touchpoints
    )


def assert_tables_say(url: str, days: Days) -> None:
    assert rows_of(url, "attribution_order") == expected_orders(days)
    assert rows_of(url, "attribution_customer_journey") == expected_journeys(days)


def report(day: dt.date, *rows: tuple[str, float, float, float]) -> pd.DataFrame:
    made = [(channel, day.isoformat(), *numbers) for channel, *numbers in rows]
    numbers = ["cost", "ihc", "ihc_revenue"]
    frame = pd.DataFrame(made, columns=["channel_name", "date", *numbers])
    return frame.astype(dict.fromkeys(numbers, "float64"))


def unattributed(day: dt.date, *orders: str) -> pd.DataFrame:
    columns = ["conv_id", "conversion_time", "reason", "detail", "revenue"]
    frame = pd.DataFrame([(order, pd.Timestamp(day), "no_sessions", None, 7.5) for order in orders], columns=columns)
    return frame.astype({"conversion_time": "datetime64[us]", "revenue": "float64"})


class TestAttributions:
    def test_every_outcome_is_recorded_and_only_attributed_orders_have_journeys(
        self, database_url: str, results: Results
    ) -> None:
        orders = {
            "a": Order(),
            "b": Order(touchpoints=("s1",)),
            "d": Order("too_long", ("s3", "s4"), reason="260 sessions, a request may hold 200"),
            "e": Order("refused", ("s5",), reason="error in parsing customer journey"),
        }
        results.attribute(DAYS[0], orders)
        assert rows_of(database_url, "attribution_customer_journey") == [
            ("a", "s1", 0.5),
            ("a", "s2", 0.5),
            ("b", "s1", 1.0),
        ]
        assert rows_of(database_url, "attribution_order") == [
            ("a", "2024-02-28", "attributed", None),
            ("b", "2024-02-28", "attributed", None),
            ("d", "2024-02-28", "too_long", "260 sessions, a request may hold 200"),
            ("e", "2024-02-28", "refused", "error in parsing customer journey"),
        ]

    def test_a_second_replacement_leaves_what_the_second_frames_say(self, database_url: str, results: Results) -> None:
        results.attribute(DAYS[0], {"a": Order(), "b": Order(), "gone": Order()})
        second = {
            "a": Order(touchpoints=("s2", "s3", "s4")),
            "b": Order("refused", ("s1",), reason="why"),
            "new": Order(),
        }
        for _ in range(2):
            results.attribute(DAYS[0], second)
            assert_tables_say(database_url, {DAYS[0]: second})

    def test_a_day_without_orders_empties_that_day_alone(self, database_url: str, results: Results) -> None:
        results.attribute(DAYS[0], {"a": Order()})
        results.attribute(DAYS[1], {"b": Order()})
        results.attribute(DAYS[0], {})
        assert_tables_say(database_url, {DAYS[1]: {"b": Order()}})

    @pytest.mark.parametrize("first", [0, 1])
    def test_an_order_that_moved_is_on_its_new_day_whichever_day_is_replaced_first(
        self, database_url: str, results: Results, first: int
    ) -> None:
        results.attribute(DAYS[0], {"a": Order(), "b": Order()})
        moved = {DAYS[0]: {"b": Order()}, DAYS[1]: {"a": Order(touchpoints=("s3",))}}
        for day in (DAYS[first], DAYS[1 - first]):
            results.attribute(day, moved[day])
        assert_tables_say(database_url, moved)

    def test_ids_of_any_text_go_in_and_out_unchanged(self, database_url: str, results: Results) -> None:
        ids = ["o'neil", '"; DROP TABLE attribution_order; --', "%s %(x)s ? :x", "Größe 🛒", "x" * 5000, "\\N", "a\\tb"]
        orders = {name: Order(touchpoints=tuple(ids), reason=None) for name in ids}
        for _ in range(2):
            results.attribute(DAYS[0], orders)
            assert_tables_say(database_url, {DAYS[0]: orders})

    def test_more_orders_than_a_statement_has_parameters_are_replaced(
        self, sqlite_url: str, sqlite_results: Results
    ) -> None:
        orders = {f"o{number}": Order(touchpoints=("s",)) for number in range(33_000)}
        for _ in range(2):
            sqlite_results.attribute(DAYS[0], orders)
        assert len(rows_of(sqlite_url, "attribution_customer_journey")) == 33_000

    def test_a_replacement_that_fails_changes_nothing(self, database_url: str, results: Results) -> None:
        results.attribute(DAYS[0], {"a": Order()})
        results.storage.write("ihc_attributions", DayTable(DAYS[0], pd.concat([attributions({"a": Order()})] * 2), {}))
        with pytest.raises(ResultTablesError, match=r"(?i)unique"):
            results.tables.publish("ihc_attributions", DAYS[:1], results.storage)
        assert_tables_say(database_url, {DAYS[0]: {"a": Order()}})


an_order = st.builds(
    Order,
    outcome=st.sampled_from(["attributed", "attributed", "too_long", "refused"]),
    touchpoints=st.lists(st.sampled_from(["s1", "s2", "s3"]), min_size=1, unique=True).map(tuple),
    reason=st.sampled_from([None, "why"]),
)
# where each order is (if anywhere) and what is said of it
a_state = st.dictionaries(st.sampled_from("abcde"), st.tuples(st.sampled_from(DAYS), an_order))


def by_day(state: Mapping[str, tuple[dt.date, Order]]) -> dict[dt.date, dict[str, Order]]:
    return {day: {conv_id: order for conv_id, (on, order) in state.items() if on == day} for day in DAYS}


class TestAnyHistory:
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        history=st.lists(st.tuples(a_state, st.lists(st.sampled_from(DAYS), max_size=4)), max_size=4),
        last=a_state,
        order=st.permutations(DAYS),
    )
    def test_once_each_day_is_replaced_the_tables_say_what_the_latest_frames_say(
        self,
        sqlite_url: str,
        sqlite_results: Results,
        *,
        history: Sequence[tuple[Mapping[str, tuple[dt.date, Order]], Sequence[dt.date]]],
        last: Mapping[str, tuple[dt.date, Order]],
        order: Sequence[dt.date],
    ) -> None:
        for state, replaced in history:
            for day in replaced:
                sqlite_results.attribute(day, by_day(state)[day])
                said = by_day(state)[day]
                on_day = [row for row in rows_of(sqlite_url, "attribution_order") if row[1] == day.isoformat()]
                assert on_day == expected_orders({day: said})
        for day in order:
            sqlite_results.attribute(day, by_day(last)[day])
        assert_tables_say(sqlite_url, by_day(last))


class TestChannelReporting:
    def test_a_day_is_replaced_and_others_stay(self, database_url: str, results: Results) -> None:
        results.report(DAYS[0], ("SEO", 0.0, 1.5, 99.0), ("Old", 1.0, 0.0, 0.0))
        results.report(DAYS[1], ("SEO", 0.0, 0.1, 0.2))
        for _ in range(2):
            results.report(DAYS[0], ("SEO", 0.0, 1 / 3, 1e-9), ("Größe, 'x'", 2, 0, 0))
        assert rows_of(database_url, "channel_reporting") == [
            ("Größe, 'x'", "2024-02-28", 2.0, 0.0, 0.0),
            ("SEO", "2024-02-28", 0.0, 1 / 3, 1e-9),
            ("SEO", "2024-02-29", 0.0, 0.1, 0.2),
        ]
        results.report(DAYS[0])
        assert len(rows_of(database_url, "channel_reporting")) == 1

    def test_orders_without_credit_are_published_with_the_days_report(
        self, database_url: str, results: Results
    ) -> None:
        results.report(DAYS[0], left=["o1", "o2"])
        results.report(DAYS[1], left=["o1"])
        results.report(DAYS[0], left=["o2"])
        assert rows_of(database_url, "unattributed_order") == [
            ("o1", "2024-02-29", "no_sessions", None, 7.5),
            ("o2", "2024-02-28", "no_sessions", None, 7.5),
        ]

    def test_which_version_of_a_day_is_published_is_known(self, results: Results) -> None:
        assert results.tables.published() == {"ihc_attributions": {}, "channel_reporting": {}, "channel_breakdown": {}}
        results.report(DAYS[0], ("SEO", 1.0, 0.0, 0.0))
        results.report(DAYS[0], ("SEO", 2.0, 0.0, 0.0))
        results.attribute(DAYS[1], {"a": Order()})
        assert results.tables.published() == {
            "ihc_attributions": {DAYS[1]: version_of("ihc_attributions", attributions({"a": Order()}))},
            "channel_reporting": {
                DAYS[0]: published_version(version_of("channel_reporting", report(DAYS[0], ("SEO", 2.0, 0.0, 0.0))))
            },
            "channel_breakdown": {},
        }


class TestTheTables:
    def test_an_order_that_two_days_claim_is_the_later_publishers_until_that_lets_go_of_it(
        self, database_url: str, results: Results
    ) -> None:
        old, moved = Order(touchpoints=("s1",)), Order(touchpoints=("s3",))
        results.attribute(DAYS[1], {"a": moved})
        results.attribute(DAYS[0], {"a": old})
        assert rows_of(database_url, "attribution_customer_journey") == [("a", "s1", 1.0)]
        results.attribute(DAYS[0], {})
        assert_tables_say(database_url, {DAYS[1]: {"a": moved}})

    def test_a_table_that_was_taken_away_holds_no_day_and_the_others_are_no_longer_counted_on(
        self, database_url: str, results: Results
    ) -> None:
        results.report(DAYS[0], ("SEO", 1.0, 0.0, 0.0))
        results.attribute(DAYS[0], {"a": Order()})
        execute(database_url, "DROP TABLE channel_reporting")
        assert results.tables.published() == {"ihc_attributions": {}, "channel_reporting": {}, "channel_breakdown": {}}
        again = ResultTables(database_url)
        again.publish("channel_reporting", DAYS[:1], results.storage)
        assert {asset: list(days) for asset, days in again.published().items()} == {
            "ihc_attributions": [],
            "channel_reporting": [DAYS[0]],
            "channel_breakdown": [],
        }

    def test_an_order_that_has_moved_twice_goes_to_one_of_the_days_that_still_claim_it(
        self, database_url: str, results: Results
    ) -> None:
        for day in DAYS:
            results.attribute(day, {"a": Order(touchpoints=(f"s{day.day}",))})
        results.attribute(DAYS[0], {})
        assert rows_of(database_url, "attribution_customer_journey") == [("a", "s1", 1.0)]
        results.attribute(DAYS[1], {})
        assert_tables_say(database_url, {DAYS[2]: {"a": Order(touchpoints=("s1",))}})

    def test_they_stand_beside_the_source_tables_which_stay_as_they_are(
        self, database_url: str, results: Results
    ) -> None:
        create_source_tables(database_url)
        execute(database_url, "INSERT INTO session_costs VALUES ('s', 1.5)")
        results.attribute(DAYS[0], {"a": Order()})
        assert rows_of(database_url, "session_costs") == [("s", 1.5)]

    def test_sqlite_tables_have_the_documented_columns_and_an_index_on_the_date(
        self, sqlite_url: str, sqlite_results: Results
    ) -> None:
        sqlite_results.attribute(DAYS[0], {})
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
            tables = {
                table: [
                    (name, type_.lower(), key)
                    for _, name, type_, _, _, key in database.execute(f"PRAGMA table_info({table})")
                ]
                for table in ("attribution_customer_journey", "attribution_order", "channel_reporting")
            }
            plan = database.execute(
                "EXPLAIN QUERY PLAN SELECT conv_id FROM attribution_order WHERE date = ''"
            ).fetchall()
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert tables == {
            "attribution_customer_journey": [("conv_id", "text", 1), ("session_id", "text", 2), ("ihc", "real", 0)],
            "attribution_order": [
                ("conv_id", "text", 1),
                ("date", "text", 2),
                ("outcome", "text", 0),
                ("reason", "text", 0),
            ],
            "channel_reporting": [
                ("channel_name", "text", 1),
                ("date", "text", 2),
                ("cost", "real", 0),
                ("ihc", "real", 0),
                ("ihc_revenue", "real", 0),
            ],
        }
        assert "USING INDEX ix_attribution_order_date" in plan[0][-1]

    def test_existing_tables_with_other_types_are_used_as_they_are(self, database_url: str, results: Results) -> None:
        execute(
            database_url,
            "CREATE TABLE attribution_customer_journey (ihc numeric(10, 4), session_id varchar(64),"
            " conv_id varchar(64), PRIMARY KEY (conv_id, session_id))",
            "CREATE TABLE channel_reporting (date date, channel_name varchar(50), cost numeric(10, 2),"
            " ihc numeric(10, 2), ihc_revenue numeric(10, 2), note text)",
        )
        for _ in range(2):
            results.attribute(DAYS[0], {"a": Order()})
            results.report(DAYS[0], ("SEO", 1, 0.25, 3))
        assert [(float(row[0]), *row[1:]) for row in rows_of(database_url, "attribution_customer_journey")] == [
            (0.5, "s1", "a"),
            (0.5, "s2", "a"),
        ]
        (row,) = rows_of(database_url, "channel_reporting")
        assert (str(row[0]), row[1], float(row[3]), row[5]) == ("2024-02-28", "SEO", 0.25, None)

    def test_a_missing_column_is_named_and_nothing_is_made(self, database_url: str, results: Results) -> None:
        execute(database_url, "CREATE TABLE channel_reporting (channel_name text, date text, cost float)")
        words = "lacks the column ihc of table channel_reporting, the column ihc_revenue of table channel_reporting"
        with pytest.raises(ResultTablesError, match=words):
            results.attribute(DAYS[0], {"a": Order()})
        with pytest.raises(DatabaseError, match=r"no such table|does not exist"):
            rows_of(database_url, "attribution_order")

    def test_a_missing_sqlite_file_is_an_error_and_stays_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ResultTablesError, match="There is no database at"):
            Results(f"sqlite:///{tmp_path}/none.db", tmp_path).attribute(DAYS[0], {})
        assert [path.name for path in tmp_path.iterdir()] == ["assets"]

    def test_making_one_shows_no_password_and_connects_to_nothing(self) -> None:
        tables = ResultTables("postgresql://someone:hunter2@host.invalid/shop")
        assert repr(tables) == "ResultTables(PostgreSQL database shop at host.invalid)"
        assert "hunter2" not in repr(vars(tables))


def attribute_once(url: str, folder: Path, orders: Mapping[str, Order]) -> None:
    """Publish one day."""
    Results(url, folder).attribute(DAYS[0], orders)


def replace_many_times(url: str, folder: Path, day: dt.date) -> None:
    """Replace the same day again and again, with an order of its own and one that other days claim too."""
    results = Results(url, folder)
    for number in range(10):
        order = Order(touchpoints=tuple(f"s{session}" for session in range(number + 1)))
        results.attribute(day, {f"of {day}": order, "shared": order})
        results.report(day, ("SEO", number, 0, 0))


@pytest.fixture(scope="module")
def other_process() -> Iterator[ProcessPoolExecutor]:
    """A process that has everything imported and waits for work."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
        process.submit(attributions, {}).result()
        yield process


class TestSeveralProcesses:
    def test_processes_that_replace_different_days_at_once_queue_and_all_succeed(
        self, database_url: str, tmp_path: Path, other_process: ProcessPoolExecutor
    ) -> None:
        other = other_process.submit(replace_many_times, database_url, tmp_path, DAYS[0])
        replace_many_times(database_url, tmp_path, DAYS[1])
        other.result()
        final = Order(touchpoints=tuple(f"s{session}" for session in range(10)))
        claimed = {day: {f"of {day}": final, "shared": final} for day in DAYS[:2]}
        assert rows_of(database_url, "attribution_order") == expected_orders(claimed)
        assert rows_of(database_url, "attribution_customer_journey") == sorted(set(expected_journeys(claimed)))
        assert rows_of(database_url, "channel_reporting") == [("SEO", str(day), 9.0, 0.0, 0.0) for day in DAYS[:2]]

    def test_a_writer_waits_for_another_one(
        self, sqlite_url: str, tmp_path: Path, other_process: ProcessPoolExecutor
    ) -> None:
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            other = other_process.submit(attribute_once, sqlite_url, tmp_path, {"a": Order()})
            with pytest.raises(TimeoutError):
                other.result(timeout=0.3)
            writer.execute("ROLLBACK")
        other.result()
        assert_tables_say(sqlite_url, {DAYS[0]: {"a": Order()}})


def test_an_order_that_moved_keeps_its_journey_in_tables_whose_ids_are_numbers(
    sqlite_url: str, sqlite_results: Results
) -> None:
    execute(sqlite_url, "CREATE TABLE attribution_order (conv_id INTEGER, date TEXT, outcome TEXT, reason TEXT)")
    execute(sqlite_url, "CREATE TABLE attribution_customer_journey (conv_id INTEGER, session_id TEXT, ihc REAL)")
    sqlite_results.attribute(DAYS[0], {"1": Order()})
    sqlite_results.attribute(DAYS[1], {"1": Order(touchpoints=("s3",))})
    sqlite_results.attribute(DAYS[0], {})
    assert rows_of(sqlite_url, "attribution_customer_journey") == [(1, "s3", 1.0)]
