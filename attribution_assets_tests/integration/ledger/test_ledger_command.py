"""The ledger as users meet it: what a run costs the second time, what it says before, and the command `ledger`."""

import dagster as dg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from attribution_assets.command.cli import app
from attribution_assets_tests.support.ihc_endpoint import IhcEndpoint
from attribution_assets_tests.support.shop import Shop


def two_orders(shop: Shop) -> None:
    """Two visitors who order, one after two sessions."""
    shop.session("s1", "ann", "2024-02-24 10:00:00")
    shop.session("s2", "ann", "2024-02-26 10:00:00")
    shop.session("s3", "ben", "2024-02-26 11:00:00")
    shop.order("o1", "ann", "2024-02-26 20:00:00")
    shop.order("o2", "ben", "2024-02-27 09:00:00")


def ledger(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["ledger", *arguments], input=answer)


def words(result: Result) -> str:
    return " ".join(result.output.replace("│", " ").replace("┃", " ").split())


def test_an_unchanged_run_makes_no_call_and_says_so_and_a_late_session_sends_only_its_own_journey(
    any_shop: Shop,
) -> None:
    two_orders(any_shop)
    with IhcEndpoint() as endpoint:
        any_shop.asks(endpoint)
        first, unchanged, again = any_shop.run(), any_shop.run(), any_shop.run(None, None, "--again")
        assert len(endpoint.received) == 1
        with dg.DagsterInstance.from_config(str(any_shop.folder / "home")) as instance:
            last = instance.get_latest_materialization_event(dg.AssetKey("ihc_attributions")).asset_materialization
        any_shop.session("s0", "ann", "2024-02-25 10:00:00")
        assert any_shop.run().exit_code == 0
        assert [request.journeys for request in endpoint.received[1:]] == [{"o1": ["s1", "s0", "s2"]}]
    asks = "2 journeys with 3 touchpoints to ask for in 1 requests, 0 journeys known from the ledger"
    assert f"IHC API: {asks}" in first.output
    assert "All days are up to date. None was made again: --again makes them." in unchanged.output
    assert "IHC API: 0 journeys with 0 touchpoints to ask for in 0 requests, 2 journeys known" in again.output
    metadata = {name: value.value for name, value in last.metadata.items() if name.endswith("_of_run")}
    assert metadata == {"requests_of_run": 0, "retries_of_run": 0, "journeys_reused_of_run": 2}


def test_a_run_over_its_budget_fails_in_a_line_and_the_next_goes_on_from_there(any_shop: Shop) -> None:
    two_orders(any_shop)
    any_shop.set(IHC_MAX_REQUESTS_PER_RUN="1", IHC_MAX_JOURNEYS_PER_REQUEST="1")
    with IhcEndpoint() as endpoint:
        any_shop.asks(endpoint)
        failed = any_shop.run()
        assert (failed.exit_code, len(endpoint.received)) == (1, 1)
        assert "in 2 requests, 0 journeys known from the ledger; only 1 requests may be made" in failed.output
        assert failed.output.splitlines()[-1].startswith("Failed: ihc_attributions: 1 requests were made")
        assert "1 journeys are still to be asked for" in failed.output.splitlines()[-1]
        assert any_shop.run().exit_code == 0
        assert len(endpoint.received) == 2


def test_the_ledger_is_shown_with_totals_and_what_is_forgotten_is_asked_for_again(any_shop: Shop) -> None:
    two_orders(any_shop)
    assert "The ledger is empty" in ledger().output
    with IhcEndpoint() as endpoint:
        any_shop.asks(endpoint)
        any_shop.run()
        any_shop.set(IHC_CONV_TYPE_ID="returning")
        any_shop.run("2024-02-27", "2024-02-27")
        shown = words(ledger())
        assert "total 3 2 4" in shown
        assert "default" in shown
        assert "returning" in shown
        refused = ledger("--forget", "--order", "o1", answer="n\n")
        assert refused.exit_code == 1
        assert "Answers to forget: 1; they are asked for again when their days are made again" in refused.output
        assert "total 3 2 4" in words(ledger())
        assert "Forgotten: 1." in ledger("--forget", "--order", "o1", answer="y\n").output
        any_shop.set(IHC_CONV_TYPE_ID="default")
        any_shop.run(None, None, "--again")
        assert [list(request.journeys) for request in endpoint.received] == [["o1", "o2"], ["o2"], ["o1"]]
    assert "Forgotten: 0." in ledger("--forget", "--conversion-type", "other", "--yes").output
    assert "Forgotten: 1." in ledger("--forget", "--conversion-type", "returning", "--yes").output
    assert "Forgotten: 0." in ledger("--forget", "--before", "2024-01-01", "--yes").output
    assert "Forgotten: 2." in ledger("--forget", "--yes").output


@pytest.mark.parametrize("option", [["--yes"], ["--order", "o1"], ["--before", "2024-01-01"]])
def test_what_goes_with_forgetting_is_refused_without_it(shop: Shop, option: list[str]) -> None:
    assert shop.folder.exists()
    result = ledger(*option)
    assert result.exit_code == 2
    assert "go with --forget" in words(result)


def test_a_missing_database_is_refused_in_a_line(shop: Shop) -> None:
    shop.set(ATTRIBUTION_DATABASE_URL="sqlite:///nowhere/shop.db")
    result = ledger()
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "There is no database at" in result.output
