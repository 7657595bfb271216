"""Why a task cannot be begun, over HTTP and pure against brute force."""

from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.features.tasks.domain import TaskBrief, TaskId, TaskStatus
from nexus.features.tasks.graph import (
    Need,
    find_cycle,
    finish,
    needs_of_dependency,
    needs_of_parent,
    needs_of_tasks,
)
from nexus.features.tasks.waiting import (
    MAX_CHAINS,
    Because,
    Surroundings,
    Waiting,
    _holders,
    _steps,
)
from tests.cast import Cast, Person

TASKS = [TaskId(UUID(int=number)) for number in range(1, 9)]
thorough = settings(max_examples=300, deadline=None, derandomize=True, database=None)


async def _why(person: Person, task: str) -> Any:
    return await person.get(f"/tasks/{task}/why")


def _steps_of(steps: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (
            (step["task"] or {"key": None})["key"],
            step["because"],
            (step["via"] or {"key": None})["key"],
            step["distance"],
            step["is_root"],
        )
        for step in steps
    ]


async def _tasks(person: Person, count: int, project: str = "API") -> None:
    await person.a_project(project)
    for n in range(1, count + 1):
        await person.a_task(project, title=f"Task {n}")


async def _depend(person: Person, task: str, *on: str) -> None:
    for other in on:
        await person.post(f"/tasks/{task}/dependencies", {"depends_on": other})


async def test_a_task_that_can_be_begun_waits_for_nothing(ada: Person) -> None:
    await _tasks(ada, 1)

    why = await _why(ada, "api-1")

    assert why["task"]["key"] == "API-1"
    assert (why["is_ready"], why["reasons"]) == (True, [])
    assert (why["waits_for"], why["unlocks"]) == ([], [])


async def test_a_chain_is_followed_to_its_root(ada: Person) -> None:
    await _tasks(ada, 5)
    await _depend(ada, "API-1", "API-2", "API-4")
    await _depend(ada, "API-2", "API-3")
    await _depend(ada, "API-3", "API-5")
    await ada.patch("/tasks/API-2/status", {"status": "in_progress"})
    await ada.finish("API-5")

    why = await _why(ada, "API-1")
    root = await _why(ada, "API-3")

    assert _steps_of(why["waits_for"]) == [
        ("API-2", "dependency", "API-1", 1, False),
        ("API-4", "dependency", "API-1", 1, True),
        ("API-3", "dependency", "API-2", 2, True),
    ]
    assert why["reasons"] == [
        "It waits for API-4 (todo).",
        "It waits for API-2 (in_progress), which waits for API-3 (todo).",
    ]
    assert (root["is_ready"], root["waits_for"]) == (True, [])
    assert _steps_of(root["unlocks"]) == [
        ("API-2", "dependency", "API-3", 1, False),
        ("API-1", "dependency", "API-2", 2, True),
    ]
    assert (root["unlock_depth"], root["unlock_count"]) == (2, 2)


async def test_a_subtask_waits_for_what_its_parents_wait_for(ada: Person) -> None:
    await _tasks(ada, 5)
    await ada.patch("/tasks/API-2", {"parent": "API-1"})
    await ada.patch("/tasks/API-3", {"parent": "API-2"})
    await _depend(ada, "API-1", "API-4")
    await _depend(ada, "API-3", "API-5")

    why = await _why(ada, "API-3")

    assert _steps_of(why["waits_for"]) == [
        ("API-4", "parent", "API-3", 1, True),
        ("API-5", "dependency", "API-3", 1, True),
    ]
    assert why["reasons"] == ["It waits for API-4 (todo).", "It waits for API-5 (todo)."]


async def test_a_parent_waits_for_its_subtasks_and_what_they_wait_for(ada: Person) -> None:
    await _tasks(ada, 4)
    await ada.patch("/tasks/API-2", {"parent": "API-1"})
    await ada.patch("/tasks/API-4", {"parent": "API-1"})
    await _depend(ada, "API-2", "API-3")
    await ada.finish("API-4")

    why = await _why(ada, "API-1")

    assert _steps_of(why["waits_for"]) == [
        ("API-2", "subtask", "API-1", 1, False),
        ("API-3", "dependency", "API-2", 2, True),
    ]
    assert why["reasons"] == ["It waits for API-2 (todo), which waits for API-3 (todo)."]
    assert not why["is_ready"]


