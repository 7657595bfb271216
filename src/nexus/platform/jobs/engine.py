"""The worker: takes jobs from the queue and carries them out, durably."""

import asyncio
import fcntl
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from dbos import DBOS, DBOSConfig
from dbos._dbos import ScheduleInput
from sqlalchemy import Engine
from typing_extensions import override

from nexus.platform import metrics, tracing
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.database_url import DatabaseUrl
from nexus.platform.jobs.declaring import Job, Queue, Run, may_succeed_later
from nexus.platform.jobs.lease import BEAT_S, LEASE_S, WorkerLease
from nexus.platform.jobs.store import (
    APPLICATION,
    EPOCH,
    QUEUE,
    SCHEMA,
    SERIALIZER,
    JobStore,
    job_engine,
)
from nexus.platform.logging import adopt, logger

log = logger(__name__)

T = TypeVar("T")

CONCURRENCY = 32
POLL_S = 0.25  # 4 % of a core when idle; a job starts 0.1 s later on average
POOL_SIZE, THREADS = 5, 8  # more of either is slower
ATTEMPTS = 5  # of a worker to begin a job, before it is left alone as one that kills workers
FIRST_PAUSE_S = 1.0
ENDS_WITHIN_S = 2.0  # beside the drain: what ending itself may take


class AnotherWorker(Exception):
    """On SQLite one process carries out jobs, and another one does."""


class _Run(Run):
    def __init__(self, database: Database, store: JobStore, given: Mapping[type[Any], Any]) -> None:
        self._database = database
        self._store = store
        self._given = given

    @property
    @override
    def database(self) -> Database:
        return self._database

    @property
    @override
    def store(self) -> JobStore:
        return self._store

    @property
    @override
    def id(self) -> str:
        return DBOS.workflow_id or ""

    @override
    def of(self, kind: type[T]) -> T:
        return self._given[kind]

    @override
    async def step(
        self, name: str, act: Callable[..., Awaitable[T]], *arguments: Any, attempts: int = 5
    ) -> T:
        tried = 0

        async def carry_out() -> T:
            with tracing.span(f"step {name}", nexus__job__id=self.id):
                return await act(*arguments)

        def is_worth_it(error: BaseException) -> bool:
            # The last one is not called exhausted by the engine, which would hide what it was.
            nonlocal tried
            tried += 1
            return tried < attempts and may_succeed_later(error)

        return await DBOS.run_step_async(
            {
                "name": name,
                "retries_allowed": True,
                "max_attempts": attempts,
                "interval_seconds": FIRST_PAUSE_S,
                "backoff_rate": 2.0,
                "should_retry": is_worth_it,
                "preemptible": True,
            },
            carry_out,
        )

    @override
    async def sleep(self, seconds: float) -> None:
        await DBOS.sleep_async(seconds)


@asynccontextmanager
async def working(
    database: Database,
    url: DatabaseUrl,
    jobs: Sequence[Job],
    *,
    queues: Sequence[Queue] = (),
    given: Mapping[type[Any], Any] | None = None,
    drain_s: float,
    beat_s: float = BEAT_S,
    lease_s: float = LEASE_S,
) -> AsyncGenerator[None]:
    """Carry out jobs until leaving; then those that run have `drain_s` to end.

    What is not done by then goes on at the next start, or on PostgreSQL on another worker at once.
    Must be entered on the event loop whose connections the jobs use. Raises AnotherWorker.
    """
    with _only_worker(url), _engine(url, POOL_SIZE) as engine:
        # Stable on SQLite, where a start takes up what the process before it left.
        worker = "local" if url.is_sqlite else uuid4().hex
        DBOS(config=_config(engine, worker))
        adopt("dbos")
        store = JobStore(url)
        run = _Run(database, store, given or {})
        workflows = {one.name: _register(one, run) for one in jobs}
        async with _leased(url, worker, beat_s, lease_s) as in_thread:
            try:
                DBOS.launch()  # on this loop, so that jobs may use its connections
                await DBOS.register_queue_async(
                    QUEUE, worker_concurrency=CONCURRENCY, polling_interval_sec=POLL_S
                )
                for queue in queues:
                    await DBOS.register_queue_async(
                        queue.name,
                        worker_concurrency=queue.concurrency,
                        partition_concurrency=1,
                        polling_interval_sec=POLL_S,
                    )
                await _apply_schedules(jobs, workflows)
                log.info("jobs.started", worker=worker, jobs=len(jobs))
                yield
            finally:
                with suppress(TimeoutError):  # a database that is away, for which it would wait
                    async with asyncio.timeout(drain_s + ENDS_WITHIN_S):
                        await in_thread(lambda: _end(drain_s))
                        await in_thread(lambda: store.forgive(worker))
                # The engine has put its own threads in the place of the loop's and ended them.
                asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
                store.close()
                log.info("jobs.stopped", worker=worker)


