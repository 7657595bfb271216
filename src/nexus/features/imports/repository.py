"""Imports, their files and records, and task sources, always within one workspace."""

import zlib
from collections.abc import Collection, Sequence
from typing import IO, Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    Row,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    update,
)

from nexus.features.imports.domain import (
    Import,
    ImportId,
    ImportPhase,
    ImportRecord,
    ImportReport,
    ImportState,
    Note,
    Outcome,
)
from nexus.features.imports.errors import ImportNotFound
from nexus.features.imports.tables import ImportPartRow, ImportRecordRow, ImportRow
from nexus.platform.actor import Actor, ActorId
from nexus.platform.actors import member_actor
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow
from nexus.platform.visibility import visible_key

PART_BYTES = 1_000_000
MOST_KEPT = 200


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

    async def list_page(self, cursor: str | None, limit: int) -> Page[Import]:
        query = self._imports()
        if cursor:
            (last,) = read_cursor("imports", cursor, tuple[UUID])
            query = query.where(ImportRow.id < last)
        found = await self._tx.execute(query.order_by(ImportRow.id.desc()).limit(limit + 1))
        return page_of([_import(row) for row in found], limit, "imports", lambda one: (one.id,))

    async def list_waiting(self) -> Sequence[Import]:
        """Imports of all workspaces that have not ended, oldest first."""
        waits = [
            literal(state.value, literal_execute=True)
            for state in (ImportState.QUEUED, ImportState.RUNNING)
        ]
        found = await self._tx.execute(
            select(ImportRow).where(ImportRow.state.in_(waits)).order_by(ImportRow.id).limit(100)
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

    async def add(self, one: Import) -> None:
        await self._tx.execute(
            insert(ImportRow).values(
                workspace_id=one.workspace_id,
                actor_id=one.actor_id,
                source=one.source,
                file_name=one.file_name,
                project=one.project,
                format=one.format,
                is_partial=one.is_partial,
                is_dry_run=one.is_dry_run,
                records=one.records,
                mapping=one.mapping,
                created_at=one.created_at,
                id=one.id,
                **_progress(one),
            )
        )

    async def save(self, one: Import) -> None:
        """How far it has got, and what has come of it."""
        await self._tx.execute(
            update(ImportRow)
            .where(ImportRow.workspace_id == self._tx.workspace_id, ImportRow.id == one.id)
            .values(**_progress(one))
        )

    async def add_file(self, import_id: ImportId, parts: Sequence[bytes]) -> None:
        for number, content in enumerate(parts):
            await self._tx.execute(
                insert(ImportPartRow).values(
                    workspace_id=self._tx.workspace_id,
                    import_id=import_id,
                    number=number,
                    content=content,
                )
            )

    async def read_file(self, import_id: ImportId, into: IO[bytes]) -> None:
        """Write an import's file to another one, a part at a time."""
        number = 0
        while True:
            found = await self._tx.execute(
                select(ImportPartRow.content).where(
                    ImportPartRow.workspace_id == self._tx.workspace_id,
                    ImportPartRow.import_id == import_id,
                    ImportPartRow.number == number,
                )
            )
            content: bytes | None = found.scalar()
            if content is None:
                into.flush()
                return
            into.write(zlib.decompress(content))
            number += 1

    async def list_kept(self, format_name: str) -> Sequence[Import]:
        """Imports of a format whose files are still there, the newest first."""
        has_file = exists().where(
            ImportPartRow.workspace_id == ImportRow.workspace_id,
            ImportPartRow.import_id == ImportRow.id,
            ImportPartRow.number == 0,
        )
        found = await self._tx.execute(
            self._imports()
            .where(
                ImportRow.format == format_name,
                ImportRow.state == ImportState.DONE.value,
                ImportRow.is_partial.is_(False),
                ImportRow.is_dry_run.is_(False),
                has_file,
            )
            .order_by(ImportRow.id.desc())
            .limit(MOST_KEPT)
        )
        return [_import(row) for row in found]

    async def remove_earlier_files(self, one: Import) -> None:
        """Let go of the files that a newer one of the same source has taken the place of."""
        earlier = select(ImportRow.id).where(
            ImportRow.workspace_id == self._tx.workspace_id,
            ImportRow.source == one.source,
            ImportRow.format == one.format,
            ImportRow.state == ImportState.DONE.value,
            ImportRow.id < one.id,
        )
        await self._tx.execute(
            delete(ImportPartRow).where(
                ImportPartRow.workspace_id == self._tx.workspace_id,
                ImportPartRow.import_id.in_(earlier),
            )
        )

    async def remove_file(self, import_id: ImportId) -> None:
        await self._tx.execute(
            delete(ImportPartRow).where(
                ImportPartRow.workspace_id == self._tx.workspace_id,
                ImportPartRow.import_id == import_id,
            )
        )

    async def add_records(self, import_id: ImportId, records: Sequence[ImportRecord]) -> None:
        await self._tx.execute(
            insert(ImportRecordRow),
            [
                {
                    "workspace_id": self._tx.workspace_id,
                    "import_id": import_id,
                    "position": one.position,
                    "list": one.list,
                    "external_id": one.external_id,
                    "outcome": one.outcome.value,
                    "task_id": one.task_id,
                    "key": one.key,
                    "notes": msgspec.to_builtins(one.notes),
                    "original": one.original,
                }
                for one in records
            ],
        )

    async def list_records(
        self, import_id: ImportId, positions: Collection[int]
    ) -> dict[int, ImportRecord]:
        found = await self._tx.execute(
            self._records(import_id).where(
                ImportRecordRow.position >= min(positions),
                ImportRecordRow.position <= max(positions),
            )
        )
        return {row.position: _record(row) for row in found}

    async def save_records(self, import_id: ImportId, records: Sequence[ImportRecord]) -> None:
        if records:
            await self._tx.execute(
                update(ImportRecordRow)
                .where(
                    ImportRecordRow.workspace_id == self._tx.workspace_id,
                    ImportRecordRow.import_id == import_id,
                    ImportRecordRow.position == bindparam("at"),
                )
                .values(outcome=bindparam("to"), notes=bindparam("say")),
                [
                    {
                        "at": one.position,
                        "to": one.outcome.value,
                        "say": msgspec.to_builtins(one.notes),
                    }
                    for one in records
                ],
            )

    async def list_record_page(
        self,
        import_id: ImportId,
        outcomes: Collection[Outcome],
        cursor: str | None,
        limit: int,
        *,
        noted: bool,
    ) -> Page[ImportRecord]:
        """Of an import that the viewer may see; else there is nothing to see of it."""
        mine = self._imports().with_only_columns(ImportRow.id).where(ImportRow.id == import_id)
        query = self._records(import_id).where(exists(mine))
        if noted:
            query = query.where(cast(ImportRecordRow.notes, Text()) != "[]")
        if outcomes:
            query = query.where(ImportRecordRow.outcome.in_([one.value for one in outcomes]))
        if cursor:
            (last,) = read_cursor("import_records", cursor, tuple[int])
            query = query.where(ImportRecordRow.position > last)
        found = await self._tx.execute(query.order_by(ImportRecordRow.position).limit(limit + 1))
        records = [_record(row) for row in found]
        return page_of(records, limit, "import_records", lambda one: (one.position,))

    def _records(self, import_id: ImportId) -> Select[Any]:
        return select(ImportRecordRow).where(
            ImportRecordRow.workspace_id == self._tx.workspace_id,
            ImportRecordRow.import_id == import_id,
        )

    def _imports(self) -> Select[Any]:
        return select(ImportRow).where(
            ImportRow.workspace_id == self._tx.workspace_id,
            or_(ImportRow.actor_id == self._tx.viewer, visible_key(ImportRow.project, self._tx)),
        )


def _progress(one: Import) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "phase": one.phase.value,
        "position": one.position,
        "projects": dict(one.projects),
        "report": msgspec.to_builtins(one.report),
        "error": one.error,
        "finished_at": one.finished_at,
    }


def _import(row: Row[Any]) -> Import:
    return Import(
        id=row.id,
        workspace_id=row.workspace_id,
        actor_id=ActorId(row.actor_id),
        source=row.source,
        file_name=row.file_name,
        project=row.project,
        format=row.format,
        is_partial=row.is_partial,
        is_dry_run=row.is_dry_run,
        state=ImportState(row.state),
        phase=ImportPhase(row.phase),
        position=row.position,
        records=row.records,
        projects=row.projects,
        mapping=row.mapping,
        report=msgspec.convert(row.report or {}, ImportReport),
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def _record(row: Row[Any]) -> ImportRecord:
    return ImportRecord(
        position=row.position,
        list=row.list,
        external_id=row.external_id,
        outcome=Outcome(row.outcome),
        task_id=row.task_id,
        key=row.key,
        notes=msgspec.convert(row.notes, list[Note]),
        original=row.original,
    )
