"""Several clients at once: what each is answered, and what is stored in the end, is as if they had come in turn."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api
from attribution_assets_tests.support.databases import rows_of
from attribution_assets_tests.support.shop import Shop

CLIENTS = 8
ROWS = "/v1/data-sets/own/rows/costs"
URL = "sqlite:///data_sets/own.db"


@pytest.fixture
def admin(shop: Shop) -> Iterator[ApiClient]:
    """A client of an API with one data set on the shop's rows, and one that has rows of its own; nobody works."""
    shop.session("s1", "ann", "2024-02-24 10:00:00")
    shop.order("o1", "ann", "2024-02-24 12:00:00")
    with running_api() as url:
        client = ApiClient(url, new_key("admin", "admin"))
        for settings in ({"name": "shop_a", "database_url": shop.url}, {"name": "own"}):
            assert client.post("/v1/data-sets", settings).status_code == 201
        yield client


def at_once(call: Callable[[int], requests.Response]) -> list[requests.Response]:
    """The answers to one call of each client."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(call, range(CLIENTS)))


def statuses(answers: list[requests.Response]) -> dict[int, int]:
    found = [answer.status_code for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}


def test_of_those_who_make_the_same_data_set_one_does_and_the_others_learn_that_it_is_there(admin: ApiClient) -> None:
    answers = at_once(lambda number: admin.post("/v1/data-sets", {"name": "same", "lookback_days": number + 1}))
    assert statuses(answers) == {201: 1, 409: CLIENTS - 1}
    [made] = [answer.json() for answer in answers if answer.status_code == 201]
    assert admin.get("/v1/data-sets/same").json() == made


def test_one_idempotency_key_starts_one_operation_and_gives_all_its_answer(admin: ApiClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    asked = {"kind": "attribute", "first_day": "2024-02-24", "last_day": "2024-02-24"}
    answers = at_once(lambda _: admin.post("/v1/data-sets/shop_a/operations", asked, headers=headers))
    assert statuses(answers) == {202: CLIENTS}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert all(answer.json() == answers[0].json() and answer.headers["Retry-After"] for answer in answers)
    assert len(admin.get("/v1/operations").json()["data"]) == 1


def test_the_same_rows_are_stored_once_whoever_sends_them(admin: ApiClient) -> None:
    shared = [{"session_id": f"s{n}", "cost": n} for n in range(500)]
    own = [[{"session_id": f"c{client}-{n}", "cost": client} for n in range(100)] for client in range(CLIENTS)]
    answers = at_once(lambda client: admin.post(ROWS, own[client] + shared))
    assert statuses(answers) == {200: CLIENTS}
    taken = [answer.json() for answer in answers]
    assert sum(each["stored"] for each in taken) == 500 + 100 * CLIENTS
    assert all(each["stored"] + each["unchanged"] == 600 for each in taken)
    expected = {(row["session_id"], row["cost"]) for rows in (shared, *own) for row in rows}
    assert set(rows_of(URL, "session_costs")) == expected


def test_settings_that_several_change_are_all_changed(admin: ApiClient) -> None:
    names = (
        "lookback_days",
        "ihc_max_journeys_per_request",
        "ihc_max_sessions_per_request",
        "ihc_max_requests_per_run",
    )
    answers = at_once(lambda n: admin.call("PATCH", "/v1/data-sets/own", json={names[n % len(names)]: 7}))
    assert statuses(answers) == {200: CLIENTS}
    found = admin.get("/v1/data-sets/own").json()
    assert [found[name] for name in names] == [7] * len(names)


def test_a_row_is_deleted_once_and_a_data_set_by_one_operation(admin: ApiClient) -> None:
    assert admin.post(ROWS, [{"session_id": "s1", "cost": 1}]).json()["stored"] == 1
    assert statuses(at_once(lambda _: admin.call("DELETE", f"{ROWS}/s1"))) == {204: 1, 404: CLIENTS - 1}
    answers = at_once(lambda _: admin.call("DELETE", "/v1/data-sets/own"))
    assert statuses(answers) == {202: CLIENTS}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert admin.post(ROWS, [{"session_id": "s1", "cost": 1}]).status_code == 409
    assert admin.call("PATCH", "/v1/data-sets/own", json={"lookback_days": 7}).status_code == 409
    assert admin.get("/v1/data-sets/own/report").status_code == 200
