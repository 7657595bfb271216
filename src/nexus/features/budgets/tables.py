"""The tables of budgets."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, TenantRow, within_workspace


class BudgetRow(TenantRow, Base):
    """`account` names what it is for (see domain.py: Account.key)."""

    __tablename__ = "budgets"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "account"),
        within_workspace("project_id", "projects"),
        within_workspace("agent_id", "agents"),
        within_workspace("task_id", "tasks"),
        within_workspace("created_by", "actors"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    account: Mapped[str] = mapped_column(ExactText)
    scope: Mapped[str]
    project_id: Mapped[UUID | None]
    agent_id: Mapped[UUID | None]
    task_id: Mapped[UUID | None]
    name: Mapped[str]
    tokens: Mapped[int | None] = mapped_column(BigInteger)
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class SpendingRow(TenantRow, Base):
    """What was used on behalf of an account in a month (2026-11); of a task, in all."""

    __tablename__ = "spendings"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    account: Mapped[str] = mapped_column(ExactText, primary_key=True)
    period: Mapped[str] = mapped_column(ExactText, primary_key=True)
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost_micros: Mapped[int] = mapped_column(BigInteger)
