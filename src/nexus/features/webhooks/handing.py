"""Handing events on to webhooks: which are theirs, what is sent, and what comes of it."""

import random
from dataclasses import replace
from datetime import timedelta

import msgspec

from nexus.clients.webhooks import Answer, Message
from nexus.features.events.domain import EventFilter, PastEvent
from nexus.features.events.service import EventService
from nexus.features.webhooks.domain import (
    DELIVER,
    QUEUE,
    Delivery,
    DeliveryId,
    DeliveryState,
    Webhook,
    WebhookId,
)
from nexus.features.webhooks.errors import WebhookNotFound
from nexus.features.webhooks.events import WebhookDisabled
from nexus.features.webhooks.repository import DeliveryRepository, WebhookRepository
from nexus.platform.actor import ActorId
from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.ids import new_id

AT_A_TIME = 200
DISABLED_AFTER = timedelta(days=1)
_LEFT = "Its maker has left the workspace."
_TAKES_NOTHING = "It took nothing for a day; its deliveries say why."
_OFF = "The webhook is switched off."
_HIDDEN = "The event is no longer one that the webhook's maker can see."


class Handing:
    def __init__(
        self,
        webhooks: WebhookRepository,
        deliveries: DeliveryRepository,
        log: EventService,
        tx: Transaction,
    ) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._log = log
        self._tx = tx

    async def hand_out(self, webhook_id: WebhookId) -> bool:
        """Make deliveries of what is new to a webhook; whether there is more.

        The transaction looks as the webhook's maker: what they cannot see is not sent.
        """
        try:
            webhook = await self._webhooks.get(webhook_id, lock=True)
        except WebhookNotFound:
            return False
        if not webhook.is_enabled:
            return False
        if not await self._webhooks.has_maker(webhook):
            await self._switch_off(webhook, _LEFT)
            return False
        last, _ = await self._log.beginning()
        page = await self._log.list_events(EventFilter(after=webhook.place), None, None, AT_A_TIME)
        deliveries = [
            _delivery(event, webhook)
            for event in page.items
            if webhook.wants(event.name, event.subject)
        ]
        seen = page.items[-1].seq if page.items else 0
        # At the end of the log, what the maker cannot see is behind as well.
        place = seen if page.next_cursor else max(seen, last, webhook.place)

        await self._deliveries.add_all(deliveries)
        await self._webhooks.save(replace(webhook, place=place))
        for one in deliveries:
            self.enqueue(one)
        return page.next_cursor is not None

    def enqueue(self, one: Delivery, *, pause: timedelta = timedelta()) -> None:
        """Have a delivery sent. One webhook's are sent one at a time, earlier events first."""
        self._tx.enqueue(
            DELIVER,
            str(one.workspace_id),
            str(one.id),
            key=f"{one.id}:{new_id()}",
            delay_s=pause.total_seconds(),
            queue=QUEUE,
            partition=str(one.webhook_id),
            priority=one.seq,
        )

    async def maker_of(self, delivery_id: DeliveryId) -> ActorId | None:
        """As whom to look at the event of a delivery that is to be sent."""
        found = await self._waiting(delivery_id)
        return found[1].created_by if found else None

    async def message(self, delivery_id: DeliveryId) -> Message | None:
        """What a delivery sends now; None where there is nothing to send, which is then said."""
        found = await self._waiting(delivery_id)
        if found is None:
            return None
        delivery, webhook = found
        event = await self._event(delivery)
        if event is None or not webhook.is_enabled:
            return None
        body = {"type": event.name, "timestamp": event.recorded_at, "data": event}
        return Message(
            id=str(delivery.event_id),
            url=webhook.url,
            body=msgspec.json.encode(body),
            secrets=webhook.secrets(now()),
        )

    async def settle(self, delivery_id: DeliveryId, answer: Answer | None) -> DeliveryId | None:
        """Write down what came of an attempt, and what follows from it. None: nothing was sent.

        Returns the next delivery of the webhook that was not tried yet.
        """
        found = await self._waiting(delivery_id, lock=True)
        if found is None:
            return None
        delivery, webhook = found
        at = now()
        if answer is None:
            why = _OFF if not webhook.is_enabled else _HIDDEN
            given_up = replace(delivery, state=DeliveryState.FAILED, error=why, tried_at=at)
            await self._deliveries.save(given_up)
            return await self._next(delivery)
        tried = delivery.tried(
            status=answer.status, error=answer.error, took_ms=answer.took_ms, at=at
        )
        await self._deliveries.save(tried)
        if tried.state is DeliveryState.WAITING:
            self.enqueue(tried, pause=tried.pause(random.random()))  # noqa: S311 - jitter
        await self._note_health(webhook, tried)
        return await self._next(delivery)

    async def _next(self, delivery: Delivery) -> DeliveryId | None:
        following = await self._deliveries.find_fresh(delivery)
        return following.id if following else None

    async def _note_health(self, webhook: Webhook, tried: Delivery) -> None:
        """Since when it fails; a webhook that took nothing for a day is switched off."""
        at = now()
        if tried.state is DeliveryState.DELIVERED:
            if webhook.failing_since:
                await self._webhooks.save(replace(webhook, failing_since=None))
            return
        since = webhook.failing_since or at
        if tried.state is DeliveryState.FAILED and at - since >= DISABLED_AFTER:
            await self._switch_off(webhook, _TAKES_NOTHING)
        elif webhook.failing_since is None:
            await self._webhooks.save(replace(webhook, failing_since=since))

    async def _switch_off(self, webhook: Webhook, why: str) -> None:
        await self._webhooks.save(webhook.disabled(why, at=now()))
        self._tx.events.record_by_system(
            WebhookDisabled(webhook_id=webhook.id, title=webhook.name, why=why),
            workspace_id=webhook.workspace_id,
        )

    async def _waiting(
        self, delivery_id: DeliveryId, *, lock: bool = False
    ) -> tuple[Delivery, Webhook] | None:
        """A delivery that is to be sent, and its webhook; None if it is done with or removed."""
        delivery = await self._deliveries.find(delivery_id)
        if delivery is None:
            return None
        try:
            webhook = await self._webhooks.get(delivery.webhook_id, lock=lock)
        except WebhookNotFound:  # removed at this moment, with its deliveries
            return None
        if lock:  # the webhook first, as when events are handed out
            delivery = await self._deliveries.find(delivery_id, lock=True)
        if delivery is None or delivery.state is not DeliveryState.WAITING:
            return None
        return delivery, webhook

    async def _event(self, delivery: Delivery) -> PastEvent | None:
        page = await self._log.list_events(EventFilter(after=delivery.seq - 1), None, None, 1)
        return next((event for event in page.items if event.seq == delivery.seq), None)


def _delivery(event: PastEvent, webhook: Webhook) -> Delivery:
    return Delivery(
        id=DeliveryId(new_id()),
        workspace_id=webhook.workspace_id,
        webhook_id=webhook.id,
        seq=event.seq,
        event_id=event.id,
        event=event.name,
        state=DeliveryState.WAITING,
        attempts=0,
        status=None,
        error=None,
        took_ms=None,
        created_at=now(),
        tried_at=None,
    )
