"""Moving tasks to another project over HTTP: new keys, and old ones that stay valid."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.cast import Cast, Person


async def _two_projects(person: Person) -> None:
    await person.a_project("API")
    await person.a_project("WEB")


async def _move(person: Person, task: str, project: str, **headers: str) -> Any:
    return await person.patch(f"/tasks/{task}/project", {"project": project}, **headers)


async def _refused(person: Person, task: str, project: str, **headers: str) -> tuple[int, str]:
    path = f"/tasks/{task}/project"
    answer = await person.call("PATCH", path, json={"project": project}, headers=headers)
    return answer.status_code, answer.json()["code"]


async def _keys(person: Person, **params: Any) -> list[str]:
    return [one["key"] for one in (await person.get("/tasks", limit=200, **params))["items"]]


async def test_a_task_gets_a_new_key_and_keeps_all_else(ada: Person) -> None:
    await _two_projects(ada)
    await ada.a_task("WEB")
    task = await ada.a_task(title="Walrus", labels=["x"], assignees=[ada.id], custom={"a": 1})
    await ada.post("/tasks/API-1/comments", {"body": "giraffe"})

    moved = await _move(ada, "API-1", "WEB")

    aside = dict.fromkeys(("key", "project", "rank", "version", "updated_at"), "")
    assert moved | aside == task | aside
    assert (moved["key"], moved["project"], moved["version"]) == ("WEB-2", "WEB", 2)
    event = await ada.last_event()
    assert (event["name"], event["payload"]["from_key"]) == ("task.transferred", "API-1")
    assert event["payload"]["key"] == "WEB-2"
    assert await _keys(ada, project="API") == []
    assert await _keys(ada, project="WEB", sort="rank") == ["WEB-1", "WEB-2"]
    for q in ("WEB-2", "walrus", "giraffe"):
        assert await _keys(ada, q=q) == ["WEB-2"]


async def test_an_old_key_works_everywhere(cast: Cast) -> None:
    ada = cast.ada
    await _two_projects(ada)
    for _ in range(3):
        await ada.a_task()
    await _move(ada, "API-1", "WEB")

    assert (await ada.get("/tasks/api-1"))["key"] == "WEB-1"
    assert (await ada.patch("/tasks/API-1", {"title": "New"}))["key"] == "WEB-1"
    assert (await ada.patch("/tasks/API-1/status", {"status": "in_progress"}))["key"] == "WEB-1"
    assert (await ada.get("/tasks/API-1/why"))["task"]["key"] == "WEB-1"
    said = await ada.post("/tasks/API-1/comments", {"body": "Hello"})
    assert (await ada.get("/tasks/WEB-1/comments"))["items"][0]["id"] == said["id"]
    waits = await ada.post("/tasks/API-2/dependencies", {"depends_on": "API-1"})
    assert [one["key"] for one in waits["dependencies"]] == ["WEB-1"]
    freed = await ada.delete("/tasks/API-2/dependencies/API-1", status=200)
    assert freed["dependencies"] == []
    linked = await ada.post("/tasks/API-2/links", {"kind": "related", "task": "API-1"})
    assert linked["links"][0]["task"]["key"] == "WEB-1"
    child = await ada.patch("/tasks/API-3", {"parent": "API-1"})
    assert child["parent"]["key"] == "WEB-1"
    assert (await ada.a_task("API", parent="API-1"))["parent"]["key"] == "WEB-1"
    version = (await ada.get("/tasks/API-1"))["version"]
    item = {"task": "API-1", "version": version, "priority": "high"}
    assert (await ada.patch("/tasks", {"items": [item]}))["items"][0]["key"] == "WEB-1"


async def test_a_list_of_subtasks_takes_an_old_key(ada: Person) -> None:
    await _two_projects(ada)
    await ada.a_task()
    await _move(ada, "API-1", "WEB")
    await ada.a_task("API", parent="WEB-1")

    assert await _keys(ada, parent="WEB-1") == ["API-2"]
    assert await _keys(ada, parent="API-1") == ["API-2"]


async def test_a_position_takes_old_keys(ada: Person) -> None:
    await _two_projects(ada)
    for _ in range(2):
        await ada.a_task()
    await _move(ada, "API-1", "WEB")
    await _move(ada, "API-2", "WEB")

    await ada.patch("/tasks/API-2/position", {"before": "API-1"})

    assert await _keys(ada, project="WEB", sort="rank") == ["WEB-2", "WEB-1"]


async def test_keys_are_never_used_again(ada: Person) -> None:
    await _two_projects(ada)
    task = await ada.a_task()

    keys = [(await _move(ada, "API-1", project))["key"] for project in ("WEB", "API", "WEB")]
    fresh = [(await ada.a_task(project))["key"] for project in ("API", "WEB")]

    assert keys == ["WEB-1", "API-2", "WEB-2"]
    assert fresh == ["API-3", "WEB-3"]
    for key in ("API-1", "WEB-1", "API-2", "WEB-2"):
        assert (await ada.get(f"/tasks/{key}"))["id"] == task["id"]
    assert (await ada.get("/tasks/WEB-2"))["version"] == 4


async def test_subtasks_of_the_same_project_go_along(ada: Person) -> None:
    await _two_projects(ada)
    await ada.a_project("OPS")
    await ada.a_task(title="top")
    await ada.a_task(title="child", parent="API-1")
    await ada.a_task("OPS", title="elsewhere", parent="API-1")
    await ada.a_task(title="below elsewhere", parent="OPS-1")
    await ada.a_task(title="grandchild", parent="API-2")
    await ada.a_task(title="beside")
    await ada.a_task(title="waits", dependencies=["API-4"])
    before = (await ada.last_event())["seq"]

    await _move(ada, "API-1", "WEB")

    titles = {
        one["key"]: (one["title"], (one["parent"] or {"key": None})["key"])
        for one in (await ada.get("/tasks"))["items"]
    }
    assert titles == {
        "WEB-1": ("top", None),
        "WEB-2": ("child", "WEB-1"),
        "OPS-1": ("elsewhere", "WEB-1"),
        "WEB-3": ("below elsewhere", "OPS-1"),
        "WEB-4": ("grandchild", "WEB-2"),
        "API-5": ("beside", None),
        "API-6": ("waits", None),
    }
    events = await ada.events(after=before)
    assert [(event["payload"]["from_key"], event["payload"]["key"]) for event in events] == [
        ("API-1", "WEB-1"), ("API-2", "WEB-2"), ("API-3", "WEB-3"), ("API-4", "WEB-4"),
    ]  # fmt: skip
    assert (await ada.get("/tasks/API-6"))["dependencies"][0]["key"] == "WEB-4"
    assert await _keys(ada, q="api-4") == []
    assert await _keys(ada, q="web-4") == ["WEB-4"]


async def test_a_subtask_alone_keeps_its_parent(ada: Person) -> None:
    await _two_projects(ada)
    await ada.a_task()
    await ada.a_task(parent="API-1")

    moved = await _move(ada, "API-2", "WEB")

    assert (moved["key"], moved["parent"]["key"]) == ("WEB-1", "API-1")
    assert (await ada.get("/tasks/API-1"))["open_subtasks"] == 1


async def test_a_private_project_hides_what_moves_into_it(cast: Cast) -> None:
    await cast.ada.a_project("API")
    await cast.ada.a_project("PRIV", visibility="private")
    await cast.ada.a_task("API", title="walrus")

    await _move(cast.ada, "API-1", "PRIV")

    for key in ("API-1", "PRIV-1"):
        assert (await cast.ada.get(f"/tasks/{key}"))["key"] == "PRIV-1"
        assert (await cast.grace.call("GET", f"/tasks/{key}")).status_code == 404
    assert await _keys(cast.grace, q="walrus") == []
    assert all("PRIV" not in str(event) for event in await cast.grace.events())


async def test_where_a_task_cannot_go_it_stays(cast: Cast) -> None:
    await _two_projects(cast.ada)
    await cast.ada.a_project("PRIV", visibility="private")
    await cast.ada.a_project("OLD")
    await cast.ada.patch("/projects/OLD", {"archived": True})
    await cast.ada.a_task()
    await cast.ada.a_task()
    await cast.ada.finish("API-2")
    await cast.ada.patch("/tasks/API-2", {"archived": True})
    before, event = await cast.ada.get("/tasks/API-1"), await cast.ada.last_event()

    refused = [
        await _refused(cast.grace, "API-1", "PRIV"),
        await _refused(cast.grace, "API-1", "NONE"),
        await _refused(cast.ada, "API-1", "OLD"),
        await _refused(cast.ada, "API-2", "WEB"),
        await _refused(cast.ada, "API-99", "WEB"),
        await _refused(cast.vic, "API-1", "WEB"),
        await _refused(cast.bob, "API-1", "WEB"),
        await _refused(cast.ada, "API-1", "WEB", **{"If-Match": '"7"'}),
        await _refused(cast.ada, "API-1", "web"),
    ]

    assert refused[0] == refused[1]
    assert [status for status, _ in refused] == [404, 404, 409, 409, 404, 403, 404, 412, 400]
    assert await cast.ada.get("/tasks/API-1") == before
    assert await cast.ada.last_event() == event
    assert (await cast.ada.a_task("WEB"))["key"] == "WEB-1"


async def test_moving_to_where_it_is_already_is_silent(ada: Person) -> None:
    await _two_projects(ada)
    task = await ada.a_task()
    event = await ada.last_event()

    assert await _move(ada, "API-1", "API", **{"If-Match": '"1"'}) == task
    assert await ada.last_event() == event
    assert (await ada.a_task())["key"] == "API-2"


@pytest.mark.parametrize("title", ["short", "日本語" * 100])
async def test_tasks_moved_and_made_at_once_get_different_keys(ada: Person, title: str) -> None:
    await _two_projects(ada)
    tasks = [await ada.a_task(title=title) for _ in range(8)]

    answers = await asyncio.gather(
        *(
            ada.call("PATCH", f"/tasks/{one['key']}/project", json={"project": "WEB"})
            for one in tasks
        ),
        *(
            ada.call("POST", "/tasks", json={"project": "WEB", "title": str(uuid4())})
            for _ in range(8)
        ),
    )

    assert {answer.status_code for answer in answers} == {200, 201}
    assert {answer.json()["key"] for answer in answers} == {f"WEB-{n}" for n in range(1, 17)}
    for one in tasks:
        assert (await ada.get(f"/tasks/{one['key']}"))["id"] == one["id"]
