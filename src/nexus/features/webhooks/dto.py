"""Webhooks on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.webhooks.domain import Delivery, DeliveryState, NewWebhook, Webhook

Title = Annotated[str, Meta(pattern="^[^\\x00]*$", min_length=1, max_length=100)]
Url = Annotated[str, Meta(pattern="^[^\\x00]*$", min_length=1, max_length=2000)]
EventNames = Annotated[
    list[Annotated[str, Meta(pattern=r"^[a-z_]+(\.[a-z_]+)*(\.\*)?$", max_length=100)]],
    Meta(max_length=50, description="Such as task.created or `task.*`; empty for all."),
]


class WebhookIn(Struct, forbid_unknown_fields=True):
    """`url` must lead to a public address, or to one that the operator allows."""

    name: Title
    url: Url
    events: EventNames = []


class WebhookPatch(Struct, forbid_unknown_fields=True):
    """Switched on again with `is_enabled`, it goes on with the events it has not been told."""

    name: Title | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    events: EventNames | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class WebhookRotateIn(Struct, forbid_unknown_fields=True):
    """For `overlap_s` seconds messages are signed with the old secret as well."""

    overlap_s: Annotated[int, Meta(ge=0, le=604800)] = 86400


class WebhookOut(Struct, frozen=True):
    """`place`: the last event it was told. `failing_since`: no message was taken since then."""

    id: UUID
    name: str
    url: str
    events: list[str]
    is_enabled: bool
    disabled_at: datetime | None
    disabled_why: str | None
    failing_since: datetime | None
    place: int
    created_by: UUID
    version: int
    created_at: datetime

    @classmethod
    def of(cls, one: Webhook) -> "WebhookOut":
        return cls(
            id=one.id,
            name=one.name,
            url=one.url,
            events=list(one.names),
            is_enabled=one.is_enabled,
            disabled_at=one.disabled_at,
            disabled_why=one.disabled_why,
            failing_since=one.failing_since,
            place=one.place,
            created_by=one.created_by,
            version=one.version,
            created_at=one.created_at,
        )


class WebhookPage(Struct, frozen=True):
    items: list[WebhookOut]
    next_cursor: str | None


class NewWebhookOut(Struct, frozen=True):
    """`secret` is shown this once; messages are signed with it (standardwebhooks.com)."""

    webhook: WebhookOut
    secret: str

    @classmethod
    def of(cls, new: NewWebhook) -> "NewWebhookOut":
        return cls(webhook=WebhookOut.of(new.webhook), secret=new.webhook.secret)


class DeliveryOut(Struct, frozen=True):
    """`status` and `error` are of the last attempt; an attempt is one message."""

    id: UUID
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

    @classmethod
    def of(cls, one: Delivery) -> "DeliveryOut":
        return cls(
            id=one.id,
            seq=one.seq,
            event_id=one.event_id,
            event=one.event,
            state=one.state,
            attempts=one.attempts,
            status=one.status,
            error=one.error,
            took_ms=one.took_ms,
            created_at=one.created_at,
            tried_at=one.tried_at,
        )


class DeliveryPage(Struct, frozen=True):
    items: list[DeliveryOut]
    next_cursor: str | None
