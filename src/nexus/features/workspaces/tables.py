"""The tables of workspaces that no other feature points at."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText, TenantRow, within_workspace


class InvitationRow(TenantRow, Base):
    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index(None, "workspace_id", "created_at"),
        within_workspace("invited_by", "actors"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    email: Mapped[str | None]
    github_login: Mapped[str | None]
    role: Mapped[str]
    invited_by: Mapped[UUID]
    token_digest: Mapped[str] = mapped_column(ExactText, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
