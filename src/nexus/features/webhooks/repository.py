"""Webhooks and their deliveries in and out of the database, always within one workspace."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update

from nexus.features.webhooks.domain import (
    Delivery,
    DeliveryId,
    DeliveryState,
    Webhook,
    WebhookId,
)
from nexus.features.webhooks.errors import DeliveryNotFound, WebhookNotFound
from nexus.features.webhooks.tables import WebhookDeliveryRow, WebhookRow
from nexus.platform.actor import ActorId, WorkspaceId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow, EventRow

MOST_FAILING = 1000


class WebhookRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, webhook_id: WebhookId, *, lock: bool = False) -> Webhook:
        query = self._webhooks().where(WebhookRow.id == webhook_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise WebhookNotFound(id=webhook_id)
        return _webhook(row)

    async def list_page(self, cursor: str | None, limit: int) -> Page[Webhook]:
        query = self._webhooks()
        if cursor:
            (last,) = read_cursor("webhooks", cursor, tuple[UUID])
            query = query.where(WebhookRow.id < last)
        found = await self._tx.execute(query.order_by(WebhookRow.id.desc()).limit(limit + 1))
        return page_of([_webhook(row) for row in found], limit, "webhooks", lambda one: (one.id,))

    async def count(self) -> int:
        found = await self._tx.execute(
            select(func.count())
            .select_from(WebhookRow)
            .where(WebhookRow.workspace_id == self._tx.workspace_id)
        )
        return found.scalar_one()

    async def list_behind(self) -> Sequence[tuple[WorkspaceId, WebhookId, ActorId]]:
        """The enabled webhooks of all workspaces that have not been handed all events."""
        newest = (
            select(func.max(EventRow.seq))
            .where(EventRow.workspace_id == WebhookRow.workspace_id)
            .scalar_subquery()
        )
        found = await self._tx.execute(
            select(WebhookRow.workspace_id, WebhookRow.id, WebhookRow.created_by).where(
                WebhookRow.disabled_at.is_(None), WebhookRow.place < newest
            )
        )
        return [
            (WorkspaceId(row.workspace_id), WebhookId(row.id), ActorId(row.created_by))
            for row in found
        ]

    async def list_failing(self, since: datetime) -> Sequence[Webhook]:
        """Those of all workspaces that have taken nothing since then and are not switched off."""
        found = await self._tx.execute(
            select(WebhookRow)
            .where(WebhookRow.failing_since_at < since, WebhookRow.disabled_at.is_(None))
            .order_by(WebhookRow.id)
            .limit(MOST_FAILING)
        )
        return [_webhook(row) for row in found]

    async def has_maker(self, webhook: Webhook) -> bool:
        """Whether whoever made it is still in the workspace."""
        found = await self._tx.execute(
            select(ActorRow.removed_at).where(
                ActorRow.workspace_id == self._tx.workspace_id, ActorRow.id == webhook.created_by
            )
        )
        return found.scalar_one() is None

    async def add(self, webhook: Webhook) -> None:
        await self._tx.execute(insert(WebhookRow).values(_columns(webhook)))

    async def save(self, webhook: Webhook) -> None:
        await self._tx.execute(
            update(WebhookRow)
            .where(WebhookRow.workspace_id == self._tx.workspace_id, WebhookRow.id == webhook.id)
            .values(_columns(webhook))
        )

    async def remove(self, webhook_id: WebhookId) -> None:
        for table, column in (
            (WebhookDeliveryRow, WebhookDeliveryRow.webhook_id),
            (WebhookRow, WebhookRow.id),
        ):
            await self._tx.execute(
                delete(table).where(
                    table.workspace_id == self._tx.workspace_id, column == webhook_id
                )
            )

    def _webhooks(self) -> Any:
        return select(WebhookRow).where(WebhookRow.workspace_id == self._tx.workspace_id)


class DeliveryRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def find(self, delivery_id: DeliveryId, *, lock: bool = False) -> Delivery | None:
        query = self._deliveries().where(WebhookDeliveryRow.id == delivery_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        return _delivery(row) if row else None

    async def get(
        self, webhook_id: WebhookId, delivery_id: DeliveryId, *, lock: bool = False
    ) -> Delivery:
        found = await self.find(delivery_id, lock=lock)
        if found is None or found.webhook_id != webhook_id:
            raise DeliveryNotFound(id=delivery_id)
        return found

    async def list_page(
        self,
        webhook_id: WebhookId,
        states: Sequence[DeliveryState],
        cursor: str | None,
        limit: int,
    ) -> Page[Delivery]:
        """The newest events first."""
        query = self._deliveries().where(WebhookDeliveryRow.webhook_id == webhook_id)
        if states:
            query = query.where(WebhookDeliveryRow.state.in_([one.value for one in states]))
        if cursor:
            (last,) = read_cursor("deliveries", cursor, tuple[int])
            query = query.where(WebhookDeliveryRow.seq < last)
        found = await self._tx.execute(
            query.order_by(WebhookDeliveryRow.seq.desc()).limit(limit + 1)
        )
        return page_of(
            [_delivery(row) for row in found], limit, "deliveries", lambda one: (one.seq,)
        )

    async def add_all(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            await self._tx.execute(
                insert(WebhookDeliveryRow), [_delivery_columns(one) for one in deliveries]
            )

    async def save(self, one: Delivery) -> None:
        await self._tx.execute(
            update(WebhookDeliveryRow)
            .where(
                WebhookDeliveryRow.workspace_id == self._tx.workspace_id,
                WebhookDeliveryRow.id == one.id,
            )
            .values(_delivery_columns(one))
        )

    async def find_fresh(self, after: Delivery) -> Delivery | None:
        """The next delivery of the same webhook that has not been tried."""
        query = self._deliveries().where(
            WebhookDeliveryRow.webhook_id == after.webhook_id,
            WebhookDeliveryRow.seq > after.seq,
            WebhookDeliveryRow.state == DeliveryState.WAITING.value,
            WebhookDeliveryRow.attempts == 0,
        )
        row = (await self._tx.execute(query.order_by(WebhookDeliveryRow.seq).limit(1))).first()
        return _delivery(row) if row else None

    async def list_forgotten(self, before: datetime, limit: int) -> Sequence[Delivery]:
        """Deliveries of all workspaces that wait, and of which nothing was heard since then."""
        found = await self._tx.execute(
            select(WebhookDeliveryRow)
            .where(
                WebhookDeliveryRow.state == DeliveryState.WAITING.value,
                func.coalesce(WebhookDeliveryRow.tried_at, WebhookDeliveryRow.created_at) < before,
            )
            .order_by(WebhookDeliveryRow.created_at)
            .limit(limit)
        )
        return [_delivery(row) for row in found]

    async def forget(self, before: datetime, limit: int) -> int:
        """Forget deliveries of all workspaces that were done with by then; how many."""
        old = (
            select(WebhookDeliveryRow.id)
            .where(
                WebhookDeliveryRow.created_at < before,
                WebhookDeliveryRow.state != DeliveryState.WAITING.value,
            )
            .limit(limit)
        )
        gone = await self._tx.execute(
            delete(WebhookDeliveryRow).where(WebhookDeliveryRow.id.in_(old))
        )
        return gone.rowcount

    def _deliveries(self) -> Any:
        return select(WebhookDeliveryRow).where(
            WebhookDeliveryRow.workspace_id == self._tx.workspace_id
        )


def _columns(one: Webhook) -> dict[str, Any]:
    return {
        "id": one.id,
        "workspace_id": one.workspace_id,
        "created_by": one.created_by,
        "name": one.name,
        "url": one.url,
        "names": list(one.names),
        "secret": one.secret,
        "old_secret": one.old_secret,
        "old_secret_ends_at": one.old_secret_until,
        "place": one.place,
        "failing_since_at": one.failing_since,
        "disabled_at": one.disabled_at,
        "disabled_why": one.disabled_why,
        "version": one.version,
        "created_at": one.created_at,
    }


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        id=WebhookId(row.id),
        workspace_id=row.workspace_id,
        created_by=ActorId(row.created_by),
        name=row.name,
        url=row.url,
        names=tuple(row.names),
        secret=row.secret,
        old_secret=row.old_secret,
        old_secret_until=row.old_secret_ends_at,
        place=row.place,
        failing_since=row.failing_since_at,
        disabled_at=row.disabled_at,
        disabled_why=row.disabled_why,
        version=row.version,
        created_at=row.created_at,
    )


def _delivery_columns(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "workspace_id": one.workspace_id,
        "webhook_id": one.webhook_id,
        "seq": one.seq,
        "event_id": one.event_id,
        "event": one.event,
        "state": one.state.value,
        "attempts": one.attempts,
        "status": one.status,
        "error": one.error,
        "took_ms": one.took_ms,
        "created_at": one.created_at,
        "tried_at": one.tried_at,
    }


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        workspace_id=row.workspace_id,
        webhook_id=WebhookId(row.webhook_id),
        seq=row.seq,
        event_id=row.event_id,
        event=row.event,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        status=row.status,
        error=row.error,
        took_ms=row.took_ms,
        created_at=row.created_at,
        tried_at=row.tried_at,
    )
