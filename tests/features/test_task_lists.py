"""Lists of tasks over HTTP: filters, sorts, cursors, the board and the archive."""

import base64
import json
import random
from typing import Any

import pytest

from tests.cast import API, Cast, Person

SORTS = ["newest", "oldest", "updated", "priority", "due", "rank", "key", "next"]
KNOWN = (
    "archived, assignee, created_by, cursor, due_from, due_until, explain, field, label, limit, "
    "parent, priority, project, q, ready, repository, sort, status, updated_since, waiting"
)
NUMBERS = [1, 2.5, True, 2**31, 2**40, 2**63, 2**70, -(2**70), 1e300]
MANY = [*NUMBERS, None, "x", [], "\x00", "0001-01-01T00:00:00+14:00", "2027-01-01T00:00:00"]


async def _keys(person: Person, **params: Any) -> list[str]:
    return [one["key"] for one in (await person.get("/tasks", limit=200, **params))["items"]]


def _packed(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


async def _with_cursor(person: Person, sort: str, cursor: str) -> tuple[int, str]:
    answer = await person.call("GET", "/tasks", params={"sort": sort, "cursor": cursor})
    return answer.status_code, answer.json()["code"] if answer.is_error else ""


async def _walk(person: Person, limit: int, **params: Any) -> list[Any]:
    """All items of the list, page after page, as the Link header leads."""
    answer = await person.call("GET", "/tasks", params={"limit": limit} | params)
    items = answer.json()["items"]
    while "Link" in answer.headers:
        assert len(answer.json()["items"]) == limit
        path, rel = answer.headers["Link"].split("; ")
        assert rel == 'rel="next"'
        answer = await person.call("GET", path.strip("<>").removeprefix(API))
        assert answer.status_code == 200
        items += answer.json()["items"]
    assert answer.json()["next_cursor"] is None
    return items


async def _a_backlog(cast: Cast) -> dict[str, Any]:
    """Tasks of all sorts in two projects; the answers by key."""
    ada = cast.ada
    repository = await ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})
    await ada.a_project("API")
    await ada.a_project("WEB")
    make = [
        ("API", "Crème brûlée", {"priority": "high", "labels": ["Food", "urgent"]}),
        ("API", "Straße fegen", {"priority": "low", "labels": ["food"], "assignees": [ada.id]}),
        ("WEB", "Plain", {"repository_id": repository["id"], "description": "the cream of crops"}),
        ("WEB", "Both", {"assignees": [ada.id, cast.grace.id], "due_on": "2027-01-02"}),
        ("API", "Child", {"parent": "API-1", "priority": "high", "due_on": "2027-01-01"}),
        ("WEB", "Waits", {"dependencies": ["API-2"], "priority": "critical"}),
        ("API", "Running", {"status": "in_progress", "details": "BRULEE snake_case"}),
        ("API", "Hers", {"assignees": [cast.grace.id], "labels": ["urgent"]}),
        ("WEB", "Later", {"status": "backlog"}),
        ("API", "Over", {}),
        ("API", "Away", {"labels": ["food"]}),
    ]
    for project, title, fields in make:
        await ada.a_task(project, title, **fields)
    await ada.finish("API-6")
    await ada.patch("/tasks/API-7/status", {"status": "cancelled"})
    await ada.patch("/tasks/API-7", {"archived": True})
    return repository


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"status": "done"}, "API-6"),
        ({"status": ["in_progress", "backlog"]}, "API-4 WEB-4"),
        ({"priority": ["critical", "low"]}, "API-2 WEB-3"),
        ({"project": "web"}, "WEB-1 WEB-2 WEB-3 WEB-4"),
        ({"project": ["API", "WEB"], "status": "todo", "q": "s"}, "API-2"),
        ({"label": "FOOD"}, "API-1 API-2"),
        ({"label": ["food", "Urgent"]}, "API-1"),
        ({"assignee": "me"}, "API-2 WEB-2"),
        ({"assignee": "grace"}, "API-5 WEB-2"),
        ({"assignee": "none", "project": "API"}, "API-1 API-3 API-4 API-6"),
        ({"parent": "api-1"}, "API-3"),
        ({"parent": "API-99"}, ""),
        ({"parent": "none", "priority": "high"}, "API-1"),
        ({"repository": "a"}, "WEB-1"),
        ({"ready": True}, "API-2 API-3 WEB-1 WEB-2"),
        ({"ready": True, "assignee": "none"}, "API-3 WEB-1"),
        ({"archived": True}, "API-7"),
        ({"q": "CRÈme"}, "API-1"),
        ({"q": "cre"}, "API-1 WEB-1"),
        ({"q": "brul"}, "API-1 API-4"),
        ({"q": "STRASSE feg"}, "API-2"),
        ({"q": "rème"}, ""),
        ({"q": "snake_case"}, "API-4"),
        ({"q": "s_ake"}, ""),
        ({"q": "%"}, "API-1 API-2 API-3 API-4 API-5 API-6 WEB-1 WEB-2 WEB-3 WEB-4"),
        ({"q": "creme", "project": "WEB"}, ""),
        ({"q": "c", "status": "todo", "priority": "high", "parent": "API-1"}, "API-3"),
        ({"label": "urgent", "assignee": "grace", "priority": "none", "status": "todo"}, "API-5"),
    ],
)
async def test_a_filter_finds_what_it_says(
    cast: Cast, params: dict[str, Any], expected: str
) -> None:
    repository = await _a_backlog(cast)
    ids = {"assignee=grace": cast.grace.id, "repository=a": repository["id"]}
    given = {name: ids.get(f"{name}={value}", value) for name, value in params.items()}

    found = await _keys(cast.ada, sort="key", **given)

    assert found == expected.split()
    assert [one["key"] for one in await _walk(cast.ada, 1, sort="oldest", **given)] == sorted(
        found, key=(await _keys(cast.ada, sort="oldest", archived="archived" in params)).index
    )


