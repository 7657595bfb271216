"""A newer version of an imported file: what changed there comes in, what changed here stays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from nexus.platform.database import Database
from tests.cast import Person
from tests.features.importing import all_tasks, bring_in, derived, kept, noted, records_of


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field in the file and over HTTP: as it came, as it is newer, as somebody changed it."""

    name: str
    before: Mapping[str, Any]
    newer: Mapping[str, Any]
    path: str = ""
    here: Mapping[str, Any]
    as_newer: Mapping[str, Any] = field(default_factory=dict)
    shown: Any
    shown_newer: Any
    shown_here: Any

    def of(self, task: Any) -> Any:
        found = task[self.name]
        if self.name == "acceptance":
            return [item["text"] for item in found]
        return found


def a_text(name: str, in_file: str) -> Field:
    return Field(
        name=name,
        before={in_file: "Old"},
        newer={in_file: "Newer"},
        here={name: "Ours"},
        as_newer={name: "Newer"},
        shown="Old",
        shown_newer="Newer",
        shown_here="Ours",
    )


def a_status(before: str, newer: str, here: str, shown: tuple[str, str, str]) -> Field:
    return Field(
        name="status",
        before={"status": before},
        newer={"status": newer},
        path="/status",
        here={"status": here},
        as_newer={"status": shown[1]},
        shown=shown[0],
        shown_newer=shown[1],
        shown_here=shown[2],
    )


FIELDS = {
    "title": a_text("title", "title"),
    "description": a_text("description", "description"),
    "details": a_text("details", "details"),
    "test_strategy": a_text("test_strategy", "testStrategy"),
    "priority": Field(
        name="priority", before={"priority": "low"}, newer={"priority": "high"},
        here={"priority": "critical"}, as_newer={"priority": "high"},
        shown="low", shown_newer="high", shown_here="critical",
    ),
    "custom": Field(
        name="custom", before={"owner": "Old"}, newer={"owner": "Newer"},
        here={"custom": {"taskmaster": {"owner": "Ours"}}},
        as_newer={"custom": {"taskmaster": {"owner": "Newer"}}},
        shown={"taskmaster": {"owner": "Old"}}, shown_newer={"taskmaster": {"owner": "Newer"}},
        shown_here={"taskmaster": {"owner": "Ours"}},
    ),
    "begun": a_status(
        "pending", "in-progress", "in_review", ("todo", "in_progress", "in_review")
    ),
    "finished": a_status("in-progress", "done", "cancelled", ("in_progress", "done", "cancelled")),
    "reopened": a_status("done", "in-progress", "todo", ("done", "in_progress", "todo")),
}  # fmt: skip
ACCEPTANCE = Field(
    name="acceptance",
    before={"acceptanceCriteria": ["It works", "It is small"]},
    newer={"acceptanceCriteria": ["It works", "It is fast"]},
    here={"acceptance": [{"text": "It works"}, {"text": "It is small"}, {"text": "It is safe"}]},
    shown=["It works", "It is small"],
    shown_newer=["It works", "It is fast"],
    shown_here=["It works", "It is small", "It is safe"],
)


def a_file(*records: Any) -> dict[str, Any]:
    return {"tasks": [{"title": f"Task {one['id']}", **one} for one in records]}


async def one_task(person: Person, key: str = "MASTER-1") -> Any:
    return await person.get(f"/tasks/{key}")


async def only_record(person: Person, done: Any) -> Any:
    (record,) = await records_of(person, done)
    return record


