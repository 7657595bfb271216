"""Streams of real servers: over several processes, through restarts, and to the end."""

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests import stem
from tests.cast import PASSWORD
from tests.conftest import DATABASES
from tests.features.streaming_writers import WITHIN_S, until, write_at_once
from tests.server import STOPS_WITHIN_S, Machine, Server, free_port
from tests.terminal import a_newcomer, a_server, owners_machine

SEED = 20261121


@dataclass(kw_only=True)
class Place:
    """Where a server runs; it may be stopped and started again."""

    server: Server

    def start_again(self) -> None:
        self.server = self.server.machine.start(port=self.server.port)


@contextmanager
def _a_place(kind: str, folder: Path, name: str) -> Iterator[Place]:
    with a_server(kind, folder, name) as server:
        server.call("POST", "/projects", json={"key": "API", "name": "The API"})
        place = Place(server=server)
        yield place
        place.server.stop()


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Place]:
    with _a_place(
        "postgresql", tmp_path_factory.mktemp("first"), f"nexus_streaming_{worker_id}"
    ) as place:
        yield place


@pytest.fixture(scope="module", params=DATABASES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    if request.param == "postgresql":
        yield request.getfixturevalue("on_postgresql")
    else:
        with _a_place("sqlite", tmp_path_factory.mktemp("server"), "none") as place:
            yield place


@pytest.fixture
def server(place: Place) -> Server:
    return place.server


@pytest.fixture(scope="module")
def second(on_postgresql: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another server on the PostgreSQL database."""
    first, folder = on_postgresql.server, tmp_path_factory.mktemp("second")
    url, port = first.machine.database_url, free_port()
    flags = ("--port", str(port), "--database", url)
    server = owners_machine(first, folder).start(*flags, port=port)
    yield server
    server.stop()


@pytest.fixture
def two(on_postgresql: Place, second: Server) -> tuple[Server, Server]:
    return on_postgresql.server, second


@dataclass(kw_only=True)
class Stream:
    """What came of one stream: the places and texts of its messages."""

    numbers: list[int] = field(default_factory=list[int])
    told: list[str] = field(default_factory=list[str])
    place: int | None = None

    async def follow(
        self, http: httpx.AsyncClient, key: str, is_enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Read from the place on, until the stream ends or it is enough."""
        headers = {"Authorization": f"Bearer {key}"}
        if self.place is not None:
            headers["Last-Event-ID"] = str(self.place)
        async with http.stream("GET", "/api/v1/events/stream", headers=headers) as answer:
            assert answer.status_code == 200
            message: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                message[name] = value
                if not line:
                    self._take(message)
                    message = {}
                if is_enough():
                    return

    def _take(self, message: dict[str, str]) -> None:
        if "event" in message:
            self.told.append(message["event"])
        else:
            self.place = int(message["id"])
        if "event" not in message and "data" in message:
            self.numbers.append(json.loads(message["data"])["seq"])


@asynccontextmanager
async def _clients(*servers: Server) -> AsyncIterator[list[httpx.AsyncClient]]:
    limits = httpx.Limits(max_connections=None)
    clients = [
        httpx.AsyncClient(base_url=server.url, limits=limits, timeout=60) for server in servers
    ]
    yield clients
    for client in clients:
        await client.aclose()


def _last(server: Server) -> int:
    return server.call("GET", "/events?sort=newest&limit=1")["items"][0]["seq"]


def _numbers_after(server: Server, after: int) -> list[int]:
    found: list[int] = []
    while page := server.call("GET", f"/events?limit=200&after={after}")["items"]:
        found += [row["seq"] for row in page]
        after = found[-1]
    return found


async def _come_and_go(
    stream: Stream,
    clients: list[httpx.AsyncClient],
    key: str,
    chance: random.Random,
    ends: list[int],
) -> None:
    """Leave after a few events, and come back to any of the servers."""

    def is_done() -> bool:
        return bool(ends) and stream.place is not None and stream.place >= ends[0]

    async with asyncio.timeout(WITHIN_S):
        while not is_done():
            goal = len(stream.numbers) + chance.randrange(1, 30)
            await stream.follow(
                chance.choice(clients),
                key,
                lambda goal=goal: is_done() or len(stream.numbers) >= goal,
            )
            await asyncio.sleep(chance.choice([0, 0.01, 0.1]))


@pytest.mark.parametrize("only", ["readers on the second server", "readers on both"])
async def test_readers_of_two_servers_get_what_is_written_on_both_once_and_in_order(
    two: tuple[Server, Server], only: str
) -> None:
    one, other = two
    start, key, ends = _last(one), one.key, list[int]()
    streams = [Stream(place=start) for _ in range(6)]

    async with _clients(one, other) as clients:
        writers = random.Random(SEED)

        async def call(method: str, path: str, body: Any) -> Any:
            headers = {"Authorization": f"Bearer {key}"}
            url = f"/api/v1{path}"
            answer = await writers.choice(clients).request(method, url, json=body, headers=headers)
            assert answer.status_code < 300, answer.text
            return answer.json()

        read_at = clients if only == "readers on both" else clients[1:]
        reading = asyncio.gather(
            *(
                _come_and_go(stream, read_at, key, random.Random(f"{SEED} {i}"), ends)
                for i, stream in enumerate(streams)
            )
        )
        await write_at_once(call, writers=40, each=6, seed=SEED)
        ends.append(_last(one) + 1)
        await asyncio.to_thread(_a_task, one)  # the last one comes when all know which it is
        await reading

    rows = _numbers_after(one, start)
    assert rows == list(range(start + 1, ends[0] + 1))
    for stream in streams:
        assert stream.numbers == rows


@dataclass(frozen=True, kw_only=True)
class Grace:
    """A member with a key and with a session."""

    id: str
    key: str
    key_id: str
    session: httpx.Cookies
    session_id: str


def _a_grace(server: Server) -> Grace:
    newcomer = a_newcomer(server)
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=60) as http:
        body = {"email": newcomer.email, "password": PASSWORD}
        signed_in = http.post("/sessions", json=body).json()
        headers = {"X-CSRF-Token": signed_in["csrf_token"]}
        key = http.post("/keys", json={"name": "watching"}, headers=headers).json()
        (session,) = http.get("/sessions").json()["items"]
        return Grace(
            id=newcomer.id,
            key=key["secret"],
            key_id=key["key"]["id"],
            session=http.cookies,
            session_id=session["id"],
        )


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("DELETE /keys/{key_id}", "end"),
        ("DELETE /users/{id}", "end"),
        ("PATCH /users/{id}", "reconnect"),
    ],
)
async def test_a_change_of_access_on_one_server_ends_streams_of_the_other_at_once(
    two: tuple[Server, Server], what: str, told: str
) -> None:
    one, other = two
    grace = _a_grace(one)
    method, path = what.format(key_id=grace.key_id, id=grace.id).split()
    hers, owners = Stream(), Stream()

    async with _clients(other) as (http,):
        ending = asyncio.create_task(hers.follow(http, grace.key))
        going_on = asyncio.create_task(owners.follow(http, one.key))
        await until(lambda: hers.place is not None and owners.place is not None)
        headers = {"Authorization": f"Bearer {one.key}"}
        body = {"role": "viewer"} if method == "PATCH" else None
        url = f"{one.url}/api/v1{path}"
        async with httpx.AsyncClient() as elsewhere:
            done = await elsewhere.request(method, url, headers=headers, json=body)
        begun = time.monotonic()
        await asyncio.wait_for(ending, WITHIN_S)
        took = time.monotonic() - begun
        await until(lambda: len(owners.numbers) > 0)
        is_going_on = not going_on.done()
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)

    assert done.status_code < 300, done.text
    assert hers.told == [told]
    assert took < 1
    assert is_going_on
    assert owners.told == []


