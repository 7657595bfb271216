"""The job engine's tables: jobs into them, within the transaction that causes them, and out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, StepInfo, WorkflowStatus
from dbos._sys_db import SystemDatabase  # DBOS.migrate cannot be told to do without LISTEN
from sqlalchemy import (
    Connection,
    Engine,
    column,
    create_engine,
    event,
    func,
    select,
    table,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from nexus.platform.clock import now
from nexus.platform.database import Enqueued
from nexus.platform.database_url import DatabaseUrl

APPLICATION = "nexus"
QUEUE = "default"
SCHEMA = "dbos"
EPOCH = "1"
"""The version of all jobs: a job waits for a worker of its own. It rises only with changes after
which a job that was begun before could not go on; see docs/guides/operating.md."""

SERIALIZER = DBOSPortableJSONSerializer()
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_PRUNED_AT_A_TIME = 500


class JobState(StrEnum):
    WAITING = "waiting"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES = {
    "ENQUEUED": JobState.WAITING,
    "DELAYED": JobState.DELAYED,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.DONE,
    "ERROR": JobState.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class StepSeen:
    name: str
    error: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class JobSeen:
    """A job as it stands. `attempts`: how often a worker began it; more than once after crashes."""

    id: str
    name: str
    state: JobState
    arguments: Sequence[Any]
    error: str | None
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime
    """When it got into its state."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    name: str
    job: str
    cron: str
    last_run_at: datetime | None


def job_engine(url: DatabaseUrl, *, pool_size: int, pings: bool = False) -> Engine:
    """Synchronous connections to the engine's tables, set up as it needs them.

    `pings`: one that was kept is tried before it is used, for those who use it now and then.
    """
    if not url.is_sqlite:
        options: dict[str, Any] = {"prepare_threshold": None} if url.is_pooler else {}
        return create_engine(
            url.synchronous,
            pool_size=pool_size,
            max_overflow=0,
            connect_args=options,
            pool_pre_ping=pings,
            hide_parameters=True,
        )
    engine = create_engine(
        url.synchronous, pool_size=pool_size, max_overflow=0, hide_parameters=True
    )

    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA foreign_keys=ON")

    event.listen(engine, "connect", prepare)
    return engine


def migrate_jobs(url: DatabaseUrl) -> None:
    """Bring the engine's own tables up to date. It never takes a newer version back."""
    engine = job_engine(url, pool_size=2)
    tables = SystemDatabase.create(
        system_database_url=_kind(url),
        engine_kwargs={},
        engine=engine,
        schema=SCHEMA,
        serializer=SERIALIZER,
        executor_id=None,
        use_listen_notify=False,
    )
    try:
        tables.run_migrations()
    finally:
        tables.destroy()
        engine.dispose()


def _kind(url: DatabaseUrl) -> str:
    return "sqlite:///given.db" if url.is_sqlite else "postgresql://given@engine/given"


