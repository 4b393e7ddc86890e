"""Erasure of a visitor and deletion of a data set, over the API and by the command: nothing of them is found after."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from attribution_assets.command.cli import app
from attribution_assets.instance.opening import history_to_read
from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api
from attribution_assets_tests.support.databases import create_source_tables, execute, insert, rows_of
from attribution_assets_tests.support.ihc_endpoint import KEY, IhcEndpoint
from attribution_assets_tests.support.shop import Shop

USER = "visitor-4711-of-the-shop"
URL = "sqlite:///data/data_sets/shop_de.db"


def a_visitor_to_erase(url: str) -> None:
    """The visitor has an order, a row that is set aside, and more sessions in an order's window than are allowed."""
    create_source_tables(url)
    sessions = [
        ("s1", USER, "2024-02-22", "10:00:00", "Search", 1, 0, 0),
        ("s2", USER, "2024-02-24", "10:00:00", "Display", 1, 0, 0),
    ]
    sessions += [(f"many-{n}", USER, "2024-02-26", f"10:00:0{n}", "Search", 1, 0, 0) for n in range(4)]
    sessions += [("odd", USER, "2024-02-27", "late", "Search", 1, 0, 0)]
    others = [(f"b{day}", "ben", f"2024-02-{day}", "09:00:00", "Search", 1, 0, 0) for day in range(20, 28)]
    insert(url, "session_sources", [*sessions, *others])
    insert(url, "session_costs", [(row[0], 1.0) for row in (*sessions, *others)])
    orders = [("o1", USER, "2024-02-24", "12:00:00", 100.0), ("o2", USER, "2024-02-26", "12:00:00", 50.0)]
    insert(url, "conversions", [*orders, ("o3", "ben", "2024-02-24", "11:00:00", 70.0)])


def where_it_is(folder: Path) -> list[str]:
    """The files that hold the visitor's id: as bytes, or in a column of a Parquet file."""
    found = [path for path in folder.rglob("*") if path.is_file() and USER.encode() in path.read_bytes()]
    found += [path for path in folder.rglob("*.parquet") if USER in str(pq.read_table(path).to_pylist())]
    return sorted({str(path.relative_to(folder)) for path in found})


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiClient]:
    """A client of an API with a data set whose rows are its own."""
    monkeypatch.chdir(tmp_path)
    with IhcEndpoint() as endpoint, running_api(workers=True) as url:
        client = ApiClient(url, new_key("admin", "admin"))
        account = {"ihc_api_url": endpoint.url, "ihc_api_key": KEY, "ihc_max_sessions_per_request": 3}
        settings = {"start_date": "2024-02-20", "end_date": "2024-02-27", "max_rejected_share": 1, **account}
        assert client.post("/v1/data-sets", {"name": "shop_de", **settings}).status_code == 201
        Path("data/data_sets/shop_de.db").touch()
        a_visitor_to_erase(URL)
        yield client


def test_nothing_of_an_erased_visitor_is_found_anywhere_and_exactly_the_touched_days_are_made_anew(
    client: ApiClient, tmp_path: Path
) -> None:
    assert client.end_of(client.ask_for("shop_de", kind="attribute"))["state"] == "succeeded"
    stored = {path: path.read_bytes() for path in Path("data/assets/data_sets/shop_de/sessions").iterdir()}
    before = where_it_is(tmp_path)
    assert any(path.endswith(".db") and "history/runs" in path for path in before)
    assert any("rejected_sessions" in path for path in before)
    assert any("too_long_orders" in path for path in before)
    place = client.ask_for("shop_de", kind="erase_user", user_id=USER)
    ended = client.end_of(place)
    assert (ended["state"], ended["error"]) == ("succeeded", None)
    assert ended["result"] == {
        "sessions": 7,
        "orders": 2,
        "answers": 1,
        "days": ["2024-02-22", "2024-02-24", "2024-02-26", "2024-02-27"],
    }
    assert where_it_is(tmp_path) == []
    changed = {path.stem for path, content in stored.items() if not path.exists() or path.read_bytes() != content}
    assert changed == set(ended["result"]["days"])
    assert [row[0] for row in rows_of(URL, "conversions")] == ["o3"]
    assert [row[0] for row in rows_of(URL, "shop_de__attribution_order")] == ["o3"]
    assert all(USER not in json.dumps(operation) for operation in client.get("/v1/operations").json()["data"])
    again = client.end_of(client.ask_for("shop_de", kind="erase_user", user_id=USER))
    assert (again["state"], again["result"]["days"]) == ("succeeded", [])
    plan = client.end_of(client.ask_for("shop_de", kind="attribute", dry_run=True))
    assert plan["result"]["days_to_attribute"] == []


