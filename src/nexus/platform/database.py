"""The only ways to the database: transactions and readings of one workspace, or of the system."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import CursorResult, Dialect, Executable, Result
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from nexus.platform import metrics, sqlite, tracing
from nexus.platform.actor import ActorId, WorkspaceId
from nexus.platform.database_url import DatabaseUrl
from nexus.platform.direct import DirectRead, DriverFailed
from nexus.platform.events import AdvisoryLock, EventLog, advisory_lock, write_events
from nexus.platform.wakeups import Wakeups

DATABASE_FAILURES = (SQLAlchemyError, OSError)
"""What a database that is away or refuses raises; loops that must go on catch these alone."""

_RETRYABLE_STATES = {"40001", "40P01"}  # serialization failure, deadlock


def is_retryable(error: BaseException) -> bool:
    """Whether the same transaction may well succeed when it is simply run again."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state in _RETRYABLE_STATES or "database is locked" in str(error.orig)


def violated_constraint(error: DBAPIError) -> str:
    """The name of the violated constraint, or on SQLite the columns it names (`tasks.key`)."""
    cause = getattr(error.orig, "__cause__", None)
    return getattr(cause, "constraint_name", None) or str(error.orig).rpartition(": ")[2]


@dataclass(frozen=True, kw_only=True)
class Enqueued:
    """A job that runs once the transaction is committed. The same id is the same job.

    Of one `partition` of a queue one job runs at a time, smaller `priority` first.
    """

    id: str
    name: str
    arguments: tuple[str, ...]
    delay_s: float
    queue: str | None
    partition: str | None
    priority: int | None


def job_prefix(workspace_id: WorkspaceId) -> str:
    """What the ids of a workspace's jobs begin with: its admins see those and no others."""
    return f"ws/{workspace_id}/"


def workspace_of_job(job_id: str) -> WorkspaceId | None:
    """Whose job it is; None for one of the server itself."""
    parts = job_id.split("/", 2)
    return WorkspaceId(UUID(parts[1])) if len(parts) > 2 and parts[0] == "ws" else None


class JobWriter(Protocol):
    """The job engine's way into a transaction: see platform/jobs."""

    async def write(self, connection: AsyncConnection, jobs: Sequence[Enqueued]) -> None: ...

    def close(self) -> None: ...


Hook = Callable[["Transaction"], Awaitable[None]]
Connect = Callable[[], Awaitable[AsyncConnection]]
Read = Callable[
    [Connect, Callable[[Dialect], DirectRead], Mapping[str, Any]], Awaitable[Result[Any]]
]


class Transaction:
    """What repositories work on: the statements of one call, in one workspace.

    It opens at the first statement, so a call that fails before one has taken no lock. `viewer` is
    who looks: rows of private projects stay hidden from everyone who is not their member. Without
    a viewer (jobs, the system) nothing is hidden.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        dialect: str,
        workspace_id: WorkspaceId | None,
        viewer: ActorId | None,
        request_id: str | None,
        read: Read | None = None,
    ) -> None:
        self._connect = connect
        self._read = read
        self._connection: AsyncConnection | None = None
        self._workspace_id = workspace_id
        self.dialect = dialect
        self.viewer = viewer
        self.events = EventLog(request_id)
        self.on_open: list[Hook] = []
        self._jobs: list[Enqueued] = []

    @property
    def workspace_id(self) -> WorkspaceId:
        if self._workspace_id is None:
            raise RuntimeError("This statement needs a workspace, and the system's work has none.")
        return self._workspace_id

    @property
    def is_of_workspace(self) -> bool:
        return self._workspace_id is not None

    async def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> CursorResult[Any]:
        connection = await self._opened()
        with tracing.span("sql", db__system__name=self.dialect, db__query__text=_text(statement)):
            return await connection.execute(statement, parameters)

    async def run(
        self,
        statement: Executable,
        direct: Callable[[Dialect], DirectRead],
        values: Mapping[str, Any],
    ) -> Result[Any]:
        """Run a prepared statement, past SQLAlchemy where that is safe and nothing is wrong."""
        if self._read is None:
            return await self.execute(statement, values)
        try:
            with tracing.span(
                "sql", db__system__name=self.dialect, db__query__text=_text(statement)
            ):
                return await self._read(self._opened, direct, values)
        except DriverFailed:
            return await self.execute(statement, values)

    async def _opened(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await self._connect()
            for hook in self.on_open:
                await hook(self)
        return self._connection

    async def open(self) -> None:
        """Begin, though there is no statement to run yet."""
        await self._opened()

    async def let_go(self) -> None:
        """Give a reading's connection back early, before something slow; it can read again."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def lock_graph(self) -> None:
        """Let one writer at a time change this workspace's dependency graph."""
        if self.dialect == "postgresql":
            await self.execute(*advisory_lock(AdvisoryLock.GRAPH, self.workspace_id))

    async def lock_dispatch(self) -> None:
        """Let one claim at a time choose among this workspace's tasks."""
        if self.dialect == "postgresql":
            await self.execute(*advisory_lock(AdvisoryLock.DISPATCH, self.workspace_id))

    def enqueue(
        self,
        name: str,
        *arguments: str,
        key: str,
        delay_s: float = 0,
        queue: str | None = None,
        partition: str | None = None,
        priority: int | None = None,
    ) -> None:
        """Have a job of this workspace run after the commit. The same key is the same job."""
        self._jobs.append(
            Enqueued(
                id=f"{job_prefix(self.workspace_id)}{name}:{key}",
                name=name,
                arguments=arguments,
                delay_s=delay_s,
                queue=queue,
                partition=partition,
                priority=priority,
            )
        )

    async def write_jobs(self, writer: JobWriter | None) -> None:
        if not self._jobs:
            return
        if writer is None:
            raise RuntimeError("This process has no job store to enqueue to.")
        await writer.write(await self._opened(), self._jobs)

    async def write_events(self) -> None:
        if self.events.recorded:
            locking = self.dialect == "postgresql"
            await write_events(self.events.recorded, self.execute, locking=locking)


