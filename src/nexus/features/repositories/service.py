"""The verbs of repositories."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from nexus.features.repositories.domain import Provider, Repository, RepositoryId
from nexus.features.repositories.events import RepositoryCreated, RepositoryUpdated
from nexus.features.repositories.repository import RepositoryRepository
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class RepositoryService:
    def __init__(self, repositories: RepositoryRepository, events: EventLog) -> None:
        self._repositories = repositories
        self._events = events

    async def create(
        self, name: str, *, url: str, provider: Provider, default_branch: str, by: Actor
    ) -> Repository:
        repository = Repository(
            id=RepositoryId(new_id()),
            workspace_id=by.workspace_id,
            name=tidy(name),
            url=url.rstrip("/"),
            provider=provider,
            default_branch=default_branch,
            version=1,
            created_at=now(),
            archived_at=None,
        )

        await self._repositories.add(repository)
        self._events.record(
            RepositoryCreated(
                repository_id=repository.id, title=repository.name, url=repository.url
            ),
            by=by,
        )
        return repository

    async def get(self, repository_id: RepositoryId) -> Repository:
        return await self._repositories.get(repository_id)

    async def list_repositories(
        self, cursor: str | None, limit: int, *, archived: bool
    ) -> Page[Repository]:
        return await self._repositories.list_page(cursor, limit, archived=archived)

    async def list_by_ids(self, repository_ids: Sequence[UUID]) -> Sequence[Repository]:
        return await self._repositories.list_by_ids(repository_ids)

    async def update(
        self,
        repository_id: RepositoryId,
        *,
        name: str | None,
        url: str | None,
        default_branch: str | None,
        archived: bool | None,
        version: int | None,
        by: Actor,
    ) -> Repository:
        """Change what is given and leave the rest. An update that changes nothing is silent."""
        old = await self._repositories.get(repository_id, lock=True)
        if version not in {None, old.version}:
            raise Stale(what="repository", current=old.version, given=version)
        was_archived = old.archived_at is not None
        archived_at = old.archived_at
        if archived is not None and archived != was_archived:
            archived_at = now() if archived else None
        new = replace(
            old,
            name=tidy(name) if name is not None else old.name,
            url=url.rstrip("/") if url is not None else old.url,
            default_branch=default_branch if default_branch is not None else old.default_branch,
            archived_at=archived_at,
            version=old.version + 1,
        )
        changes = changes_between(old, new, "name", "url", "default_branch", "archived_at")
        if not changes:
            return old

        await self._repositories.save(new)
        self._events.record(RepositoryUpdated(repository_id=new.id, changes=changes), by=by)
        return new
