"""Webhooks: who may make them, what is sent to them, and how often."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from attribution_assets.api.webhook_sender import WebhookSender
from attribution_assets.api.webhook_sending import NOT_ALLOWED
from attribution_assets.operations.home import Home
from attribution_assets.operations.records import DELETE_DATA_SET, State
from attribution_assets.operations.store import OperationStore
from attribution_assets.operations.webhooks import REPORT_RESTATED, WebhookStore
from attribution_assets_tests.support.api_server import ApiClient, new_key, running_api
from attribution_assets_tests.support.waiting import wait_until
from attribution_assets_tests.support.webhook_receiver import WebhookReceiver

WEBHOOKS = "/v1/data-sets/shop_a/webhooks"
ADDRESS = {"url": "https://example.com/events"}
SOON = (0.0, 0.0)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An API that nobody carries out operations of; webhooks may go to this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTRIBUTION_WEBHOOK_NETWORKS", "127.0.0.1/32")
    with running_api() as url:
        yield url


@pytest.fixture
def admin(url: str) -> ApiClient:
    client = ApiClient(url, new_key("admin", "admin"))
    for name in ("shop_a", "shop_b"):
        assert client.post("/v1/data-sets", {"name": name}).status_code == 201
    return client


@pytest.fixture
def operations() -> OperationStore:
    return OperationStore(Home.from_environment())


def sending(waits: tuple[float, ...] = SOON) -> Any:  # noqa: ANN401 - a context
    return WebhookSender(Home.from_environment(), waits).running()


def made(client: ApiClient, receiver: WebhookReceiver, **more: object) -> str:
    """The address of a new webhook; the receiver knows its secret."""
    answer = client.post(WEBHOOKS, {"url": receiver.url, **more})
    assert answer.status_code == 201, answer.text
    receiver.secret = answer.json()["secret"]
    return answer.headers["Location"]


def deliveries(client: ApiClient, webhook: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{webhook}/deliveries").json()["data"]
    return found


def last_ended(client: ApiClient, webhook: str) -> dict[str, Any]:
    """The latest delivery, once it is delivered or given up."""
    wait_until(lambda: deliveries(client, webhook)[0]["ended"] is not None, 60, lambda: deliveries(client, webhook))
    return deliveries(client, webhook)[0]


def test_the_secret_of_a_webhook_is_shown_once(admin: ApiClient) -> None:
    answer = admin.post(WEBHOOKS, ADDRESS)
    assert answer.status_code == 201
    webhook = answer.json()
    assert webhook["secret"].startswith("whsec_")
    assert webhook["events"] == ["operation.finished", "report.restated"]
    shown = webhook | {"secret": "***"}
    assert admin.get(answer.headers["Location"]).json() == shown
    assert admin.get(WEBHOOKS).json() == {"data": [shown], "next": None}
    assert admin.get("/v1/data-sets/shop_b/webhooks").json()["data"] == []


def test_webhooks_are_for_keys_with_the_scope_admin_of_their_data_set(url: str, admin: ApiClient) -> None:
    place = admin.post(WEBHOOKS, ADDRESS).headers["Location"]
    of_another = ApiClient(url, new_key("of_b", "admin", data_sets=["shop_b"]))
    writer = ApiClient(url, new_key("writer", "read", "write", "run"))
    for client in (of_another, writer):
        assert client.post(WEBHOOKS, ADDRESS).status_code == 403
        for method, path in [
            ("GET", WEBHOOKS),
            ("GET", place),
            ("DELETE", place),
            ("POST", f"{place}/test"),
            ("GET", f"{place}/deliveries"),
        ]:
            assert client.call(method, path).status_code == 403
    assert admin.get(place.replace("shop_a", "shop_b")).status_code == 404
    assert admin.get("/v1/data-sets/shop_c/webhooks").status_code == 404
    assert admin.post("/v1/data-sets/shop_c/webhooks", ADDRESS).status_code == 404


def test_a_deleted_webhook_is_told_of_nothing_more(admin: ApiClient, operations: OperationStore) -> None:
    place = admin.post(WEBHOOKS, ADDRESS).headers["Location"]
    admin.post(f"{place}/test")
    assert admin.call("DELETE", place).status_code == 204
    assert admin.get(place).status_code == 404
    operations.cancel(operations.add("shop_a", "train", {}, "admin").id)
    assert WebhookStore(operations.home).due(()) == []


@pytest.mark.parametrize(
    "body",
    [
        {"url": "https://10.0.0.1/x"},
        {"url": "https://169.254.169.254/latest"},
        {"url": "https://[::1]/x"},
        {"url": "http://93.184.215.14/x"},
        {"url": "https://user:password@example.com/x"},
        {"url": "https://example.com:port/x"},
        {"url": "https:///x"},
        {"url": "ftp://example.com/x"},
        {"url": "https://example.com/a b"},
        {"url": "https://example.com", "events": []},
        {"url": "https://example.com", "events": ["operation.started"]},
        {},
    ],
)
def test_what_cannot_be_a_webhook_is_refused(admin: ApiClient, body: dict[str, object]) -> None:
    answer = admin.post(WEBHOOKS, body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert admin.get(WEBHOOKS).json()["data"] == []


def test_a_data_set_has_so_many_webhooks_at_most(admin: ApiClient) -> None:
    assert [admin.post(WEBHOOKS, ADDRESS).status_code for _ in range(21)] == [201] * 20 + [409]


def test_the_end_of_an_operation_is_told_signed(admin: ApiClient, operations: OperationStore) -> None:
    with WebhookReceiver() as receiver, sending():
        place = made(admin, receiver)
        of_b = operations.add("shop_b", "train", {}, "admin").id
        operation = operations.add("shop_a", "erase_user", {"user_id": "ann"}, "admin").id
        operations.cancel(of_b)
        operations.cancel(operation)
        delivery = last_ended(admin, place)
        (event,) = receiver.received
        assert (delivery["id"], delivery["state"], delivery["tries"], delivery["status"]) == (
            event.id,
            "delivered",
            1,
            204,
        )
        assert event.body["type"] == "operation.finished"
        assert event.body["data"] == admin.get(f"/v1/operations/{operation}").json()
        assert event.body["data"]["state"] == "canceled"


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED])
def test_an_operation_that_a_worker_ended_is_told_once(
    admin: ApiClient, operations: OperationStore, state: State
) -> None:
    admin.post(WEBHOOKS, ADDRESS)
    id_ = operations.add("shop_a", "train", {}, "admin").id
    lease = str(operations.lease(id_))
    operations.take(id_, lease)
    operations.end(id_, lease, state, {})
    operations.end(id_, lease, state, {})
    ((delivery, _),) = WebhookStore(operations.home).due(())
    assert f'"state": "{state}"' in delivery.body


def test_what_fails_is_tried_again_with_the_same_id_and_follows_no_redirect(admin: ApiClient) -> None:
    with WebhookReceiver() as elsewhere, WebhookReceiver([500, 307], elsewhere.url) as receiver, sending():
        place = made(admin, receiver)
        queued = admin.post(f"{place}/test")
        assert queued.headers["Location"] == f"{place}/deliveries"
        assert (queued.status_code, queued.json()["state"]) == (202, "pending")
        delivery = last_ended(admin, place)
        assert (delivery["state"], delivery["tries"], delivery["status"], delivery["error"], delivery["next_try"]) == (
            "delivered",
            3,
            204,
            None,
            None,
        )
        assert [event.id for event in receiver.received] == [delivery["id"]] * 3
        assert receiver.received[0].body == receiver.received[2].body
        assert elsewhere.received == []


def test_what_fails_again_and_again_is_given_up(admin: ApiClient) -> None:
    with WebhookReceiver([500, 500, 503]) as receiver, sending():
        place = made(admin, receiver)
        admin.post(f"{place}/test")
        delivery = last_ended(admin, place)
        assert (delivery["state"], delivery["tries"], delivery["error"]) == ("failed", 3, "it answered 503")
        assert len(receiver.received) == 3


def test_between_two_tries_a_delivery_waits_and_another_webhook_does_not(admin: ApiClient) -> None:
    with WebhookReceiver([500]) as failing, WebhookReceiver() as good, sending((3_600,)):
        waiting, told = made(admin, failing), made(admin, good)
        admin.post(f"{waiting}/test")
        admin.post(f"{told}/test")
        last_ended(admin, told)
        wait_until(lambda: deliveries(admin, waiting)[0]["tries"] == 1, 60, lambda: deliveries(admin, waiting))
        (delivery,) = deliveries(admin, waiting)
        assert (delivery["state"], delivery["ended"]) == ("pending", None)
        assert delivery["next_try"] > delivery["created"]


@pytest.mark.parametrize("networks", ["", "127.0.0.2/32"])
def test_the_address_that_a_name_stands_for_is_checked(
    admin: ApiClient, monkeypatch: pytest.MonkeyPatch, networks: str
) -> None:
    with WebhookReceiver() as receiver:
        place = admin.post(WEBHOOKS, {"url": f"http://localhost:{receiver.port}/"}).headers["Location"]
        monkeypatch.setenv("ATTRIBUTION_WEBHOOK_NETWORKS", networks)
        with sending(()):
            admin.post(f"{place}/test")
            delivery = last_ended(admin, place)
        assert (delivery["state"], delivery["status"], delivery["error"]) == ("failed", None, NOT_ALLOWED)
        assert receiver.received == []


def test_no_proxy_is_asked(admin: ApiClient, operations: OperationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with WebhookReceiver() as receiver:
        place = made(admin, receiver)
        admin.post(f"{place}/test")
        store = WebhookStore(operations.home)
        ((_, webhook),) = store.due(())
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        with sending():
            wait_until(lambda: store.deliveries(webhook, None, 1)[0].ended is not None, 60, lambda: receiver.received)
        assert store.deliveries(webhook, None, 1)[0].tries == 1
        assert receiver.kinds == ["webhook.test"]


def test_of_several_servers_one_sends_until_it_ends(admin: ApiClient) -> None:
    with WebhookReceiver() as receiver, ExitStack() as second:
        place = made(admin, receiver)
        with sending():
            second.enter_context(sending())
            for _ in range(5):
                admin.post(f"{place}/test")
            last_ended(admin, place)
        admin.post(f"{place}/test")
        last_ended(admin, place)
        assert len({event.id for event in receiver.received}) == len(receiver.received) == 6


def test_days_that_were_reported_and_changed_are_restated(admin: ApiClient, operations: OperationStore) -> None:
    store = WebhookStore(operations.home)
    admin.post(WEBHOOKS, ADDRESS | {"events": ["report.restated"]})
    for versions in (
        {"2024-02-01": "a", "2024-02-02": "a"},
        {"2024-02-01": "b", "2024-02-02": "a", "2024-02-03": "a"},
        {"2024-02-01": "b", "2024-02-02": "a"},
        {"2024-02-03": "b", "2024-02-02": "b", "2024-02-01": "b"},
    ):
        store.note_reports("shop_a", versions)
    queued = [json.loads(delivery.body) for delivery in store.deliveries(store.of("shop_a")[0], None, 9)]
    assert [event["type"] for event in queued] == [REPORT_RESTATED] * 2
    assert [event["data"]["days"] for event in queued] == [["2024-02-02", "2024-02-03"], ["2024-02-01"]]


def test_webhooks_go_with_their_data_set_once_they_are_told_of_its_deletion(
    admin: ApiClient, operations: OperationStore
) -> None:
    with WebhookReceiver() as receiver:
        made(admin, receiver)
        id_ = operations.add("shop_a", DELETE_DATA_SET, {}, "admin").id
        lease = str(operations.lease(id_))
        operations.take(id_, lease)
        operations.end(id_, lease, State.SUCCEEDED, {})
        assert admin.get(WEBHOOKS).json()["data"] == []
        with sending():
            wait_until(lambda: len(receiver.received) > 0, 60, lambda: "nothing came")
        assert receiver.received[0].body["data"]["id"] == id_


def test_what_ended_long_ago_is_forgotten(admin: ApiClient, operations: OperationStore) -> None:
    store = WebhookStore(operations.home)
    admin.post(WEBHOOKS, ADDRESS)
    (webhook,) = store.of("shop_a")
    done, waiting = (store.queue_test(webhook).id for _ in range(2))
    store.note_try(done, 204, None, None)
    assert [delivery.body for delivery in store.deliveries(webhook, None, 9) if delivery.id == done] == [""]
    with sqlite3.connect(operations.home.folder / "api.db") as database:
        database.execute("UPDATE webhook_deliveries SET due = 0")
    database.close()
    store.forget_old()
    assert [delivery.id for delivery in store.deliveries(webhook, None, 9)] == [waiting]