class JobStore:
    """Connects when it is first used, and raises where the database is away."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._engine = job_engine(url, pool_size=2, pings=True)
        self._client = DBOSClient(
            system_database_engine=self._engine,
            serializer=SERIALIZER,
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    @property
    def _schema(self) -> str | None:
        return None if self._engine.dialect.name == "sqlite" else SCHEMA

    async def write(self, connection: AsyncConnection, jobs: Sequence[Enqueued]) -> None:
        """Enqueue jobs on the connection of a transaction, with which they come true."""

        def write(plain: Connection) -> None:
            for one in jobs:
                self._client.enqueue_in_transaction(plain, _options(one), *one.arguments)

        await connection.run_sync(write)

    async def list_jobs(
        self,
        *,
        prefix: str = "",
        states: Sequence[JobState] = (),
        name: str | None = None,
        limit: int = 50,
        offset: int = 0,
        is_oldest_first: bool = False,
    ) -> list[JobSeen]:
        """The newest first, unless said; only those whose id begins so."""
        raw: list[str] = [raw for raw, state in _STATES.items() if state in states]
        found = await self._client.list_workflows_async(
            status=raw or None,
            name=name,
            workflow_id_prefix=prefix or None,
            limit=limit,
            offset=offset,
            sort_desc=not is_oldest_first,
            load_output=False,
        )
        return [_seen(one) for one in found]

    async def find(self, job_id: str) -> tuple[JobSeen, list[StepSeen]] | None:
        found = await self._client.list_workflows_async(workflow_ids=[job_id])
        if not found:
            return None
        steps = await self._client.list_workflow_steps_async(job_id)
        return _seen(found[0]), [_step(one) for one in steps]

    async def retry(self, job_id: str) -> None:
        """Run a job that has failed or was cancelled again, behind the steps that were done."""
        steps = await self._client.list_workflow_steps_async(job_id)
        done = [one["function_id"] for one in steps if one["error"] is None]
        start = max(done, default=0) + 1
        await self._client.rewind_workflow_async(job_id, start_step=start, queue_name=QUEUE)

    async def cancel(self, job_id: str) -> None:
        """Stop a job at its next step; one that has ended stays as it is."""
        await self._client.cancel_workflow_async(job_id)

    async def list_schedules(self) -> list[Schedule]:
        found = await self._client.list_schedules_async()
        return [
            Schedule(
                name=one["schedule_name"],
                job=one["workflow_name"],
                cron=one["schedule"],
                last_run_at=_moment(one.get("last_fired_at")),
            )
            for one in found
        ]

    def forgive(self, worker: str) -> None:
        """Not count a start of the jobs that a worker leaves in order: nothing killed it."""
        jobs = table(
            "workflow_status",
            column("status"),
            column("executor_id"),
            column("recovery_attempts"),
            schema=self._schema,
        )
        with self._engine.begin() as connection:
            connection.execute(
                update(jobs)
                .where(
                    jobs.c.executor_id == worker,
                    jobs.c.status == "PENDING",
                    jobs.c.recovery_attempts > 0,
                )
                .values(recovery_attempts=jobs.c.recovery_attempts - 1)
            )

    async def count_states(self) -> tuple[dict[JobState, int], datetime | None]:
        """How many jobs are in each state, and since when the one waits that waits longest."""
        return await asyncio.to_thread(self._count_states)

    def _count_states(self) -> tuple[dict[JobState, int], datetime | None]:
        jobs = table("workflow_status", column("status"), column("updated_at"), schema=self._schema)
        query = select(jobs.c.status, func.count(), func.min(jobs.c.updated_at))
        counts: dict[JobState, int] = {}
        oldest: datetime | None = None
        with self._engine.connect() as connection:
            for status, count, first_ms in connection.execute(query.group_by(jobs.c.status)):
                state = _STATES[status]
                counts[state] = counts.get(state, 0) + count
                if state is JobState.WAITING:
                    oldest = _moment_ms(first_ms)
        return counts, oldest

    async def prune(self, older_than: timedelta) -> int:
        """Forget jobs that ended so long ago; how many there were."""
        return await asyncio.to_thread(self._prune, now() - older_than)

    def _prune(self, before: datetime) -> int:
        count = 0
        while old := self._client.list_workflows(
            status=_ENDED,
            completed_before=before.isoformat(),
            limit=_PRUNED_AT_A_TIME,
            load_input=False,
            load_output=False,
        ):
            self._client.delete_workflows([one.workflow_id for one in old])
            count += len(old)
        return count

    def close(self) -> None:
        self._client.destroy()
        self._engine.dispose()


def _options(one: Enqueued) -> EnqueueOptions:
    options: EnqueueOptions = {
        "workflow_name": one.name,
        "queue_name": one.queue or QUEUE,
        "workflow_id": one.id,
        "app_version": EPOCH,
    }
    if one.delay_s:
        options["delay_seconds"] = one.delay_s
    if one.partition:
        options["queue_partition_key"] = one.partition
    if one.priority:
        options["priority"] = one.priority
    return options


def _seen(one: WorkflowStatus) -> JobSeen:
    given: Mapping[str, Any] = one.input or {}
    return JobSeen(
        id=one.workflow_id,
        name=one.name,
        state=_STATES[one.status],
        arguments=list(given.get("args", ())),
        error=_error_of(one),
        attempts=one.recovery_attempts or 0,
        created_at=_moment_ms(one.created_at) or now(),
        started_at=_moment_ms(one.dequeued_at),
        ended_at=_moment_ms(one.completed_at),
        changed_at=_moment_ms(one.updated_at) or _moment_ms(one.created_at) or now(),
    )


def _error_of(one: WorkflowStatus) -> str | None:
    if one.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return (
            "Its worker died again and again while it ran, so it was left alone. Retry it if "
            "that was not its fault."
        )
    return str(one.error) if one.error else None


def _step(one: StepInfo) -> StepSeen:
    return StepSeen(
        name=one["function_name"],
        error=str(one["error"]) if one["error"] else None,
        started_at=_moment_ms(one.get("started_at_epoch_ms")),
        ended_at=_moment_ms(one.get("completed_at_epoch_ms")),
    )


def _moment_ms(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
