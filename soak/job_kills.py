"""Workers killed at random moments: every job must end as if nothing had happened.

Jobs come in rounds of some, during which some workers are killed. The same seed asks for the same
jobs and kills at the same times after they were asked for; where in the jobs that is, is luck.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import uuid4

from nexus.platform.actor import WorkspaceId
from nexus.platform.database import Database, Transaction, job_prefix
from nexus.platform.database_url import understand_url
from nexus.platform.jobs.store import JobState, JobStore
from soak.job_rules import Asked, Kept, Kill, Told, check, repetitions, take_overs
from soak.job_walks import (
    CARELESS,
    FOLLOWED,
    FOLLOWING,
    IN_ORDER,
    WALK,
    Act,
    Done,
    Pace,
    Step,
    Workers,
    make_effects_table,
    read_effects,
    read_notes,
    read_starts,
    spelled,
)
from soak.streams import Broken

MOST_KILLS = 4
"""In a round: fewer than what a worker's job may outlive before it is left alone."""

WAITS_S = (0.0, 1.2)
NOTICED_S = 3.0
"""On top of lease and beat: how long a busy worker may take to see a job, and to begin it."""

WITHIN_S = 60.0
PACE = Pace(beat_s=0.5, lease_s=3.0)
"""In proportion to a server's own."""

