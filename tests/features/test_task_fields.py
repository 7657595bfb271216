"""What belongs to a task, over HTTP: its fields, labels, acceptance, links and status."""

from typing import Any

import pytest

from tests.cast import Cast, Person

STALE = {"If-Match": '"1"'}


async def _refused(person: Person, method: str, path: str, body: Any = None) -> tuple[int, str]:
    answer = await person.call(method, path, json=body)
    return answer.status_code, answer.json()["code"] if answer.is_error else ""


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("title", "A task", "Another  one"),
        ("description", "", "*All* of it\nover two lines"),
        ("details", "", "How"),
        ("test_strategy", "", "Try it"),
        ("priority", "none", "critical"),
        ("complexity_manual", None, 10),
        ("due_on", None, "2027-02-28"),
        ("labels", [], ["Backend", "urgent"]),
        ("custom", {}, {"a": [1, None, {"b": "ü"}], "c": 1.5}),
    ],
)
async def test_each_field_is_changed_alone_and_recorded(
    ada: Person, field: str, old: Any, new: Any
) -> None:
    await ada.a_project()
    task = await ada.a_task()

    changed = await ada.patch("/tasks/API-1", {field: new}, **STALE)

    kept = "Another one" if field == "title" else new
    assert changed[field] == kept
    assert changed["version"] == 2
    aside = {field, "version", "updated_at", "complexity"}
    assert {k: v for k, v in changed.items() if k not in aside} == {
        k: v for k, v in task.items() if k not in aside
    }
    assert await ada.get("/tasks/API-1") == changed
    event = await ada.last_event()
    assert (event["name"], event["task_id"]) == ("task.updated", task["id"])
    assert event["payload"] == {"key": "API-1", "changes": {field: [old, kept]}}


async def test_fields_that_may_be_empty_are_cleared(ada: Person) -> None:
    await ada.a_project()
    repository = await ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    parent = await ada.a_task()
    full = {
        "complexity_manual": 3,
        "due_on": "2027-01-01",
        "repository_id": repository["id"],
        "parent": parent["key"],
        "labels": ["one"],
        "assignees": [ada.id],
        "custom": {"a": 1},
    }
    task = await ada.a_task(**full, description="d", acceptance=["It works"])
    nothing = {"complexity_manual": None, "due_on": None, "repository_id": None, "parent": None}
    empty = {"labels": [], "assignees": [], "acceptance": [], "custom": {}, "description": ""}

    cleared = await ada.patch(f"/tasks/{task['key']}", nothing | empty)

    assert {name: cleared[name] for name in nothing | empty} == nothing | empty
    read = await ada.get(f"/tasks/{task['key']}")
    assert {name: read[name] for name in nothing | empty} == nothing | empty
    changes = (await ada.last_event())["payload"]["changes"]
    assert set(changes) == set(nothing | empty)
    assert changes["parent"] == ["API-1", None]
    assert changes["assignees"] == [[ada.id], []]
    assert changes["repository_id"] == [repository["id"], None]


@pytest.mark.parametrize(
    "edit",
    [
        {"title": None},
        {"title": "  "},
        {"title": "two\nlines"},
        {"title": "x" * 501},
        {"priority": "urgent"},
        {"complexity_manual": 0},
        {"complexity_manual": 11},
        {"due_on": "2027-02-30"},
        {"labels": [""]},
        {"status": "done"},
        {"version": 7},
    ],
)
async def test_a_field_that_cannot_be_so_is_refused(ada: Person, edit: dict[str, Any]) -> None:
    await ada.a_project()
    task = await ada.a_task()

    refused = await ada.call("PATCH", "/tasks/API-1", json=edit)

    assert refused.status_code == 400
    assert next(iter(edit)) in refused.json()["detail"]
    assert await ada.get("/tasks/API-1") == task


