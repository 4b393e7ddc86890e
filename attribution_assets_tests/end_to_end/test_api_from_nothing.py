"""All that the README says of the HTTP API, one call after another, against the command `api`."""

import csv
import datetime as dt
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attribution_assets.api.row_tables import ROW_TABLES
from attribution_assets.ihc_service.server import embedded_ihc_service
from attribution_assets_tests.support.answered_journeys import made_up_parameters
from attribution_assets_tests.support.api_server import ApiClient, ApiCommand, new_key
from attribution_assets_tests.support.databases import insert
from attribution_assets_tests.support.ihc_endpoint import KEY
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.shop_of_visitors import many_visitors

NDJSON, CSV, PARQUET = "application/x-ndjson", "text/csv", "application/vnd.apache.parquet"
DAYS = [dt.date(2024, 2, 26), dt.date(2024, 2, 27)]
RANGE = {"first_day": "2024-02-26", "last_day": "2024-02-27"}
TABLES = [ROW_TABLES[name] for name in ("sessions", "costs", "conversions")]
ERASED = "2024-02-26-7"


@pytest.fixture
def account() -> Iterator[str]:
    """The address of an account's API that knows the conversion type `new`."""
    with embedded_ihc_service(conversion_types={"new": made_up_parameters(1)}) as url:
        yield url


@pytest.fixture
def client(shop: Shop, tmp_path: Path) -> Iterator[ApiClient]:
    """A client of the command `api`, which carries operations out, in the shop's folder."""
    many_visitors(shop, DAYS, 15)
    insert(shop.url, "session_costs", [(row[0], 0.25) for row in shop.rows("session_sources")[::2]])
    command = ApiCommand(tmp_path)
    try:
        command.start()
        yield ApiClient(command.url, new_key("me", "admin"))
    finally:
        command.end()


def rows_of_the_shop(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """The rows of each source table."""
    return {
        table.name: [dict(zip(table.required, row, strict=True)) for row in shop.rows(table.name)] for table in TABLES
    }


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def as_ndjson(rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def send(client: ApiClient, data_set: str, table: str, body: bytes, type_: str, **headers: str) -> dict[str, Any]:
    headers = {"Content-Type": type_, **headers}
    answer = client.call("POST", f"/v1/data-sets/{data_set}/rows/{table}", data=body, headers=headers)
    assert answer.status_code == 200, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


def result_of(client: ApiClient, place: str) -> dict[str, Any]:
    """The result of an operation that has to succeed."""
    ended = client.end_of(place)
    assert (ended["state"], ended["error"]) == ("succeeded", None)
    result: dict[str, Any] = ended["result"]
    return result


def assert_reports_are_the_command_s(client: ApiClient, shop: Shop, data_set: str) -> None:
    """As CSV to the byte, as Parquet to the last bit."""
    made = shop.run(*RANGE.values())
    assert made.exit_code == 0, made.output
    command_s = (shop.folder / "data/reports/channel_reporting.csv").read_bytes().decode()
    found = {
        accept: client.get(f"/v1/data-sets/{data_set}/report", params=RANGE, headers={"Accept": accept})
        for accept in (CSV, PARQUET)
    }
    assert found[CSV].text == command_s.replace("CPO,ROAS", "cpo,roas")
    rows = pq.read_table(io.BytesIO(found[PARQUET].content)).to_pylist()
    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    assert texts == [*csv.DictReader(io.StringIO(command_s.replace("CPO,ROAS", "cpo,roas"), newline=""))]
    assert found[CSV].headers["ETag"] != found[PARQUET].headers["ETag"]


@pytest.mark.slow
def test_two_shops_come_from_nothing_to_reports_a_trained_type_and_an_erased_visitor(
    client: ApiClient, shop: Shop, account: str
) -> None:
    settings = {"start_date": "2024-02-20", "end_date": "2024-02-27", "lookback_days": 5, "ihc_conv_type_id": "new"}
    for name in ("shop_de", "shop_at"):
        made = client.post("/v1/data-sets", {"name": name, **settings, "ihc_api_url": account, "ihc_api_key": KEY})
        assert (made.status_code, made.headers["Location"]) == (201, f"/v1/data-sets/{name}"), made.text
        assert KEY not in made.text

    rows = rows_of_the_shop(shop)
    late = [row for row in rows["session_sources"] if row["user_id"] in {"2024-02-26-3", "2024-02-27-4"}]
    early = [row for row in rows["session_sources"] if row not in late]
    for name in ("shop_de", "shop_at"):
        zipped = gzip.compress(as_csv(early))
        taken = send(client, name, "sessions", zipped, CSV, **{"Content-Encoding": "gzip"})
        assert (taken["stored"], taken["rejected"]) == (len(early), [])
        assert send(client, name, "costs", as_ndjson(rows["session_costs"]), NDJSON)["stored"] == len(
            rows["session_costs"]
        )
        assert send(client, name, "conversions", as_parquet(rows["conversions"]), PARQUET)["stored"] == 30
        again = send(client, name, "conversions", as_parquet(rows["conversions"]), PARQUET)
        assert (again["stored"], again["unchanged"]) == (0, 30)

    places = [client.ask_for(name, kind="attribute") for name in ("shop_de", "shop_at")]
    results = [result_of(client, place) for place in places]
    assert results[0]["orders"] == results[1]["orders"] == {"attributed": 28, "no_sessions": 2}
    shown = [client.get(place).json() for place in places]
    assert max(each["started"] for each in shown) < min(each["ended"] for each in shown)  # side by side

    assert send(client, "shop_de", "sessions", as_ndjson(late), NDJSON)["stored"] == len(late)
    plan = result_of(client, client.ask_for("shop_de", kind="attribute", dry_run=True))
    assert (plan["orders"], plan["journeys"], plan["reused"]) == (30, 2, 28)
    assert plan["days_to_attribute"] == ["2024-02-26", "2024-02-27"]
    assert result_of(client, client.ask_for("shop_de", kind="attribute"))["journeys"] == 2
    plan = result_of(client, client.ask_for("shop_de", kind="attribute", dry_run=True))
    assert (plan["journeys"], plan["days_that_would_change"]) == (0, [])

    shop.set(IHC_API_URL=account, IHC_API_KEY=KEY, IHC_CONV_TYPE_ID="new", ATTRIBUTION_LOOKBACK_DAYS="5")
    assert_reports_are_the_command_s(client, shop, "shop_de")

    learned = result_of(client, client.ask_for("shop_de", kind="train", conversion_type="new"))
    assert (learned["conversion_type"], learned["version"], learned["answers"]) == ("new", 1, 30)
    [trained] = client.get("/v1/data-sets/shop_de/conversion-types").json()["data"]
    assert (trained["conversion_type"], trained["version"], trained["in_use"]) == ("new", 1, True)

    erased = result_of(client, client.ask_for("shop_de", kind="erase_user", user_id=ERASED))
    assert erased["orders"] == 1
    journeys = {name: client.get(f"/v1/data-sets/{name}/journeys") for name in ("shop_de", "shop_at")}
    assert f'"o{ERASED}"' not in journeys["shop_de"].text
    assert f'"o{ERASED}"' in journeys["shop_at"].text
    shop.sql(*(f"DELETE FROM {table} WHERE user_id = '{ERASED}'" for table in ("session_sources", "conversions")))  # noqa: S608 - ours
    shop.sql("DELETE FROM session_costs WHERE session_id NOT IN (SELECT session_id FROM session_sources)")
    assert_reports_are_the_command_s(client, shop, "shop_de")
