"""Imports and task sources in and out of the database, always within one workspace."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, insert, literal, or_, select, update

from nexus.features.imports.domain import Import, ImportId, ImportReport, ImportState
from nexus.features.imports.errors import ImportNotFound
from nexus.features.imports.tables import ImportRow, TaskSourceRow
from nexus.features.tasks.domain import TaskId
from nexus.platform.actor import Actor, ActorId
from nexus.platform.actors import member_actor
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow
from nexus.platform.visibility import visible_key

_WITHOUT_CONTENT = [c for c in ImportRow.__table__.columns if c.key != "content"]


class ImportRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, import_id: ImportId, *, lock: bool = False) -> Import:
        query = self._imports().where(ImportRow.id == import_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise ImportNotFound(id=import_id)
        return _import(row)

    async def content(self, import_id: ImportId) -> bytes:
        found = await self._tx.execute(
            select(ImportRow.content).where(
                ImportRow.workspace_id == self._tx.workspace_id, ImportRow.id == import_id
            )
        )
        return found.scalar_one() or b""

    async def list_page(self, cursor: str | None, limit: int) -> Page[Import]:
        query = self._imports()
        if cursor:
            (last,) = read_cursor("imports", cursor, tuple[UUID])
            query = query.where(ImportRow.id < last)
        found = await self._tx.execute(query.order_by(ImportRow.id.desc()).limit(limit + 1))
        return page_of([_import(row) for row in found], limit, "imports", lambda one: (one.id,))

    async def list_waiting(self) -> Sequence[Import]:
        """Imports of all workspaces that are not finished, oldest first."""
        found = await self._tx.execute(
            select(*_WITHOUT_CONTENT)
            .where(ImportRow.state == literal(ImportState.QUEUED.value, literal_execute=True))
            .order_by(ImportRow.id)
            .limit(100)
        )
        return [_import(row) for row in found]

    async def actor_of(self, one: Import) -> tuple[Actor, bool]:
        """Who asked for it, with what they may now, and whether they are still there."""
        found = await self._tx.execute(
            select(ActorRow).where(
                ActorRow.workspace_id == self._tx.workspace_id, ActorRow.id == one.actor_id
            )
        )
        row = found.one()
        return member_actor(row), row.removed_at is None

    async def add(self, one: Import, content: bytes) -> None:
        await self._tx.execute(
            insert(ImportRow).values(
                id=one.id,
                workspace_id=one.workspace_id,
                actor_id=one.actor_id,
                source=one.source,
                file_name=one.file_name,
                project=one.project,
                format=one.format,
                state=one.state.value,
                content=content,
                report=None,
                error=None,
                created_at=one.created_at,
                finished_at=None,
            )
        )

    async def finish(
        self,
        import_id: ImportId,
        *,
        report: ImportReport | None,
        error: str | None,
        at: datetime,
    ) -> None:
        """Say how it ended and let go of the file."""
        state = ImportState.FAILED if error else ImportState.DONE
        await self._tx.execute(
            update(ImportRow)
            .where(ImportRow.workspace_id == self._tx.workspace_id, ImportRow.id == import_id)
            .values(
                state=state.value,
                report=msgspec.to_builtins(report) if report else None,
                error=error,
                content=None,
                finished_at=at,
            )
        )

    async def list_sources(self, source: str) -> dict[tuple[str, str], tuple[TaskId, str]]:
        """What came from a source before: `(list, external id) -> (task id, project key)`."""
        found = await self._tx.execute(
            select(
                TaskSourceRow.list,
                TaskSourceRow.external_id,
                TaskSourceRow.task_id,
                TaskSourceRow.project,
            ).where(
                TaskSourceRow.workspace_id == self._tx.workspace_id,
                TaskSourceRow.source == source,
                visible_key(TaskSourceRow.project, self._tx),
            )
        )
        return {(row.list, row.external_id): (TaskId(row.task_id), row.project) for row in found}

    async def add_sources(self, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            workspace_id = self._tx.workspace_id
            await self._tx.execute(
                insert(TaskSourceRow), [{"workspace_id": workspace_id, **row} for row in rows]
            )

    def _imports(self) -> Select[Any]:
        return select(*_WITHOUT_CONTENT).where(
            ImportRow.workspace_id == self._tx.workspace_id,
            or_(ImportRow.actor_id == self._tx.viewer, visible_key(ImportRow.project, self._tx)),
        )


def _import(row: Row[Any]) -> Import:
    return Import(
        id=row.id,
        workspace_id=row.workspace_id,
        actor_id=ActorId(row.actor_id),
        source=row.source,
        file_name=row.file_name,
        project=row.project,
        format=row.format,
        state=ImportState(row.state),
        report=msgspec.convert(row.report, ImportReport) if row.report else None,
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
