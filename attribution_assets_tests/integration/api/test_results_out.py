"""Results that the API gives: the command's numbers, in JSON, CSV and Parquet, page by page, with ETag and standing."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from attribution_assets.api.source_store import SourceStore
from attribution_assets.attribution.freshness.records import SOURCE_ASSETS
from attribution_assets.attribution.results.result_days import READ_TABLES
from attribution_assets.attribution.storage.asset_storage import AssetStorage
from attribution_assets.attribution.storage.stored_days import names_of
from attribution_assets.command.cli import app as command
from attribution_assets_tests.support.rows_api import DATA_SET, ApiServer
from attribution_assets_tests.support.shop import unguarded

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
FLAGS = {"holder_engagement": 1, "closer_engagement": 0, "impression_interaction": 0}
SESSIONS = [
    ("a1", "ann", "2024-02-22T10:00:00Z", "=Display"),
    ("a2", "ann", "2024-02-24T10:00:00Z", "Search"),
    ("b1", "ben", "2024-02-26T11:00:00Z", "Search"),
    ("c1", "cat", "2024-02-26T12:00:00Z", "Social"),
    ("d1", "dan", "2024-02-27T10:00:00Z", "Search"),
]
ORDERS = [
    ("o1", "ann", "2024-02-24T20:00:00Z", 90.0),
    ("o2", "ben", "2024-02-27T09:00:00Z", 30.0),
    ("o3", "dan", "2024-02-27T10:00:00Z", 7.0),
]
EMPTY = {"data": [], "next": None, "final_through": None, "as_of": None}


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def send(api: ApiServer) -> None:
    sessions = [
        dict(zip(("session_id", "user_id", "timestamp", "channel_name"), row, strict=True)) | FLAGS for row in SESSIONS
    ]
    orders = [dict(zip(("conv_id", "user_id", "timestamp", "revenue"), row, strict=True)) for row in ORDERS]
    assert api.send("sessions", lines(sessions)).json()["stored"] == len(SESSIONS)
    assert api.send("conversions", lines(orders)).json()["stored"] == len(ORDERS)
    assert api.send("costs", "session_id,cost\na1,2\na2,0.5\nc1,3.25\n", CSV).json()["stored"] == 3


def run(*arguments: str) -> None:
    result = CliRunner().invoke(command, [*arguments, "--data-set", DATA_SET])
    assert result.exit_code == 0, result.output


@pytest.fixture
def made(api: ApiServer) -> ApiServer:
    """A data set whose rows were sent to the API, and all of whose days the command has made."""
    send(api)
    run("run", "--start-date", "2024-02-20", "--end-date", "2024-02-28")
    return api


def file_of(folder: Path) -> list[dict[str, str]]:
    """The rows of a CSV file of the command, without what guards its names."""
    with folder.open(newline="") as file:
        return [{column: unguarded(cell) for column, cell in row.items()} for row in csv.DictReader(file)]


def csv_rows(text: str) -> list[dict[str, str]]:
    return [
        {name: unguarded(cell) for name, cell in row.items()} for row in csv.DictReader(io.StringIO(text, newline=""))
    ]


def as_texts(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Rows of JSON or Parquet as a CSV file has them."""
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


