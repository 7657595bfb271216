"""Changing many tasks in one call over HTTP: all of it or nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.settings import Settings
from tests.cast import Cast, Person
from tests.conftest import Statements
from tests.features.test_dependencies import DERIVED, _expected, _is_open


async def _change(person: Person, *items: dict[str, Any]) -> Any:
    return await person.patch("/tasks", {"items": list(items)})


async def _refused(person: Person, *items: dict[str, Any]) -> tuple[int, str]:
    answer = await person.call("PATCH", "/tasks", json={"items": list(items)})
    return answer.status_code, answer.json().get("code", "")


async def _everything(person: Person) -> list[Any]:
    return [
        await person.get(f"/tasks/{one['key']}")
        for archived in (False, True)
        for one in (await person.get("/tasks", sort="key", limit=200, archived=archived))["items"]
    ]


async def _ready(person: Person) -> set[str]:
    return {one["key"] for one in (await person.get("/tasks", ready=True, limit=200))["items"]}


async def _tasks(person: Person, count: int, **fields: Any) -> list[Any]:
    await person.a_project()
    return [await person.a_task(title=f"Task {n}", **fields) for n in range(1, count + 1)]


async def test_many_tasks_change_in_many_ways_at_once(cast: Cast) -> None:
    await _tasks(cast.ada, 6)
    await cast.ada.post("/tasks/API-3/dependencies", {"depends_on": "API-2"})
    before = await cast.ada.last_event()

    answer = await _change(
        cast.ada,
        {"task": "API-6", "version": 1, "title": "Six", "labels": ["b", "A"], "priority": "high"},
        {"task": "API-2", "version": 1, "status": "done", "assignees": [cast.grace.id]},
        {"task": "api-1", "version": 1, "parent": "API-6", "due_on": "2027-01-01"},
        {"task": "API-4", "version": 1, "title": "Task 4"},
        {"task": "API-5", "version": 1, "acceptance": [{"text": "x"}], "custom": {"a": 1}},
    )

    assert [(one["key"], one["version"], one["status"]) for one in answer["items"]] == [
        ("API-6", 2, "todo"), ("API-2", 2, "done"), ("API-1", 2, "todo"), ("API-4", 1, "todo"),
        ("API-5", 2, "todo"),
    ]  # fmt: skip
    one, two, _, _, five, six = await _everything(cast.ada)
    assert (six["title"], six["labels"], six["priority"]) == ("Six", ["A", "b"], "high")
    assert (two["status"], two["assignees"][0]["id"]) == ("done", cast.grace.id)
    assert (one["parent"]["key"], one["due_on"], six["open_subtasks"]) == ("API-6", "2027-01-01", 1)
    assert (five["acceptance"][0]["text"], five["custom"]) == ("x", {"a": 1})
    events = await cast.ada.events(after=before["seq"])
    assert [(event["name"], event["payload"]["key"]) for event in events] == [
        ("task.updated", "API-6"),
        ("task.updated", "API-2"),
        ("task.status_changed", "API-2"),
        ("task.updated", "API-1"),
        ("task.updated", "API-5"),
    ]
    assert events[2]["payload"]["became_ready"] == ["API-3"]
    assert events[0]["payload"]["changes"].keys() == {"title", "labels", "priority"}


async def test_a_bulk_change_says_the_same_as_single_ones(ada: Person) -> None:
    await _tasks(ada, 2)
    edit = {"title": " New  title", "labels": ["x"], "priority": "low", "due_on": "2027-01-01",
            "description": "d", "complexity_manual": 3, "custom": {"a": [1]}}  # fmt: skip

    await ada.patch("/tasks/API-1", edit)
    single = (await ada.last_event())["payload"]
    await _change(ada, {"task": "API-2", "version": 1, **edit})
    many = (await ada.last_event())["payload"]

    assert many["changes"] == single["changes"] | {"title": ["Task 2", "New title"]}
    aside = dict.fromkeys(("id", "key", "rank", "created_at", "updated_at"), "")
    one, two = await _everything(ada)
    assert one | aside == two | aside


async def test_two_hundred_tasks_change_at_once_and_one_more_is_refused(ada: Person) -> None:
    tasks = await _tasks(ada, 200)
    items = [{"task": one["id"], "version": 1, "priority": "high"} for one in tasks]

    answer = await _change(ada, *items)

    assert [one["key"] for one in answer["items"]] == [f"API-{n}" for n in range(1, 201)]
    high = (await ada.get("/tasks", priority="high", limit=200))["items"]
    assert {one["version"] for one in high} == {2}
    assert len(high) == 200
    assert await _refused(ada, *items, items[0]) == (400, "request.invalid")
    assert await _refused(ada) == (400, "request.invalid")


BAD: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"task": "API-99", "version": 1, "title": "x"}, (422, "task.reference_unknown")),
    ({"task": str(uuid4()), "version": 1, "title": "x"}, (422, "task.reference_unknown")),
    ({"task": "nonsense", "version": 1, "title": "x"}, (422, "task.reference_unknown")),
    ({"task": "API-2", "version": 2, "title": "x"}, (409, "task.stale_items")),
    ({"task": "API-1", "version": 1, "title": "x"}, (422, "task.twice")),
    ({"task": "api-1", "version": 1}, (422, "task.twice")),
    ({"task": "API-8", "version": 3, "title": "x"}, (409, "task.archived")),
    ({"task": "API-8", "version": 3, "status": "todo"}, (409, "task.archived")),
    ({"task": "API-2", "version": 1, "archived": True}, (409, "task.not_finished")),
    ({"task": "API-2", "version": 1, "parent": "API-3"}, (409, "task.dependency_cycle")),
    ({"task": "API-2", "version": 1, "parent": "API-2"}, (409, "task.dependency_cycle")),
    ({"task": "API-2", "version": 1, "parent": "API-99"}, (422, "task.reference_unknown")),
    ({"task": "API-2", "version": 1, "parent": "API-8"}, (409, "task.archived")),
    ({"task": "API-2", "version": 1, "assignees": [str(uuid4())]}, (422, "task.assignee_unknown")),
    ({"task": "API-7", "version": 2, "status": "in_progress"}, (409, "task.status_not_allowed")),
    (
        {"task": "API-2", "version": 1, "repository_id": str(uuid4())},
        (422, "task.repository_unknown"),
    ),
    (
        {"task": "API-2", "version": 1, "custom": {"a": "x" * 33_000}},
        (422, "task.custom_too_large"),
    ),
    ({"task": "API-2", "version": 1, "title": ""}, (400, "request.invalid")),
    ({"task": "API-2", "version": 1, "nonsense": 1}, (400, "request.invalid")),
    ({"task": "API-2", "title": "x"}, (400, "request.invalid")),
    ({"task": "API-2", "version": 0}, (400, "request.invalid")),
]


@pytest.mark.parametrize(("bad", "expected"), BAD)
async def test_one_bad_item_keeps_all_from_changing(
    ada: Person, bad: dict[str, Any], expected: tuple[int, str]
) -> None:
    await _tasks(ada, 8)
    await ada.patch("/tasks/API-3", {"parent": "API-2"})
    await ada.finish("API-7")
    await ada.finish("API-8")
    await ada.patch("/tasks/API-8", {"archived": True})
    good: list[dict[str, Any]] = [
        {"task": "API-1", "version": 1, "title": "Changed", "labels": ["new"]},
        {"task": "API-4", "version": 1, "status": "done"},
    ]
    before, event = await _everything(ada), await ada.last_event()

    refused = [await _refused(ada, *good, bad), await _refused(ada, bad, *good)]

    assert refused == [expected] * 2
    assert await _everything(ada) == before
    assert await ada.last_event() == event
    assert (await ada.get("/labels"))["items"] == []
    await _change(ada, *good)


async def test_all_stale_items_are_named_with_their_versions(ada: Person) -> None:
    await _tasks(ada, 4)
    await ada.patch("/tasks/API-2", {"title": "x"})
    items = [{"task": f"API-{n}", "version": v, "title": "y"} for n, v in ((1, 1), (2, 1), (3, 5))]

    answer = await ada.call("PATCH", "/tasks", json={"items": items})

    assert (answer.status_code, answer.json()["code"]) == (409, "task.stale_items")
    assert answer.json()["details"]["items"] == [
        {"key": "API-2", "current": 2, "given": 1},
        {"key": "API-3", "current": 1, "given": 5},
    ]
    assert "API-2, API-3" in answer.json()["detail"]


@pytest.mark.parametrize("status", ["todo", "done"])
async def test_two_parents_changed_together_close_no_cycle(ada: Person, status: str) -> None:
    await _tasks(ada, 4)
    for n in range(1, 5):
        await ada.patch(f"/tasks/API-{n}/status", {"status": status})
    before = await _everything(ada)

    version = before[0]["version"]
    loops = [
        [("API-1", "API-2"), ("API-2", "API-1")],
        [("API-1", "API-2"), ("API-2", "API-3"), ("API-3", "API-1")],
    ]
    refused = [
        await _refused(ada, *[{"task": a, "version": version, "parent": b} for a, b in loop])
        for loop in loops
    ]

    assert refused == [(409, "task.dependency_cycle")] * 2
    assert await _everything(ada) == before


async def test_a_parent_and_a_dependency_of_its_chain_close_no_cycle(ada: Person) -> None:
    await _tasks(ada, 4)
    await ada.post("/tasks/API-3/dependencies", {"depends_on": "API-1"})

    refused = await _refused(
        ada,
        {"task": "API-1", "version": 1, "parent": "API-2"},
        {"task": "API-2", "version": 1, "parent": "API-3"},
    )

    assert refused == (409, "task.dependency_cycle")


async def test_a_person_who_may_not_see_or_write_changes_nothing(cast: Cast) -> None:
    await cast.ada.a_project("PRIV", visibility="private")
    await cast.ada.a_task("PRIV")
    await cast.bob.a_project("PRIV")
    item = {"task": "PRIV-1", "version": 1, "title": "x"}

    refused = [await _refused(one, item) for one in (cast.grace, cast.vic, cast.bob)]

    assert [status for status, _ in refused] == [422, 403, 422]
    assert (await cast.ada.get("/tasks/PRIV-1"))["version"] == 1


async def test_what_several_finishes_free_together_is_said_once(ada: Person) -> None:
    await _tasks(ada, 6)
    for on in ("API-1", "API-2"):
        await ada.post("/tasks/API-3/dependencies", {"depends_on": on})
    await ada.post("/tasks/API-5/dependencies", {"depends_on": "API-4"})
    before = (await ada.last_event())["seq"]

    finished = [
        {"task": f"API-{n}", "version": 2 if n == 5 else 1, "status": status}
        for n, status in ((1, "done"), (2, "cancelled"), (4, "done"), (5, "done"))
    ]
    await _change(ada, *finished)

    said = [event["payload"]["became_ready"] for event in await ada.events(after=before)]
    assert said == [[], [], [], ["API-3"]]
    assert await _ready(ada) == {"API-3", "API-6"}


async def test_tasks_reopened_together_hold_up_what_waits_for_them(ada: Person) -> None:
    await _tasks(ada, 4)
    for on in ("API-1", "API-2"):
        await ada.post("/tasks/API-3/dependencies", {"depends_on": on})
    await ada.patch("/tasks/API-4", {"parent": "API-3"})
    await _change(ada, *[{"task": f"API-{n}", "version": 1, "status": "done"} for n in (1, 2)])
    assert await _ready(ada) == {"API-4"}

    await _change(ada, *[{"task": f"API-{n}", "version": 2, "status": "todo"} for n in (1, 2)])

    assert await _ready(ada) == {"API-1", "API-2"}
    tasks = {one["key"]: one for one in await _everything(ada)}
    assert [tasks[f"API-{n}"]["open_dependencies"] for n in range(1, 5)] == [0, 0, 2, 2]
    assert [tasks[f"API-{n}"]["unlock_count"] for n in range(1, 5)] == [2, 2, 0, 1]


async def test_archived_again_is_silent_as_in_a_single_change(ada: Person) -> None:
    await _tasks(ada, 2)
    await ada.finish("API-1")
    await _change(ada, {"task": "API-1", "version": 2, "archived": True})
    event = await ada.last_event()

    single = await ada.patch("/tasks/API-1", {"archived": True})
    many = await ada.call(
        "PATCH", "/tasks", json={"items": [{"task": "API-1", "version": 3, "archived": True}]}
    )

    assert single["version"] == 3
    assert many.status_code == 200, many.text
    assert await ada.last_event() == event


async def _check_numbers(person: Person) -> None:
    tasks = {one["key"]: one for one in await _everything(person)}
    for key, expected in _expected(tasks).items():
        assert tuple(tasks[key][name] for name in DERIVED)[: len(expected)] == expected, key


@pytest.mark.parametrize("seed", range(3))
async def test_the_numbers_stay_true_whatever_changes_together(ada: Person, seed: int) -> None:
    chance = Random(seed)
    keys = [one["key"] for one in await _tasks(ada, 9)]
    for _ in range(9):
        one, other = chance.sample(keys, 2)
        await ada.call("POST", f"/tasks/{one}/dependencies", json={"depends_on": other})
    changed = 0

    for _ in range(25):
        tasks = {one["key"]: one for one in await _everything(ada)}
        before = await _ready(ada)
        items: list[dict[str, Any]] = []
        for key in chance.sample(keys, chance.randint(1, 5)):
            item: dict[str, Any] = {"task": key, "version": tasks[key]["version"]}
            if chance.random() < 0.7:
                choices = ["todo", "done", "cancelled"] if _is_open(tasks[key]) else ["todo"]
                item["status"] = chance.choice(choices)
            if chance.random() < 0.4:
                item["parent"] = chance.choice([None, *(one for one in keys if one != key)])
            items.append(item)
        seq = (await ada.last_event())["seq"]
        answer = await ada.call("PATCH", "/tasks", json={"items": items})
        assert answer.status_code in {200, 409}, answer.text
        changed += answer.status_code == 200
        await _check_numbers(ada)
        events = await ada.events(after=seq, name="task.status_changed")
        freed = {key for event in events for key in event["payload"]["became_ready"]}
        assert freed <= await _ready(ada)
        if answer.status_code == 200 and not any("parent" in item for item in items):
            named = {item["task"] for item in items}
            assert freed - named == await _ready(ada) - before - named

    assert changed > 8


@pytest.fixture
async def other_face(ada: Person, database: Database, settings: Settings) -> AsyncIterator[Person]:
    """Ada at a second server process; at the same one on SQLite, which has one writer."""
    if database.dialect == "sqlite":
        yield ada
        return
    second = Database(database.url)
    transport = httpx.ASGITransport(app=Nexus(second, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://nexus.test") as http:
        yield replace(ada, http=http)
    await second.close()


async def test_bulk_changes_that_overlap_never_break_down(ada: Person, other_face: Person) -> None:
    tasks = await _tasks(ada, 20)
    chance = Random(3)
    calls: list[Any] = []
    for n in range(24):
        field = chance.choice([{"title": f"T{n}"}, {"status": "done"}, {"labels": [f"l{n % 3}"]},
                               {"priority": "high", "parent": None}])  # fmt: skip
        chosen = chance.sample(tasks, 12)
        items = [{"task": one["key"], "version": 1, **field} for one in chosen]
        calls.append((ada, other_face)[n % 2].call("PATCH", "/tasks", json={"items": items}))
        calls.append(
            ada.call("PATCH", f"/tasks/{chosen[0]['key']}/status", json={"status": "todo"})
        )

    answers = await asyncio.gather(*calls)

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert sum(answer.status_code == 200 for answer in answers[::2]) >= 1
    await _check_numbers(ada)


async def test_statements_do_not_grow_with_the_tasks(ada: Person, statements: Statements) -> None:
    tasks = await _tasks(ada, 202)
    await ada.patch("/tasks/API-1", {"labels": ["a"]})
    tasks[0]["version"] = 2
    counts: list[int] = []

    for some in (tasks[:2], tasks[2:]):
        items = [
            {"task": one["key"], "version": one["version"], "status": "done", "title": "x",
             "labels": ["a"], "assignees": [ada.id], "priority": "low"}
            for one in some
        ]  # fmt: skip
        with statements.counted() as counted:
            await _change(ada, *items)
        counts.append(len(counted))

    assert counts[0] == counts[1]