@pytest.mark.parametrize("one", [*FIELDS.values(), ACCEPTANCE], ids=[*FIELDS, "acceptance"])
async def test_what_changed_there_alone_comes_in(
    ada: Person, database: Database, one: Field
) -> None:
    await bring_in(ada, database, a_file({"id": 1, **one.before}))
    before = await one_task(ada)

    done = await bring_in(ada, database, a_file({"id": 1, **one.newer}))

    task, record, event = await one_task(ada), await only_record(ada, done), await last_of_task(ada)
    assert (one.of(before), one.of(task)) == (one.shown, one.shown_newer)
    assert (done["report"]["updated"], done["report"]["unchanged"]) == (1, 0)
    assert (record["outcome"], record["key"]) == ("updated", "MASTER-1")
    assert noted([record]) == [("master/1", "merged")]
    assert one.name in record["notes"][0]["message"]
    assert task["version"] > before["version"]
    assert event["actor"]["id"] == ada.id
    assert list(event["payload"]["changes"]) == [one.name]


@pytest.mark.parametrize("one", [*FIELDS.values(), ACCEPTANCE], ids=[*FIELDS, "acceptance"])
async def test_what_changed_here_alone_stays(ada: Person, database: Database, one: Field) -> None:
    await bring_in(ada, database, a_file({"id": 1, **one.before}))
    changed = await ada.patch(f"/tasks/MASTER-1{one.path}", one.here)

    done = await bring_in(ada, database, a_file({"id": 1, **one.before}))

    assert one.of(changed) == one.shown_here
    assert await one_task(ada) == changed
    assert (done["report"]["unchanged"], done["report"]["notes"]) == (1, {})


@pytest.mark.parametrize("one", FIELDS.values(), ids=FIELDS)
async def test_what_changed_on_both_sides_stays_and_is_reported_once(
    ada: Person, database: Database, one: Field
) -> None:
    await bring_in(ada, database, a_file({"id": 1, **one.before}))
    changed = await ada.patch(f"/tasks/MASTER-1{one.path}", one.here)

    done = await bring_in(ada, database, a_file({"id": 1, **one.newer}))
    again = await bring_in(ada, database, a_file({"id": 1, **one.newer}))

    record = await only_record(ada, done)
    assert await one_task(ada) == changed
    assert (record["outcome"], noted([record])) == ("unchanged", [("master/1", "conflict")])
    assert f"'{one.name}'" in record["notes"][0]["message"]
    assert (done["report"]["unchanged"], done["report"]["notes"]) == (1, {"conflict": 1})
    assert (again["report"]["unchanged"], again["report"]["notes"]) == (1, {})


@pytest.mark.parametrize("one", FIELDS.values(), ids=FIELDS)
async def test_the_same_change_on_both_sides_is_none(
    ada: Person, database: Database, one: Field
) -> None:
    await bring_in(ada, database, a_file({"id": 1, **one.before}))
    if one.name == "status" and one.shown == "done":
        await ada.patch("/tasks/MASTER-1/status", {"status": "todo"})
    changed = await ada.patch(f"/tasks/MASTER-1{one.path}", one.as_newer)

    done = await bring_in(ada, database, a_file({"id": 1, **one.newer}))

    assert one.of(changed) == one.shown_newer
    assert await one_task(ada) == changed
    assert (done["report"]["unchanged"], done["report"]["notes"]) == (1, {})


async def test_criteria_change_on_both_sides_and_what_is_met_stays_met(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, a_file({"id": 1, **ACCEPTANCE.before}))
    changed = await ada.patch("/tasks/MASTER-1", ACCEPTANCE.here)
    item = changed["acceptance"][0]["id"]
    await ada.patch(f"/tasks/MASTER-1/acceptance/{item}", {"is_met": True})

    done = await bring_in(ada, database, a_file({"id": 1, **ACCEPTANCE.newer}))

    found = [(one["text"], one["is_met"]) for one in (await one_task(ada))["acceptance"]]
    assert found == [("It works", True), ("It is safe", False), ("It is fast", False)]
    assert done["report"]["notes"] == {"merged": 1}


async def test_labels_of_people_stay_when_other_fields_come_in(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, a_file({"id": 1, "title": "Old"}))
    await ada.patch("/tasks/MASTER-1", {"labels": ["urgent"], "complexity_manual": 3})

    await bring_in(ada, database, a_file({"id": 1, "title": "Newer", "complexity": 8}))

    task = await one_task(ada)
    assert (task["title"], task["labels"]) == ("Newer", ["urgent"])
    assert (task["complexity_auto"], task["complexity_manual"], task["complexity"]) == (8, 3, 3)


