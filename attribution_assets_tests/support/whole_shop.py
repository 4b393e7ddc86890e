"""A shop as a whole: all that the command publishes, held against the oracle; and what the API was paid for."""

import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from attribution_assets.attribution.calendar.days import days_between
from attribution_assets.attribution.database.database import Database
from attribution_assets.command.cli import app
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.comparison_oracle import comparisons
from attribution_assets_tests.support.databases import insert, rows_of
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint, Received, Reply, credit
from attribution_assets_tests.support.oracle import Source, Truth, truth
from attribution_assets_tests.support.shop import Shop, unguarded

FIRST, LAST = dt.date(2024, 2, 20), dt.date(2024, 2, 27)
"""The days of the shop: the first one is the first of the calendar."""

LOOKBACK_DAYS = 4
LESS_THAN_MANY_SESSIONS = 8_000_000
"""Bytes: a limit that no file of a busy week meets, the write-ahead log of SQLite with its 1,000 pages among them."""
MEASURES = ("cost", "ihc", "ihc_revenue")
MEASURES_COMPARED = ["orders", "revenue"]
ROLES = ["influenced_orders", "influenced_revenue", "assisted_orders", "assisted_revenue"]

Journey = tuple[str, ...]


class PaidEndpoint(IhcEndpoint):
    """An IHC endpoint that keeps account of the journeys it has answered well: those are paid for.

    Attributes:
        paid: how often each journey, as it was sent (its touchpoints with all their fields, in order), has been
            answered.
        paid_requests: the journeys of each request that was answered well.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init__(*arguments, **settings)
        self.paid: Counter[Journey] = Counter()
        self.paid_requests: list[list[Journey]] = []

    def reply_to(self, received: Received) -> Reply:
        """Answer as the base class does, and count what was answered as it should be."""
        reply = super().reply_to(received)
        if reply == Reply(self._answer(received)):
            journeys: dict[str, list[str]] = {}
            for touchpoint in received.body["customer_journeys"]:
                fields = json.dumps(touchpoint, sort_keys=True)
                journeys.setdefault(touchpoint["conversion_id"], []).append(fields)
            self.paid_requests.append([tuple(journey) for journey in journeys.values()])
            self.paid.update(self.paid_requests[-1])
        return reply

    @property
    def paid_twice(self) -> dict[str, int]:
        """The journeys that were answered more than once, as `order: session session`, and how often."""
        return {_in_words(journey): times for journey, times in self.paid.items() if times > 1}


def a_busy_week(shop: Shop) -> None:
    """Three visitors with a session each day, and an order each day but the first: 24 sessions and 21 orders."""
    for number, user in enumerate(("ann", "ben", "cat")):
        for day in range(20, 28):
            shop.session(f"s-{user}-{day}", user, f"2024-02-{day} 0{number}:30:00", f"Channel {day % 3}", number + 0.5)
            if day > FIRST.day:
                shop.order(f"o-{user}-{day}", user, f"2024-02-{day} 12:00:0{number}", 10.0 * day)


def many_sessions(shop: Shop, day: str) -> None:
    """Add sessions to a day whose file gets larger than `LESS_THAN_MANY_SESSIONS`; their visitors order nothing."""
    chance = random.Random(1)  # noqa: S311 - no secrets are made of it
    ids = [f"{chance.getrandbits(1000):0250x}" for _ in range(24_000)]
    insert(shop.url, "session_sources", [(text, text[::-1], day, "12:00:00", "Search", 0, 0, 0) for text in ids])


def oracle_of(
    shop: Shop,
    *,
    most_sessions: int = 200,
    refused: Collection[str] = (),
    order_days: Collection[dt.date] | None = None,
    journey_end: str = "before",
) -> Truth:
    """What one run over all days must make of the shop's source tables as they are now."""
    source = Source(*(rows_of(shop.url, table) for table in ("session_sources", "session_costs", "conversions")))
    return truth(
        source,
        credit,
        first=FIRST,
        last=LAST,
        lookback_days=LOOKBACK_DAYS,
        most_sessions=most_sessions,
        refused=refused,
        order_days=order_days,
        journey_end=journey_end,
    )