def test_the_results_are_the_command_s_in_each_form_and_each_says_how_final_it_is(made: ApiServer) -> None:
    reports = Path(made.settings.reports)
    run("compare", "--start-date", "2024-02-20", "--end-date", "2024-02-28", "--output", "compared")
    for path, file in (
        ("report", reports / "channel_reporting.csv"),
        ("comparisons/models", Path("compared/model_comparison.csv")),
        ("comparisons/paths", Path("compared/conversion_paths.csv")),
        ("comparisons/roles", Path("compared/channel_roles.csv")),
        ("comparisons/markov", Path("compared/markov_comparison.csv")),
    ):
        expected = [{name.lower(): cell for name, cell in row.items()} for row in file_of(file)]
        if path == "comparisons/markov":  # of all days that are stored, and not of those that were asked for
            expected = [row | {"first_date": "2024-02-20", "last_date": "2024-02-28"} for row in expected]
        answers = {accept: made.get(path, accept) for accept in ("application/json", CSV, PARQUET)}
        parquet = pq.read_table(io.BytesIO(answers[PARQUET].content))
        page = answers["application/json"].json()
        assert csv_rows(answers[CSV].text) == expected, path
        assert as_texts(page["data"]) == as_texts(parquet.to_pylist()) == expected, path
        assert page["next"] is None
        assert page["final_through"] == "2024-02-23"  # orders up to four days later are attributed
        assert len({answer.headers["ETag"] for answer in answers.values()}) == 3
        for accept, answer in answers.items():
            assert answer.headers["Content-Type"].startswith(accept)
            assert answer.headers["Final-Through"] == page["final_through"]
            assert answer.headers["As-Of"] == page["as_of"]
    guarded = (reports / "channel_reporting.csv").read_bytes().decode()
    assert made.get("report", CSV).text == guarded.replace("CPO,ROAS", "cpo,roas")


def test_a_report_can_be_of_some_days_by_channel_or_day_of_another_model_or_date_basis(made: ApiServer) -> None:
    def found(**asked: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in made.get("report", **asked).json()["data"]]

    by_channel = found(group="channel", model="last_touch")
    assert by_channel == [
        ("=Display", 2.0, 0.0, 0.0, None, 0.0),
        ("Search", 0.5, 2.0, 120.0, 0.25, 240.0),
        ("Social", 3.25, 0.0, 0.0, None, 0.0),
    ]
    assert [*made.get("report", group="day").json()["data"][0]] == ["date", "cost", "ihc", "ihc_revenue", "cpo", "roas"]
    assert found(group="day", first_day="2024-02-26", last_day="2024-02-26") == [
        ("2024-02-26", 3.25, 1.0, 30.0, 3.25, 30 / 3.25)
    ]
    conversion = {"date_basis": "conversion", "model": "first_touch"}
    assert found(group="day", first_day="2024-02-24", last_day="2024-02-24", **conversion) == [
        ("2024-02-24", 0.5, 1.0, 90.0, 0.5, 180.0)
    ]
    assert found(first_day="2023-01-01", last_day="2023-01-02") == []
    no_days = [{"first_day": text} for text in ("2024-02-30", "0", "20240201", "2024-02-01T00:00:00", "")]
    for asked in ({"model": "x"}, {"group": "x"}, {"date_basis": "x"}, *no_days, {"limit": "0"}):
        answer = made.get("report", **asked)
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["errors"][0]["pointer"] == f"/query/{next(iter(asked))}"
    assert made.get("report", first_day="2024-02-02", last_day="2024-02-01").status_code == 422


def test_a_report_by_a_dimension_is_the_command_s_breakdown(api: ApiServer) -> None:
    api.set(dimensions="campaign", order_dimensions="market")
    send(api)
    session = dict(zip(("session_id", "user_id", "timestamp", "channel_name"), SESSIONS[1], strict=True)) | FLAGS
    order = dict(zip(("conv_id", "user_id", "timestamp", "revenue"), ORDERS[0], strict=True))
    assert api.send("sessions", lines([session | {"campaign": "brand"}])).json()["stored"] == 1
    assert api.send("conversions", lines([order | {"market": "DE"}])).json()["stored"] == 1
    run("run", "--start-date", "2024-02-20", "--end-date", "2024-02-28")
    expected = file_of(Path(api.settings.reports) / "channel_breakdown.csv")
    for dimension in ("campaign", "market"):
        found = as_texts(api.get("report", dimension=dimension).json()["data"])
        assert [*found[0]][-2:] == ["cpo", "roas"]
        rows = [{name: cell for name, cell in row.items() if name not in ("cpo", "roas")} for row in found]
        assert rows == [row for row in expected if row["dimension"] == dimension]
    of_day = {"group": "day", "first_day": "2024-02-24", "last_day": "2024-02-24"}
    [brand] = api.get("report", dimension="campaign", **of_day).json()["data"]
    assert (brand["date"], brand["value"], brand["cost"]) == ("2024-02-24", "brand", 0.5)
    for asked in ({"dimension": "market", "model": "linear"}, {"dimension": "country"}):
        answer = api.get("report", **asked)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/dimension")