def _note_in_log(event_ids: Sequence[UUID]) -> None:
    """Lines of this request or job name the first of the events that it has committed."""
    if structlog.contextvars.get_contextvars().keys() & {"request_id", "job_id"}:
        structlog.contextvars.bind_contextvars(event_ids=[str(one) for one in event_ids[:20]])


def _text(statement: Executable) -> str | None:
    """For traces: with the names of its parameters, never with their values."""
    return str(statement) if tracing.is_on() else None


class Database:
    """Two engines on one database: readers without transactions, and writers."""

    def __init__(
        self, url: DatabaseUrl, *, pool_size: int = 10, jobs: JobWriter | None = None
    ) -> None:
        self.url = url
        self.wakeups = Wakeups()
        self.jobs = jobs
        options: dict[str, Any] = {
            "json_serializer": lambda value: msgspec.json.encode(value).decode(),  # pyright: ignore[reportUnknownLambdaType]
            "json_deserializer": msgspec.json.decode,
            "hide_parameters": True,  # in messages of errors, which are logged
        }
        if url.is_sqlite:
            self._reader = sqlite.create_reader(url.asynchronous, pool_size=20, **options)
            self._writer = sqlite.create_writer(url.asynchronous, **options)
        else:
            options["connect_args"] = dict(url.connect_args)
            if url.is_pooler:
                options["poolclass"] = NullPool
            else:
                options |= {"pool_size": pool_size, "max_overflow": pool_size // 2}
            # Without a transaction to reset, a read is one round trip instead of three.
            self._reader = create_async_engine(
                url.asynchronous,
                isolation_level="AUTOCOMMIT",
                pool_reset_on_return=None,
                **options,
            )
            self._writer = create_async_engine(url.asynchronous, **options)
        self._file: sqlite3.Connection | None = None
        self._writing = asyncio.Lock() if url.is_sqlite else None

    @property
    def dialect(self) -> str:
        return self.url.asynchronous.get_backend_name()

    @property
    def engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        return self._reader, self._writer

    @asynccontextmanager
    async def transaction(
        self,
        workspace_id: WorkspaceId | None,
        *,
        viewer: ActorId | None = None,
        request_id: str | None = None,
    ) -> AsyncGenerator[Transaction]:
        """Commit on leaving, events last; roll back on any exception, keeping only refusals."""
        refused = EventLog()
        try:
            async with AsyncExitStack() as stack:

                async def begin() -> AsyncConnection:
                    if self._writing is not None:
                        await stack.enter_async_context(self._writing)
                    return await stack.enter_async_context(self._writer.begin())

                tx = self._born(begin, workspace_id, viewer, request_id, self._read_within)
                refused = tx.events
                yield tx

                await tx.write_jobs(self.jobs)
                await tx.write_events()
            self._tell(tx.events)
        finally:
            if refused.refused:
                await self._write_refusals(refused)

    @asynccontextmanager
    async def reading(
        self, workspace_id: WorkspaceId | None, *, viewer: ActorId | None = None
    ) -> AsyncGenerator[Transaction]:
        """Statements that only read, each seeing what is committed when it runs."""
        async with AsyncExitStack() as stack:

            async def connect() -> AsyncConnection:
                return await stack.enter_async_context(self._reader.connect())

            yield self._born(connect, workspace_id, viewer, None, self._read)

    def system(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction of no workspace: for identity, whose users live in many, and for jobs."""
        return self.transaction(None)

    def system_reading(self) -> AbstractAsyncContextManager[Transaction]:
        return self.reading(None)

    async def _read(
        self,
        connect: Connect,
        direct: Callable[[Dialect], DirectRead],
        values: Mapping[str, Any],
    ) -> Result[Any]:
        """Raises DriverFailed."""
        if not self.url.is_sqlite:
            connection = await connect()
            return await direct(connection.dialect).over(connection, values)
        if self._file is None:
            try:
                self._file = sqlite.open_reader(self.url.asynchronous)
            except sqlite3.Error as error:
                raise DriverFailed from error
        return direct(self._reader.dialect).inline(self._file, self._reader.sync_engine, values)

    async def _read_within(
        self,
        connect: Connect,
        direct: Callable[[Dialect], DirectRead],
        values: Mapping[str, Any],
    ) -> Result[Any]:
        """The same in a transaction."""
        connection = await connect()
        return await direct(connection.dialect).within(connection, values)

    async def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        await self._reader.dispose()
        await self._writer.dispose()
        if self.jobs is not None:
            self.jobs.close()

    def _born(
        self,
        connect: Connect,
        workspace_id: WorkspaceId | None,
        viewer: ActorId | None,
        request_id: str | None,
        read: Read | None = None,
    ) -> Transaction:
        return Transaction(
            connect,
            dialect=self.dialect,
            workspace_id=workspace_id,
            viewer=viewer,
            request_id=request_id,
            read=read,
        )

    def _tell(self, committed: EventLog) -> None:
        if told := committed.recorded:
            metrics.EVENTS.inc(len(told))
            _note_in_log([one.id for one in told])
            self.wakeups.committed(
                {one.workspace_id for one in told},
                changes_access=any(one.event.changes_access for one in told),
            )

    async def _write_refusals(self, log: EventLog) -> None:
        async with self.system() as tx:
            tx.events.recorded = list(log.refused)
