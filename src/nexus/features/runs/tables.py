"""The tables of what runs say, ask and prove."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, Json, TenantRow, within_workspace


class RunLineRow(TenantRow, Base):
    __tablename__ = "run_lines"
    __table_args__ = (within_workspace("run_id", "assignments"),)

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    text: Mapped[str]
    recorded_at: Mapped[datetime]


class RunQuestionRow(TenantRow, Base):
    __tablename__ = "run_questions"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("run_id", "assignments"),
        within_workspace("answered_by", "actors"),
        Index(None, "workspace_id", "run_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    run_id: Mapped[UUID]
    text: Mapped[str]
    options: Mapped[list[Any]] = mapped_column(Json)
    asked_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_by: Mapped[UUID | None]
    answered_at: Mapped[datetime | None]


class RunProofRow(TenantRow, Base):
    """`proof` is as it was reported; the verdict is what somebody found who looked."""

    __tablename__ = "run_proofs"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        within_workspace("run_id", "assignments"),
        within_workspace("verified_by", "actors"),
        Index(None, "workspace_id", "run_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    run_id: Mapped[UUID]
    kind: Mapped[str]
    item: Mapped[str | None]
    proof: Mapped[dict[str, Any]] = mapped_column(Json)
    reported_at: Mapped[datetime]
    verdict: Mapped[str | None]
    verdict_note: Mapped[str]
    verified_by: Mapped[UUID | None]
    verified_at: Mapped[datetime | None]
