"""Imports over HTTP: who may, what is refused, and what is recorded about how it went."""

import asyncio
import json
import zlib
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import select, update

from nexus.entrypoints.http import Nexus
from nexus.features.imports.jobs import run_waiting
from nexus.features.imports.tables import ImportPartRow, TaskSourceRow
from nexus.features.projects.tables import ProjectRow
from nexus.platform.database import Database
from nexus.platform.settings import HttpSettings, Settings
from tests.cast import API, Cast, Person
from tests.features.importing import all_tasks, bring_in, rows_of

FILE = {"tasks": [{"id": 1, "title": "Ship it"}, {"id": 2, "title": "Rest", "dependencies": [1]}]}
BYTES = json.dumps(FILE).encode()
NOTHING: dict[str, Any] = {
    "lists": [], "created": 0, "updated": 0, "unchanged": 0, "set_aside": 0,
    "notes": {}, "mapped": {},
}  # fmt: skip


async def ask(person: Person, **params: Any) -> dict[str, Any]:
    asked = await person.call("POST", "/imports", content=BYTES, params=params)
    assert asked.status_code == 202, asked.text
    return asked.json()


async def test_an_import_is_accepted_and_found_where_the_answer_says(
    ada: Person, database: Database
) -> None:
    asked = await ada.call(
        "POST", "/imports", content=BYTES, params={"source": "repo", "file_name": "all.json"}
    )

    await run_waiting(database)

    found = await ada.http.get(
        asked.headers["location"], headers={"Authorization": f"Bearer {ada.key}"}
    )
    queued, done = asked.json(), found.json()
    assert (asked.status_code, queued["state"]) == (202, "queued")
    assert (queued["phase"], queued["position"], queued["records"]) == ("tasks", 0, 2)
    assert queued["report"] == NOTHING
    assert (queued["source"], queued["file_name"], queued["format"]) == (
        "repo",
        "all.json",
        "taskmaster",
    )
    assert (done["id"], done["state"], done["error"]) == (queued["id"], "done", None)
    assert done["report"]["created"] == 2
    assert (await ada.get("/imports"))["items"] == [done]


async def test_an_import_is_on_record_from_asking_to_the_end(
    grace: Person, database: Database
) -> None:
    before = await grace.last_event()

    done = await bring_in(grace, database, FILE, source="repo")

    events = await grace.events(after=before["seq"])
    assert [event["name"] for event in events] == [
        "import.created",
        "project.created",
        "import.tasks_added",
        "import.finished",
    ]
    assert {event["actor"]["id"] for event in events} == {grace.id}
    created, _, added, finished = (event["payload"] for event in events)
    assert (created["source"], created["format"]) == ("repo", "taskmaster")
    assert added["tasks"] == 2
    counts = {name: finished[name] for name in ("created", "updated", "unchanged", "set_aside")}
    assert counts == {"created": 2, "updated": 0, "unchanged": 0, "set_aside": 0}
    assert {e["subject"] for e in events if e["name"].startswith("import.")} == {
        f"import:{done['id']}"
    }


async def test_a_viewer_looks_at_imports_and_asks_for_none(cast: Cast, database: Database) -> None:
    done = await bring_in(cast.ada, database, FILE)
    before = await rows_of(cast.ada, database)

    refused = await cast.vic.call("POST", "/imports", content=BYTES)

    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
    assert await cast.vic.get(f"/imports/{done['id']}") == done
    assert await rows_of(cast.ada, database) == before