OVER = {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Kills on one migrated database. With `name` and `seed` its random numbers begin."""

    name: str
    url: str
    folder: Path
    kills: int
    seed: int
    pace: Pace = PACE
    in_peace: int = 1
    """Rounds without kills, before the others."""
    is_careless: bool = False


@dataclass(kw_only=True)
class Outcome:
    kills: int = 0
    jobs: int = 0
    repeated: int = 0
    took_over_s: list[float] = field(default_factory=list[float])
    """How long after a kill each running step was begun by a peer, where there can be one."""


async def run(plan: Plan, *, tell: Callable[[str], None] = print) -> Outcome:
    """Raises Broken."""
    url = understand_url(plan.url)
    store = JobStore(url)
    database = Database(url, jobs=store)
    workers = Workers(url=plan.url, folder=plan.folder, pace=plan.pace)
    try:
        await make_effects_table(database)
        return await _rounds(plan, database, store, workers, tell)
    finally:
        workers.stop()
        await database.close()


async def _rounds(
    plan: Plan,
    database: Database,
    store: JobStore,
    workers: Workers,
    tell: Callable[[str], None],
) -> Outcome:
    """All are looked at again at the end: nothing may come later."""
    outcome = Outcome()
    rounds: list[_Round] = []
    while outcome.kills < plan.kills:
        random = Random(f"{plan.seed} {plan.name} {len(rounds)}")
        one = _Round(plan, database, store, workers, random)
        rounds.append(one)
        most = min(random.randint(2, MOST_KILLS), plan.kills - outcome.kills)
        await _judged(plan, len(rounds), one.run(most if len(rounds) > plan.in_peace else 0))
        outcome.kills += len(one.told.kills)
        tell(f"{plan.name}: {outcome.kills} of {plan.kills} kills, {len(rounds)} rounds")
    for number, one in enumerate(rounds, 1):
        await _judged(plan, number, one.judge())
        outcome.jobs += len(one.told.asked)
        outcome.repeated += repetitions(one.told)
        if not database.url.is_sqlite:
            outcome.took_over_s += take_overs(one.told)
    return outcome


async def _judged(plan: Plan, number: int, doing: Awaitable[None]) -> None:
    try:
        await doing
    except Broken as broken:
        raise Broken(f"Seed {plan.seed}, {plan.name}, round {number}: {broken}") from broken


class _Round:
    """Some jobs from when they are asked for to their ends."""

    def __init__(
        self, plan: Plan, database: Database, store: JobStore, workers: Workers, random: Random
    ) -> None:
        self._plan = plan
        self._database = database
        self._store = store
        self._workers = workers
        self._random = random
        self._workspace_id = WorkspaceId(uuid4())
        self._job = CARELESS if plan.is_careless else WALK
        pace = plan.pace
        is_alone = database.url.is_sqlite
        self._most_workers = 1 if is_alone else 2
        self.told = Told(within_s=None if is_alone else pace.lease_s + pace.beat_s + NOTICED_S)

    async def run(self, kills: int) -> None:
        await self._ask_for_all()
        self._start_missing()
        for _ in range(kills):
            await asyncio.sleep(self._random.uniform(*WAITS_S))
            self._read_notes()
            if all(map(self.told.has_ended, self.told.asked)):
                break
            await self._kill()
        with suppress(TimeoutError):  # which the rules will see
            await self._until(self._have_ended)
        await self.judge()

    async def judge(self) -> None:
        self._read_notes()
        prefix = job_prefix(self._workspace_id)
        self.told.effects = await read_effects(self._database, prefix)
        self.told.seen = {one.id: one for one in await self._store.list_jobs(prefix=prefix)}
        for one in self.told.asked:
            if one.is_refused and (found := await self._store.find(one.id)):
                self.told.seen[one.id] = found[0]  # lists do not say why
        if strangers := set(self.told.seen) - {one.id for one in self.told.asked}:
            raise Broken(f"There are jobs that nobody had asked for: {sorted(strangers)}.")
        check(self.told)

    async def _kill(self) -> None:
        """Then some more is asked for. In half of the trials with a peer it is left alone."""
        worker = self._random.choice(self._workers.living)
        self._workers.kill(worker)
        self.told.kills.append(Kill(worker=worker.pid or 0, at=time.monotonic()))
        await self._look_what_is_kept()
        await self._ask(f"late-{len(self.told.kills)}", [self._quick(), self._quick()])
        await self._ask_again()
        if self._workers.living and self._random.random() < 0.5:
            with suppress(TimeoutError):  # which the rules will see
                await self._until(self._is_taken_over, within_s=self.told.within_s or WITHIN_S)
        self._start_missing()

    def _start_missing(self) -> None:
        while len(self._workers.living) < self._most_workers:
            self._workers.start()

    async def _look_what_is_kept(self) -> None:
        for one in self.told.asked:
            found = await self._store.find(one.id)
            steps = found[1] if found else []
            numbers = [step.name.partition("step ")[2] for step in steps if step.error is None]
            kept = frozenset(int(number) for number in numbers if number)
            self.told.kept.append(Kept(job=one.id, at=time.monotonic(), steps=kept))

    async def _is_taken_over(self) -> bool:
        """Whether each step that the last kill cut off has been begun again."""
        self._read_notes()
        last = self.told.kills[-1].worker
        ends = [notes[-1] for one in self.told.asked if (notes := self.told.notes_of(one.id))]
        return not any(one.worker == last and one.done is Done.BEGUN for one in ends)

    async def _have_ended(self) -> bool:
        prefix = job_prefix(self._workspace_id)
        jobs = await self._store.list_jobs(prefix=prefix)
        over = {one.id for one in jobs if one.state in OVER}
        return {one.id for one in self.told.asked} <= over

    async def _until(
        self, is_so: Callable[[], Awaitable[bool]], *, within_s: float = WITHIN_S
    ) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not await is_so():  # noqa: ASYNC110 - a database is awaited
                await asyncio.sleep(0.05)

    def _read_notes(self) -> None:
        self.told.notes = read_notes(self._plan.folder, self._workspace_id)
        living = {worker.pid for worker in self._workers.living}
        starts = read_starts(self._plan.folder)
        self.told.starts |= {one: at for one, at in starts.items() if one in living}

    async def _ask_for_all(self) -> None:
        if self._plan.is_careless:
            await self._ask("careless", [Step(act=Act.NOTE, seconds=0.2)] * 6)
            return
        await self._ask_in_vain()
        await self._ask("follows", [self._quick(), Step(act=Act.FOLLOW, seconds=0.2)])
        await self._ask_in_line()
        await self._ask("stumbles", [self._quick(), Step(act=Act.STUMBLE, seconds=0.1)])
        await self._ask("refused", [self._quick(), Step(act=Act.REFUSE, seconds=0.1)])
        await self._ask("delayed", [self._quick()], delay_s=self._random.uniform(0.5, 2))
        for number in range(4):
            await self._ask(f"walk-{number}", [self._any() for _ in range(7)])
        await self._ask_again()

    def _any(self) -> Step:
        act = self._random.choice((Act.NOTE, Act.NOTE, Act.ROW, Act.REST))
        return Step(act=act, seconds=self._random.choice((0.01, 0.1, 0.5)))

    def _quick(self) -> Step:
        return Step(act=Act.NOTE, seconds=self._random.uniform(0.01, 0.1))

    async def _ask(self, key: str, steps: Sequence[Step], *, delay_s: float = 0) -> None:
        """Every walk ends with a step, so that its notes say when it has ended."""
        steps = [*steps, self._quick()] if steps[-1].act is Act.REST else steps
        self._note(key, steps, delay_s=delay_s)
        if steps[-1].act is Act.FOLLOW:
            self._note(f"{key}{FOLLOWED}", FOLLOWING)
        async with self._transaction() as tx:
            tx.enqueue(self._job, spelled(steps), key=key, delay_s=delay_s)

    async def _ask_in_line(self) -> None:
        """Three of one partition, in one transaction, the last one first."""
        line = [[self._quick(), Step(act=Act.NOTE, seconds=0.3)] for _ in range(3)]
        async with self._transaction() as tx:
            for place in (2, 1, 0):
                tx.enqueue(
                    WALK,
                    spelled(line[place]),
                    key=f"line-{place}",
                    queue=IN_ORDER.name,
                    partition=str(self._workspace_id),
                    priority=place + 1,
                )
        for place, steps in enumerate(line):
            self._note(f"line-{place}", steps, line="line")

    async def _ask_in_vain(self) -> None:
        with suppress(_RolledBack):
            async with self._transaction() as tx:
                tx.enqueue(WALK, spelled([self._quick()]), key="in-vain")
                await tx.write_jobs(self._store)
                raise _RolledBack

    async def _ask_again(self) -> None:
        """With keys that are known: each is the same job, running, ended or not begun."""
        async with self._transaction() as tx:
            for one in self.told.asked:
                key = one.id.rpartition(":")[2]
                if one.line is None and not key.endswith(FOLLOWED):
                    tx.enqueue(self._job, spelled(one.steps), key=key)

    def _note(
        self, key: str, steps: Sequence[Step], *, delay_s: float = 0, line: str | None = None
    ) -> None:
        job_id = f"{job_prefix(self._workspace_id)}{self._job}:{key}"
        self.told.asked.append(
            Asked(id=job_id, steps=steps, at=time.monotonic(), delay_s=delay_s, line=line)
        )

    def _transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._database.transaction(self._workspace_id)


class _RolledBack(Exception):
    pass
