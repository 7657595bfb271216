"""What happens to webhooks."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class _WebhookEvent(Event):
    subject_field: ClassVar[str] = "webhook_id"

    webhook_id: UUID


@dataclass(frozen=True, kw_only=True)
class WebhookCreated(_WebhookEvent):
    name: ClassVar[str] = "webhook.created"

    title: str
    host: str


@dataclass(frozen=True, kw_only=True)
class WebhookUpdated(_WebhookEvent):
    name: ClassVar[str] = "webhook.updated"

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class WebhookRotated(_WebhookEvent):
    name: ClassVar[str] = "webhook.rotated"


@dataclass(frozen=True, kw_only=True)
class WebhookTested(_WebhookEvent):
    name: ClassVar[str] = "webhook.tested"


@dataclass(frozen=True, kw_only=True)
class WebhookDisabled(_WebhookEvent):
    name: ClassVar[str] = "webhook.disabled"

    title: str
    why: str


@dataclass(frozen=True, kw_only=True)
class WebhookRemoved(_WebhookEvent):
    name: ClassVar[str] = "webhook.removed"

    title: str
