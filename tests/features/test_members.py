"""Members over HTTP: their roles, their leaving, and the owner who has to remain."""

import asyncio
from uuid import uuid4

import httpx2 as httpx
import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.actor import Role
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.people import Browser, a_member, joined, signed_in


async def test_members_are_listed_with_their_roles(cast: Cast) -> None:
    page = await cast.vic.get("/users")

    listed = [(one["id"], one["handle"], one["role"], one["is_owner"]) for one in page["items"]]
    assert listed == [
        (cast.ada.id, "ada", "admin", True),
        (cast.grace.id, "grace", "developer", False),
        (cast.vic.id, "vic", "viewer", False),
    ]
    assert page["items"][1]["email"] == cast.grace.user.email
    assert page["next_cursor"] is None
    one = await cast.vic.call("GET", f"/users/{cast.grace.id}")
    assert one.json() == page["items"][1]
    assert one.headers["etag"] == '"1"'


async def test_the_list_of_members_comes_in_pages(cast: Cast) -> None:
    everybody = (await cast.ada.get("/users"))["items"]

    first = await cast.ada.call("GET", "/users", params={"limit": 2})
    rest = await cast.ada.get("/users", limit=2, cursor=first.json()["next_cursor"])

    assert first.json()["items"] + rest["items"] == everybody
    assert rest["next_cursor"] is None
    assert 'rel="next"' in first.headers["link"]
    next_path = first.headers["link"].partition(">")[0].removeprefix("</api/v1")
    assert (await cast.ada.call("GET", next_path)).json() == rest


async def test_members_of_another_workspace_do_not_exist(cast: Cast) -> None:
    path = f"/users/{cast.grace.id}"

    refused = [
        await cast.bob.call("GET", path),
        await cast.bob.call("PATCH", path, json={"role": "viewer"}),
        await cast.bob.call("DELETE", path),
        await cast.bob.call("GET", f"/users/{uuid4()}"),
    ]

    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (404, "member.not_found")
    ] * 4
    assert (await cast.ada.get(path))["role"] == "developer"


async def test_an_admin_changes_a_role(database: Database, app: Nexus, cast: Cast) -> None:
    path = f"/users/{cast.grace.id}"
    browser = await signed_in(database, app, cast.grace.user)
    body = {"role": "developer"}
    assert (await browser.call("PATCH", f"/users/{cast.vic.id}", json=body)).status_code == 403

    changed = await cast.ada.patch(path, {"role": "admin"}, **{"If-Match": '"1"'})

    assert (changed["role"], changed["is_owner"], changed["version"]) == ("admin", False, 2)
    assert await cast.ada.get(path) == changed
    event = await cast.ada.last_event()
    assert (event["name"], event["subject"]) == ("member.updated", f"member:{cast.grace.id}")
    assert event["payload"]["changes"] == {"role": ["developer", "admin"]}
    assert (await browser.call("PATCH", f"/users/{cast.vic.id}", json=body)).status_code == 200


async def test_giving_the_role_somebody_has_changes_nothing(cast: Cast) -> None:
    event = await cast.ada.last_event()

    same = await cast.ada.patch(f"/users/{cast.grace.id}", {"role": "developer"})

    assert same["version"] == 1
    assert await cast.ada.last_event() == event


async def test_a_role_is_not_changed_from_a_stale_version(cast: Cast) -> None:
    path = f"/users/{cast.grace.id}"
    await cast.ada.patch(path, {"role": "viewer"})

    stale = await cast.ada.call("PATCH", path, json={"role": "admin"}, headers={"If-Match": '"1"'})

    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert (await cast.ada.get(path))["role"] == "viewer"


async def test_who_is_no_admin_changes_and_removes_nobody(cast: Cast) -> None:
    for person in (cast.grace, cast.vic):
        refused = [
            await person.call("PATCH", f"/users/{person.id}", json={"role": "admin"}),
            await person.call("DELETE", f"/users/{cast.ada.id}"),
        ]
        assert [one.status_code for one in refused] == [403, 403]

    assert len((await cast.ada.get("/users"))["items"]) == 3


