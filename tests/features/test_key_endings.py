"""API keys come to an end: they expire, are replaced or revoked, and their use is on record."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from nexus.entrypoints.http import Nexus
from nexus.features.keys.tables import ApiKeyRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.people import REFUSED, in_hours, keys_of, refusal, show


async def test_a_key_ends_when_it_expires(database: Database, app: Nexus, ada: Person) -> None:
    new = await ada.post("/keys", {"name": "short", "expires_at": in_hours(1)})
    assert (await show(app, new["secret"])).status_code == 200

    await expiring(database, new, now() - timedelta(seconds=1))

    refused = await show(app, new["secret"])
    assert refusal(refused) == REFUSED
    assert "expired" in refused.json()["detail"]
    assert refusal(await ada.call("POST", f"/keys/{new['key']['id']}/rotations", json={})) == (
        409,
        "key.revoked",
    )


async def test_a_rotated_key_makes_way_for_the_new_one(app: Nexus, ada: Person) -> None:
    body = {"name": "ci", "scopes": ["tasks:read"], "expires_at": in_hours(24)}
    old = await ada.post("/keys", body)

    new = await ada.post(f"/keys/{old['key']['id']}/rotations", {})

    assert refusal(await show(app, old["secret"])) == REFUSED
    assert (await show(app, new["secret"])).status_code == 200
    kept = ("name", "scopes", "expires_at", "actor_id")
    assert {k: new["key"][k] for k in kept} == {k: old["key"][k] for k in kept}
    assert new["key"]["id"] != old["key"]["id"]
    [event] = await ada.events(name="key.rotated")
    assert event["payload"]["new_key_id"] == new["key"]["id"]
    again = await ada.call("POST", f"/keys/{old['key']['id']}/rotations", json={})
    assert refusal(again) == (409, "key.revoked")


async def test_a_rotated_key_may_overlap_with_the_new_one(
    database: Database, app: Nexus, ada: Person
) -> None:
    old = await ada.post("/keys", {"name": "ci"})

    new = await ada.post(f"/keys/{old['key']['id']}/rotations", {"overlap_s": 3600})

    for key in (old, new):
        assert (await show(app, key["secret"])).status_code == 200
    ending = await ada.get(f"/keys/{old['key']['id']}")
    assert now() < datetime.fromisoformat(ending["expires_at"]) <= now() + timedelta(hours=1)
    assert new["key"]["expires_at"] is None
    await expiring(database, old, now())
    assert refusal(await show(app, old["secret"])) == REFUSED
    assert (await show(app, new["secret"])).status_code == 200


async def test_an_overlap_makes_no_key_live_longer(ada: Person) -> None:
    old = await ada.post("/keys", {"name": "ci", "expires_at": in_hours(1)})
    path = f"/keys/{old['key']['id']}"

    await ada.post(f"{path}/rotations", {"overlap_s": 7200})

    assert (await ada.get(path))["expires_at"] == old["key"]["expires_at"]


@pytest.mark.parametrize("overlap", [-1, 7 * 24 * 3600 + 1, "1"])
async def test_an_overlap_lasts_a_week_at_most(ada: Person, overlap: object) -> None:
    old = await ada.post("/keys", {"name": "ci"})

    refused = await ada.call(
        "POST", f"/keys/{old['key']['id']}/rotations", json={"overlap_s": overlap}
    )

    assert refused.status_code == 400
    assert (await ada.get(f"/keys/{old['key']['id']}")) == old["key"]


async def test_two_rotations_at_the_same_moment_make_one_key(ada: Person) -> None:
    old = await ada.post("/keys", {"name": "ci"})
    path = f"/keys/{old['key']['id']}/rotations"

    answers = await asyncio.gather(*(ada.call("POST", path, json={}) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert [key["name"] for key in await keys_of(ada)].count("ci") == 1


async def test_a_rotation_passes_on_no_more_than_its_caller_may(app: Nexus, ada: Person) -> None:
    wide = await ada.post("/keys", {"name": "wide"})
    narrow = await ada.post("/keys", {"name": "narrow", "scopes": ["keys:write", "tasks:read"]})

    rotated = await show(
        app, narrow["secret"], f"/keys/{wide['key']['id']}/rotations", "POST", json={}
    )

    assert rotated.json()["key"]["scopes"] == ["keys:write", "tasks:read"]


async def test_a_revoked_key_stops_at_once(app: Nexus, ada: Person) -> None:
    new = await ada.post("/keys", {"name": "lost"})
    path = f"/keys/{new['key']['id']}"
    assert (await show(app, new["secret"])).status_code == 200

    await ada.delete(path)
    await ada.delete(path)

    refused = await show(app, new["secret"])
    assert refusal(refused) == REFUSED
    assert "revoked" in refused.json()["detail"]
    assert new["key"]["id"] not in {key["id"] for key in await keys_of(ada)}
    assert (await ada.get(path))["revoked_at"]
    assert len(await ada.events(name="key.revoked")) == 1


async def test_a_key_revokes_itself(app: Nexus, ada: Person) -> None:
    new = await ada.post("/keys", {"name": "leaked"})

    revoked = await show(app, new["secret"], f"/keys/{new['key']['id']}", "DELETE")

    assert revoked.status_code == 204
    assert refusal(await show(app, new["secret"])) == REFUSED


@pytest.mark.parametrize("why", ["it was revoked", "it has expired", "wrong secret"])
async def test_a_refused_key_is_on_record_a_few_times_a_minute(
    database: Database, app: Nexus, cast: Cast, why: str
) -> None:
    new = await cast.grace.post("/keys", {"name": "old", "expires_at": in_hours(1)})
    shown = new["secret"] + ("x" if why == "wrong secret" else "")
    if why == "it was revoked":
        await cast.grace.delete(f"/keys/{new['key']['id']}")
    elif why == "it has expired":
        await expiring(database, new, now())

    answers = [await show(app, shown, "/projects") for _ in range(7)]

    assert [refusal(one) for one in answers] == [REFUSED] * 7
    event, *further = await cast.ada.events(name="key.refused")
    assert len(further) == 4
    assert event["subject"] == f"key:{new['key']['id']}"
    assert (event["payload"]["reason"], event["payload"]["prefix"]) == (why, new["key"]["prefix"])
    assert (event["actor"] is None) == (why == "wrong secret")
    assert new["secret"].split("_", 2)[2] not in str(event)


async def test_the_key_of_a_removed_member_is_on_record_when_it_is_used(cast: Cast) -> None:
    await cast.ada.delete(f"/users/{cast.grace.id}")

    refused = await cast.grace.call("GET", "/projects")

    assert refusal(refused) == REFUSED
    [event] = await cast.ada.events(name="key.refused")
    assert event["payload"]["reason"] == "its owner left the workspace"


async def expiring(database: Database, new: Any, at: datetime) -> None:
    async with database.system() as tx:
        await tx.execute(
            update(ApiKeyRow).where(ApiKeyRow.id == UUID(new["key"]["id"])).values(expires_at=at)
        )
    database.wakeups.committed([], changes_access=True)
