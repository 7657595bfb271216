"""Backups and archives of a server at work: taken and restored while people and jobs go on."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import text

from nexus.entrypoints import archives
from nexus.platform.backups import list_backups
from nexus.platform.database_url import understand_url
from tests.archiving import Places, a_side, archive, nexus, places, restore
from tests.cast import enter
from tests.conftest import DATABASES
from tests.features.exporting import in_tags
from tests.server import Machine, Server

WITHIN_S = 60
RECORDS = 500
MOMENT = """
SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM events WHERE name = 'task.created'),
    (SELECT sum(last_number) FROM projects), (SELECT max(seq) - count(*) FROM events),
    (SELECT count(*) FROM task_texts), (SELECT min(seq) FROM events)
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    server: Server
    kind: str
    here: Places
    folder: Path

    @property
    def url(self) -> str:
        return self.server.machine.database_url


@pytest.fixture(scope="module", params=DATABASES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Place]:
    """A server that keeps the newest two backups, one of them of every day since midnight."""
    yield from _a_place(request.param, tmp_path_factory, f"nexus_working_{worker_id}")


@pytest.fixture(params=DATABASES)
def own_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Place]:
    """The same with nothing in it but what the test puts there."""
    yield from _a_place(request.param, tmp_path_factory, f"nexus_own_{worker_id}")


def _a_place(kind: str, tmp_path_factory: pytest.TempPathFactory, named: str) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("working")
    with places(tmp_path_factory.mktemp("places"), named) as here:
        extra = {"NEXUS_BACKUP__HOUR": "0", "NEXUS_BACKUP__FOLDER": str(folder / "backups")}
        machine = Machine(
            folder=folder,
            database_url=here.new(kind),
            extra=extra | {"NEXUS_BACKUP__KEEP": "2"},
        )
        with machine.serving() as server:
            server.call("POST", "/projects", json={"key": "API", "name": "The API"})
            yield Place(server=server, kind=kind, here=here, folder=folder)


def until(holds: Callable[[], Any]) -> Any:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.2)
    raise AssertionError("It did not come to that.")


def writing(server: Server, stop: Event, keys: list[str]) -> None:
    while not stop.is_set():
        made = server.call("POST", "/tasks", json={"project": "API", "title": "One more"})
        keys.append(made["key"])


def moment_of(url: str) -> tuple[Any, ...]:
    with archives.connected(understand_url(url)) as connection:
        return tuple(connection.execute(text(MOMENT)).one())


def test_a_backup_that_is_taken_while_tasks_are_made_is_of_one_moment(own_place: Place) -> None:
    stop, keys = Event(), list[str]()
    writers = [Thread(target=writing, args=(own_place.server, stop, keys)) for _ in range(2)]
    for one in writers:
        one.start()
    counts: list[int] = []

    for number in range(2):
        until(lambda n=number: len(keys) > 5 + 10 * n)
        counts.append(len(keys))
        done = nexus("backup", own_place.folder / f"{number}.one", "--database", own_place.url)
        counts.append(len(keys))
        assert done.code == 0, done.err
    stop.set()
    for one in writers:
        one.join()

    moments: list[tuple[Any, ...]] = []
    for number in range(2):
        target = own_place.here.new(own_place.kind)
        file = own_place.folder / f"{number}.one"
        nexus("restore", file, "--yes", "--discard", "--database", target)
        moments.append(moment_of(target))
    made = [created for _, created, *_ in moments]
    assert all(tasks == events == last == texts for tasks, events, last, _, texts, _ in moments)
    assert all((gaps, first) == (0, 1) for *_, gaps, _, first in moments)
    assert counts[0] <= made[0] <= counts[1] + 2
    assert counts[2] <= made[1] <= counts[3] + 2
    assert made[0] < made[1]


def test_a_server_that_runs_is_not_replaced(place: Place) -> None:
    file = place.folder / "now.one"
    assert nexus("backup", file, "--database", place.url).code == 0
    made = place.server.call("POST", "/tasks", json={"project": "API", "title": "Since"})

    refused = nexus("restore", file, "--yes", "--discard", "--database", place.url)

    assert (refused.code, "Stop the server" in refused.err) == (7, True)
    assert place.server.call("GET", f"/tasks/{made['key']}")["title"] == "Since"
    place.server.call("POST", "/tasks", json={"project": "API", "title": "And more"})


