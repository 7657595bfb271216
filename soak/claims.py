"""Many agents on one backlog: leases run out, agents vanish, people interfere, servers are killed.

What came of it is judged from the event log alone. The same seed makes the same backlog, and the
same choices in the same order; when they meet is luck.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx2 as httpx
import msgspec

from nexus.features.runs.jobs import expire_all
from nexus.platform.database import Database
from nexus.platform.database_url import understand_url
from nexus.platform.jobs.store import JobStore
from soak.claim_rules import story, told, violations
from soak.claimers import PROJECT, Caller, Claimer, People, Vanished, losing
from soak.streams import Broken, Servers, start
from tests.conftest import a_postgres_database
from tests.server import Machine

LIVES_S = (30.0, 300.0)
SWEEPS_S = (0.3, 1.5)
TOLD = 5


@dataclass(frozen=True, kw_only=True)
class Plan:
    name: str
    seed: int
    claimers: int = 200
    tasks: int = 500
    leases_s: Sequence[int] = (1, 2, 3, 30, 30, 30, 30)
    """The long ones are for when so many ask that an answer takes longer than a short one lasts."""
    kill_every_s: float = 20
    most_kills: int = 1000
    within_s: float = 600


@dataclass(kw_only=True)
class Outcome:
    name: str
    deaths: int = 0
    kills: int = 0
    swept: int = 0
    took_s: float = 0
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def count(self, name: str) -> int:
        return Counter(one["name"] for one in self.events)[name]

    def __str__(self) -> str:
        ends = Counter(one["name"][4:] for one in self.events if one["name"].startswith("run."))
        return (
            f"{self.name}: {self.count('task.created')} tasks, {self.count('task.claimed')} claims "
            f"({dict(ends)}), {self.swept} swept, {self.deaths} agents vanished, "
            f"{self.kills} kills in {self.took_s:.0f} s: "
            "no task was held twice, none was finished twice."
        )


def run_all(folder: Path, *, seed: int) -> Sequence[Outcome]:
    """On both databases, one after the other. Raises Broken."""
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        shared = stack.enter_context(a_postgres_database("nexus_soak_claims"))
        for name, url in (("sqlite", f"sqlite:///{folder}/nexus.db"), ("postgresql", shared)):
            (folder / name).mkdir()
            outcomes.append(run_on(folder / name, url, Plan(name=name, seed=seed)))
    return outcomes


def run_on(folder: Path, url: str, plan: Plan) -> Outcome:
    """With servers of its own: two on PostgreSQL. Raises Broken."""
    limits = {"NEXUS_HTTP__REQUESTS_PER_MINUTE": "10000000"}
    machine = Machine(folder=folder, database_url=url, extra=limits)
    servers = start(machine, 1 if understand_url(url).is_sqlite else 2)
    try:
        return asyncio.run(_Race(servers, plan).run())
    finally:
        servers.stop()


class _Race:
    def __init__(self, servers: Servers, plan: Plan) -> None:
        self._servers = servers
        self._plan = plan
        self._outcome = Outcome(name=plan.name)
        self._over = asyncio.Event()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._http = httpx.AsyncClient(timeout=30, limits=limits)

    async def run(self) -> Outcome:
        owner = self._caller("owner", self._servers.key)
        async with self._http:
            keys = await _make_backlog(owner, self._plan)
            began_at = time.monotonic()
            aside = [asyncio.create_task(one) for one in (self._kill(), self._sweep())]
            try:
                await self._work(People(owner, keys))
            finally:
                self._over.set()
                await asyncio.gather(*aside)
            self._outcome.took_s = time.monotonic() - began_at
            self._outcome.events = await _everything(owner)
        _judge(self._outcome, self._plan)
        return self._outcome

    async def _work(self, people: People) -> None:
        """Until all is finished, or the time is over: then the log says what is not."""
        try:
            async with asyncio.TaskGroup() as group:
                claiming = [
                    group.create_task(self._claim(number)) for number in range(self._plan.claimers)
                ]
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._plan.within_s):
                        await people.oversee()
                for one in claiming:
                    one.cancel()
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    async def _claim(self, number: int) -> None:
        """One agent after the other; each vanishes in the middle of something."""
        owner = self._caller(f"registrar {number}", self._servers.key)
        for life in range(1_000_000):
            name = f"claimer {number}, life {life}"
            caller = self._caller(name, await _registered(owner, name))
            with suppress(TimeoutError, Vanished):
                async with asyncio.timeout(owner.random.uniform(*LIVES_S)):
                    await Claimer(caller, self._plan.leases_s).work()
            self._outcome.deaths += 1

    async def _kill(self) -> None:
        random = Random(f"{self._plan.seed} kills")
        while not await self._is_over(self._plan.kill_every_s * random.uniform(0.7, 1.3)):
            await self._servers.kill_and_start(random.randrange(len(self._servers.running)))
            self._outcome.kills += 1
            if self._outcome.kills == self._plan.most_kills:
                return

    async def _sweep(self) -> None:
        """As the schedule does, but oftener, and beside the servers."""
        random = Random(f"{self._plan.seed} sweeps")
        url = understand_url(self._servers.machine.database_url)
        database = Database(url, jobs=JobStore(url))
        try:
            while not await self._is_over(random.uniform(*SWEEPS_S)):
                self._outcome.swept += await expire_all(database)
        finally:
            await database.close()

    async def _is_over(self, after_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(after_s):
                await self._over.wait()
        return self._over.is_set()

    def _caller(self, name: str, key: str) -> Caller:
        random = Random(f"{self._plan.seed} {name}")
        return Caller(http=self._http, servers=self._servers, random=random, key=key)


async def _registered(owner: Caller, name: str) -> str:
    """The key of a new agent."""
    agent = {"name": name, "needs_review": owner.random.random() < 0.15}
    agent_id = (await owner.ask("POST", "/agents", agent))["id"]
    while True:
        with losing(anything=True):  # a key is shown once, also to who did not hear it
            return (await owner.ask("POST", f"/agents/{agent_id}/keys", {"name": name}))["secret"]


async def _make_backlog(owner: Caller, plan: Plan) -> list[str]:
    """Tasks that wait for earlier ones, some below others; each edge with an event of its own."""
    await owner.ask("POST", "/projects", {"key": PROJECT, "name": "Race"})
    policy: dict[str, Any] = {"landing": "done", "evidence": []}
    await owner.ask("PUT", f"/projects/{PROJECT}/policy", policy)
    keys: list[str] = []
    for number in range(plan.tasks):
        priority = owner.random.choice(("none", "low", "high"))
        body = {"project": PROJECT, "title": f"Task {number}", "priority": priority}
        key = (await owner.ask("POST", "/tasks", body))["key"]
        near = keys[-100:]
        with losing(anything=True):  # a cycle, perhaps
            if near and owner.random.random() < 0.1:
                parent = owner.random.choice(near)
                await owner.ask("PATCH", f"/tasks/{key}", {"parent": parent})
            count = owner.random.choices(range(4), (40, 30, 20, 10))[0]
            for on in owner.random.sample(near, min(count, len(near))):
                await owner.ask("POST", f"/tasks/{key}/dependencies", {"depends_on": on})
        keys.append(key)
    return keys


async def _everything(owner: Caller) -> list[dict[str, Any]]:
    """The event log from its first entry on."""
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = await owner.ask("GET", "/events", query=query)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def _judge(outcome: Outcome, plan: Plan) -> None:
    """Raises Broken, and keeps the log for another look."""
    events = outcome.events
    found = violations(events)
    if not found:
        return
    log = Path(tempfile.gettempdir()) / f"claims-{plan.name}-{plan.seed}.jsonl"
    log.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in events))
    times = f"{outcome.took_s:.0f} of {plan.within_s:.0f} s and {outcome.kills} kills"
    lines = [f"Seed {plan.seed}, {plan.name}: {len(found)} violations after {times}; see {log}."]
    for one in found[:TOLD]:
        lines += [str(one), *[f"  {told(event)}" for event in story(events, one)]]
    raise Broken("\n".join(lines))
