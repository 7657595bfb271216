"""Projects over HTTP: their keys, who leads them, who sees the private ones."""

from typing import Any

import pytest

from tests.cast import Cast, Person


async def _a_secret(cast: Cast) -> tuple[str, str]:
    """Ada's private project with a task, and a task of an open one that waits for it."""
    await cast.ada.a_project("SEC", visibility="private")
    await cast.ada.a_project("WEB")
    secret = await cast.ada.a_task("SEC", "The hidden treasure")
    shown = await cast.ada.a_task("WEB", "Dig", dependencies=[secret["key"]])
    return secret["key"], shown["key"]


async def _status(person: Person, method: str, path: str, body: Any = None) -> int:
    return (await person.call(method, path, json=body)).status_code


async def test_a_project_is_created_by_a_developer_who_then_leads_it(grace: Person) -> None:
    created = await grace.post(
        "/projects", {"key": "API", "name": "  The   API ", "description": "d"}
    )

    fetched = await grace.get("/projects/api")

    assert fetched == created
    assert (created["key"], created["name"], created["version"]) == ("API", "The API", 1)
    assert (created["lead_id"], created["visibility"]) == (grace.id, "workspace")
    members = (await grace.get("/projects/API/members"))["items"]
    assert [(one["handle"], one["is_lead"]) for one in members] == [("grace", True)]
    event = await grace.last_event()
    assert (event["name"], event["subject"]) == ("project.created", f"project:{created['id']}")
    assert event["payload"] == {"key": "API", "title": "The API", "visibility": "workspace"}


@pytest.mark.parametrize("key", ["A", "api", "1API", "API_X", "ABCDEFGHIJK", "", "ÄPI", "API-1"])
async def test_a_key_is_two_to_ten_upper_case_letters_and_digits(ada: Person, key: str) -> None:
    body = {"key": key, "name": "A project"}

    refused = await ada.call("POST", "/projects", json=body)

    assert refused.status_code == 400
    assert "key" in refused.json()["detail"]
    await ada.post("/projects", body | {"key": "A2CDEFGHIJ"})


async def test_a_key_is_never_used_again(cast: Cast) -> None:
    await cast.ada.a_project("OLD", visibility="private")
    await cast.ada.patch("/projects/OLD", {"archived": True})

    refused = await cast.grace.call("POST", "/projects", json={"key": "OLD", "name": "Again"})

    assert refused.status_code == 409
    assert refused.json()["code"] == "project.key_taken"
    assert await cast.bob.a_project("OLD") == "OLD"


async def test_the_lead_must_be_in_the_workspace(cast: Cast) -> None:
    await cast.ada.a_project()
    stranger = {"lead_id": cast.bob.id}

    created = await cast.ada.call("POST", "/projects", json={"key": "WEB", "name": "W"} | stranger)
    updated = await cast.ada.call("PATCH", "/projects/API", json=stranger)

    for refused in (created, updated):
        assert refused.status_code == 422
        assert refused.json()["code"] == "project.lead_unknown"
    assert (await cast.ada.get("/projects/API"))["lead_id"] == cast.ada.id
    assert [one["key"] for one in (await cast.ada.get("/projects"))["items"]] == ["API"]


async def test_a_new_lead_becomes_a_member_and_may_change_the_project(cast: Cast) -> None:
    await cast.ada.a_project()

    await cast.ada.patch("/projects/API", {"lead_id": cast.grace.id})

    renamed = await cast.grace.patch("/projects/API", {"name": "Mine"})
    assert (renamed["name"], renamed["version"]) == ("Mine", 3)
    members = (await cast.ada.get("/projects/API/members"))["items"]
    assert [(one["handle"], one["is_lead"]) for one in members] == [("ada", False), ("grace", True)]


async def test_a_developer_who_is_not_the_lead_works_in_a_project_but_does_not_change_it(
    cast: Cast,
) -> None:
    project = await cast.ada.a_project()
    repository = await cast.ada.post("/repositories", {"name": "api", "url": "https://x.test/a"})
    before = await cast.ada.last_event()

    statuses = [
        await _status(cast.grace, "PATCH", "/projects/API", {"name": "Mine"}),
        await _status(cast.grace, "PUT", f"/projects/API/members/{cast.grace.id}"),
        await _status(cast.grace, "DELETE", f"/projects/API/members/{cast.ada.id}"),
        await _status(cast.grace, "PUT", f"/projects/API/repositories/{repository['id']}"),
        await _status(cast.grace, "DELETE", f"/projects/API/repositories/{repository['id']}"),
    ]

    assert statuses == [403] * 5
    assert await cast.ada.last_event() == before
    assert (await cast.grace.a_task(project))["key"] == "API-1"


