"""What happens around signing in."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class SessionCreated(Event):
    name: ClassVar[str] = "session.created"
    subject_field: ClassVar[str] = "session_id"

    session_id: UUID
    address: str


@dataclass(frozen=True, kw_only=True)
class SessionRefused(Event):
    """Somebody tried to sign in as this user and failed."""

    name: ClassVar[str] = "session.refused"
    subject_noun: ClassVar[str] = "user"
    subject_field: ClassVar[str] = "user_id"

    user_id: UUID
    address: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SessionRevoked(Event):
    name: ClassVar[str] = "session.revoked"
    changes_access: ClassVar[bool] = True
    subject_field: ClassVar[str] = "session_id"

    session_id: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class UserUpdated(Event):
    name: ClassVar[str] = "user.updated"
    subject_field: ClassVar[str] = "user_id"

    user_id: UUID
    changes: Changes


@dataclass(frozen=True, kw_only=True)
class UserPasswordChanged(Event):
    """All other sessions of the user ended with it."""

    name: ClassVar[str] = "user.password_changed"
    changes_access: ClassVar[bool] = True
    subject_field: ClassVar[str] = "user_id"

    user_id: UUID
