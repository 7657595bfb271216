"""The verbs of saved views."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nexus.features.views.domain import View, ViewId
from nexus.features.views.events import ViewCreated, ViewRemoved, ViewUpdated
from nexus.features.views.repository import ViewRepository
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class ViewService:
    def __init__(self, views: ViewRepository, events: EventLog) -> None:
        self._views = views
        self._events = events

    async def create(
        self, name: str, *, query: Mapping[str, Any], is_shared: bool, by: Actor
    ) -> View:
        at = now()
        view = View(
            id=ViewId(new_id()),
            workspace_id=by.workspace_id,
            owner_id=by.id,
            name=tidy(name),
            is_shared=is_shared,
            query=query,
            version=1,
            created_at=at,
            updated_at=at,
        )

        await self._views.add(view)
        self._events.record(ViewCreated(view_id=view.id), by=by)
        return view

    async def get(self, view_id: ViewId) -> View:
        return await self._views.get(view_id)

    async def list_views(self, cursor: str | None, limit: int) -> Page[View]:
        """One's own and the shared ones."""
        return await self._views.list_page(cursor, limit)

    async def update(
        self,
        view_id: ViewId,
        *,
        name: str | None,
        query: Mapping[str, Any] | None,
        is_shared: bool | None,
        version: int | None,
        by: Actor,
    ) -> View:
        """Change what is given. A change that changes nothing is silent."""
        old = await self._views.get(view_id, lock=True)
        old.check_changeable(by)
        if version not in {None, old.version}:
            raise Stale(what="view", current=old.version, given=version)
        new = replace(
            old,
            name=old.name if name is None else tidy(name),
            query=old.query if query is None else query,
            is_shared=old.is_shared if is_shared is None else is_shared,
        )
        changed = list(changes_between(old, new, "name", "query", "is_shared"))
        if not changed:
            return old
        new = replace(new, version=old.version + 1, updated_at=now())

        await self._views.save(new)
        self._events.record(ViewUpdated(view_id=new.id, changed=changed), by=by)
        return new

    async def remove(self, view_id: ViewId, *, by: Actor) -> None:
        view = await self._views.get(view_id, lock=True)
        view.check_changeable(by)

        await self._views.remove(view_id)
        self._events.record(ViewRemoved(view_id=view_id), by=by)
