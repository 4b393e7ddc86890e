"""Who may call the API, from where, and how its errors look."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from typer.testing import CliRunner

from attribution_assets.api.data_set_files import FOR_ADMINS
from attribution_assets.api.keys import Keys
from attribution_assets.api.server import TimedRequests
from attribution_assets.command.cli import app
from attribution_assets.operations.home import Home
from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api

PROBLEM = "application/problem+json"


class ImpatientRequests(TimedRequests):
    """The protocol with a shorter time."""

    request_seconds = 0.5


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("api"))
        with running_api(http=ImpatientRequests) as url:
            yield url


@pytest.fixture(scope="module")
def admin(url: str) -> ApiClient:
    client = ApiClient(url, new_key("admin", "admin"))
    for name in ("shop_a", "shop_b"):
        assert client.post("/v1/data-sets", {"name": name}).status_code == 201
    return client


def assert_is_problem(answer: requests.Response, status: int) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert problem["status"] == status
    assert problem["type"].startswith("/docs#")


def raw(url: str, *parts: bytes) -> str:
    """All that comes back until the server ends the connection."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


@pytest.mark.parametrize("key", [None, "aak_wrong", "", "ä".encode().decode("latin-1")])
@pytest.mark.parametrize("path", ["/v1/data-sets", "/v1/operations", "/v1/nothing", "/v1/openapi.json"])
def test_a_call_without_a_key_that_works_is_answered_401(url: str, key: str | None, path: str) -> None:
    answer = ApiClient(url, key).get(path)
    assert_is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_key_a_body_is_not_even_read(url: str) -> None:
    answer = ApiClient(url, None).call("POST", "/v1/data-sets", data="{", headers={"Content-Type": "application/json"})
    assert_is_problem(answer, 401)


@pytest.mark.parametrize("path", ["/healthz", "/docs"])
def test_health_and_description_need_no_key(url: str, path: str) -> None:
    assert requests.get(url + path, timeout=30).status_code == 200


def test_the_schema_for_programs_takes_any_key(url: str) -> None:
    answer = ApiClient(url, new_key("schema_reader", "run", data_sets=("shop_a",))).get("/v1/openapi.json")
    assert (answer.status_code, answer.json()["openapi"][:3]) == (200, "3.1")


def test_a_key_does_what_its_scopes_say(admin: ApiClient) -> None:
    reader, writer, runner = (ApiClient(admin.url, new_key(scope, scope)) for scope in ("read", "write", "run"))
    operations = "/v1/data-sets/shop_a/operations"
    assert reader.get("/v1/data-sets/shop_a").status_code == 200
    assert_is_problem(writer.get("/v1/data-sets/shop_a"), 403)
    assert writer.call("PATCH", "/v1/data-sets/shop_a", json={"lookback_days": 3}).status_code == 200
    for attribute in FOR_ADMINS:  # where things lie, and whom the server asks
        assert_is_problem(writer.call("PATCH", "/v1/data-sets/shop_a", json={attribute: None}), 403)
    assert_is_problem(runner.call("PATCH", "/v1/data-sets/shop_a", json={"lookback_days": 3}), 403)
    assert_is_problem(writer.post(operations, {"kind": "attribute"}), 403)
    assert_is_problem(runner.post(operations, {"kind": "attribute"}), 409)  # there are no rows
    for client in (reader, writer, runner):
        assert_is_problem(client.post("/v1/data-sets", {"name": "shop_c"}), 403)
        assert_is_problem(client.call("DELETE", "/v1/data-sets/shop_a"), 403)


def test_a_key_of_one_data_set_learns_nothing_of_others(admin: ApiClient) -> None:
    client = ApiClient(admin.url, new_key("a", "read", "run", data_sets=["shop_a"]))
    assert client.get("/v1/data-sets/shop_a").status_code == 200
    there, nowhere = (client.get(f"/v1/data-sets/{name}") for name in ("shop_b", "shop_nowhere"))
    assert_is_problem(there, 403)
    assert there.json() == nowhere.json()
    assert [each["name"] for each in client.get("/v1/data-sets").json()["data"]] == ["shop_a"]
    assert_is_problem(client.get("/v1/operations?data_set=shop_b"), 403)


def test_a_revoked_key_works_no_more_and_no_file_holds_a_key(admin: ApiClient) -> None:
    runner = CliRunner()
    made = runner.invoke(app, ["api-key", "create", "page", "--scope", "read", "--data-set", "shop_a"])
    key = made.stdout.strip()
    client = ApiClient(admin.url, key)
    assert client.get("/v1/data-sets/shop_a").status_code == 200
    assert "page: shop_a; read; made" in runner.invoke(app, ["api-key", "list"]).stdout
    assert runner.invoke(app, ["api-key", "create", "page"]).exit_code == 2
    assert runner.invoke(app, ["api-key", "revoke", "page"]).exit_code == 0
    assert_is_problem(client.get("/v1/data-sets/shop_a"), 401)
    assert "page: shop_a; read; revoked" in runner.invoke(app, ["api-key", "list"]).stdout
    files = [file for file in Path("data/api").iterdir() if file.is_file()]
    assert files
    assert not any(key.encode() in file.read_bytes() for file in files)


