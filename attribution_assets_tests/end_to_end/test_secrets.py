"""The API's key and the database's password are in nothing that a run prints, stores or shows in Dagster's UI."""

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from attribution_assets_tests.support.command_process import StartCommand
from attribution_assets_tests.support.databases import PASSWORD
from attribution_assets_tests.support.ihc_endpoint import Answer, Reply, sends, status
from attribution_assets_tests.support.ports import free_port
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.whole_shop import FIRST, LAST, PaidEndpoint

PROXY_PASSWORD = "pr0xy@w\u00f6rd'"  # noqa: S105 - of a proxy that is not there
SECRET_KEY = "Kx7/qT+distinctive=%key&Zp9"  # noqa: S105 - of an endpoint that lives as long as a test
CHANNEL = "A channel to be found"
START_SECONDS = 180

RESOURCES = """{ repositoriesOrError { ... on RepositoryConnection { nodes { allTopLevelResourceDetails {
    name description
    configFields { name description defaultValueAsJson } configuredValues { key value type } } } } } }"""
RUNS = """{ runsOrError { ... on Runs { results { status runConfigYaml tags { key value }
    eventConnection(limit: 1000) { events {
        ... on MessageEvent { message }
        ... on ErrorEvent { error { message stack errorChain { error { message stack } } } }
        ... on MaterializationEvent { metadataEntries { label description
            ... on TextMetadataEntry { text }
            ... on PathMetadataEntry { path }
            ... on JsonMetadataEntry { jsonString } } } } } } } } }"""
ASSETS = (
    """{ assetNodes { assetKey { path } description metadataEntries { label description } } instance { id info } }"""
)

Query = Callable[[str], str]


def forms(secret: str) -> dict[str, str]:
    """The secret as it is, percent-encoded, as a JSON string, and in base64 wherever it begins."""
    shifted = [base64.b64encode(b"\0" * shift + secret.encode()).decode() for shift in range(3)]
    return {
        "plain": secret,
        "percent-encoded": quote(secret, safe=""),
        "percent-encoded, but for slashes": quote(secret),
        "as a form": quote_plus(secret),
        "as JSON": json.dumps(secret)[1:-1],
        "as JSON, slashes escaped": secret.replace("/", "\\/"),
        **{f"base64 after {shift} bytes": text[4 * (shift > 0) : -4] for shift, text in enumerate(shifted)},
    }


def found(secret: str, texts: dict[str, str]) -> list[tuple[str, str]]:
    """Where the secret is, and in which form."""
    return [(place, name) for place, text in texts.items() for name, form in forms(secret).items() if form in text]


def stored_texts(folder: Path) -> dict[str, str]:
    """Every file below the folder: its bytes, and what SQLite and Parquet keep in pages and compressed columns."""
    texts = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            texts[str(path)] = content.decode("utf-8", "replace")
            if content.startswith(b"SQLite format 3"):
                with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                    texts[f"{path} as SQL"] = "\n".join(connection.iterdump())
            elif path.suffix == ".parquet":
                texts[f"{path} as rows"] = repr(pq.ParquetFile(path).read().to_pylist())
    return texts


