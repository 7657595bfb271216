"""A newer version of an imported file: what waits for what, parents, and tasks put elsewhere."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nexus.features.imports.jobs import run_waiting
from nexus.platform.database import Database, Transaction
from tests.cast import Cast, Person
from tests.features.importing import all_tasks, bring_in, derived, kept, noted, records_of

MANY = 60
"""More records than one chunk of an import takes in."""


def a_file(*records: Any) -> dict[str, Any]:
    return {"tasks": [{"title": f"Task {one['id']}", **one} for one in records]}


def two(*needed: int, status: str = "pending") -> dict[str, Any]:
    """Task 2, which waits for some of the tasks 1 and 3."""
    return a_file({"id": 1, "status": status}, {"id": 2, "dependencies": needed}, {"id": 3})


async def needs_of(person: Person, key: str) -> list[str]:
    return [one["key"] for one in (await person.get(f"/tasks/{key}"))["dependencies"]]


async def depend(person: Person, key: str, on: str) -> None:
    await person.post(f"/tasks/{key}/dependencies", {"depends_on": on})


async def test_a_dependency_added_there_comes_in(ada: Person, database: Database) -> None:
    await bring_in(ada, database, two())
    before = await ada.get("/tasks/MASTER-2")

    done = await bring_in(ada, database, two(1, 3))

    after, event = await ada.get("/tasks/MASTER-2"), (await ada.events(name="task.*"))[-1]
    records, tasks = await records_of(ada, done), await all_tasks(ada)
    assert await needs_of(ada, "MASTER-2") == ["MASTER-1", "MASTER-3"]
    assert after["version"] > before["version"]
    assert event["name"] == "task.dependency_added"
    assert [one["outcome"] for one in records] == ["unchanged", "updated", "unchanged"]
    assert set(noted(records)) == {("master/2", "merged")}
    assert (done["report"]["updated"], done["report"]["unchanged"]) == (1, 2)
    assert done["report"]["lists"][0]["dependencies"] == 2
    assert kept(tasks) == derived(tasks)


async def test_a_dependency_removed_there_goes_and_frees_the_task(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, two(1))
    before = await ada.get("/tasks/MASTER-2")

    done = await bring_in(ada, database, two())

    after, event = await ada.get("/tasks/MASTER-2"), (await ada.events(name="task.*"))[-1]
    records, tasks = await records_of(ada, done), await all_tasks(ada)
    assert (after["dependencies"], after["is_ready"]) == ([], True)
    assert after["version"] > before["version"]
    assert (event["name"], event["payload"]["became_ready"]) == (
        "task.dependency_removed",
        ["MASTER-2"],
    )
    assert [one["outcome"] for one in records] == ["unchanged", "updated", "unchanged"]
    assert noted(records) == [("master/2", "merged")]
    assert kept(tasks) == derived(tasks)


async def test_a_dependency_of_people_stays(ada: Person, database: Database) -> None:
    await bring_in(ada, database, two(1))
    await depend(ada, "MASTER-2", "MASTER-3")

    await bring_in(ada, database, two())

    assert await needs_of(ada, "MASTER-2") == ["MASTER-3"]


async def test_a_dependency_that_people_removed_does_not_come_back(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, two(1))
    await ada.delete("/tasks/MASTER-2/dependencies/MASTER-1", status=200)

    await bring_in(ada, database, two(1, 3))

    assert await needs_of(ada, "MASTER-2") == ["MASTER-3"]


@pytest.mark.parametrize(("before", "newer"), [([], [1]), ([1], [])], ids=["added", "removed"])
async def test_the_same_dependency_changed_on_both_sides_is_no_change(
    ada: Person, database: Database, before: list[int], newer: list[int]
) -> None:
    await bring_in(ada, database, two(*before))
    if newer:
        await depend(ada, "MASTER-2", "MASTER-1")
    else:
        await ada.delete("/tasks/MASTER-2/dependencies/MASTER-1", status=200)
    task = await ada.get("/tasks/MASTER-2")

    done = await bring_in(ada, database, two(*newer))

    assert await ada.get("/tasks/MASTER-2") == task
    assert (done["report"]["unchanged"], done["report"]["notes"]) == (3, {})


async def test_a_dependency_that_closes_a_circle_by_now_is_reported(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, two())
    await depend(ada, "MASTER-1", "MASTER-2")

    done = await bring_in(ada, database, two(1))

    assert await needs_of(ada, "MASTER-2") == []
    assert noted(await records_of(ada, done)) == [("master/2", "cycle")]


async def test_what_is_finished_there_frees_what_waits_for_it_here(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, two(1))
    waiting = await ada.get("/tasks/MASTER-2")

    await bring_in(ada, database, two(1, status="done"))

    freed, event = await ada.get("/tasks/MASTER-2"), (await ada.events(name="task.*"))[-1]
    tasks = await all_tasks(ada)
    assert (waiting["is_ready"], freed["is_ready"]) == (False, True)
    assert (event["name"], event["payload"]["key"]) == ("task.status_changed", "MASTER-1")
    assert event["payload"]["became_ready"] == ["MASTER-2"]
    assert kept(tasks) == derived(tasks)


def with_sub(is_below: bool, others: int = 0) -> dict[str, Any]:
    """A record 1.1: the subtask of task 1, or a task of its own behind many others."""
    sub = {"id": 1 if is_below else "1.1", "title": "Part", "priority": "low"}
    first = {"id": 1, "dependencies": ["x"], **({"subtasks": [sub]} if is_below else {})}
    between = [{"id": number} for number in range(100, 100 + others)]
    return a_file(first, {"id": "x"}, *between, *([] if is_below else [sub]))


async def part(person: Person) -> Any:
    (found,) = [task for task in await all_tasks(person) if task["title"] == "Part"]
    return found


@pytest.mark.parametrize("others", [0, MANY])
@pytest.mark.parametrize("is_below", [True, False], ids=["below", "on its own"])
async def test_another_parent_there_is_another_parent_here(
    ada: Person, database: Database, is_below: bool, others: int
) -> None:
    await bring_in(ada, database, with_sub(not is_below, others))

    done = await bring_in(ada, database, with_sub(is_below, others))

    moved, tasks = await part(ada), await all_tasks(ada)
    assert (moved["parent"] and moved["parent"]["key"]) == ("MASTER-1" if is_below else None)
    assert (done["report"]["updated"], done["report"]["notes"]) == (1, {"merged": 1})
    assert kept(tasks) == derived(tasks)


@pytest.mark.parametrize("others", [0, MANY])
@pytest.mark.parametrize("is_below", [True, False], ids=["below", "on its own"])
async def test_the_same_new_parent_on_both_sides_is_no_conflict(
    ada: Person, database: Database, is_below: bool, others: int
) -> None:
    await bring_in(ada, database, with_sub(not is_below, others))
    key = (await part(ada))["key"]
    changed = await ada.patch(f"/tasks/{key}", {"parent": "MASTER-1" if is_below else None})

    done = await bring_in(ada, database, with_sub(is_below, others))

    assert await ada.get(f"/tasks/{key}") == changed
    assert (done["report"]["updated"], done["report"]["notes"]) == (0, {})


@pytest.mark.parametrize("others", [0, MANY])
async def test_a_parent_that_people_chose_stays_and_the_other_is_reported_once(
    ada: Person, database: Database, others: int
) -> None:
    await bring_in(ada, database, with_sub(is_below=True, others=others))
    key = (await part(ada))["key"]
    changed = await ada.patch(f"/tasks/{key}", {"parent": "MASTER-2"})

    done = await bring_in(ada, database, with_sub(is_below=False, others=others))
    again = await bring_in(ada, database, with_sub(is_below=False, others=others))

    assert await ada.get(f"/tasks/{key}") == changed
    assert (done["report"]["notes"], again["report"]["notes"]) == ({"conflict": 1}, {})


@pytest.mark.parametrize(
    ("needed", "newly_needed", "fields"),
    [([], [], {"title": "Newer"}), ([], [2], {}), ([2], [], {})],
    ids=["title", "dependency added", "dependency removed"],
)
async def test_an_archived_task_stays_as_it_is_and_that_is_reported(
    ada: Person, database: Database, needed: Any, newly_needed: Any, fields: Any
) -> None:
    old = [{"id": 1, "status": "done", "dependencies": needed}, {"id": 2}, {"id": 3}]
    await bring_in(ada, database, a_file(*old))
    await ada.patch("/tasks/MASTER-1", {"archived": True})
    newer = [
        {"id": 1, "status": "done", "dependencies": newly_needed, **fields},
        {"id": 2, "title": "Newer"},
        {"id": 3, "dependencies": [2]},
    ]

    done = await bring_in(ada, database, a_file(*newer))

    task, records = await ada.get("/tasks/MASTER-1"), await records_of(ada, done)
    assert (done["state"], done["error"]) == ("done", None)
    assert (task["title"], task["version"]) == ("Task 1", 2)
    assert await needs_of(ada, "MASTER-1") == [f"MASTER-{number}" for number in needed]
    assert (await ada.get("/tasks/MASTER-2"))["title"] == "Newer"
    assert [one["outcome"] for one in records] == ["unchanged", "updated", "updated"]
    assert ("master/1", "not_applied") in noted(records)


async def test_a_task_moved_on_the_board_and_below_another_still_takes_in_what_is_newer(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, a_file({"id": 1}, {"id": 2}, {"id": 3}))
    await ada.patch("/tasks/MASTER-3/position", {"before": "MASTER-1"})
    moved = await ada.patch("/tasks/MASTER-3", {"parent": "MASTER-2"})

    await bring_in(ada, database, a_file({"id": 1}, {"id": 2}, {"id": 3, "title": "Newer"}))

    task = await ada.get("/tasks/MASTER-3")
    assert task["title"] == "Newer"
    assert (task["rank"], task["parent"]["key"]) == (moved["rank"], "MASTER-2")


async def test_a_task_in_another_project_takes_in_what_is_newer_there(
    ada: Person, database: Database
) -> None:
    await bring_in(ada, database, a_file({"id": 1}, {"id": 2}))
    await ada.a_project("OTHER")
    await ada.patch("/tasks/MASTER-2/project", {"project": "OTHER"})

    done = await bring_in(
        ada, database, a_file({"id": 1, "dependencies": [2]}, {"id": 2, "title": "Newer"})
    )

    tasks = await all_tasks(ada)
    assert done["state"] == "done"
    assert [(task["key"], task["title"]) for task in tasks] == [
        ("MASTER-1", "Task 1"),
        ("OTHER-1", "Newer"),
    ]
    assert await needs_of(ada, "MASTER-1") == ["OTHER-1"]
    assert kept(tasks) == derived(tasks)


async def test_a_task_that_went_where_one_cannot_look_is_left_alone(
    cast: Cast, database: Database
) -> None:
    await bring_in(cast.grace, database, a_file({"id": 1}, {"id": 2}))
    await cast.ada.a_project("SECRET", visibility="private")
    await cast.ada.patch("/tasks/MASTER-2/project", {"project": "SECRET"})
    hidden = await cast.ada.get("/tasks/SECRET-1")
    newer = a_file({"id": 1, "title": "Newer"}, {"id": 2, "title": "Newer"})

    done = await bring_in(cast.grace, database, newer)

    assert (done["state"], done["error"]) == ("done", None)
    assert (await cast.grace.get("/tasks/MASTER-1"))["title"] == "Newer"
    assert await cast.ada.get("/tasks/SECRET-1") == hidden
    assert "SECRET" not in str(done) + str(await records_of(cast.grace, done))


class Onlooker:
    """Somebody who looks at all tasks after every transaction: each with whether it is ready."""

    def __init__(self, person: Person, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[dict[str, bool]] = []
        self._person = person
        self._transaction = database.transaction
        monkeypatch.setattr(database, "transaction", self._watched)

    @asynccontextmanager
    async def _watched(self, *args: Any, **options: Any) -> AsyncGenerator[Transaction]:
        async with self._transaction(*args, **options) as tx:
            yield tx
        ready = {task["key"] for task in await all_tasks(self._person, ready=True)}
        self.seen.append(
            {task["title"]: task["key"] in ready for task in await all_tasks(self._person)}
        )


OTHERS = [{"id": number} for number in range(100, 100 + MANY)]


async def test_a_task_does_not_look_ready_once_a_new_subtask_is_there(
    ada: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bring_in(ada, database, a_file({"id": 1}, *OTHERS))
    parts = {"id": 1, "subtasks": [{"id": 1, "title": "New part"}]}
    await ada.call("POST", "/imports", json=a_file(parts, *OTHERS))
    onlooker = Onlooker(ada, database, monkeypatch)

    await run_waiting(database)

    with_part = [look["Task 1"] for look in onlooker.seen if "New part" in look]
    assert len(onlooker.seen) > len(with_part) > 1
    assert not any(with_part)


async def test_a_task_that_waits_for_another_one_by_now_never_looks_ready_between(
    ada: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bring_in(ada, database, a_file({"id": 2}, {"id": 3, "dependencies": [2]}, *OTHERS))
    changed = [{"id": 2, "status": "done"}, {"id": 3, "dependencies": [4]}, {"id": 4}]
    await ada.call("POST", "/imports", json=a_file(*changed, *OTHERS))
    onlooker = Onlooker(ada, database, monkeypatch)

    await run_waiting(database)

    (finished,) = await ada.events(name="task.status_changed")
    assert len(onlooker.seen) > 3
    assert not any(look["Task 3"] for look in onlooker.seen)
    assert finished["payload"]["became_ready"] == []
