"""API keys on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from nexus.features.keys.domain import ApiKey, NewKey
from nexus.platform.fields import Name

MAX_OVERLAP_S = 7 * 24 * 3600
Scope = Annotated[str, Meta(pattern="^[a-z]+:[a-z]+$", max_length=40)]
FutureInstant = Annotated[datetime, Meta(tz=True)]


class KeyIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`scopes` null: all that you may do. `expires_at` null: until revoked."""

    name: Name
    scopes: Annotated[list[Scope], Meta(max_length=50)] | None = None
    expires_at: FutureInstant | None = None


class RotationIn(Struct, forbid_unknown_fields=True, frozen=True):
    """For how many seconds the old key stays good beside the new one."""

    overlap_s: Annotated[int, Meta(ge=0, le=MAX_OVERLAP_S)] = 0


class KeyOut(Struct, frozen=True):
    id: UUID
    actor_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "KeyOut":
        return cls(
            id=key.id,
            actor_id=key.actor_id,
            name=key.name,
            prefix=key.prefix,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )


class NewKeyOut(Struct, frozen=True):
    """`secret` is the whole key. It is shown this once."""

    key: KeyOut
    secret: str

    @classmethod
    def of(cls, new: NewKey) -> "NewKeyOut":
        return cls(key=KeyOut.of(new.key), secret=new.text)


class KeyPage(Struct, frozen=True):
    items: list[KeyOut]
    next_cursor: str | None
