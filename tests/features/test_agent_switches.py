"""The switches and the keys of agents over HTTP: paused, resumed, scoped, rotated, revoked."""

from uuid import uuid4

import pytest

from nexus.entrypoints.http import Nexus
from nexus.platform.actor import AGENT_PERMISSIONS
from tests.cast import Cast, Person
from tests.features.agency import an_agent, with_key
from tests.features.people import REFUSED, refusal, show

PAUSED = (409, "agent.paused")


async def test_a_paused_agent_gets_no_work_and_is_told_to_stop(ada: Person) -> None:
    await ada.a_project()
    for _ in range(2):
        await ada.a_task()
    agent, other = await an_agent(ada, max_tasks=2), await an_agent(ada, "Other")
    held = await agent.claim("API-1")
    before = (await agent.beat(held)).json()

    paused = await ada.call("PUT", f"/agents/{agent.id}/pause", json={"reason": "Costs  too much"})

    assert paused.json()["pause_reason"] == "Costs too much"
    assert paused.json()["paused_at"] is not None
    assert (before["must_stop"], before["stop_reason"]) == (False, None)
    beat = (await agent.beat(held)).json()
    assert (beat["must_stop"], beat["stop_reason"]) == (True, "Coder is paused: Costs too much.")
    assert beat["expires_at"] >= before["expires_at"]
    refused = await agent.call("POST", "/agents/assign", json={"wait_s": 5})
    assert refusal(refused) == PAUSED
    assert "Costs too much" in refused.json()["detail"]
    by_person = {"agent": agent.id, "task": "API-2"}
    assert refusal(await ada.call("POST", "/agents/assign", json=by_person)) == PAUSED
    assert (await other.claim())["task"]["key"] == "API-2"


