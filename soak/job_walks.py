"""Jobs that note all they do, and the processes that carry them out and can be killed."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import text

from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Database, Transaction
from nexus.platform.database_url import understand_url
from nexus.platform.errors import Invalid, Unavailable
from nexus.platform.jobs.declaring import Queue, Run, job
from nexus.platform.jobs.engine import working
from nexus.platform.jobs.store import JobStore
from nexus.platform.logging import configure
from soak.streams import Broken

NOTES, STARTS, LOG = "SOAK_NOTES", "starts", "workers.log"
WALK, CARELESS = "soak.walk", "soak.careless"
IN_ORDER = Queue(name="soak.order", concurrency=8)
"""Of each of its partitions one job runs at a time, smaller priorities first."""

REFUSAL = "It is refused."
BREATH_S = 0.2


class Act(StrEnum):
    NOTE = "note"
    ROW = "row"
    FOLLOW = "follow"  # a row, and a job that follows from it
    STUMBLE = "stumble"  # finds something outside away at its first try
    REFUSE = "refuse"
    REST = "rest"


@dataclass(frozen=True, kw_only=True)
class Step:
    act: Act
    seconds: float = 0


FOLLOWED = "-followed"
FOLLOWING = (Step(act=Act.NOTE, seconds=0.1), Step(act=Act.ROW))


class Done(StrEnum):
    BEGUN = "begun"
    STUMBLED = "stumbled"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a worker did for a step, and when: by a clock that all processes share."""

    job: str
    worker: int
    at: float
    step: int
    done: Done
    value: int


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a step left in the database."""

    job: str
    step: int
    value: int


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often a worker says that it lives, and after how long it is thought dead."""

    beat_s: float
    lease_s: float


def come_to(value: int, step: int) -> int:
    """What a step makes of the value of the one before it."""
    return (value * 31 + step) % 1_000_003


def spelled(steps: Sequence[Step]) -> str:
    return msgspec.json.encode(steps).decode()


def read_notes(folder: Path, workspace_id: WorkspaceId) -> list[Note]:
    """In the order in which they were written."""
    file = folder / str(workspace_id)
    if not file.exists():
        return []
    return [_read(line) for line in file.read_text().splitlines()]


def _read(line: str) -> Note:
    one, worker, at, step, done, value = line.split()
    return Note(
        job=one,
        worker=int(worker),
        at=float(at),
        step=int(step),
        done=Done(done),
        value=int(value),
    )


def read_starts(folder: Path) -> dict[int, float]:
    """Since when each worker has carried out jobs."""
    file = folder / STARTS
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return {int(worker): float(at) for worker, at in lines}


def _append(file: Path, line: str) -> None:
    """At once and whole, and still there after kill -9."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


async def make_effects_table(database: Database) -> None:
    async with database.system() as tx:
        await tx.execute(text("CREATE TABLE soak_effects (job TEXT, step INTEGER, value INTEGER)"))


async def read_effects(database: Database, prefix: str) -> list[Effect]:
    statement = text("SELECT job, step, value FROM soak_effects WHERE job LIKE :prefix")
    async with database.system_reading() as tx:
        rows = (await tx.execute(statement, {"prefix": f"{prefix}%"})).all()
    return [Effect(job=row.job, step=row.step, value=row.value) for row in rows]


def _workspace_of(run: Run) -> WorkspaceId:
    return WorkspaceId(UUID(run.id.split("/")[1]))


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where in a job a step is, and what the steps before it came to."""

    run: Run
    number: int
    seconds: float
    value: int

    @property
    def came_to(self) -> int:
        return come_to(self.value, self.number)

    def note(self, done: Done, value: int = 0) -> None:
        at = f"{time.monotonic():.4f}"
        _append(self._file, f"{self.run.id} {os.getpid()} {at} {self.number} {done} {value}")

    def stumbled(self) -> bool:
        notes = read_notes(self._file.parent, _workspace_of(self.run))
        mine = [one for one in notes if (one.job, one.step) == (self.run.id, self.number)]
        return any(one.done is Done.STUMBLED for one in mine)

    @property
    def _file(self) -> Path:
        return Path(os.environ[NOTES]) / str(_workspace_of(self.run))


