"""Large files: parsed in little memory, and taken in while others go on working."""

import asyncio
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from nexus.features.imports.complexity import ComplexityReport
from nexus.features.imports.domain import ParsedTask
from nexus.features.imports.jobs import run_waiting
from nexus.features.imports.tables import ImportRecordRow
from nexus.features.imports.taskmaster import TaskMasterFile
from nexus.platform.database import Database, Transaction
from tests.cast import Cast, Person

MANY, ROWS, RECORDS = 30_000, 10_000, 1_500
PEAK_BYTES = 50_000_000
MAX_CHUNK = 500
MEANWHILE = 6  # rounds of others' work while it runs: none at all if it held the database
MEDIAN_S = 0.05
WITHIN_S = 180


def a_record(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "title": f"Task {number}",
        "details": "Step by step. " * 20,
        "status": ("pending", "done", "in-progress")[number % 3],
        "priority": ("high", "medium", "low")[number % 3],
        "dependencies": [number // 2, number // 3] if number > 2 else [],
    }


def a_large_file(count: int) -> bytes:
    """`count` records: one of four tasks has a subtask that waits for the task before."""
    tasks: list[Any] = []
    left = count
    while left:
        task = a_record(len(tasks) + 1)
        left -= 1
        if left and task["id"] % 4 == 0:
            task["subtasks"] = [{"id": 1, "title": "Part", "dependencies": [task["id"] - 1]}]
            left -= 1
        tasks.append(task)
    return msgspec.json.encode({"master": {"tasks": tasks}})


def test_a_hundred_thousand_records_are_read_in_little_memory() -> None:
    content = a_large_file(MANY)
    tracemalloc.start()
    tracemalloc.reset_peak()

    backlog = TaskMasterFile(content)
    counts = Counter[bool]()
    for record in backlog.records():
        counts[record.parent is None] += 1

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (counts.total(), counts[False]) == (MANY, MANY // 5)
    assert peak < PEAK_BYTES, f"{peak / 1e6:.0f} MB beside a file of {len(content) / 1e6:.0f} MB"


def test_a_long_report_is_read_in_little_memory() -> None:
    rows = [{"taskId": n, "taskTitle": f"Task {n}", "complexityScore": 5} for n in range(ROWS)]
    content = msgspec.json.encode({"complexityAnalysis": rows})
    del rows
    tracemalloc.start()
    tracemalloc.reset_peak()

    count = sum(1 for _ in ComplexityReport(content, "report.json").records())

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == ROWS
    assert peak < PEAK_BYTES, f"{peak / 1e6:.0f} MB beside a file of {len(content) / 1e6:.0f} MB"


def test_records_come_one_at_a_time_and_again_from_the_start() -> None:
    backlog = TaskMasterFile(a_large_file(10))

    first, second = backlog.records(), backlog.records()
    begun = [next(first), next(first)]

    assert [task.id for task in begun] == ["1", "2"]
    whole: list[ParsedTask] = list(second)
    assert [*begun, *first] == whole


@asynccontextmanager
async def at_work(database: Database) -> AsyncIterator[asyncio.Task[None]]:
    """What carries out imports, beside the requests of others."""

    async def work() -> None:
        while True:
            await run_waiting(database)
            await asyncio.sleep(0.1)

    job = asyncio.create_task(work())
    try:
        yield job
    finally:
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job


class Chunks:
    """How long the job's transactions were open, and how many records each took in."""

    def __init__(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, workspace_id: UUID
    ) -> None:
        self.workspace_id = workspace_id  # imports that other tests left are taken up as well
        self.job: asyncio.Task[None] | None = None
        self.seconds: list[float] = []
        self.records: list[int] = []
        self._transaction = database.transaction
        monkeypatch.setattr(database, "transaction", self._watched)

    @asynccontextmanager
    async def _watched(self, *args: Any, **options: Any) -> AsyncGenerator[Transaction]:
        if asyncio.current_task() is not self.job:
            async with self._transaction(*args, **options) as tx:
                yield tx
            return
        async with self._transaction(*args, **options) as tx:
            if tx.workspace_id != self.workspace_id:
                yield tx
                return
            before = await _records(tx)  # opens the transaction: what follows is the chunk
            started = time.perf_counter()
            yield tx
            took = time.perf_counter() - started
            self.records.append(await _records(tx) - before)
        self.seconds.append(took)


async def _records(tx: Transaction) -> int:
    found = await tx.execute(
        select(func.count())
        .select_from(ImportRecordRow)
        .where(ImportRecordRow.workspace_id == tx.workspace_id)
    )
    return found.scalar_one()


async def _finished(person: Person, import_id: str) -> dict[str, Any]:
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        found = await person.get(f"/imports/{import_id}")
        if found["state"] in {"done", "failed"}:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"Not done in {WITHIN_S} s: {found}")


async def _work(cast: Cast, until: asyncio.Event) -> list[float]:
    """What others do meanwhile, in the same workspace and in another one; how long each took."""
    waits: list[float] = []
    await cast.bob.a_project("BOB")
    while not until.is_set():
        for person, project in ((cast.grace, "API"), (cast.bob, "BOB")):
            started = time.perf_counter()
            task = await person.a_task(project)
            await person.get("/tasks", project=project)
            await person.finish(task["key"])
            waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.25)
    return waits


async def test_others_go_on_working_while_an_import_runs(
    cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cast.ada.a_project("API")
    chunks, ended = Chunks(database, monkeypatch, cast.ada.actor.workspace_id), asyncio.Event()
    asked = await cast.ada.call("POST", "/imports", content=a_large_file(RECORDS))
    working = asyncio.create_task(_work(cast, ended))

    async with at_work(database) as job:
        chunks.job = job
        done = await _finished(cast.ada, asked.json()["id"])
    ended.set()
    waits = await working

    assert (done["state"], done["report"]["created"]) == ("done", RECORDS)
    assert sum(chunks.records) == RECORDS
    assert max(chunks.records) <= MAX_CHUNK
    assert len([n for n in chunks.records if n]) >= RECORDS / MAX_CHUNK
    assert statistics.median(chunks.seconds) < MEDIAN_S
    assert len(waits) >= MEANWHILE
    own = await cast.grace.get("/tasks", project="API", status="done", limit=1)
    assert own["items"]
