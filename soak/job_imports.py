"""Imports by real servers that are killed: the same must come of them as of one left in peace."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import Any, LiteralString

import httpx2 as httpx
import psycopg

from nexus.platform.jobs.lease import BEAT_S, LEASE_S
from soak.job_kills import NOTICED_S, Outcome
from soak.streams import Broken
from tests.features.importing import read
from tests.features.test_import_kills import began, outcome
from tests.server import Machine, Server, free_port

PHASES = ("tasks", "edges", "settling")
A_CHUNK_S = 0.1
TASKS = 400
MOST_KILLS = 3  # of one import
WITHIN_S = 300.0
OVER = {"done", "failed"}
ALONE = "local"
"""The name of the one worker on SQLite."""


class Stopped(Exception):
    """Something else went wrong, or somebody has had enough."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Kills of servers on one migrated database: one server on SQLite, two on PostgreSQL."""

    name: str
    machine: Machine
    kills: int
    seed: int
    stopped: Event = field(default_factory=Event)
    """Set when nobody waits for it any more: it runs in a thread, which cannot be cancelled."""

    @property
    def is_shared(self) -> bool:
        return not self.machine.database_url.startswith("sqlite")

    @property
    def servers(self) -> int:
        return 2 if self.is_shared else 1


def run(plan: Plan, *, tell: Callable[[str], None] = print) -> Outcome:
    """Raises Broken, and Stopped."""
    found = Outcome()
    site = _Site(machine=plan.machine)
    try:
        site.start_missing(plan.servers)
        content = json.dumps({"tasks": _generated(Random(plan.seed))}).encode()
        expected = _Import(plan, site, found, content).end()
        while found.kills < plan.kills:
            one = _Import(plan, site, found, content)
            one.disturb()
            one.compare(expected)
            tell(f"{plan.name}: {found.kills} of {plan.kills} kills, {found.jobs} imports")
    finally:
        site.stop()
    return found


@dataclass(kw_only=True)
class _Site:
    """The servers on a database, by the names of their workers."""

    machine: Machine
    living: dict[str, Server] = field(default_factory=dict[str, Server])
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))
    """For what is asked all the time: to make one takes longer than to ask."""

    @property
    def server(self) -> Server:
        return next(iter(self.living.values()))

    def start_missing(self, count: int) -> None:
        while len(self.living) < count:
            known, port = self._workers(), free_port()
            flags = ("--port", str(port), "--database", self.machine.database_url)
            server = self.machine.start(*flags, port=port)
            (worker,) = self._workers() - known or {ALONE}
            self.living[worker] = server

    def kill(self, worker: str) -> None:
        self.living.pop(worker).kill()

    def worker_of(self, import_id: str) -> str:
        """Who carries an import out; who might, where that is nobody yet."""
        query = "SELECT executor_id FROM dbos.workflow_status WHERE workflow_uuid LIKE %s"
        found = {} if self._is_alone else self._select(query, f"%:{import_id}")
        return next((one for one in found if one in self.living), next(iter(self.living)))

    def stop(self) -> None:
        self.http.close()
        for worker in list(self.living):
            self.kill(worker)

    @property
    def _is_alone(self) -> bool:
        return self.machine.database_url.startswith("sqlite")

    def _workers(self) -> set[str]:
        return set() if self._is_alone else self._select("SELECT id FROM job_workers")

    def _select(self, query: LiteralString, *values: str) -> set[str]:
        with psycopg.connect(self.machine.database_url) as connection:
            return {row[0] for row in connection.execute(query, values)}


class _Import:
    """One import by one server after the other."""

    def __init__(self, plan: Plan, site: _Site, found: Outcome, content: bytes) -> None:
        self._plan = plan
        self._site = site
        self._found = found
        self._random = Random(f"{plan.seed} {plan.name} {found.jobs}")
        source = f"import {found.jobs}"
        self._trial = began(site.server, content, source, read(content))
        found.jobs += 1

    def disturb(self) -> None:
        """Kill whoever carries it out, some times on its way."""
        place = -0.1  # when it has only been asked for
        for _ in range(self._random.randint(1, MOST_KILLS)):
            place = min(len(PHASES) - 1, self._random.uniform(place, len(PHASES)))
            one = self._reach(place)
            time.sleep(self._random.uniform(0, A_CHUNK_S))
            if one["state"] in OVER or self._found.kills == self._plan.kills:
                return
            self._site.kill(self._site.worker_of(self._trial.import_id))
            killed_at = time.monotonic()
            self._found.kills += 1
            if self._plan.is_shared:
                self._be_taken_over(killed_at)
            self._site.start_missing(self._plan.servers)

    def end(self) -> dict[str, Any]:
        """All that has come of it."""
        done = self._until(lambda one: one["state"] in OVER)
        return outcome(self._trial, done)

    def compare(self, expected: dict[str, Any]) -> None:
        result = self.end()
        for part, value in expected.items():
            if result[part] != value:
                raise Broken(f"{part} of {self} differ: {result[part]} instead of {value}.")
        subject = f"import:{self._trial.import_id}"
        query = {"name": "import.finished", "subject": subject}
        events = self._site.server.call("GET", "/events", params=query)["items"]
        if len(events) != 1:
            raise Broken(f"{self} was finished {len(events)} times.")

    def __str__(self) -> str:
        number = self._found.jobs - 1
        return f"import {number} (seed {self._plan.seed}, {self._plan.name})"

    def _be_taken_over(self, killed_at: float) -> None:
        """By the other server. In half of the trials the killed one is back before."""
        before = self._look()
        if self._random.random() < 0.5:
            self._site.start_missing(self._plan.servers)
        self._until(lambda one: one["state"] in OVER or _place(one) > _place(before))
        took_s = time.monotonic() - killed_at
        self._found.took_over_s.append(took_s)
        if took_s > LEASE_S + BEAT_S + NOTICED_S:
            raise Broken(f"{self} was taken over after {took_s:.1f} s.")

    def _reach(self, place: float) -> dict[str, Any]:
        return self._until(lambda one: one["state"] in OVER or _place(one) >= place)

    def _until(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            if is_so(one := self._look()):
                return one
            time.sleep(0.02)
        raise Broken(f"{self} got no further in {WITHIN_S} s: {one}.")

    def _look(self) -> dict[str, Any]:
        if self._plan.stopped.is_set():
            raise Stopped
        server = self._trial.server = self._site.server
        return self._site.http.get(
            f"{server.url}/api/v1/imports/{self._trial.import_id}",
            headers={"Authorization": f"Bearer {server.key}"},
        ).json()


def _place(one: dict[str, Any]) -> float:
    """How many phases of it are done."""
    return PHASES.index(one["phase"]) + one["position"] / (one["records"] or 1)


def _generated(random: Random) -> list[dict[str, Any]]:
    """Tasks, of which some have parts and most need earlier ones."""
    return [
        {
            "id": number,
            "title": f"Task {number}",
            "status": random.choice(("pending", "pending", "in-progress", "done")),
            "dependencies": sorted(
                {random.randrange(1, number) for _ in range(random.randrange(4)) if number > 1}
            ),
            "subtasks": [
                {"id": part, "title": f"Part {part} of {number}", "status": "pending"}
                for part in range(1, random.randrange(4))
            ],
        }
        for number in range(1, TASKS + 1)
    ]