async def test_every_field_of_a_project_is_changed_and_recorded(ada: Person, grace: Person) -> None:
    created = await ada.post("/projects", {"key": "API", "name": "Old"})

    changed = await ada.patch(
        "/projects/API",
        {"name": "New", "description": "d", "visibility": "private", "lead_id": grace.id},
    )

    assert changed | {"version": 1} == created | {
        "name": "New",
        "description": "d",
        "visibility": "private",
        "lead_id": grace.id,
    }
    assert changed["version"] == 2
    event = await ada.last_event()
    assert event["name"] == "project.updated"
    assert event["payload"]["changes"] == {
        "name": ["Old", "New"],
        "description": ["", "d"],
        "visibility": ["workspace", "private"],
        "lead_id": [ada.id, grace.id],
    }


async def test_a_change_of_a_project_that_changes_nothing_is_silent(ada: Person) -> None:
    await ada.a_project()
    before = await ada.last_event()

    same = await ada.patch("/projects/API", {"name": "Project API", "archived": False})

    assert same["version"] == 1
    assert await ada.last_event() == before


async def test_a_stale_change_of_a_project_is_refused(ada: Person) -> None:
    await ada.a_project()
    await ada.patch("/projects/API", {"name": "Second"}, **{"If-Match": '"1"'})

    refused = await ada.call(
        "PATCH", "/projects/API", json={"name": "Third"}, headers={"If-Match": '"1"'}
    )

    assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert (await ada.get("/projects/API"))["name"] == "Second"


