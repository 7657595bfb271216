"""Sessions are listed, ended and outlived, and a new password ends them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from nexus.entrypoints.credentials import Credentials
from nexus.entrypoints.http import Nexus
from nexus.features.identity.tables import SessionRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.http.authentication import Presented
from tests.cast import PASSWORD, Cast, Person
from tests.features.people import a_client, a_member, sign_in, signed_in

NEW_PASSWORD = "an even longer horse battery"


async def test_sessions_are_listed_with_where_they_come_from_and_without_secrets(
    database: Database, app: Nexus, ada: Person
) -> None:
    here = await signed_in(database, app, ada.user)
    there = await signed_in(database, app, ada.user)

    answer = await here.call("GET", "/sessions")

    assert answer.status_code == 200
    listed = {session["id"]: session for session in answer.json()["items"]}
    assert set(listed) == {here.session_id, there.session_id}
    assert listed[here.session_id]["is_current"]
    assert not listed[there.session_id]["is_current"]
    assert listed[there.session_id]["user_agent"] == "Lynx"
    assert here.token not in answer.text
    assert there.token not in answer.text


async def test_a_revoked_session_ends_at_once(database: Database, app: Nexus, ada: Person) -> None:
    here = await signed_in(database, app, ada.user)
    there = await signed_in(database, app, ada.user)
    assert (await there.call("GET", "/me")).status_code == 200

    revoked = await here.call("DELETE", f"/sessions/{there.session_id}")

    assert revoked.status_code == 204
    ended = await there.call("GET", "/me")
    assert (ended.status_code, ended.json()["code"]) == (401, "authentication.refused")
    listed = (await here.get("/sessions"))["items"]
    assert [session["id"] for session in listed] == [here.session_id]
    event = await ada.last_event()
    assert (event["name"], event["subject"]) == ("session.revoked", f"session:{there.session_id}")


async def test_revoking_twice_is_one_event(database: Database, app: Nexus, ada: Person) -> None:
    here = await signed_in(database, app, ada.user)
    there = await signed_in(database, app, ada.user)
    path = f"/sessions/{there.session_id}"

    answers = [await here.call("DELETE", path), await here.call("DELETE", path)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert len(await ada.events(name="session.revoked")) == 1


async def test_signing_out_ends_the_current_session_alone(
    database: Database, app: Nexus, ada: Person
) -> None:
    here = await signed_in(database, app, ada.user)
    there = await signed_in(database, app, ada.user)

    signed_out = await here.call("DELETE", "/sessions/current")

    assert signed_out.status_code == 204
    assert (await here.call("GET", "/me")).status_code == 401
    assert (await there.call("GET", "/me")).status_code == 200


async def test_the_session_of_another_user_does_not_exist(
    database: Database, app: Nexus, cast: Cast
) -> None:
    hers = await signed_in(database, app, cast.grace.user)
    owner = await signed_in(database, app, cast.ada.user)

    refused = await owner.call("DELETE", f"/sessions/{hers.session_id}")
    unknown = await owner.call("DELETE", f"/sessions/{uuid4()}")

    assert (refused.status_code, refused.json()["code"]) == (404, "session.not_found")
    assert unknown.json()["code"] == "session.not_found"
    assert (await hers.call("GET", "/me")).status_code == 200
    assert hers.session_id not in (await owner.call("GET", "/sessions")).text


async def test_what_is_no_session_id_is_refused_by_name(
    database: Database, app: Nexus, ada: Person
) -> None:
    browser = await signed_in(database, app, ada.user)

    refused = await browser.call("DELETE", "/sessions/mine")

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "session_id"


@pytest.mark.parametrize(("unused_for", "status"), [(29, 200), (31, 401)])
async def test_a_session_ends_when_it_was_not_used_for_its_lifetime(
    database: Database, app: Nexus, ada: Person, unused_for: int, status: int
) -> None:
    browser = await signed_in(database, app, ada.user)

    await last_used(database, browser.session_id, days_ago=unused_for)

    assert (await browser.call("GET", "/me")).status_code == status


async def test_the_last_use_of_a_session_is_written_in_batches(
    database: Database, app: Nexus, ada: Person
) -> None:
    browser = await signed_in(database, app, ada.user)
    await last_used(database, browser.session_id, days_ago=20)
    before = (await browser.get("/sessions"))["items"][0]
    credentials = Credentials(database)
    presented = Presented(
        key=None, session=browser.token, workspace_id=None, address="192.0.2.1", user_agent=""
    )

    caller = await credentials.identify(presented)
    unwritten = (await browser.get("/sessions"))["items"][0]
    await credentials.write_last_use()

    assert caller
    assert str(caller.session_id) == browser.session_id
    assert unwritten == before
    after = (await browser.get("/sessions"))["items"][0]
    assert after["last_used_at"] > before["last_used_at"]
    assert after["expires_at"] > before["expires_at"]


async def test_a_new_password_ends_all_other_sessions(
    database: Database, app: Nexus, ada: Person
) -> None:
    user = await a_member(database, ada)
    here = await signed_in(database, app, user)
    there = await signed_in(database, app, user)

    changed = await here.call(
        "PATCH", "/me", json={"password": NEW_PASSWORD, "current_password": PASSWORD}
    )

    assert changed.status_code == 200, changed.text
    assert (await here.call("GET", "/me")).status_code == 200
    assert (await there.call("GET", "/me")).status_code == 401
    assert (await sign_in(a_client(app), user.email, PASSWORD)).status_code == 401
    assert (await sign_in(a_client(app), user.email, NEW_PASSWORD)).status_code == 201
    [event] = await ada.events(name="user.password_changed")
    assert event["subject"] == f"user:{user.id}"


@pytest.mark.parametrize("current", [{}, {"current_password": "a guess at it"}])
async def test_a_new_password_needs_the_current_one(
    database: Database, app: Nexus, ada: Person, current: dict[str, str]
) -> None:
    user = await a_member(database, ada)
    here = await signed_in(database, app, user)
    there = await signed_in(database, app, user)

    refused = await here.call(
        "PATCH", "/me", json={"name": "Eve", "password": NEW_PASSWORD, **current}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "user.password_wrong")
    assert refused.json()["errors"][0]["field"] == "current_password"
    assert (await there.get("/me"))["user"]["name"] == user.name
    assert (await sign_in(a_client(app), user.email, PASSWORD)).status_code == 201


async def test_a_password_has_ten_characters_at_least(
    database: Database, app: Nexus, ada: Person
) -> None:
    user = await a_member(database, ada)
    browser = await signed_in(database, app, user)

    refused = await browser.call(
        "PATCH", "/me", json={"password": "short one", "current_password": PASSWORD}
    )

    assert refused.status_code == 400
    assert (await sign_in(a_client(app), user.email, PASSWORD)).status_code == 201


async def test_a_new_name_is_the_one_that_others_see(
    database: Database, app: Nexus, ada: Person
) -> None:
    browser = await signed_in(database, app, ada.user)

    renamed = await browser.call("PATCH", "/me", json={"name": "  Ada   Lovelace "})

    assert renamed.json()["user"]["name"] == "Ada Lovelace"
    assert (await browser.get("/me"))["user"]["name"] == "Ada Lovelace"
    assert (await ada.get(f"/users/{ada.id}"))["name"] == "Ada Lovelace"


async def last_used(database: Database, session_id: str, *, days_ago: int) -> None:
    async with database.system() as tx:
        await tx.execute(
            update(SessionRow)
            .where(SessionRow.id == UUID(session_id))
            .values(last_used_at=now() - timedelta(days=days_ago))
        )
