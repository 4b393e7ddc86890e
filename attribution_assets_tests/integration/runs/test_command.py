"""The command `run` from end to end: a real database, a real HTTP endpoint, a real Dagster instance."""

import datetime as dt
import json
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
from typer.testing import CliRunner

from attribution_assets.command.cli import app
from attribution_assets.demo import make_demo_database
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint, status
from attribution_assets_tests.support.shop import Shop


def a_small_week(shop: Shop) -> None:
    """Two visitors who order, one who orders without a visit, one who only looks."""
    shop.session("s1", "ann", "2024-02-24 10:00:00", "Display", 2.0)
    shop.session("s2", "ann", "2024-02-26 10:00:00", "Search", 0.5)
    shop.session("s3", "ben", "2024-02-26 11:00:00", "Search", None)
    shop.session("s4", "cat", "2024-02-26 12:00:00", 'Größe, "neu"\nund anders', 3.25)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
    shop.order("o2", "ben", "2024-02-27 09:00:00", 30.0)
    shop.order("o3", "dan", "2024-02-27 10:00:00", 7.0)


class Reported(NamedTuple):
    """A small week after one run over it: the shop, and the address of the API that its orders were attributed by."""

    shop: Shop
    url: str


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """A small week in SQLite after one run over it; tests only look at it."""
    with pytest.MonkeyPatch.context() as monkeypatch, IhcEndpoint() as endpoint:
        shop = Shop(tmp_path_factory.mktemp("reported"), monkeypatch)
        a_small_week(shop)
        shop.asks(endpoint)
        result = shop.run("2024-02-26", "2024-02-27")
        assert result.exit_code == 0, result.output
    return Reported(shop, endpoint.url)


def test_a_range_is_reported_by_touch_date_and_channel(reported: Reported) -> None:
    assert reported.shop.report("channel_reporting_2024-02-24.csv") == [
        {
            "channel_name": "Display", "date": "2024-02-24", "cost": "2.0", "ihc": "0.333333333333",
            "ihc_revenue": "30.0", "CPO": "6.000000000006", "ROAS": "15.0",
        },
    ]  # fmt: skip
    assert reported.shop.report() == [
        {
            "channel_name": 'Größe, "neu"\nund anders', "date": "2024-02-26", "cost": "3.25", "ihc": "0.0",
            "ihc_revenue": "0.0", "CPO": "", "ROAS": "0.0",
        },
        {
            "channel_name": "Search", "date": "2024-02-26", "cost": "0.5", "ihc": "1.666666666667",
            "ihc_revenue": "90.0", "CPO": "0.29999999999994", "ROAS": "180.0",
        },
    ]  # fmt: skip


def test_the_summary_has_totals_and_the_orders_that_were_not_attributed(shop: Shop) -> None:
    a_small_week(shop)
    with IhcEndpoint(refused=["o2"]) as endpoint:
        shop.asks(endpoint)
        output = shop.run("2024-02-24", "2024-02-27").output
    words = " ".join(output.replace("│", " ").replace("┃", " ").split())
    assert "total 5.75 1.00 90.00 5.75 15.652" in words
    assert "attributed 1 90.00 no_sessions 1 7.00 refused 1 30.00" in words
    assert f"Attributed by {endpoint.url}." in words


def test_days_that_a_run_credits_or_that_credit_leaves_are_restated_in_the_result_tables(any_shop: Shop) -> None:
    a_small_week(any_shop)
    with IhcEndpoint() as endpoint:
        any_shop.asks(endpoint)
        assert any_shop.run("2024-02-24", "2024-02-25").exit_code == 0
        assert any_shop.rows("channel_reporting") == [("Display", "2024-02-24", 2.0, 0.0, 0.0)]
        assert any_shop.run("2024-02-26", "2024-02-27").exit_code == 0
        credited = [
            ("Display", "2024-02-24", 2.0, pytest.approx(1 / 3), pytest.approx(30.0)),
            ('Größe, "neu"\nund anders', "2024-02-26", 3.25, 0.0, 0.0),
            ("Search", "2024-02-26", 0.5, pytest.approx(5 / 3), pytest.approx(90.0)),
        ]
        assert any_shop.rows("channel_reporting") == credited
        assert any_shop.rows("attribution_customer_journey") == [
            ("o1", "s1", pytest.approx(1 / 3)),
            ("o1", "s2", pytest.approx(2 / 3)),
            ("o2", "s3", 1.0),
        ]
        assert [row["ihc"] for row in any_shop.report("channel_reporting_2024-02-24.csv")] == ["0.333333333333"]
        assert {row["date"] for row in any_shop.report()} == {"2024-02-26"}
        any_shop.sql("DELETE FROM conversions WHERE conv_id = 'o1'")
        assert any_shop.run("2024-02-26", "2024-02-27").exit_code == 0
    assert ("Display", "2024-02-24", 2.0, 0.0, 0.0) in any_shop.rows("channel_reporting")
    assert any_shop.rows("attribution_customer_journey") == [("o2", "s3", 1.0)]


