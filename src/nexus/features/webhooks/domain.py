"""Webhooks, what they are told, and when to try again: pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from urllib.parse import urlsplit
from uuid import UUID

from nexus.features.events.domain import is_named
from nexus.features.webhooks.errors import UrlNotUsable
from nexus.platform.actor import ActorId, WorkspaceId

WebhookId = NewType("WebhookId", UUID)
DeliveryId = NewType("DeliveryId", UUID)

MOST_IN_A_WORKSPACE = 50
TEST = "webhook.tested"
DELIVER = "webhooks.deliver_event"
QUEUE = "webhooks"
PAUSES = [
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=9),
]
"""Before each further attempt: eleven in all, over a day. Up to a tenth more, by chance."""


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """`names` as in the audit log, `task.*` for a family; empty for all. `place`: the last event
    that was handed on. It sees what `created_by` sees."""

    id: WebhookId
    workspace_id: WorkspaceId
    created_by: ActorId
    name: str
    url: str
    names: tuple[str, ...]
    secret: str
    old_secret: str | None
    old_secret_until: datetime | None
    place: int
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str | None
    version: int
    created_at: datetime

    @property
    def host(self) -> str:
        """Where it goes, without what may be secret in the address."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None

    def secrets(self, at: datetime) -> tuple[str, ...]:
        """What a message is signed with: both secrets while one makes way for the other."""
        if self.old_secret and self.old_secret_until and at < self.old_secret_until:
            return self.secret, self.old_secret
        return (self.secret,)

    def rotated(self, secret: str, *, overlap: timedelta, at: datetime) -> "Webhook":
        return replace(
            self,
            secret=secret,
            old_secret=self.secret if overlap else None,
            old_secret_until=at + overlap if overlap else None,
            version=self.version + 1,
        )

    def enabled(self) -> "Webhook":
        return replace(
            self,
            disabled_at=None,
            disabled_why=None,
            failing_since=None,
            version=self.version + 1,
        )

    def disabled(self, why: str, *, at: datetime) -> "Webhook":
        return replace(self, disabled_at=at, disabled_why=why, version=self.version + 1)

    def wants(self, name: str, subject: str) -> bool:
        """Whether it is told of an event. A test is for the webhook that is tested alone."""
        if name == TEST:
            return subject == f"webhook:{self.id}"
        return not self.names or any(is_named(name, wanted) for wanted in self.names)


@dataclass(frozen=True, kw_only=True)
class NewWebhook:
    """A webhook and its secret, which is shown this once."""

    webhook: Webhook


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event for one webhook, and what came of the last attempt."""

    id: DeliveryId
    workspace_id: WorkspaceId
    webhook_id: WebhookId
    seq: int
    event_id: UUID
    event: str
    state: DeliveryState
    attempts: int
    status: int | None
    error: str | None
    took_ms: int | None
    created_at: datetime
    tried_at: datetime | None

    def tried(
        self, *, status: int | None, error: str | None, took_ms: int, at: datetime
    ) -> "Delivery":
        """As it stands after an attempt: delivered, waiting for the next one, or given up."""
        attempts = self.attempts + 1
        if error is None:
            state = DeliveryState.DELIVERED
        elif attempts > len(PAUSES):
            state = DeliveryState.FAILED
        else:
            state = DeliveryState.WAITING
        return replace(
            self,
            state=state,
            attempts=attempts,
            status=status,
            error=error,
            took_ms=took_ms,
            tried_at=at,
        )

    def pause(self, chance: float) -> timedelta:
        """How long to wait for the next attempt; `chance` from 0 to 1 spreads them."""
        return PAUSES[self.attempts - 1] * (1 + 0.1 * chance)

    def again(self) -> "Delivery":
        """To be sent anew, with all its attempts before it."""
        return replace(self, state=DeliveryState.WAITING, attempts=0)


def check_url(url: str) -> str:
    """Raises UrlNotUsable for what cannot be sent to. Where it leads is checked when sending."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        (parts.hostname or "").encode("idna")  # empty and endless labels
    except ValueError as error:
        raise UrlNotUsable(why=str(error), field="url") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UrlNotUsable(why="it begins with http:// or https:// and a host", field="url")
    if parts.username or parts.password:
        raise UrlNotUsable(why="a name or password does not belong in it", field="url")
    if port == 0 or not all("!" <= mark <= "~" for mark in url.strip()):
        raise UrlNotUsable(why="it has a letter or port that addresses do not have", field="url")
    return url.strip()
