"""Invitations over HTTP: somebody is invited, and takes the place once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import select, update

from nexus.entrypoints.http import Nexus
from nexus.features.workspaces.tables import InvitationRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.secrets import digest
from tests.cast import API, PASSWORD, Cast, Person
from tests.features.people import a_client, an_account, an_address, refusal, sign_in, signed_in

NOT_USABLE = (409, "invitation.not_usable")


async def test_an_invitation_shows_its_token_once(database: Database, ada: Person) -> None:
    email = an_address("hedy")

    new = await ada.post("/users", {"email": email, "role": "viewer"})

    invitation, token = new["invitation"], new["token"]
    assert (invitation["email"], invitation["role"]) == (email, "viewer")
    assert (invitation["invited_by"], invitation["github_login"]) == (ada.id, None)
    assert new["link"].endswith(f"/join#{token}")
    listed = await ada.call("GET", "/invitations")
    assert listed.json()["items"] == [invitation]
    assert token not in listed.text
    async with database.system_reading() as tx:
        query = select(InvitationRow).where(InvitationRow.id == UUID(invitation["id"]))
        row = (await tx.execute(query)).one()
    assert row.token_digest == digest(token)
    assert token not in str(row)
    event = await ada.last_event()
    assert (event["name"], event["subject"]) == (
        "invitation.created",
        f"invitation:{invitation['id']}",
    )
    assert token not in str(event)


async def test_accepting_makes_an_account_and_a_member(app: Nexus, ada: Person) -> None:
    email = an_address("hedy")
    new = await ada.post("/users", {"email": email, "role": "developer"})

    accepted = await accept(app, new["token"], name=" Hedy  Lamarr ", password=PASSWORD)

    assert accepted.status_code == 201, accepted.text
    joined = accepted.json()
    assert (joined["workspace_id"], joined["role"]) == (str(ada.workspace_id), "developer")
    member = await ada.get(f"/users/{joined['actor_id']}")
    assert (member["email"], member["name"]) == (email, "Hedy Lamarr")
    assert (member["handle"], member["is_owner"]) == ("hedy-lamarr", False)
    assert (await ada.get("/invitations"))["items"] == []
    names = [event["name"] for event in await ada.events()]
    assert names[-2:] == ["invitation.accepted", "member.joined"]
    browser = a_client(app)
    assert (await sign_in(browser, email)).status_code == 201
    assert (await browser.get(f"{API}/me")).json()["actor"]["id"] == joined["actor_id"]


async def test_the_account_gets_the_invited_address_whatever_is_sent(
    app: Nexus, ada: Person
) -> None:
    email = an_address("hedy")
    new = await ada.post("/users", {"email": email})

    await accept(app, new["token"], email=an_address("eve"), name="Eve", password=PASSWORD)

    assert (await sign_in(a_client(app), email)).status_code == 201


async def test_an_invitation_is_accepted_once(app: Nexus, ada: Person) -> None:
    new = await ada.post("/users", {"github_login": "hedy"})
    first = await accept(app, new["token"], **somebody("Hedy"))

    second = await accept(app, new["token"], **somebody("Eve"))

    assert first.status_code == 201
    assert refusal(second) == NOT_USABLE
    assert len(await members(ada)) == 4


async def test_two_who_accept_at_the_same_moment_do_not_both_join(app: Nexus, ada: Person) -> None:
    new = await ada.post("/users", {"github_login": "hedy"})

    answers = await asyncio.gather(
        *(accept(app, new["token"], **somebody(name)) for name in ("Hedy", "Eve", "Mallory"))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert len(await members(ada)) == 4


async def test_of_those_of_one_name_who_join_at_the_same_moment_nobody_is_lost(
    app: Nexus, ada: Person
) -> None:
    tokens = [(await ada.post("/users", {"github_login": "sam"}))["token"] for _ in range(4)]
    sams = {token: somebody("Sam") for token in tokens}

    answers = await asyncio.gather(*(accept(app, token, **sam) for token, sam in sams.items()))

    assert 201 in {answer.status_code for answer in answers}
    for token, answer in zip(tokens, answers, strict=True):
        if answer.status_code != 201:
            assert refusal(answer) == (409, "member.handle_taken")
            assert (await accept(app, token, **sams[token])).status_code == 201
    handles = {member["handle"] for member in await members(ada)}
    assert {"sam", "sam-2", "sam-3", "sam-4"} <= handles


async def test_an_expired_invitation_is_not_accepted(
    database: Database, app: Nexus, ada: Person
) -> None:
    new = await ada.post("/users", {"email": an_address("hedy")})
    await expiring(database, new, now() - timedelta(seconds=1))

    refused = await accept(app, new["token"], name="Hedy", password=PASSWORD)

    assert refusal(refused) == NOT_USABLE
    assert "expired" in refused.json()["detail"]
    assert len(await members(ada)) == 3
    await expiring(database, new, now() + timedelta(minutes=1))
    accepted = await accept(app, new["token"], name="Hedy", password=PASSWORD)
    assert accepted.status_code == 201


async def test_a_withdrawn_invitation_is_not_accepted(app: Nexus, ada: Person) -> None:
    new = await ada.post("/users", {"email": an_address("hedy")})
    path = f"/invitations/{new['invitation']['id']}"

    await ada.delete(path)
    await ada.delete(path)

    refused = await accept(app, new["token"], name="Hedy", password=PASSWORD)
    assert refusal(refused) == NOT_USABLE
    assert "withdrawn" in refused.json()["detail"]
    assert (await ada.get("/invitations"))["items"] == []
    assert len(await ada.events(name="invitation.revoked")) == 1


async def test_an_accepted_invitation_is_not_withdrawn(app: Nexus, ada: Person) -> None:
    new = await ada.post("/users", {"email": an_address("hedy")})
    await accept(app, new["token"], name="Hedy", password=PASSWORD)

    refused = await ada.call("DELETE", f"/invitations/{new['invitation']['id']}")

    assert refusal(refused) == NOT_USABLE
    assert len(await members(ada)) == 4


@pytest.mark.parametrize("token", ["", "guessed", "x" * 43, "é"])
async def test_a_wrong_token_opens_nothing(app: Nexus, ada: Person, token: str) -> None:
    new = await ada.post("/users", {"email": an_address("hedy")})

    refused = await accept(app, token, **somebody("Hedy"))

    assert refusal(refused) == (404, "invitation.not_found")
    assert len(await members(ada)) == 3
    assert (await accept(app, new["token"], name="Hedy", password=PASSWORD)).status_code == 201


@pytest.mark.parametrize("missing", ["name", "password"])
async def test_a_new_account_needs_a_name_and_a_password(
    app: Nexus, ada: Person, missing: str
) -> None:
    new = await ada.post("/users", {"email": an_address("hedy")})
    body = {"name": "Hedy", "password": PASSWORD}

    refused = await accept(app, new["token"], **{k: v for k, v in body.items() if k != missing})

    assert refusal(refused) == (422, "invitation.needs_account")
    assert refused.json()["errors"][0]["field"] == missing
    assert (await accept(app, new["token"], **body)).status_code == 201


async def test_who_has_an_account_signs_in_first(
    database: Database, app: Nexus, ada: Person
) -> None:
    user = await an_account(database)
    new = await ada.post("/users", {"email": user.email.upper()})

    refused = await accept(app, new["token"], name="Eve", password="the password of Eve")

    assert refusal(refused) == (409, "invitation.sign_in_first")
    assert len(await members(ada)) == 3
    browser = await signed_in(database, app, user)
    accepted = await browser.call("POST", "/invitations/acceptances", json={"token": new["token"]})
    assert accepted.status_code == 201, accepted.text
    member = await ada.get(f"/users/{accepted.json()['actor_id']}")
    assert (member["user_id"], member["email"]) == (str(user.id), user.email)
    assert (await sign_in(a_client(app), user.email)).status_code == 201


async def test_a_signed_in_user_joins_a_second_workspace_with_the_token_alone(
    database: Database, app: Nexus, cast: Cast
) -> None:
    new = await cast.ada.post("/users", {"github_login": "bob", "role": "viewer"})
    browser = await signed_in(database, app, cast.bob.user)

    accepted = await browser.call("POST", "/invitations/acceptances", json={"token": new["token"]})

    assert accepted.status_code == 201, accepted.text
    memberships = (await browser.get("/me"))["workspaces"]
    roles = {one["workspace_id"]: one["role"] for one in memberships}
    assert roles == {str(cast.bob.workspace_id): "admin", str(cast.ada.workspace_id): "viewer"}
    names = [event["name"] for event in await cast.bob.events()]
    assert "invitation.accepted" not in names


async def test_accepting_in_a_session_needs_the_csrf_token(
    database: Database, app: Nexus, cast: Cast
) -> None:
    new = await cast.ada.post("/users", {"github_login": "bob"})
    browser = await signed_in(database, app, cast.bob.user)

    refused = await browser.http.post(
        f"{API}/invitations/acceptances", json={"token": new["token"]}
    )

    assert refusal(refused) == (403, "authentication.csrf")
    assert len(await members(cast.ada)) == 3


async def test_an_invitation_for_another_address_is_not_taken_by_who_is_signed_in(
    database: Database, app: Nexus, cast: Cast
) -> None:
    invited = await an_account(database, "Hedy", password=None)
    new = await cast.ada.post("/users", {"email": invited.email})
    browser = await signed_in(database, app, cast.bob.user)

    refused = await browser.call("POST", "/invitations/acceptances", json={"token": new["token"]})

    assert refusal(refused) == (409, "invitation.sign_in_first")
    assert len(await members(cast.ada)) == 3


async def test_who_is_a_member_is_not_invited_and_does_not_join_twice(
    database: Database, app: Nexus, cast: Cast
) -> None:
    by_login = await cast.ada.post("/users", {"github_login": "grace"})
    browser = await signed_in(database, app, cast.grace.user)

    invited = await cast.ada.call("POST", "/users", json={"email": cast.grace.user.email.upper()})
    accepted = await browser.call(
        "POST", "/invitations/acceptances", json={"token": by_login["token"]}
    )

    assert refusal(invited) == (409, "member.already_member")
    assert refusal(accepted) == (409, "member.already_member")
    assert len((await cast.ada.get("/invitations"))["items"]) == 1
    assert (await cast.ada.get(f"/users/{cast.grace.id}"))["role"] == "developer"


async def test_who_was_removed_is_invited_again_and_comes_back(
    database: Database, app: Nexus, cast: Cast
) -> None:
    await cast.ada.delete(f"/users/{cast.grace.id}")
    new = await cast.ada.post("/users", {"email": cast.grace.user.email, "role": "viewer"})
    browser = await signed_in(database, app, cast.grace.user)

    accepted = await browser.call("POST", "/invitations/acceptances", json={"token": new["token"]})

    assert accepted.status_code == 201, accepted.text
    assert accepted.json()["actor_id"] == cast.grace.id
    assert (await cast.ada.get(f"/users/{cast.grace.id}"))["role"] == "viewer"


async def test_a_github_login_is_invited_and_waits_as_a_pending_member(ada: Person) -> None:
    new = await ada.post("/users", {"github_login": "octo-cat", "role": "viewer"})

    [pending] = (await ada.get("/invitations"))["items"]
    assert pending == new["invitation"]
    assert (pending["github_login"], pending["email"]) == ("octo-cat", None)
    assert len(await members(ada)) == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"email": "hedy@nexus.test", "github_login": "hedy"}, 422),
        ({"email": "hedy"}, 400),
        ({"email": "hedy @nexus.test"}, 400),
        ({"github_login": "-hedy"}, 400),
        ({"github_login": "he--dy"}, 400),
        ({"email": "hedy@nexus.test", "role": "owner"}, 400),
        ({"email": "hedy@nexus.test", "is_owner": True}, 400),
    ],
)
async def test_an_invitation_says_whom_and_as_what(
    ada: Person, body: dict[str, Any], status: int
) -> None:
    refused = await ada.call("POST", "/users", json=body)

    assert refused.status_code == status, refused.text
    assert (await ada.get("/invitations"))["items"] == []


async def test_who_is_no_admin_neither_invites_nor_sees_nor_withdraws(cast: Cast) -> None:
    new = await cast.ada.post("/users", {"email": an_address("hedy")})

    for person in (cast.grace, cast.vic):
        refused = [
            await person.call("POST", "/users", json={"email": an_address("eve")}),
            await person.call("GET", "/invitations"),
            await person.call("DELETE", f"/invitations/{new['invitation']['id']}"),
        ]
        assert [one.status_code for one in refused] == [403] * 3

    assert (await cast.ada.get("/invitations"))["items"] == [new["invitation"]]


async def test_invitations_of_another_workspace_do_not_exist(cast: Cast) -> None:
    new = await cast.ada.post("/users", {"email": an_address("hedy")})

    refused = await cast.bob.call("DELETE", f"/invitations/{new['invitation']['id']}")
    unknown = await cast.ada.call("DELETE", f"/invitations/{uuid4()}")

    assert refusal(refused) == refusal(unknown) == (404, "invitation.not_found")
    assert (await cast.bob.get("/invitations"))["items"] == []
    assert (await cast.ada.get("/invitations"))["items"] == [new["invitation"]]


async def test_open_invitations_come_in_pages_newest_first(ada: Person) -> None:
    ids = [
        (await ada.post("/users", {"email": an_address("hedy")}))["invitation"]["id"]
        for _ in range(3)
    ]

    first = await ada.get("/invitations", limit=2)
    rest = await ada.get("/invitations", limit=2, cursor=first["next_cursor"])

    listed = [one["id"] for one in first["items"] + rest["items"]]
    assert listed == ids[::-1]
    assert rest["next_cursor"] is None


async def test_a_repeated_invitation_does_not_show_its_token_again(ada: Person) -> None:
    body, key = {"email": an_address("hedy")}, {"Idempotency-Key": f"invite-{uuid4()}"}
    await ada.post("/users", body, **key)

    again = await ada.call("POST", "/users", json=body, headers=key)

    assert refusal(again) == (409, "idempotency.answer_withheld")
    assert len((await ada.get("/invitations"))["items"]) == 1


async def accept(app: Nexus, token: str, **body: Any) -> httpx.Response:
    """What somebody without a credential sends."""
    return await a_client(app).post(f"{API}/invitations/acceptances", json={"token": token, **body})


def somebody(name: str) -> dict[str, str]:
    return {"email": an_address(name), "name": name, "password": PASSWORD}


async def members(of: Person) -> list[Any]:
    return (await of.get("/users"))["items"]


async def expiring(database: Database, new: Any, at: Any) -> None:
    async with database.system() as tx:
        await tx.execute(
            update(InvitationRow)
            .where(InvitationRow.id == UUID(new["invitation"]["id"]))
            .values(expires_at=at)
        )
