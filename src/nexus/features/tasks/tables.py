"""The tables of tasks."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, Json, Serial, TenantRow, within_workspace

# SQLite knows nothing of how many rows a workspace has. Where an index begins with workspace_id,
# another one for (workspace_id, task_id) keeps it from walking through a whole workspace.
_IS_READY = text("status = 'todo' AND open_dependencies = 0 AND open_subtasks = 0")

_IS_UNSCORED = text("complexity_auto IS NULL")

_IS_UNDER_WAY = text("state IN ('working', 'needs_input')")


class TaskRow(TenantRow, Base):
    """`open_dependencies` (the task's and its ancestors' together), `open_subtasks`,
    `unlock_depth` and `unlock_count` are derived from the graph and kept beside it."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "key"),
        UniqueConstraint("project_id", "number"),
        within_workspace("project_id", "projects"),
        within_workspace("parent_id", "tasks"),
        within_workspace("repository_id", "repositories"),
        within_workspace("created_by", "actors"),
        Index(None, "workspace_id", "parent_id"),
        Index("ix_tasks_newest", "workspace_id", "created_at", "id"),
        Index("ix_tasks_updated", "workspace_id", "updated_at", "id"),
        Index("ix_tasks_priority", "workspace_id", "priority", "created_at", "id"),
        Index("ix_tasks_rank", "workspace_id", "project_key", "rank", "id"),
        Index("ix_tasks_number", "workspace_id", "project_key", "number"),
        Index("ix_tasks_status", "workspace_id", "status", "created_at", "id"),
        Index("ix_tasks_repository", "workspace_id", "repository_id"),
        Index("ix_tasks_finished", "workspace_id", "finished_at", "id"),
        Index(
            "ix_tasks_unscored",
            "workspace_id",
            "id",
            postgresql_where=_IS_UNSCORED,
            sqlite_where=_IS_UNSCORED,
        ),
        Index(
            "ix_tasks_ready",
            "workspace_id",
            "priority",
            text("unlock_depth DESC"),
            text("unlock_count DESC"),
            "created_at",
            "id",
            postgresql_where=_IS_READY,
            sqlite_where=_IS_READY,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    project_id: Mapped[UUID]
    project_key: Mapped[str] = mapped_column(ExactText)
    number: Mapped[int]
    key: Mapped[str] = mapped_column(ExactText)
    title: Mapped[str]
    description: Mapped[str]
    details: Mapped[str]
    test_strategy: Mapped[str]
    acceptance: Mapped[list[Any]] = mapped_column(Json)
    status: Mapped[str] = mapped_column(ExactText)
    priority: Mapped[int]
    complexity_auto: Mapped[int | None] = mapped_column(SmallInteger)
    complexity_given: Mapped[int | None] = mapped_column(SmallInteger)
    complexity_manual: Mapped[int | None] = mapped_column(SmallInteger)
    due_on: Mapped[date | None]
    repository_id: Mapped[UUID | None]
    footprint: Mapped[list[Any]] = mapped_column(Json)
    learned_footprint: Mapped[list[Any]] = mapped_column(Json)
    parent_id: Mapped[UUID | None]
    custom: Mapped[dict[str, Any]] = mapped_column(Json)
    rank: Mapped[str] = mapped_column(ExactText)
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    open_dependencies: Mapped[int]
    open_subtasks: Mapped[int]
    unlock_depth: Mapped[int]
    unlock_count: Mapped[int]


class TaskTextRow(TenantRow, Base):
    """What a search looks into: tokens, each behind the workspace's mark (see search.py).

    SQLite keeps an FTS5 index `task_words` over the three columns of words, by triggers and
    `number`; PostgreSQL has `words`, a generated tsvector of them.
    """

    __tablename__ = "task_texts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "task_id"),
        within_workspace("task_id", "tasks"),
    )

    number: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    task_id: Mapped[UUID]
    title_words: Mapped[str]
    body_words: Mapped[str]
    comment_words: Mapped[str]
    comment_text: Mapped[str]


