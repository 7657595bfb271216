"""The table of proposals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace


class ProposalRow(TenantRow, Base):
    __tablename__ = "proposals"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("task_id", "tasks"),
        within_workspace("proposed_by", "actors"),
        within_workspace("decided_by", "actors"),
        Index("ix_proposals_newest", "workspace_id", "created_at", "id"),
        Index("ix_proposals_of_task", "workspace_id", "task_id", "created_at", "id"),
        Index("ix_proposals_state", "state", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    task_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(ExactText)
    instructions: Mapped[str]
    content: Mapped[dict[str, Any] | None] = mapped_column(Json)
    model: Mapped[str]
    reason: Mapped[str]
    created: Mapped[list[Any]] = mapped_column(Json)
    proposed_by: Mapped[UUID]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
