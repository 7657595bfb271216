"""Letting tasks out into a file of another tool, as they came in wherever nobody changed them."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from tempfile import TemporaryFile
from typing import IO

from nexus.features.comments.service import CommentService
from nexus.features.imports.domain import Import
from nexus.features.imports.errors import NothingToExport, SourceUnknown
from nexus.features.imports.formats import writer_of
from nexus.features.imports.outgoing import Said
from nexus.features.imports.packing import Packing
from nexus.features.imports.repository import ImportRepository
from nexus.features.imports.service import opened
from nexus.features.imports.sources import SourceRepository
from nexus.features.projects.errors import ProjectNotFound
from nexus.features.projects.service import ProjectService
from nexus.features.tasks.departures import PAGE, TaskDepartures


class ExportService:
    def __init__(
        self,
        imports: ImportRepository,
        sources: SourceRepository,
        projects: ProjectService,
        tasks: TaskDepartures,
        comments: CommentService,
    ) -> None:
        self._imports = imports
        self._sources = sources
        self._projects = projects
        self._tasks = tasks
        self._comments = comments

    async def write(
        self, format_name: str, into: IO[bytes], *, projects: Collection[str], source: str | None
    ) -> int:
        """Write the tasks of these projects; how many dependencies do not fit in.

        It follows the file of that `source`, or the newest one of the format that went into these
        projects. Without projects those count into which that file went; all, if there is none.
        Raises ProjectNotFound, SourceUnknown, NothingToExport.
        """
        asked = [(await self._projects.get(key)).key for key in projects]
        kept = await self._imports.list_kept(format_name)
        frame, visible = await self._frame(kept, asked, source)
        wanted = asked or visible
        with ExitStack() as stack:
            data = memoryview(b"")
            if frame:
                file = stack.enter_context(TemporaryFile())
                await self._imports.read_file(frame.id, file)
                data = opened(file)
            mapping = frame.mapping if frame else None
            writer = await asyncio.to_thread(writer_of, format_name, data, mapping)
            sources = {one.source for one in kept}
            packing = Packing(writer, frame, sources=sources, projects=wanted)
            if frame:
                packing.departure.hides = not set(frame.projects.values()) <= set(visible)
            await self._pack(packing, frame, wanted)
            departure = packing.finish()
            await asyncio.to_thread(writer.write, departure, into)
        return departure.left_out

    async def _frame(
        self, kept: Sequence[Import], projects: Sequence[str], source: str | None
    ) -> tuple[Import | None, list[str]]:
        """The import whose file an export follows, and those of its projects that can be seen.

        Where all of them are hidden, so is whatever else stands in its file.
        """
        fits = [one for one in kept if source in {None, one.source}]
        if source and not fits:
            known = ", ".join(dict.fromkeys(one.source for one in kept)) or "none"
            raise SourceUnknown(source=source, known=known, field="source")
        for one in fits:
            visible = await self._visible(one.projects.values())
            if set(visible) & set(projects or visible):
                return one, visible
        return None, []

    async def _visible(self, keys: Iterable[str]) -> list[str]:
        found: list[str] = []
        for key in sorted(set(keys)):
            with suppress(ProjectNotFound):
                found.append((await self._projects.get(key)).key)
        return found

    async def _pack(self, packing: Packing, frame: Import | None, projects: Sequence[str]) -> None:
        there = await self._sources.list_names(frame.source) if frame else {}
        going = [
            one
            for is_archived in (False, True)
            async for page in self._tasks.pages(projects, is_archived=is_archived)
            for one in page
            if one.id in there or not is_archived
        ]
        if not going:
            raise NothingToExport
        await asyncio.to_thread(packing.name, going, there)
        for start in range(0, len(going), PAGE):
            ids = [one.id for one in going[start : start + PAGE]]
            tasks = await self._tasks.list_whole(ids)
            origins = await self._sources.list_origins(ids)
            said = await self._comments.list_of_tasks(ids)
            for task in tasks:
                comments = [
                    Said(id=str(c.id), author=c.author.name, text=c.body, created_at=c.created_at)
                    for c in said.get(task.id, ())
                ]
                packing.take(task, origins.get(task.id), comments)
