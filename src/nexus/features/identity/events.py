"""What happens around signing in."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


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
    subject_field: ClassVar[str] = "user_id"

    user_id: UUID
    address: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SessionRevoked(Event):
    name: ClassVar[str] = "session.revoked"
    subject_field: ClassVar[str] = "session_id"

    session_id: UUID
    reason: str