def test_a_run_that_failed_before_the_restatement_is_made_good_by_the_next(shop: Shop) -> None:
    a_small_week(shop)
    with IhcEndpoint() as endpoint:
        shop.asks(endpoint)
        shop.run("2024-02-24", "2024-02-27")
        shop.sql("DELETE FROM conversions WHERE conv_id = 'o1'")
        in_the_way = shop.folder / "data/reports/channel_reporting_2024-02-26.csv"
        in_the_way.unlink()
        in_the_way.mkdir()
        assert shop.run("2024-02-26", "2024-02-27").exit_code == 1
        in_the_way.rmdir()
        assert shop.run("2024-02-26", "2024-02-27").exit_code == 0
    assert ("Display", "2024-02-24", 2.0, 0.0, 0.0) in shop.rows("channel_reporting")


def test_a_day_whose_last_row_has_vanished_is_reported_anew(shop: Shop) -> None:
    shop.session("s1", "ann", "2024-02-24 10:00:00")
    shop.order("o1", "ann", "2024-02-24 20:00:00")
    shop.order("o2", "ann", "2024-02-26 20:00:00")
    with IhcEndpoint() as endpoint:
        shop.asks(endpoint)
        shop.run()
        shop.sql("DELETE FROM conversions WHERE conv_id = 'o2'")
        assert shop.run().exit_code == 0
    assert [(row["date"], row["ihc"]) for row in shop.report()] == [("2024-02-24", "1.0")]
    assert shop.rows("attribution_customer_journey") == [("o1", "s1", 1.0)]


def test_tables_made_from_another_database_are_not_mixed_in(shop: Shop) -> None:
    a_small_week(shop)
    assert shop.run("2024-02-26", "2024-02-27").exit_code == 0
    other = shop.folder / "other.db"
    other.write_bytes(shop.database.read_bytes())
    shop.set(ATTRIBUTION_DATABASE_URL=f"sqlite:///{other}")
    result = shop.run("2024-02-26", "2024-02-27")
    assert result.exit_code == 2
    assert f"holds what was made from the SQLite database {shop.database}" in result.output
    assert "set ATTRIBUTION_STORAGE to another place" in result.output


def test_a_channel_name_is_printed_as_it_is(shop: Shop) -> None:
    shop.session("s1", "ann", "2024-02-24 10:00:00", "[/red] [bold]Sale[/bold]")
    result = shop.run()
    assert result.exit_code == 0
    assert "[/red] [bold]Sale[/bold]" in result.output


def test_an_output_that_cannot_be_written_is_refused_before_the_run(shop: Shop) -> None:
    a_small_week(shop)
    for output in (".", str(shop.database / "report.csv")):
        result = shop.run(None, None, "--output", output)
        assert result.exit_code == 2
        assert "--output" in result.output
    assert [path.name for path in shop.folder.iterdir()] == ["shop.db"]


@pytest.mark.slow
def test_blocks_of_days_in_any_order_give_the_tables_of_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = []
    for name, blocks in {"one": [(20, 27)], "many": [(26, 26), (20, 24), (25, 27), (20, 27)]}.items():
        (tmp_path / name).mkdir()
        shop = Shop(tmp_path / name, monkeypatch)
        a_small_week(shop)
        with IhcEndpoint() as endpoint:
            shop.asks(endpoint)
            for first, last in blocks:
                assert shop.run(f"2024-02-{first}", f"2024-02-{last}").exit_code == 0
        tables.append([shop.rows(table) for table in ("channel_reporting", "attribution_customer_journey")])
    assert tables[0] == tables[1]