async def test_a_change_that_changes_nothing_keeps_the_version_and_is_silent(ada: Person) -> None:
    await ada.a_project()
    fields: dict[str, Any] = {
        "title": "A task",
        "priority": "low",
        "labels": ["Backend", "urgent"],
        "assignees": [ada.id],
        "custom": {"a": 1},
        "due_on": "2027-01-01",
    }
    task = await ada.a_task(**fields)
    before = await ada.last_event()
    same = fields | {"title": " A  task ", "labels": ["URGENT", "backend"], "archived": False}

    unchanged = await ada.patch("/tasks/API-1", same)

    assert unchanged == task
    assert await ada.last_event() == before


@pytest.mark.parametrize(
    ("old", "new"), [(1, True), (0, False), ([1], [True]), ({"b": 0}, {"b": False})]
)
async def test_a_custom_number_becomes_a_truth_value(ada: Person, old: Any, new: Any) -> None:
    await ada.a_project()
    await ada.a_task(custom={"a": old})

    changed = await ada.patch("/tasks/API-1", {"custom": {"a": new}})

    assert repr(changed["custom"]) == repr({"a": new})
    assert changed["version"] == 2


async def test_stale_changes_are_refused(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    current = await ada.patch("/tasks/API-1", {"title": "Second"}, **STALE)

    update = await ada.call("PATCH", "/tasks/API-1", json={"title": "Third"}, headers=STALE)
    status = await ada.call("PATCH", "/tasks/API-1/status", json={"status": "done"}, headers=STALE)
    unread = await ada.call("PATCH", "/tasks/API-1", json={"title": "T"}, headers={"If-Match": "x"})

    for refused in (update, status):
        assert (refused.status_code, refused.json()["code"]) == (412, "stale")
        assert refused.json()["details"] == {"what": "task", "current": 2, "given": 1}
    assert unread.status_code == 400
    assert await ada.get("/tasks/API-1") == current
    answer = await ada.call("GET", "/tasks/API-1")
    assert answer.headers["ETag"] == '"2"'


async def test_labels_are_the_same_whatever_their_case_and_spaces(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(labels=["Straße", "API team"])

    task = await ada.a_task(labels=["STRASSE", " api   TEAM ", "strasse", "new"])

    assert task["labels"] == ["API team", "new", "Straße"]
    known = [one["name"] for one in (await ada.get("/labels"))["items"]]
    assert known == ["API team", "new", "Straße"]


async def test_people_and_repositories_of_another_workspace_are_refused(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    body = {"project": "API", "title": "T", "assignees": [cast.ada.id, cast.bob.id]}

    created = await _refused(cast.ada, "POST", "/tasks", body)
    updated = await _refused(cast.ada, "PATCH", "/tasks/API-1", {"assignees": [cast.bob.id]})
    theirs = await cast.bob.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    about = await _refused(cast.ada, "PATCH", "/tasks/API-1", {"repository_id": theirs["id"]})

    assert created == updated == (422, "task.assignee_unknown")
    assert about == (422, "task.repository_unknown")
    task = await cast.ada.get("/tasks/API-1")
    assert (task["assignees"], task["repository_id"], task["version"]) == ([], None, 1)


async def test_custom_takes_32_kilobytes_and_no_more(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    room = 32 * 1024 - len('{"a":""}')

    fits = await ada.patch("/tasks/API-1", {"custom": {"a": "x" * room}})
    refused = await _refused(ada, "PATCH", "/tasks/API-1", {"custom": {"a": "x" * (room + 1)}})
    umlauts = await _refused(ada, "PATCH", "/tasks/API-1", {"custom": {"a": "ü" * room}})

    assert len(fits["custom"]["a"]) == room
    assert refused == umlauts == (422, "task.custom_too_large")
    assert (await ada.get("/tasks/API-1"))["version"] == 2


@pytest.mark.parametrize(
    "body",
    [
        r'{"description": "b\u0000c"}',
        r'{"custom": {"a": "b\u0000c"}}',
        r'{"custom": {"a\u0000": 1}}',
        r'{"custom": {"a": [["\u0000"]]}}',
        r'{"custom": {"a": "\ud800"}}',
    ],
)
async def test_text_that_a_database_cannot_store_is_refused(ada: Person, body: str) -> None:
    await ada.a_project()
    task = await ada.a_task()
    headers = {"Content-Type": "application/json"}

    refused = await ada.call("PATCH", "/tasks/API-1", content=body, headers=headers)

    assert refused.status_code == 400
    assert await ada.get("/tasks/API-1") == task


async def test_acceptance_items_keep_their_id_and_what_was_met(ada: Person) -> None:
    await ada.a_project()
    first, second = (await ada.a_task(acceptance=["It  works", "It is fast"]))["acceptance"]
    met = await ada.patch(f"/tasks/API-1/acceptance/{first['id']}", {"is_met": True})

    changed = await ada.patch(
        "/tasks/API-1",
        {
            "acceptance": [
                {"text": "It is documented"},
                {"text": "IT IS FAST"},
                {"id": first["id"], "text": "It works well"},
            ]
        },
    )

    assert met["acceptance"][0] | {"met_at": None} == first | {
        "text": "It works",
        "is_met": True,
        "met_by": ada.id,
    }
    items = changed["acceptance"]
    assert [one["text"] for one in items] == ["It is documented", "IT IS FAST", "It works well"]
    assert [one["is_met"] for one in items] == [False, False, True]
    assert [one["id"] for one in items[1:]] == [second["id"], first["id"]]
    assert items[2]["met_at"] == met["acceptance"][0]["met_at"]
    old, new = (await ada.last_event())["payload"]["changes"]["acceptance"]
    assert [one["text"] for one in old] == ["It works", "It is fast"]
    assert new == [{key: one[key] for key in ("id", "text", "is_met")} for one in items]


async def test_an_acceptance_item_is_met_once_and_can_be_taken_back(ada: Person) -> None:
    await ada.a_project()
    [item] = (await ada.a_task(acceptance=["It works"]))["acceptance"]
    path = f"/tasks/API-1/acceptance/{item['id']}"

    met = await ada.patch(path, {"is_met": True})
    again = await ada.patch(path, {"is_met": True})
    unmet = await ada.patch(path, {"is_met": False})

    assert (met["version"], again) == (2, met)
    assert (unmet["version"], unmet["acceptance"]) == (3, [item])
    assert len(await ada.events(name="task.updated")) == 2
    unknown = f"/tasks/API-1/acceptance/{ada.id}"
    refused = await _refused(ada, "PATCH", unknown, {"is_met": True})
    assert refused == (404, "task.acceptance_item_not_found")


async def test_a_task_is_linked_to_another_one_and_to_a_page_and_unlinked(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    other = await ada.a_task(title="The other")

    page = {"url": "https://x.test/a", "title": "The page"}
    await ada.post("/tasks/API-1/links", {"kind": "duplicates", "task": "api-2"})
    linked = await ada.post("/tasks/API-1/links", {"kind": "docs"} | page)

    to_task, to_page = linked["links"]
    brief = {key: other[key] for key in ("id", "key", "title", "status")}
    assert (to_task["kind"], to_task["task"], to_task["url"]) == ("duplicates", brief, None)
    assert to_page == {"id": to_page["id"], "kind": "docs", "task": None} | page
    assert linked["version"] == 3
    assert await ada.get("/tasks/API-1") == linked
    event = await ada.last_event()
    assert event["payload"] == {"key": "API-1", "link_id": to_page["id"], "kind": "docs"}
    unlinked = await ada.delete(f"/tasks/API-1/links/{to_task['id']}", 200)
    assert unlinked["links"] == [to_page]
    again = await _refused(ada, "DELETE", f"/tasks/API-1/links/{to_task['id']}")
    assert again == (404, "task.link_not_found")
    names = [one["name"] for one in await ada.events(name="task.*")]
    assert names[2:] == ["task.link_added", "task.link_added", "task.link_removed"]


async def test_the_answer_to_a_link_is_the_task_as_it_is_read_afterwards(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    await ada.a_task(title="The other")

    plain = await ada.post("/tasks/API-1/links", {"kind": "related", "task": "API-2"})
    assert await ada.get("/tasks/API-1") == plain

    link = {"kind": "related", "task": "API-1", "title": "Look"}
    titled = await ada.post("/tasks/API-2/links", link)
    assert await ada.get("/tasks/API-2") == titled


@pytest.mark.parametrize(
    ("link", "status"),
    [
        ({"kind": "related"}, 422),
        ({"kind": "related", "task": "API-1", "url": "https://x.test"}, 422),
        ({"kind": "related", "url": "javascript:alert(1)"}, 400),
        ({"kind": "Not A Kind", "url": "https://x.test"}, 400),
        ({"kind": "related", "task": "API-99"}, 422),
    ],
)
async def test_a_link_that_leads_nowhere_is_refused(
    ada: Person, link: dict[str, str], status: int
) -> None:
    await ada.a_project()
    task = await ada.a_task()

    refused = await _refused(ada, "POST", "/tasks/API-1/links", link)

    assert refused[0] == status
    assert await ada.get("/tasks/API-1") == task


async def test_a_label_is_renamed_and_taken_off_on_all_tasks(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(labels=["one", "two"])
    one, two = (await ada.get("/labels"))["items"]

    renamed = await ada.patch(f"/labels/{one['id']}", {"name": "First"})
    taken = await _refused(ada, "PATCH", f"/labels/{one['id']}", {"name": "TWO"})

    assert renamed == {"id": one["id"], "name": "First"}
    assert taken == (409, "label.taken")
    await ada.delete(f"/labels/{two['id']}")
    task = await ada.get("/tasks/API-1")
    assert (task["labels"], task["version"]) == (["First"], 1)
    names = [event["name"] for event in await ada.events(name="label.*")]
    assert names == ["label.updated", "label.removed"]


STATUSES = ["backlog", "todo", "in_progress", "in_review", "deferred", "done", "cancelled"]


@pytest.mark.parametrize("start", STATUSES)
async def test_open_tasks_move_freely_and_finished_ones_only_back_to_todo(
    ada: Person, start: str
) -> None:
    await ada.a_project()
    for to in STATUSES:
        task = await ada.a_task()
        await ada.patch(f"/tasks/{task['key']}/status", {"status": start})
        before = await ada.last_event()

        answer = await ada.call("PATCH", f"/tasks/{task['key']}/status", json={"status": to})

        if start in {"done", "cancelled"} and to not in {"todo", start}:
            assert (answer.status_code, answer.json()["code"]) == (409, "task.status_not_allowed")
            assert await ada.last_event() == before
        else:
            assert answer.json()["status"] == to
            assert (await ada.last_event() == before) == (start == to)
            assert bool(answer.json()["finished_at"]) == (to in {"done", "cancelled"})
            assert bool(answer.json()["started_at"]) == ("in_progress" in {start, to})


async def test_a_task_starts_once_and_finishes_whenever_it_does(ada: Person) -> None:
    await ada.a_project()
    born = await ada.a_task(status="in_progress")
    path = "/tasks/API-1/status"

    finished = await ada.patch(path, {"status": "done"})
    reopened = await ada.patch(path, {"status": "todo"})
    restarted = await ada.patch(path, {"status": "in_progress"})

    assert born["started_at"]
    assert finished["finished_at"] >= born["started_at"]
    assert (reopened["finished_at"], reopened["started_at"]) == (None, born["started_at"])
    assert restarted["started_at"] == born["started_at"]
    assert restarted["version"] == 4
    assert await ada.get("/tasks/API-1") == restarted


@pytest.mark.parametrize("status", ["done", "cancelled"])
async def test_no_task_is_born_finished(ada: Person, status: str) -> None:
    await ada.a_project()
    body = {"project": "API", "title": "T", "status": status}

    refused = await _refused(ada, "POST", "/tasks", body)

    assert refused == (422, "task.born_finished")
    assert (await ada.get("/tasks"))["items"] == []