async def test_ready_is_said_alike_by_the_list_and_by_each_task(cast: Cast) -> None:
    await _a_backlog(cast)

    for person in (cast.ada, cast.grace, cast.vic):
        ready = await _keys(person, ready=True, sort="key")
        each = [
            key
            for key in await _keys(person, sort="key")
            if (await person.get(f"/tasks/{key}"))["is_ready"]
        ]
        assert ready == each
        assert ("API-5" in ready) == (person is cast.grace)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_one_after_the_other_are_the_whole_list(
    cast: Cast, sort: str, limit: int
) -> None:
    await _a_backlog(cast)

    walked = await _walk(cast.ada, limit, sort=sort)

    whole = (await cast.ada.get("/tasks", sort=sort, limit=200))["items"]
    assert walked == whole
    assert len({one["key"] for one in walked}) == 10


@pytest.mark.parametrize("sort", SORTS)
async def test_a_sort_is_what_it_says(cast: Cast, sort: str) -> None:
    await _a_backlog(cast)
    await cast.ada.patch("/tasks/API-2", {"title": "Changed last"})
    words = ["critical", "high", "medium", "low", "none"]
    by: dict[str, str] = {
        "newest": "created_at",
        "oldest": "created_at",
        "updated": "updated_at",
        "priority": "urgency created_at",
        "due": "due",
        "rank": "project rank",
        "key": "project number",
        "next": "urgency depth count created_at",
    }

    items = (await cast.ada.get("/tasks", sort=sort))["items"]

    for one in items:
        one |= {"urgency": words.index(one["priority"]), "number": int(one["key"][4:])}
        one |= {"depth": -one["unlock_depth"], "count": -one["unlock_count"]}
        one |= {"due": one["due_on"] or "9999"}
    values = [[one[name] for name in by[sort].split()] for one in items]
    assert values == sorted(values, reverse=sort in {"newest", "updated"})
    assert len(set(map(str, values))) > 2


async def test_a_list_shows_what_the_task_shows(cast: Cast) -> None:
    await _a_backlog(cast)

    listed = (await cast.ada.get("/tasks"))["items"]

    for one in listed:
        whole = await cast.ada.get(f"/tasks/{one['key']}")
        shown = {name: value for name, value in one.items() if name in whole}
        assert {name: whole[name] for name in shown} == shown
        assert one.keys() - shown.keys() == {"highlights", "explanation"}