def test_a_deleted_data_set_leaves_its_paid_answers_alone_if_they_are_not_to_be_forgotten(
    client: ApiClient, tmp_path: Path
) -> None:
    assert client.end_of(client.ask_for("shop_de", kind="attribute"))["state"] == "succeeded"
    ended = client.end_of(client.call("DELETE", "/v1/data-sets/shop_de").headers["Location"])
    assert (ended["state"], ended["result"]) == ("succeeded", {"deleted": "shop_de", "answers_kept": True})
    assert client.get("/v1/data-sets/shop_de").status_code == 404
    left = {
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file() and "shop_de" in str(path)
    }
    assert {path for path in left if not path.startswith("data/dagster")} == {"data/data_sets/shop_de.db"}
    assert len(rows_of(URL, "shop_de__ihc_answer")) == 1
    with pytest.raises(Exception, match="no such table"):
        rows_of(URL, "conversions")
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert client.post("/v1/data-sets", {"name": "shop_de"}).status_code == 201
    client.end_of(client.call("DELETE", "/v1/data-sets/shop_de?forget_answers=true").headers["Location"])
    assert not Path("data/data_sets/shop_de.db").exists()


def test_the_command_erases_once_the_source_has_the_visitor_no_more(shop: Shop) -> None:
    a_visitor_to_erase_in = shop.url
    insert(a_visitor_to_erase_in, "session_sources", [("s1", USER, "2024-02-22", "10:00:00", "Search", 1, 0, 0)])
    insert(a_visitor_to_erase_in, "conversions", [("o1", USER, "2024-02-23", "10:00:00", 100.0)])
    shop.order("o2", "ben", "2024-02-23 11:00:00")
    shop.run("2024-02-22", "2024-02-23")
    erase = ["erase", "--user", USER]
    refused = CliRunner().invoke(app, erase)
    assert refused.exit_code == 2
    assert "the source still has 1 sessions and 1 conversions of this visitor" in refused.stderr
    execute(
        shop.url,
        f"DELETE FROM session_sources WHERE user_id = '{USER}'",  # noqa: S608 - ours
        f"DELETE FROM conversions WHERE user_id = '{USER}'",  # noqa: S608 - ours
    )
    done = CliRunner().invoke(app, erase)
    assert done.exit_code == 0, done.output
    assert "1 kept answers. Made anew: 2024-02-22..2024-02-23." in done.stdout
    assert where_it_is(shop.folder) == []


@pytest.mark.parametrize("user", ["10", "2024", "sessions"])
def test_an_id_that_is_a_word_of_the_history_leaves_days_and_other_data_sets_as_they_are(shop: Shop, user: str) -> None:
    Path("data/data_sets").mkdir(parents=True)
    for name in ("shop_a", "shop_b"):
        Path(f"data/data_sets/{name}.yaml").write_text(f"database_url: {shop.url}\nstart_date: 2024-01-01\n")
    shop.session("s1", user, "2024-01-10 10:00:00")
    shop.session("s2", "ben", "2024-01-10 09:00:00")
    shop.order("o2", "ben", "2024-01-10 11:00:00")
    for name in ("shop_a", "shop_b"):
        made = shop.run("2024-01-10", "2024-01-10", "--data-set", name)
        assert made.exit_code == 0, made.output
    shop.sql("DELETE FROM session_sources WHERE session_id = 's1'", "DELETE FROM session_costs WHERE session_id = 's1'")
    before = history_of(shop.folder / "home", "shop_b")
    assert before
    done = CliRunner().invoke(app, ["erase", "--user", user, "--data-set", "shop_a"])
    assert done.exit_code == 0, done.output
    after = history_of(shop.folder / "home", "shop_b")
    assert [row for row in after if row in before] == before
    with history_to_read() as instance:
        days = instance.get_materialized_partitions(dg.AssetKey(["shop_a", "channel_reporting"]))
        assert "(erased)" not in str([run.tags for run in instance.get_runs()])
    assert days == {"2024-01-10"}
    again = shop.run("2024-01-10", "2024-01-10", "--data-set", "shop_a")
    assert again.exit_code == 0, again.output


def history_of(home: Path, data_set: str) -> list[tuple[str, object]]:
    """The rows of events and assets of Dagster's history that name a data set."""
    found: list[tuple[str, object]] = []
    for file in sorted(home.rglob("*.db")):
        with closing(sqlite3.connect(file)) as database:
            there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in sorted(there & {"event_logs", "asset_keys", "asset_check_executions", "runs", "run_tags"}):
                rows = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - ours
                found += [(f"{file.name} {table}", row) for row in rows if data_set in str(row)]
    return found


def test_a_blank_id_is_no_visitor(shop: Shop) -> None:
    refused = CliRunner().invoke(app, ["erase", "--user", " "])
    assert (refused.exit_code, shop.rows("conversions")) == (2, [])
    assert "the visitor's id is blank" in refused.stderr