def check_tables(shop: Shop, expected: Truth) -> None:
    """The result tables say exactly what the oracle says."""
    orders = {conv_id: (date, outcome) for conv_id, date, outcome, _ in shop.rows("attribution_order")}
    with_sessions = {
        conv_id: (expected.order_days[conv_id], outcome)
        for conv_id, outcome in expected.outcomes.items()
        if outcome != "no_sessions"
    }
    assert orders == with_sessions
    touchpoints = shop.rows("attribution_customer_journey")
    assert [row[:2] for row in touchpoints] == sorted(expected.credit)
    assert {(order, session): ihc for order, session, ihc in touchpoints} == _floats(expected.credit)
    unattributed = {conv_id: detail for conv_id, _, _, detail, _ in shop.rows("unattributed_order")}
    assert {conv_id: unattributed.get(conv_id) for conv_id in expected.details} == expected.details
    check_report(shop, expected)


def check_report(shop: Shop, expected: Truth) -> None:
    """The table channel_reporting says exactly what the oracle says."""
    report = shop.rows("channel_reporting")
    assert [row[:2] for row in report] == sorted(expected.report)
    assert {(*row[:2], name): value for row in report for name, value in zip(MEASURES, row[2:], strict=True)} == (
        _measures(expected)
    )


def check_csv(shop: Shop, expected: Truth, name: str = "channel_reporting.csv") -> None:
    """The CSV file says exactly what the oracle says, by date, then channel."""
    rows = shop.report(name)
    keys = [(row["channel_name"], row["date"]) for row in rows]
    assert keys == sorted(expected.report, key=lambda key: (key[1], key[0]))
    found = {(*key, name): float(row[name]) for key, row in zip(keys, rows, strict=True) for name in MEASURES}
    assert found == _measures(expected)
    for row in rows:
        cost, ihc, ihc_revenue = (float(row[name]) for name in MEASURES)
        ratios = [float(row[name]) if row[name] else None for name in ("CPO", "ROAS")]
        assert ratios == [cost / ihc if ihc else None, ihc_revenue / cost if cost else None]


def check_comparisons(shop: Shop, expected: Truth) -> None:
    """The files of the command `compare` say exactly what the oracle says, and so does what is stored."""
    source = Source(*(rows_of(shop.url, table) for table in ("session_sources", "session_costs", "conversions")))
    days, folder = days_between(FIRST, LAST), shop.folder / "compared"
    due = comparisons(source, expected, days=days)
    result = CliRunner().invoke(
        app, ["compare", "--start-date", str(FIRST), "--end-date", str(LAST), "--output", str(folder)]
    )
    assert result.exit_code == 0, result.output
    written = {
        file.stem: pd.read_csv(file, keep_default_na=False, converters={"channel_name": unguarded})
        for file in folder.iterdir()
    }
    tables = resources_of(Settings.from_environment()).storage.tables()
    stored = {
        name: pd.concat([tables.days(name, days).frame(day) for day in days], ignore_index=True)
        for name in ("model_comparison", "conversion_paths", "channel_roles")
    }
    for name, keys, sums, expectation in (
        ("model_comparison", ["conversion_date", "model", "channel_name", "touch_date"], MEASURES_COMPARED, due.models),
        ("conversion_paths", ["conversion_date", "path", "days_to_conversion"], MEASURES_COMPARED, due.paths),
        ("channel_roles", ["conversion_date", "channel_name"], ROLES, due.roles),
        ("markov_comparison", ["channel_name"], ["removal_effect", *MEASURES_COMPARED], due.markov),
    ):
        table = stored[name] if name in stored else written[name]
        rows = {row[: len(keys)]: row[len(keys) :] for row in table[[*keys, *sums]].itertuples(index=False, name=None)}
        found = {(*key, name): value for key, row in rows.items() for name, value in zip(sums, row, strict=True)}
        exact = {
            (*key, name): float(value)
            for key, row in expectation.items()
            for name, value in zip(sums, row, strict=True)
        }
        assert found == pytest.approx(exact, rel=0, abs=1e-8), name
    assert written.keys() == {*stored, "markov_comparison"}
    for name, frame in stored.items():
        assert list(written[name].columns) == list(frame.columns)
        for column in {"orders", "revenue", "influenced_orders", "holder"}.intersection(frame.columns):
            assert written[name][column].tolist() == frame[column].tolist()


