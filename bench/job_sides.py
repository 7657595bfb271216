"""The two that are compared: jobs by way of Nexus's transactions, and by way of bare DBOS."""

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Thread
from typing import IO, Protocol
from uuid import uuid4

from dbos import DBOSClient

from bench.job_workers import APPLICATION, NAME, QUEUE, SERIALIZER, VERSION
from bench.processes import ServerEnded
from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.jobs.store import JobState, JobStore, job_engine

SIDES = ("nexus", "bare")
_ROOT = Path(__file__).parents[1]
_WITHIN_S, _STOPS_WITHIN_S = 60.0, 15


class Side(Protocol):
    async def enqueue(self) -> None:
        """One job in one transaction, which is committed on return."""
        ...

    async def is_done(self) -> bool:
        """Whether no job waits or is being carried out."""
        ...


class _Nexus:
    def __init__(self, database: Database, store: JobStore) -> None:
        self._database = database
        self._store = store
        self._workspace_id = WorkspaceId(uuid4())

    async def enqueue(self) -> None:
        async with self._database.transaction(self._workspace_id) as tx:
            tx.enqueue(NAME, key=uuid4().hex)

    async def is_done(self) -> bool:
        states = [JobState.WAITING, JobState.RUNNING]
        return not await self._store.list_jobs(name=NAME, states=states, limit=1)


class _Bare:
    def __init__(self, client: DBOSClient) -> None:
        self._client = client

    async def enqueue(self) -> None:
        """On this thread: nobody else waits for it, and a change of threads would cost more."""
        self._client.enqueue(
            {
                "workflow_name": NAME,
                "queue_name": QUEUE,
                "workflow_id": uuid4().hex,
                "app_version": VERSION,
            }
        )

    async def is_done(self) -> bool:
        return not await self._client.list_workflows_async(
            name=NAME, status=["ENQUEUED", "PENDING"], limit=1
        )


@asynccontextmanager
async def a_side(name: str, given: str) -> AsyncGenerator[Side]:
    url = understand_url(given)
    if name == "nexus":
        store = JobStore(url)
        database = Database(url, jobs=store)
        try:
            yield _Nexus(database, store)
        finally:
            await database.close()
    else:
        engine = job_engine(url, pool_size=2)
        client = DBOSClient(
            system_database_engine=engine,
            serializer=SERIALIZER,
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )
        try:
            yield _Bare(client)
        finally:
            client.destroy()
            engine.dispose()


class Worker:
    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        assert process.stdout  # noqa: S101 - it is a pipe
        self.process = process
        self._errors = errors
        self._said: SimpleQueue[bytes] = SimpleQueue()
        Thread(target=self._hear, args=(process.stdout,), daemon=True).start()

    def begun(self) -> tuple[str, float]:
        """The next job that it began, and when. Raises ServerEnded."""
        try:
            line = self._said.get(timeout=_WITHIN_S)
        except Empty:
            line = b""
        if not line:
            self._errors.seek(0)
            raise ServerEnded(f"The worker is silent: {self._errors.read().decode()[-4000:]}")
        job_id, at = line.split()
        return job_id.decode(), float(at)

    def _hear(self, output: IO[bytes]) -> None:
        while line := output.readline():
            self._said.put(line)
        self._said.put(b"")


@contextmanager
def a_worker(name: str, url: str) -> Generator[Worker]:
    with TemporaryDirectory(prefix="nexus-bench-") as folder, TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.job_workers", name, url],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield Worker(process, errors)
        finally:
            process.terminate()
            try:
                process.wait(_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment() -> dict[str, str]:
    """Without a developer's settings; those in a file are not found from another folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
    path = os.pathsep.join(filter(None, [str(_ROOT), clean.get("PYTHONPATH")]))
    return clean | {"PYTHONPATH": path}
