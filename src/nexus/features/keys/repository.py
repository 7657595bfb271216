"""API keys in and out of the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, bindparam, insert, select, update

from nexus.features.keys.domain import ApiKey, KeyId
from nexus.features.keys.errors import KeyNotFound, KeyOwnerNotFound
from nexus.features.keys.tables import ApiKeyRow
from nexus.platform.actor import Actor, ActorId, ActorKind, Permission
from nexus.platform.actors import JOINED, joined_actor_columns, key_actor
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.prepared import Prepared
from nexus.platform.rows import ActorRow


class KeyRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def find_with_actor(self, prefix: str) -> tuple[ApiKey, Actor, bool] | None:
        """A key of any workspace, who is behind it, and whether that one is still there."""
        row = (await _key_with_actor(self._tx, prefix=prefix)).first()
        if row is None:
            return None
        key = _key(row)
        actor = key_actor(row, key.scopes, prefix=JOINED)
        # Who comes back is the same actor again; the keys from before stay dead.
        is_there = row.who_removed_at is None and row.created_at >= row.who_created_at
        return key, actor, is_there

    async def get(self, key_id: KeyId, *, owner: ActorId | None, lock: bool = False) -> ApiKey:
        """One key; with `owner`, only if it is theirs."""
        query = self._keys(owner).where(ApiKeyRow.id == key_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise KeyNotFound(id=key_id)
        return _key(row)

    async def check_agent(self, actor_id: ActorId) -> None:
        """Raises KeyOwnerNotFound unless it is an agent of this workspace."""
        found = await self._tx.execute(
            select(ActorRow.id).where(
                ActorRow.workspace_id == self._tx.workspace_id,
                ActorRow.id == actor_id,
                ActorRow.kind == ActorKind.AGENT.value,
                ActorRow.removed_at.is_(None),
            )
        )
        if found.first() is None:
            raise KeyOwnerNotFound(id=actor_id)

    async def list_page(
        self, cursor: str | None, limit: int, *, owner: ActorId | None
    ) -> Page[ApiKey]:
        """The keys that were not revoked, newest first."""
        query = self._keys(owner).where(ApiKeyRow.revoked_at.is_(None))
        if cursor:
            (last,) = read_cursor("keys", cursor, tuple[UUID])
            query = query.where(ApiKeyRow.id < last)
        found = await self._tx.execute(query.order_by(ApiKeyRow.id.desc()).limit(limit + 1))
        return page_of([_key(row) for row in found], limit, "keys", lambda key: (key.id,))

    async def add(self, key: ApiKey) -> None:
        await self._tx.execute(
            insert(ApiKeyRow).values(
                id=key.id,
                workspace_id=key.workspace_id,
                actor_id=key.actor_id,
                name=key.name,
                prefix=key.prefix,
                secret_digest=key.secret_digest,
                scopes=sorted(key.scopes),
                created_at=key.created_at,
                expires_at=key.expires_at,
                last_used_at=None,
                revoked_at=None,
            )
        )

    async def save(self, key: ApiKey) -> None:
        await self._tx.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.workspace_id == self._tx.workspace_id, ApiKeyRow.id == key.id)
            .values(expires_at=key.expires_at, revoked_at=key.revoked_at)
        )

    async def save_last_use(self, seen: Mapping[UUID, datetime]) -> None:
        await self._tx.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.id == bindparam("key"))
            .values(last_used_at=bindparam("at")),
            [{"key": key, "at": at} for key, at in seen.items()],
        )

    def _keys(self, owner: ActorId | None) -> Any:
        keys = select(ApiKeyRow).where(ApiKeyRow.workspace_id == self._tx.workspace_id)
        return keys.where(ApiKeyRow.actor_id == owner) if owner else keys


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        workspace_id=row.workspace_id,
        actor_id=row.actor_id,
        name=row.name,
        prefix=row.prefix,
        secret_digest=row.secret_digest,
        scopes=frozenset(Permission(scope) for scope in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


_key_with_actor = Prepared(
    lambda of, _: (
        select(ApiKeyRow, *joined_actor_columns())
        .join(ActorRow, ActorRow.id == ApiKeyRow.actor_id)
        .where(ApiKeyRow.prefix == of.given("prefix", Text()))
    )
)