def check_summary(output: str, expected: Truth) -> None:
    """The printed summary counts the orders of each outcome and their revenue."""
    words = " ".join(output.replace("│", " ").replace("┃", " ").split())
    for outcome in set(expected.outcomes.values()):
        orders = [conv_id for conv_id, became in expected.outcomes.items() if became == outcome]
        revenue = float(sum(expected.revenues[conv_id] for conv_id in orders))
        assert f" {outcome} {len(orders)} {revenue:,.2f} " in f"{words} "


def published(shop: Shop) -> tuple[object, ...]:
    """All that is published, to be compared byte for byte."""
    tables = [shop.rows(name) for name in ("channel_reporting", "attribution_customer_journey", "attribution_order")]
    files = {path.name: path.read_bytes() for path in (shop.folder / "data/reports").glob("*.csv")}
    return (*tables, files)


def check_whole_files(shop: Shop, storage: Path | None = None) -> None:
    """Each file that counts as a day or as a report can be read to its end; each order in the tables is whole."""
    for path in (storage or shop.folder / "data").rglob("*.parquet"):
        dt.date.fromisoformat(path.stem)
        assert pq.ParquetFile(path).read().num_rows >= 0
    for path in (shop.folder / "data").rglob("*.csv"):
        content = path.read_bytes().decode()
        if path.name.startswith("channel_reporting"):
            assert content.startswith("channel_name,date,cost,ihc,ihc_revenue,CPO,ROAS\r\n")
        assert content.endswith("\r\n")
    with Database(shop.url).reading() as connection:
        tables = sa.inspect(connection).get_table_names()
    if "attribution_order" in tables:
        attributed = {conv_id for conv_id, _, outcome, _ in shop.rows("attribution_order") if outcome == "attributed"}
        credit_of = dict.fromkeys(attributed, 0.0)
        for conv_id, _, ihc in shop.rows("attribution_customer_journey"):
            credit_of[conv_id] += ihc
        assert credit_of == pytest.approx(dict.fromkeys(attributed, 1.0))


def leftovers(shop: Shop) -> list[str]:
    """The files of storage and reports that are neither a day nor a report nor the storage's owner."""
    files = [path.relative_to(shop.folder) for path in (shop.folder / "data").rglob("*") if path.is_file()]
    return [str(path) for path in files if path.suffix not in (".parquet", ".csv") and path.name != "made_from.txt"]


def _in_words(journey: Journey) -> str:
    touchpoints = [json.loads(fields) for fields in journey]
    sessions = " ".join(touchpoint["session_id"] for touchpoint in touchpoints)
    return f"{touchpoints[0]['conversion_id']}: {sessions}"


def _measures(expected: Truth) -> object:
    values = {
        (*key, name): float(value)
        for key, row in expected.report.items()
        for name, value in zip(MEASURES, row, strict=True)
    }
    return pytest.approx(values, rel=0, abs=1e-8)  # amounts keep 9 places


def _floats(credit: Any) -> object:  # noqa: ANN401 - a mapping to fractions
    return pytest.approx({key: float(share) for key, share in credit.items()}, rel=0, abs=1e-12)


def check_all_is_right(shop: Shop) -> None:
    """One more run over all days, after which everything says what the oracle says."""
    result = shop.run(str(FIRST), str(LAST))
    assert result.exit_code == 0, result.output
    expected = oracle_of(shop)
    check_tables(shop, expected)
    check_csv(shop, expected)
    check_comparisons(shop, expected)
