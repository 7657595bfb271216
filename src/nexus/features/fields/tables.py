"""The table of custom field definitions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace


class CustomFieldRow(TenantRow, Base):
    """`key` is the name in a task's `custom`; `choices` are those of a choice."""

    __tablename__ = "custom_fields"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("project_id", "key"),
        within_workspace("project_id", "projects"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    project_id: Mapped[UUID]
    key: Mapped[str] = mapped_column(ExactText)
    name: Mapped[str]
    type: Mapped[str] = mapped_column(ExactText)
    choices: Mapped[list[Any]] = mapped_column(Json)
    is_required: Mapped[bool]
    created_at: Mapped[datetime]
