"""Tasks over HTTP: they are made, changed, moved and finished."""

from tests.cast import Cast, Person


async def test_a_task_is_created_with_all_that_belongs_to_it(ada: Person) -> None:
    project = await ada.a_project()
    first = await ada.a_task(project)

    task = await ada.a_task(
        project,
        "  Ship   it ",
        description="All of it.",
        acceptance=["It is shipped"],
        priority="high",
        labels=["Backend", "backend", "urgent"],
        assignees=[ada.id],
        dependencies=[first["key"]],
        custom={"team": {"size": 3}},
        due_on="2026-12-31",
    )

    assert (task["key"], task["title"], task["version"]) == ("API-2", "Ship it", 1)
    assert task["labels"] == ["Backend", "urgent"]
    assert [one["handle"] for one in task["assignees"]] == ["ada"]
    assert [one["key"] for one in task["dependencies"]] == ["API-1"]
    assert task["open_dependencies"] == 1
    assert not task["is_ready"]
    assert await ada.get(f"/tasks/{task['key']}") == task
    event = await ada.last_event()
    assert (event["name"], event["payload"]["key"]) == ("task.created", "API-2")


async def test_finishing_a_task_makes_the_next_one_ready_and_says_so(ada: Person) -> None:
    project = await ada.a_project()
    first = await ada.a_task(project)
    second = await ada.a_task(project, dependencies=[first["key"]])

    finished = await ada.finish(first["key"])

    assert finished["finished_at"]
    event = await ada.last_event()
    assert event["name"] == "task.status_changed"
    assert event["payload"]["changes"] == {"status": ["todo", "done"]}
    assert event["payload"]["became_ready"] == [second["key"]]
    ready = await ada.get("/tasks", ready=True, sort="next")
    assert [task["key"] for task in ready["items"]] == [second["key"]]


async def test_finishing_twice_is_one_event(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    await ada.finish(task["key"])
    before = await ada.last_event()

    again = await ada.finish(task["key"])

    assert again["version"] == 2
    assert await ada.last_event() == before


async def test_a_viewer_looks_and_changes_nothing(cast: Cast) -> None:
    await cast.ada.a_project()
    task = await cast.ada.a_task()

    refused = await cast.vic.call("PATCH", f"/tasks/{task['key']}/status", json={"status": "done"})

    assert refused.status_code == 403
    assert refused.json()["code"] == "permission.missing"
    assert (await cast.vic.get(f"/tasks/{task['key']}"))["status"] == "todo"
