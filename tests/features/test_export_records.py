"""Records that are changed: what exactly becomes of them in a file, in odd and old ones too."""

import csv
import io
import json
from typing import Any

import pytest

from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.exporting import exported, in_lines, in_tags
from tests.features.importing import all_tasks, bring_in, records_of

BESIDE: list[tuple[str, list[bytes], list[bytes]]] = [
    (
        "taskmaster",
        [
            b'{"a":{\n    "tasks": [{"id":1,"title":"One"},\n\t',
            b'{"id":  2,"n":1.0,"title":"T\\u0077o"}]}}',
        ],
        [b'{"id":  2,"n":1.0,"title":"T\\u0077o"}'],
    ),
    (
        "beads",
        [
            b'\xef\xbb\xbf{"id":"x-1","title":"One"}\r\n{"id":  "x-2","title":"T\\u0077o"}\r\n',
            b'{"_type":"memory","key":"k",  "value":1}\n',
            b'{"id":"x-3","status":"tombstone","title":"T"}',
        ],
        [
            b'{"id":  "x-2","title":"T\\u0077o"}',
            b'{"_type":"memory","key":"k",  "value":1}',
            b'{"id":"x-3","status":"tombstone","title":"T"}',
        ],
    ),
    (
        "csv",
        [
            b'\xef\xbb\xbf"Key";"Title";\n"A-1";"One";"1"\n',
            b'"A-2";"Two";"x; y"\n;three;too;many\n',
        ],
        [b'\xef\xbb\xbf"Key";"Title";\n', b'\n"A-2";"Two";"x; y"\n;three;too;many\n'],
    ),
]
"""A file by its format, and what of it stays when its first record is changed."""


async def taken_in(person: Person, database: Database, content: bytes, name: str) -> dict[str, str]:
    """The key of each record, by its id."""
    done = await bring_in(person, database, content, file_name=name)
    assert done["state"] == "done", done["error"]
    return {record["external_id"]: record["key"] for record in await records_of(person, done)}


@pytest.mark.parametrize(("name", "lines", "kept"), BESIDE, ids=[name for name, _, _ in BESIDE])
async def test_what_stands_beside_a_change_stays_byte_for_byte(
    ada: Person, database: Database, name: str, lines: list[bytes], kept: list[bytes]
) -> None:
    content = b"".join(lines)
    keys = await taken_in(ada, database, content, f"{name}.csv" if name == "csv" else name)
    await ada.patch(f"/tasks/{next(iter(keys.values()))}", {"title": "Renamed"})

    out = await exported(ada, name)

    assert b"Renamed" in out
    assert [one for one in kept if one not in out] == []


async def test_a_task_that_becomes_part_of_a_new_one_takes_its_parts_along(
    ada: Person, database: Database
) -> None:
    first = {"id": 1, "title": "One", "priority": "high", "complexity": 5, "x": 1.50}
    first |= {"acceptanceCriteria": ["It works"], "subtasks": [{"id": 1, "title": "Part"}]}
    keys = await taken_in(ada, database, in_tags(web=[first, {"id": 2, "title": "Two"}]), "t.json")
    above = await ada.a_task("WEB", "Above")
    await ada.patch(
        f"/tasks/{keys['1']}", {"parent": above["key"], "priority": "none", "acceptance": []}
    )

    out = await exported(ada, "taskmaster")

    (two, new) = json.loads(out)["web"]["tasks"]
    assert (two, new["title"]) == ({"id": 2, "title": "Two"}, "Above")
    (one, part) = new["subtasks"]
    assert (one["title"], one["x"], part["title"]) == ("One", 1.5, "Part")
    assert "subtasks" not in one
    assert one.get("priority") in {None, "low"}
    assert not one.get("acceptanceCriteria")


async def test_a_part_that_becomes_a_task_takes_what_is_new_in_it_along(
    ada: Person, database: Database
) -> None:
    first = {"id": 1, "title": "One", "subtasks": [{"id": 1, "title": "Part"}]}
    keys = await taken_in(ada, database, in_tags(web=[first]), "tasks.json")
    new = await ada.a_task("WEB", "New", parent=keys["1.1"])
    await ada.a_task("WEB", "Waits", dependencies=[new["key"]])
    await ada.patch(f"/tasks/{keys['1.1']}", {"parent": None})

    out = await exported(ada, "taskmaster")

    (one, part, waits) = json.loads(out)["web"]["tasks"]
    (below,) = part["subtasks"]
    assert [task["title"] for task in (one, part, below, waits)] == ["One", "Part", "New", "Waits"]
    assert waits["dependencies"] == [f"{part['id']}.{below['id']}"]


async def test_odd_ids_are_named_as_they_stand_in_the_file(ada: Person, database: Database) -> None:
    records = [{"id": one, "title": f"Task {one}"} for one in ("007", "\u00b2", "1.5", "4", "5", 6)]
    keys = await taken_in(ada, database, in_tags(web=records), "tasks.json")
    for one in ("007", "\u00b2", "1.5", "6"):
        await ada.post(f"/tasks/{keys['4']}/dependencies", {"depends_on": keys[one]})
    newer = in_tags(web=[*records, {"id": 7, "title": "Seven"}])
    await bring_in(ada, database, newer, file_name="tasks.json")
    await ada.a_task("WEB", "New", parent=keys["\u00b2"])
    await ada.a_task("WEB", "Newer")

    out = await exported(ada, "taskmaster")

    tasks = {task["title"]: task for task in json.loads(out)["web"]["tasks"]}
    ids = [str(task["id"]) for task in tasks.values()]
    assert {str(one) for one in tasks["Task 4"]["dependencies"]} == {"007", "\u00b2", "1.5", "6"}
    assert tasks["Task \u00b2"]["subtasks"][0]["title"] == "New"
    assert len(ids) == len(set(ids)) == 8


