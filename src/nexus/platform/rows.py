"""The tables that every feature points at: workspaces, actors, events, idempotency keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, TenantRow, within_workspace


class WorkspaceRow(Base):
    __tablename__ = "workspaces"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]


class ActorRow(TenantRow, Base):
    """One who acts: assignees, authors, holders and events point here. Never deleted.

    A member's row carries the role, so that a credential becomes an actor in one statement.
    """

    __tablename__ = "actors"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "handle"),
        UniqueConstraint("workspace_id", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str]
    name: Mapped[str]
    handle: Mapped[str] = mapped_column(ExactText)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str | None]
    is_owner: Mapped[bool]
    version: Mapped[int]
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class EventRow(TenantRow, Base):
    __tablename__ = "events"
    __table_args__ = (
        within_workspace("actor_id", "actors"),
        Index(None, "workspace_id", "task_id", "seq"),
        Index(None, "workspace_id", "actor_id", "seq"),
        Index(None, "workspace_id", "name", "seq"),
        Index(None, "workspace_id", "subject", "seq"),
        Index(None, "workspace_id", "project_id", "seq"),
        Index(None, "workspace_id", "assignment_id", "seq"),
        Index(None, "workspace_id", "recorded_at"),
        UniqueConstraint("id"),
    )

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[UUID]
    name: Mapped[str] = mapped_column(ExactText)
    schema: Mapped[int]
    actor_id: Mapped[UUID | None]
    subject: Mapped[str] = mapped_column(ExactText)
    project_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    assignment_id: Mapped[UUID | None]
    fence: Mapped[int | None]
    request_id: Mapped[str | None]
    recorded_at: Mapped[datetime]
    payload: Mapped[dict[str, Any]] = mapped_column(Json)


class IdempotencyKeyRow(Base):
    """A claimed key and, once its request has committed, the answer to replay."""

    __tablename__ = "idempotency_keys"

    credential_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(ExactText, primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int | None]
    headers: Mapped[list[Any] | None] = mapped_column(Json)
    body: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SchemaRequirementRow(Base):
    """One row: the oldest program generation that can run on this schema (migrating.py)."""

    __tablename__ = "schema_requirements"

    min_program: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class JobWorkerRow(Base):
    """A worker process on PostgreSQL, and when it last said that it lives, in milliseconds."""

    __tablename__ = "job_workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    seen_ms: Mapped[int] = mapped_column(BigInteger)
