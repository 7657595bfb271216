"""The tables of people, who are not bound to one workspace."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from nexus.platform.columns import Base, ExactText


class UserRow(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(ExactText, unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime]


class UserIdentityRow(Base):
    """Who a user is at an identity provider."""

    __tablename__ = "user_identities"
    __table_args__ = (UniqueConstraint("user_id", "provider"),)

    provider: Mapped[str] = mapped_column(ExactText, primary_key=True)
    subject: Mapped[str] = mapped_column(ExactText, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]


class SessionRow(Base):
    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    token_digest: Mapped[str] = mapped_column(ExactText, unique=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    lifetime_s: Mapped[int]
    address: Mapped[str]
    user_agent: Mapped[str]
    revoked_at: Mapped[datetime | None]