@pytest.mark.parametrize(("newer", "shown"), [(5, 5), (None, None)])
async def test_a_newer_complexity_comes_in(
    ada: Person, database: Database, newer: int | None, shown: int | None
) -> None:
    await bring_in(ada, database, a_file({"id": 1, "complexity": 2}))

    done = await bring_in(ada, database, a_file({"id": 1, "complexity": newer}))

    key = (await one_task(ada))["key"]
    assert (await ada.get(f"/tasks/{key}/complexity"))["complexity_given"] == shown
    assert "complexity" in (await only_record(ada, done))["notes"][0]["message"]


async def test_fields_of_the_file_that_are_gone_there_go_here_and_those_of_people_stay(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, a_file({"id": 1, "owner": "Ada"}))
    imported = (await one_task(ada))["custom"]
    await ada.patch("/tasks/MASTER-1", {"custom": {**imported, "sprint": 7}})

    await bring_in(ada, database, a_file({"id": 1}))

    assert (await one_task(ada))["custom"] == {"sprint": 7}


async def test_one_record_takes_in_some_fields_and_keeps_others(
    ada: Person, database: Database
) -> None:
    old = {"id": 1, "title": "Old", "description": "Old", "status": "pending"}
    await bring_in(ada, database, a_file(old, {"id": 2}))
    await ada.patch("/tasks/MASTER-1", {"title": "Ours"})
    newer = {"id": 1, "title": "Newer", "description": "Newer", "status": "review"}

    done = await bring_in(ada, database, a_file(newer, {"id": 2}))

    task = await one_task(ada)
    records = await records_of(ada, done)
    assert (task["title"], task["description"], task["status"]) == ("Ours", "Newer", "in_review")
    assert [code for _, code in noted(records)] == ["merged", "conflict", "merged"]
    assert [record["outcome"] for record in records] == ["updated", "unchanged"]
    assert await records_of(ada, done, outcome="updated") == records[:1]
    assert done["report"]["notes"] == {"merged": 2, "conflict": 1}


async def test_new_records_come_in_and_those_that_are_gone_stay(
    ada: Person, database: Database
) -> None:
    parent = {"id": 2, "subtasks": [{"id": 1, "title": "Part"}]}
    await bring_in(ada, database, a_file({"id": 1}, parent), source="repo#tasks.json")
    gone = await one_task(ada)
    grown = {"id": 2, "subtasks": [*parent["subtasks"], {"id": 2, "title": "New part"}]}
    newest = {"id": 3, "dependencies": [2]}

    done = await bring_in(ada, database, a_file(grown, newest), source="repo#tasks.json")

    tasks = await all_tasks(ada)
    assert (done["report"]["created"], done["report"]["unchanged"]) == (2, 2)
    assert await one_task(ada) == gone
    assert [(task["key"], task["title"]) for task in tasks[3:]] == [
        ("MASTER-4", "Task 3"),
        ("MASTER-5", "New part"),
    ]
    assert tasks[4]["parent"]["key"] == "MASTER-2"
    assert kept(tasks) == derived(tasks)


async def test_a_new_list_of_the_file_gets_a_project_and_the_others_keep_theirs(
    ada: Person, database: Database
) -> None:
    content = {"shop": {"tasks": [{"id": 1, "title": "A"}]}}
    await bring_in(ada, database, content, source="repo")
    newer = {**content, "till": {"tasks": [{"id": 1, "title": "B"}]}}

    done = await bring_in(ada, database, newer, source="repo")

    assert [one["project"] for one in done["report"]["lists"]] == ["SHOP", "TILL"]
    assert [task["key"] for task in await all_tasks(ada)] == ["SHOP-1", "TILL-1"]


async def last_of_task(person: Person) -> Any:
    events = await person.events(name="task.*")
    return events[-1]
