"""The verbs of API keys, and the look-up that every request with a key begins with."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nexus.features.keys.domain import (
    ApiKey,
    KeyId,
    NewKey,
    check_expiry,
    granted_scopes,
    split_key,
)
from nexus.features.keys.events import KeyCreated, KeyRefused, KeyRevoked, KeyRotated
from nexus.features.keys.repository import KeyRepository
from nexus.platform.actor import AGENT_PERMISSIONS, Actor, ActorId, Permission, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id
from nexus.platform.last_use import LastUse
from nexus.platform.paging import Page
from nexus.platform.secrets import digest, matches, new_prefix, new_secret


class KeyService:
    def __init__(self, keys: KeyRepository, events: EventLog) -> None:
        self._keys = keys
        self._events = events

    async def create(
        self,
        name: str,
        *,
        scopes: Iterable[str] | None,
        expires_at: datetime | None,
        by: Actor,
    ) -> NewKey:
        """A key for `by`, with these scopes or all that `by` has."""
        granted = granted_scopes(scopes, by.permissions)
        return await self._made(by.id, name, granted, expires_at, by)

    async def create_for_agent(
        self,
        agent_id: ActorId,
        name: str,
        *,
        scopes: Iterable[str] | None,
        expires_at: datetime | None,
        by: Actor,
    ) -> NewKey:
        """A key for an agent, with these scopes or all that agents have; never more than `by`.

        Raises KeyOwnerNotFound for who is no agent of the workspace, as do the following.
        """
        await self._keys.check_agent(agent_id)
        granted = granted_scopes(scopes, by.permissions & AGENT_PERMISSIONS)
        return await self._made(agent_id, name, granted, expires_at, by)

    async def list_of(self, owner: ActorId, cursor: str | None, limit: int) -> Page[ApiKey]:
        await self._keys.check_agent(owner)
        return await self._keys.list_page(cursor, limit, owner=owner)

    async def rotate_of(
        self, owner: ActorId, key_id: KeyId, *, overlap: timedelta, by: Actor
    ) -> NewKey:
        """As `rotate`, for an agent by whoever looks after it."""
        await self._keys.check_agent(owner)
        old = await self._keys.get(key_id, owner=owner, lock=True)
        return await self._rotated(old, old.scopes & by.permissions, overlap, by)

    async def revoke_of(self, owner: ActorId, key_id: KeyId, *, by: Actor) -> None:
        await self._keys.check_agent(owner)
        await self._revoke(await self._keys.get(key_id, owner=owner, lock=True), by)

    async def list_keys(self, cursor: str | None, limit: int, *, by: Actor) -> Page[ApiKey]:
        """An admin sees the workspace's keys, everybody else their own."""
        return await self._keys.list_page(cursor, limit, owner=_owner(by))

    async def get(self, key_id: KeyId, *, by: Actor) -> ApiKey:
        return await self._keys.get(key_id, owner=_owner(by))

    async def rotate(self, key_id: KeyId, *, overlap: timedelta, by: Actor) -> NewKey:
        """Another key in the place of one's own, which stays good for `overlap`."""
        old = await self._keys.get(key_id, owner=by.id, lock=True)
        return await self._rotated(old, old.scopes & by.permissions, overlap, by)

    async def revoke(self, key_id: KeyId, *, by: Actor) -> None:
        """End a key at once. Revoking a revoked one changes nothing."""
        await self._revoke(await self._keys.get(key_id, owner=_owner(by), lock=True), by)

    async def _made(
        self,
        owner: ActorId,
        name: str,
        scopes: frozenset[Permission],
        expires_at: datetime | None,
        by: Actor,
    ) -> NewKey:
        at = now()
        check_expiry(expires_at, at)
        new = _new_key(tidy(name), scopes, expires_at, at, owner, by.workspace_id)

        await self._keys.add(new.key)
        self._events.record(
            KeyCreated(key_id=new.key.id, prefix=new.key.prefix, scopes=sorted(scopes)), by=by
        )
        return new

    async def _rotated(
        self, old: ApiKey, scopes: frozenset[Permission], overlap: timedelta, by: Actor
    ) -> NewKey:
        at = now()
        old.check_rotatable(at)
        new = _new_key(old.name, scopes, old.expires_at, at, old.actor_id, by.workspace_id)

        await self._keys.save(old.ending(at, overlap))
        await self._keys.add(new.key)
        self._events.record(
            KeyRotated(
                key_id=old.id, prefix=old.prefix, new_key_id=new.key.id, new_prefix=new.key.prefix
            ),
            by=by,
        )
        return new

    async def _revoke(self, key: ApiKey, by: Actor) -> None:
        if key.revoked_at:
            return

        await self._keys.save(replace(key, revoked_at=now()))
        self._events.record(KeyRevoked(key_id=key.id, prefix=key.prefix), by=by)


@dataclass(frozen=True, kw_only=True)
class KeyFound:
    """What a look-up says: whose key it is, or why it is refused (`key` None: not one of ours)."""

    key: ApiKey | None
    actor: Actor | None
    refusal: str | None


class KeyLookup:
    def __init__(self, keys: KeyRepository, last_use: LastUse) -> None:
        self._keys = keys
        self._last_use = last_use

    async def find(self, text: str) -> KeyFound:
        parts = split_key(text)
        found = await self._keys.find_with_actor(parts[0]) if parts and parts[0].isalnum() else None
        if parts is None or found is None:
            return KeyFound(key=None, actor=None, refusal="there is no such key")
        key, actor, is_there = found
        at = now()
        refusal = key.refusal(at)
        if not matches(parts[1], key.secret_digest):
            return KeyFound(key=key, actor=None, refusal="there is no such key")
        if refusal or not is_there:
            return KeyFound(key=key, actor=actor, refusal=refusal or "its owner left the workspace")
        self._last_use.note(key.id, at)
        return KeyFound(key=key, actor=actor, refusal=None)

    async def write_last_use(self) -> None:
        if seen := self._last_use.drain():
            await self._keys.save_last_use(seen)


def record_refusal(events: EventLog, found: KeyFound, *, address: str) -> None:
    """Put a refused key on record. Who showed it is known only if the secret was right."""
    if found.key is None:
        return
    reason = found.refusal if found.actor else "wrong secret"
    events.record_refusal(
        KeyRefused(
            key_id=found.key.id,
            prefix=found.key.prefix,
            reason=reason or "",
            address=address,
        ),
        workspace_id=found.key.workspace_id,
        actor_id=found.actor.id if found.actor else None,
    )


def _owner(by: Actor) -> ActorId | None:
    return None if by.is_admin else by.id


def _new_key(
    name: str,
    scopes: frozenset[Permission],
    expires_at: datetime | None,
    at: datetime,
    owner: ActorId,
    workspace_id: WorkspaceId,
) -> NewKey:
    prefix, secret = new_prefix(), new_secret()
    key = ApiKey(
        id=KeyId(new_id()),
        workspace_id=workspace_id,
        actor_id=owner,
        name=name,
        prefix=prefix,
        secret_digest=digest(secret),
        scopes=scopes,
        created_at=at,
        expires_at=expires_at,
        last_used_at=None,
        revoked_at=None,
    )
    return NewKey(key=key, text=f"nxs_{prefix}_{secret}")
