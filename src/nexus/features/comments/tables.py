"""The tables of comments."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, TenantRow, within_workspace


class CommentRow(TenantRow, Base):
    __tablename__ = "task_comments"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("task_id", "tasks"),
        within_workspace("author_id", "actors"),
        Index(None, "workspace_id", "task_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    task_id: Mapped[UUID]
    author_id: Mapped[UUID]
    body: Mapped[str]
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class MentionRow(TenantRow, Base):
    __tablename__ = "task_comment_mentions"
    __table_args__ = (
        within_workspace("comment_id", "task_comments"),
        within_workspace("actor_id", "actors"),
        Index(None, "workspace_id", "actor_id"),
    )

    comment_id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
