"""Signing in with a password, and what a session's cookie does and does not allow."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from nexus.entrypoints.http import Nexus
from nexus.features.identity.tables import SessionRow, UserRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.http.authentication import SESSION_COOKIE
from nexus.platform.rows import IdempotencyKeyRow
from nexus.platform.secrets import digest
from nexus.platform.settings import HttpSettings, Settings
from tests.cast import API, PASSWORD, Cast, Person
from tests.features.people import (
    a_client,
    a_member,
    an_account,
    an_address,
    joined,
    refusal,
    sign_in,
    signed_in,
)


async def test_a_password_is_kept_as_an_argon2id_hash_alone(database: Database) -> None:
    user = await an_account(database)

    async with database.system_reading() as tx:
        row = (await tx.execute(select(UserRow).where(UserRow.id == user.id))).one()

    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(row)


async def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(
    database: Database, app: Nexus, ada: Person
) -> None:
    user = await a_member(database, ada)
    browser = a_client(app)

    answer = await sign_in(browser, user.email)

    assert answer.status_code == 201
    first, *attributes = answer.headers["set-cookie"].split("; ")
    name, _, token = first.partition("=")
    assert name == SESSION_COOKIE
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(attributes)
    assert token not in answer.text
    assert (await browser.get(f"{API}/me")).json()["user"]["email"] == user.email
    event = await ada.last_event()
    assert event["name"] == "session.created"
    assert event["subject"] == f"session:{answer.json()['session']['id']}"


async def test_the_database_holds_only_a_digest_of_the_sessions_token(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database)
    browser = a_client(app)

    await sign_in(browser, user.email)

    async with database.system_reading() as tx:
        row = (await tx.execute(select(SessionRow).where(SessionRow.user_id == user.id))).one()
    token = browser.cookies[SESSION_COOKIE]
    assert row.token_digest == digest(token)
    assert token not in str(row)


async def test_the_cookie_is_for_https_alone_where_browsers_come_by_https(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database)
    public = Nexus(database, Settings(http=HttpSettings(public_url="https://nexus.test")))

    by_https = await sign_in(a_client(public), user.email)
    by_http = await sign_in(a_client(app), user.email)

    assert "Secure" in by_https.headers["set-cookie"].split("; ")
    assert "Secure" not in by_http.headers["set-cookie"].split("; ")


async def test_an_email_address_counts_in_any_case(database: Database, app: Nexus) -> None:
    user = await an_account(database)

    answer = await sign_in(a_client(app), user.email.upper())

    assert answer.status_code == 201


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database)
    elsewhere = await an_account(database, password=None)

    refused = [
        await sign_in(a_client(app), email, "not the password")
        for email in (user.email, an_address("nobody"), elsewhere.email)
    ]

    assert {answer.status_code for answer in refused} == {401}
    assert not any("set-cookie" in answer.headers for answer in refused)
    bodies = [answer.json() | {"request_id": ""} for answer in refused]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "session.sign_in_refused"


async def test_a_refused_sign_in_is_on_record_in_each_workspace_of_the_user(
    database: Database, app: Nexus, cast: Cast
) -> None:
    user = await a_member(database, cast.ada)
    await joined(database, cast.bob, user)

    refused = await sign_in(a_client(app), user.email, "not the password")

    assert refused.status_code == 401
    for owner in (cast.ada, cast.bob):
        event = await owner.last_event()
        assert (event["name"], event["actor"]["name"]) == ("session.refused", user.name)
        assert event["payload"]["user_id"] == str(user.id)
        assert event["payload"]["reason"] == "wrong password"
        assert event["request_id"] == refused.json()["request_id"]
        assert await owner.events(name="session.created") == []


@pytest.mark.parametrize("sent", [None, "", "guessed", "of another session"])
async def test_a_change_with_a_cookie_needs_the_csrf_token_of_that_session(
    database: Database, app: Nexus, ada: Person, sent: str | None
) -> None:
    browser = await signed_in(database, app, ada.user)
    other = await signed_in(database, app, ada.user)
    token = (await other.get("/me"))["csrf_token"] if sent == "of another session" else sent
    body = {"key": "WEB", "name": "Web"}

    headers = {} if token is None else {"X-CSRF-Token": token}
    refused = await browser.http.post(f"{API}/projects", json=body, headers=headers)

    assert refused.status_code == 403
    assert refused.json()["code"] == "authentication.csrf"
    assert (await ada.get("/projects"))["items"] == []
    headers = {"X-CSRF-Token": (await browser.get("/me"))["csrf_token"]}
    allowed = await browser.http.post(f"{API}/projects", json=body, headers=headers)
    assert allowed.status_code == 201


async def test_the_sign_in_itself_returns_the_csrf_token(database: Database, app: Nexus) -> None:
    user = await an_account(database)
    browser = a_client(app)

    answer = await sign_in(browser, user.email)

    headers = {"X-CSRF-Token": answer.json()["csrf_token"]}
    changed = await browser.patch(f"{API}/me", json={"name": "Lin Chen"}, headers=headers)
    assert changed.status_code == 200, changed.text


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://nexus.test.evil.test"])
async def test_a_sign_in_from_a_page_of_another_site_is_refused(
    database: Database, app: Nexus, origin: str
) -> None:
    user = await an_account(database)
    browser = a_client(app)

    refused = await sign_in(browser, user.email, Origin=origin)

    assert refused.status_code == 403
    assert refused.json()["code"] == "authentication.origin"
    assert "set-cookie" not in refused.headers
    assert (await sign_in(browser, user.email, Origin="http://nexus.test")).status_code == 201


async def test_a_sign_in_from_a_site_on_the_allow_list_is_taken(database: Database) -> None:
    user = await an_account(database)
    http = HttpSettings(cors_origins=("https://board.test",))
    app = Nexus(database, Settings(http=http))

    listed = await sign_in(a_client(app), user.email, Origin="https://board.test")
    unlisted = await sign_in(a_client(app), user.email, Origin="https://evil.test")

    assert (listed.status_code, unlisted.status_code) == (201, 403)


async def test_the_only_workspace_needs_no_naming(
    database: Database, app: Nexus, ada: Person
) -> None:
    browser = await signed_in(database, app, ada.user)

    me = await browser.get("/me")

    assert me["workspace_id"] == str(ada.workspace_id)
    assert me["actor"]["id"] == ada.id
    assert await browser.get("/projects") == await ada.get("/projects")


async def test_a_member_of_several_workspaces_says_which_one(
    database: Database, app: Nexus, cast: Cast
) -> None:
    await joined(database, cast.bob, cast.ada.user)
    await cast.ada.a_project("ADA")
    await cast.bob.a_project("BOB")
    browser = await signed_in(database, app, cast.ada.user)

    unnamed = await browser.call("GET", "/projects")
    hers = {"X-Nexus-Workspace": str(cast.ada.workspace_id)}
    by_header = await browser.call("GET", "/projects", headers=hers)
    by_query = await browser.get("/projects", workspace=str(cast.bob.workspace_id))

    assert unnamed.status_code == 422
    assert unnamed.json()["code"] == "workspace.not_named"
    assert [project["key"] for project in by_header.json()["items"]] == ["ADA"]
    assert [project["key"] for project in by_query["items"]] == ["BOB"]
    me = await browser.get("/me")
    assert (me["actor"], me["workspace_id"]) == (None, None)
    assert {one["workspace_id"] for one in me["workspaces"]} == {
        str(cast.ada.workspace_id),
        str(cast.bob.workspace_id),
    }


async def test_a_user_without_a_workspace_is_known_and_in_none(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database, password=None)
    browser = await signed_in(database, app, user)

    refused = [
        await browser.call("GET", "/projects"),
        await browser.call("POST", "/keys", json={"name": "mine"}),
        await browser.call("DELETE", "/me/membership"),
    ]

    assert [refusal(one) for one in refused] == [(422, "workspace.not_named")] * 3
    assert (await browser.get("/me"))["workspaces"] == []
    renamed = await browser.call("PATCH", "/me", json={"name": "Lin Chen"})
    assert (renamed.status_code, renamed.json()["actor"]) == (200, None)
    assert (await browser.call("DELETE", "/sessions/current")).status_code == 204


async def test_a_workspace_of_somebody_else_does_not_exist(
    database: Database, app: Nexus, cast: Cast
) -> None:
    browser = await signed_in(database, app, cast.ada.user)
    key = {"Authorization": f"Bearer {cast.ada.key}"}

    for named in (str(cast.bob.workspace_id), str(uuid4()), "not-an-id"):
        header = {"X-Nexus-Workspace": named}
        refused = [
            await browser.call("GET", "/projects", headers=header),
            await browser.call("GET", "/projects", params={"workspace": named}),
            await browser.call("GET", "/me", headers=header),
            await a_client(app).get(f"{API}/projects", headers=header | key),
        ]
        assert [answer.status_code for answer in refused] == [404] * 4, named

    own = {"X-Nexus-Workspace": str(cast.ada.workspace_id)}
    assert (await browser.call("GET", "/projects", headers=own)).status_code == 200
    assert (await a_client(app).get(f"{API}/projects", headers=own | key)).status_code == 200


async def test_an_api_key_is_no_session(ada: Person) -> None:
    refused = [
        await ada.call("GET", "/sessions"),
        await ada.call("DELETE", "/sessions/current"),
        await ada.call("PATCH", "/me", json={"name": "Eve"}),
    ]

    assert [answer.status_code for answer in refused] == [403] * 3
    me = await ada.get("/me")
    assert (me["csrf_token"], me["user"]["name"]) == (None, "Ada")


async def test_without_a_credential_nothing_is_answered(app: Nexus) -> None:
    refused = await a_client(app).get(f"{API}/me")

    assert (refused.status_code, refused.json()["code"]) == (401, "authentication.required")
    assert refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("neighbour", ["theme=dark", 'prefs={"x":1}', "flag", "name=b c"])
async def test_cookies_of_other_programs_on_the_host_sign_nobody_out(
    database: Database, app: Nexus, ada: Person, neighbour: str
) -> None:
    browser = await signed_in(database, app, ada.user)

    cookies = {"Cookie": f"{neighbour}; {SESSION_COOKIE}={browser.token}"}
    answer = await a_client(app).get(f"{API}/me", headers=cookies)

    assert answer.status_code == 200, answer.text


async def test_a_sign_in_is_never_stored_under_an_idempotency_key(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database)
    key = f"sign-in-{uuid4()}"

    answers = [
        await sign_in(a_client(app), user.email, **{"Idempotency-Key": key}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["csrf_token"] != answers[1].json()["csrf_token"]
    async with database.system_reading() as tx:
        stored = await tx.execute(
            select(func.count()).select_from(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key)
        )
        assert stored.scalar_one() == 0


async def test_signing_in_again_beside_a_session_stores_no_answer_either(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database)
    browser = await signed_in(database, app, user)
    key = {"Idempotency-Key": f"again-{uuid4()}"}
    body = {"email": user.email, "password": PASSWORD}

    first = await browser.call("POST", "/sessions", json=body, headers=key)
    token = browser.http.cookies.get(SESSION_COOKIE, domain="nexus.test")
    cookie = {"Cookie": f"{SESSION_COOKIE}={browser.token}"}
    again = await browser.call("POST", "/sessions", json=body, headers=key | cookie)

    assert first.status_code == 201, first.text
    assert (again.status_code, again.json()["code"]) == (409, "idempotency.answer_withheld")
    async with database.system_reading() as tx:
        query = select(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key["Idempotency-Key"])
        row = (await tx.execute(query)).one()
    assert (row.body, row.headers) == (None, None)
    assert str(token) not in str(row)


async def test_a_stored_answer_holds_no_csrf_token(
    database: Database, app: Nexus, ada: Person
) -> None:
    browser = await signed_in(database, app, ada.user)
    secret = (await browser.get("/me"))["csrf_token"]
    key = f"rename-{uuid4()}"

    renamed = await browser.call(
        "PATCH", "/me", json={"name": "Ada L."}, headers={"Idempotency-Key": key}
    )

    assert renamed.status_code == 200
    async with database.system_reading() as tx:
        query = select(IdempotencyKeyRow).where(IdempotencyKeyRow.key == key)
        row = (await tx.execute(query)).one()
    assert secret not in str(row.body)


async def test_an_ended_session_does_not_stand_in_the_way_of_a_new_one(
    database: Database, app: Nexus
) -> None:
    user = await an_account(database)
    browser = await signed_in(database, app, user)
    async with database.system() as tx:
        await tx.execute(
            update(SessionRow).where(SessionRow.user_id == user.id).values(revoked_at=now())
        )

    assert (await browser.call("GET", "/me")).status_code == 401
    assert (await sign_in(browser.http, user.email)).status_code == 201


async def test_signing_in_over_a_live_session_needs_no_csrf_token(
    database: Database, app: Nexus
) -> None:
    user, other = await an_account(database), await an_account(database, password=None)
    browser = await signed_in(database, app, other)

    elsewhere = await sign_in(browser.http, user.email, Origin="https://evil.test")
    answer = await sign_in(browser.http, user.email)

    assert (elsewhere.status_code, answer.status_code) == (403, 201)
