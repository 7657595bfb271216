"""Jobs that do nothing: how many a worker carries out a second, and how soon one is begun."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from random import Random

from bench.databases import fresh_database
from bench.events import processor_s
from bench.job_sides import SIDES, Side, Worker, a_side, a_worker
from bench.measuring import Options
from bench.processes import ServerEnded
from bench.report import Cell, Sheet, Spread
from bench.seeding import Advance

ROUNDS, A_ROUND, STARTS = 3, 1_000, 200
IDLE_S = 20.0
PAUSE_S = 0.25  # at most, between two jobs: each meets the worker anywhere between two polls
_ALL_DONE_WITHIN_S = 60


@dataclass(kw_only=True)
class Worked:
    """One side on one database; seconds. `idle_share` is of a processor."""

    database: str
    enqueuing: list[float] = field(default_factory=list[float])
    working: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])
    starting: list[float] = field(default_factory=list[float])
    idle_share: float = float("nan")

    @property
    def per_second(self) -> float:
        return A_ROUND * len(self.working) / sum(self.working)

    @property
    def cpu_per_job(self) -> float:
        return sum(self.cpu) / len(self.cpu) / A_ROUND


def measure_jobs(kind: str, options: Options) -> Mapping[str, Worked]:
    """Both sides in turns, each on a database of its own of this kind."""
    advance = options.progress(f"Working {kind}", len(SIDES) * (ROUNDS * A_ROUND + STARTS))
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(fresh_database(kind, f"jobs_{name}")).url for name in SIDES
        }
        return asyncio.run(_measure(kind, urls, advance))


async def _measure(kind: str, urls: Mapping[str, str], advance: Advance) -> Mapping[str, Worked]:
    found = {name: Worked(database=kind) for name in SIDES}
    async with AsyncExitStack() as stack:
        sides = {
            name: await stack.enter_async_context(a_side(name, url)) for name, url in urls.items()
        }
        for _ in range(ROUNDS):
            for name, side in sides.items():
                await _carry_out(name, urls[name], side, found[name])
                advance(A_ROUND)
        workers = {name: stack.enter_context(a_worker(name, url)) for name, url in urls.items()}
        await _start(sides, workers, found, advance)
    return found


async def _carry_out(name: str, url: str, side: Side, found: Worked) -> None:
    """Jobs that wait when the worker starts: from the first one's beginning to the last one's end.

    Processor time is from the first one's beginning too, without what starting a process takes.
    """
    for _ in range(A_ROUND):
        began = time.monotonic()
        await side.enqueue()
        found.enqueuing.append(time.monotonic() - began)
    with a_worker(name, url) as worker:
        job_id, began = worker.begun()
        cpu_s = processor_s(worker.process)
        jobs = {job_id, *[worker.begun()[0] for _ in range(A_ROUND - 1)]}
        await _all_done(side)
        found.working.append(time.monotonic() - began)
        found.cpu.append(processor_s(worker.process) - cpu_s)
    if len(jobs) != A_ROUND:
        raise ServerEnded(f"{A_ROUND - len(jobs)} jobs were begun twice.")


async def _all_done(side: Side) -> None:
    async with asyncio.timeout(_ALL_DONE_WITHIN_S):
        while not await side.is_done():  # noqa: ASYNC110 - it is done in another process
            await asyncio.sleep(0.02)


async def _start(
    sides: Mapping[str, Side],
    workers: Mapping[str, Worker],
    found: Mapping[str, Worked],
    advance: Advance,
) -> None:
    """One job at a time, for workers that have nothing else to do."""
    for name, side in sides.items():
        await side.enqueue()
        workers[name].begun()
    cpu_s = {name: processor_s(worker.process) for name, worker in workers.items()}
    await asyncio.sleep(IDLE_S)
    for name, worker in workers.items():
        found[name].idle_share = (processor_s(worker.process) - cpu_s[name]) / IDLE_S
    chance = Random(STARTS)
    for _ in range(STARTS):
        for name, side in sides.items():
            await asyncio.sleep(chance.uniform(0, PAUSE_S))
            await side.enqueue()
            committed = time.monotonic()
            _, begun = workers[name].begun()
            found[name].starting.append(begun - committed)
            advance(1)


def jobs_sheet(found: Sequence[Mapping[str, Worked]], circumstances: str) -> Sheet:
    return Sheet(
        title="Jobs",
        note=(
            "A job that does nothing, one worker process; `nexus` is enqueued by `tx.enqueue` and "
            "carried out by `nexus worker` with all its queues and schedules, `bare` is DBOS "
            "Transact alone with its own client, on the same tables and with the same settings "
            "(32 at a time, a poll every 0.25 s: so no worker can do more than 128 a second), in "
            f"turns. Carried out: {ROUNDS} times {A_ROUND:,} that wait. Enqueued: each in a "
            f"transaction of its own. Begun: {STARTS} times, from the commit to the job, with "
            f"nothing else to do and up to {PAUSE_S} s between two of them. {circumstances}"
        ),
        header=("database", "measured", *SIDES, f"{SIDES[0]}/{SIDES[1]}"),
        rows=[row for one in found for row in _rows(*[one[name] for name in SIDES])],
    )


def _rows(nexus: Worked, bare: Worked) -> Iterator[list[Cell]]:
    enqueued = [Spread.of(one.enqueuing) for one in (nexus, bare)]
    begun = [Spread.of(one.starting) for one in (nexus, bare)]
    measured: dict[str, Sequence[float]] = {
        "carried out a second": [one.per_second for one in (nexus, bare)],
        "worker's CPU ms a job": [1000 * one.cpu_per_job for one in (nexus, bare)],
        "enqueued in ms, p50": [one.p50 for one in enqueued],
        "enqueued in ms, p99": [one.p99 for one in enqueued],
        "begun after ms, p50": [one.p50 for one in begun],
        "begun after ms, p99": [one.p99 for one in begun],
        "idle worker, % of a core": [100 * one.idle_share for one in (nexus, bare)],
    }
    for name, (ours, theirs) in measured.items():
        yield [
            Cell(text=nexus.database),
            Cell(text=name),
            Cell(text=f"{ours:.2f}"),
            Cell(text=f"{theirs:.2f}"),
            Cell(text=f"{ours / theirs:.2f}"),
        ]