def test_without_dates_all_days_with_data_are_reported(shop: Shop) -> None:
    a_small_week(shop)
    result = shop.run(None, None, "--output", "mine.csv")
    assert result.exit_code == 0, result.output
    assert (
        (shop.folder / "mine.csv")
        .read_text(encoding="utf-8")
        .startswith("channel_name,date,cost,ihc,ihc_revenue,CPO,ROAS\n")
    )
    assert "2024-02-24..2024-02-27" in result.output
    assert "embedded IHC service" in result.output


def test_what_the_command_runs_is_in_dagsters_history(reported: Reported) -> None:
    with dg.DagsterInstance.from_config(str(reported.shop.folder / "home")) as instance:
        days = {
            asset: sorted(instance.get_materialized_partitions(dg.AssetKey(asset)))
            for asset in ("sessions", "journeys", "channel_reporting_csv")
        }
        checks = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("ihc_attributions"), "orders_are_conserved"), limit=9
        )
        last, report = (
            instance.get_latest_materialization_event(dg.AssetKey(asset)).asset_materialization
            for asset in ("ihc_attributions", "channel_reporting")
        )
    assert days["sessions"] == [f"2024-02-{day}" for day in range(22, 28)]
    assert days["journeys"] == ["2024-02-26", "2024-02-27"]
    assert days["channel_reporting_csv"] == [f"2024-02-{day}" for day in (24, 26, 27)]
    assert [(check.partition, check.status.value) for check in checks] == [(None, "SUCCEEDED")]
    assert last.partition == "2024-02-27"
    assert last.metadata["answered_by"].value == report.metadata["answered_by"].value == reported.url
    assert last.metadata["requests_of_run"].value == 1
    assert last.metadata["orders_attributed"].value == 1
    assert last.metadata["dagster/partition_row_count"].value == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("2024-02-30", "2024-03-01"), "'2024-02-30' is not a date written YYYY-MM-DD"),
        (("2024-2-26", "2024-03-01"), "'2024-2-26' is not a date written YYYY-MM-DD"),
        (("2024-02-27", "2024-02-26"), "the range ends on 2024-02-26, before it starts on 2024-02-27"),
        (("2024-02-19", "2024-02-26"), "set ATTRIBUTION_START_DATE to 2024-02-19 or earlier"),
        (("2024-02-26", "2099-01-01"), "2099-01-01 is not over"),
        (("2024-03-10", "2024-03-12"), "no sessions and no conversions of 2024-03-10..2024-03-12"),
    ],
)
def test_days_that_cannot_be_reported_are_refused_in_a_line_and_nothing_is_written(
    shop: Shop, arguments: tuple[str, str], says: str
) -> None:
    a_small_week(shop)
    before = shop.database.read_bytes()
    result = shop.run(*arguments)
    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())
    assert [path.name for path in shop.folder.iterdir()] == ["shop.db"]
    assert shop.database.read_bytes() == before


