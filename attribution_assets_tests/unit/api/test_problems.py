"""What problems show of messages: no path of this machine, no secret."""

import asyncio
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import Message

from attribution_assets import api
from attribution_assets.api.docs_page import PROBLEMS
from attribution_assets.api.problems import (
    TITLES,
    Problem,
    add_problem_handlers,
    log_error,
    problem_of,
    problem_type,
    shown,
    without_paths,
)
from attribution_assets.errors import ConfigurationError

API = Path(str(api.__file__)).parent


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("There is no database at /tmp/a b/shop.db: set it", "There is no database at a b/shop.db: set it"),
        ("cannot read /tmp/shops/shop.yaml, line 3", "cannot read shop.yaml, line 3"),
        ("sqlite:////tmp/shops/shop.db", "sqlite:///shop.db"),
        ("see https://example.com/tmp/x and /v1/data-sets/a", "see https://example.com/tmp/x and /v1/data-sets/a"),
        ("3/4 of 1/2", "3/4 of 1/2"),
    ],
)
def test_a_path_of_this_machine_is_shown_by_its_last_part(text: str, shown: str) -> None:
    assert without_paths(text) == shown


def test_a_problem_of_a_setting_is_a_conflict_without_secret_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IHC_API_KEY", "s3cret-key")
    problem = problem_of(ConfigurationError(f"the key s3cret-key in {Path('/tmp/shop.yaml')}\nis wrong"))  # noqa: S108 - not used
    assert problem is not None
    assert problem.content == {
        "type": "/docs#not-possible",
        "title": "Not possible",
        "status": 409,
        "detail": "the key *** in shop.yaml is wrong",
        "errors": [],
    }


def test_a_data_set_s_file_and_the_environment_s_variables_are_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("shops", str(tmp_path / "shops")):
        monkeypatch.setenv("ATTRIBUTION_DATA_SETS", folder)
        assert shown(f"{folder}/shop.yaml, line 2: ihc_api_key (the file {folder}/.secrets/x)") == (
            "the data set shop, line 2: ihc_api_key (the file .secrets/x)"
        )
    assert shown("set ATTRIBUTION_START_DATE to 2024-01-01") == "set start_date to 2024-01-01"
    assert shown("storage (the variable ATTRIBUTION_STORAGE) is no folder") == (
        "storage (the variable ATTRIBUTION_STORAGE) is no folder"
    )
    assert shown("Check ATTRIBUTION_DATABASE_URL, IHC_API_URL") == "Check database_url, ihc_api_url"


def test_each_kind_of_problem_is_on_the_page() -> None:
    raised = {
        title for file in API.glob("*.py") for title in re.findall(r'Problem\(\s*\d+,\s*"([^"]+)"', file.read_text())
    }
    assert {"Body too long", "Unsupported media type", "Data set exists"} <= raised
    assert {problem_type(title).partition("#")[2] for title in raised | set(TITLES.values())} <= PROBLEMS.keys()


def test_an_unforeseen_error_is_no_problem_that_is_told() -> None:
    assert problem_of(KeyError("x")) is None
    assert problem_of(Problem(404, "Not found", "gone")) is not None


def test_the_log_says_what_failed_without_secrets(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("IHC_API_KEY", "key-of-somebody")
    log_error("reports cannot be looked at now", OSError("refused: key-of-somebody"))
    assert [record.getMessage() for record in caplog.records] == [
        "reports cannot be looked at now: OSError: refused: ***"
    ]


def test_an_unforeseen_error_is_answered_as_a_problem_and_goes_on_to_the_log() -> None:
    app, sent = FastAPI(), list[Message]()
    add_problem_handlers(app, lambda _: ())

    @app.get("/")
    def fails() -> None:
        raise KeyError("secret")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(KeyError):
        asyncio.run(app(scope, receive, send))
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert b"secret" not in sent[1]["body"]