class TaskRecurrenceRow(TenantRow, Base):
    """`task_id` is the newest task of the series; `next_on` only where a calendar makes them."""

    __tablename__ = "task_recurrences"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "task_id"),
        within_workspace("task_id", "tasks"),
        within_workspace("created_by", "actors"),
        Index("ix_task_recurrences_next_on", "next_on"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    task_id: Mapped[UUID]
    rule: Mapped[str]
    trigger: Mapped[str] = mapped_column(ExactText)
    starts_on: Mapped[date]
    next_on: Mapped[date | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class TaskKeyRow(TenantRow, Base):
    """A former key of a task that moved to another project; it stays valid for ever."""

    __tablename__ = "task_keys"
    __table_args__ = (
        UniqueConstraint("workspace_id", "key"),
        within_workspace("project_id", "projects"),
        within_workspace("task_id", "tasks"),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(ExactText)
    task_id: Mapped[UUID]


class TaskDependencyRow(TenantRow, Base):
    """`task_id` needs `depends_on_id` finished first."""

    __tablename__ = "task_dependencies"
    __table_args__ = (
        within_workspace("task_id", "tasks"),
        within_workspace("depends_on_id", "tasks"),
        within_workspace("created_by", "actors"),
        Index(None, "workspace_id", "task_id"),
        Index(None, "workspace_id", "depends_on_id"),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    depends_on_id: Mapped[UUID] = mapped_column(primary_key=True)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class TaskLinkRow(TenantRow, Base):
    __tablename__ = "task_links"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("task_id", "tasks"),
        within_workspace("other_id", "tasks"),
        Index(None, "workspace_id", "task_id"),
        Index(None, "workspace_id", "other_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    task_id: Mapped[UUID]
    kind: Mapped[str]
    other_id: Mapped[UUID | None]
    url: Mapped[str | None]
    title: Mapped[str]
    created_at: Mapped[datetime]


class TaskAssigneeRow(TenantRow, Base):
    __tablename__ = "task_assignees"
    __table_args__ = (
        within_workspace("task_id", "tasks"),
        within_workspace("actor_id", "actors"),
        Index(None, "workspace_id", "task_id"),
        Index(None, "workspace_id", "actor_id"),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    actor_id: Mapped[UUID] = mapped_column(primary_key=True)


class AssignmentRow(TenantRow, Base):
    """One hold of a task, from its claim to its end; for agents this is the run.

    Of the money and tokens, `reserved_...` is what the claim set aside. Costs are millionths of
    a US dollar.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("task_id", "fence"),
        within_workspace("task_id", "tasks"),
        within_workspace("actor_id", "actors"),
        within_workspace("ended_by", "actors"),
        Index(None, "workspace_id", "task_id", "fence"),
        Index("ix_assignments_of_actor", "workspace_id", "actor_id", "state"),
        Index("ix_assignments_newest", "workspace_id", "claimed_at", "id"),
        Index(
            "ix_assignments_under_way",
            "workspace_id",
            "actor_id",
            postgresql_where=_IS_UNDER_WAY,
            sqlite_where=_IS_UNDER_WAY,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    task_id: Mapped[UUID]
    actor_id: Mapped[UUID]
    fence: Mapped[int]
    state: Mapped[str] = mapped_column(ExactText)
    lease_s: Mapped[int | None]
    claimed_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None]
    reason: Mapped[str]
    progress: Mapped[int | None] = mapped_column(SmallInteger)
    note: Mapped[str]
    summary: Mapped[str]
    proved: Mapped[list[Any]] = mapped_column(Json)
    model: Mapped[str]
    tokens_in: Mapped[int] = mapped_column(BigInteger)
    tokens_out: Mapped[int] = mapped_column(BigInteger)
    cost_micros: Mapped[int] = mapped_column(BigInteger)
    reserved_tokens: Mapped[int] = mapped_column(BigInteger)
    reserved_cost_micros: Mapped[int] = mapped_column(BigInteger)
    is_overlapping: Mapped[bool]


class TaskHoldRow(TenantRow, Base):
    """Who works on a task now, or did last. The row stays, and its fence only rises."""

    __tablename__ = "task_holds"
    __table_args__ = (
        within_workspace("task_id", "tasks"),
        within_workspace("assignment_id", "assignments"),
        within_workspace("actor_id", "actors"),
        Index(None, "assignment_id"),
        Index(None, "workspace_id", "actor_id"),
        Index(
            "ix_task_holds_open",
            "workspace_id",
            "expires_at",
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    fence: Mapped[int]
    assignment_id: Mapped[UUID]
    actor_id: Mapped[UUID]
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class WorkLimitRow(TenantRow, Base):
    """How many tasks of a project, or of a repository, agents may work on at once."""

    __tablename__ = "work_limits"
    __table_args__ = (
        within_workspace("project_id", "projects"),
        within_workspace("repository_id", "repositories"),
        UniqueConstraint("workspace_id", "project_id"),
        UniqueConstraint("workspace_id", "repository_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID | None]
    repository_id: Mapped[UUID | None]
    max_running: Mapped[int]


class TaskOutcomeRow(TenantRow, Base):
    """What a task took that was finished at this moment, and its traits as numbers then."""

    __tablename__ = "task_outcomes"
    __table_args__ = (
        within_workspace("task_id", "tasks"),
        Index(None, "workspace_id", "finished_at"),
        Index(None, "workspace_id", "recorded_at"),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    finished_at: Mapped[datetime]
    features: Mapped[dict[str, Any]] = mapped_column(Json)
    seconds: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int]
    tokens: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime]


class LabelRow(TenantRow, Base):
    __tablename__ = "labels"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "name_key"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    name: Mapped[str]
    name_key: Mapped[str] = mapped_column(ExactText)


class TaskLabelRow(TenantRow, Base):
    __tablename__ = "task_labels"
    __table_args__ = (
        within_workspace("task_id", "tasks"),
        within_workspace("label_id", "labels"),
        Index(None, "workspace_id", "task_id"),
        Index(None, "workspace_id", "label_id"),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
