"""Repositories over HTTP: they are added, changed, archived, and linked to projects."""

import pytest

from tests.cast import Cast, Person

API_REPOSITORY = {"name": "acme/api", "url": "https://github.com/acme/api"}


async def _status(person: Person, method: str, path: str) -> int:
    return (await person.call(method, path)).status_code


async def test_a_repository_is_added_by_a_developer(cast: Cast) -> None:
    created = await cast.grace.post(
        "/repositories",
        {"name": " acme/api ", "url": "https://github.com/acme/api/", "default_branch": "trunk"},
    )

    fetched = await cast.vic.get(f"/repositories/{created['id']}")

    assert fetched == created
    assert (created["name"], created["url"]) == ("acme/api", "https://github.com/acme/api")
    assert (created["provider"], created["default_branch"]) == ("github", "trunk")
    assert (created["version"], created["archived_at"]) == (1, None)
    event = await cast.ada.last_event()
    assert (event["name"], event["subject"]) == (
        "repository.created",
        f"repository:{created['id']}",
    )
    assert event["payload"]["title"] == "acme/api"


@pytest.mark.parametrize(
    "twin",
    [
        API_REPOSITORY | {"url": "https://github.com/acme/other"},
        API_REPOSITORY | {"name": "ACME/Api", "url": "https://github.com/acme/other"},
        API_REPOSITORY | {"name": "other"},
        API_REPOSITORY | {"name": "other", "url": "https://github.com/acme/api/"},
    ],
)
async def test_a_name_or_url_that_is_taken_is_refused(cast: Cast, twin: dict[str, str]) -> None:
    await cast.ada.post("/repositories", API_REPOSITORY)
    second = await cast.ada.post("/repositories", {"name": "web", "url": "https://x.test/web"})

    created = await cast.ada.call("POST", "/repositories", json=twin)
    updated = await cast.ada.call("PATCH", f"/repositories/{second['id']}", json=twin)

    for refused in (created, updated):
        assert (refused.status_code, refused.json()["code"]) == (409, "repository.taken")
    assert await cast.ada.get(f"/repositories/{second['id']}") == second
    await cast.bob.post("/repositories", API_REPOSITORY)


@pytest.mark.parametrize(
    "url", ["", "acme/api", "ftp://x.test/a", "javascript:alert(1)", "https://x.test/a b"]
)
async def test_a_url_that_leads_to_no_repository_is_refused(ada: Person, url: str) -> None:
    refused = await ada.call("POST", "/repositories", json={"name": "a", "url": url})

    assert refused.status_code == 400
    assert "url" in refused.json()["detail"]
    assert (await ada.get("/repositories"))["items"] == []


async def test_a_repository_is_reached_over_ssh_too(ada: Person) -> None:
    url = "git@github.com:acme/api.git"

    created = await ada.post("/repositories", {"name": "a", "url": url, "provider": "gitlab"})

    assert (created["url"], created["provider"]) == (url, "gitlab")


async def test_every_field_of_a_repository_is_changed_and_recorded(ada: Person) -> None:
    created = await ada.post("/repositories", API_REPOSITORY)
    edit = {"name": "acme/core", "url": "https://x.test/core", "default_branch": "trunk"}

    changed = await ada.patch(f"/repositories/{created['id']}", edit)

    assert changed == created | edit | {"version": 2}
    event = await ada.last_event()
    assert event["name"] == "repository.updated"
    assert event["payload"]["changes"] == {
        "name": ["acme/api", "acme/core"],
        "url": ["https://github.com/acme/api", "https://x.test/core"],
        "default_branch": ["main", "trunk"],
    }


async def test_a_change_of_a_repository_that_changes_nothing_is_silent(ada: Person) -> None:
    created = await ada.post("/repositories", API_REPOSITORY)
    before = await ada.last_event()

    same = await ada.patch(f"/repositories/{created['id']}", API_REPOSITORY | {"archived": False})

    assert same == created
    assert await ada.last_event() == before


async def test_a_stale_change_of_a_repository_is_refused(ada: Person) -> None:
    created = await ada.post("/repositories", API_REPOSITORY)
    path = f"/repositories/{created['id']}"
    await ada.patch(path, {"name": "second"}, **{"If-Match": '"1"'})

    refused = await ada.call("PATCH", path, json={"name": "third"}, headers={"If-Match": '"1"'})

    assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert (await ada.get(path))["name"] == "second"


async def test_an_archived_repository_leaves_the_list_and_comes_back(ada: Person) -> None:
    created = await ada.post("/repositories", API_REPOSITORY)
    path = f"/repositories/{created['id']}"

    archived = await ada.patch(path, {"archived": True})

    assert archived["archived_at"]
    assert (await ada.get("/repositories"))["items"] == []
    assert (await ada.get("/repositories", archived=True))["items"] == [archived]
    assert (await ada.patch(path, {"archived": False}))["archived_at"] is None
    assert [one["id"] for one in (await ada.get("/repositories"))["items"]] == [created["id"]]


async def test_repositories_are_listed_by_name_whatever_its_case(ada: Person) -> None:
    for number, name in enumerate(["web", "Zed", "api", "Ärger", "OPS"]):
        await ada.post("/repositories", {"name": name, "url": f"https://x.test/{number}"})

    names: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await ada.get("/repositories", limit=2, **cursor)
        names += [one["name"] for one in page["items"]]
        if not page["next_cursor"]:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert names == ["api", "OPS", "web", "Zed", "Ärger"]


async def test_a_viewer_and_another_workspace_change_no_repository(cast: Cast) -> None:
    created = await cast.ada.post("/repositories", API_REPOSITORY)
    path = f"/repositories/{created['id']}"

    viewer = await cast.vic.call("PATCH", path, json={"name": "mine"})
    viewer_adds = await cast.vic.call("POST", "/repositories", json=API_REPOSITORY)
    stranger = await cast.bob.call("PATCH", path, json={"name": "mine"})
    stranger_reads = await cast.bob.call("GET", path)

    assert [viewer.status_code, viewer_adds.status_code] == [403, 403]
    assert [stranger.status_code, stranger_reads.status_code] == [404, 404]
    assert await cast.ada.get(path) == created


async def test_repositories_are_linked_to_a_project_once_and_unlinked(ada: Person) -> None:
    await ada.a_project()
    repository = await ada.post("/repositories", {"name": "api", "url": "https://x.test/a"})
    path = f"/projects/API/repositories/{repository['id']}"

    statuses = [await _status(ada, "PUT", path) for _ in range(2)]

    assert statuses == [204, 204]
    linked = (await ada.get("/projects/API/repositories"))["items"]
    assert linked == [{key: repository[key] for key in ("id", "name", "url")}]
    statuses = [await _status(ada, "DELETE", path) for _ in range(2)]
    assert statuses == [204, 204]
    assert (await ada.get("/projects/API/repositories"))["items"] == []
    names = [one["name"] for one in await ada.events(name="project.repository_added")]
    assert len(names) == 1


async def test_a_repository_of_another_workspace_is_not_linked(cast: Cast) -> None:
    await cast.ada.a_project()
    theirs = await cast.bob.post("/repositories", {"name": "api", "url": "https://x.test/a"})

    refused = await _status(cast.ada, "PUT", f"/projects/API/repositories/{theirs['id']}")

    assert refused == 404
    assert (await cast.ada.get("/projects/API/repositories"))["items"] == []
