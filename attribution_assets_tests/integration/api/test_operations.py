"""Operations without their workers: what is queued, refused, answered again, listed and canceled, in which turn."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from attribution_assets.api.problems import Problem
from attribution_assets.api.work import Noted, perform
from attribution_assets.instance.opening import history_to_read
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import State
from attribution_assets.operations.store import MOST_ATTEMPTS, OperationStore
from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api
from attribution_assets_tests.support.shop import Shop

ENDS_WITHIN_A_RUN = """
import os, signal, sys, time
import dagster as dg
from attribution_assets.api import work, worker
from attribution_assets.errors import RunFailedError
from attribution_assets.operations.home import Home
from attribution_assets.operations.store import OperationStore

_, id_, lease, how = sys.argv

@dg.op
def is_told_to_end():
    OperationStore(Home.from_environment()).cancel(id_) if how == "cancel" else os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

@dg.job
def interrupted():
    is_told_to_end()

def perform(noted):
    assert not interrupted.execute_in_process(raise_on_error=False).success
    raise RunFailedError("interrupted")

work.perform = perform
worker.main(id_, lease)
"""
OPERATIONS = "/v1/data-sets/shop_a/operations"
ATTRIBUTE = {"kind": "attribute", "first_day": "2024-02-24", "last_day": "2024-02-24"}


@pytest.fixture
def admin(shop: Shop) -> Iterator[ApiClient]:
    """A client of an API with two data sets that have the rows of one day; nobody carries out operations."""
    shop.session("s1", "ann", "2024-02-24 10:00:00")
    shop.order("o1", "ann", "2024-02-24 12:00:00")
    with running_api() as url:
        client = ApiClient(url, new_key("admin", "admin"))
        for name in ("shop_a", "shop_b"):
            client.post("/v1/data-sets", {"name": name, "database_url": shop.url, "end_date": "2024-02-29"})
        yield client


@pytest.fixture
def store(tmp_path: Path) -> OperationStore:
    return OperationStore(Home(tmp_path / "home"))


def test_an_operation_is_queued_and_told_without_what_was_asked_for(admin: ApiClient) -> None:
    answer = admin.post(OPERATIONS, {"kind": "erase_user", "user_id": "ann"})
    assert answer.status_code == 202
    assert answer.headers["Retry-After"]
    operation = admin.get(answer.headers["Location"])
    assert operation.json() == answer.json()
    assert "ann" not in operation.text
    assert {name: operation.json()[name] for name in ("data_set", "kind", "state", "run_ids", "result", "error")} == {
        "data_set": "shop_a",
        "kind": "erase_user",
        "state": "queued",
        "run_ids": [],
        "result": None,
        "error": None,
    }


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (ATTRIBUTE | {"first_day": "2024-02-25"}, 422),
        (ATTRIBUTE | {"first_day": "2024-02-30"}, 422),
        (ATTRIBUTE | {"last_day": "2024-03-01"}, 409),
        (ATTRIBUTE | {"first_day": "2024-02-28", "last_day": "2024-02-28"}, 409),
        (ATTRIBUTE | {"first_day": "1999-01-01"}, 409),
        (ATTRIBUTE | {"again": True}, 422),
        ({"kind": "train", "conversion_type": "new"}, 409),
        ({"kind": "train"}, 422),
        ({"kind": "erase_user", "user_id": ""}, 422),
        ({"kind": "erase_user", "user_id": " "}, 422),
        ({"kind": "erase_user", "user_id": "a\0"}, 422),
        (ATTRIBUTE | {"dry_run": "yes"}, 422),
        ({"kind": "delete_data_set"}, 422),
        ({}, 422),
    ],
)
def test_what_cannot_start_is_refused_at_once(admin: ApiClient, asked: dict[str, object], status: int) -> None:
    answer = admin.post(OPERATIONS, asked)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert admin.get("/v1/operations").json()["data"] == []


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        (ATTRIBUTE | {"dry_run": "yes"}, "/dry_run"),
        (ATTRIBUTE | {"first_day": "2024-02-30"}, "/first_day"),
        (ATTRIBUTE | {"again": True}, "/again"),
        ({"kind": "train"}, "/conversion_type"),
        ({"kind": "erase_user", "user_id": 7}, "/user_id"),
        ({"kind": "delete_data_set"}, "/kind"),
        ({}, "/kind"),
    ],
)
def test_what_is_wrong_in_the_body_is_pointed_at(admin: ApiClient, asked: dict[str, object], pointer: str) -> None:
    assert [error["pointer"] for error in admin.post(OPERATIONS, asked).json()["errors"]] == [pointer]


def test_a_data_set_without_rows_cannot_be_attributed(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "empty"})
    answer = admin.post("/v1/data-sets/empty/operations", {"kind": "attribute"})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "the data set has no rows yet: send sessions and conversions",
    )


def test_the_same_idempotency_key_gives_the_first_answer_again(admin: ApiClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = admin.post(OPERATIONS, ATTRIBUTE, headers=key)
    admin.post(f"{first.headers['Location']}/cancel")
    again = admin.post(OPERATIONS, dict(reversed(ATTRIBUTE.items())), headers=key)
    assert (again.status_code, again.json(), again.headers["Location"]) == (
        202,
        first.json(),
        first.headers["Location"],
    )
    assert admin.post(OPERATIONS, ATTRIBUTE | {"dry_run": True}, headers=key).status_code == 422
    elsewhere = admin.post("/v1/data-sets/shop_b/operations", ATTRIBUTE, headers=key)
    assert elsewhere.json()["id"] != first.json()["id"]
    assert len(admin.get("/v1/operations").json()["data"]) == 2


def test_a_refusal_is_not_kept_for_its_idempotency_key(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "empty"})
    place, key = "/v1/data-sets/empty/operations", {"Idempotency-Key": "k1"}
    assert admin.post(place, {"kind": "attribute"}, headers=key).status_code == 409
    flags = dict.fromkeys(("holder_engagement", "closer_engagement", "impression_interaction"), 0)
    row = {"session_id": "s1", "user_id": "ann", "timestamp": "2024-02-24T10:00:00Z", "channel_name": "Search", **flags}
    stored = admin.post("/v1/data-sets/empty/rows/sessions", [row])
    assert (stored.status_code, stored.json()["stored"]) == (200, 1), stored.text
    again = admin.post(place, {"kind": "attribute"}, headers=key)
    assert again.status_code == 202, again.text


def test_a_source_that_cannot_be_reached_is_to_be_tried_again(admin: ApiClient) -> None:
    admin.post("/v1/data-sets", {"name": "away", "database_url": "postgresql://127.0.0.1:1/shop"})
    answer = admin.post("/v1/data-sets/away/operations", {"kind": "attribute"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    admin.post("/v1/data-sets", {"name": "gone", "database_url": "sqlite:///no_such.db"})
    assert admin.post("/v1/data-sets/gone/operations", {"kind": "attribute"}).status_code == 409


def test_too_few_answers_are_said_in_a_run_of_their_own(admin: ApiClient) -> None:
    admin.ask_for("shop_a", **ATTRIBUTE)
    place = admin.ask_for("shop_a", kind="train", conversion_type="new")  # what is queued before may bring answers
    operation = OperationStore(Home.from_environment()).get(place.rpartition("/")[2])
    assert operation is not None
    runs = list[str]()
    with pytest.raises(
        Problem, match=r"fewer than \d+ answers of the IHC API for the conversion type 'new'"
    ) as refused:
        perform(Noted(operation, lambda *_: None, runs.append))
    assert refused.value.status == 409
    with history_to_read() as instance:
        [run] = [instance.get_run_by_id(run_id) for run_id in runs]
    assert run is not None
    assert (run.status, run.tags["data_set"]) == (dg.DagsterRunStatus.FAILURE, "shop_a")


def test_a_queued_operation_is_canceled_at_once_and_an_ended_one_cannot_be(admin: ApiClient) -> None:
    place = admin.ask_for("shop_a", **ATTRIBUTE)
    canceled = admin.post(f"{place}/cancel")
    assert (canceled.status_code, canceled.json()["state"]) == (202, "canceled")
    assert canceled.json()["ended"] is not None
    assert admin.post("/v1/operations/nothing/cancel").status_code == 404
    store = OperationStore(Home.from_environment())
    place = admin.ask_for("shop_a", **ATTRIBUTE)
    id_, lease = store.lease_next(1) or ("", "")
    store.take(id_, lease)
    store.end(id_, lease, State.SUCCEEDED, {})
    assert admin.post(f"{place}/cancel").status_code == 409


def test_operations_are_listed_by_data_set_and_state_in_pages(admin: ApiClient) -> None:
    places = [admin.ask_for(name, **ATTRIBUTE) for name in ("shop_a", "shop_b", "shop_a")]
    ids = [place.rpartition("/")[2] for place in places]
    admin.post(f"{places[0]}/cancel")

    def listed(query: str) -> list[str]:
        return [operation["id"] for operation in admin.get(f"/v1/operations?{query}").json()["data"]]

    assert listed("") == ids[::-1]
    assert listed("data_set=shop_a") == [ids[2], ids[0]]
    assert listed("state=queued") == [ids[2], ids[1]]
    assert listed("state=canceled&data_set=shop_b") == []
    first = admin.get("/v1/operations?limit=2").json()
    assert listed(f"limit=2&cursor={first['next']}") == [ids[0]]
    assert admin.get("/v1/operations?cursor=nonsense").status_code == 422
    of_b = ApiClient(admin.url, new_key("b", "read", data_sets=["shop_b"]))
    assert [operation["id"] for operation in of_b.get("/v1/operations").json()["data"]] == [ids[1]]
    refused = [of_b.get(place) for place in (places[0], "/v1/operations/nothing")]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert refused[0].json() == refused[1].json()


def test_a_data_set_that_is_to_be_deleted_takes_no_operation(admin: ApiClient) -> None:
    answer = admin.call("DELETE", "/v1/data-sets/shop_a")
    assert (answer.status_code, answer.json()["kind"]) == (202, "delete_data_set")
    assert admin.post(OPERATIONS, ATTRIBUTE).status_code == 409
    assert admin.call("DELETE", "/v1/data-sets/shop_c").status_code == 404


def test_operations_of_a_data_set_have_their_turn_and_others_run_beside(store: OperationStore) -> None:
    a, b, second_a, c = (store.add(name, "train", {}, "key").id for name in ("a", "b", "a", "c"))
    leased = [store.lease_next(2), store.lease_next(2)]
    assert [each and each[0] for each in leased] == [a, b]
    assert store.lease_next(2) is None  # two are under way
    assert (store.lease_next(3) or ("",))[0] == c  # the second one of a waits for the first
    first = leased[0]
    assert first is not None
    store.end(*first, State.FAILED)
    assert (store.lease_next(3) or ("",))[0] == second_a


def test_only_the_holder_of_the_lease_carries_an_operation_out_and_ends_it(store: OperationStore) -> None:
    store.add("a", "train", {}, "key")
    id_, lease = store.lease_next(1) or ("", "")
    store.give_back_killed([lease])  # its worker is starting
    assert store.get(id_) is not None
    store.give_back_killed()  # as a server that is started again finds it
    again = store.lease_next(1)
    assert again is not None
    assert store.take(id_, lease) is None
    assert store.take(*again) is not None
    assert store.take(*again) is None
    store.give_back_killed()  # this process, which took it, has not ended
    assert not store.end(id_, lease, State.SUCCEEDED, {})
    assert store.end(*again, State.SUCCEEDED, {"made": True})
    ended = store.get(id_)
    assert ended is not None
    assert (ended.state, ended.result, ended.progress["stage"]) == (State.SUCCEEDED, {"made": True}, "done")


def test_an_operation_over_which_workers_are_killed_again_and_again_fails(store: OperationStore) -> None:
    id_ = store.add("a", "train", {}, "key").id
    for _ in range(MOST_ATTEMPTS):
        leased = store.lease_next(1)
        assert leased is not None
        store.give_back(*leased, killed=True)
    found = store.get(id_)
    assert found is not None
    assert (found.state, (found.error or {})["title"]) == (State.FAILED, "Worker ended")


def test_a_running_operation_that_is_canceled_ends_so_when_it_is_given_back(store: OperationStore) -> None:
    id_ = store.add("a", "erase_user", {"user_id": "ann"}, "key").id
    leased = store.lease_next(1)
    assert leased is not None
    store.take(*leased)
    assert not store.is_to_end(*leased)
    store.cancel(id_)
    assert store.is_to_end(*leased)
    store.give_back(*leased)
    found = store.get(id_)
    assert found is not None
    assert (found.state, found.parameters) == (State.CANCELED, {})
    assert b"ann" not in b"".join(path.read_bytes() for path in store.home.folder.glob("api.db") if path.is_file())


@pytest.mark.parametrize(("how", "state"), [("cancel", State.CANCELED), ("terminate", State.QUEUED)])
def test_a_worker_that_is_told_to_end_within_a_run_of_dagster_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, state: State
) -> None:
    monkeypatch.chdir(tmp_path)
    store = OperationStore(Home.from_environment())
    id_ = store.add("a", "train", {}, "key").id
    lease = store.lease(id_)
    ended = subprocess.run([sys.executable, "-c", ENDS_WITHIN_A_RUN, id_, str(lease), how], check=False)  # noqa: S603
    found = store.get(id_)
    assert found is not None
    assert (found.state, found.error, ended.returncode) == (state, None, 130)
