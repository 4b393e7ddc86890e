"""The routes of webhooks: whom to tell of a data set's events. Who sends them is in `webhook_sender.py`."""

import datetime as dt
import ipaddress
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from attribution_assets.api.access import Admin, DataSetName, data_set_of, not_there, require_data_set
from attribution_assets.api.operations import ACCEPTED, store_of
from attribution_assets.api.pages import Cursor, Limit, Page, cursor_after, number_of, page_of
from attribution_assets.api.problems import Problem, refusal
from attribution_assets.api.restatements import note_restatements
from attribution_assets.api.webhook_sending import NOT_ALLOWED, NOT_ALLOWED_PLAIN, may_be_called
from attribution_assets.attribution.masking import MASK
from attribution_assets.data_sets import file_named
from attribution_assets.operations import webhooks as kept
from attribution_assets.operations.webhooks import REPORT_RESTATED, Delivery, DeliveryState, WebhookStore
from attribution_assets.settings import Settings, webhook_networks

MOST_WEBHOOKS = 20
"""Of one data set."""

EventName = Literal["operation.finished", "report.restated"]


class NewWebhook(BaseModel):
    """Whom to tell of a data set's events."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=1,
        max_length=2_000,
        pattern=r"^https?://[^\s\x00-\x1f\x7f]+$",
        description="Where events are sent to, with POST: a public address",
        examples=["https://example.com/attribution"],
    )
    events: list[EventName] = Field(
        ["operation.finished", "report.restated"],
        min_length=1,
        max_length=10,
        description="operation.finished: an operation has ended, its data are the operation; report.restated: days have"
        " changed that had been reported, its data are data_set and days",
    )


class Webhook(BaseModel):
    """Whom to tell of a data set's events."""

    id: str = Field(description="Its id", examples=["7d0c6f3e-5b0a-4d1c-8a63-0f2f5a1c9f11"])
    url: str = Field(description="Where events are sent to")
    events: list[str] = Field(description="Which ones")
    created: str = Field(description="When it was made (UTC)", examples=["2024-03-01T08:00:00.000Z"])
    secret: str = Field(description="What events are signed with, as Standard Webhooks has it: shown once, then ***")


class WebhookPage(Page[Webhook]):
    """Webhooks, in the order of their ids."""


class WebhookDelivery(BaseModel):
    """An event on its way to a webhook."""

    id: str = Field(description="Its id, which each try sends as webhook-id: what came twice has one id")
    event: str = Field(description="Which event it is", examples=["operation.finished"])
    state: DeliveryState
    created: str = Field(description="When it happened (UTC)")
    ended: str | None = Field(description="When it was delivered, or given up")
    tries: int = Field(description="How often it was tried")
    next_try: str | None = Field(description="When it is tried next; null if it has ended")
    status: int | None = Field(description="The HTTP status of the last answer")
    error: str | None = Field(description="Why the last try failed")


class WebhookDeliveryPage(Page[WebhookDelivery]):
    """Deliveries, the latest first. Those that ended 30 days ago are forgotten."""


WebhookId = Annotated[str, Path(alias="id", description="The webhook's id", max_length=100)]

_routes = APIRouter(prefix="/v1/data-sets/{name}/webhooks", tags=["Webhooks"])


def router() -> APIRouter:
    """The routes of webhooks."""
    return _routes


def _store_of(request: Request) -> WebhookStore:
    return WebhookStore(store_of(request).home)


def webhook_of(request: Request, name: DataSetName, id_: WebhookId, key: Admin) -> kept.Webhook:
    """A dependency that gives the webhook of a route's address: 404 if there is none."""
    require_data_set(key, name)
    if webhook := _store_of(request).get(name, id_):
        return webhook
    raise Problem(404, "Not found", "the data set has no webhook of this id")


Known = Annotated[kept.Webhook, Depends(webhook_of)]


