"""What is measured on a database: rates and latencies of the routes, memory, growth with size."""

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bench.calls import Call, Plan
from bench.databases import Fresh, fresh_database, settle
from bench.load import Job, Measurement, Target
from bench.plan import WRITES, plan
from bench.processes import bench_server, plain_server, put_under_load
from bench.seeding import Advance, Seeded, seed
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url

TIMES_LARGER = 10
_MEMORY_SECONDS = 1.0
_ECHO = [Call("GET", "/bench/echo")]

Progress = Callable[[str, int], Advance]
"""Begins a bar with a name and a length; what it returns moves it on."""


@dataclass(frozen=True, kw_only=True)
class Options:
    operations: Sequence[str]
    tasks: int
    seconds: float
    connections: int
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One operation on one database: as it is, as the bare driver does it, and an empty answer."""

    database: str
    operation: str
    real: Measurement
    minimal: Measurement
    echo: Measurement


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What `nexus serve` takes before its first request and after all operations, in MB."""

    database: str
    idle: float
    loaded: float


@dataclass(frozen=True, kw_only=True)
class Growth:
    """One reading on a small database and on a large one."""

    database: str
    operation: str
    small: Measurement
    large: Measurement


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A database with tasks in it, and what is asked of it."""

    database: Fresh
    plan: Plan

    @property
    def kind(self) -> str:
        return self.database.kind


@contextmanager
def filled_database(kind: str, tasks: int, options: Options) -> Generator[Filled]:
    with fresh_database(kind, f"{tasks}") as fresh:
        advance = options.progress(f"Seeding {kind} with {tasks:,} tasks", tasks)
        seeded = asyncio.run(_seeded(fresh, tasks, advance))
        settle(fresh)
        yield Filled(database=fresh, plan=plan(seeded, options.operations))


def compare(filled: Filled, options: Options) -> Iterator[Compared]:
    """The three routes of each operation, readings before writes."""
    operations = sorted(filled.plan.calls, key=lambda name: name in WRITES)
    advance = options.progress(f"Measuring {filled.kind}", len(operations))
    with bench_server(filled.database, filled.plan, operations) as server:
        for operation in operations:
            calls = filled.plan.calls[operation]
            routes = {"real": calls, "minimal": _minimal(operation, calls), "echo": _ECHO}
            targets = [
                Target(name, server.port, filled.plan.key, some) for name, some in routes.items()
            ]
            found = put_under_load(Job(targets, options.seconds, options.connections))
            advance(1)
            yield Compared(database=filled.kind, operation=operation, **found)


def weigh(filled: Filled, options: Options) -> Memory:
    advance = options.progress(f"Weighing {filled.kind}", len(filled.plan.calls))
    with plain_server(filled.database) as server:
        idle = server.resident_mb
        for operation, calls in filled.plan.calls.items():
            target = Target(operation, server.port, filled.plan.key, calls)
            put_under_load(Job([target], _MEMORY_SECONDS, options.connections))
            advance(1)
        return Memory(database=filled.kind, idle=idle, loaded=server.resident_mb)


def grow(small: Filled, large: Filled, options: Options) -> Iterator[Growth]:
    """Both sizes under load in turns. Only readings, because writes would make them grow.

    Each has servers of its own: one that hangs in an endless statement harms no other.
    """
    readings = [name for name in small.plan.calls if name not in WRITES]
    advance = options.progress(f"Comparing sizes on {small.kind}", len(readings))
    for operation in readings:
        with plain_server(small.database) as one, plain_server(large.database) as other:
            targets = [
                Target("small", one.port, small.plan.key, small.plan.calls[operation]),
                Target("large", other.port, large.plan.key, large.plan.calls[operation]),
            ]
            found = put_under_load(Job(targets, options.seconds, options.connections))
            advance(1)
        yield Growth(database=small.kind, operation=operation, **found)


def _minimal(operation: str, calls: Sequence[Call]) -> list[Call]:
    return [
        Call(call.method, f"/bench/minimal/{operation}/{place}", call.body)
        for place, call in enumerate(calls)
    ]


async def _seeded(fresh: Fresh, tasks: int, advance: Advance) -> Seeded:
    database = Database(understand_url(fresh.url))
    try:
        return await seed(database, tasks, advance)
    finally:
        await database.close()
