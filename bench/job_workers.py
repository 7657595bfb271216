"""A worker in a process of its own: `python -m bench.job_workers nexus|bare DATABASE_URL`.

It carries out one job that does nothing but say when it was begun, on a line of standard output.
`nexus` is `nexus worker` with that job beside its own; `bare` is DBOS Transact alone, on tables and
with settings that are the same.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from uuid import uuid4

from dbos import DBOS, DBOSPortableJSONSerializer
from pydantic import SecretStr

from nexus.entrypoints.manifest import JOBS
from nexus.entrypoints.worker import work
from nexus.platform.database_url import DatabaseUrl, understand_url
from nexus.platform.jobs.declaring import Run, job
from nexus.platform.jobs.store import job_engine
from nexus.platform.settings import DatabaseSettings, LogSettings, Settings

NAME, QUEUE, VERSION, APPLICATION = "bench.nothing", "default", "1", "bench"
SERIALIZER = DBOSPortableJSONSerializer()
_CONCURRENCY, _POLL_S, _POOL_SIZE, _THREADS = 32, 0.25, 5, 8
_DRAIN_S = 5


@job(NAME)
async def nothing(run: Run) -> None:
    _say(run.id)


async def bare_nothing() -> None:
    _say(DBOS.workflow_id or "")


def _say(job_id: str) -> None:
    os.write(1, f"{job_id} {time.monotonic()}\n".encode())


def nexus(given: str) -> None:
    JOBS.append(nothing)
    database = DatabaseSettings(url=SecretStr(given))
    work(Settings(database=database, log=LogSettings(level="error", form="json")))


async def bare(url: DatabaseUrl) -> None:
    asked_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_end.set)
    async with _bare(url):
        await asked_to_end.wait()
    os._exit(0)


@asynccontextmanager
async def _bare(url: DatabaseUrl) -> AsyncGenerator[None]:
    engine = job_engine(url, pool_size=_POOL_SIZE)
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_engine": engine,
            "application_version": VERSION,
            "executor_id": "local" if url.is_sqlite else uuid4().hex,
            "serializer": SERIALIZER,
            "max_executor_threads": _THREADS,
            "log_level": "WARNING",
            "use_listen_notify": False,
            "run_migrations": False,
        }
    )
    DBOS.workflow(name=NAME)(bare_nothing)
    DBOS.launch()
    await DBOS.register_queue_async(
        QUEUE, worker_concurrency=_CONCURRENCY, polling_interval_sec=_POLL_S
    )
    try:
        yield
    finally:
        with ThreadPoolExecutor(1) as own:  # the engine ends the threads of the loop
            await asyncio.get_running_loop().run_in_executor(own, _end)
        engine.dispose()


def _end() -> None:
    DBOS.destroy(workflow_completion_timeout_sec=_DRAIN_S)


if __name__ == "__main__":
    _, kind, database_url = sys.argv
    if kind == "nexus":
        nexus(database_url)
    else:
        asyncio.run(bare(understand_url(database_url)))
