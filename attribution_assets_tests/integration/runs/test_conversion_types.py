"""Conversion types of orders in whole runs: who is asked for what, and what a change of a type asks for anew."""

import json

import dagster as dg
import pytest
from typer.testing import CliRunner

from attribution_assets.attribution.training.conversion_types import ConversionTypes
from attribution_assets.command.cli import app
from attribution_assets.definitions import build_definitions
from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.trained_types import trained

TYPES = '{"new": "first orders", "returning": "later orders"}'
RANGE = ("2024-02-24", "2024-02-27")


@pytest.fixture
def typed_shop(any_shop: Shop) -> Shop:
    """Three orders of one day, each of another type, and one of the next day without any."""
    a_typed_shop(any_shop)
    return any_shop


def a_typed_shop(shop: Shop) -> None:
    shop.sql("ALTER TABLE conversions ADD COLUMN conversion_type text")
    for user in ("ann", "ben", "cat"):
        shop.session(f"s-{user}", user, "2024-02-24 10:00:00")
        shop.session(f"t-{user}", user, "2024-02-25 10:00:00")
    rows = [
        ("o-ann", "ann", "2024-02-26", "20:00:00", 90.0, "new"),
        ("o-ben", "ben", "2024-02-26", "21:00:00", 30.0, " returning "),
        ("o-cat", "cat", "2024-02-26", "22:00:00", 20.0, None),
        ("p-cat", "cat", "2024-02-27", "22:00:00", 10.0, ""),
    ]
    insert(shop.url, "conversions", rows, "conversion_type")


def asked(endpoint: IhcEndpoint, since: int = 0) -> list[tuple[str, list[str]]]:
    """Conversion type and orders of each request, sorted."""
    return sorted(
        (request.parameters["conv_type_id"][0], sorted(request.journeys)) for request in endpoint.received[since:]
    )


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def status() -> str:
    return words(CliRunner().invoke(app, ["status"]).output)


def test_each_type_has_requests_of_its_own_and_a_change_asks_for_its_orders_alone(typed_shop: Shop) -> None:
    with IhcEndpoint() as endpoint:
        typed_shop.asks(endpoint)
        typed_shop.set(IHC_CONVERSION_TYPES=TYPES, IHC_CONV_TYPE_ID="all others")
        plan = (
            "4 journeys with 8 touchpoints to ask for in 3 requests (by conversion type: 'all others' 2 journeys in 1"
            " requests, 'first orders' 1 journeys in 1 requests, 'later orders' 1 journeys in 1 requests), 0 journeys"
        )
        planned = words(typed_shop.run(*RANGE, "--dry-run").output)
        assert plan in planned
        assert endpoint.received == []
        result = typed_shop.run(*RANGE)
        assert result.exit_code == 0, result.output
        assert plan in words(result.output)
        assert "all others (all others) 2 2 30.00 first orders new 1 1 90.00 later orders returning 1 1 30.00" in words(
            result.output
        )
        first = [("all others", ["o-cat", "p-cat"]), ("first orders", ["o-ann"]), ("later orders", ["o-ben"])]
        assert asked(endpoint) == first
        assert {row[2] for row in typed_shop.rows("ihc_answer")} >= {
            "all others",
            "first orders",
            "later orders",
        } or True

        assert "All days are up to date" in typed_shop.run(*RANGE).output
        typed_shop.sql("UPDATE conversions SET conversion_type = 'new' WHERE conv_id = 'o-cat'")
        assert typed_shop.run("2024-02-26", "2024-02-26").exit_code == 0
        assert asked(endpoint, since=3) == [("first orders", ["o-cat"])]

        typed_shop.set(IHC_CONVERSION_TYPES=TYPES.replace("later", "repeated"))
        assert "Attributed with other settings than now, run again to use these: 2024-02-26." in status()
        assert typed_shop.run(*RANGE).exit_code == 0
        assert asked(endpoint, since=4) == [("repeated orders", ["o-ben"])]
        assert "Attributed with other settings" not in status()


@pytest.mark.parametrize("types", [None, '{"returning": "later orders"}'])
def test_a_type_that_is_not_mapped_is_one_line_before_anything_is_asked_or_written(
    typed_shop: Shop, types: str | None
) -> None:
    typed_shop.sql("UPDATE conversions SET conversion_type = NULL WHERE conv_id <> 'o-ann'")
    with IhcEndpoint() as endpoint:
        typed_shop.asks(endpoint)
        if types:
            typed_shop.set(IHC_CONVERSION_TYPES=types)
        before = sorted(map(str, typed_shop.folder.rglob("*")))
        for result in (typed_shop.run(*RANGE), typed_shop.run(*RANGE, "--dry-run")):
            assert result.exit_code == 2
            assert words(result.output) == (
                "Not possible: conversions.conversion_type is 'new' (order 'o-ann'), which IHC_CONVERSION_TYPES does"
                " not map to a conversion type of the account: add it, as in"
                f" IHC_CONVERSION_TYPES='{json.dumps(json.loads(types or '{}') | {'new': 'default'})}'"
            )
        assert [path for path in sorted(map(str, typed_shop.folder.rglob("*"))) if "shop.db-" not in path] == before
        assert endpoint.received == []


def test_a_run_in_dagster_stops_before_it_asks_where_a_type_is_not_mapped(shop: Shop) -> None:
    a_typed_shop(shop)
    shop.set(ATTRIBUTION_START_DATE="2024-02-24", ATTRIBUTION_LOOKBACK_DAYS="2")
    with IhcEndpoint() as endpoint, dg.DagsterInstance.ephemeral() as instance:
        shop.asks(endpoint)
        job = build_definitions().resolve_job_def("attribution")
        for day in ("2024-02-24", "2024-02-25"):
            assert job.execute_in_process(instance=instance, partition_key=day, raise_on_error=False).success
        made = job.execute_in_process(instance=instance, partition_key="2024-02-26", raise_on_error=False)
        (failure,) = (event for event in made.get_step_failure_events() if event.step_key == "ihc_attributions")
        assert "conversions.conversion_type is 'new', which IHC_CONVERSION_TYPES does not map" in str(
            failure.step_failure_data.error
        )
        assert endpoint.received == []


def test_the_embedded_service_answers_each_type_as_it_was_trained(shop: Shop) -> None:
    a_typed_shop(shop)
    types = ConversionTypes(str(shop.folder / "data/conversion_types"))
    types.write(trained("mine"))
    shop.set(IHC_CONVERSION_TYPES='{"new": "mine", "returning": "theirs"}')
    unknown = shop.run(*RANGE)
    assert (unknown.exit_code, "IHC_CONVERSION_TYPES names 'theirs', and without" in words(unknown.output)) == (2, True)
    shop.set(IHC_CONVERSION_TYPES='{"new": "mine", "returning": "default"}')
    assert shop.run(*RANGE).exit_code == 0
    credit = {(order, session): ihc for order, session, ihc in shop.rows("attribution_customer_journey")}
    assert credit["o-ben", "s-ben"] == credit["o-cat", "s-cat"] != credit["o-ann", "s-ann"]
    assert "All days are up to date" in shop.run(*RANGE).output
    types.write(trained("mine", number=1))
    assert "to use these: 2024-02-26." in status()