async def test_only_an_owner_makes_and_unmakes_owners(
    database: Database, app: Nexus, cast: Cast
) -> None:
    grace, ada = f"/users/{cast.grace.id}", f"/users/{cast.ada.id}"
    await cast.ada.patch(grace, {"role": "admin"})
    browser = await signed_in(database, app, cast.grace.user)

    refused = [
        await browser.call("PATCH", grace, json={"is_owner": True}),
        await browser.call("PATCH", ada, json={"is_owner": False}),
        await browser.call("DELETE", ada),
    ]

    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (403, "member.owners_only")
    ] * 3
    made = await cast.ada.patch(grace, {"is_owner": True})
    assert made["is_owner"]
    unmade = await browser.call("PATCH", ada, json={"is_owner": False, "role": "developer"})
    assert (unmade.json()["role"], unmade.json()["is_owner"]) == ("developer", False)


async def test_a_promotion_widens_no_key_that_was_made_before(
    cast: Cast,
) -> None:
    await cast.ada.patch(f"/users/{cast.grace.id}", {"role": "admin"})

    refused = await cast.grace.call("PATCH", f"/users/{cast.vic.id}", json={"role": "admin"})

    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
    assert (await cast.grace.get("/me"))["actor"]["role"] == "admin"


@pytest.mark.parametrize("role", ["developer", "viewer"])
async def test_an_owner_is_an_admin(cast: Cast, role: str) -> None:
    grace = f"/users/{cast.grace.id}"

    made = await cast.ada.call("PATCH", grace, json={"is_owner": True, "role": role})
    demoted = await cast.ada.call("PATCH", f"/users/{cast.ada.id}", json={"role": role})

    for refused in (made, demoted):
        assert (refused.status_code, refused.json()["code"]) == (422, "member.owner_without_admin")
    assert not (await cast.ada.get(grace))["is_owner"]


async def test_the_last_owner_is_not_demoted_or_removed_and_does_not_leave(
    database: Database, app: Nexus, cast: Cast
) -> None:
    browser = await signed_in(database, app, cast.ada.user)
    path = f"/users/{cast.ada.id}"

    refused = [
        await cast.ada.call("PATCH", path, json={"is_owner": False}),
        await cast.ada.call("PATCH", path, json={"is_owner": False, "role": "viewer"}),
        await cast.ada.call("DELETE", path),
        await browser.call("DELETE", "/me/membership"),
    ]

    assert [(one.status_code, one.json()["code"]) for one in refused] == [
        (409, "member.last_owner")
    ] * 4
    assert (await cast.ada.get(path))["is_owner"]
    await cast.ada.patch(f"/users/{cast.grace.id}", {"role": "admin", "is_owner": True})
    assert (await browser.call("DELETE", "/me/membership")).status_code == 204


@pytest.mark.parametrize("how", ["demote", "remove", "leave"])
async def test_two_owners_at_the_same_moment_leave_one_owner(
    database: Database, app: Nexus, cast: Cast, how: str
) -> None:
    ada, grace = cast.ada, cast.grace
    await ada.patch(f"/users/{grace.id}", {"role": "admin", "is_owner": True})
    browsers = [await signed_in(database, app, person.user) for person in (ada, grace)]

    answers = await asyncio.gather(
        an_end(how, by=browsers[0], of=grace), an_end(how, by=browsers[1], of=ada)
    )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] in {200, 204}, statuses
    assert statuses[1] in {403, 404, 409, 422}, statuses
    members = (await cast.vic.get("/users"))["items"]
    assert sum(member["is_owner"] for member in members) == 1


