"""Agents that wait for work: how soon one has its task, and what it costs that a thousand wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Self

from bench.claim_backlog import PROJECT, Backlog
from bench.claim_clients import Client, clients, registered
from bench.events import processor_s
from bench.measuring import Options
from bench.processes import Running, ServerEnded
from bench.report import Cell, Sheet, Spread

WAKES, ROUNDS, WAITING = 200, 20, 1_000
WAIT_S, COMING_S, QUIET_S = 60, 20.0, 20.0
MOST_COMMITS = 10.0  # how much longer than a commit a wake-up may take, at the 99th percentile
AT_ONCE = 100
_WITHIN_S, _SETTLES_S = 30.0, 1.0

Commit = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Woken:
    """One agent that waits, again and again; seconds.

    `after`: from the answer of the request that finished the dependency to the task in the agent's
    hands; `whole`: from the sending of that request; `finishing`: that request alone.
    """

    database: str
    after: list[float] = field(default_factory=list[float])
    whole: list[float] = field(default_factory=list[float])
    finishing: list[float] = field(default_factory=list[float])
    commits: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, kw_only=True)
class Waited:
    """What a server takes while so many wait. `cpu` is a part of one core.

    The last two are of rounds in which one task becomes ready for all of them; seconds.
    """

    database: str
    waiting: int
    cpu: float
    mb: float
    after: list[float] = field(default_factory=list[float])
    whole: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A task, and the one that it waits for, which no agent takes: somebody works on it."""

    task: str
    needs: str


async def measure_waking(
    kind: str, server: Running, backlog: Backlog, commit: Commit, options: Options
) -> Woken:
    advance = options.progress(f"Waking {kind}", WAKES + 1)
    chance = Random(WAKES)
    woken = Woken(database=kind)
    [agent] = await registered(server.port, backlog.key, 1, name="Waiter", at_once=1)
    async with clients(server.port, [backlog.key, agent.key]) as (person, waiter):
        for pair in await _pairs(person, WAKES + 1):
            waiting = asyncio.create_task(_claim(waiter, WAIT_S))
            await asyncio.sleep(chance.uniform(0.05, 0.25))
            sent, answered = await _finish(person, pair.needs)
            async with asyncio.timeout(_WITHIN_S):
                key, held = await waiting
            if key != pair.task:
                raise ServerEnded(f"The agent was given {key} instead of {pair.task}.")
            await _finish(person, pair.task)
            began = time.perf_counter()
            await commit()
            woken.commits.append(time.perf_counter() - began)
            woken.after.append(held - answered)
            woken.whole.append(held - sent)
            woken.finishing.append(answered - sent)
            advance(1)
    for one in (woken.after, woken.whole, woken.finishing, woken.commits):
        del one[0]  # statements are compiled in it
    return woken


async def measure_waiting(
    kind: str, server: Running, backlog: Backlog, options: Options
) -> Sequence[Waited]:
    """Without anybody who waits, and with all of them."""
    advance = options.progress(f"Waiting {kind}", ROUNDS)
    agents = await registered(server.port, backlog.key, WAITING, name="Crowd", at_once=AT_ONCE)
    async with (
        clients(server.port, [backlog.key]) as [person],
        clients(server.port, [one.key for one in agents]) as waiters,
    ):
        pairs = await _pairs(person, ROUNDS)
        alone = await _at_rest(kind, server, 0)
        async with _Crowd(waiters) as crowd:
            waited = await _at_rest(kind, server, WAITING)
            for pair in pairs:
                sent, answered = await _finish(person, pair.needs)
                held = await crowd.taken(pair.task)
                waited.after.append(held - answered)
                waited.whole.append(held - sent)
                await _finish(person, pair.task)
                await asyncio.sleep(_SETTLES_S)
                advance(1)
            crowd.check_each_once([pair.task for pair in pairs])
    return [alone, waited]


