"""An API key and when it is good."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NewType
from uuid import UUID

from nexus.features.keys.errors import (
    ExpiryNotUsable,
    ExpiryPassed,
    KeyRevoked,
    ScopesNotYours,
    UnknownScopes,
)
from nexus.platform.actor import PERMISSIONS, ActorId, Permission, WorkspaceId
from nexus.platform.instants import in_utc

KeyId = NewType("KeyId", UUID)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """`nxs_<prefix>_<secret>`: the prefix is public and names the key, the secret is not kept."""

    id: KeyId
    workspace_id: WorkspaceId
    actor_id: ActorId
    name: str
    prefix: str
    secret_digest: str
    scopes: frozenset[Permission]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def refusal(self, at: datetime) -> str | None:
        """Why the key is no longer good, in words; None while it is."""
        if self.revoked_at:
            return "it was revoked"
        if self.expires_at and at >= self.expires_at:
            return "it has expired"
        return None

    def check_rotatable(self, at: datetime) -> None:
        if why := self.refusal(at):
            raise KeyRevoked(why=why)

    def ending(self, at: datetime, overlap: timedelta) -> "ApiKey":
        """The key as it is once another has taken its place."""
        if not overlap:
            return replace(self, revoked_at=at)
        end = at + overlap
        return replace(self, expires_at=min(self.expires_at or end, end))


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key and its full text, which is shown this once."""

    key: ApiKey
    text: str


def granted_scopes(
    asked: Iterable[str] | None, allowed: frozenset[Permission]
) -> frozenset[Permission]:
    """The scopes of a new key: those asked for, or all that are allowed. Never more."""
    if asked is None:
        return allowed
    scopes = frozenset(Permission(scope) for scope in asked)
    if unknown := scopes - PERMISSIONS:
        raise UnknownScopes(unknown=sorted(unknown), known=sorted(PERMISSIONS), field="scopes")
    if foreign := scopes - allowed:
        raise ScopesNotYours(permission=", ".join(sorted(foreign)))
    return scopes


def check_expiry(expires_at: datetime | None, at: datetime) -> None:
    if expires_at is None:
        return
    try:
        is_past = in_utc(expires_at) <= at
    except ValueError as error:
        raise ExpiryNotUsable(why=str(error), field="expires_at") from error
    if is_past:
        raise ExpiryPassed(field="expires_at")


def split_key(text: str) -> tuple[str, str] | None:
    """The prefix and the secret of a key's full text; None for what is no key of ours."""
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    return (prefix, secret) if mark == "nxs" and prefix and secret else None
