"""Workers in processes of their own, with jobs whose doings can be read from a file."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from uuid import uuid4

from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.errors import Invalid, Unavailable
from nexus.platform.jobs.declaring import Job, Run, job
from nexus.platform.jobs.engine import working
from nexus.platform.jobs.store import JobSeen, JobState, JobStore
from nexus.platform.logging import configure

BEAT_S, LEASE_S = 0.2, 1.2
NOTES = "NOTES"


def note(run: Run, what: str) -> None:
    """Written at once and whole, and still there after kill -9."""
    file = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{run.id} {os.getpid()} {time.monotonic():.3f} {what}\n".encode())
    finally:
        os.close(file)


def _is_allowed(what: str) -> bool:
    return Path(f"{os.environ[NOTES]}.{what}").exists()


@job("trials.note")
async def note_once(run: Run, text: str) -> None:
    note(run, text)


@job("trials.walk")
async def walk(run: Run, steps: str, seconds: str) -> None:
    """Each step takes its number to the power of two; at the end stands what they come to."""

    async def act(number: int) -> int:
        note(run, f"begin {number}")
        await asyncio.sleep(float(seconds))
        note(run, f"end {number}")
        return number**2

    squares = [await run.step(f"step {n}", act, n) for n in range(1, int(steps) + 1)]
    note(run, f"came to {sum(squares)}")


@job("trials.hold")
async def hold(run: Run, until: str) -> None:
    """Two steps, of which the second one does not end before it is allowed to."""

    async def act(name: str, awaited: str | None) -> None:
        note(run, f"begin {name}")
        try:
            while awaited and not _is_allowed(awaited):  # noqa: ASYNC110 - a file is awaited
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            note(run, f"stopped {name}")
            raise
        note(run, f"end {name}")

    await run.step("first", act, "first", None)
    await run.step("second", act, "second", until)


@job("trials.refuse")
async def refuse(run: Run, until: str) -> None:
    """A step, and another one that is refused until it is allowed."""

    async def act(name: str, awaited: str | None) -> None:
        note(run, name)
        if awaited and not _is_allowed(awaited):
            raise Invalid(reason="It is not mended.")

    await run.step("first", act, "first", None)
    await run.step("second", act, "second", until)


@job("trials.stumble")
async def stumble(run: Run, times: str) -> None:
    """A step that finds something outside away so many times."""
    tries = 0

    async def act() -> None:
        nonlocal tries
        tries += 1
        note(run, f"try {tries}")
        if tries <= int(times):
            raise Unavailable(what="The mail server")

    await run.step("send", act)


@job("trials.kill")
async def kill(run: Run) -> None:
    """What the kernel does to a process that takes all memory."""
    note(run, "kill")
    os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(60)


@job("trials.tick", schedule="* * * * * *")
async def tick(run: Run, *_: object) -> None:
    note(run, "tick")


@job("trials.rest", schedule="0 0 29 2 *")
async def rest(run: Run, *_: object) -> None:
    note(run, "rest")


JOBS = [note_once, walk, hold, refuse, stumble, kill, tick, rest]


def unscheduled(*kept: Job) -> list[Job]:
    return [one if one in kept else replace(one, schedule=None) for one in JOBS]


def work(url: str, notes: str, drain_s: float, scheduled: tuple[str, ...]) -> None:
    """What such a process does, until SIGTERM."""
    os.environ[NOTES] = notes
    configure("error", "json")
    kept = [one for one in JOBS if one.name in scheduled]
    asyncio.run(_work(url, unscheduled(*kept), drain_s))


async def _work(given: str, jobs: list[Job], drain_s: float) -> None:
    asked_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_end.set)
    url = understand_url(given)
    database = Database(url, jobs=JobStore(url))
    async with working(database, url, jobs, drain_s=drain_s, beat_s=BEAT_S, lease_s=LEASE_S):
        await asked_to_end.wait()
    await database.close()


@dataclass(frozen=True, kw_only=True)
class Noted:
    job: str
    worker: int
    at: float
    what: str


@cache
def _forking() -> ForkServerContext:
    """A process that has imported all this forks the workers: each lives in a tenth of a second."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One database, one file of notes, and the workers that a test starts."""

    url: str
    notes: Path
    workers: list[ForkServerProcess]

    def start(self, *scheduled: Job, drain_s: float = 5) -> ForkServerProcess:
        names = tuple(one.name for one in scheduled)
        worker = _forking().Process(target=work, args=(self.url, str(self.notes), drain_s, names))
        worker.start()
        self.workers.append(worker)
        return worker

    def kill(self, worker: ForkServerProcess) -> None:
        worker.kill()
        worker.join(10)
        assert worker.exitcode == -signal.SIGKILL

    def stop(self, worker: ForkServerProcess, *, within_s: float = 12) -> float:
        """Ask it to end; how long that took. Fails if it takes too long or ends with an error."""
        began = time.monotonic()
        worker.terminate()
        worker.join(within_s)
        assert worker.exitcode == 0, f"exit code {worker.exitcode}"
        return time.monotonic() - began

    def allow(self, what: str) -> None:
        Path(f"{self.notes}.{what}").touch()

    def noted(self, job: str = "") -> list[Noted]:
        """What was done for a job, or for all whose id begins so."""
        if not self.notes.exists():
            return []
        lines = [line.split(" ", 3) for line in self.notes.read_text().splitlines()]
        found = [Noted(job=a, worker=int(b), at=float(c), what=d) for a, b, c, d in lines]
        return [one for one in found if one.job.startswith(job)]

    def done(self, job: str = "") -> list[str]:
        return [one.what for one in self.noted(job)]


async def until(
    is_so: Callable[[], Awaitable[bool]] | Callable[[], bool], *, within_s: float = 20
) -> None:
    """Wait until it is so; fails after a while."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        found = is_so()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"Not so after {within_s} s.")


@contextmanager
def trying(url: str, folder: Path) -> Iterator[Trial]:
    trial = Trial(url=url, notes=folder / "notes", workers=[])
    try:
        yield trial
    finally:
        for worker in trial.workers:
            if worker.is_alive():
                worker.kill()
            worker.join(10)


async def enqueued(database: Database, name: str, *arguments: str, delay_s: float = 0) -> str:
    """The id of a new job."""
    workspace_id, key = WorkspaceId(uuid4()), "one"
    async with database.transaction(workspace_id) as tx:
        tx.enqueue(name, *arguments, key=key, delay_s=delay_s)
    return f"ws/{workspace_id}/{name}:{key}"


async def seen(store: JobStore, job_id: str) -> JobSeen:
    found = await store.find(job_id)
    assert found is not None, job_id
    return found[0]


async def finished_steps(store: JobStore, job_id: str) -> set[int]:
    """The steps whose end is kept."""
    found = await store.find(job_id)
    assert found is not None, job_id
    return {int(step.name.removeprefix("step ")) for step in found[1] if step.error is None}


async def reaches(store: JobStore, job_id: str, state: JobState, *, within_s: float = 20) -> None:
    async def has() -> bool:
        return (await seen(store, job_id)).state is state

    await until(has, within_s=within_s)