async def test_leaving_needs_a_session_and_no_rights(
    database: Database, app: Nexus, cast: Cast
) -> None:
    browser = await signed_in(database, app, cast.vic.user)

    by_key = await cast.vic.call("DELETE", "/me/membership")
    left = await browser.call("DELETE", "/me/membership")

    assert (by_key.status_code, left.status_code) == (403, 204)
    assert cast.vic.id not in {one["id"] for one in (await cast.ada.get("/users"))["items"]}
    event = await cast.ada.last_event()
    assert (event["name"], event["subject"]) == ("member.removed", f"member:{cast.vic.id}")
    assert event["actor"]["id"] == cast.vic.id


async def test_a_removed_members_keys_and_sessions_stop_at_once(
    database: Database, app: Nexus, cast: Cast
) -> None:
    browser = await signed_in(database, app, cast.grace.user)
    assert (await browser.call("GET", "/projects")).status_code == 200
    assert (await cast.grace.call("GET", "/projects")).status_code == 200

    await cast.ada.delete(f"/users/{cast.grace.id}")

    by_key = await cast.grace.call("GET", "/projects")
    assert (by_key.status_code, by_key.json()["code"]) == (401, "authentication.refused")
    workspace = {"X-Nexus-Workspace": str(cast.ada.workspace_id)}
    assert (await browser.call("GET", "/projects")).status_code == 422
    assert (await browser.call("GET", "/projects", headers=workspace)).status_code == 404
    assert (await browser.get("/me"))["workspaces"] == []
    assert (await cast.ada.call("GET", f"/users/{cast.grace.id}")).status_code == 404
    assert (await cast.ada.call("DELETE", f"/users/{cast.grace.id}")).status_code == 404


async def test_a_demoted_members_key_and_session_lose_their_rights_at_once(
    database: Database, app: Nexus, cast: Cast
) -> None:
    browser = await signed_in(database, app, cast.grace.user)
    await cast.grace.a_project("ONE")

    await cast.ada.patch(f"/users/{cast.grace.id}", {"role": "viewer"})

    body = {"key": "TWO", "name": "Two"}
    refused = [
        await cast.grace.call("POST", "/projects", json=body),
        await browser.call("POST", "/projects", json=body),
    ]
    assert [one.status_code for one in refused] == [403, 403]
    assert "tasks:write" not in (await cast.grace.get("/me"))["actor"]["permissions"]
    assert [one["key"] for one in (await cast.grace.get("/projects"))["items"]] == ["ONE"]


async def test_who_comes_back_is_the_same_actor_in_the_new_role(
    database: Database, cast: Cast
) -> None:
    await cast.ada.delete(f"/users/{cast.grace.id}")

    member_id = await joined(database, cast.ada, cast.grace.user, Role.VIEWER)

    back = await cast.ada.get(f"/users/{cast.grace.id}")
    assert member_id == back["id"] == cast.grace.id
    assert (back["role"], back["handle"]) == ("viewer", "grace")


async def test_a_key_from_before_the_removal_stays_dead_when_its_owner_comes_back(
    database: Database, cast: Cast
) -> None:
    await cast.ada.delete(f"/users/{cast.grace.id}")

    await joined(database, cast.ada, cast.grace.user)

    assert (await cast.grace.call("GET", "/projects")).status_code == 401


async def test_members_of_one_name_get_handles_of_their_own(database: Database, cast: Cast) -> None:
    await a_member(database, cast.ada, password=None)

    await a_member(database, cast.ada, password=None)

    handles = {one["handle"] for one in (await cast.ada.get("/users"))["items"]}
    assert handles == {"ada", "grace", "lin", "lin-2", "vic"}


async def an_end(how: str, *, by: Browser, of: Person) -> httpx.Response:
    """What one owner does to end the ownership of another, or their own."""
    if how == "demote":
        return await by.call("PATCH", f"/users/{of.id}", json={"is_owner": False})
    if how == "remove":
        return await by.call("DELETE", f"/users/{of.id}")
    return await by.call("DELETE", "/me/membership")
