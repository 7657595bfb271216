"""Carrying imports out behind the request that asked for them, in chunks that let others work.

A job that a killed server left goes on behind the last chunk that was committed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from itertools import islice
from tempfile import TemporaryFile
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from nexus.features.imports.domain import (
    CARRY_OUT,
    Backlog,
    Import,
    ImportId,
    ImportPhase,
    ImportState,
    ParsedTask,
)
from nexus.features.imports.formats import understand
from nexus.features.imports.service import opened
from nexus.features.imports.wiring import (
    column_settler,
    edge_writer,
    import_service,
    record_writer,
)
from nexus.platform.actor import Actor, WorkspaceId
from nexus.platform.database import Database, Transaction, is_retryable
from nexus.platform.errors import AppError
from nexus.platform.jobs.declaring import Run, job
from nexus.platform.logging import logger

log = logger(__name__)

CHUNK_S = 0.03
"""What a chunk aims to take. The law is 50 ms; some are slower than the one before."""

PAUSE = 0.5
"""Of a chunk's time: how long others have the database to themselves after it."""

BROKEN = "A fault of the server; its log says more under 'import.broken'."


@job(CARRY_OUT)
async def carry_out(run: Run, workspace_id: str, import_id: str) -> None:
    """Carry out an import, in chunks that let others work."""
    await run.step("chunks", _carry_out, run.database, workspace_id, import_id, attempts=100)


@job("imports.take_up", schedule="*/5 * * * *")
async def take_up(run: Run) -> None:
    """Carry out imports that have lost their job, as after a restore from an archive."""
    await run_waiting(run.database)


JOBS = [carry_out, take_up]


async def run_waiting(database: Database) -> int:
    """Carry out all imports that wait; how many there were.

    One that is being carried out elsewhere is left to that process at its next chunk.
    """
    async with database.system_reading() as tx:
        waiting = await import_service(tx).list_waiting()
    for one in waiting:
        await _run(database, one)
    return len(waiting)


async def _carry_out(database: Database, workspace_id: str, import_id: str) -> None:
    async with database.reading(WorkspaceId(UUID(workspace_id))) as tx:
        one = await import_service(tx).get(ImportId(UUID(import_id)))
    if not one.has_ended:
        await _run(database, one)


async def _run(database: Database, one: Import) -> None:
    """Carry one out as whoever asked for it: they see and reach what they do themselves."""
    try:
        async with AsyncExitStack() as stack:
            file = stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
            async with database.reading(one.workspace_id) as tx:
                await import_service(tx).read_file(one.id, file)
            backlog = await asyncio.to_thread(
                understand, opened(file), file_name=one.file_name, mapping=one.mapping
            )
            await _Runner(database, one, backlog).run()
    except AppError as why:
        log.info("import.failed", import_id=str(one.id), why=str(why))
        await _fail(database, one, str(why))
    except Exception as error:
        if _may_pass(error):
            raise
        log.exception("import.broken", import_id=str(one.id))
        await _fail(database, one, BROKEN)


