"""Archives: all of a workspace, out of either database and into either, and nothing besides."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import insert, select

from nexus.entrypoints import archives
from nexus.entrypoints.archives import BLANKED, LEFT_OUT
from nexus.entrypoints.http import Nexus
from nexus.features.identity.tables import UserIdentityRow
from nexus.features.imports.jobs import run_waiting
from nexus.platform.columns import Base
from nexus.platform.database import Database
from tests.archiving import (
    Line,
    Places,
    a_side,
    archive,
    at_home,
    comparable,
    count_rows,
    lines_of,
    nexus,
    places,
    restore,
)
from tests.cast import PASSWORD, Cast, enter
from tests.conftest import DATABASES
from tests.features.exporting import exported
from tests.features.importing import a_sample, bring_in
from tests.laws.world import World, a_world

SECRET = re.compile(r"secret(?!_ends)|password|digest|token(?!s)")
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Archived:
    """An archive of a workspace in which there is a row of every kind, and what it is of."""

    url: str
    cast: Cast
    world: World
    secrets: list[str]
    ready: list[str]
    file: Path

    @property
    def lines(self) -> list[Line]:
        return lines_of(self.file)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Places]:
    with places(tmp_path_factory.mktemp("places"), f"nexus_archives_{worker_id}") as here:
        yield here


@pytest.fixture(scope="module")
async def archived(
    database_url: str, database: Database, app: Nexus, tmp_path_factory: pytest.TempPathFactory
) -> Archived:
    cast = await enter(database, app)
    await a_world(database, app, cast.bob, "OTHER")
    world = await a_world(database, app, cast.ada, "API", size=2, visibility="private")
    await _add_what_is_odd(cast, world, database)
    file = tmp_path_factory.mktemp("archived") / "a.jsonl"
    await asyncio.to_thread(archive, database_url, cast.ada.workspace_id, file)
    ready = [task["key"] for task in (await cast.ada.get("/tasks", ready=True))["items"]]
    secrets = await _secrets_in(database)
    return Archived(
        url=database_url, cast=cast, world=world, secrets=secrets, ready=ready, file=file
    )


async def _add_what_is_odd(cast: Cast, world: World, database: Database) -> None:
    ada, things = cast.ada, world.things
    odd = [2**53 + 1, 2**63, -(2**63), 1e-7, 2.5, -0.0, True, None, {"ключ": "\u2028\U0001f680"}]
    custom = {"custom": {"odd": odd, "": []}, "due_on": "2026-12-31"}
    await ada.patch(f"/tasks/{things['task']}", custom)
    await ada.call("PUT", "/agents/pause", json={"reason": "Nobody works."})
    await ada.finish(things["loose"])
    await ada.patch(f"/tasks/{things['loose']}", {"archived": True})
    await ada.delete(f"/users/{cast.vic.id}")
    row = {"provider": "github", "subject": str(ada.user.id), "user_id": ada.user.id}
    async with database.transaction(ada.workspace_id) as tx:
        await tx.execute(insert(UserIdentityRow).values(**row, created_at=ada.user.created_at))


async def _secrets_in(database: Database) -> list[str]:
    found: list[str] = []
    async with database.system_reading() as tx:
        for table in Base.metadata.sorted_tables:
            for column in table.c:
                if SECRET.search(column.name):
                    values = (await tx.execute(select(column))).scalars()
                    found += [_text(value) for value in values if value]
    return found


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize("kind", DATABASES)
def test_a_workspace_is_the_same_after_a_way_through_another_database(
    archived: Archived, here: Places, tmp_path: Path, kind: str
) -> None:
    workspace_id, target = archived.cast.ada.workspace_id, here.new(kind)
    before = archive(archived.url, workspace_id, tmp_path / "packed.jsonl.gz")

    done = restore(target, tmp_path / "packed.jsonl.gz")

    after = archive(target, workspace_id, tmp_path / "after.jsonl")
    assert done.code == 0, done.err
    assert comparable(after) == comparable(before)
    assert {line["table"] for line in before} == {
        "archive", "end", *(table.name for table in archives.tables())
    }  # fmt: skip
    assert before[0]["left_out"] == sorted(LEFT_OUT)
    assert before[-1]["rows"] == Counter(line["table"] for line in before[1:-1])
    assert (tmp_path / "packed.jsonl.gz").stat().st_mode & 0o777 == 0o600


def test_nothing_secret_and_nobody_else_is_in_an_archive(archived: Archived) -> None:
    cast = archived.cast
    secrets = [cast.ada.key, cast.grace.key, cast.bob.key, *archived.secrets]
    others = [str(cast.bob.workspace_id), cast.bob.user.email, "OTHER"]

    text = archived.file.read_text()

    assert len(secrets) > 20
    assert [one for one in secrets if one in text] == []
    assert [one for one in others if one in text] == []
    hooks = [line for line in archived.lines if line["table"] == "webhooks"]
    assert [hook["secret"] for hook in hooks] == ["", ""]


def test_every_table_is_in_archives_or_left_out_by_name(root: Path) -> None:
    documented = (root / "docs" / "reference" / "archives.md").read_text()
    tables = archives.tables()

    secret = {(t.name, column.name) for t in tables for column in t.c if SECRET.search(column.name)}

    everything = {table.name for table in Base.metadata.sorted_tables}
    assert {table.name for table in tables} == everything - LEFT_OUT.keys()
    assert LEFT_OUT.keys() < everything
    assert BLANKED.keys() == secret
    names = [*LEFT_OUT, *(f"{table}.{column}" for table, column in secret)]
    assert [name for name in names if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("kind", DATABASES)
async def test_people_work_on_in_a_workspace_that_was_restored(
    archived: Archived, here: Places, kind: str
) -> None:
    target, ada = here.new(kind), archived.cast.ada
    await asyncio.to_thread(restore, target, archived.file)

    async with a_side(target) as (database, app):
        there = await at_home(ada, database, app)
        found = await there.get("/tasks", q=archived.world.marker, limit=200)
        ready = await there.get("/tasks", ready=True, limit=200)
        last = await there.last_event()
        made = await there.a_task("API", "Made here")
        events = await there.events(after=last["seq"])
        hooks = (await there.get("/webhooks"))["items"]
        waited = await run_waiting(database)
        states = {one["state"] for one in (await there.get("/imports"))["items"]}

    assert len(found["items"]) > 10
    assert [task["key"] for task in ready["items"]] == archived.ready
    assert f'"{made["key"]}"' not in archived.file.read_text()
    assert [event["seq"] for event in events] == [last["seq"] + 1]
    assert [hook["is_enabled"] for hook in hooks] == [False, False]
    assert (waited, states) == (1, {"done"})


async def test_whoever_came_without_a_password_gets_one(archived: Archived, here: Places) -> None:
    target, email = here.new("sqlite"), archived.cast.ada.user.email
    done = await asyncio.to_thread(restore, target, archived.file)

    given = await asyncio.to_thread(nexus, "password", email, "--database", target, "--json")

    nobody = await asyncio.to_thread(nexus, "password", "who@nexus.test", "--database", target)
    password = json.loads(given.out)["password"]
    async with a_side(target) as (_, app):
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://nexus.test"
        )
        answers = [
            await http.post("/api/v1/sessions", json={"email": email, "password": one})
            for one in (PASSWORD, password)
        ]
    assert email in done.out
    assert [answer.status_code for answer in answers] == [401, 201]
    assert (nobody.code, "who@nexus.test" in nobody.err) == (4, True)


def test_people_are_known_by_their_address(
    archived: Archived, here: Places, tmp_path: Path
) -> None:
    target, copy = here.new("postgresql"), [_copied(line) for line in archived.lines]
    restore(target, archived.file)

    done = restore(target, _written(tmp_path / "copy.jsonl", copy), "--json")

    after = archive(target, copy[0]["workspace_id"], tmp_path / "after.jsonl")
    people = ["users", "user_identities", "actors"]
    was, now = (
        {table: [line for line in lines if line["table"] == table] for table in people}
        for lines in (archived.lines, after)
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["without_password"] == []
    assert (now["users"], now["user_identities"]) == (was["users"], was["user_identities"])
    assert [one["user_id"] for one in now["actors"]] == [one["user_id"] for one in was["actors"]]
    rest = [line for line in comparable(copy) if line["table"] not in [*people, "end"]]
    assert [line for line in comparable(after) if line["table"] not in [*people, "end"]] == rest


def _copied(line: Line) -> Line:
    """The same row in another workspace where nothing has the id that it had; order is kept."""
    text = json.dumps(line)
    return json.loads(UUIDS.sub(lambda one: "f" + one[0][1:], text))


def _written(file: Path, lines: list[Line]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_a_second_restore_and_a_dry_run_write_nothing(
    archived: Archived, here: Places, tmp_path: Path
) -> None:
    target, file = here.new("sqlite"), tmp_path / "new" / "nexus.db"
    tried = restore(target, archived.file, "--dry-run")
    rows = count_rows(target)
    restore(target, archived.file)
    restored = count_rows(target)

    again = [restore(target, archived.file, *flags) for flags in ([], ["--dry-run"])]

    nowhere = restore(f"sqlite:///{file}", archived.file, "--dry-run")
    assert (tried.code, rows) == (0, 0)
    assert "would be restored" in tried.out
    assert [done.code for done in again] == [6, 6]
    assert all("is on this server already" in done.err for done in again)
    assert count_rows(target) == restored == sum(archived.lines[-1]["rows"].values())
    assert not file.parent.exists(), nowhere.out


TAGGED, LEGACY, BEADS = "taskmaster-tagged.json", "taskmaster-legacy.json", "beads-issues.jsonl"
REPORT = "taskmaster-complexity-report.json"
SAMPLES = {TAGGED: "taskmaster", LEGACY: "taskmaster", BEADS: "beads"}


async def test_the_samples_go_round_and_come_back_as_they_were(
    here: Places, root: Path, tmp_path: Path
) -> None:
    """From either kind of database into either."""
    contents = {name: a_sample(root, name) for name in (*SAMPLES, REPORT)}
    start = here.new("sqlite")
    async with a_side(start) as (database, app):
        ada = (await enter(database, app)).ada
        for name, content in contents.items():
            await bring_in(ada, database, content, file_name=name)
        first = {name: await exported(ada, f, source=name) for name, f in SAMPLES.items()}
    way, lines = [start], []

    for number, kind in enumerate(("postgresql", "postgresql", "sqlite", "sqlite")):
        file = tmp_path / f"{number}.jsonl"
        lines.append(await asyncio.to_thread(archive, way[-1], ada.workspace_id, file))
        way.append(here.new(kind))
        await asyncio.to_thread(restore, way[-1], file)

    assert sum(line["table"] == "tasks" for line in lines[0]) > 3000
    assert all(comparable(one) == comparable(lines[0]) for one in lines[1:])
    async with a_side(way[3]) as (database, app):
        there = await at_home(ada, database, app)
        last = {name: await exported(there, f, source=name) for name, f in SAMPLES.items()}
        again = await bring_in(there, database, contents[LEGACY], file_name=LEGACY)
    differing = [name for name in SAMPLES if not first[name] == last[name] == contents[name]]
    assert differing == []
    assert (again["report"]["created"], again["report"]["updated"]) == (0, 0)