@pytest.mark.parametrize(
    ("content", "params", "status", "code"),
    [
        (b'{"name": "nexus"}', {}, 422, "import.file_not_understood"),
        (b"\x89PNG\r\n\x1a\n", {}, 422, "import.file_not_understood"),
        (b"", {}, 422, "import.file_not_understood"),
        (b'{"tasks": [{"title": "\xff"}]}', {}, 422, "import.file_not_understood"),
        (b'{"tasks": [{"id": %s}]}' % (b"1" * 5000), {}, 422, "import.file_not_understood"),
        (BYTES, {"project": "NOPE"}, 422, "import.project_unknown"),
        (BYTES, {"project": "SECRET"}, 422, "import.project_unknown"),
    ],
    ids=["no backlog", "binary", "empty", "not UTF-8", "long number", "unknown", "of others"],
)
async def test_a_refused_import_writes_nothing(
    cast: Cast,
    database: Database,
    content: bytes,
    params: dict[str, str],
    status: int,
    code: str,
) -> None:
    await cast.ada.a_project("SECRET", visibility="private")
    before = await rows_of(cast.grace, database)

    refused = await cast.grace.call("POST", "/imports", content=content, params=params)

    await run_waiting(database)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["detail"].endswith(".")
    assert await rows_of(cast.grace, database) == before


async def test_nothing_comes_into_an_archived_project(ada: Person, database: Database) -> None:
    await ada.a_project("OLD")
    await ada.a_project("LATE")
    await ada.patch("/projects/OLD", {"archived": True})

    refused = await ada.call("POST", "/imports", content=BYTES, params={"project": "OLD"})
    asked = await ask(ada, project="LATE")
    await ada.patch("/projects/LATE", {"archived": True})
    await run_waiting(database)

    late = await ada.get(f"/imports/{asked['id']}")
    assert refused.status_code in {409, 422}
    assert "OLD" in refused.json()["detail"]
    assert late["state"] == "failed"
    assert "LATE" in late["error"]
    assert await all_tasks(ada) == []


async def test_nothing_comes_into_a_project_that_became_private_meanwhile(
    cast: Cast, database: Database
) -> None:
    await cast.ada.a_project("API")
    asked = await ask(cast.grace, project="API")
    await cast.ada.patch("/projects/API", {"visibility": "private"})

    await run_waiting(database)

    late = await cast.ada.get(f"/imports/{asked['id']}")
    assert (late["state"], late["report"]) == ("failed", NOTHING)
    assert await all_tasks(cast.ada) == []


async def test_the_source_of_others_is_no_door_to_their_private_project(
    cast: Cast, database: Database
) -> None:
    await cast.ada.a_project("SECRET", visibility="private")
    await bring_in(cast.ada, database, FILE, project="SECRET", source="tasks.json")
    before = await all_tasks(cast.ada, project="SECRET")
    newer = {"tasks": [*FILE["tasks"], {"id": 3, "title": "Of Grace"}]}

    done = await bring_in(cast.grace, database, newer, source="tasks.json")

    assert await all_tasks(cast.ada, project="SECRET") == before
    assert "SECRET" not in json.dumps(done)


async def test_others_do_not_see_a_private_project_in_an_import(
    cast: Cast, database: Database
) -> None:
    await cast.ada.a_project("SECRET", visibility="private")

    done = await bring_in(cast.ada, database, FILE, project="SECRET")

    seen = await cast.grace.call("GET", f"/imports/{done['id']}")
    listed = await cast.grace.get("/imports")
    assert "SECRET" not in seen.text
    assert "SECRET" not in json.dumps(listed)


async def test_who_left_the_workspace_imports_nothing(cast: Cast, database: Database) -> None:
    asked = await ask(cast.grace)
    await cast.ada.delete(f"/users/{cast.grace.id}")

    await run_waiting(database)

    late = await cast.ada.get(f"/imports/{asked['id']}")
    assert (late["state"], late["report"]) == ("failed", NOTHING)
    assert "left the workspace" in late["error"]
    assert await all_tasks(cast.ada) == []
    assert (await cast.ada.last_event())["name"] == "import.failed"


async def test_who_became_a_viewer_imports_nothing(cast: Cast, database: Database) -> None:
    asked = await ask(cast.grace)
    await cast.ada.patch(f"/users/{cast.grace.id}", {"role": "viewer"})

    await run_waiting(database)

    late = await cast.ada.get(f"/imports/{asked['id']}")
    assert (late["state"], late["report"]) == ("failed", NOTHING)
    assert await all_tasks(cast.ada) == []


