"""The tables of projects."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace


class ProjectRow(TenantRow, Base):
    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "key"),
        Index(None, "workspace_id", "visibility"),
        within_workspace("lead_id", "actors"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    key: Mapped[str] = mapped_column(ExactText)
    name: Mapped[str]
    description: Mapped[str]
    lead_id: Mapped[UUID]
    visibility: Mapped[str]
    last_number: Mapped[int]
    version: Mapped[int]
    landing: Mapped[str]
    acceptors: Mapped[str]
    evidence: Mapped[list[Any]] = mapped_column(Json)
    expansion: Mapped[str]
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


class ProjectMemberRow(TenantRow, Base):
    __tablename__ = "project_members"
    __table_args__ = (
        within_workspace("project_id", "projects"),
        within_workspace("actor_id", "actors"),
        Index(None, "workspace_id", "actor_id"),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    added_at: Mapped[datetime]


class ProjectRepositoryRow(TenantRow, Base):
    __tablename__ = "project_repositories"
    __table_args__ = (
        within_workspace("project_id", "projects"),
        within_workspace("repository_id", "repositories"),
        Index(None, "workspace_id", "repository_id"),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    repository_id: Mapped[UUID] = mapped_column(primary_key=True)
    added_at: Mapped[datetime]
