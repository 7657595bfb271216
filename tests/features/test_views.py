"""Saved views over HTTP: their life, who sees them and who may change them."""

from typing import Any
from uuid import uuid4

import pytest

from tests.cast import Cast, Person

QUERY: dict[str, Any] = {
    "status": ["todo", "in_progress"],
    "priority": ["high"],
    "project": ["API"],
    "label": ["Food", "Größe"],
    "field": ["points>=3", "sprint"],
    "repository": "01890000-0000-7000-8000-000000000000",
    "assignee": "me",
    "parent": "none",
    "created_by": "01890000-0000-7000-8000-000000000001",
    "ready": True,
    "waiting": False,
    "archived": False,
    "due_from": "2026-01-01",
    "due_until": "2026-12-31",
    "updated_since": "2026-01-01T00:00:00Z",
    "q": "walrus 日本",
    "sort": "relevance",
}


async def _save(person: Person, name: str = "Mine", **more: Any) -> Any:
    return await person.post("/views", {"name": name, "query": {"status": ["todo"]}} | more)


async def _names(person: Person) -> list[str]:
    return [one["name"] for one in (await person.get("/views", limit=200))["items"]]


async def _refused(person: Person, method: str, path: str, body: Any = None) -> tuple[int, str]:
    options = {} if body is None else {"json": body}
    answer = await person.call(method, path, **options)
    return answer.status_code, answer.json()["code"]


