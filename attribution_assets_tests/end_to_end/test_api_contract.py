"""The API keeps to its schema: schemathesis makes calls of all kinds to all of it, in many orders."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from attribution_assets.api.deletion import delete_data_set
from attribution_assets.command.cli import app as command
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import DELETE_DATA_SET, State
from attribution_assets.operations.store import OperationStore
from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api

EXAMPLES = os.environ.get("ATTRIBUTION_TESTS_EXAMPLES", "5")
OPTIONS = ["--phases", "coverage,fuzzing,stateful", "--max-examples", EXAMPLES, "--generation-deterministic"]
OPTIONS += ["--continue-on-failure", "--no-color"]
SETTINGS = """
hooks = "bodies"
[checks.positive_data_acceptance]
enabled = false # a schema cannot say what a cursor is, or that a range ends after it starts
[checks.use_after_free]
enabled = false # a data set is there until its deletion has ended, which is an operation
[[operations]]
include-operation-id = "put_rows"
checks.negative_data_rejection.enabled = false # whatever is sent in place of a text is one
[[operations]]
include-operation-id = "delete_row"
checks.ensure_resource_availability.enabled = false # a row that was rejected is not there
[phases.stateful.generation]
max-examples = 50
"""
HOOKS = """
import schemathesis
schemathesis.serializer.alias(["application/vnd.apache.parquet", "application/x-ndjson"], "application/octet-stream")
"""
KEPT_DATA_SET = "shop_de"
"""The data set of the schema's examples, which has results."""


@contextmanager
def operations_that_end_at_once(store: OperationStore) -> Iterator[None]:
    """Operations do nothing and succeed, or fail in turn; data sets are deleted, but for the one that has results."""
    over = threading.Event()

    def carry_out() -> None:
        while not over.wait(0.01):
            if (leased := store.lease_next(1)) and (operation := store.take(*leased)):
                deletes = operation.kind == DELETE_DATA_SET
                if deletes and operation.data_set != KEPT_DATA_SET:
                    asked = operation.parameters
                    delete_data_set(operation.data_set, asked["file"], forget_answers=asked["forget_answers"])
                fails = operation.number % 2 or (deletes and operation.data_set == KEPT_DATA_SET)
                store.end(*leased, State.FAILED if fails else State.SUCCEEDED, {})

    thread = threading.Thread(target=carry_out)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def rows_and_results(client: ApiClient) -> None:
    """A data set, its rows, and the results of three days."""
    settings = {"start_date": "2024-02-24", "end_date": "2024-02-26", "dimensions": ["campaign"]}
    assert client.post("/v1/data-sets", {"name": KEPT_DATA_SET, **settings}).status_code == 201
    flags = {"holder_engagement": 1, "closer_engagement": 0, "impression_interaction": 0}
    visit = {"timestamp": "2024-02-24T10:00:00Z", "channel_name": "Search", "campaign": "brand", **flags}
    order = {"user_id": "ann", "timestamp": "2024-02-25T10:00:00Z", "revenue": 80}
    for table, rows in {
        "sessions": [visit | {"session_id": f"s{n}", "user_id": "ann"} for n in range(3)],
        "conversions": [order | {"conv_id": "o1"}, order | {"conv_id": "o2", "user_id": "ben"}],
    }.items():
        assert client.post(f"/v1/data-sets/{KEPT_DATA_SET}/rows/{table}", rows).json()["stored"] == len(rows)
    made = CliRunner().invoke(command, ["run", "--data-set", KEPT_DATA_SET])
    assert made.exit_code == 0, made.output


def without_defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema in which a status that is not named may not be answered."""
    for operation in (operation for path in schema["paths"].values() for operation in path.values()):
        del operation["responses"]["default"]
    return schema


@pytest.mark.slow
def test_all_calls_that_schemathesis_makes_up_are_answered_as_the_schema_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with running_api() as url, operations_that_end_at_once(OperationStore(Home.from_environment())):
        key = new_key("admin", "admin")
        client = ApiClient(url, key)
        rows_and_results(client)
        schema = without_defaults(client.get("/v1/openapi.json").json())
        Path("openapi.json").write_text(json.dumps(schema))
        Path("schemathesis.toml").write_text(SETTINGS)
        Path("bodies.py").write_text(HOOKS)
        words = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml"]
        words += ["run", "openapi.json", "--url", url, "--header", f"Authorization: Bearer {key}", *OPTIONS]
        found = subprocess.run(  # noqa: S603 - a tool of the tests
            words, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": "."}
        )
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"Tested: {sum(map(len, schema['paths'].values()))}" in found.stdout
