"""Live events under fire: many writers, readers that come and go, servers that are killed.

Every reader must end with exactly the event table: nothing skipped, nothing twice, in order. Every
write that was repeated after a kill must have been carried out once.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import httpx2 as httpx
import msgspec

from tests.server import Machine, Server, free_port

EVENTS = "/api/v1/events"
STAYS_S = (0.2, 3.0)
WITHIN_S = 60.0
UNREACHABLE = (httpx.TransportError, TimeoutError)


class Broken(Exception):
    """Something happened that must never happen; the message says what."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    seconds: float
    writers: int = 50
    readers: int = 20
    kill_every_s: float = 20
    seed: int = 1


@dataclass(kw_only=True)
class Outcome:
    events: int = 0
    tasks: int = 0
    connections: int = 0
    kills: int = 0


@dataclass
class Servers:
    """Some server processes on one database, of which any may be away at any moment."""

    machine: Machine
    running: list[Server]
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.running[0].key

    def url(self, random: Random) -> str:
        return random.choice(self.running).url

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    async def kill_and_start(self, place: int) -> None:
        old = self.running[place]
        old.kill()
        flags = ("--port", str(old.port), "--database", self.machine.database_url)
        self.running[place] = await asyncio.to_thread(
            lambda: self.machine.start(*flags, port=old.port)
        )

    def stop(self) -> None:
        for server in self.running:
            server.kill()


def start(machine: Machine, count: int) -> Servers:
    running = [machine.start()]
    for _ in range(count - 1):
        port = free_port()
        flags = ("--port", str(port), "--database", machine.database_url)
        running.append(machine.start(*flags, port=port))
    return Servers(machine, running)


async def run(servers: Servers, plan: Plan) -> Outcome:
    """Raises Broken."""
    outcome = Outcome()
    until = time.monotonic() + plan.seconds
    async with servers.client() as http:
        first = _Writer(http, servers, Random(plan.seed))
        await first.write("POST", "/projects", {"key": "SOAK", "name": "Soak"}, key="project")
        readers = [
            _Reader(servers, Random(plan.seed * 1000 + number), outcome)
            for number in range(plan.readers)
        ]
        reading = [asyncio.create_task(reader.read()) for reader in readers]
        killing = asyncio.create_task(_kill(servers, plan, until, outcome))
        writers = [
            _Writer(http, servers, Random(plan.seed * 2000 + number))
            for number in range(plan.writers)
        ]
        counts = await asyncio.gather(*[w.write_until(until, n) for n, w in enumerate(writers)])
        outcome.tasks = sum(counts)
        await killing
        everything = await _everything(http, servers)
        outcome.events = len(everything)
        for reader in readers:
            reader.ends_at = everything[-1][0]
        await asyncio.wait_for(asyncio.gather(*reading), WITHIN_S)
        for number, reader in enumerate(readers):
            _compare(number, reader.seen, everything)
        await _check_tasks(http, servers, outcome.tasks)
    return outcome


class _Writer:
    def __init__(self, http: httpx.AsyncClient, servers: Servers, random: Random) -> None:
        self._http = http
        self._servers = servers
        self._random = random

    async def write_until(self, until: float, number: int) -> int:
        """Make tasks and finish some; how many were made."""
        count = 0
        while time.monotonic() < until:
            title = f"writer-{number}-task-{count}"
            made = await self.write(
                "POST", "/tasks", {"project": "SOAK", "title": title}, key=title
            )
            count += 1
            if self._random.random() < 0.5:
                path = f"/tasks/{made['key']}/status"
                await self.write("PATCH", path, {"status": "done"}, key=f"{title}-done")
            await asyncio.sleep(self._random.uniform(0, 0.05))
        return count

    async def write(self, method: str, path: str, body: Any, *, key: str) -> Any:
        """Carry out a write once, however often it has to be sent."""
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            url = f"{self._servers.url(self._random)}/api/v1{path}"
            try:
                answer = await self._http.request(
                    method, url, json=body, headers={"Idempotency-Key": key}
                )
            except UNREACHABLE:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code < 300:
                return answer.json()
            if answer.status_code != 503:
                raise Broken(f"{method} {path}: {answer.status_code} {answer.text}")
            await asyncio.sleep(0.1)
        raise Broken(f"{method} {path} got no answer in {WITHIN_S} s.")


class _Reader:
    """Reads from the first event on, leaving and coming back with the last number it has."""

    def __init__(self, servers: Servers, random: Random, outcome: Outcome) -> None:
        self._servers = servers
        self._random = random
        self._outcome = outcome
        self.seen: list[tuple[int, UUID]] = []
        self.ends_at: int | None = None

    @property
    def place(self) -> int:
        return self.seen[-1][0] if self.seen else 0

    async def read(self) -> None:
        async with self._servers.client() as http:
            while self.ends_at is None or self.place < self.ends_at:
                with suppress(*UNREACHABLE):
                    async with asyncio.timeout(self._random.uniform(*STAYS_S)):
                        await self._listen(http)
                await asyncio.sleep(0.01)

    async def _listen(self, http: httpx.AsyncClient) -> None:
        headers = {"Last-Event-ID": str(self.place)}
        url = f"{self._servers.url(self._random)}{EVENTS}/stream"
        async with http.stream("GET", url, headers=headers) as answer:
            if answer.status_code != 200:
                raise Broken(f"A stream was refused: {answer.status_code}")
            self._outcome.connections += 1
            async for line in answer.aiter_lines():
                if line.startswith('data: {"seq"'):
                    event = msgspec.json.decode(line[6:], type=dict[str, Any])
                    self.seen.append((event["seq"], UUID(event["id"])))


async def _kill(servers: Servers, plan: Plan, until: float, outcome: Outcome) -> None:
    place = 0
    while time.monotonic() + plan.kill_every_s < until:
        await asyncio.sleep(plan.kill_every_s)
        await servers.kill_and_start(place)
        outcome.kills += 1
        place = (place + 1) % len(servers.running)


async def _everything(http: httpx.AsyncClient, servers: Servers) -> Sequence[tuple[int, UUID]]:
    """The event table, as the audit log shows it."""
    found: list[tuple[int, UUID]] = []
    query: dict[str, Any] = {"limit": 200}
    while True:
        answer = await http.get(f"{servers.running[0].url}{EVENTS}", params=query)
        page = answer.raise_for_status().json()
        found += [(one["seq"], UUID(one["id"])) for one in page["items"]]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def _compare(
    number: int, seen: Sequence[tuple[int, UUID]], everything: Sequence[tuple[int, UUID]]
) -> None:
    if list(seen) == list(everything):
        return
    twice = len(seen) - len(set(seen))
    skipped = sorted(set(everything) - set(seen))[:5]
    raise Broken(
        f"Reader {number} saw {len(seen)} of {len(everything)} events; "
        f"{twice} twice, skipped {skipped}, in order: {list(seen) == sorted(seen)}."
    )


async def _check_tasks(http: httpx.AsyncClient, servers: Servers, expected: int) -> None:
    titles: list[str] = []
    query: dict[str, Any] = {"project": "SOAK", "limit": 200, "sort": "newest"}
    while True:
        answer = await http.get(f"{servers.running[0].url}/api/v1/tasks", params=query)
        page = answer.raise_for_status().json()
        titles += [one["title"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    if len(titles) != expected or len(set(titles)) != expected:
        raise Broken(
            f"{expected} tasks were made; there are {len(titles)}, {len(set(titles))} apart."
        )