def test_an_empty_or_missing_database_or_table_is_refused_in_a_line(shop: Shop) -> None:
    empty = shop.run()
    shop.sql("DROP TABLE session_costs")
    without_table = shop.run()
    shop.set(ATTRIBUTION_DATABASE_URL="sqlite:///nowhere/shop.db")
    without_database = shop.run()
    assert [result.exit_code for result in (empty, without_table, without_database)] == [2, 2, 2]
    assert "holds no sessions and no conversions" in empty.output
    assert "lacks the table session_costs" in without_table.output
    assert f"There is no database at {shop.folder / 'nowhere/shop.db'}" in without_database.output
    assert all(result.output.count("\n") == 1 for result in (empty, without_table, without_database))
    assert [path.name for path in shop.folder.iterdir()] == ["shop.db"]


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        (
            "IHC_MAX_CONCURRENT_REQUESTS",
            "many",
            "IHC_MAX_CONCURRENT_REQUESTS is 'many': it takes a whole number from 1 to 1000",
        ),
        ("IHC_REDISTRIBUTION_PARAMETER", "[]", "IHC_REDISTRIBUTION_PARAMETER is not a JSON object"),
        (
            "IHC_API_URL",
            "ftp://api",
            (
                "IHC_API_URL, IHC_API_KEY or a limit cannot be used: "
                "the URL of the IHC API must be http(s)://host/path, without user and password"
            ),
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_and_nothing_is_written(
    shop: Shop, variable: str, value: str, says: str
) -> None:
    a_small_week(shop)
    shop.set(**{variable: value})
    result = shop.run()
    assert (result.exit_code, result.output) == (2, f"Not possible: {says}\n")
    assert [path.name for path in shop.folder.iterdir()] == ["shop.db"]


def test_without_dates_data_before_the_first_day_is_not_left_out_in_silence(shop: Shop) -> None:
    a_small_week(shop)
    shop.session("s0", "ann", "2024-02-01 10:00:00")
    result = shop.run()
    assert result.exit_code == 0
    left_out = "1 of 5 rows of session_sources are in no report: their event_date is before ATTRIBUTION_START_DATE."
    assert left_out in " ".join(result.output.replace("│", " ").split())


def test_an_api_that_refuses_the_key_fails_the_run_at_once_and_a_later_run_completes_it(shop: Shop) -> None:
    a_small_week(shop)
    with IhcEndpoint([status(403, f"Forbidden {KEY}")]) as endpoint:
        shop.asks(endpoint)
        failed = shop.run("2024-02-24", "2024-02-27")
        assert failed.exit_code == 1
        assert "IHC_API_KEY" in failed.output.splitlines()[-1]
        assert len(endpoint.received) == 1
        assert shop.run("2024-02-24", "2024-02-27").exit_code == 0
    assert len(shop.rows("channel_reporting")) == 3


def test_the_key_is_in_nothing_that_a_run_leaves_behind(shop: Shop) -> None:
    a_small_week(shop)
    with IhcEndpoint([status(500, KEY), status(403, f"Forbidden {KEY}")]) as endpoint:
        shop.asks(endpoint)
        output = shop.run("2024-02-24", "2024-02-27").output + shop.run("2024-02-24", "2024-02-27").output
    files = [path.read_bytes() for path in shop.folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert KEY not in output
    assert not any(KEY.encode() in content for content in files)


def test_touchpoints_over_the_limit_of_a_request_are_reported_as_too_long(shop: Shop) -> None:
    a_small_week(shop)
    shop.set(IHC_MAX_SESSIONS_PER_REQUEST="1")
    with IhcEndpoint() as endpoint:
        shop.asks(endpoint)
        words = shop.run("2024-02-24", "2024-02-27").output.replace("│", " ").split()
    assert words[words.index("too_long") :][:3] == ["too_long", "1", "90.00"]
    assert shop.rows("attribution_customer_journey") == [("o2", "s3", 1.0)]


def test_the_redistribution_parameter_is_sent_as_it_is(shop: Shop) -> None:
    a_small_week(shop)
    parameter = {
        "initializer": {
            "direction": "any_session",
            "receive_threshold": 0.1,
            "redistribution_channel_labels": ["Search"],
        }
    }
    shop.set(IHC_REDISTRIBUTION_PARAMETER=json.dumps(parameter), IHC_CONV_TYPE_ID="new customers")
    with IhcEndpoint() as endpoint:
        shop.asks(endpoint)
        assert shop.run("2024-02-24", "2024-02-27").exit_code == 0
        (received,) = endpoint.received
    assert received.body["redistribution_parameter"] == parameter
    assert received.parameters == {"conv_type_id": ["new customers"]}


@pytest.mark.slow
def test_the_demo_database_is_made_once_and_reported(shop: Shop) -> None:
    shop.database.unlink()
    shop.set(ATTRIBUTION_DATABASE_URL=f"sqlite:///{shop.folder / 'demo.db'}", ATTRIBUTION_END_DATE="2024-03-20")
    first = CliRunner().invoke(app, ["demo"])
    assert first.exit_code == 0, first.output
    rows = shop.report()
    assert {row["date"] for row in rows} == {f"2024-02-{day}" for day in range(20, 30)} | {
        f"2024-03-{day:02}" for day in range(1, 21)
    }
    size = make_demo_database(f"sqlite:///{shop.folder / 'again.db'}", dt.date(2024, 2, 20))
    assert size.orders > sum(float(row["ihc"]) for row in rows) > 0.9 * size.orders