@pytest.mark.parametrize("sort", SORTS)
async def test_a_cursor_belongs_to_its_list_and_order(cast: Cast, sort: str) -> None:
    await _a_backlog(cast)
    cursor = (await cast.ada.get("/tasks", sort=sort, limit=1))["next_cursor"]

    refused = {await _with_cursor(cast.ada, other, cursor) for other in SORTS if other != sort}

    assert refused == {(422, "cursor.not_understood")}
    assert (await _with_cursor(cast.ada, sort, cursor)) == (200, "")


@pytest.mark.parametrize("sort", SORTS)
async def test_a_tampered_cursor_is_refused(cast: Cast, sort: str) -> None:
    await _a_backlog(cast)
    cursor = (await cast.ada.get("/tasks", sort=sort, limit=1))["next_cursor"]
    values = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    wrong = [[], {}, None, values[:-1], [*values, 1], values[1:], [None, *values[1:]]]
    forged = [
        [*values[:place], value, *values[place + 1 :]]
        for place in range(1, len(values))
        for value in MANY
    ]
    texts = ["x", "!", "é", cursor[:-3], cursor + "AAAA", cursor[::-1], *map(_packed, wrong)]

    garbage = [await _with_cursor(cast.ada, sort, text) for text in texts]
    plausible = {str(one): await _with_cursor(cast.ada, sort, _packed(one)) for one in forged}

    assert garbage == [(422, "cursor.not_understood")] * len(texts)
    # Another number where a number stood may be taken for a cursor; nothing may break.
    answers = {(200, ""), (422, "cursor.not_understood")}
    assert {one: answer for one, answer in plausible.items() if answer not in answers} == {}


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("limit=201", 400, "limit"),
        ("sort=best", 400, "sort"),
        ("status=open", 400, "status"),
        ("priority=5", 400, "priority"),
        ("ready=perhaps", 400, "ready"),
        ("repository=api", 400, "repository"),
        ("assignee=grace", 422, "assignee"),
        ("project=NONE", 404, "NONE"),
        ("kind=bug", 400, f"'kind'. This address takes: {KNOWN}."),
        ("limit=1&limit=2", 400, "twice"),
        ("q=%FF", 400, "UTF-8"),
        ("label=%00", 400, "read"),
        ("project=%00", 400, "read"),
    ],
)
async def test_a_query_that_cannot_be_answered_is_refused(
    ada: Person, query: str, status: int, says: str
) -> None:
    await ada.a_project()
    await ada.a_task()

    refused = await ada.call("GET", f"/tasks?{query}")

    assert refused.status_code == status
    assert says in refused.json()["detail"]


async def test_new_tasks_stand_at_the_end_of_the_board(ada: Person) -> None:
    await ada.a_project()

    made = [(await ada.a_task())["key"] for _ in range(66)]

    assert await _keys(ada, sort="rank") == made
    await ada.patch("/tasks/API-66/position", {"before": "API-1"})
    await ada.patch("/tasks/API-1/position", {"after": "API-65"})
    made = ["API-66", *made[1:-1], "API-1", (await ada.a_task())["key"]]
    assert await _keys(ada, sort="rank") == made


async def test_tasks_are_moved_at_random_and_stand_where_they_were_put(ada: Person) -> None:
    await ada.a_project()
    board = [(await ada.a_task())["key"] for _ in range(6)]
    chance = random.Random(7)

    for _ in range(25):
        moved, anchor = chance.sample(board, 2)
        side = chance.choice(["after", "before"])
        await ada.patch(f"/tasks/{moved}/position", {side: anchor})
        board.remove(moved)
        board.insert(board.index(anchor) + (side == "after"), moved)
        assert await _keys(ada, sort="rank") == board


async def test_there_is_always_room_between_the_same_two_tasks(ada: Person) -> None:
    await ada.a_project()
    for _ in range(4):
        await ada.a_task()

    await ada.patch("/tasks/API-2/position", {"after": "API-4"})

    for _ in range(40):
        await ada.patch("/tasks/API-3/position", {"before": "API-2"})
        await ada.patch("/tasks/API-4/position", {"after": "API-1"})
        assert await _keys(ada, sort="rank") == ["API-1", "API-4", "API-3", "API-2"]
        await ada.patch("/tasks/API-3/position", {"after": "API-1"})

    ranks = [one["rank"] for one in (await ada.get("/tasks"))["items"]]
    assert len(set(ranks)) == 4