async def test_a_resumed_agent_works_again(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    path = f"/agents/{agent.id}/pause"
    await ada.call("PUT", path, json={"reason": "Lunch"})
    paused = await ada.last_event()
    await ada.call("PUT", path, json={"reason": "Dinner"})

    resumed = await ada.call("DELETE", path)

    assert (paused["name"], paused["payload"]["reason"]) == ("agent.paused", "Lunch")
    assert resumed.json()["pause_reason"] is None
    names = [event["name"] for event in await ada.events()]
    assert names[-2:] == ["agent.paused", "agent.resumed"]
    await ada.call("DELETE", path)
    assert len(await ada.events()) == len(names)
    held = await agent.claim()
    assert (await agent.beat(held)).json()["must_stop"] is False


async def test_the_big_red_switch_stops_all_agents_those_that_come_later_too(cast: Cast) -> None:
    ada = cast.ada
    await ada.a_project()
    for _ in range(2):
        await ada.a_task()
    early = await an_agent(ada, "Early")
    held = await early.claim()

    await ada.call("PUT", "/agents/pause", json={"reason": "Fire"})
    late = await an_agent(ada, "Late")

    beat = (await early.beat(held)).json()
    assert (beat["must_stop"], beat["stop_reason"]) == (True, "All agents are paused: Fire.")
    assert refusal(await late.call("POST", "/agents/assign", json={})) == PAUSED
    shown = (await ada.get("/agents"))["items"]
    assert [(one["status"], one["pause_reason"]) for one in shown] == [("paused", "Fire")] * 2
    await cast.bob.a_project()
    await cast.bob.a_task()
    assert (await (await an_agent(cast.bob)).claim())["task"]["key"] == "API-1"


async def test_resuming_all_leaves_those_paused_that_were_paused_each_by_itself(
    ada: Person,
) -> None:
    one, other = await an_agent(ada, "One"), await an_agent(ada, "Other")
    await ada.call("PUT", f"/agents/{one.id}/pause", json={"reason": "Mine"})
    await ada.call("PUT", "/agents/pause", json={"reason": "All"})
    await ada.call("PUT", "/agents/pause", json={"reason": "All again"})

    await ada.delete("/agents/pause")
    await ada.delete("/agents/pause")

    assert (await ada.get(f"/agents/{one.id}"))["pause_reason"] == "Mine"
    assert (await ada.get(f"/agents/{other.id}"))["status"] == "offline"
    names = [event["name"] for event in await ada.events()]
    assert [name for name in names if name.startswith("agent.all")] == [
        "agent.all_paused", "agent.all_resumed",
    ]  # fmt: skip


async def test_an_agent_that_is_resumed_while_all_are_paused_is_on_record_as_resumed(
    ada: Person,
) -> None:
    agent = await an_agent(ada)
    await ada.call("PUT", f"/agents/{agent.id}/pause", json={})
    await ada.call("PUT", "/agents/pause", json={})

    still = await ada.call("DELETE", f"/agents/{agent.id}/pause")

    assert still.json()["status"] == "paused"
    assert (await ada.last_event())["name"] == "agent.resumed"
    await ada.delete("/agents/pause")
    assert (await ada.get(f"/agents/{agent.id}"))["status"] == "offline"


async def test_pausing_a_paused_agent_changes_nothing_while_all_are_paused(ada: Person) -> None:
    agent = await an_agent(ada)
    await ada.call("PUT", f"/agents/{agent.id}/pause", json={"reason": "First"})
    await ada.call("PUT", "/agents/pause", json={})
    before = await ada.last_event()

    await ada.call("PUT", f"/agents/{agent.id}/pause", json={"reason": "Second"})

    assert await ada.last_event() == before
    await ada.delete("/agents/pause")
    assert (await ada.get(f"/agents/{agent.id}"))["pause_reason"] == "First"


async def test_an_agents_key_may_what_agents_may_and_never_more(app: Nexus, cast: Cast) -> None:
    agent = await cast.grace.post("/agents", {"name": "Coder"})
    path = f"/agents/{agent['id']}/keys"
    narrow = await cast.ada.post(
        "/keys", {"name": "n", "scopes": ["agents:write", "tasks:read", "tasks:claim"]}
    )

    whole = await cast.grace.post(path, {"name": "all"})
    some = await cast.grace.post(path, {"name": "some", "scopes": ["tasks:read", "tasks:claim"]})
    by_narrow = await show(app, narrow["secret"], path, "POST", json={"name": "n"})
    refused = [
        await cast.grace.call("POST", path, json={"name": "x", "scopes": [scope]})
        for scope in ("agents:write", "keys:write", "workspaces:write", "budgets:write")
    ]

    assert whole["key"]["scopes"] == sorted(AGENT_PERMISSIONS)
    assert whole["key"]["actor_id"] == agent["id"]
    me = (await show(app, some["secret"], "/me")).json()["actor"]
    assert (me["id"], me["permissions"]) == (agent["id"], ["tasks:claim", "tasks:read"])
    assert by_narrow.json()["key"]["scopes"] == ["tasks:claim", "tasks:read"]
    assert [refusal(one) for one in refused] == [(403, "key.scopes_not_yours")] * 4
    body = {"key": "WEB", "name": "Web"}
    for secret in (whole["secret"], some["secret"]):
        assert (await show(app, secret, "/projects", "POST", json=body)).status_code == 403
        assert (await show(app, secret, "/keys", "POST", json={"name": "x"})).status_code == 403


async def test_a_key_that_only_looks_takes_nothing(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    new = await ada.post(f"/agents/{agent.id}/keys", {"name": "r", "scopes": ["tasks:read"]})
    looking = with_key(agent, new["secret"])

    refused = await looking.call("POST", "/agents/assign", json={})

    assert refusal(refused) == (403, "permission.missing")
    assert (await looking.get("/agents/next"))["task"] == "API-1"
    assert (await ada.get("/tasks/API-1"))["hold"] is None


async def test_a_rotated_key_goes_on_with_what_the_old_one_held(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    held = await agent.claim()
    [old] = (await ada.get(f"/agents/{agent.id}/keys"))["items"]
    path = f"/agents/{agent.id}/keys/{old['id']}/rotations"

    new = await ada.post(path, {"overlap_s": 0})

    fresh = with_key(agent, new["secret"])
    assert refusal(await agent.beat(held)) == REFUSED
    assert (await fresh.beat(held)).status_code == 200
    assert new["key"]["scopes"] == old["scopes"]
    body = {"title": "Mine"}
    written = await fresh.write("PATCH", "/tasks/API-1", body, fence=held["fence"])
    assert written.json()["title"] == "Mine"


async def test_a_rotated_key_stays_good_for_the_overlap(ada: Person) -> None:
    agent = await an_agent(ada)
    [old] = (await ada.get(f"/agents/{agent.id}/keys"))["items"]

    new = await ada.post(f"/agents/{agent.id}/keys/{old['id']}/rotations", {"overlap_s": 60})

    assert (await agent.call("GET", "/me")).status_code == 200
    assert (await with_key(agent, new["secret"]).call("GET", "/me")).status_code == 200
    assert len((await ada.get(f"/agents/{agent.id}/keys"))["items"]) == 2


async def test_a_revoked_key_is_dead_at_once_and_the_others_live(cast: Cast) -> None:
    agent = await an_agent(cast.ada)
    second = await cast.ada.post(f"/agents/{agent.id}/keys", {"name": "second"})
    assert (await agent.call("GET", "/me")).status_code == 200
    keys = (await cast.ada.get(f"/agents/{agent.id}/keys"))["items"]
    first = next(key for key in keys if key["id"] != second["key"]["id"])

    await cast.grace.delete(f"/agents/{agent.id}/keys/{first['id']}")

    assert refusal(await agent.call("GET", "/me")) == REFUSED
    assert (await with_key(agent, second["secret"]).call("GET", "/me")).status_code == 200


async def test_only_agents_have_keys_here_and_each_its_own(cast: Cast) -> None:
    agent, other = await an_agent(cast.ada), await an_agent(cast.ada, "Other")
    [key] = (await cast.ada.get(f"/agents/{agent.id}/keys"))["items"]

    refused = [
        await cast.grace.call("POST", f"/agents/{cast.ada.id}/keys", json={"name": "x"}),
        await cast.grace.call("GET", f"/agents/{cast.ada.id}/keys"),
        await cast.grace.call("POST", f"/agents/{uuid4()}/keys", json={"name": "x"}),
        await cast.bob.call("POST", f"/agents/{agent.id}/keys", json={"name": "x"}),
        await cast.grace.call("DELETE", f"/agents/{other.id}/keys/{key['id']}"),
        await cast.bob.call("DELETE", f"/agents/{agent.id}/keys/{key['id']}"),
    ]

    assert [one.status_code for one in refused] == [404] * 6
    assert (await agent.call("GET", "/me")).status_code == 200


@pytest.mark.parametrize("what", ["creation", "rotation"])
async def test_a_repeated_request_for_an_agents_key_shows_no_secret_again(
    ada: Person, what: str
) -> None:
    agent = await an_agent(ada)
    path = f"/agents/{agent.id}/keys"
    [old] = (await ada.get(path))["items"]
    body: dict[str, object] = {"name": "once"}
    if what == "rotation":
        path, body = f"{path}/{old['id']}/rotations", {"overlap_s": 60}
    repeated = {"Idempotency-Key": f"key-{uuid4()}"}
    await ada.post(path, body, **repeated)

    again = await ada.call("POST", path, json=body, headers=repeated)

    assert refusal(again) == (409, "idempotency.answer_withheld")
    assert len((await ada.get(f"/agents/{agent.id}/keys"))["items"]) == 2
