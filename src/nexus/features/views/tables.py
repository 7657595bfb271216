"""The table of saved views."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace


class ViewRow(TenantRow, Base):
    __tablename__ = "views"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "owner_id", "name_key"),
        within_workspace("owner_id", "actors"),
        Index(None, "workspace_id", "name_key", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    owner_id: Mapped[UUID]
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(ExactText)
    is_shared: Mapped[bool]
    query: Mapped[dict[str, Any]] = mapped_column(Json)
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
