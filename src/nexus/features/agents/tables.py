"""The tables of agents."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, Json, TenantRow, within_workspace


class AgentRow(TenantRow, Base):
    """What is said of an agent beside its row of `actors`, which has the same id.

    `projects` are keys and `repositories` ids of what it may work in; empty means all.
    """

    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("id", "actors"),
        within_workspace("registered_by", "actors"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[str]
    description: Mapped[str]
    capabilities: Mapped[list[Any]] = mapped_column(Json)
    min_complexity: Mapped[int] = mapped_column(SmallInteger)
    max_complexity: Mapped[int] = mapped_column(SmallInteger)
    projects: Mapped[list[Any]] = mapped_column(Json)
    repositories: Mapped[list[Any]] = mapped_column(Json)
    max_tasks: Mapped[int]
    is_reviewed: Mapped[bool]
    reserved_tokens: Mapped[int] = mapped_column(BigInteger)
    reserved_cost_micros: Mapped[int] = mapped_column(BigInteger)
    paused_at: Mapped[datetime | None]
    pause_reason: Mapped[str]
    seen_at: Mapped[datetime | None]
    registered_by: Mapped[UUID]


class AgentSwitchRow(TenantRow, Base):
    """There while all agents of a workspace are paused."""

    __tablename__ = "agent_switches"
    __table_args__ = (within_workspace("paused_by", "actors"),)

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    paused_at: Mapped[datetime]
    paused_by: Mapped[UUID]
    reason: Mapped[str]
