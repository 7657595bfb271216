"""Claims over HTTP: who gets which task, for how long, and what the others are told."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from nexus.features.runs.jobs import expire_all
from nexus.features.tasks.tables import TaskRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.agency import an_agent, expire, fence_of
from tests.features.people import refusal

BUSY, HELD, NOT_READY = (409, "agent.busy"), (409, "task.already_held"), (409, "task.not_ready")
NOT_FOR_IT, NOT_FOUND = (409, "task.not_for_agent"), (404, "task.not_found")


async def test_a_claim_gives_a_lease_and_says_so(database: Database, ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(title="Do it")
    agent = await an_agent(ada)
    before = now()

    claim = await agent.claim()

    assert (claim["task"]["key"], claim["task"]["status"]) == ("API-1", "in_progress")
    assert claim["fence"] == await fence_of(database, claim["task"]) > 0
    until = datetime.fromisoformat(claim["expires_at"])
    assert before + timedelta(seconds=895) < until < now() + timedelta(seconds=905)
    hold = (await ada.get("/tasks/API-1"))["hold"]
    assert (hold["run_id"], hold["fence"]) == (claim["run_id"], claim["fence"])
    assert hold["holder"] == {"id": agent.id, "kind": "agent", "name": "Coder"}
    assert hold["expires_at"] == claim["task"]["hold"]["expires_at"]
    run = await ada.get(f"/runs/{claim['run_id']}")
    assert (run["state"], run["is_live"], run["lease_s"]) == ("working", True, 900)
    claimed, moved = (await ada.events())[-2:]
    assert [one["name"] for one in (claimed, moved)] == ["task.claimed", "task.status_changed"]
    for event in (claimed, moved):
        assert (event["run_id"], event["fence"]) == (claim["run_id"], claim["fence"])
        assert event["actor"]["id"] == agent.id
    assert claimed["payload"]["holder_id"] == agent.id


async def test_claims_come_in_the_order_of_next_and_no_task_twice(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task(title="Old")
    await ada.a_task(title="Opens one")
    await ada.a_task(title="Waits", dependencies=["API-2"], priority="critical")
    await ada.a_task(title="Urgent", priority="high")
    await ada.a_task(title="Later", status="backlog", priority="critical")
    listed = await ada.get("/tasks", ready=True, sort="next")
    agents = [await an_agent(ada, f"Coder {i}") for i in range(4)]

    claims = [await agent.claim() for agent in agents]

    assert [one["key"] for one in listed["items"]] == ["API-4", "API-2", "API-1"]
    keys = [claim["task"] and claim["task"]["key"] for claim in claims]
    assert keys == ["API-4", "API-2", "API-1", None]
    nothing = claims[-1]
    assert (nothing["run_id"], nothing["fence"], nothing["expires_at"]) == (None, None, None)
    assert nothing["reason"]


async def test_those_who_ask_at_once_get_different_tasks_the_first_of_the_order(
    ada: Person,
) -> None:
    await ada.a_project()
    for i in range(12):
        await ada.a_task(title=f"Task {i}")
    agents = [await an_agent(ada, f"Coder {i}") for i in range(9)]

    claims = await asyncio.gather(*(agent.claim() for agent in agents))

    keys = {claim["task"]["key"] for claim in claims}
    assert keys == {f"API-{i}" for i in range(1, 10)}
    assert len({claim["run_id"] for claim in claims}) == 9


async def test_one_task_that_many_name_at_once_is_given_once(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    agents = [await an_agent(ada, f"Coder {i}") for i in range(8)]
    body = {"task": "API-1"}

    answers = await asyncio.gather(
        *(agent.call("POST", "/agents/assign", json=body) for agent in agents)
    )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 7
    assert {refusal(answer) for answer in answers if answer.status_code == 409} == {HELD}
    names = [event["name"] for event in await ada.events()]
    assert names.count("task.claimed") == 1


async def test_a_lost_claim_names_holder_heartbeat_expiry_and_reason(ada: Person) -> None:
    await ada.a_project()
    task = await ada.a_task()
    holder, loser = await an_agent(ada, "Winner"), await an_agent(ada, "Loser")
    claim = await holder.claim("API-1")
    run = await ada.get(f"/runs/{claim['run_id']}")

    lost = await loser.call("POST", "/agents/assign", json={"task": task["id"]})

    assert refusal(lost) == HELD
    details = lost.json()["details"]
    assert (details["holder"], details["holder_id"]) == ("Winner", holder.id)
    assert (details["holder_kind"], details["run_id"]) == ("agent", claim["run_id"])
    assert moment(details["heartbeat_at"]) == moment(run["heartbeat_at"])
    assert moment(details["expires_at"]) == moment(claim["expires_at"])
    assert "Winner (agent) holds it until" in lost.json()["detail"]
    assert "the last sign of life came at" in lost.json()["detail"]


@pytest.mark.parametrize("lease_s", [1, 60, 86_400])
async def test_a_lease_lasts_as_long_as_was_asked_for(ada: Person, lease_s: int) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    before = now()

    claim = await agent.claim(lease_s=lease_s)

    lasts = moment(claim["expires_at"]) - before
    assert timedelta(seconds=lease_s - 1) < lasts < timedelta(seconds=lease_s + 5)
    assert (await ada.get(f"/runs/{claim['run_id']}"))["lease_s"] == lease_s


@pytest.mark.parametrize(
    "wish",
    [
        {"lease_s": 0},
        {"lease_s": 86_401},
        {"lease_s": -1},
        {"lease_s": "60"},
        {"wait_s": 61},
        {"wait_s": -1},
        {"allow_overlap": "yes"},
        {"until": 5},
    ],
)
async def test_a_wish_beyond_the_limits_is_refused(ada: Person, wish: dict[str, Any]) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)

    refused = await agent.call("POST", "/agents/assign", json=wish)

    assert refusal(refused) == (400, "request.invalid")
    assert (await ada.get("/tasks/API-1"))["hold"] is None


async def test_heartbeats_let_the_lease_last_anew_and_as_long_as_asked(ada: Person) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    claim = await agent.claim(lease_s=100)

    longer = (await agent.beat(claim, lease_s=1000)).json()
    again = (await agent.beat(claim)).json()

    assert moment(longer["expires_at"]) > moment(claim["expires_at"]) + timedelta(seconds=890)
    assert moment(again["expires_at"]) >= moment(longer["expires_at"])
    assert refusal(await agent.beat(claim, lease_s=86_401)) == (400, "request.invalid")


@pytest.mark.parametrize("task", ["API-1", None])
async def test_a_lease_that_ran_out_is_no_obstacle_and_needs_no_sweep(
    database: Database, ada: Person, task: str | None
) -> None:
    await ada.a_project()
    await ada.a_task()
    slow, quick = await an_agent(ada, "Slow"), await an_agent(ada, "Quick")
    old = await slow.claim()
    await expire(database, old)

    claim = await quick.claim(task)

    assert claim["task"]["key"] == "API-1"
    assert claim["fence"] > old["fence"]
    run = await ada.get(f"/runs/{old['run_id']}")
    assert (run["state"], run["is_live"]) == ("expired", False)
    assert run["reason"]
    assert [(one["run_id"], one["state"]) for one in claim["earlier"]] == [
        (old["run_id"], "expired")
    ]
    [expired] = [event for event in await ada.events() if event["name"] == "run.expired"]
    assert (expired["actor"], expired["payload"]["fence"]) == (None, old["fence"])
    assert (await slow.beat(old)).status_code == 409


async def test_a_task_whose_lease_ran_out_is_free_before_it_is_taken_anew(
    database: Database, ada: Person
) -> None:
    """Also where the claim could not clear it away at first, since somebody had it locked."""
    await ada.a_project()
    task = await ada.a_task()
    slow, quick = await an_agent(ada, "Slow"), await an_agent(ada, "Quick")
    await expire(database, await slow.claim())
    seen = len(await ada.events())

    async with database.transaction(ada.actor.workspace_id) as tx:
        held = select(TaskRow.id).where(TaskRow.id == UUID(task["id"]))
        await tx.execute(held.with_for_update())
        claiming = asyncio.create_task(quick.claim())
        await asyncio.sleep(0.3)

    assert (await claiming)["task"]["key"] == task["key"]
    assert [one["name"] for one in (await ada.events())[seen:]] == [
        "run.expired", "task.status_changed", "task.claimed", "task.status_changed",
    ]  # fmt: skip


async def test_a_lease_that_ran_out_where_nobody_else_may_look_stops_nobody(
    database: Database, cast: Cast
) -> None:
    await cast.grace.a_project("SEC", visibility="private")
    await cast.grace.a_task("SEC")
    await cast.ada.a_project()
    await cast.ada.a_task()
    inside, outside = await an_agent(cast.grace, "In"), await an_agent(cast.ada, "Out")
    await cast.grace.call("PUT", f"/projects/SEC/members/{inside.id}")
    await expire(database, await inside.claim("SEC-1"))

    claim = await outside.call("POST", "/agents/assign", json={})

    assert claim.status_code == 200, claim.text
    assert claim.json()["task"]["key"] == "API-1"


async def test_the_sweep_ends_leases_that_ran_out_and_no_others(
    database: Database, cast: Cast
) -> None:
    ada = cast.ada
    await ada.a_project()
    for _ in range(3):
        await ada.a_task()
    agents = [await an_agent(ada, f"Coder {i}") for i in range(3)]
    first, second, live = [await agent.claim() for agent in agents]
    await cast.bob.a_project()
    await cast.bob.a_task()
    elsewhere = await (await an_agent(cast.bob)).claim()
    for claim in (first, second, elsewhere):
        await expire(database, claim)

    swept = await expire_all(database)

    assert swept >= 3
    states = [(await ada.get(f"/runs/{one['run_id']}"))["state"] for one in (first, second, live)]
    assert states == ["expired", "expired", "working"]
    ready = await ada.get("/tasks", ready=True, sort="next")
    assert [task["key"] for task in ready["items"]] == ["API-1", "API-2"]
    assert (await cast.bob.get("/tasks/API-1"))["status"] == "todo"
    assert await fence_of(database, first["task"]) > first["fence"]
    assert (await agents[0].beat(first)).status_code == 409
    names = [event["name"] for event in await ada.events()]
    assert names.count("run.expired") == 2


async def test_an_agent_takes_no_more_at_once_than_it_may(database: Database, ada: Person) -> None:
    await ada.a_project()
    for _ in range(4):
        await ada.a_task()
    agent = await an_agent(ada, max_tasks=2)
    one, other = await agent.claim(), await agent.claim()

    refused = await agent.call("POST", "/agents/assign", json={})
    by_name = await agent.call("POST", "/agents/assign", json={"task": "API-4"})
    await agent.release(one)
    third = await agent.claim("API-3")
    await expire(database, other)
    fourth = await agent.claim("API-4")

    assert refusal(refused) == refusal(by_name) == BUSY
    assert (third["task"]["key"], fourth["task"]["key"]) == ("API-3", "API-4")
    assert refusal(await agent.call("POST", "/agents/assign", json={})) == BUSY


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"status": "backlog"}, "backlog"),
        ({"status": "deferred"}, "deferred"),
        ({"status": "in_review"}, "in_review"),
        ({"status": "in_progress"}, "in_progress"),
        ({"dependencies": ["API-1"]}, "API-1"),
    ],
)
async def test_what_is_not_ready_is_not_given_by_name_either(
    ada: Person, fields: dict[str, Any], why: str
) -> None:
    await ada.a_project()
    await ada.a_task()
    await ada.a_task(**fields)
    agent = await an_agent(ada)

    refused = await agent.call("POST", "/agents/assign", json={"task": "API-2"})

    assert refusal(refused) == NOT_READY
    assert why in refused.json()["detail"]
    assert (await agent.claim())["task"]["key"] == "API-1"


async def test_an_agent_takes_for_itself_alone_and_a_person_for_any(cast: Cast) -> None:
    await cast.ada.a_project()
    for _ in range(3):
        await cast.ada.a_task()
    one, other = await an_agent(cast.ada, "One"), await an_agent(cast.ada, "Other")

    refused = await one.call("POST", "/agents/assign", json={"agent": "other"})
    nobody = await cast.grace.call("POST", "/agents/assign", json={"task": "API-3"})
    mine = await one.claim(agent="me")
    given = await cast.grace.post("/agents/assign", {"agent": "@other", "task": "API-3"}, 200)

    assert refusal(refused) == (403, "run.agents_for_themselves")
    assert refusal(nobody) == (422, "run.agent_not_named")
    assert mine["task"]["hold"]["holder"]["id"] == one.id
    assert given["task"]["hold"]["holder"]["id"] == other.id
    assert (await other.beat(given)).status_code == 200
    claimed = [event for event in await cast.ada.events() if event["name"] == "task.claimed"][-1]
    assert (claimed["actor"]["id"], claimed["payload"]["holder_id"]) == (cast.grace.id, other.id)
    assert (claimed["run_id"], claimed["fence"]) == (given["run_id"], given["fence"])


async def test_a_repeated_claim_is_the_same_claim(ada: Person) -> None:
    await ada.a_project()
    for _ in range(2):
        await ada.a_task()
    agent = await an_agent(ada, max_tasks=2)
    repeated = {"Idempotency-Key": "claim-1"}
    first = await agent.call("POST", "/agents/assign", json={}, headers=repeated)

    again = await agent.call("POST", "/agents/assign", json={}, headers=repeated)
    other = await agent.call("POST", "/agents/assign", json={"lease_s": 5}, headers=repeated)

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    assert (await ada.get("/tasks/API-2"))["hold"] is None


async def test_whoever_takes_a_task_again_reads_what_became_of_it_before(
    database: Database, ada: Person
) -> None:
    await ada.a_project()
    await ada.a_task()
    agents = [await an_agent(ada, f"Coder {i}") for i in range(4)]
    failed = await agents[0].claim()
    reason = {"reason": "The tests hang."}
    path = f"/runs/{failed['run_id']}/failure"
    await agents[0].write("POST", path, reason, fence=failed["fence"])
    released = await agents[1].claim()
    await agents[1].release(released)
    lost = await agents[2].claim()
    await expire(database, lost)

    claim = await agents[3].claim()

    assert [(one["run_id"], one["state"]) for one in claim["earlier"]] == [
        (lost["run_id"], "expired"),
        (released["run_id"], "released"),
        (failed["run_id"], "failed"),
    ]
    assert claim["earlier"][-1]["reason"] == "The tests hang."
    assert claim["earlier"][0]["holder"]["name"] == "Coder 2"
    fences = [failed["fence"], released["fence"], lost["fence"], claim["fence"]]
    assert fences == sorted(set(fences))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