async def test_an_import_that_breaks_is_failed_and_holds_nobody_up(
    cast: Cast, database: Database
) -> None:
    await cast.ada.a_project("API")
    await cast.ada.a_task("API", "Here already")
    broken = await ask(cast.ada, project="API")
    async with database.transaction(cast.ada.workspace_id) as tx:
        await tx.execute(
            update(ProjectRow)
            .where(ProjectRow.workspace_id == cast.ada.workspace_id)
            .values(last_number=0)
        )
    behind = await ask(cast.bob)

    await run_waiting(database)

    late = await cast.ada.get(f"/imports/{broken['id']}")
    assert (late["state"], late["report"]) == ("failed", NOTHING)
    assert late["error"].startswith("A fault of the server")
    assert [task["title"] for task in await all_tasks(cast.ada)] == ["Here already"]
    event = await cast.ada.last_event()
    assert (event["name"], event["payload"]["why"]) == ("import.failed", late["error"])
    assert (await cast.bob.get(f"/imports/{behind['id']}"))["state"] == "done"


async def test_a_stored_file_that_no_longer_reads_fails_with_its_reason(
    ada: Person, database: Database
) -> None:
    asked = await ask(ada)
    async with database.transaction(ada.workspace_id) as tx:
        await tx.execute(
            update(ImportPartRow)
            .where(ImportPartRow.workspace_id == ada.workspace_id)
            .values(content=zlib.compress(b"half a fi"))
        )

    await run_waiting(database)

    late = await ada.get(f"/imports/{asked['id']}")
    assert late["state"] == "failed"
    assert "cannot be imported" in late["error"]


async def test_two_servers_carry_out_an_import_once(ada: Person, database: Database) -> None:
    asked = [await ask(ada, source=str(uuid4())) for _ in range(3)]

    await asyncio.gather(*(run_waiting(database) for _ in range(4)))

    ended = [await ada.get(f"/imports/{one['id']}") for one in asked]
    names = [event["name"] for event in await ada.events(name="import.*")]
    assert [one["state"] for one in ended] == ["done"] * 3
    assert len(await all_tasks(ada)) == 6
    assert names.count("import.finished") == names.count("import.tasks_added") == 3


async def test_the_same_source_asked_for_twice_comes_in_once(
    ada: Person, database: Database
) -> None:
    asked = [await ask(ada, source="repo") for _ in range(2)]

    await asyncio.gather(*(run_waiting(database) for _ in range(2)))

    ended = [await ada.get(f"/imports/{one['id']}") for one in asked]
    assert sorted(one["report"]["created"] for one in ended) == [0, 2]
    assert len(await all_tasks(ada)) == 2


async def test_of_the_files_of_a_source_the_newest_that_came_in_is_kept(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, FILE)
    await bring_in(ada, database, BYTES.ljust(4096))
    await bring_in(ada, database, FILE, dry_run=True)

    async with database.reading(ada.workspace_id) as tx:
        found = await tx.execute(
            select(ImportPartRow.content).where(ImportPartRow.workspace_id == ada.workspace_id)
        )
        sources = await tx.execute(
            select(TaskSourceRow.original).where(TaskSourceRow.workspace_id == ada.workspace_id)
        )
        contents, originals = found.scalars().all(), sources.scalars().all()

    assert [zlib.decompress(one) for one in contents] == [BYTES.ljust(4096)]
    assert sorted(originals) == sorted(json.dumps(one) for one in FILE["tasks"])


async def test_a_file_may_be_as_large_as_said_and_no_larger(
    ada: Person, database: Database
) -> None:
    limit = 4096
    app = Nexus(database, Settings(http=HttpSettings(max_import_bytes=limit, max_body_bytes=1024)))
    fitting = BYTES.ljust(limit)
    headers = {"Authorization": f"Bearer {ada.key}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://nexus.test") as http:
        taken = await http.post(f"{API}/imports", content=fitting, headers=headers)
        refused = await http.post(f"{API}/imports", content=fitting + b" ", headers=headers)

    await run_waiting(database)

    assert taken.status_code == 202, taken.text
    assert refused.status_code == 413
    assert str(limit) in refused.json()["detail"]
    assert len((await ada.get("/imports"))["items"]) == 1