def _config(engine: Engine, worker: str) -> DBOSConfig:
    return {
        "name": APPLICATION,
        "system_database_engine": engine,
        "dbos_system_schema": SCHEMA,
        "application_version": EPOCH,
        "executor_id": worker,
        "serializer": SERIALIZER,
        "max_executor_threads": THREADS,
        "log_level": "WARNING",
        "use_listen_notify": False,
        "run_migrations": False,
    }


@contextmanager
def _engine(url: DatabaseUrl, pool_size: int) -> Generator[Engine]:
    engine = job_engine(url, pool_size=pool_size)
    try:
        yield engine
    finally:
        engine.dispose()


@asynccontextmanager
async def _leased(
    url: DatabaseUrl, worker: str, beat_s: float, lease_s: float
) -> AsyncGenerator[Callable[[Callable[[], None]], Awaitable[None]]]:
    """Hold a worker's lease, where there can be others. Yields what runs something in a thread.

    Threads of our own, because the engine ends those of the event loop.
    """
    loop = asyncio.get_running_loop()
    own = ThreadPoolExecutor(2, "jobs-end")

    async def in_thread(act: Callable[[], None]) -> None:
        await loop.run_in_executor(own, act)

    try:
        if url.is_sqlite:
            yield in_thread
            return
        with _engine(url, 1) as engine:
            lease = WorkerLease(engine, worker, _take_over, beat_s=beat_s, lease_s=lease_s)
            await in_thread(lease.begin)
            try:
                yield in_thread
            finally:
                try:
                    async with asyncio.timeout(ENDS_WITHIN_S):
                        await in_thread(lease.end)
                except (*DATABASE_FAILURES, TimeoutError):
                    log.warning("jobs.lease_not_ended", exc_info=True)  # it ends by itself
    finally:
        own.shutdown(wait=False)


def _register(one: Job, run: Run) -> Callable[..., Any]:
    if one.schedule:

        async def on_schedule(_at: Any = None, _context: Any = None) -> Any:
            return await _measured(one, run)

        act: Callable[..., Any] = on_schedule
    else:

        async def when_asked(*arguments: Any) -> Any:
            return await _measured(one, run, *arguments)

        act = when_asked
    return DBOS.workflow(name=one.name, max_recovery_attempts=ATTEMPTS)(act)


async def _measured(one: Job, run: Run, *arguments: Any) -> Any:
    began = time.perf_counter()
    outcome = "failed"
    with (
        structlog.contextvars.bound_contextvars(job_id=run.id, job=one.name),
        tracing.span(f"job {one.name}", nexus__job__id=run.id),
    ):
        try:
            result = await one.act(run, *arguments)
            outcome = "done"
        finally:
            metrics.JOBS_RUN.labels(one.name, outcome).inc()
            metrics.JOB_SECONDS.labels(one.name).observe(time.perf_counter() - began)
    return result


async def _apply_schedules(jobs: Sequence[Job], workflows: dict[str, Callable[..., Any]]) -> None:
    """Have the schedules of the declared jobs and no others: they are rows, and outlive a program.

    A tick that was missed is not made up for: jobs on a schedule look at what there is to do.
    """
    wanted: list[ScheduleInput] = [
        {
            "schedule_name": one.name,
            "workflow_fn": workflows[one.name],
            "schedule": one.schedule,
            "context": None,
            "automatic_backfill": False,
            "queue_name": QUEUE,
        }
        for one in jobs
        if one.schedule
    ]
    names = {one["schedule_name"] for one in wanted if "schedule_name" in one}
    for known in await DBOS.list_schedules_async():
        if known["schedule_name"] not in names:
            await DBOS.delete_schedule_async(known["schedule_name"])
    await DBOS.apply_schedules_async(wanted)


def _take_over(worker: str) -> int:
    """The engine's only private call: its public way forgets how often a job was begun."""
    return len(DBOS._recover_pending_workflows([worker]))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _end(drain_s: float) -> None:
    DBOS.destroy(workflow_completion_timeout_sec=math.ceil(drain_s), destroy_registry=True)


@contextmanager
def _only_worker(url: DatabaseUrl) -> Generator[None]:
    """On SQLite, a lock on a file beside the database, which ends with the process."""
    if not url.is_sqlite:
        yield
        return
    with Path(f"{url.file}.jobs.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AnotherWorker(
                f"Another process carries out the jobs of {url.file}. On SQLite there can be one: "
                "start this one with --no-worker."
            ) from error
        yield
