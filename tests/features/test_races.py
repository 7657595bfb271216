"""Many at once: what must happen once happens once, and nothing that was answered is lost."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from graphlib import TopologicalSorter
from typing import Any

import httpx2 as httpx
import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.settings import Settings
from tests.cast import Cast, Person


@pytest.fixture
async def faces(ada: Person, database: Database, settings: Settings) -> AsyncIterator[list[Person]]:
    """Ada at two server processes on one database; at one on SQLite, which has one writer."""
    if database.dialect == "sqlite":
        yield [ada, ada]
        return
    second = Database(database.url)
    transport = httpx.ASGITransport(app=Nexus(second, settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://nexus.test") as http:
        yield [ada, replace(ada, http=http)]
    await second.close()


async def test_status_changes_of_different_tasks_all_land_and_are_all_on_record(
    faces: list[Person],
) -> None:
    ada = faces[0]
    await ada.a_project()
    tasks = [await ada.a_task() for _ in range(12)]
    before = (await ada.last_event())["seq"]

    await asyncio.gather(*(faces[i % 2].finish(task["key"]) for i, task in enumerate(tasks)))

    done = await ada.get("/tasks", status="done")
    assert {one["key"] for one in done["items"]} == {task["key"] for task in tasks}
    events = await ada.events(after=before)
    assert [event["seq"] for event in events] == list(range(before + 1, before + 13))
    assert {event["payload"]["key"] for event in events} == {task["key"] for task in tasks}


async def test_one_key_sent_eight_times_at_once_makes_one_task(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    body = {"project": "API", "title": "Only one"}

    answers = await asyncio.gather(
        *(_post(faces[i % 2], "/tasks", body, "one-task") for i in range(8))
    )

    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({(answer.content, answer.headers["ETag"]) for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 7
    assert len((await ada.get("/tasks"))["items"]) == 1
    assert len(await ada.events(name="task.created")) == 1


async def test_one_key_sent_with_two_bodies_at_once_does_one_of_them(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()

    answers = await asyncio.gather(
        *(
            _post(face, "/tasks", {"project": "API", "title": f"Task {i}"}, "two-tasks")
            for i, face in enumerate(faces)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201, 422]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert refused.json()["code"] == "idempotency.key_reused"
    assert len((await ada.get("/tasks"))["items"]) == 1


async def test_a_project_made_by_many_at_once_with_one_key_is_made_once(
    faces: list[Person],
) -> None:
    body = {"key": "WEB", "name": "Web"}

    answers = await asyncio.gather(
        *(_post(faces[i % 2], "/projects", body, "one-project") for i in range(8))
    )

    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.content for answer in answers}) == 1
    assert len(await faces[0].events(name="project.created")) == 1


async def test_a_project_key_asked_for_by_many_at_once_is_given_to_one(
    faces: list[Person],
) -> None:
    body = {"key": "WEB", "name": "Web"}

    answers = await asyncio.gather(
        *(faces[i % 2].call("POST", "/projects", json=body) for i in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(await faces[0].events(name="project.created")) == 1


async def test_of_two_opposite_dependencies_exactly_one_is_refused(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    pairs = [((await ada.a_task())["key"], (await ada.a_task())["key"]) for _ in range(50)]

    answers = await asyncio.gather(
        *(
            face.call("POST", f"/tasks/{one}/dependencies", json={"depends_on": other})
            for pair in pairs
            for face, (one, other) in zip(faces, (pair, pair[::-1]), strict=True)
        )
    )

    for position, pair in enumerate(pairs):
        both = answers[2 * position : 2 * position + 2]
        assert sorted(answer.status_code for answer in both) == [201, 409]
        problem = next(answer for answer in both if answer.status_code == 409).json()
        assert problem["code"] == "task.dependency_cycle"
        assert set(problem["details"]["keys"]) == set(pair)
        assert all(key in problem["detail"] for key in pair)
    edges = await _edges(ada)
    assert sum(len(others) for others in edges.values()) == 50
    assert len(list(TopologicalSorter(edges).static_order())) == 100


async def test_random_edges_added_at_once_never_close_a_cycle(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    keys = [(await ada.a_task())["key"] for _ in range(8)]
    chance = random.Random(42)
    pairs = [chance.sample(keys, 2) for _ in range(60)]

    answers = await asyncio.gather(
        *(
            faces[i % 2].call("PATCH", f"/tasks/{one}", json={"parent": other})
            if i % 5 == 0
            else faces[i % 2].call("POST", f"/tasks/{one}/dependencies", json={"depends_on": other})
            for i, (one, other) in enumerate(pairs)
        )
    )

    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    assert 409 in {answer.status_code for answer in answers}
    tasks = (await ada.get("/tasks", limit=200))["items"]
    assert len(list(TopologicalSorter(_moments(tasks)).static_order())) == 2 * len(keys)
    by_key = {one["key"]: one for one in tasks}
    for one in tasks:
        line = [one["key"]]
        while above := by_key[line[-1]]["parent"]:
            line.append(above["key"])
        assert one["open_dependencies"] == sum(len(by_key[key]["dependencies"]) for key in line)
        children = [other for other in tasks if (other["parent"] or {}).get("key") == one["key"]]
        assert one["open_subtasks"] == len(children)


async def test_a_reader_sees_every_event_once_while_twenty_write(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    tasks = [await ada.a_task() for _ in range(20)]
    before = (await ada.last_event())["seq"]

    async def write(who: Person, key: str) -> None:
        for status in ("in_progress", "in_review", "done", "todo", "cancelled"):
            await who.patch(f"/tasks/{key}/status", {"status": status})

    async def read(who: Person) -> list[int]:
        seen: list[int] = []
        while len(seen) < 100:
            page = await who.get("/events", after=seen[-1] if seen else before, limit=200)
            seen += [event["seq"] for event in page["items"]]
        return seen

    async with asyncio.timeout(120):
        readings = asyncio.gather(*(read(face) for face in faces))
        await asyncio.gather(*(write(faces[i % 2], task["key"]) for i, task in enumerate(tasks)))
        seen = await readings

    assert seen == [list(range(before + 1, before + 101))] * 2
    assert len(await ada.events(after=before)) == 100


async def test_the_last_of_two_finished_together_says_what_became_ready(
    faces: list[Person],
) -> None:
    ada = faces[0]
    await ada.a_project()

    for _ in range(10):
        first, second = await ada.a_task(), await ada.a_task()
        needed = [first["key"], second["key"]]
        waiting = await ada.a_task(dependencies=needed)
        before = (await ada.last_event())["seq"]

        await asyncio.gather(*(f.finish(k) for f, k in zip(faces, needed, strict=True)))

        freed = [event["payload"]["became_ready"] for event in await ada.events(after=before)]
        assert sorted(freed) == [[], [waiting["key"]]]
        task = await ada.get(f"/tasks/{waiting['key']}")
        assert (task["open_dependencies"], task["is_ready"]) == (0, True)


async def test_subtasks_finished_together_leave_none_open(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    parent = await ada.a_task()
    subtasks = [await ada.a_task(parent=parent["key"]) for _ in range(8)]
    before = (await ada.last_event())["seq"]

    await asyncio.gather(*(faces[i % 2].finish(one["key"]) for i, one in enumerate(subtasks)))

    task = await ada.get(f"/tasks/{parent['key']}")
    assert (task["open_subtasks"], task["is_ready"], task["status"]) == (0, True, "todo")
    freed = [event["payload"]["became_ready"] for event in await ada.events(after=before)]
    assert sorted(freed) == [[]] * 7 + [[parent["key"]]]


async def test_a_label_named_by_many_at_once_is_made_once(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    names = ["Urgent", "urgent", "URGENT", " urgent "]

    tasks = await asyncio.gather(
        *(faces[i % 2].a_task(labels=[names[i % 4], f"own {i}"]) for i in range(12))
    )

    labels = [one["name"] for one in (await ada.get("/labels"))["items"]]
    assert sorted(name.casefold() for name in labels) == sorted(
        ["urgent", *(f"own {i}" for i in range(12))]
    )
    assert all(len(task["labels"]) == 2 for task in tasks)
    tagged = await ada.get("/tasks", label="urgent")
    assert len(tagged["items"]) == 12


async def test_labels_named_in_opposite_orders_at_once_hold_nobody_up(
    faces: list[Person],
) -> None:
    ada = faces[0]
    await ada.a_project()
    names = [f"label {i}" for i in range(20)]

    tasks = await asyncio.gather(
        *(face.a_task(labels=names if i % 2 else names[::-1]) for i in range(6) for face in faces)
    )

    assert all(len(task["labels"]) == 20 for task in tasks)
    assert len((await ada.get("/labels"))["items"]) == 20


async def test_of_many_changes_to_one_version_exactly_one_lands(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    task = await ada.a_task()
    path, headers = f"/tasks/{task['key']}", {"If-Match": '"1"'}

    answers = await asyncio.gather(
        *(
            faces[i % 2].call("PATCH", path, json={"title": f"Title {i}"}, headers=headers)
            for i in range(10)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    won = next(answer for answer in answers if answer.status_code == 200).json()
    assert await ada.get(path) == won
    assert won["version"] == 2
    assert len(await ada.events(name="task.updated")) == 1


async def test_changes_of_different_fields_at_once_all_stay(faces: list[Person]) -> None:
    ada = faces[0]
    await ada.a_project()
    task = await ada.a_task(acceptance=["It works"])
    fields: dict[str, Any] = {
        "title": "New",
        "description": "New",
        "details": "New",
        "test_strategy": "New",
        "priority": "high",
        "complexity_manual": 3,
        "labels": ["new"],
        "custom": {"new": True},
    }

    await asyncio.gather(
        *(
            faces[i % 2].patch(f"/tasks/{task['key']}", {name: value})
            for i, (name, value) in enumerate(fields.items())
        )
    )

    changed = await ada.get(f"/tasks/{task['key']}")
    assert {name: changed[name] for name in fields} == fields
    assert changed["version"] == 1 + len(fields)


async def test_tasks_put_in_one_place_at_once_all_get_a_place_of_their_own(
    faces: list[Person],
) -> None:
    ada = faces[0]
    await ada.a_project()
    tasks = [(await ada.a_task())["key"] for _ in range(10)]
    top, last, *others = tasks

    answers = await asyncio.gather(
        *(
            faces[i % 2].call("PATCH", f"/tasks/{key}/position", json={"after": top})
            for i, key in enumerate(others)
        )
    )

    assert [answer.status_code for answer in answers] == [200] * len(others)
    board = (await ada.get("/tasks", sort="rank"))["items"]
    assert board[0]["key"] == top
    assert board[-1]["key"] == last
    assert len({one["rank"] for one in board}) == len(tasks)


async def test_two_owners_who_demote_each_other_at_once_leave_one(cast: Cast) -> None:
    ada, grace = cast.ada, cast.grace
    await ada.patch(f"/users/{grace.id}", {"role": "admin", "is_owner": True})

    answers = await asyncio.gather(
        *(
            who.call("PATCH", f"/users/{other.id}", json={"is_owner": False})
            for who, other in ((ada, grace), (grace, ada))
        )
    )

    assert min(answer.status_code for answer in answers) == 200
    assert {answer.status_code for answer in answers} <= {200, 403, 409}
    owners = [one for one in (await ada.get("/users"))["items"] if one["is_owner"]]
    assert len(owners) == 1


async def _post(who: Person, path: str, body: Any, key: str) -> httpx.Response:
    return await who.call("POST", path, json=body, headers={"Idempotency-Key": key})


async def _edges(who: Person) -> dict[str, list[str]]:
    tasks = (await who.get("/tasks", limit=200))["items"]
    return {task["key"]: [one["key"] for one in task["dependencies"]] for task in tasks}


def _moments(tasks: list[Any]) -> dict[str, list[str]]:
    """What each task's beginning and end need first, as DESIGN.md says: parent edges count."""
    needs: dict[str, list[str]] = {}
    for task in tasks:
        key, parent = task["key"], (task["parent"] or {}).get("key")
        needs.setdefault(f"finish {key}", []).append(f"gate {key}")
        needs.setdefault(f"gate {key}", []).extend(
            f"finish {one['key']}" for one in task["dependencies"]
        )
        if parent:
            needs[f"gate {key}"].append(f"gate {parent}")
            needs.setdefault(f"finish {parent}", []).append(f"finish {key}")
    return needs