async def test_an_archived_project_takes_no_new_tasks_until_it_is_back(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    archived = await ada.patch("/projects/API", {"archived": True})
    task = {"project": "API", "title": "Too late"}

    refused = await ada.call("POST", "/tasks", json=task)

    assert archived["archived_at"]
    assert (refused.status_code, refused.json()["code"]) == (409, "project.archived")
    assert (await ada.get("/projects"))["items"] == []
    assert [one["key"] for one in (await ada.get("/projects", archived=True))["items"]] == ["API"]
    await ada.patch("/projects/API", {"archived": False})
    assert (await ada.post("/tasks", task))["key"] == "API-2"


async def test_projects_are_listed_by_key_page_by_page(ada: Person) -> None:
    for key in ("WEB", "API", "OPS", "A2", "ZED"):
        await ada.a_project(key)

    keys: list[str] = []
    page = await ada.get("/projects", limit=2)
    keys += [one["key"] for one in page["items"]]
    while page["next_cursor"]:
        page = await ada.get("/projects", limit=2, cursor=page["next_cursor"])
        keys += [one["key"] for one in page["items"]]

    assert keys == ["A2", "API", "OPS", "WEB", "ZED"]


async def test_a_private_project_is_nowhere_for_who_is_no_member(cast: Cast) -> None:
    secret, shown = await _a_secret(cast)
    task = await cast.ada.get(f"/tasks/{secret}")
    comment = await cast.ada.post(f"/tasks/{secret}/comments", {"body": "Psst"})

    for ref in (secret, task["id"]):
        path = f"/tasks/{ref}"
        statuses = [
            await _status(cast.grace, "GET", path),
            await _status(cast.grace, "PATCH", path, {"title": "Mine"}),
            await _status(cast.grace, "PATCH", f"{path}/status", {"status": "done"}),
            await _status(cast.grace, "PATCH", f"{path}/position", {"after": shown}),
            await _status(cast.grace, "GET", f"{path}/dependencies"),
            await _status(cast.grace, "POST", f"{path}/dependencies", {"depends_on": shown}),
            await _status(cast.grace, "DELETE", f"{path}/dependencies/{shown}"),
            await _status(cast.grace, "POST", f"{path}/links", {"kind": "related", "task": shown}),
            await _status(cast.grace, "GET", f"{path}/comments"),
            await _status(cast.grace, "POST", f"{path}/comments", {"body": "Hello"}),
            await _status(cast.grace, "DELETE", f"{path}/comments/{comment['id']}"),
            await _status(cast.grace, "GET", f"{path}/activity"),
            await _status(cast.grace, "GET", f"/events?task={ref}"),
        ]
        assert statuses == [404] * 13
    statuses = [
        await _status(cast.grace, "GET", "/projects/SEC"),
        await _status(cast.grace, "PATCH", "/projects/SEC", {"name": "Mine"}),
        await _status(cast.grace, "GET", "/projects/SEC/members"),
        await _status(cast.grace, "PUT", f"/projects/SEC/members/{cast.grace.id}"),
        await _status(cast.grace, "DELETE", f"/projects/SEC/members/{cast.ada.id}"),
        await _status(cast.grace, "GET", "/projects/SEC/repositories"),
        await _status(cast.grace, "GET", "/tasks?project=SEC"),
        await _status(cast.grace, "POST", "/tasks", {"project": "SEC", "title": "In"}),
    ]
    assert statuses == [404] * 8
    assert await cast.ada.get(f"/tasks/{secret}") == task


async def test_lists_and_searches_pass_a_private_project_over(cast: Cast) -> None:
    secret, shown = await _a_secret(cast)

    projects = await cast.grace.get("/projects")
    tasks = await cast.grace.get("/tasks")
    several = await cast.grace.get("/tasks", project=["SEC", "WEB"])
    found = await cast.grace.get("/tasks", q="treasure")

    assert [one["key"] for one in projects["items"]] == ["WEB"]
    assert [one["key"] for one in tasks["items"]] == [shown]
    assert [one["key"] for one in several["items"]] == [shown]
    assert found["items"] == []
    assert [one["key"] for one in (await cast.ada.get("/tasks", q="treasure"))["items"]] == [secret]


async def test_what_points_into_a_private_project_is_not_shown(cast: Cast) -> None:
    secret, shown = await _a_secret(cast)
    await cast.ada.post(f"/tasks/{shown}/links", {"kind": "related", "task": secret})
    child = await cast.ada.a_task("WEB", parent=secret)

    task = await cast.grace.get(f"/tasks/{shown}")

    assert (task["dependencies"], task["links"]) == ([], [])
    assert (task["open_dependencies"], task["is_ready"]) == (1, False)
    assert (await cast.grace.get(f"/tasks/{shown}/dependencies"))["items"] == []
    assert (await cast.grace.get(f"/tasks/{child['key']}"))["parent"] is None
    listed = (await cast.grace.get("/tasks"))["items"]
    assert [(one["parent"], one["dependencies"]) for one in listed] == [(None, []), (None, [])]


async def test_tasks_cannot_be_found_by_a_parent_in_a_private_project(cast: Cast) -> None:
    secret, _ = await _a_secret(cast)
    child = await cast.ada.a_task("WEB", parent=secret)

    found = await cast.grace.get("/tasks", parent=secret)

    assert found["items"] == []
    mine = await cast.ada.get("/tasks", parent=secret)
    assert [one["key"] for one in mine["items"]] == [child["key"]]


async def test_nothing_can_be_made_to_point_into_a_private_project(cast: Cast) -> None:
    secret, shown = await _a_secret(cast)
    before = await cast.grace.get(f"/tasks/{shown}")

    refused = [
        await _status(cast.grace, "POST", f"/tasks/{shown}/dependencies", {"depends_on": secret}),
        await _status(cast.grace, "PATCH", f"/tasks/{shown}", {"parent": secret}),
        await _status(cast.grace, "PATCH", f"/tasks/{shown}/position", {"after": secret}),
        await _status(
            cast.grace, "POST", "/tasks", {"project": "WEB", "title": "T", "parent": secret}
        ),
        await _status(
            cast.grace, "POST", "/tasks", {"project": "WEB", "title": "T", "dependencies": [secret]}
        ),
    ]

    assert refused == [422] * 5
    assert await cast.grace.get(f"/tasks/{shown}") == before


async def test_events_of_a_private_project_are_hidden(cast: Cast) -> None:
    secret, _ = await _a_secret(cast)
    await cast.ada.post(f"/tasks/{secret}/comments", {"body": "Psst"})
    project = await cast.ada.get("/projects/SEC")

    seen = await cast.grace.events()

    assert [one for one in seen if one["project_id"] == project["id"]] == []
    assert await cast.grace.events(subject=f"project:{project['id']}") == []
    hers = [one["name"] for one in await cast.ada.events() if one["project_id"] == project["id"]]
    assert hers == ["project.created", "task.created", "task.commented"]


async def test_events_of_open_projects_name_no_task_of_a_private_one(cast: Cast) -> None:
    secret, shown = await _a_secret(cast)
    await cast.ada.post(f"/tasks/{secret}/links", {"kind": "related", "task": shown})
    other = (await cast.ada.a_task("WEB", parent=secret))["key"]
    await cast.ada.patch(f"/tasks/{other}", {"parent": None})
    await cast.ada.post(f"/tasks/{other}/dependencies", {"depends_on": secret})
    await cast.ada.delete(f"/tasks/{other}/dependencies/{secret}", status=200)
    await cast.ada.post(f"/tasks/{secret}/dependencies", {"depends_on": other})
    await cast.ada.finish(other)

    seen = await cast.grace.events(task=other)

    assert {one["name"] for one in seen} >= {"task.created", "task.updated", "task.status_changed"}
    telling = [one["name"] for one in seen if secret in str(one["payload"])]
    assert telling == []


async def test_joining_makes_a_private_project_visible_and_leaving_hides_it(cast: Cast) -> None:
    secret, _ = await _a_secret(cast)

    await cast.ada.call("PUT", f"/projects/SEC/members/{cast.grace.id}")

    assert (await cast.grace.get(f"/tasks/{secret}"))["title"] == "The hidden treasure"
    assert [one["key"] for one in (await cast.grace.get("/tasks", q="treas"))["items"]] == [secret]
    event = await cast.grace.last_event()
    assert event["name"] == "project.member_added"
    assert event["payload"] == {"member_id": cast.grace.id}
    await cast.grace.delete(f"/projects/SEC/members/{cast.grace.id}")
    assert await _status(cast.grace, "GET", f"/tasks/{secret}") == 404
    assert (await cast.ada.last_event())["name"] == "project.member_removed"


async def test_adding_and_removing_a_member_twice_is_once(cast: Cast) -> None:
    await cast.ada.a_project()
    path = f"/projects/API/members/{cast.grace.id}"

    statuses = [
        await _status(cast.ada, method, path) for method in ("PUT", "PUT", "DELETE", "DELETE")
    ]

    assert statuses == [204] * 4
    names = [one["name"] for one in await cast.ada.events(name="project.*")]
    assert names == ["project.created", "project.member_added", "project.member_removed"]


async def test_the_last_member_of_a_private_project_cannot_leave(cast: Cast) -> None:
    await cast.ada.a_project("SEC", visibility="private")

    refused = await cast.ada.call("DELETE", f"/projects/SEC/members/{cast.ada.id}")

    assert refused.status_code == 409
    assert (await cast.ada.get("/projects/SEC"))["key"] == "SEC"
    await cast.ada.patch("/projects/SEC", {"lead_id": cast.grace.id})
    await cast.ada.delete(f"/projects/SEC/members/{cast.ada.id}")
    assert await _status(cast.ada, "GET", "/projects/SEC") == 404
    assert await _status(cast.grace, "DELETE", f"/projects/SEC/members/{cast.grace.id}") == 409


async def test_removing_who_is_no_member_of_a_private_project_changes_nothing(cast: Cast) -> None:
    await cast.ada.a_project("SEC", visibility="private")
    before = await cast.ada.last_event()

    removed = await _status(cast.ada, "DELETE", f"/projects/SEC/members/{cast.grace.id}")

    assert removed == 204
    assert await cast.ada.last_event() == before


async def test_an_owner_adds_members_to_a_private_project_unseen(cast: Cast) -> None:
    await cast.grace.a_project("SEC", visibility="private")
    assert await _status(cast.ada, "GET", "/projects/SEC") == 404

    added = await _status(cast.ada, "PUT", f"/projects/SEC/members/{cast.ada.id}")

    assert added == 204
    assert (await cast.ada.get("/projects/SEC"))["lead_id"] == cast.grace.id


async def test_only_who_is_in_the_workspace_becomes_a_member(cast: Cast) -> None:
    await cast.ada.a_project()

    refused = await cast.ada.call("PUT", f"/projects/API/members/{cast.bob.id}")

    assert (refused.status_code, refused.json()["code"]) == (404, "project.member_not_found")
    assert await _status(cast.bob, "GET", "/projects/API") == 404


async def test_who_makes_a_project_private_still_sees_it(cast: Cast) -> None:
    await cast.grace.a_project()

    await cast.ada.patch("/projects/API", {"visibility": "private"})

    assert (await cast.ada.get("/projects/API"))["visibility"] == "private"
    assert await _status(cast.vic, "GET", "/projects/API") == 404
