"""The table of API keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace


class ApiKeyRow(TenantRow, Base):
    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index(None, "workspace_id", "actor_id"),
        within_workspace("actor_id", "actors"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    actor_id: Mapped[UUID]
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(ExactText, unique=True)
    secret_digest: Mapped[str]
    scopes: Mapped[list[Any]] = mapped_column(Json)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