async def test_a_worker_backs_up_once_a_day(place: Place) -> None:
    folder = place.folder / "backups"
    folder.mkdir(exist_ok=True)
    for name in ("nexus-20200101T000000Z.db", "nexus-20200102T000000Z.db", "notes.txt"):
        (folder / name).touch()
    with archives.connected(understand_url(place.url)) as connection:
        any_workspace = archives.workspaces(connection)[0].id

    for number in range(2):
        async with a_side(place.url) as (database, _), database.transaction(any_workspace) as tx:
            tx.enqueue("platform.back_up", key=f"test {number}")
        await asyncio.to_thread(until, lambda n=number: _ended(place, f"test {n}"))

    newest, older = [one.path.name for one in list_backups(folder)]
    assert newest > "nexus-2021"
    assert older == "nexus-20200102T000000Z.db"
    assert (folder / newest).stat().st_mode & 0o777 == 0o600
    assert (folder / "notes.txt").exists()


def _ended(place: Place, key: str) -> bool:
    done = nexus("jobs", "list", "--name", "platform.back_up", "--json", "--database", place.url)
    states = {one["id"].rpartition(":")[2]: one["state"] for one in json.loads(done.out)}
    return states.get(key) == "done"


async def test_an_archive_comes_into_a_server_that_runs(place: Place, tmp_path: Path) -> None:
    async with a_side(elsewhere := place.here.new("sqlite")) as (database, app):
        ada = (await enter(database, app)).ada
        await ada.a_project("FAR")
        await ada.a_task("FAR", "From far away")
    await asyncio.to_thread(archive, elsewhere, ada.workspace_id, tmp_path / "a.jsonl")

    done = await asyncio.to_thread(restore, place.url, tmp_path / "a.jsonl")

    given = await asyncio.to_thread(
        nexus, "password", ada.user.email, "--database", place.url, "--json"
    )
    account = {"email": ada.user.email, "password": json.loads(given.out)["password"]}
    assert done.code == 0, done.err
    with httpx.Client(base_url=f"{place.server.url}/api/v1") as browser:
        signed_in = browser.post("/sessions", json=account)
        tasks = browser.get("/tasks").json()["items"]
    assert signed_in.status_code == 201
    assert [task["title"] for task in tasks] == ["From far away"]


def test_jobs_of_the_backup_go_on_in_the_server_that_was_restored(
    place: Place, tmp_path: Path
) -> None:
    titles = [{"id": number, "title": f"Task {number}"} for number in range(1, RECORDS + 1)]
    asked = place.server.call("POST", "/imports", content=in_tags(web=titles))
    until(lambda: place.server.call("GET", f"/imports/{asked['id']}")["state"] == "running")
    file, target = place.folder / "running.one", place.here.new(place.kind)
    backed_up = nexus("backup", file, "--database", place.url)
    at_work = nexus("restore", file, "--yes", "--discard", "--database", target)
    before = _import_in(target)
    profile = place.server.machine.profile_path.read_text()
    machine = Machine(folder=tmp_path, database_url=target)
    machine.profile_path.write_text(profile)

    with machine.serving() as server:
        until(lambda: server.call("GET", f"/imports/{asked['id']}")["state"] == "done")
        report = server.call("GET", f"/imports/{asked['id']}")["report"]

    with archives.connected(understand_url(target)) as connection:
        query = "SELECT count(*), count(DISTINCT title) FROM tasks WHERE project_key = 'WEB'"
        counts = tuple(connection.execute(text(query)).one())
    assert (backed_up.code, at_work.code, before) == (0, 0, "running")
    assert report["created"] == RECORDS
    assert counts == (RECORDS, RECORDS)


def _import_in(url: str) -> str:
    with archives.connected(understand_url(url)) as connection:
        return str(connection.execute(text("SELECT state FROM imports")).scalar_one())
