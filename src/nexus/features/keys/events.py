"""What happens to API keys."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class _KeyEvent(Event):
    subject_field: ClassVar[str] = "key_id"

    key_id: UUID
    prefix: str


@dataclass(frozen=True, kw_only=True)
class KeyCreated(_KeyEvent):
    name: ClassVar[str] = "key.created"

    scopes: list[str]


@dataclass(frozen=True, kw_only=True)
class KeyRotated(_KeyEvent):
    """Another key took its place; the old one may overlap for a while."""

    name: ClassVar[str] = "key.rotated"
    changes_access: ClassVar[bool] = True

    new_key_id: UUID
    new_prefix: str


@dataclass(frozen=True, kw_only=True)
class KeyRevoked(_KeyEvent):
    name: ClassVar[str] = "key.revoked"
    changes_access: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class KeyRefused(_KeyEvent):
    """Somebody showed this key when it was no longer good, or with a wrong secret.

    At most one a minute per key and reason, so that an attack does not fill the log.
    """

    name: ClassVar[str] = "key.refused"

    reason: str
    address: str
