"""Taking in a file: understood to its end at once, carried out chunk by chunk afterwards."""

import asyncio
import mmap
import zlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import IO

from nexus.features.imports.domain import (
    CARRY_OUT,
    Backlog,
    Import,
    ImportId,
    ImportPhase,
    ImportRecord,
    ImportReport,
    ImportState,
    Outcome,
    new_project_key,
)
from nexus.features.imports.errors import FileNotUnderstood, ProjectOfImportUnknown
from nexus.features.imports.events import ImportCreated, ImportFailed, ImportFinished
from nexus.features.imports.formats import understand
from nexus.features.imports.repository import PART_BYTES, ImportRepository
from nexus.features.imports.sources import SourceRepository
from nexus.features.projects.domain import Visibility
from nexus.features.projects.errors import ProjectNotFound
from nexus.features.projects.service import ProjectService
from nexus.platform.actor import Actor, Permission
from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class ImportService:
    def __init__(
        self,
        imports: ImportRepository,
        sources: SourceRepository,
        projects: ProjectService,
        tx: Transaction,
    ) -> None:
        self._imports = imports
        self._sources = sources
        self._projects = projects
        self._tx = tx
        self._events = tx.events

    async def create(
        self,
        file: IO[bytes],
        *,
        source: str | None,
        file_name: str,
        project: str | None,
        mapping: str | None,
        is_dry_run: bool,
        by: Actor,
    ) -> Import:
        """Understand a file and put it in line. Raises FileNotUnderstood; writes nothing then."""
        backlog, parts, count = await asyncio.to_thread(_surveyed, file, file_name, mapping)
        if project:
            await self._check_project(project)
        one = Import(
            id=ImportId(new_id()),
            workspace_id=by.workspace_id,
            actor_id=by.id,
            source=source or await self._source(backlog, file_name),
            file_name=file_name,
            project=project.upper() if project else None,
            format=backlog.format,
            is_partial=backlog.is_partial,
            is_dry_run=is_dry_run,
            state=ImportState.QUEUED,
            phase=ImportPhase.TASKS,
            position=0,
            records=count,
            projects={},
            mapping=mapping,
            report=ImportReport(),
            error=None,
            created_at=now(),
            finished_at=None,
        )

        await self._imports.add(one)
        await self._imports.add_file(one.id, parts)
        self._events.record(
            ImportCreated(import_id=one.id, source=one.source, format=one.format), by=by
        )
        self._tx.enqueue(CARRY_OUT, str(by.workspace_id), str(one.id), key=str(one.id))
        return one

    async def get(self, import_id: ImportId) -> Import:
        return await self._imports.get(import_id)

    async def list_imports(self, cursor: str | None, limit: int) -> Page[Import]:
        return await self._imports.list_page(cursor, limit)

    async def list_records(
        self,
        import_id: ImportId,
        outcomes: Collection[Outcome],
        cursor: str | None,
        limit: int,
        *,
        noted: bool,
    ) -> Page[ImportRecord]:
        """What became of each record, in the order of the file. `noted`: only those with notes."""
        page = await self._imports.list_record_page(import_id, outcomes, cursor, limit, noted=noted)
        if not page.items:
            await self._imports.get(import_id)
        return page

    async def list_waiting(self) -> Sequence[Import]:
        """What is to be carried out, in all workspaces; for the job alone."""
        return await self._imports.list_waiting()

    async def read_file(self, import_id: ImportId, into: IO[bytes]) -> None:
        await self._imports.read_file(import_id, into)

    async def take_up(self, import_id: ImportId) -> tuple[Import, Actor] | None:
        """An import to go on with, locked, and for whom; None if it has ended.

        Whoever asked for it must still be there and allowed to; else it ends where it is.
        """
        one = await self._imports.get(import_id, lock=True)
        if one.has_ended:
            return None
        by, is_there = await self._imports.actor_of(one)
        if not one.error and not (is_there and by.may(Permission("imports:write"))):
            why = "may no longer import here" if is_there else "has left the workspace"
            await self._stop(one, f"Whoever asked for it {why}.", by)
            return None
        return one, by

    async def begin(self, one: Import, backlog: Backlog, *, by: Actor) -> Import:
        """Choose the project of each list: the one asked for, the earlier one, or a new one."""
        if one.project:
            await self._check_project(one.project)
        earlier = await self._sources.projects_of(one.source)
        taken = set(await self._projects.list_keys())
        chosen: dict[str, str] = {}
        lists = () if one.is_partial else backlog.lists
        for parsed_list in lists:
            name = parsed_list.name
            chosen[name] = one.project or earlier.get(name) or new_project_key(name, taken)
            if chosen[name] in taken or one.project or one.is_dry_run:
                taken.add(chosen[name])
                continue
            taken.add(chosen[name])
            await self._projects.create(
                chosen[name],
                name=name[:100].strip() or chosen[name],
                description=f"Imported from {one.file_name}.",
                visibility=Visibility.WORKSPACE,
                lead_id=None,
                by=by,
            )
        begun = replace(one, state=ImportState.RUNNING, projects=chosen)
        await self._imports.save(begun)
        return begun

    async def advance(self, one: Import) -> None:
        """Save how far it has got."""
        await self._imports.save(one)

    async def finish(self, one: Import, *, by: Actor) -> None:
        """Say how it ended. The newest file of a source stays, as the frame of an export."""
        state = ImportState.FAILED if one.error else ImportState.DONE
        await self._imports.save(replace(one, state=state, finished_at=now()))
        if one.error or one.is_partial or one.is_dry_run:
            await self._imports.remove_file(one.id)
        else:
            await self._imports.remove_earlier_files(one)
        if one.error:
            self._events.record(ImportFailed(import_id=one.id, why=one.error), by=by)
        else:
            self._events.record(
                ImportFinished(
                    import_id=one.id,
                    created=one.report.created,
                    updated=one.report.updated,
                    unchanged=one.report.unchanged,
                    set_aside=one.report.set_aside,
                ),
                by=by,
            )

    async def fail(self, import_id: ImportId, why: str) -> None:
        """Put on record that an import cannot be carried out any further."""
        one = await self._imports.get(import_id, lock=True)
        if one.has_ended:
            return
        by, _ = await self._imports.actor_of(one)
        await self._stop(one, why, by)

    async def _stop(self, one: Import, why: str, by: Actor) -> None:
        """End it at once, or, where tasks have come in already, once their columns are right."""
        stopped = replace(one, error=one.error or why)
        has_written = one.position > 0 or one.phase is not ImportPhase.TASKS
        if has_written and one.phase is not ImportPhase.SETTLING and not one.is_dry_run:
            await self._imports.save(replace(stopped, phase=ImportPhase.SETTLING, position=0))
        else:
            await self.finish(stopped, by=by)

    async def _source(self, backlog: Backlog, file_name: str) -> str:
        """The file's name; of a complexity report the source of the tasks that it scores."""
        if not backlog.is_partial:
            return file_name
        titles = {record.id: record.title for record in backlog.records()}
        found = await self._sources.find_scored(titles)
        if found is None:
            raise FileNotUnderstood(
                why="it scores tasks that are not here. Import the tasks.json it belongs to first, "
                "or name that one's source."
            )
        return found[0]

    async def _check_project(self, key: str) -> None:
        try:
            project = await self._projects.get(key)
        except ProjectNotFound as error:
            raise ProjectOfImportUnknown(project=key, field="project") from error
        project.check_open()


def opened(file: IO[bytes]) -> memoryview:
    """The file's bytes without reading them into memory."""
    size = file.seek(0, 2)
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")


def _surveyed(
    file: IO[bytes], file_name: str, mapping: str | None
) -> tuple[Backlog, list[bytes], int]:
    """The backlog, its file compressed in parts, and the number of its records.

    Goes over all records once, so that nothing is found wrong with the file later.
    """
    data = opened(file)
    backlog = understand(data, file_name=file_name, mapping=mapping)
    try:
        count = sum(1 for _ in backlog.records())
    except RecursionError as error:
        raise FileNotUnderstood(why="it is nested too deeply.") from error
    parts = [
        zlib.compress(data[start : start + PART_BYTES], 1)
        for start in range(0, len(data), PART_BYTES)
    ]
    return backlog, parts, count