def table_texts(url: str) -> dict[str, str]:
    """All tables of a PostgreSQL database."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"
        )
        return {
            f"{schema}.{table}": repr(
                connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))).fetchall()
            )
            for schema, table in names.fetchall()
        }


@pytest.fixture
def ask_ui(shop: Shop) -> Iterator[Callable[[], Query]]:
    """`ask_ui()` starts Dagster's webserver on the shop's history, and returns what sends it a GraphQL query."""
    servers: list[subprocess.Popen[bytes]] = []

    def start() -> Query:
        port = free_port()
        program = str(Path(sys.executable).with_name("dagster-webserver"))
        log = (shop.folder / "webserver.log").open("wb")
        with log:
            server = subprocess.Popen(  # noqa: S603 - Dagster's own
                [program, "-h", "127.0.0.1", "-p", str(port), "-m", "attribution_assets.definitions"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        servers.append(server)
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{address}/server_info").close()  # noqa: S310 - a server on loopback
                break
            except urllib.error.URLError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((shop.folder / "webserver.log").read_text()) from None
                time.sleep(0.05)

        def query(text: str) -> str:
            body = json.dumps({"query": text}).encode()
            request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310 - the same
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
                said: dict[str, Any] = json.load(answer)
            assert "errors" not in said, said
            return json.dumps(said, ensure_ascii=False)

        return query

    yield start
    for server in servers:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def refusal_with_the_key(answer: Answer) -> Reply:
    named = {name: answer["value"][0][name] for name in ("conversion_id", "session_id")}
    failure = {"trigger": named, "reason": f"not with {SECRET_KEY}", "statusCode": 406}
    return Reply({"statusCode": 206, "value": [], "partialFailureErrors": [failure]})


def runs_that_succeed_and_fail(shop: Shop, start_command: StartCommand) -> dict[str, str]:
    """What is printed by runs that end well, and by runs whose answers echo the key in every way.

    The key comes from a file, with a line break at its end, and stands in the API's URL too.
    """
    shop.session("s1", "ann", "2024-02-24 10:00:00", CHANNEL, 2.0)
    shop.order("o1", "ann", "2024-02-26 20:00:00", 90.0)
    faults = [
        status(403, f"Forbidden: {SECRET_KEY}"),
        status(302, "Moved", Location=f"/elsewhere?key={quote(SECRET_KEY, safe='')}"),
        status(400, {"error": SECRET_KEY}),
        sends({"statusCode": 400, "value": None, "message": SECRET_KEY}),
        *(status(500, SECRET_KEY), refusal_with_the_key),
    ]
    texts = {}
    with PaidEndpoint(faults) as endpoint:
        url = f"{endpoint.url}?as_it_is={SECRET_KEY.replace('&', '%26')}&encoded={quote(SECRET_KEY, safe='')}"
        shop.set(IHC_API_URL=url, IHC_API_KEY=f"{SECRET_KEY}\n", ATTRIBUTION_LOG_FORMAT="json")
        for number in range(4):
            failed = shop.run(str(FIRST), str(LAST))
            assert failed.exit_code == 1, failed.output
            texts[f"failed run {number}"] = failed.output
        process = start_command(FIRST, LAST)
        texts["good run"], _ = process.communicate()
        assert process.returncode == 0, texts["good run"]
        assert "as_it_is=***&encoded=***" in texts["good run"]
    with PaidEndpoint([status(403, f"{PROXY_PASSWORD} is wrong")]) as proxy:
        address = proxy.url.partition("/v1")[0].replace("//", f"//ann:{quote(PROXY_PASSWORD, safe='')}@")
        shop.set(IHC_API_URL=url.replace("127.0.0.1", "ihc.invalid"), IHC_ALLOW_HTTP="on", HTTP_PROXY=address)
        shop.set(IHC_CONV_TYPE_ID="asked anew")
        texts["refused by the proxy"] = shop.run(str(FIRST), str(LAST)).output
        assert "the IHC API answered 403: *** is wrong" in texts["refused by the proxy"]
        shop.set(HTTP_PROXY=address.replace("%40", "@"), ATTRIBUTION_LOG_FORMAT="text")
        texts["no proxy"] = shop.run(str(FIRST), str(LAST)).output
        assert "HTTP_PROXY cannot be used" in texts["no proxy"]
        shop.set(HTTP_PROXY="")
    return texts


def test_neither_key_nor_password_is_printed_stored_or_shown(
    shop: Shop, database_url: str, start_command: StartCommand, ask_ui: Callable[[], Query]
) -> None:
    shop.move_to(database_url)
    texts = runs_that_succeed_and_fail(shop, start_command)
    source = f"{shop.folder}/source.db as SQL"
    if database_url.startswith("postgresql"):
        shop.set(ATTRIBUTION_DATABASE_URL=database_url.replace("/postgres", "/missing"))
        texts["no such database"] = shop.run().output
        shop.set(ATTRIBUTION_DATABASE_URL=database_url.replace("tester", "nobody"))
        texts["no such user"] = shop.run().output
        shop.set(ATTRIBUTION_DATABASE_URL=database_url)
        texts |= table_texts(database_url)
        source = "public.session_sources"
    query = ask_ui()
    texts |= {text: query(text) for text in (RESOURCES, RUNS, ASSETS)}
    texts |= stored_texts(shop.folder)

    assert CHANNEL in texts[f"{shop.folder}/data/assets/sessions/2024-02-24.parquet as rows"]
    assert CHANNEL in texts[source]
    assert "IHC_API_KEY" in texts[RESOURCES]
    assert texts[RUNS].count('"FAILURE"') == 5
    assert "IHC_API_KEY" in texts[RUNS]
    assert found(SECRET_KEY, texts) == []
    assert found(PASSWORD, texts) == []
    assert found(PROXY_PASSWORD, texts) == []