@_routes.post(
    "",
    status_code=201,
    summary="Make a webhook",
    response_model=Webhook,
    responses={409: refusal("The data set has as many as it may, or its settings cannot be used.")},
)
def create_webhook(
    request: Request,
    response: Response,
    body: NewWebhook,
    settings: Annotated[Settings, Depends(data_set_of("admin"))],
) -> dict[str, Any]:
    """Have events of the data set sent to an address, signed with a new secret, which is shown in this answer alone."""
    _require_usable(body.url)
    store, name = _store_of(request), settings.data_set
    if REPORT_RESTATED in body.events:
        note_restatements(store.home, name)  # what is reported now has been reported
    webhook = store.add(name, body.url, sorted(set(body.events)), MOST_WEBHOOKS)
    if webhook is None:
        raise Problem(409, "Not possible", f"the data set has {MOST_WEBHOOKS} webhooks already: delete one")
    response.headers["Location"] = f"/v1/data-sets/{name}/webhooks/{webhook.id}"
    return _shown(webhook) | {"secret": webhook.secret}


@_routes.get("", summary="List webhooks", response_model=WebhookPage)
def list_webhooks(
    request: Request, name: DataSetName, key: Admin, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """The webhooks of a data set; their secrets are not shown."""
    require_data_set(key, name)
    if file_named(name) is None:
        raise not_there(name)
    return page_of({webhook.id: _shown(webhook) for webhook in _store_of(request).of(name)}, limit, cursor)


@_routes.get("/{id}", summary="Show a webhook", response_model=Webhook)  # noqa: FAST003 - its alias
def get_webhook(webhook: Known) -> dict[str, Any]:
    """One webhook; its secret is not shown."""
    return _shown(webhook)


@_routes.delete("/{id}", status_code=204, summary="Delete a webhook")  # noqa: FAST003 - its alias
def delete_webhook(request: Request, webhook: Known) -> None:
    """Delete a webhook; what is on its way to it is not tried again."""
    _store_of(request).remove(webhook)


@_routes.post("/{id}/test", status_code=ACCEPTED, summary="Send a test", response_model=WebhookDelivery)  # noqa: FAST003 - its alias
def test_webhook(request: Request, response: Response, webhook: Known) -> dict[str, Any]:
    """Send the event webhook.test, as others are sent; the deliveries say how that went."""
    response.headers["Location"] = f"/v1/data-sets/{webhook.data_set}/webhooks/{webhook.id}/deliveries"
    return _delivery(_store_of(request).queue_test(webhook))


@_routes.get("/{id}/deliveries", summary="List deliveries", response_model=WebhookDeliveryPage)  # noqa: FAST003 - its alias
def list_deliveries(request: Request, webhook: Known, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """Events of a webhook: which were delivered, which are tried again and when, which were given up and why."""
    found = _store_of(request).deliveries(webhook, number_of(cursor), limit + 1)
    following = cursor_after(str(found[limit - 1].number)) if len(found) > limit else None
    return {"data": [_delivery(delivery) for delivery in found[:limit]], "next": following}


def _require_usable(url: str) -> None:
    """See that an address can be one of a webhook, as far as nothing has to be looked up for it.

    Raises:
        Problem: 422, it cannot.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host:
        raise _unusable("it is no address of a web server")
    if parts.username is not None or parts.password is not None:
        raise _unusable("a user or password has no place in it: events are signed")
    networks, tls = webhook_networks(), parts.scheme == "https"
    if not tls and not networks:
        raise _unusable(NOT_ALLOWED_PLAIN)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return  # a name: what it stands for is looked at when it is called
    if not may_be_called(host, networks, tls=tls):
        raise _unusable(NOT_ALLOWED if tls else NOT_ALLOWED_PLAIN)


def _unusable(detail: str) -> Problem:
    return Problem(422, "Invalid request", detail, [{"pointer": "/url", "detail": detail}])


def _shown(webhook: kept.Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": [*webhook.events],
        "created": webhook.created,
        "secret": MASK,
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    names = ("id", "event", "state", "created", "ended", "tries", "status", "error")
    pending = delivery.state is DeliveryState.PENDING
    due = dt.datetime.fromtimestamp(delivery.due, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {name: getattr(delivery, name) for name in names} | {"next_try": due if pending else None}
