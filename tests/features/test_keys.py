"""API keys over HTTP: they are made, limited by scopes, shown once and seen by few."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from nexus.entrypoints.credentials import Credentials
from nexus.entrypoints.http import Nexus
from nexus.features.keys.tables import ApiKeyRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.http.authentication import CredentialRefused, Presented
from nexus.platform.rows import IdempotencyKeyRow
from nexus.platform.secrets import digest
from tests.cast import API, Cast, Person
from tests.features.people import REFUSED, a_client, keys_of, refusal, show, signed_in


async def test_a_key_names_itself_and_shows_its_secret_once(
    database: Database, app: Nexus, ada: Person
) -> None:
    new = await ada.post("/keys", {"name": "  My   laptop "})

    prefix, secret = parts(new["secret"])
    key = new["key"]
    assert (key["name"], key["prefix"], key["actor_id"]) == ("My laptop", prefix, ada.id)
    assert (key["expires_at"], key["last_used_at"], key["revoked_at"]) == (None, None, None)
    for path in ("/keys", f"/keys/{key['id']}"):
        assert secret not in (await ada.call("GET", path)).text
    row = await stored(database, key["id"])
    assert row.secret_digest == digest(secret)
    assert secret not in str(row)
    event = await ada.last_event()
    assert (event["name"], event["subject"]) == ("key.created", f"key:{key['id']}")
    assert event["payload"]["prefix"] == prefix
    assert secret not in str(event)
    me = await show(app, new["secret"], "/me")
    assert me.json()["actor"]["id"] == ada.id


async def test_a_key_without_scopes_may_do_what_its_maker_may(app: Nexus, cast: Cast) -> None:
    new = await cast.grace.post("/keys", {"name": "all"})

    me = (await show(app, new["secret"], "/me")).json()

    assert new["key"]["scopes"] == me["actor"]["permissions"]
    assert me["actor"]["permissions"] == (await cast.grace.get("/me"))["actor"]["permissions"]
    assert "tasks:write" in me["actor"]["permissions"]
    assert "users:write" not in me["actor"]["permissions"]


async def test_scopes_limit_what_a_key_may_do(app: Nexus, ada: Person) -> None:
    new = await ada.post("/keys", {"name": "reader", "scopes": ["projects:read", "tasks:read"]})
    key = new["secret"]

    looked = await show(app, key, "/projects")
    refused = [
        await show(app, key, "/projects", "POST", json={"key": "WEB", "name": "Web"}),
        await show(app, key, "/users"),
        await show(app, key, "/keys", "POST", json={"name": "more"}),
    ]

    assert looked.status_code == 200
    assert [refusal(one) for one in refused] == [(403, "permission.missing")] * 3
    assert (await show(app, key, "/me")).json()["actor"]["permissions"] == [
        "projects:read",
        "tasks:read",
    ]


async def test_a_key_has_no_more_scopes_than_its_maker(app: Nexus, cast: Cast) -> None:
    narrow = await cast.ada.post(
        "/keys", {"name": "narrow", "scopes": ["keys:write", "tasks:read"]}
    )
    body = {"name": "wide", "scopes": ["tasks:read", "tasks:write"]}

    by_role = await cast.grace.call("POST", "/keys", json={"name": "x", "scopes": ["users:write"]})
    by_key = await show(app, narrow["secret"], "/keys", "POST", json=body)
    unscoped = await show(app, narrow["secret"], "/keys", "POST", json={"name": "all"})

    assert refusal(by_role) == refusal(by_key) == (403, "key.scopes_not_yours")
    assert unscoped.json()["key"]["scopes"] == ["keys:write", "tasks:read"]


async def test_a_viewer_makes_keys_when_signed_in_and_not_by_key(
    database: Database, app: Nexus, cast: Cast
) -> None:
    browser = await signed_in(database, app, cast.vic.user)

    by_session = await browser.call("POST", "/keys", json={"name": "mine"})
    by_key = await cast.vic.call("POST", "/keys", json={"name": "mine"})

    assert by_session.status_code == 201, by_session.text
    assert by_key.status_code == 403
    key = by_session.json()["secret"]
    assert (await show(app, key, "/projects")).status_code == 200
    body = {"key": "WEB", "name": "Web"}
    assert (await show(app, key, "/projects", "POST", json=body)).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"scopes": ["tasks:destroy"]}, 422, "key.unknown_scopes"),
        ({"scopes": ["tasks:read", "root:all"]}, 422, "key.unknown_scopes"),
        ({"scopes": ["everything"]}, 400, "request.invalid"),
        ({"scopes": ["tasks:read"] * 51}, 400, "request.invalid"),
        ({"name": " "}, 400, "request.invalid"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "key.expiry_passed"),
        ({"expires_at": "2999-01-01T00:00:00"}, 400, "request.invalid"),
        ({"expires_at": "tomorrow"}, 400, "request.invalid"),
        ({"actor_id": "somebody else"}, 400, "request.invalid"),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(
    ada: Person, body: dict[str, Any], status: int, code: str
) -> None:
    before = await ada.get("/keys")

    refused = await ada.call("POST", "/keys", json={"name": "odd", **body})

    assert refusal(refused) == (status, code), refused.text
    assert await ada.get("/keys") == before


@pytest.mark.parametrize(
    "body", [{"scopes": "null"}, {"expires_at": "null"}, {"expires_at": 4102444800}]
)
async def test_a_key_is_not_made_from_values_of_another_type(
    ada: Person, body: dict[str, Any]
) -> None:
    before = await ada.get("/keys")

    refused = await ada.call("POST", "/keys", json={"name": "odd", **body})

    assert refusal(refused) == (400, "request.invalid")
    assert await ada.get("/keys") == before


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "nxs_",
        "nxs_abcdefghij",
        "nxs_abcdefghij_",
        "nxs__secret",
        "nxs_abcdefghij_secret",
        "nxs_%_secret",
        "é",
    ],
)
async def test_what_is_no_key_of_ours_is_refused(app: Nexus, text: str) -> None:
    headers = [(b"authorization", b"Bearer " + text.encode())]

    refused = await a_client(app).get(f"{API}/me", headers=headers)

    assert refusal(refused) == REFUSED


@pytest.mark.parametrize("header", ["Basic bmV4dXM6bmV4dXM=", "Bearer", "Bearer  "])
async def test_another_kind_of_credential_is_refused(app: Nexus, header: str) -> None:
    refused = await a_client(app).get(f"{API}/me", headers={"Authorization": header})

    assert refusal(refused) == REFUSED


async def test_the_last_use_is_written_in_batches(database: Database, ada: Person) -> None:
    new = await ada.post("/keys", {"name": "ci"})
    path = f"/keys/{new['key']['id']}"
    credentials = Credentials(database)
    before = now()

    caller = await credentials.identify(presented(new["secret"]))
    unwritten = await ada.get(path)
    await credentials.write_last_use()

    assert caller
    assert str(caller.credential_id) == new["key"]["id"]
    assert unwritten["last_used_at"] is None
    last_used_at = (await ada.get(path))["last_used_at"]
    assert before <= datetime.fromisoformat(last_used_at) <= now()
    await credentials.write_last_use()
    assert (await ada.get(path))["last_used_at"] == last_used_at


async def test_a_refused_use_is_no_last_use(database: Database, ada: Person) -> None:
    new = await ada.post("/keys", {"name": "ci"})
    credentials = Credentials(database)

    with pytest.raises(CredentialRefused):
        await credentials.identify(presented(new["secret"] + "x"))
    await credentials.write_last_use()

    assert (await ada.get(f"/keys/{new['key']['id']}"))["last_used_at"] is None


async def test_a_wrong_secret_says_nothing_about_the_key(app: Nexus, ada: Person) -> None:
    new = await ada.post("/keys", {"name": "lost"})
    await ada.delete(f"/keys/{new['key']['id']}")

    guessed = await show(app, f"nxs_{new['key']['prefix']}_guess")
    unknown = await show(app, "nxs_0000000000_guess")

    assert guessed.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert refusal(guessed) == REFUSED


async def test_the_keys_of_others_are_an_admins_business_alone(cast: Cast) -> None:
    hers = (await cast.grace.post("/keys", {"name": "hers"}))["key"]
    admins = (await cast.ada.post("/keys", {"name": "admin's"}))["key"]
    path = f"/keys/{admins['id']}"

    refused = [
        await cast.grace.call("GET", path),
        await cast.grace.call("DELETE", path),
        await cast.grace.call("POST", f"{path}/rotations", json={}),
        await cast.bob.call("GET", path),
        await cast.bob.call("DELETE", path),
        await cast.ada.call("POST", f"/keys/{hers['id']}/rotations", json={}),
    ]

    assert [refusal(one) for one in refused] == [(404, "key.not_found")] * 6
    assert {key["actor_id"] for key in await keys_of(cast.grace)} == {cast.grace.id}
    assert {hers["id"], admins["id"]} <= {key["id"] for key in await keys_of(cast.ada)}
    assert await cast.ada.get(f"/keys/{hers['id']}") == hers
    await cast.ada.delete(f"/keys/{hers['id']}")
    assert hers["id"] not in {key["id"] for key in await keys_of(cast.grace)}


async def test_keys_come_in_pages_newest_first(cast: Cast) -> None:
    for name in ("one", "two"):
        await cast.grace.post("/keys", {"name": name})

    first = await cast.grace.get("/keys", limit=2)
    rest = await cast.grace.get("/keys", limit=2, cursor=first["next_cursor"])

    names = [key["name"] for key in first["items"] + rest["items"]]
    assert names == ["two", "one", "test"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("what", ["creation", "rotation"])
async def test_a_repeated_request_shows_no_secret_again(
    database: Database, ada: Person, what: str
) -> None:
    old = await ada.post("/keys", {"name": "ci"})
    path = "/keys" if what == "creation" else f"/keys/{old['key']['id']}/rotations"
    body = {"name": "once"} if what == "creation" else {"overlap_s": 60}
    repeated = {"Idempotency-Key": f"key-{uuid4()}"}
    new = await ada.post(path, body, **repeated)
    before = await keys_of(ada)

    again = await ada.call("POST", path, json=body, headers=repeated)

    assert refusal(again) == (409, "idempotency.answer_withheld")
    assert await keys_of(ada) == before
    async with database.system_reading() as tx:
        query = select(IdempotencyKeyRow).where(
            IdempotencyKeyRow.key == repeated["Idempotency-Key"]
        )
        row = (await tx.execute(query)).one()
    assert (row.status, row.headers, row.body) == (201, None, None)
    assert new["secret"] not in str(row)


def presented(key: str) -> Presented:
    return Presented(key=key, session=None, workspace_id=None, address="192.0.2.1", user_agent="")


def parts(text: str) -> tuple[str, str]:
    """The prefix and the secret, of 256 bits at least."""
    found = re.fullmatch(r"nxs_([a-z0-9]{6,})_([A-Za-z0-9_-]{43,})", text)
    assert found, text
    return found[1], found[2]


async def stored(database: Database, key_id: str) -> Any:
    async with database.system_reading() as tx:
        return (await tx.execute(select(ApiKeyRow).where(ApiKeyRow.id == UUID(key_id)))).one()