@job(WALK)
async def walk(run: Run, steps: str) -> int:
    """Each step goes on with what the one before it came to."""
    value = 0
    for number, step in enumerate(msgspec.json.decode(steps, type=list[Step]), 1):
        if step.act is Act.REST:
            await run.sleep(step.seconds)
            continue
        place = _Place(run=run, number=number, seconds=step.seconds, value=value)
        try:
            value = await run.step(f"step {number}", _ACTS[step.act], place)
        except Exception:
            await asyncio.sleep(BREATH_S)  # a moment for kills between a refusal and its end
            raise
    return value


@job(CARELESS)
async def careless(run: Run, steps: str) -> None:
    """The same without durable steps."""
    value = 0
    for number, step in enumerate(msgspec.json.decode(steps, type=list[Step]), 1):
        place = _Place(run=run, number=number, seconds=step.seconds, value=value)
        value = await _ACTS[step.act](place)


async def _note(at: _Place) -> int:
    at.note(Done.BEGUN)
    await asyncio.sleep(at.seconds)
    at.note(Done.ENDED, at.came_to)
    return at.came_to


async def _row(at: _Place) -> int:
    at.note(Done.BEGUN)
    await asyncio.sleep(at.seconds)
    async with at.run.database.transaction(_workspace_of(at.run)) as tx:
        await _leave_effect(tx, at)
    at.note(Done.ENDED, at.came_to)
    return at.came_to


async def _follow(at: _Place) -> int:
    at.note(Done.BEGUN)
    async with at.run.database.transaction(_workspace_of(at.run)) as tx:
        await _leave_effect(tx, at)
        tx.enqueue(WALK, spelled(FOLLOWING), key=at.run.id.rpartition(":")[2] + FOLLOWED)
    await asyncio.sleep(at.seconds)
    at.note(Done.ENDED, at.came_to)
    return at.came_to


async def _leave_effect(tx: Transaction, at: _Place) -> None:
    await tx.execute(
        text("INSERT INTO soak_effects (job, step, value) VALUES (:job, :step, :value)"),
        {"job": at.run.id, "step": at.number, "value": at.came_to},
    )


async def _stumble(at: _Place) -> int:
    at.note(Done.BEGUN)
    await asyncio.sleep(at.seconds)
    if not at.stumbled():
        at.note(Done.STUMBLED)
        raise Unavailable(what="The mail server")
    at.note(Done.ENDED, at.came_to)
    return at.came_to


async def _refuse(at: _Place) -> int:
    at.note(Done.BEGUN)
    await asyncio.sleep(at.seconds)
    at.note(Done.REFUSED)
    raise Invalid(reason=REFUSAL)


_ACTS: dict[Act, Callable[[_Place], Awaitable[int]]] = {
    Act.NOTE: _note,
    Act.ROW: _row,
    Act.FOLLOW: _follow,
    Act.STUMBLE: _stumble,
    Act.REFUSE: _refuse,
}


def work(url: str, folder: str, pace: Pace) -> None:
    """What a worker process does, until it is killed."""
    os.environ[NOTES] = folder
    log = os.open(Path(folder) / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    configure("info", "json")
    asyncio.run(_work(url, pace))


async def _work(given: str, pace: Pace) -> None:
    url = understand_url(given)
    database = Database(url, jobs=JobStore(url))
    jobs = [walk, careless]
    async with working(
        database,
        url,
        jobs,
        queues=[IN_ORDER],
        drain_s=0,
        beat_s=pace.beat_s,
        lease_s=pace.lease_s,
    ):
        _append(Path(os.environ[NOTES]) / STARTS, f"{os.getpid()} {time.monotonic():.4f}")
        await asyncio.Event().wait()


@cache
def _forking() -> ForkServerContext:
    """A process that has imported all this forks the workers: each lives in a tenth of a second."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The worker processes on one database. Their notes are in a folder."""

    url: str
    folder: Path
    pace: Pace
    living: list[ForkServerProcess] = field(default_factory=list[ForkServerProcess])

    def start(self) -> None:
        worker = _forking().Process(target=work, args=(self.url, str(self.folder), self.pace))
        worker.start()
        self.living.append(worker)

    def kill(self, worker: ForkServerProcess) -> None:
        """Raises Broken where it has ended by itself."""
        self._end(worker)
        if worker.exitcode != -signal.SIGKILL:
            log = (self.folder / LOG).read_text()
            raise Broken(f"A worker ended by itself with {worker.exitcode}: {log[-2000:]}")

    def stop(self) -> None:
        for worker in list(self.living):
            self._end(worker)

    def _end(self, worker: ForkServerProcess) -> None:
        self.living.remove(worker)
        worker.kill()
        worker.join(10)
