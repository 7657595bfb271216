"""Workspaces over HTTP: who makes one, who renames it and who sees it."""

from uuid import uuid4

import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.database import Database
from nexus.platform.settings import HttpSettings, IdentitySettings, Settings
from tests.cast import API, Cast, Person
from tests.features.people import a_client, an_account, signed_in


async def test_any_signed_in_user_makes_a_workspace_and_owns_it(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database, password=None)
    browser = await signed_in(database, app, user)

    created = await browser.call("POST", "/workspaces", json={"name": " Analytical  Engine "})

    assert created.status_code == 201, created.text
    joined = created.json()
    assert joined["role"] == "admin"
    me = await browser.get("/me")
    assert me["workspace_id"] == joined["workspace_id"]
    assert (me["actor"]["id"], me["actor"]["is_owner"]) == (joined["actor_id"], True)
    workspace = await browser.get(f"/workspaces/{joined['workspace_id']}")
    assert (workspace["name"], workspace["version"]) == ("Analytical Engine", 1)
    events = (await browser.get("/events"))["items"]
    assert [event["name"] for event in events] == ["workspace.created", "member.joined"]
    assert {event["actor"]["id"] for event in events} == {joined["actor_id"]}


async def test_a_member_of_one_workspace_makes_a_second_and_is_in_both(
    database: Database, app: Nexus, cast: Cast
) -> None:
    browser = await signed_in(database, app, cast.vic.user)

    created = await browser.call("POST", "/workspaces", json={"name": "Vic's own"})

    assert created.status_code == 201, created.text
    memberships = (await browser.get("/me"))["workspaces"]
    roles = {one["workspace_id"]: (one["role"], one["is_owner"]) for one in memberships}
    assert roles == {
        str(cast.vic.workspace_id): ("viewer", False),
        created.json()["workspace_id"]: ("admin", True),
    }
    assert len((await cast.ada.get("/users"))["items"]) == 3


async def test_a_developers_key_makes_a_workspace_and_a_viewers_does_not(cast: Cast) -> None:
    body = {"name": "By key"}

    refused = await cast.vic.call("POST", "/workspaces", json=body)

    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
    made = await cast.grace.post("/workspaces", body)
    assert made["workspace_id"] != str(cast.grace.workspace_id)
    memberships = (await cast.grace.get("/me"))["workspaces"]
    assert made["workspace_id"] in {one["workspace_id"] for one in memberships}


async def test_where_the_operator_closed_it_nobody_makes_a_workspace(
    database: Database, ada: Person
) -> None:
    identity = IdentitySettings(anyone_creates_workspaces=False)
    closed = Nexus(database, Settings(http=HttpSettings(), identity=identity))
    browser = await signed_in(database, closed, ada.user)

    by_session = await browser.call("POST", "/workspaces", json={"name": "Mine"})
    key = {"Authorization": f"Bearer {ada.key}"}
    by_key = await a_client(closed).post(f"{API}/workspaces", json={"name": "Mine"}, headers=key)

    for refused in (by_session, by_key):
        assert (refused.status_code, refused.json()["code"]) == (403, "workspace.creation_closed")
    assert len((await ada.get("/me"))["workspaces"]) == 1


async def test_without_a_credential_nobody_makes_a_workspace(app: Nexus) -> None:
    refused = await a_client(app).post(f"{API}/workspaces", json={"name": "Mine"})

    assert refused.status_code == 401


async def test_an_admin_renames_the_workspace(ada: Person) -> None:
    path = f"/workspaces/{ada.workspace_id}"
    before = await ada.call("GET", path)

    renamed = await ada.call("PATCH", path, json={"name": "  Difference   Engine "})

    assert renamed.status_code == 200
    assert (renamed.json()["name"], renamed.json()["version"]) == ("Difference Engine", 2)
    assert (before.headers["etag"], renamed.headers["etag"]) == ('"1"', '"2"')
    assert await ada.get(path) == renamed.json()
    event = await ada.last_event()
    assert event["name"] == "workspace.updated"
    assert event["payload"]["changes"] == {"name": ["Ada's workspace", "Difference Engine"]}


async def test_renaming_to_the_same_name_changes_nothing(ada: Person) -> None:
    path = f"/workspaces/{ada.workspace_id}"
    before, event = await ada.get(path), await ada.last_event()

    same = await ada.patch(path, {"name": before["name"]})
    nothing = await ada.patch(path, {})

    assert same == nothing == before
    assert await ada.last_event() == event


async def test_renaming_needs_an_admin(cast: Cast) -> None:
    path = f"/workspaces/{cast.ada.workspace_id}"

    refused = [
        await person.call("PATCH", path, json={"name": "Ours"}) for person in (cast.grace, cast.vic)
    ]

    assert [answer.status_code for answer in refused] == [403, 403]
    assert (await cast.vic.get(path))["name"] == "Ada's workspace"


async def test_a_stale_version_changes_nothing(ada: Person) -> None:
    path = f"/workspaces/{ada.workspace_id}"
    await ada.patch(path, {"name": "Second"}, **{"If-Match": '"1"'})

    stale = await ada.call("PATCH", path, json={"name": "Third"}, headers={"If-Match": '"1"'})

    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert stale.json()["details"]["current"] == 2
    assert (await ada.get(path))["name"] == "Second"
    renamed = await ada.patch(path, {"name": "Third"}, **{"If-Match": '"2"'})
    assert renamed["version"] == 3


async def test_an_if_match_that_names_no_version_is_refused(ada: Person) -> None:
    path = f"/workspaces/{ada.workspace_id}"

    refused = await ada.call("PATCH", path, json={"name": "X"}, headers={"If-Match": "latest"})

    assert refused.status_code == 400
    assert (await ada.get(path))["version"] == 1


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "n" * 101, None])
async def test_a_workspace_has_a_name_that_can_be_read(ada: Person, name: str | None) -> None:
    made = await ada.call("POST", "/workspaces", json={"name": name})
    renamed = await ada.call("PATCH", f"/workspaces/{ada.workspace_id}", json={"name": name})

    assert (made.status_code, renamed.status_code) == (400, 400)
    assert len((await ada.get("/me"))["workspaces"]) == 1


async def test_the_workspace_of_others_does_not_exist(cast: Cast) -> None:
    for workspace_id in (cast.ada.workspace_id, uuid4()):
        path = f"/workspaces/{workspace_id}"

        looked = await cast.bob.call("GET", path)
        renamed = await cast.bob.call("PATCH", path, json={"name": "Bob's too"})

        for refused in (looked, renamed):
            assert (refused.status_code, refused.json()["code"]) == (404, "workspace.not_found")
    assert (await cast.ada.get(f"/workspaces/{cast.ada.workspace_id}"))["version"] == 1
