"""Looking after webhooks: the verbs of admins."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from nexus.features.events.service import EventService
from nexus.features.webhooks.domain import (
    MOST_IN_A_WORKSPACE,
    Delivery,
    DeliveryId,
    DeliveryState,
    NewWebhook,
    Webhook,
    WebhookId,
    check_url,
)
from nexus.features.webhooks.errors import DeliveryWaiting, TooManyWebhooks
from nexus.features.webhooks.events import (
    WebhookCreated,
    WebhookRemoved,
    WebhookRotated,
    WebhookTested,
    WebhookUpdated,
)
from nexus.features.webhooks.handing import Handing
from nexus.features.webhooks.repository import DeliveryRepository, WebhookRepository
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.errors import Stale
from nexus.platform.events import changes_between
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page

_SECRET_BYTES = 32
_BY_HAND = "switched off by hand"


class WebhookService:
    def __init__(
        self,
        webhooks: WebhookRepository,
        deliveries: DeliveryRepository,
        log: EventService,
        handing: Handing,
        tx: Transaction,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._log = log
        self._handing = handing
        self._events = tx.events

    async def create(self, name: str, url: str, names: Sequence[str], *, by: Actor) -> NewWebhook:
        """A webhook for what happens from now on."""
        if await self._webhooks.count() >= MOST_IN_A_WORKSPACE:
            raise TooManyWebhooks(most=MOST_IN_A_WORKSPACE)
        place, _ = await self._log.beginning()
        webhook = Webhook(
            id=WebhookId(new_id()),
            workspace_id=by.workspace_id,
            created_by=by.id,
            name=tidy(name),
            url=check_url(url),
            names=tuple(names),
            secret=new_secret(),
            old_secret=None,
            old_secret_until=None,
            place=place,
            failing_since=None,
            disabled_at=None,
            disabled_why=None,
            version=1,
            created_at=now(),
        )

        await self._webhooks.add(webhook)
        self._events.record(
            WebhookCreated(webhook_id=webhook.id, title=webhook.name, host=webhook.host), by=by
        )
        return NewWebhook(webhook=webhook)

    async def get(self, webhook_id: WebhookId) -> Webhook:
        return await self._webhooks.get(webhook_id)

    async def list_failing(self, since: datetime) -> Sequence[Webhook]:
        """Those of all workspaces that have taken nothing since then; for jobs alone."""
        return await self._webhooks.list_failing(since)

    async def list_webhooks(self, cursor: str | None, limit: int) -> Page[Webhook]:
        return await self._webhooks.list_page(cursor, limit)

    async def update(
        self,
        webhook_id: WebhookId,
        *,
        name: str | None,
        url: str | None,
        names: Sequence[str] | None,
        is_enabled: bool | None,
        version: int | None,
        by: Actor,
    ) -> Webhook:
        """Change a webhook. Switched on again, it goes on where it was."""
        old = await self._webhooks.get(webhook_id, lock=True)
        if version is not None and version != old.version:
            raise Stale(what="webhook", current=old.version, given=version)
        new = replace(
            old,
            name=old.name if name is None else tidy(name),
            url=old.url if url is None else check_url(url),
            names=old.names if names is None else tuple(names),
        )
        changes = changes_between(old, new, "name", "names")
        if old.url != new.url:
            changes = {**changes, "host": (old.host, new.host)}
        if is_enabled is not None and is_enabled != old.is_enabled:
            switched = new.enabled() if is_enabled else new.disabled(_BY_HAND, at=now())
            new = replace(switched, version=old.version)
            changes = {**changes, "is_enabled": (old.is_enabled, is_enabled)}
        if not changes:
            return old

        new = replace(new, version=old.version + 1)
        await self._webhooks.save(new)
        self._events.record(WebhookUpdated(webhook_id=new.id, changes=changes), by=by)
        return new

    async def rotate(self, webhook_id: WebhookId, overlap: timedelta, *, by: Actor) -> NewWebhook:
        """Another secret; for `overlap` messages are signed with both."""
        old = await self._webhooks.get(webhook_id, lock=True)
        new = old.rotated(new_secret(), overlap=overlap, at=now())

        await self._webhooks.save(new)
        self._events.record(WebhookRotated(webhook_id=new.id), by=by)
        return NewWebhook(webhook=new)

    async def test(self, webhook_id: WebhookId, *, by: Actor) -> None:
        """Send an event that no filter holds back, to this webhook alone."""
        webhook = await self._webhooks.get(webhook_id)
        self._events.record(WebhookTested(webhook_id=webhook.id), by=by)

    async def remove(self, webhook_id: WebhookId, *, by: Actor) -> None:
        """With its deliveries; what waits is not sent."""
        webhook = await self._webhooks.get(webhook_id, lock=True)

        await self._webhooks.remove(webhook_id)
        self._events.record(WebhookRemoved(webhook_id=webhook.id, title=webhook.name), by=by)

    async def list_deliveries(
        self,
        webhook_id: WebhookId,
        states: Sequence[DeliveryState],
        cursor: str | None,
        limit: int,
    ) -> Page[Delivery]:
        await self._webhooks.get(webhook_id)
        return await self._deliveries.list_page(webhook_id, states, cursor, limit)

    async def replay(self, webhook_id: WebhookId, delivery_id: DeliveryId) -> Delivery:
        """Send a delivery again, as often as a new one."""
        old = await self._deliveries.get(webhook_id, delivery_id, lock=True)
        if old.state is DeliveryState.WAITING:
            raise DeliveryWaiting
        again = old.again()

        await self._deliveries.save(again)
        self._handing.enqueue(again)
        return again


def new_secret() -> str:
    """As Standard Webhooks writes them: a mark and 256 random bits in base 64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
