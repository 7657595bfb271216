"""Saved views in and out of the database, always within one workspace and for one viewer."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from nexus.features.views.domain import View, ViewId
from nexus.features.views.errors import ViewNotFound, ViewTaken
from nexus.features.views.tables import ViewRow
from nexus.platform.actor import ActorId
from nexus.platform.database import Transaction
from nexus.platform.fields import folded
from nexus.platform.paging import Page, page_of, read_cursor


class ViewRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, view_id: ViewId, *, lock: bool = False) -> View:
        query = self._views().where(ViewRow.id == view_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise ViewNotFound(id=view_id)
        return _view(row)

    async def list_page(self, cursor: str | None, limit: int) -> Page[View]:
        """One's own and the shared ones, by name."""
        query = self._views()
        if cursor:
            name_key, last = read_cursor("views", cursor, tuple[str, UUID])
            query = query.where(tuple_(ViewRow.name_key, ViewRow.id) > tuple_(name_key, last))
        query = query.order_by(ViewRow.name_key, ViewRow.id).limit(limit + 1)
        views = [_view(row) for row in await self._tx.execute(query)]
        return page_of(views, limit, "views", lambda view: (folded(view.name), view.id))

    async def add(self, view: View) -> None:
        try:
            await self._tx.execute(insert(ViewRow).values(_columns(view)))
        except IntegrityError as error:
            raise ViewTaken(name=view.name) from error

    async def save(self, view: View) -> None:
        try:
            await self._tx.execute(
                update(ViewRow)
                .where(ViewRow.workspace_id == self._tx.workspace_id, ViewRow.id == view.id)
                .values(_columns(view))
            )
        except IntegrityError as error:
            raise ViewTaken(name=view.name) from error

    async def remove(self, view_id: ViewId) -> None:
        await self._tx.execute(
            delete(ViewRow).where(
                ViewRow.workspace_id == self._tx.workspace_id, ViewRow.id == view_id
            )
        )

    def _views(self) -> Select[Any]:
        return select(ViewRow).where(
            ViewRow.workspace_id == self._tx.workspace_id,
            or_(ViewRow.is_shared, ViewRow.owner_id == self._tx.viewer),
        )


def _columns(view: View) -> dict[str, Any]:
    return {
        "id": view.id,
        "workspace_id": view.workspace_id,
        "owner_id": view.owner_id,
        "name": view.name,
        "name_key": folded(view.name),
        "is_shared": view.is_shared,
        "query": dict(view.query),
        "version": view.version,
        "created_at": view.created_at,
        "updated_at": view.updated_at,
    }


def _view(row: Row[Any]) -> View:
    return View(
        id=row.id,
        workspace_id=row.workspace_id,
        owner_id=ActorId(row.owner_id),
        name=row.name,
        is_shared=row.is_shared,
        query=row.query,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
