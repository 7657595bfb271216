"""Imports over HTTP: what a file holds is what the workspace holds afterwards."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nexus.features.imports.jobs import run_waiting
from nexus.platform.database import Database
from tests.cast import Person
from tests.features.importing import (
    all_tasks,
    bring_in,
    derived,
    kept,
    noted,
    read,
    ready,
    records_and_tasks,
    records_of,
)


async def test_all_that_is_in_a_file_comes_in(ada: Person, database: Database, root: Path) -> None:
    file = (root / "examples" / "backlog.json").read_bytes()
    backlog = read(file)

    done = await bring_in(ada, database, file, file_name="tasks.json")

    report = done["report"]
    notes = noted(await records_of(ada, done))
    cycles = [record for record, code in notes if code == "cycle"]
    pairs = await records_and_tasks(ada, report, backlog)
    keys = {where: task["key"] for where, (_, task) in pairs.items()}
    wanted = {(n, i, need) for (n, i), (record, _) in pairs.items() for need in record.needs}
    found = {(n, i, one["key"]) for (n, i), (_, t) in pairs.items() for one in t["dependencies"]}
    missing = {(n, i, need) for n, i, need in wanted if (n, i, keys[n, need]) not in found}
    assert (done["state"], done["error"]) == ("done", None)
    assert report["created"] == sum(map(len, backlog.values())) == len(pairs)
    for (name, _), (record, task) in pairs.items():
        assert (task["title"], task["status"]) == (record.title, record.status)
        parent = task["parent"] and task["parent"]["key"]
        assert parent == (keys[name, record.parent] if record.parent else None)
    assert len(wanted) - len(missing) == len(found)
    assert sorted(f"{name}/{own_id}" for name, own_id, _ in missing) == sorted(cycles)
    for one in report["lists"]:
        records = backlog[one["name"]].values()
        assert (one["tasks"], one["subtasks"], one["dependencies"]) == (
            sum(record.parent is None for record in records),
            sum(record.parent is not None for record in records),
            sum(name == one["name"] for name, _, _ in found),
        )
    listed = await all_tasks(ada, ready=True)
    names = {one["project"]: one["name"] for one in report["lists"]}
    assert Counter((names[t["project"]], t["title"]) for t in listed) == ready(backlog, missing)
    everything = await all_tasks(ada)
    assert kept(everything) == derived(everything)


async def test_a_circle_is_broken_where_it_closes_and_reported(
    ada: Person, database: Database
) -> None:
    circle = [
        {"id": one, "title": f"Task {one}", "dependencies": [needed]}
        for one, needed in ((1, 2), (2, 3), (3, 1), (4, 4))
    ]
    on_own_parent = {"id": 5, "title": "Parent", "subtasks": [
        {"id": 1, "title": "Sub", "dependencies": [5]}
    ]}  # fmt: skip

    done = await bring_in(ada, database, {"tasks": [*circle, on_own_parent]})

    records = await records_of(ada, done)
    tasks = await all_tasks(ada)
    assert noted(records) == [
        ("master/3", "cycle"),
        ("master/4", "cycle"),
        ("master/5.1", "cycle"),
    ]
    assert "master/1" in records[2]["notes"][0]["message"]
    assert done["report"]["notes"] == {"cycle": 3}
    assert [one["dependencies"] for one in done["report"]["lists"]] == [2]
    assert [[one["key"] for one in task["dependencies"]] for task in tasks[:4]] == [
        ["MASTER-2"],
        ["MASTER-3"],
        [],
        [],
    ]
    assert kept(tasks) == derived(tasks)


async def test_the_same_file_again_changes_nothing(
    ada: Person, database: Database, root: Path
) -> None:
    content = (root / "examples" / "backlog.json").read_bytes()
    first = await bring_in(ada, database, content)
    before, last = await all_tasks(ada), await ada.last_event()

    again = await bring_in(ada, database, content)

    assert again["state"] == "done"
    assert again["report"]["created"] == 0
    assert again["report"]["updated"] == again["report"]["set_aside"] == 0
    assert again["report"]["unchanged"] == first["report"]["created"] == len(before)
    assert await all_tasks(ada) == before
    events = await ada.events(after=last["seq"])
    assert [event["name"] for event in events] == ["import.created", "import.finished"]


async def test_the_same_file_from_another_source_is_another_backlog(
    ada: Person, database: Database
) -> None:
    content = {"api": {"tasks": [{"id": 1, "title": "Ship it"}]}}
    await bring_in(ada, database, content, source="one")

    done = await bring_in(ada, database, content, source="other")

    assert [one["project"] for one in done["report"]["lists"]] == ["API2"]
    assert [task["key"] for task in await all_tasks(ada)] == ["API-1", "API2-1"]


async def test_lists_in_one_project_are_told_apart_by_labels(
    ada: Person, database: Database
) -> None:
    project = await ada.a_project("SHOP")
    await ada.a_task(project, "Here already")
    tags = ("master", "web shop", "till")
    content = {tag: {"tasks": [{"id": 1, "title": f"Of {tag}"}]} for tag in tags}

    done = await bring_in(ada, database, content, project="shop")

    tasks = await all_tasks(ada)
    assert {one["project"] for one in done["report"]["lists"]} == {"SHOP"}
    assert [(task["key"], task["title"], task["labels"]) for task in tasks] == [
        ("SHOP-1", "Here already", []),
        ("SHOP-2", "Of master", []),
        ("SHOP-3", "Of web shop", ["web shop"]),
        ("SHOP-4", "Of till", ["till"]),
    ]
    assert len((await ada.get("/projects"))["items"]) == 1


async def test_every_list_finds_a_project_key_whatever_its_name(
    ada: Person, database: Database
) -> None:
    await ada.a_project("SHOP")
    names = [
        "shop",
        "Shop!",
        "feature/a-very-long-name",
        "日本",
        "x",
        "2026",
        " ",
        "a\u0000b",
        "l" * 300,
    ]
    content = {name: {"tasks": [{"id": 1, "title": "A"}]} for name in names}

    done = await bring_in(ada, database, content)

    assert done["state"] == "done", done["error"]
    keys = [one["project"] for one in done["report"]["lists"]]
    assert keys[:6] == ["SHOP2", "SHOP3", "FEATUREAVE", "IMPORT", "XX", "IMPORT2"]
    assert len(set(keys)) == len(names) == len(await all_tasks(ada))


NASTY = {
    "NUL in texts": {
        "title": "A\u0000B",
        "description": "\u0000",
        "acceptanceCriteria": ["\u0000x"],
    },
    "NUL in an id": {"id": "a\u0000b"},
    "NUL in a field": {"no\u0000te": {"x\u0000": ["\u0000"]}},
    "NUL in a dependency": {"dependencies": ["a\u0000b"]},
    "NUL in a status": {"status": "a\u0000b", "priority": "\u0000"},
    "large numbers": {"id": 2**80, "estimate": 2**70, "complexity": 2**40},
    "the first day": {"createdAt": "0001-01-01T00:00:00+14:00"},
    "the last day": {"updatedAt": "9999-12-31T23:59:59-14:00"},
    "nesting": {"note": json.loads("[" * 400 + "]" * 400)},
    "other line ends": {"title": "A\u2028B\x85C\tD", "details": "\r\n\x1b[31m"},
    "an astral title": {"title": "🚲" * 500},
    "long ids": {"id": "x" * 300, "dependencies": ["y" * 300]},
}


@pytest.mark.parametrize("fields", NASTY.values(), ids=NASTY.keys())
async def test_nothing_that_a_field_holds_breaks_an_import(
    ada: Person, database: Database, fields: dict[str, Any]
) -> None:
    content = {"tasks": [{"id": 1, "title": "A", **fields}, {"id": "last", "title": "Last"}]}

    done = await bring_in(ada, database, content)

    assert (done["state"], done["error"]) == ("done", None)
    tasks = await all_tasks(ada)
    assert [task["key"] for task in tasks] == ["MASTER-1", "MASTER-2"]
    assert (await ada.get("/tasks/MASTER-1"))["title"]


@pytest.mark.parametrize("depth", [60, 300, 450, 470, 480, 500, 600, 900, 980, 1000])
async def test_nesting_of_any_depth_is_kept_or_refused(
    ada: Person, database: Database, depth: int
) -> None:
    nested = "[" * depth + "]" * depth
    content = f'{{"tasks": [{{"id": 1, "title": "A", "x": {nested}}}]}}'.encode()

    asked = await ada.call("POST", "/imports", content=content)

    await run_waiting(database)
    states = [one["state"] for one in (await ada.get("/imports"))["items"]]
    assert (asked.status_code, states) in [(202, ["done"]), (422, [])]
    assert len(await all_tasks(ada)) == len(states)