@pytest.mark.parametrize("status", ["backlog", "in_progress", "in_review", "deferred", "done"])
async def test_another_status_is_a_reason_of_its_own(ada: Person, status: str) -> None:
    await _tasks(ada, 1)
    await ada.patch("/tasks/API-1/status", {"status": status})

    why = await _why(ada, "API-1")

    assert why["reasons"] == [f"It is {status}, and only 'todo' can be begun."]
    assert why["is_ready"] is False


async def test_whose_it_is_and_where_it_lies_are_reasons(cast: Cast) -> None:
    await _tasks(cast.ada, 2)
    await cast.ada.patch("/tasks/API-1", {"assignees": [cast.grace.id]})
    await cast.ada.finish("API-2")
    await cast.ada.patch("/tasks/API-2", {"archived": True})

    assert (await _why(cast.ada, "API-1"))["reasons"] == ["It is assigned to Grace."]
    assert (await _why(cast.grace, "API-1"))["is_ready"] is True
    assert (await _why(cast.ada, "API-2"))["reasons"][0] == "It is archived."
    for person in (cast.ada, cast.grace, cast.vic):
        for key in ("API-1", "API-2"):
            task = await person.get(f"/tasks/{key}")
            assert (await _why(person, key))["is_ready"] == task["is_ready"]


async def test_hidden_tasks_are_steps_without_a_name(cast: Cast) -> None:
    await _tasks(cast.ada, 3)
    await cast.ada.a_project("PRIV", visibility="private")
    await cast.ada.a_task("PRIV", title="Secret walrus")
    await cast.ada.a_task("PRIV", title="Secret giraffe")
    await _depend(cast.ada, "API-1", "PRIV-1")
    await _depend(cast.ada, "PRIV-1", "API-2")
    await _depend(cast.ada, "PRIV-2", "API-1")

    seen, hidden = [await _why(person, "API-1") for person in (cast.ada, cast.grace)]
    answer = await cast.grace.call("GET", "/tasks/API-1/why")

    assert [step["task"]["key"] for step in seen["waits_for"]] == ["PRIV-1", "API-2"]
    assert _steps_of(hidden["waits_for"]) == [
        (None, "dependency", "API-1", 1, False),
        ("API-2", "dependency", None, 2, True),
    ]
    assert _steps_of(hidden["unlocks"]) == [(None, "dependency", "API-1", 1, True)]
    assert not any(word in answer.text for word in ("PRIV", "walrus", "giraffe", "Secret"))
    assert hidden["reasons"]
    assert not hidden["is_ready"]
    root = await _why(cast.grace, "API-2")
    assert root["unlocks"][0]["task"] is None
    assert (await cast.grace.call("GET", "/tasks/PRIV-1/why")).status_code == 404
    assert (await cast.bob.call("GET", "/tasks/API-1/why")).status_code == 404


async def test_a_hidden_root_is_said_without_its_name(cast: Cast) -> None:
    await _tasks(cast.ada, 2)
    await cast.ada.a_project("PRIV", visibility="private")
    await cast.ada.a_task("PRIV")
    await _depend(cast.ada, "API-1", "API-2")
    await _depend(cast.ada, "API-2", "PRIV-1")

    why = await _why(cast.grace, "API-1")

    assert why["reasons"] == [
        "It waits for API-2 (todo), which waits for a task you cannot see (hidden)."
    ] or why["reasons"] == ["It waits for API-2 (todo), which waits for a task you cannot see."]


async def test_very_many_roots_are_counted_not_told(ada: Person) -> None:
    await _tasks(ada, MAX_CHAINS + 4)
    await _depend(ada, "API-1", *(f"API-{n}" for n in range(2, MAX_CHAINS + 5)))

    why = await _why(ada, "API-1")

    assert len(why["reasons"]) == MAX_CHAINS + 1
    assert why["reasons"][-1] == "It waits for 3 more."
    assert len(why["waits_for"]) == MAX_CHAINS + 3


