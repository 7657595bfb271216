"""What waits for what, over HTTP: dependencies, subtasks, cycles, and the numbers that follow."""

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from tests.cast import Cast, Person

DERIVED = ("open_dependencies", "open_subtasks", "unlock_depth", "unlock_count")


def _is_open(task: Any) -> bool:
    return task["status"] not in {"done", "cancelled"}


def _expected(tasks: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The derived numbers of each task, worked out from edges and statuses alone."""
    children = {
        key: [one for one in tasks.values() if one["parent"] and one["parent"]["key"] == key]
        for key in tasks
    }

    def needed_to_begin(key: str) -> list[str]:
        """The keys of open dependencies, once for each way in which they are inherited."""
        task = tasks[key]
        mine = [one["key"] for one in task["dependencies"] if _is_open(one)]
        return mine + (needed_to_begin(task["parent"]["key"]) if task["parent"] else [])

    def needed_first(key: str) -> set[str]:
        """The open tasks that must be finished right before this one can be."""
        return {*needed_to_begin(key), *[one["key"] for one in children[key] if _is_open(one)]}

    open_keys = [key for key in tasks if _is_open(tasks[key])]
    next_up = {key: [one for one in open_keys if key in needed_first(one)] for key in open_keys}

    @cache
    def chain(key: str) -> int:
        return max((1 + chain(one) for one in next_up[key]), default=0)

    @cache
    def behind(key: str) -> frozenset[str]:
        return frozenset(next_up[key]).union(*[behind(one) for one in next_up[key]])

    return {
        key: (
            len(needed_to_begin(key)),
            sum(_is_open(one) for one in children[key]),
            *((chain(key), len(behind(key))) if _is_open(tasks[key]) else ()),
        )
        for key in tasks
    }


def _can_all_be_done(parents: Mapping[str, str | None], needs: Mapping[str, set[str]]) -> bool:
    """Whether people could finish every task one after the other: the meaning of "no cycle"."""
    done: set[str] = set()

    def may_begin(key: str, seen: tuple[str, ...] = ()) -> bool:
        above = parents[key]
        return (
            key not in seen
            and needs[key] <= done
            and (above is None or may_begin(above, (*seen, key)))
        )

    while True:
        more = {
            key
            for key in parents
            if key not in done
            and may_begin(key)
            and all(one in done for one, above in parents.items() if above == key)
        }
        if not more:
            return len(done) == len(parents)
        done |= more


async def _tasks(person: Person) -> dict[str, Any]:
    return {one["key"]: one for one in (await person.get("/tasks", limit=200))["items"]}


async def _check_numbers(person: Person) -> None:
    tasks = await _tasks(person)
    expected = _expected(tasks)
    shown = {
        key: tuple(task[name] for name in DERIVED[: len(expected[key])])
        for key, task in tasks.items()
    }
    assert shown == expected


async def _depend(person: Person, key: str, on: str) -> Any:
    return await person.post(f"/tasks/{key}/dependencies", {"depends_on": on})


async def _some(person: Person, *keys: str) -> None:
    """Tasks with these keys, of new projects."""
    for key in keys:
        project, _, number = key.partition("-")
        if number == "1":
            await person.a_project(project)
        assert (await person.a_task(project))["key"] == key


async def test_a_dependency_is_added_once_and_removed_once(ada: Person) -> None:
    await _some(ada, "API-1", "API-2")

    added = await _depend(ada, "API-2", "api-1")
    again = await _depend(ada, "API-2", added["dependencies"][0]["id"])

    assert (added["version"], added["open_dependencies"], added["is_ready"]) == (2, 1, False)
    assert again == added == await ada.get("/tasks/API-2")
    assert (await ada.get("/tasks/API-2/dependencies"))["items"] == added["dependencies"]
    event = await ada.last_event()
    assert (event["name"], event["task_id"]) == ("task.dependency_added", added["id"])
    assert event["payload"]["depends_on_key"] == "API-1"
    removed = await ada.delete("/tasks/API-2/dependencies/API-1", 200)
    assert removed == await ada.delete("/tasks/API-2/dependencies/API-1", 200)
    assert (removed["dependencies"], removed["version"], removed["is_ready"]) == ([], 3, True)
    event = await ada.last_event()
    assert (event["name"], event["payload"]["became_ready"]) == (
        "task.dependency_removed",
        ["API-2"],
    )
    assert len(await ada.events(name="task.dependency_removed")) == 1


CYCLES = [
    ("itself", "", "API-1 needs API-1", "API-1 -> API-1"),
    ("two", "API-2 needs API-1", "API-1 needs API-2", "API-1 -> API-2 -> API-1"),
    (
        "a chain across projects",
        "WEB-1 needs API-2, API-2 needs WEB-2, WEB-2 needs API-1",
        "API-1 needs WEB-1",
        "API-1 -> WEB-1 -> API-2 -> WEB-2 -> API-1",
    ),
    ("its parent", "API-2 in API-1", "API-2 needs API-1", "API-2 -> API-1 -> API-2"),
    ("its subtask", "API-2 in API-1", "API-1 needs API-2", "API-1 -> API-2 -> API-1"),
    ("its grandparent", "API-2 in API-1, API-3 in API-2", "API-3 needs API-1", ""),
    ("its grandchild", "API-2 in API-1, API-3 in API-2", "API-1 needs API-3", ""),
    ("what needs its parent", "API-2 in API-1, WEB-1 needs API-1", "API-2 needs WEB-1", ""),
    ("what its subtask is needed by", "API-2 in API-1, WEB-1 needs API-2", "API-1 needs WEB-1", ""),
    (
        "subtasks of each other's parents",
        "API-2 in API-1, WEB-2 in WEB-1, API-2 needs WEB-1",
        "WEB-2 needs API-1",
        "",
    ),
    (
        "parents by subtasks",
        "API-2 in API-1, WEB-2 in WEB-1, API-1 needs WEB-2",
        "WEB-1 needs API-2",
        "",
    ),
    ("a parent by a dependency", "API-1 needs API-2", "API-2 in API-1", ""),
    ("a parent that it needs", "API-2 needs API-1", "API-2 in API-1", ""),
    ("a parent below itself", "API-2 in API-1, API-3 in API-2", "API-1 in API-3", ""),
    ("a parent that is itself", "", "API-1 in API-1", "API-1 -> API-1"),
    ("a parent with what needs it", "API-1 needs WEB-1, WEB-1 needs API-2", "API-2 in API-1", ""),
    ("a parent for what needs it", "WEB-1 needs API-1, API-2 needs WEB-1", "API-2 in API-1", ""),
    (
        "a parent below a dependency of its subtask",
        "API-2 in API-1, WEB-1 needs API-2, API-3 needs WEB-1",
        "API-1 in API-3",
        "",
    ),
]


async def _edge(person: Person, edge: str) -> Any:
    task, kind, other = edge.split()
    if kind == "in":
        return await person.call("PATCH", f"/tasks/{task}", json={"parent": other})
    return await person.call("POST", f"/tasks/{task}/dependencies", json={"depends_on": other})


@pytest.mark.parametrize(("what", "edges", "last", "cycle"), CYCLES)
async def test_a_cycle_is_refused_and_spelled_out(
    ada: Person, what: str, edges: str, last: str, cycle: str
) -> None:
    await _some(ada, "API-1", "API-2", "API-3", "WEB-1", "WEB-2")
    for edge in filter(None, edges.split(", ")):
        assert (await _edge(ada, edge)).is_success
    before = await _tasks(ada)

    refused = await _edge(ada, last)

    assert (refused.status_code, refused.json()["code"]) == (409, "task.dependency_cycle"), what
    spelled = refused.json()["details"]["keys"]
    assert " -> ".join(spelled) in refused.json()["detail"]
    assert cycle in {"", " -> ".join(spelled)}
    assert (spelled[0], len(spelled) > 1) == (spelled[-1], True)
    task, _, other = last.split()
    assert {task, other} <= set(spelled)
    assert await _tasks(ada) == before


@pytest.mark.parametrize(
    "edges",
    [
        "API-2 in API-1, WEB-2 in WEB-1, API-2 needs WEB-2, API-1 needs WEB-1",
        "API-2 in API-1, API-3 in API-1, API-3 needs API-2, WEB-1 needs API-1",
        "API-2 in API-1, WEB-1 needs API-2, API-3 in API-1, API-3 needs WEB-1",
        "API-2 needs API-1, API-3 needs API-1, WEB-1 needs API-2, WEB-1 needs API-3",
        "API-2 in API-1, WEB-1 in API-2, WEB-1 needs API-3, API-1 needs API-3",
        "API-2 in API-1, WEB-1 needs API-1, API-2 in WEB-2, API-2 needs WEB-1",
    ],
)
async def test_what_closes_no_cycle_is_taken(ada: Person, edges: str) -> None:
    await _some(ada, "API-1", "API-2", "API-3", "WEB-1", "WEB-2")

    answers = [(await _edge(ada, edge)).status_code for edge in edges.split(", ")]

    assert set(answers) <= {200, 201}
    await _check_numbers(ada)


async def test_a_new_task_closes_no_cycle_either(ada: Person) -> None:
    await _some(ada, "API-1", "API-2", "API-3")
    await _depend(ada, "API-2", "API-1")
    body = {"project": "API", "title": "New", "parent": "API-1", "dependencies": ["API-3", "API-2"]}

    refused = await ada.call("POST", "/tasks", json=body)
    taken = await ada.post("/tasks", body | {"dependencies": ["API-3"]})

    assert (refused.status_code, refused.json()["code"]) == (409, "task.dependency_cycle")
    assert refused.json()["details"]["keys"] == ["API-1", "API-2", "API-1"]
    assert taken["key"] == "API-4"
    await _check_numbers(ada)


@pytest.mark.parametrize("other", ["API-99", "WEB-1", "nonsense", "theirs"])
async def test_what_cannot_be_seen_is_not_depended_on(cast: Cast, other: str) -> None:
    await _some(cast.ada, "API-1", "API-2")
    await _some(cast.bob, "WEB-1")
    other = (await cast.bob.get("/tasks/WEB-1"))["id"] if other == "theirs" else other
    new = {"project": "API", "title": "T"}

    refused = [
        await cast.ada.call("POST", "/tasks/API-1/dependencies", json={"depends_on": other}),
        await cast.ada.call("PATCH", "/tasks/API-1", json={"parent": other}),
        await cast.ada.call("POST", "/tasks", json=new | {"dependencies": ["API-2", other]}),
        await cast.ada.call("POST", "/tasks", json=new | {"parent": other}),
    ]

    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (422, "task.reference_unknown")
    assert (await cast.ada.get("/tasks/API-1"))["version"] == 1
    assert len(await _tasks(cast.ada)) == 2


@pytest.mark.parametrize("status", ["done", "cancelled"])
async def test_a_finished_dependency_frees_what_waits_and_a_reopened_one_holds_it_up(
    ada: Person, status: str
) -> None:
    await _some(ada, "API-1", "API-2", "API-3", "API-4", "API-5")
    await ada.patch("/tasks/API-5", {"parent": "API-2"})
    for key, on in (("API-2", "API-1"), ("API-3", "API-1"), ("API-4", "API-1"), ("API-4", "API-3")):
        await _depend(ada, key, on)

    await ada.patch("/tasks/API-1/status", {"status": status})

    payload = (await ada.last_event())["payload"]
    assert payload["became_ready"] == ["API-3", "API-5"]
    assert payload["by_cancelling"] == (status == "cancelled")
    await _check_numbers(ada)
    await ada.patch("/tasks/API-1/status", {"status": "todo"})
    assert (await ada.last_event())["payload"]["became_ready"] == []
    assert not (await ada.get("/tasks/API-5"))["is_ready"]
    await _check_numbers(ada)


async def test_a_parent_waits_for_its_subtasks_but_is_not_finished_with_them(ada: Person) -> None:
    await _some(ada, "API-1", "API-2", "API-3")
    for key in ("API-2", "API-3"):
        await ada.patch(f"/tasks/{key}", {"parent": "API-1"})
    held = await ada.get("/tasks/API-1")

    await ada.finish("API-2")
    assert (await ada.last_event())["payload"]["became_ready"] == []
    await ada.finish("API-3")

    assert (held["open_subtasks"], held["is_ready"]) == (2, False)
    assert (await ada.last_event())["payload"]["became_ready"] == ["API-1"]
    parent = await ada.get("/tasks/API-1")
    assert (parent["status"], parent["open_subtasks"], parent["is_ready"]) == ("todo", 0, True)
    assert parent["version"] == 1


async def test_a_subtask_inherits_what_its_ancestors_wait_for(ada: Person) -> None:
    await _some(ada, "API-1", "API-2", "API-3", "API-4")
    await ada.patch("/tasks/API-2", {"parent": "API-1"})
    await ada.patch("/tasks/API-3", {"parent": "API-2"})

    await _depend(ada, "API-1", "API-4")

    assert [(await ada.get(f"/tasks/API-{n}"))["open_dependencies"] for n in (1, 2, 3)] == [1] * 3
    born = await ada.a_task(parent="API-3", dependencies=["API-4"])
    assert born["open_dependencies"] == 2
    await ada.patch("/tasks/API-2", {"parent": None})
    assert [(await ada.get(f"/tasks/API-{n}"))["open_dependencies"] for n in (1, 2, 3, 5)] == [
        1, 0, 0, 1
    ]  # fmt: skip
    await _check_numbers(ada)
    await ada.finish("API-4")
    assert (await ada.last_event())["payload"]["became_ready"] == ["API-1", "API-5"]


async def test_the_answer_to_a_change_is_the_task_as_it_is_read_afterwards(ada: Person) -> None:
    await _some(ada, "API-1", "API-2", "API-3")

    child = await ada.a_task(parent="API-1", dependencies=["API-3", "API-2"])
    assert child == await ada.get("/tasks/API-4")

    moved = await ada.patch("/tasks/API-4", {"parent": None})
    assert moved == await ada.get("/tasks/API-4")

    await ada.finish("API-2")
    await _depend(ada, "API-3", "API-2")
    reopened = await ada.patch("/tasks/API-2/status", {"status": "todo"})
    assert reopened == await ada.get("/tasks/API-2")


async def test_who_cannot_see_the_parent_moves_a_task_away_from_it_truly(cast: Cast) -> None:
    await cast.ada.a_project("SEC", visibility="private")
    await _some(cast.ada, "API-1", "API-2", "API-3")
    await cast.ada.a_task("SEC", dependencies=["API-2"])
    await cast.ada.patch("/tasks/API-1", {"parent": "SEC-1"})

    await cast.grace.patch("/tasks/API-1", {"parent": "API-3"})

    await _check_numbers(cast.ada)
    assert (await cast.ada.get("/tasks/API-1"))["open_dependencies"] == 0


@pytest.mark.parametrize("seed", range(3))
async def test_the_numbers_stay_true_through_any_changes(ada: Person, seed: int) -> None:
    chance = random.Random(seed)
    keys = [f"API-{n}" for n in range(1, 9)]
    await _some(ada, *keys)
    parents: dict[str, str | None] = dict.fromkeys(keys)
    needs: dict[str, set[str]] = {key: set() for key in keys}
    verbs = ["depend", "depend", "undepend", "parent", "parent", "alone", "status", "status"]
    refusals = 0

    for _ in range(40):
        key, other = chance.choice(keys), chance.choice(keys)
        match chance.choice(verbs):
            case "depend":
                fits = _can_all_be_done(parents, needs | {key: needs[key] | {other}})
                assert (await _edge(ada, f"{key} needs {other}")).is_success == fits
                needs[key] |= {other} if fits else set()
                refusals += not fits
            case "undepend":
                await ada.delete(f"/tasks/{key}/dependencies/{other}", 200)
                needs[key] -= {other}
            case "parent":
                fits = _can_all_be_done(parents | {key: other}, needs)
                assert (await _edge(ada, f"{key} in {other}")).is_success == fits
                parents[key] = other if fits else parents[key]
                refusals += not fits
            case "alone":
                await ada.patch(f"/tasks/{key}", {"parent": None})
                parents[key] = None
            case _:
                before, ready = await ada.last_event(), await _ready(ada)
                status = chance.choice(["todo", "done", "done", "cancelled", "backlog"])
                await ada.call("PATCH", f"/tasks/{key}/status", json={"status": status})
                event = await ada.last_event()
                if event != before:
                    freed = await _ready(ada) - ready - {key}
                    assert set(event["payload"]["became_ready"]) == freed
        await _check_numbers(ada)

    assert refusals > 3


async def _ready(person: Person) -> set[str]:
    return {one["key"] for one in (await person.get("/tasks", ready=True, limit=200))["items"]}