def test_journeys_and_orders_without_credit(made: ApiServer) -> None:
    journeys = made.get("journeys").json()["data"]
    assert [(row["conv_id"], row["session_id"], row["channel_name"]) for row in journeys] == [
        ("o1", "a1", "=Display"),
        ("o1", "a2", "Search"),
        ("o2", "b1", "Search"),
    ]
    assert journeys[2]["conversion_time"] == "2024-02-27T09:00:00Z"
    assert sum(row["ihc"] for row in journeys[:2]) == pytest.approx(1)
    one = made.get("journeys", conversion_id="o2").json()["data"]
    assert one == journeys[2:]
    parquet = pq.read_table(io.BytesIO(made.get("journeys", PARQUET, conversion_id="o2").content)).to_pylist()
    assert [row | {"conversion_time": 0, "session_time": 0} for row in parquet] == [
        row | {"conversion_time": 0, "session_time": 0} for row in one
    ]
    assert parquet[0]["session_time"].isoformat() == "2024-02-26T11:00:00+00:00"
    [order] = made.get("unattributed-orders").json()["data"]
    assert (order["conv_id"], order["reason"], order["revenue"]) == ("o3", "no_sessions", 7.0)
    assert order["detail"] == "a visit in the order's own second, which journey_end=at counts"
    assert made.get("unattributed-orders", last_day="2024-02-26").json()["data"] == []


def test_pages_join_to_the_whole_and_a_cursor_holds_until_the_results_change(made: ApiServer) -> None:
    for path in ("report", "comparisons/models", "status", "journeys"):
        whole, pages, cursor = made.get(path).json()["data"], [], None
        while cursor or not pages:
            page = made.get(path, limit="2", **({"cursor": cursor} if cursor else {})).json()
            pages.append(page["data"])
            cursor = page["next"]
        assert [row for page in pages for row in page] == whole, path
        assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
        assert 1 <= len(pages[-1]) <= 2
    assert made.get("report", limit="2", cursor="x").status_code == 422
    first = made.get("report", limit="2").json()["next"]
    assert made.get("journeys", limit="2", cursor=first).status_code == 409
    assert made.get("report", limit="2", cursor=first, group="day").status_code == 409
    assert made.get("report", limit="3", cursor=first).status_code == 200
    made.send("costs", "session_id,cost\na1,3\n", CSV)
    run("run", "--start-date", "2024-02-20", "--end-date", "2024-02-28")
    changed = made.get("report", limit="2", cursor=first)
    assert (changed.status_code, changed.json()["title"]) == (409, "Results changed")


def test_what_the_client_has_is_not_sent_again_until_it_changes(made: ApiServer) -> None:
    etag = made.get("report").headers["ETag"]
    for known in (etag, f'"x", W/{etag}', "*"):
        answer = made.get("report", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert made.get("report", CSV, headers={"If-None-Match": etag}).status_code == 200
    assert made.get("report", group="day", headers={"If-None-Match": etag}).status_code == 200
    made.send("costs", "session_id,cost\na1,3\n", CSV)
    assert made.get("report", headers={"If-None-Match": etag}).status_code == 304  # nothing has been run
    run("run", "--start-date", "2024-02-20", "--end-date", "2024-02-28")
    assert made.get("report", headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "type_"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html, text/*;q=0.5", CSV),
        ("application/json;q=0.1, application/vnd.apache.parquet", PARQUET),
        ("image/png", "application/problem+json"),
        ("text/csv;q=0", "application/problem+json"),
        ("*/*, application/json;q=0", CSV),
        ("*/*, application/vnd.apache.parquet", PARQUET),
        ("application/*;q=0.9, text/csv;q=0.8", "application/json"),
        ("application/json;q=high", "application/problem+json"),
    ],
)
def test_the_form_is_what_the_client_prefers(api: ApiServer, accept: str, type_: str) -> None:
    answer = api.get("report", accept)
    assert answer.headers["Content-Type"].partition(";")[0] == type_
    assert answer.status_code == (406 if "problem" in type_ else 200)