class _Runner:
    """One import from where it stands to its end."""

    def __init__(self, database: Database, one: Import, backlog: Backlog) -> None:
        self._database = database
        self._import = one
        self._backlog = backlog
        self._size = 25
        self._started = 0.0

    async def run(self) -> None:
        if self._import.state is ImportState.QUEUED and not await self._begin():
            return
        if self._import.phase is ImportPhase.TASKS:
            await self._each(self._write_tasks)
            await self._next_phase(ImportPhase.EDGES)
        if self._import.phase is ImportPhase.EDGES:
            async with self._reading() as tx:
                plan = await edge_writer(tx).plan(self._import, self._backlog)

            async def write(
                tx: Transaction, one: Import, records: Sequence[ParsedTask], by: Actor
            ) -> Import:
                return await edge_writer(tx).write(one, plan, records, by=by)

            await self._each(write)
            await self._next_phase(ImportPhase.SETTLING)
        if self._import.phase is ImportPhase.SETTLING and not self._import.is_dry_run:
            await self._settle()
        await self._step(_finish)

    async def _begin(self) -> bool:
        async def begin(tx: Transaction, one: Import, by: Actor) -> Import:
            return await import_service(tx).begin(one, self._backlog, by=by)

        return await self._step(begin)

    async def _write_tasks(
        self, tx: Transaction, one: Import, records: Sequence[ParsedTask], by: Actor
    ) -> Import:
        unnamed = {part.name for part in self._backlog.lists if part.is_default}
        return await record_writer(tx).write(one, records, unnamed=unnamed, by=by)

    async def _each(
        self,
        write: Callable[[Transaction, Import, Sequence[ParsedTask], Actor], Awaitable[Import]],
    ) -> None:
        """Go over the records that this phase has not done with."""
        phase = self._import.phase
        records = islice(self._backlog.records(), self._import.position, None)
        while chunk := await asyncio.to_thread(_take, records, self._size):

            async def step(
                tx: Transaction,
                one: Import,
                by: Actor,
                chunk: Sequence[ParsedTask] = chunk,
            ) -> Import:
                moved = await write(tx, one, chunk, by)
                await import_service(tx).advance(moved)
                return moved

            if not await self._step(step) or self._import.phase is not phase:
                return

    async def _next_phase(self, phase: ImportPhase) -> None:
        if self._import.has_ended or self._import.phase is ImportPhase.SETTLING:
            return

        async def step(tx: Transaction, one: Import, _: Actor) -> Import:
            turned = replace(one, phase=phase, position=0)
            await import_service(tx).advance(turned)
            return turned

        await self._step(step)

    async def _settle(self) -> None:
        async with self._reading() as tx:
            graph, task_ids = await column_settler(tx).load(self._import)
        for start in range(0, len(task_ids), 250):

            async def recount(tx: Transaction, start: int = start) -> None:
                await column_settler(tx).recount(task_ids[start : start + 250])

            await self._chunk(recount)
        wrong = await asyncio.to_thread(graph.wrong_unlocks)
        changed = list(wrong.items())
        for start in range(0, len(changed), 250):

            async def save(tx: Transaction, start: int = start) -> None:
                await column_settler(tx).save_unlocks(dict(changed[start : start + 250]), graph)

            await self._chunk(save)

    async def _step(self, act: Callable[[Transaction, Import, Actor], Awaitable[Import]]) -> bool:
        """One chunk, unless the import has ended or another process has moved it on."""
        is_mine = True

        async def step(tx: Transaction) -> None:
            nonlocal is_mine
            taken = await import_service(tx).take_up(self._import.id)
            if taken is None:
                is_mine = False
                return
            self._started = time.perf_counter()  # here the wait for others is over
            one, by = taken
            if (one.phase, one.position) != (self._import.phase, self._import.position):
                raise _MovedOn
            self._import = await act(tx, one, by)

        try:
            await self._chunk(step)
        except _MovedOn:
            log.info("import.moved_on", import_id=str(self._import.id))
            return False
        return is_mine

    async def _chunk(self, act: Callable[[Transaction], Awaitable[None]]) -> None:
        """One transaction, as long as a chunk may be; the next one follows after a pause."""
        self._started = time.perf_counter()
        async with self._database.transaction(
            self._import.workspace_id, viewer=self._import.actor_id
        ) as tx:
            await act(tx)
        took = time.perf_counter() - self._started
        self._size = max(1, min(500, int(self._size * min(2.0, CHUNK_S / took))))
        await asyncio.sleep(took * PAUSE)

    def _reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self._database.reading(self._import.workspace_id, viewer=self._import.actor_id)


class _MovedOn(Exception):
    """Another process has carried this import on meanwhile; it is left to that one."""


def _take(records: Iterator[ParsedTask], count: int) -> list[ParsedTask]:
    return list(islice(records, count))


async def _finish(tx: Transaction, one: Import, by: Actor) -> Import:
    await import_service(tx).finish(one, by=by)
    return one


def _may_pass(error: Exception) -> bool:
    """Whether the database is away or was busy: the import still waits, and is tried again."""
    is_away = isinstance(error, DBAPIError) and error.connection_invalidated
    return is_away or isinstance(error, OSError) or is_retryable(error)


async def _fail(database: Database, one: Import, why: str) -> None:
    async with database.transaction(one.workspace_id) as tx:
        await import_service(tx).fail(one.id, why)