def test_hosts_that_are_not_known_are_refused(url: str) -> None:
    assert_is_problem(requests.get(f"{url}/healthz", headers={"Host": "shop.example"}, timeout=30), 400)


def test_framework_errors_are_problems_and_no_other_site_is_let_in(admin: ApiClient) -> None:
    assert_is_problem(admin.get("/v1/nothing"), 404)
    assert_is_problem(admin.get("/nothing"), 404)
    assert_is_problem(admin.get("/v1/data-sets/", allow_redirects=False), 404)
    not_taken = admin.call("PUT", "/v1/data-sets/shop_a")
    assert_is_problem(not_taken, 405)
    assert not_taken.headers["Allow"] == "DELETE, GET, HEAD, PATCH"
    assert_is_problem(admin.post("/v1/data-sets", {"name": "1"}), 422)
    assert_is_problem(admin.call("POST", "/v1/data-sets", data="{", headers={"Content-Type": "application/json"}), 400)
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    answer = admin.call("OPTIONS", "/v1/data-sets", headers=preflight)
    assert_is_problem(answer, 405)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("body", "type_", "status"),
    [
        (b'{"name": "shop_c"}', "text/plain", 415),
        (b"name=shop_c", "application/x-www-form-urlencoded", 415),
        (b'{"name": "shop_c"}', None, 415),
        (b"", None, 422),
        (b"[]", "application/json", 422),
        (b'{"name": "shop_c",', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
    ],
)
def test_a_body_that_is_not_what_the_address_takes_is_refused_and_said_to_be(
    admin: ApiClient, body: bytes, type_: str | None, status: int
) -> None:
    answer = admin.call("POST", "/v1/data-sets", data=body, headers={"Content-Type": type_})
    assert_is_problem(answer, status)
    title = {400: "Unreadable body", 415: "Unsupported media type", 422: "Invalid request"}[status]
    assert answer.json()["title"] == title
    assert [error["pointer"] for error in answer.json()["errors"]] == ([""] if status == 422 else [])


def test_a_request_that_is_no_http_or_not_whole_in_time_is_a_problem(url: str) -> None:
    assert PROBLEM in raw(url, b"nonsense\r\n\r\n")
    late = raw(url, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
    assert late.startswith("HTTP/1.1 408")
    assert PROBLEM in late
    head = f"POST /v1/data-sets HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {new_key('late', 'admin')}\r\n"
    late = raw(url, f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert late.startswith("HTTP/1.1 408")


def test_a_body_is_bounded_after_decompression_and_gzip_is_read(admin: ApiClient) -> None:
    bomb = gzip.compress(b" " * 3_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert len(bomb) < 10_000
    assert_is_problem(admin.call("POST", "/v1/data-sets", data=bomb, headers=headers), 413)
    long = b" " * 3_000_000
    assert_is_problem(admin.call("POST", "/v1/data-sets", data=long, headers={"Content-Type": "application/json"}), 413)
    body = gzip.compress(json.dumps({"name": "shop_gz"}).encode())
    assert admin.call("POST", "/v1/data-sets", data=body, headers=headers).status_code == 201
    assert_is_problem(admin.call("POST", "/v1/data-sets", data=body[:-9], headers=headers), 400)
    assert_is_problem(admin.call("POST", "/v1/data-sets", data=b"x", headers=headers), 400)
    assert_is_problem(admin.call("POST", "/v1/data-sets", data=b"x", headers=headers | {"Content-Encoding": "br"}), 415)


def test_the_audit_log_says_who_did_what(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "shop_audit", "ihc_api_key": "s3cret", "ihc_api_url": "https://127.0.0.1:1/"})
    ApiClient(admin.url, "aak_wrong").get("/v1/data-sets")
    text = Path("data/api/audit.jsonl").read_text(encoding="utf-8")
    made, refused = [json.loads(line) for line in text.splitlines()][-2:]
    assert {name: made[name] for name in ("key", "method", "path", "status")} == {
        "key": "admin",
        "method": "POST",
        "path": "/v1/data-sets",
        "status": 201,
    }
    assert (refused["key"], refused["status"]) == (None, 401)
    assert "s3cret" not in text
    assert "aak_wrong" not in text


def test_keys_are_listed_by_the_home_that_a_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_API_HOME", str(tmp_path / "home"))
    assert Keys(Home.from_environment()).all() == []
    assert (tmp_path / "home/api.db").stat().st_mode & 0o777 == 0o600


def test_head_is_answered_where_get_is_and_without_a_body(url: str, admin: ApiClient) -> None:
    for client, path, status in [
        (admin, "/healthz", 200),
        (admin, "/v1/data-sets/shop_a", 200),
        (admin, "/v1/data-sets/shop_a/status", 200),
        (admin, "/v1/data-sets/nothing", 404),
        (admin, "/v1/data-sets/shop_a/operations", 405),
        (ApiClient(url, None), "/v1/data-sets", 401),
    ]:
        answers = [client.call(method, path) for method in ("HEAD", "GET")]
        assert [(answer.status_code, answer.headers["Content-Type"]) for answer in answers] == [
            (status, "application/json" if status == 200 else PROBLEM)
        ] * 2
        assert answers[0].headers.get("ETag") == answers[1].headers.get("ETag")
        assert answers[0].content == b""
