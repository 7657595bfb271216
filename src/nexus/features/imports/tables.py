"""The tables of imports."""

import builtins
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace

_IS_WAITING = text("state IN ('queued', 'running')")


class ImportRow(TenantRow, Base):
    """`position` is the last record that the phase has done with."""

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
    is_partial: Mapped[bool]
    is_dry_run: Mapped[bool]
    state: Mapped[str] = mapped_column(ExactText)
    phase: Mapped[str] = mapped_column(ExactText)
    position: Mapped[int]
    records: Mapped[int]
    mapping: Mapped[str | None]
    projects: Mapped[dict[str, Any]] = mapped_column(Json)
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ImportPartRow(TenantRow, Base):
    """A piece of an import's file, compressed. The newest file of each source is kept."""

    __tablename__ = "import_parts"
    __table_args__ = (within_workspace("import_id", "imports"),)

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]


class ImportRecordRow(TenantRow, Base):
    """What became of one record of a file. `original` is there where it became no task."""

    __tablename__ = "import_records"
    __table_args__ = (
        within_workspace("import_id", "imports"),
        within_workspace("task_id", "tasks"),
        Index(None, "import_id", "outcome", "position"),
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    list: Mapped[str] = mapped_column(ExactText)
    external_id: Mapped[str] = mapped_column(ExactText)
    task_id: Mapped[UUID | None]
    outcome: Mapped[str | None] = mapped_column(ExactText)
    key: Mapped[str | None] = mapped_column(ExactText)
    notes: Mapped[builtins.list[Any]] = mapped_column(Json)
    original: Mapped[str | None]


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
        Index(None, "workspace_id", "task_id"),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID]
    source: Mapped[str] = mapped_column(ExactText)
    list: Mapped[str] = mapped_column(ExactText)
    external_id: Mapped[str] = mapped_column(ExactText)
    project: Mapped[str] = mapped_column(ExactText)
    original: Mapped[str]
    imported: Mapped[dict[str, Any]] = mapped_column(Json)