PATHS = (
    "report",
    "journeys",
    "unattributed-orders",
    "rejected-rows",
    "comparisons/models",
    "comparisons/paths",
    "comparisons/roles",
    "comparisons/markov",
    "answers",
    "conversion-types",
)


def test_before_anything_was_run_each_result_is_empty_with_its_columns(api: ApiServer) -> None:
    for path in PATHS:
        assert api.get(path).json() == EMPTY, path
        assert api.get(path, CSV).text.count("\r\n") == 1
        assert pq.read_table(io.BytesIO(api.get(path, PARQUET).content)).num_rows == 0
    for _ in range(2):  # without the database, and with tables without rows
        status = api.get("status").json()["data"]
        assert not any(days for row in status for days in list(row.values())[1:])
        SourceStore(api.settings).make_tables()
    assert {row["asset"]: row["missing"] for row in status}.keys() >= {"sessions", "channel_reporting"}


def test_status_says_which_days_are_missing_changed_stale_and_provisional(made: ApiServer) -> None:
    def days(of: str, **asked: str) -> dict[str, list[str]]:
        return {row["asset"]: row[of] for row in made.get("status", **asked).json()["data"] if row[of]}

    assert days("missing") == days("changed") == days("stale") == days("blocked") == {}
    provisional = ["2024-02-24", "2024-02-25", "2024-02-26", "2024-02-27", "2024-02-28"]
    assert days("provisional") == {"channel_reporting": provisional}
    assert days("provisional", last_day="2024-02-25") == {"channel_reporting": provisional[:2]}
    late = {"session_id": "l1", "user_id": "ben", "timestamp": "2024-02-25T10:00:00Z", "channel_name": "Mail"}
    assert made.send("sessions", lines([late | FLAGS])).json()["stored"] == 1
    assert days("changed") == {"sessions": ["2024-02-25"]}


def test_status_is_of_the_assets_that_the_data_set_has(api: ApiServer) -> None:
    send(api)
    assets = [row["asset"] for row in api.get("status").json()["data"]]
    assert "sessions" in assets
    assert "channel_breakdown" not in assets
    api.set(order_dimensions="revenue_class")
    rows = [{"conv_id": "o9", "user_id": "x", "timestamp": "2024-02-27T09:00:00Z", "revenue": 1, "revenue_class": "a"}]
    api.send("conversions", lines(rows))
    assert "channel_breakdown" in [row["asset"] for row in api.get("status").json()["data"]]


def test_whatever_rows_are_set_aside_the_results_have_another_version() -> None:
    assert {name for asset in SOURCE_ASSETS for name in names_of(asset)} <= {*READ_TABLES}


def test_late_rows_restate_what_they_touch_and_nothing_else(made: ApiServer) -> None:
    tables = AssetStorage(made.settings.storage)
    before = {day: stamp.version for day, stamp in tables.all_days("channel_reporting").stamps().items()}
    late = {"session_id": "l1", "user_id": "ben", "timestamp": "2024-02-25T10:00:00Z", "channel_name": "Mail"}
    made.send("sessions", lines([late | FLAGS]))
    run("run", "--start-date", "2024-02-20", "--end-date", "2024-02-28")
    after = {day: stamp.version for day, stamp in tables.all_days("channel_reporting").stamps().items()}
    assert {str(day) for day in after if after[day] != before[day]} == {"2024-02-25", "2024-02-26"}
    journey = made.get("journeys", conversion_id="o2").json()["data"]
    assert [row["channel_name"] for row in journey] == ["Mail", "Search"]


def test_answers_are_by_conversion_type_and_month_and_rows_set_aside_are_told(made: ApiServer) -> None:
    [kept] = made.get("answers").json()["data"]
    assert (kept["conversion_type"], kept["answers"], kept["touchpoints"]) == ("default", 2, 3)
    assert made.get("answers", last_day="2024-01-31").json()["data"] == []
    assert made.get("rejected-rows").json()["data"] == []
    assert made.get("conversion-types").json()["data"] == []
