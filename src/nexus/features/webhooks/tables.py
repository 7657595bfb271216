"""The tables of webhooks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace


class WebhookRow(TenantRow, Base):
    """`secret` is kept as it is: messages are signed with it."""

    __tablename__ = "webhooks"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("created_by", "actors"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    created_by: Mapped[UUID]
    name: Mapped[str]
    url: Mapped[str]
    names: Mapped[list[Any]] = mapped_column(Json)
    secret: Mapped[str]
    old_secret: Mapped[str | None]
    old_secret_ends_at: Mapped[datetime | None]
    place: Mapped[int]
    failing_since_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_why: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]


class WebhookDeliveryRow(TenantRow, Base):
    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("workspace_id", "webhook_id", "seq"),
        within_workspace("webhook_id", "webhooks"),
        Index(None, "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    webhook_id: Mapped[UUID]
    seq: Mapped[int]
    event_id: Mapped[UUID]
    event: Mapped[str]
    state: Mapped[str] = mapped_column(ExactText)
    attempts: Mapped[int]
    status: Mapped[int | None]
    error: Mapped[str | None]
    took_ms: Mapped[int | None]
    created_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