class _Crowd:
    """Agents that wait for the next task, and ask again whenever nothing came."""

    def __init__(self, waiters: Sequence[Client]) -> None:
        self._waiters = waiters
        self._sitting: list[asyncio.Task[None]] = []
        self._claims: list[tuple[str, float]] = []
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        """They come one after the other, and their first wait is cut: as many renew at any time."""
        chance = Random(WAITING)
        for waiter in self._waiters:
            sitting = self._sit(waiter, chance.uniform(1, WAIT_S))
            self._sitting.append(asyncio.create_task(sitting))
            await asyncio.sleep(COMING_S / len(self._waiters))
        await asyncio.sleep(_SETTLES_S)
        return self

    async def __aexit__(self, *_error: object) -> None:
        for one in self._sitting:
            one.cancel()
        ended = await asyncio.gather(*self._sitting, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one

    async def taken(self, task: str) -> float:
        """When the task was in somebody's hands."""
        async with asyncio.timeout(_WITHIN_S):
            while True:
                for key, held in self._claims:
                    if key == task:
                        return held
                self._came.clear()
                await self._came.wait()

    def check_each_once(self, tasks: Sequence[str]) -> None:
        if sorted(key for key, _ in self._claims) != sorted(tasks):
            raise ServerEnded(f"Not each of {tasks} was given once: {self._claims}.")

    async def _sit(self, waiter: Client, wait_s: float) -> None:
        while True:
            claim = await _claim(waiter, wait_s)
            wait_s = WAIT_S
            if claim[0] is not None:
                self._claims.append((claim[0], claim[1]))
                self._came.set()


async def _claim(waiter: Client, wait_s: float) -> tuple[str | None, float]:
    """The key of the task, if there was one, and when the answer came."""
    claim = await waiter.ask("POST", "/agents/assign", {"wait_s": wait_s})
    return (claim["task"]["key"] if claim["run_id"] else None), time.perf_counter()


async def _finish(person: Client, task: str) -> tuple[float, float]:
    """When it was sent, and when its answer came."""
    sent = time.perf_counter()
    await person.ask("PATCH", f"/tasks/{task}/status", {"status": "done"})
    return sent, time.perf_counter()


async def _pairs(person: Client, count: int) -> Sequence[_Pair]:
    pairs: list[_Pair] = []
    for _ in range(count):
        first = {"project": PROJECT, "title": "First", "status": "in_progress"}
        needs = (await person.ask("POST", "/tasks", first))["key"]
        then = {"project": PROJECT, "title": "Then", "dependencies": [needs]}
        task = (await person.ask("POST", "/tasks", then))["key"]
        pairs.append(_Pair(task=task, needs=needs))
    return pairs


async def _at_rest(kind: str, server: Running, waiting: int) -> Waited:
    cpu_s, began = processor_s(server.process), time.monotonic()
    await asyncio.sleep(QUIET_S)
    cpu = (processor_s(server.process) - cpu_s) / (time.monotonic() - began)
    return Waited(database=kind, waiting=waiting, cpu=cpu, mb=server.resident_mb)


def woken_sheet(found: Sequence[Woken], circumstances: str) -> Sheet:
    return Sheet(
        title="Woken agents",
        note=(
            f"An agent waits (`wait_s`), a person finishes what the next task waits for, {WAKES} "
            "times: milliseconds of the person's request (`finishing`), from its answer to the "
            "task in the agent's hands (`after`), and from its sending (`whole`). `commit` is a "
            "transaction of the bare driver on the same database that writes the rows of a claim "
            "and looks at nothing, after each of them. Aim: p99 of `after` below "
            f"{MOST_COMMITS:.0f} times the p99 of `commit`. {circumstances}"
        ),
        header=(
            *("database", "finishing p50", "p99", "after p50", "p99", "whole p50", "p99"),
            *("commit p50", "p99", "after/commit p99", "p50", "whole/commit p99", "p50"),
        ),
        rows=[_woken_row(one) for one in found],
    )


def waited_sheet(found: Sequence[Waited], circumstances: str) -> Sheet:
    return Sheet(
        title="Waiting agents",
        note=(
            f"What `nexus serve` takes in {QUIET_S:.0f} s in which nothing happens, while so many "
            f"agents wait for work, each for {WAIT_S} s and then again: percent of one core, of "
            "the server alone, and resident megabytes. Then, with all of them waiting, a person "
            f"finishes what one task waits for, {ROUNDS} times: milliseconds until one agent, and "
            f"no other, has it, from the answer to the person (`after`) and from the sending "
            f"(`whole`). {circumstances}"
        ),
        header=(
            *("database", "waiting", "CPU %", "CPU µs a second each", "MB", "KB each"),
            *("after p50", "slowest", "whole p50", "slowest"),
        ),
        rows=[_waited_row(one, found) for one in found],
    )


def _woken_row(one: Woken) -> list[Cell]:
    finishing, after, whole, commit = (
        Spread.of(some) for some in (one.finishing, one.after, one.whole, one.commits)
    )
    ratio = after.p99 / commit.p99
    return [
        Cell(text=one.database),
        *finishing.cells(),
        *after.cells(),
        *whole.cells(),
        *commit.cells(),
        Cell(text=f"{ratio:.1f}", missed=ratio >= MOST_COMMITS),
        Cell(text=f"{after.p50 / commit.p50:.1f}"),
        Cell(text=f"{whole.p99 / commit.p99:.1f}"),
        Cell(text=f"{whole.p50 / commit.p50:.1f}"),
    ]


def _waited_row(one: Waited, found: Sequence[Waited]) -> list[Cell]:
    [alone] = [each for each in found if each.database == one.database and not each.waiting]
    cpu_each, kb_each = "", ""
    if one.waiting:
        cpu_each = f"{1_000_000 * (one.cpu - alone.cpu) / one.waiting:.0f}"
        kb_each = f"{1024 * (one.mb - alone.mb) / one.waiting:.0f}"
    return [
        Cell(text=one.database),
        Cell(text=f"{one.waiting:,}"),
        Cell(text=f"{100 * one.cpu:.1f}"),
        Cell(text=cpu_each),
        Cell(text=f"{one.mb:.0f}"),
        Cell(text=kb_each),
        *Spread.of(one.after).cells(),
        *Spread.of(one.whole).cells(),
    ]