@dataclass(frozen=True, kw_only=True)
class Watching:
    """A `nexus watch` that runs, and the files of what it prints."""

    process: stem.Process
    out: Path
    err: Path

    @property
    def lines(self) -> list[str]:
        return self.out.read_text().splitlines()


@contextmanager
def _watching(machine: Machine, *flags: str) -> Iterator[Watching]:
    out, err = machine.folder / "watch.out", machine.folder / "watch.err"
    with Path(os.devnull).open() as nothing, out.open("w") as stdout, err.open("w") as stderr:
        process = stem.start(
            ["watch", *flags],
            folder=machine.folder,
            environment=machine.environment,
            files=(nothing.fileno(), stdout.fileno(), stderr.fileno()),
        )
        try:
            yield Watching(process=process, out=out, err=err)
        finally:
            process.kill()
            process.wait()


async def test_watch_prints_what_happens_and_ends_when_its_key_is_revoked(
    server: Server, tmp_path: Path
) -> None:
    grace, start = _a_grace(server), _last(server)
    machine = Machine(folder=tmp_path)
    machine.nexus("login", server.url, "--key", grace.key)

    with _watching(machine, "--after", str(start), "--json") as watching:
        key = _a_task(server)
        server.call("PATCH", f"/tasks/{key}/status", json={"status": "done"})
        await until(lambda: len(watching.lines) >= 2)
        shown = machine.nexus("watch", "--after", str(start), "--wait", "0")
        server.call("DELETE", f"/keys/{grace.key_id}")
        code = watching.process.wait(WITHIN_S)
        again = machine.nexus("watch", "--after", str(start))

    rows = server.call("GET", f"/events?after={start}&limit=200")["items"]
    assert [json.loads(line) for line in watching.lines[:2]] == rows[:2]
    assert [line.split()[-1] for line in shown.stdout.splitlines()][:1] == [key]
    assert f"task.status_changed  {key}  status: todo -> done" in shown.stdout.splitlines()[1]
    assert (code, again.returncode, shown.returncode) == (3, 3, 0)
    assert watching.err.read_text().strip() != ""
    assert "Traceback" not in watching.err.read_text() + again.stderr


