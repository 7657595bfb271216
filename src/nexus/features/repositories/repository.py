"""Repositories in and out of the database, always within one workspace."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from nexus.features.repositories.domain import Provider, Repository, RepositoryId
from nexus.features.repositories.errors import RepositoryNotFound, RepositoryTaken
from nexus.features.repositories.tables import RepositoryRow
from nexus.platform.database import Transaction
from nexus.platform.fields import folded
from nexus.platform.paging import Page, page_of, read_cursor


class RepositoryRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, repository_id: RepositoryId, *, lock: bool = False) -> Repository:
        query = self._repositories().where(RepositoryRow.id == repository_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise RepositoryNotFound(id=repository_id)
        return _repository(row)

    async def list_page(
        self, cursor: str | None, limit: int, *, archived: bool
    ) -> Page[Repository]:
        """By name. `archived` shows the archived ones instead of the others."""
        query = self._repositories()
        if archived:
            query = query.where(RepositoryRow.archived_at.is_not(None))
        else:
            query = query.where(RepositoryRow.archived_at.is_(None))
        if cursor:
            name_key, last = read_cursor("repositories", cursor, tuple[str, UUID])
            query = query.where(
                tuple_(RepositoryRow.name_key, RepositoryRow.id) > tuple_(name_key, last)
            )
        query = query.order_by(RepositoryRow.name_key, RepositoryRow.id).limit(limit + 1)
        found = [_repository(row) for row in await self._tx.execute(query)]
        return page_of(found, limit, "repositories", lambda r: (folded(r.name), r.id))

    async def list_by_ids(self, repository_ids: Sequence[UUID]) -> Sequence[Repository]:
        query = self._repositories().where(RepositoryRow.id.in_(repository_ids))
        found = await self._tx.execute(query.order_by(RepositoryRow.name_key))
        return [_repository(row) for row in found]

    async def add(self, repository: Repository) -> None:
        try:
            await self._tx.execute(insert(RepositoryRow).values(_columns(repository)))
        except IntegrityError as error:
            raise RepositoryTaken(name=repository.name) from error

    async def save(self, repository: Repository) -> None:
        mine = (
            RepositoryRow.workspace_id == self._tx.workspace_id,
            RepositoryRow.id == repository.id,
        )
        try:
            await self._tx.execute(update(RepositoryRow).where(*mine).values(_columns(repository)))
        except IntegrityError as error:
            raise RepositoryTaken(name=repository.name) from error

    def _repositories(self) -> Select[Any]:
        return select(RepositoryRow).where(RepositoryRow.workspace_id == self._tx.workspace_id)


def _columns(repository: Repository) -> dict[str, Any]:
    return {
        "id": repository.id,
        "workspace_id": repository.workspace_id,
        "name": repository.name,
        "name_key": folded(repository.name),
        "url": repository.url,
        "provider": repository.provider.value,
        "default_branch": repository.default_branch,
        "version": repository.version,
        "created_at": repository.created_at,
        "archived_at": repository.archived_at,
    }


def _repository(row: Row[Any]) -> Repository:
    return Repository(
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        url=row.url,
        provider=Provider(row.provider),
        default_branch=row.default_branch,
        version=row.version,
        created_at=row.created_at,
        archived_at=row.archived_at,
    )