@pytest.mark.parametrize("seed", range(3))
async def test_the_reasons_agree_with_the_numbers(ada: Person, seed: int) -> None:
    chance = Random(seed)
    await _tasks(ada, 10)
    keys = [f"API-{n}" for n in range(1, 11)]
    for _ in range(14):
        one, other = chance.sample(keys, 2)
        if chance.random() < 0.3:
            await ada.call("PATCH", f"/tasks/{one}", json={"parent": other})
        else:
            await ada.call("POST", f"/tasks/{one}/dependencies", json={"depends_on": other})
    for key in chance.sample(keys, 2):
        await ada.finish(key)

    for key in keys:
        task, why = await ada.get(f"/tasks/{key}"), await _why(ada, key)
        assert why["is_ready"] == task["is_ready"], key
        waits = task["open_dependencies"] or task["open_subtasks"]
        assert bool(why["waits_for"]) == bool(waits), key
        if task["status"] == "todo":
            assert len(why["unlocks"]) == task["unlock_count"] == why["unlock_count"], key
            assert bool(why["reasons"]) == bool(waits)
        roots = {step["task"]["key"] for step in why["waits_for"] if step["is_root"]}
        for root in roots:
            begun = await ada.get(f"/tasks/{root}")
            assert (begun["open_dependencies"], begun["open_subtasks"]) == (0, 0)
        assert bool(roots) == bool(waits)


edges = st.lists(
    st.tuples(st.booleans(), st.sampled_from(TASKS), st.sampled_from(TASKS)), max_size=14
)


def _graph(wanted: list[tuple[bool, TaskId, TaskId]]) -> list[Need]:
    """Dependencies and parents without a cycle; a task has one parent."""
    known = needs_of_tasks(TASKS)
    children: set[UUID] = set()
    for is_parent, one, other in wanted:
        if is_parent and one in children:
            continue
        added = needs_of_parent(one, other) if is_parent else needs_of_dependency(one, other)
        if not any(find_cycle(known, need) for need in added):
            known = [*known, *added]
            if is_parent:
                children.add(one)
    return known


def _needed_finishes(needs: list[Need], task: UUID) -> set[UUID]:
    """The tasks whose finish a task's finish needs, over anything."""
    reached = {finish(task)}
    while more := {other for one, other in needs if one in reached} - reached:
        reached |= more
    return {task_id for kind, task_id in reached if (kind, task_id) == finish(task_id)} - {task}


@thorough
@given(edges, st.sampled_from(TASKS))
def test_the_way_down_comes_by_all_that_is_needed_and_nothing_else(
    wanted: list[tuple[bool, TaskId, TaskId]], start: TaskId
) -> None:
    needs = _graph(wanted)
    briefs: dict[UUID, TaskBrief] = {
        one: TaskBrief(id=one, key=f"API-{one.int}", title="", status=TaskStatus.TODO)
        for one in TASKS
    }
    around = Surroundings(needs=needs, briefs=briefs, hidden=set())

    steps: list[Waiting] = _steps(start, _holders(needs), around)

    found = {step.task.id: step for step in steps if step.task}
    assert set(found) == _needed_finishes(needs, start)
    assert len(found) == len(steps)
    assert [step.distance for step in steps] == sorted(step.distance for step in steps)
    for task_id, step in found.items():
        assert step.via is not None
        assert step.is_root == (not _needed_finishes(needs, task_id))
        before = found.get(step.via.id)
        assert step.distance == (before.distance + 1 if before else 1)
        assert (before is None) == (step.via.id == start)
        direct = needs_of_dependency(step.via.id, task_id)[0] in needs
        is_subtask = needs_of_parent(task_id, step.via.id)[0] in needs
        assert (step.because is Because.SUBTASK) == is_subtask
        assert (step.because is Because.DEPENDENCY) == (direct and not is_subtask)
