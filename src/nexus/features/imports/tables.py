"""The tables of imports."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace

_IS_WAITING = text("state = 'queued'")


class ImportRow(TenantRow, Base):
    """`content` is the file, until the import has finished."""

    __tablename__ = "imports"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("actor_id", "actors"),
        Index("ix_imports_waiting", "id", postgresql_where=_IS_WAITING, sqlite_where=_IS_WAITING),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    actor_id: Mapped[UUID]
    source: Mapped[str]
    file_name: Mapped[str]
    project: Mapped[str | None]
    format: Mapped[str]
    state: Mapped[str] = mapped_column(ExactText)
    content: Mapped[bytes | None]
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class TaskSourceRow(TenantRow, Base):
    """Where a task came from. `imported` is the merge base: the values it had on arrival.

    Originals are TEXT: JSONB would drop a key that stands twice and rewrite numbers.
    """

    __tablename__ = "task_sources"
    __table_args__ = (
        UniqueConstraint("workspace_id", "source", "list", "external_id", "project"),
        within_workspace("task_id", "tasks"),
        within_workspace("import_id", "imports"),
        Index(None, "workspace_id", "import_id"),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID]
    source: Mapped[str] = mapped_column(ExactText)
    list: Mapped[str] = mapped_column(ExactText)
    external_id: Mapped[str] = mapped_column(ExactText)
    project: Mapped[str] = mapped_column(ExactText)
    original: Mapped[str]
    imported: Mapped[dict[str, Any]] = mapped_column(Json)