async def test_a_move_is_recorded_and_moves_nothing_else(ada: Person) -> None:
    await ada.a_project()
    first, second, third = [await ada.a_task() for _ in range(3)]

    moved = await ada.patch("/tasks/API-3/position", {"before": second["id"]})

    assert moved["version"] == 2
    assert await ada.get("/tasks/API-3") == moved
    aside = {"rank": "", "version": 0, "updated_at": ""}
    assert moved | aside == third | aside
    assert [await ada.get(f"/tasks/API-{n}") for n in (1, 2)] == [first, second]
    event = await ada.last_event()
    assert (event["name"], event["payload"]) == ("task.moved", {"key": "API-3"})


@pytest.mark.parametrize("position", [{"after": "API-1"}, {"before": "API-3"}])
async def test_a_move_to_where_the_task_stands_is_silent(
    ada: Person, position: dict[str, str]
) -> None:
    await ada.a_project()
    for _ in range(3):
        await ada.a_task()
    before = await ada.last_event()

    moved = await ada.patch("/tasks/API-2/position", position)

    assert moved["version"] == 1
    assert await ada.last_event() == before


@pytest.mark.parametrize(
    "position",
    [
        {},
        {"after": "API-2", "before": "API-3"},
        {"after": "API-1"},
        {"after": "WEB-1"},
        {"before": "API-99"},
        {"before": "nonsense"},
    ],
)
async def test_a_neighbour_is_another_task_of_the_same_project(
    ada: Person, position: dict[str, str]
) -> None:
    for project in [await ada.a_project("API"), await ada.a_project("WEB")]:
        for _ in range(3):
            await ada.a_task(project)

    refused = await ada.call("PATCH", "/tasks/API-1/position", json=position)

    assert (refused.status_code, refused.json()["code"]) == (422, "task.position_neighbour")
    assert await _keys(ada, project="API", sort="rank") == ["API-1", "API-2", "API-3"]


async def test_only_finished_tasks_are_archived(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()

    refused = await ada.call("PATCH", "/tasks/API-1", json={"archived": True})
    await ada.finish("API-1")
    archived = await ada.patch("/tasks/API-1", {"archived": True})
    again = await ada.patch("/tasks/API-1", {"archived": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "task.not_finished")
    assert (archived["version"], again) == (3, archived)
    changes = (await ada.last_event())["payload"]["changes"]
    assert changes == {"archived_at": [None, archived["archived_at"]]}
    assert (await _keys(ada), await _keys(ada, archived=True)) == ([], ["API-1"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"title": "New"}),
        ("PATCH", "", {"archived": True, "title": "New"}),
        ("PATCH", "/status", {"status": "todo"}),
        ("PATCH", "/position", {"after": "API-2"}),
        ("POST", "/dependencies", {"depends_on": "API-2"}),
        ("DELETE", "/dependencies/API-3", None),
        ("POST", "/links", {"kind": "related", "task": "API-2"}),
        ("DELETE", "/links/{link}", None),
        ("PATCH", "/acceptance/{item}", {"is_met": True}),
    ],
)
async def test_an_archived_task_refuses_changes_until_it_is_back(
    ada: Person, method: str, path: str, body: Any
) -> None:
    await ada.a_project()
    await ada.a_task(acceptance=["It works"])
    await ada.a_task()
    await ada.a_task()
    await ada.post("/tasks/API-1/dependencies", {"depends_on": "API-3"})
    task = await ada.post("/tasks/API-1/links", {"kind": "related", "task": "API-3"})
    await ada.finish("API-1")
    archived = await ada.patch("/tasks/API-1", {"archived": True})
    path = path.format(link=task["links"][0]["id"], item=task["acceptance"][0]["id"])

    refused = await ada.call(method, f"/tasks/API-1{path}", json=body)

    assert (refused.status_code, refused.json().get("code")) == (409, "task.archived")
    assert await ada.get("/tasks/API-1") == archived
    await ada.patch("/tasks/API-1", {"archived": False})
    assert (await ada.call(method, f"/tasks/API-1{path}", json=body)).is_success
