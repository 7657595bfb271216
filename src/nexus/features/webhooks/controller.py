"""Webhooks over HTTP."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_202_ACCEPTED

from nexus.features.webhooks.domain import DeliveryId, DeliveryState, WebhookId
from nexus.features.webhooks.dto import (
    DeliveryOut,
    DeliveryPage,
    NewWebhookOut,
    WebhookIn,
    WebhookOut,
    WebhookPage,
    WebhookPatch,
    WebhookRotateIn,
)
from nexus.features.webhooks.service import WebhookService
from nexus.features.webhooks.wiring import webhook_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    expected_version,
    given,
    paged,
    versioned,
)
from nexus.platform.http.guards import may


class WebhookController(Controller):
    path = "/webhooks"
    tags = ["Webhooks"]
    dependencies = {"webhooks": Provide(webhook_service, sync_to_thread=False)}

    @get(
        guards=[may("webhooks:read")], operation_id="listWebhooks", summary="List outgoing webhooks"
    )
    async def list_webhooks(
        self,
        request: Request[Any, Any, Any],
        webhooks: WebhookService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[WebhookPage]:
        page = await webhooks.list_webhooks(cursor, limit)
        items = [WebhookOut.of(one) for one in page.items]
        return paged(request, WebhookPage(items=items, next_cursor=page.next_cursor))

    @post(
        guards=[may("webhooks:write")],
        operation_id="createWebhook",
        summary="Send what happens from now on to an address",
        opt={"answers_secret": True},
    )
    async def create(
        self, data: WebhookIn, webhooks: WebhookService, actor: Actor
    ) -> NewWebhookOut:
        return NewWebhookOut.of(await webhooks.create(data.name, data.url, data.events, by=actor))

    @get(
        "/{webhook_id:uuid}",
        guards=[may("webhooks:read")],
        operation_id="getWebhook",
        summary="Get a webhook",
    )
    async def get_webhook(self, webhook_id: UUID, webhooks: WebhookService) -> Response[WebhookOut]:
        return versioned(WebhookOut.of(await webhooks.get(WebhookId(webhook_id))))

    @patch(
        "/{webhook_id:uuid}",
        guards=[may("webhooks:write")],
        operation_id="updateWebhook",
        summary="Change a webhook, or switch it off and on",
    )
    async def update(
        self,
        webhook_id: UUID,
        data: WebhookPatch,
        webhooks: WebhookService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[WebhookOut]:
        webhook = await webhooks.update(
            WebhookId(webhook_id),
            name=given(data.name),
            url=given(data.url),
            names=given(data.events),
            is_enabled=given(data.is_enabled),
            version=expected_version(if_match),
            by=actor,
        )
        return versioned(WebhookOut.of(webhook))

    @delete(
        "/{webhook_id:uuid}",
        guards=[may("webhooks:write")],
        operation_id="removeWebhook",
        summary="Remove a webhook and its deliveries",
    )
    async def remove(self, webhook_id: UUID, webhooks: WebhookService, actor: Actor) -> None:
        await webhooks.remove(WebhookId(webhook_id), by=actor)

    @post(
        "/{webhook_id:uuid}/rotations",
        guards=[may("webhooks:write")],
        operation_id="rotateWebhook",
        summary="Replace a webhook's secret",
        opt={"answers_secret": True},
    )
    async def rotate(
        self, webhook_id: UUID, data: WebhookRotateIn, webhooks: WebhookService, actor: Actor
    ) -> NewWebhookOut:
        overlap = timedelta(seconds=data.overlap_s)
        return NewWebhookOut.of(await webhooks.rotate(WebhookId(webhook_id), overlap, by=actor))

    @post(
        "/{webhook_id:uuid}/tests",
        guards=[may("webhooks:write")],
        operation_id="testWebhook",
        summary="Send a webhook an event to test it",
        status_code=HTTP_202_ACCEPTED,
    )
    async def test(self, webhook_id: UUID, webhooks: WebhookService, actor: Actor) -> None:
        await webhooks.test(WebhookId(webhook_id), by=actor)

    @get(
        "/{webhook_id:uuid}/deliveries",
        guards=[may("webhooks:read")],
        operation_id="listWebhookDeliveries",
        summary="List what was sent to a webhook, the newest events first",
    )
    async def list_deliveries(
        self,
        webhook_id: UUID,
        request: Request[Any, Any, Any],
        webhooks: WebhookService,
        states: Annotated[
            list[DeliveryState] | None,
            QueryParameter(
                name="state", required=False, max_items=3, description="Any of these states."
            ),
        ] = None,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[DeliveryPage]:
        page = await webhooks.list_deliveries(WebhookId(webhook_id), states or (), cursor, limit)
        items = [DeliveryOut.of(one) for one in page.items]
        return paged(request, DeliveryPage(items=items, next_cursor=page.next_cursor))

    @post(
        "/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/attempts",
        guards=[may("webhooks:write")],
        operation_id="replayWebhookDelivery",
        summary="Send a delivery again that was taken or given up",
    )
    async def replay(
        self, webhook_id: UUID, delivery_id: UUID, webhooks: WebhookService
    ) -> DeliveryOut:
        return DeliveryOut.of(await webhooks.replay(WebhookId(webhook_id), DeliveryId(delivery_id)))
