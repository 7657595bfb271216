"""Users and their sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NewType
from uuid import UUID

from nexus.platform.actor import Actor, UserId

SessionId = NewType("SessionId", UUID)


@dataclass(frozen=True, kw_only=True)
class User:
    """A person. `password_hash` is None for those who sign in elsewhere."""

    id: UserId
    email: str
    name: str
    password_hash: str | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Session:
    id: SessionId
    user_id: UserId
    created_at: datetime
    last_used_at: datetime
    address: str
    user_agent: str
    lifetime: timedelta
    revoked_at: datetime | None

    @property
    def expires_at(self) -> datetime:
        """A sign-in ends when it has not been used for its lifetime."""
        return self.last_used_at + self.lifetime

    def is_live(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at


@dataclass(frozen=True, kw_only=True)
class NewSession:
    """A session and its token, which is shown this once."""

    session: Session
    token: str
    user: User


@dataclass(frozen=True, kw_only=True)
class Membership:
    """One workspace of a user, with the actor that the user is there."""

    workspace_name: str
    actor: Actor


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a user sees of themselves."""

    user: User
    memberships: tuple[Membership, ...]
