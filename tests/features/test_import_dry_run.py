"""A dry run writes nothing of a backlog and says beforehand what the import will say."""

import json
from pathlib import Path
from typing import Any

import pytest

from nexus.platform.database import Database
from tests.cast import Person
from tests.features.importing import all_tasks, bring_in, records_of, rows_of

OF_IMPORTS = {"imports", "import_parts", "import_records", "events", "api_keys"}
"""Tables in which a dry run leaves what it said, and that a call itself touches."""

COUNTS = ("created", "updated", "unchanged", "set_aside", "notes", "mapped", "lists")

ODD = {
    "master": {"tasks": [
        {"id": 1, "title": "A", "dependencies": [2], "status": "pending", "priority": "high"},
        {"id": 2, "title": "B", "dependencies": [1, 99], "status": "someday"},
        {"id": 2, "title": "B again", "subtasks": [
            {"id": 1, "title": "Part", "dependencies": [2], "status": "in-progress"},
            {"id": 2, "title": "Part", "dependencies": [1]},
        ]},
    ]},
    "web shop": {"tasks": [{"id": 1, "title": "", "priority": "p0"}, {"id": 2, "title": "C"}]},
}  # fmt: skip
PARTS = [{"id": 2, "title": "B", "dependencies": [5]}, {"id": 3, "title": "C", "dependencies": [1]}]
WITH_PARENTS = {
    "tasks": [
        {"id": 1, "title": "A", "subtasks": PARTS},
        {"id": 5, "title": "E", "dependencies": [1]},
    ]
}
"""Circles that are there only because of parents: 1.2 waits for 5, and that for all of 1."""


def said(done: Any) -> dict[str, Any]:
    return {name: done["report"][name] for name in COUNTS}


async def both(
    person: Person, database: Database, content: Any, **params: Any
) -> tuple[Any, Any, list[Any], list[Any]]:
    """A dry run and the import after it, each with what became of its records."""
    tried = await bring_in(person, database, content, dry_run=True, **params)
    before = await records_of(person, tried)
    done = await bring_in(person, database, content, **params)
    return tried, done, before, await records_of(person, done)


def comparable(records: list[Any]) -> list[Any]:
    """Records without the ids and keys that only the real import can know."""
    known = {"task_id", "key"}
    return [{name: one[name] for name in one if name not in known} for one in records]


@pytest.fixture
def example(root: Path) -> Any:
    return json.loads((root / "examples" / "backlog.json").read_bytes())


async def test_a_dry_run_writes_nothing_of_the_backlog(ada: Person, database: Database) -> None:
    before = await rows_of(ada, database)

    tried = await bring_in(ada, database, ODD, dry_run=True)

    after, events = await rows_of(ada, database), await ada.events()
    assert (tried["state"], tried["is_dry_run"]) == ("done", True)
    assert tried["report"]["created"] == 7
    assert {n: v for n, v in after.items() if n not in OF_IMPORTS} == {
        n: v for n, v in before.items() if n not in OF_IMPORTS
    }
    assert [one["name"] for one in events[-2:]] == ["import.created", "import.finished"]
    assert len(events) == len(before["events"]) + 2


@pytest.mark.parametrize("which", ["odd", "parents", "example"])
@pytest.mark.parametrize("project", [None, "SHOP"])
async def test_a_dry_run_says_what_the_import_says(
    ada: Person, database: Database, example: Any, which: str, project: str | None
) -> None:
    await ada.a_project("SHOP")
    chosen = {"odd": ODD, "parents": WITH_PARENTS, "example": example}[which]
    params = {"project": project} if project else {}

    tried, done, before, after = await both(ada, database, chosen, **params)

    assert said(tried) == said(done)
    assert comparable(before) == comparable(after)
    assert len(after) == done["report"]["created"] > 0
    if which != "example":
        assert done["report"]["notes"]["cycle"] >= 1


async def test_a_dry_run_of_the_same_file_finds_nothing_to_do(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, ODD)
    before = await rows_of(ada, database, "tasks", "task_sources", "task_dependencies")

    tried, done, tried_records, records = await both(ada, database, ODD)

    assert (tried["report"]["created"], tried["report"]["updated"]) == (0, 0)
    assert said(tried) == said(done)
    assert comparable(tried_records) == comparable(records)
    assert await rows_of(ada, database, "tasks", "task_sources", "task_dependencies") == before


OLD = [
    {"id": 1, "title": "Old", "description": "Old"},
    {"id": 2, "title": "Old"},
    {"id": 3, "title": "Same", "dependencies": [1]},
    {"id": 4, "title": "Archived", "status": "done"},
]
NEWER = {
    "fields": [{**OLD[0], "title": "Newer"}, OLD[1], OLD[2], OLD[3], {"id": 5, "title": "New"}],
    "conflict": [OLD[0], {**OLD[1], "title": "Newer"}, OLD[2], OLD[3]],
    "status": [{**OLD[0], "status": "done"}, *OLD[1:]],
    "dependency added": [OLD[0], {**OLD[1], "dependencies": [1]}, *OLD[2:]],
    "dependency removed": [*OLD[:2], {"id": 3, "title": "Same"}, OLD[3]],
    "dependency exchanged": [*OLD[:2], {**OLD[2], "dependencies": [2]}, OLD[3]],
    "circle": [{**OLD[0], "dependencies": [3]}, *OLD[1:]],
    "archived": [*OLD[:3], {**OLD[3], "title": "Newer"}],
    "new parts": [{**OLD[0], "subtasks": [{"id": 1, "title": "P", "dependencies": ["3"]}]},
                  *OLD[1:]],
}  # fmt: skip


@pytest.mark.parametrize("newer", NEWER.values(), ids=NEWER)
async def test_a_dry_run_of_a_newer_version_says_what_would_be_merged(
    ada: Person, database: Database, newer: list[Any]
) -> None:
    await bring_in(ada, database, {"tasks": OLD})
    await ada.patch("/tasks/MASTER-2", {"title": "Ours"})
    await ada.patch("/tasks/MASTER-4", {"archived": True})
    tasks = await all_tasks(ada)

    tried = await bring_in(ada, database, {"tasks": newer}, dry_run=True)

    assert await all_tasks(ada) == tasks
    records = await records_of(ada, tried)
    done = await bring_in(ada, database, {"tasks": newer})
    assert said(tried) == said(done)
    assert comparable(records) == comparable(await records_of(ada, done))


async def test_a_dry_run_refuses_what_an_import_refuses(ada: Person, database: Database) -> None:
    before = await rows_of(ada, database)

    refused = await ada.call("POST", "/imports", content=b"{}", params={"dry_run": True})

    assert (refused.status_code, refused.json()["code"]) == (422, "import.file_not_understood")
    assert await rows_of(ada, database) == before


async def test_a_viewer_tries_nothing(vic: Person) -> None:
    refused = await vic.call("POST", "/imports", json=ODD, params={"dry_run": True})

    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