async def test_a_view_keeps_the_whole_query_and_finds_what_it_says(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(
        title="walrus 日本",
        labels=["food", "größe"],
        priority="high",
        assignees=[ada.id],
        custom={"points": 3, "sprint": 1},
        due_on="2026-06-01",
    )

    view = await _save(ada, query=QUERY)

    assert view["query"] == QUERY
    assert await ada.get(f"/views/{view['id']}") == view
    mine = view["query"] | {"created_by": ada.id}
    found = await ada.get("/tasks", **{k: v for k, v in mine.items() if k != "repository"})
    assert [one["key"] for one in found["items"]] == ["API-1"]
    event = await ada.last_event()
    assert event["name"] == "view.created"
    assert "walrus" not in str(event)


async def test_the_parameters_of_a_view_are_those_of_the_list(ada: Person) -> None:
    document = (await ada.call("GET", "/../../openapi.json")).json()
    listed = document["paths"]["/api/v1/tasks"]["get"]["parameters"]

    names = {one["name"] for one in listed if one["in"] == "query"}

    assert names - {"cursor", "limit", "explain", "workspace"} == QUERY.keys()


async def test_a_view_changes_and_goes(ada: Person) -> None:
    view = await _save(ada)
    path = f"/views/{view['id']}"

    renamed = await ada.patch(path, {"name": " New  name "}, **{"If-Match": '"1"'})
    assert (renamed["name"], renamed["version"], renamed["query"]) == ("New name", 2, view["query"])
    event = await ada.last_event()
    assert (event["name"], event["payload"]["changed"]) == ("view.updated", ["name"])
    assert await ada.patch(path, {"name": "New name"}) == renamed
    assert await ada.last_event() == event
    emptied = await ada.patch(path, {"query": {}})
    assert (emptied["query"], emptied["version"]) == ({}, 3)
    stale = await ada.call("PATCH", path, json={"name": "x"}, headers={"If-Match": '"2"'})
    assert stale.status_code == 412
    await ada.delete(path)
    assert (await ada.last_event())["name"] == "view.removed"
    for method in ("GET", "DELETE"):
        assert await _refused(ada, method, path) == (404, "view.not_found")


async def test_views_are_ones_own_until_they_are_shared(cast: Cast) -> None:
    mine = await _save(cast.ada, "Ada's")
    shared = await _save(cast.ada, "For all", is_shared=True)
    await _save(cast.grace, "Grace's")
    await _save(cast.bob, "Bob's", is_shared=True)

    assert await _names(cast.ada) == ["Ada's", "For all"]
    assert await _names(cast.grace) == ["For all", "Grace's"]
    assert await _names(cast.vic) == ["For all"]
    for person in (cast.grace, cast.vic, cast.bob):
        assert await _refused(person, "GET", f"/views/{mine['id']}") == (404, "view.not_found")
    assert await cast.vic.get(f"/views/{shared['id']}") == shared
    assert await _refused(cast.bob, "GET", f"/views/{shared['id']}") == (404, "view.not_found")
    await cast.ada.patch(f"/views/{shared['id']}", {"is_shared": False})
    assert await _names(cast.vic) == []


async def test_its_owner_changes_a_view_and_an_admin_a_shared_one(cast: Cast) -> None:
    own = await _save(cast.grace, "Private")
    shared = await _save(cast.grace, "Shared", is_shared=True)
    adas = await _save(cast.ada, "Ada's", is_shared=True)

    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        not_yours = await _refused(cast.grace, method, f"/views/{adas['id']}", body)
        assert not_yours == (403, "view.not_yours")
        unseen = await _refused(cast.ada, method, f"/views/{own['id']}", body)
        assert unseen == (404, "view.not_found")
        assert (await _refused(cast.vic, method, f"/views/{shared['id']}", body))[0] == 403
        assert (await _refused(cast.bob, method, f"/views/{shared['id']}", body))[0] == 404
    renamed = await cast.ada.patch(f"/views/{shared['id']}", {"name": "Better"})
    assert (renamed["name"], renamed["owner_id"]) == ("Better", cast.grace.id)
    await cast.ada.delete(f"/views/{shared['id']}")
    assert await _names(cast.grace) == ["Ada's", "Private"]


async def test_a_viewer_with_a_key_saves_nothing(cast: Cast) -> None:
    refused = await _refused(cast.vic, "POST", "/views", {"name": "x", "query": {}})

    assert refused == (403, "permission.missing")


async def test_a_name_is_taken_once_by_each_person(cast: Cast) -> None:
    first = await _save(cast.ada, "Große Dinge")
    second = await _save(cast.ada, "Other")
    await _save(cast.grace, "Große Dinge")
    body = {"name": " GROSSE  dinge ", "query": {}}

    assert await _refused(cast.ada, "POST", "/views", body) == (409, "view.taken")
    taken = await _refused(cast.ada, "PATCH", f"/views/{second['id']}", {"name": "große dinge"})
    assert taken == (409, "view.taken")
    assert (await cast.ada.patch(f"/views/{first['id']}", {"name": "GROSSE DINGE"}))["version"] == 2
    assert await _names(cast.ada) == ["GROSSE DINGE", "Other"]


async def test_views_come_in_pages_by_name(cast: Cast) -> None:
    for name in ("b", "A", "é", "c", "B2"):
        await _save(cast.ada, name)
        await _save(cast.grace, name, is_shared=True)

    walked, cursor = [], {}
    while cursor is not None:
        page = await cast.ada.get("/views", limit=3, **cursor)
        walked += [one["name"] for one in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None

    assert walked == ["A", "A", "b", "b", "B2", "B2", "c", "c", "é", "é"]
    refused = await cast.ada.call("GET", "/views", params={"cursor": "x"})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "bug"}, {"cursor": "x"}, {"limit": 5}, {"explain": True}, {"status": ["open"]},
        {"status": "todo"}, {"priority": ["urgent"]}, {"project": ["api"]}, {"repository": "a"},
        {"ready": "yes"}, {"due_from": "soon"}, {"updated_since": "2026-01-01T00:00:00"},
        {"sort": "best"}, {"q": "x" * 201}, {"q": "\x00"}, {"label": [""]}, {"label": ["\x00"]},
        {"field": ["x\x00"]}, {"assignee": "x" * 41}, {"created_by": "me"}, [], None, "status=todo",
    ],
)  # fmt: skip
async def test_a_query_that_no_list_takes_is_refused(ada: Person, query: Any) -> None:
    view = await _save(ada)

    created = await _refused(ada, "POST", "/views", {"name": "x", "query": query})
    changed = await _refused(ada, "PATCH", f"/views/{view['id']}", {"query": query})

    assert created == changed
    assert created in {(400, "request.invalid"), (400, "request.malformed")}
    assert await ada.get(f"/views/{view['id']}") == view


@pytest.mark.parametrize("name", ["assignee", "parent"])
async def test_a_nul_in_a_query_is_refused(ada: Person, name: str) -> None:
    answer = await ada.call("POST", "/views", json={"name": "x", "query": {name: "a\x00"}})

    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize("query", [{"assignee": "grace"}, {"parent": "no key"}, {"field": ["=1"]}])
async def test_a_query_that_a_list_would_refuse_is_not_saved(ada: Person, query: Any) -> None:
    listed = await ada.call("GET", "/tasks", params=query)

    saved = await ada.call("POST", "/views", json={"name": "x", "query": query})

    assert listed.is_client_error
    assert saved.is_client_error, saved.text


@pytest.mark.parametrize("body", [{"name": ""}, {"query": {}}, {"name": "x"}, {"name": "\n"}])
async def test_a_view_needs_a_name_and_a_query(ada: Person, body: Any) -> None:
    assert await _refused(ada, "POST", "/views", body) == (400, "request.invalid")
    assert await _refused(ada, "GET", f"/views/{uuid4()}") == (404, "view.not_found")