def _a_task(server: Server) -> str:
    return server.call("POST", "/tasks", json={"project": "API", "title": "Dig"})["key"]


def _told_to_stop(server: Server) -> tuple[int, float]:
    begun = time.monotonic()
    code = server.stop()
    return code, time.monotonic() - begun


async def test_a_server_that_stops_tells_its_readers_and_they_go_on_where_they_were(
    place: Place, tmp_path: Path
) -> None:
    server, start = place.server, _last(place.server)
    streams = [Stream() for _ in range(200)]
    flags = ("--after", str(start), "--json", "--name", "task.created")

    with _watching(owners_machine(server, tmp_path), *flags) as watching:
        async with _clients(server) as (http,):
            reading = [asyncio.create_task(one.follow(http, server.key)) for one in streams]
            await asyncio.to_thread(_a_task, server)
            await until(lambda: all(one.place for one in streams) and len(watching.lines) > 0)
            code, took = await asyncio.to_thread(_told_to_stop, server)
            await asyncio.wait_for(asyncio.gather(*reading), WITHIN_S)
        await asyncio.to_thread(place.start_again)
        _a_task(place.server)
        await until(lambda: len(watching.lines) >= 2)
        await asyncio.sleep(0.5)
        printed = [json.loads(line)["seq"] for line in watching.lines]

    assert (code, took < STOPS_WITHIN_S) == (0, True)
    assert [one.told for one in streams] == [["reconnect"]] * 200
    rows = server.call("GET", f"/events?after={start}&name=task.created")["items"]
    assert printed == [row["seq"] for row in rows]
    assert "Traceback" not in server.err.read_text()