async def test_a_list_that_is_new_in_a_file_overwrites_nothing(
    ada: Person, database: Database
) -> None:
    content = b'{"tasks":[{"id":1,"title":"One"}],"meta":{"version":3}}'
    await taken_in(ada, database, content, "tasks.json")
    await ada.a_project("META")
    await ada.a_task("META", "In Meta")

    out = await exported(ada, "taskmaster", project=["MASTER", "META"])

    there = json.loads(out)
    lists = [held.get("tasks", []) for held in there.values() if isinstance(held, dict)]
    titles = [task["title"] for tasks in [*lists, there.get("tasks", [])] for task in tasks]
    assert there["meta"].get("version") == 3
    assert sorted(titles) == ["In Meta", "One"]


async def test_the_label_of_a_list_is_no_label_in_its_file(ada: Person, database: Database) -> None:
    await ada.a_project("ALL")
    content = in_tags(web=[{"id": 1, "title": "One"}], api=[{"id": 1, "title": "Two"}])
    await bring_in(ada, database, content, file_name="tasks.json", project="ALL")
    await ada.patch("/tasks/ALL-1", {"labels": ["web", "red"]})

    out = await exported(ada, "taskmaster")

    assert json.loads(out)["web"]["tasks"][0]["labels"] == ["red"]


async def test_what_an_issue_waits_for_is_changed_and_all_else_of_it_stays(
    ada: Person, database: Database
) -> None:
    needs = [
        {"depends_on_id": "x-2", "type": "blocks"},
        {"depends_on_id": "x-404", "type": "blocks"},
        {"depends_on_id": "x-2", "type": "Tracks"},
    ]
    content = in_lines(
        {"id": "x-1", "title": "One", "issue_type": "gate", "dependencies": needs},
        {"id": "x-2", "title": "Two", "dependencies": [{"depends_on_id": "x-1"}]},
        {"id": "x-3", "title": "Three"},
        {"id": "x-3.1", "title": "Below three"},
        {"id": "x-4", "title": "Of a dump"},
        {"issue_id": "x-4", "depends_on_id": "x-3", "type": "blocks"},
        {"id": 1, "issue_id": "x-4", "author": "lin", "text": "done", "created_at": None},
    )
    keys = await taken_in(ada, database, content, "issues.jsonl")
    await ada.post(f"/tasks/{keys['x-1']}/dependencies", {"depends_on": keys["x-3"]})
    await ada.patch(f"/tasks/{keys['x-1']}", {"labels": ["gate", "red"]})
    await ada.patch(f"/tasks/{keys['x-3.1']}", {"parent": None})
    await ada.post(f"/tasks/{keys['x-4']}/dependencies", {"depends_on": keys["x-2"]})
    await ada.post(f"/tasks/{keys['x-4']}/comments", {"body": "Not done"})

    out = await exported(ada, "beads")

    issues = {one["title"]: one for one in map(json.loads, out.splitlines()) if "title" in one}
    first, dumped = issues["One"], issues["Of a dump"]
    assert [one["depends_on_id"] for one in first["dependencies"]] == ["x-2", "x-404", "x-2", "x-3"]
    assert first["dependencies"][:3] == needs
    assert (first["issue_type"], first["labels"]) == ("gate", ["red"])
    assert sorted(one["depends_on_id"] for one in dumped["dependencies"]) == ["x-2", "x-3"]
    assert [one["text"] for one in dumped["comments"]] == ["done", "Not done"]
    other = await parents_when_read(ada, database, out)
    assert other["Below three"] is None


async def parents_when_read(person: Person, database: Database, content: bytes) -> dict[str, Any]:
    """What each task of a file is part of, read from another source into another project."""
    await person.a_project("AGAIN")
    done = await bring_in(person, database, content, source="again", project="AGAIN")
    assert done["state"] == "done", done["error"]
    return {one["title"]: one["parent"] for one in await all_tasks(person, project="AGAIN")}


async def test_blocked_is_what_waits_and_nothing_else(cast: Cast, database: Database) -> None:
    content = in_lines(
        {"id": "x-1", "title": "One", "status": "open"},
        {"id": "x-2", "title": "Two", "status": "blocked", "dependencies": ["x-1"]},
    )
    keys = await taken_in(cast.ada, database, content, "issues.jsonl")
    await cast.ada.delete(f"/tasks/{keys['x-2']}/dependencies/{keys['x-1']}", 200)

    out = await exported(cast.ada, "beads")

    await bring_in(cast.bob, database, out, file_name="issues.jsonl")
    here, there = await all_tasks(cast.ada), await all_tasks(cast.bob)
    assert [task["status"] for task in there] == [task["status"] for task in here] == ["todo"] * 2


async def test_cells_of_all_sorts_are_changed_and_what_never_came_in_stays(
    ada: Person, database: Database
) -> None:
    content = (
        b'Key,Title,Votes,Sprint,Sprint,Blocked by\nA,One,3,S1,S2,"Z, C"\nB,Two,,,,\nC,Three,,,,\n'
    )
    keys = await taken_in(ada, database, content, "tasks.csv")
    custom = {"csv": {"Votes": 5, "Sprint": ["S1", "S3"]}}
    await ada.patch(f"/tasks/{keys['A']}", {"custom": custom})
    await ada.post(f"/tasks/{keys['A']}/dependencies", {"depends_on": keys["B"]})

    out = await exported(ada, "csv")

    row = list(csv.reader(io.StringIO(out.decode())))[1]
    assert row[:5] == ["A", "One", "5", "S1", "S3"]
    assert {part.strip() for part in row[5].split(",")} == {"B", "C", "Z"}
