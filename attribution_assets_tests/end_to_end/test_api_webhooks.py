"""Webhooks of the command `api`: what operations and other runs restate, and a server that is killed as it sends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from attribution_assets_tests.support.api_server import ApiClient, ApiCommand, new_key
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.waiting import wait_until
from attribution_assets_tests.support.webhook_receiver import WebhookReceiver

DATA_SET = "/v1/data-sets/shop_de"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiCommand]:
    """The command in the folder of the test, whose webhooks may go to this machine."""
    monkeypatch.setenv("ATTRIBUTION_WEBHOOK_NETWORKS", "127.0.0.1/32")
    command = ApiCommand(tmp_path)
    try:
        yield command
    finally:
        command.end()


def test_restated_days_are_told_exactly_and_nothing_is_lost_with_a_killed_server(shop: Shop, api: ApiCommand) -> None:
    shop.session("s1", "ann", "2024-02-21 10:00:00")
    shop.session("s2", "ben", "2024-02-23 10:00:00")
    shop.order("o1", "ann", "2024-02-22 12:00:00")

    def killed() -> int:
        api.kill()
        return 204

    with WebhookReceiver([killed]) as receiver:
        api.start()
        client = ApiClient(api.url, new_key("admin", "admin"))
        settings = {"name": "shop_de", "database_url": shop.url, "end_date": "2024-02-27"}
        assert client.post("/v1/data-sets", settings).status_code == 201
        receiver.secret = client.post(f"{DATA_SET}/webhooks", {"url": receiver.url}).json()["secret"]
        first = client.ask_for("shop_de", kind="attribute")

        wait_until(lambda: len(receiver.received) > 0, 240, lambda: "nothing came")
        api.start()
        wait_until(lambda: len(receiver.received) > 1, 60, lambda: receiver.received)
        once, again = receiver.received
        assert once == again  # what was never reported before is not restated
        assert once.body["type"] == "operation.finished"
        assert once.body["data"] == client.get(first).json()

        shop.order("o2", "ben", "2024-02-24 12:00:00")
        second = client.ask_for("shop_de", kind="attribute")
        wait_until(lambda: len(receiver.received) > 3, 240, lambda: receiver.received)
        assert sorted(receiver.kinds[2:]) == ["operation.finished", "report.restated"]
        of_kind = {event.body["type"]: event.body["data"] for event in receiver.received[2:]}
        assert of_kind["operation.finished"]["id"] == second.rpartition("/")[2]
        assert of_kind["report.restated"] == {"data_set": "shop_de", "days": ["2024-02-23"]}
