"""People over agents, over HTTP: they move, take over and let go, and the agent hears of it."""

import pytest

from nexus.platform.database import Database
from tests.cast import Cast
from tests.features.agency import an_agent, expire, fence_of
from tests.features.people import refusal


@pytest.mark.parametrize("status", ["todo", "backlog", "deferred", "in_review", "done"])
async def test_a_persons_status_change_ends_the_hold_and_raises_the_fence(
    database: Database, cast: Cast, status: str
) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    claim = await agent.claim()
    before = (await cast.ada.last_event())["seq"]

    moved = await cast.grace.patch("/tasks/API-1/status", {"status": status})

    task = await cast.ada.get("/tasks/API-1")
    assert (task["status"], task["hold"]) == (moved["status"], None)
    assert await fence_of(database, claim["task"]) > claim["fence"]
    new = [event for event in await cast.ada.events() if event["seq"] > before]
    assert [event["name"] for event in new] == ["run.cancelled", "task.status_changed"]
    assert len({event["request_id"] for event in new}) == 1
    assert new[0]["payload"]["run_id"] == claim["run_id"]
    run = await cast.ada.get(f"/runs/{claim['run_id']}")
    assert (run["state"], run["ended_by"]["name"]) == ("cancelled", "Grace")
    beat = await agent.beat(claim)
    assert beat.status_code == 409
    assert f"Grace set the status to {status}" in beat.json()["detail"]


async def test_the_answer_to_a_move_shows_no_hold_that_the_move_has_ended(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    await (await an_agent(cast.ada)).claim()

    moved = await cast.grace.patch("/tasks/API-1/status", {"status": "todo"})

    assert moved["hold"] is None
    assert moved["is_ready"]


async def test_many_moved_at_once_end_all_their_holds(database: Database, cast: Cast) -> None:
    await cast.ada.a_project()
    items = [{"task": (await cast.ada.a_task())["key"], "status": "done"} for _ in range(3)]
    agents = [await an_agent(cast.ada, f"Coder {i}") for i in range(2)]
    claims = [await agent.claim() for agent in agents]
    versions = [(await cast.ada.get(f"/tasks/{one['task']}"))["version"] for one in items]
    body = [one | {"version": version} for one, version in zip(items, versions, strict=True)]

    await cast.grace.patch("/tasks", {"items": body})

    for agent, claim in zip(agents, claims, strict=True):
        assert (await agent.beat(claim)).status_code == 409
        assert await fence_of(database, claim["task"]) > claim["fence"]
        assert (await cast.ada.get(f"/tasks/{claim['task']['key']}"))["hold"] is None
    names = [event["name"] for event in await cast.ada.events()]
    assert names.count("run.cancelled") == 2


async def test_a_persons_edit_ends_nothing(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    claim = await agent.claim()

    await cast.grace.patch("/tasks/API-1", {"title": "Clearer"})
    same = await cast.grace.patch("/tasks/API-1/status", {"status": "in_progress"})

    assert same["hold"]["run_id"] == claim["run_id"]
    assert (await agent.beat(claim)).status_code == 200


async def test_a_person_takes_a_task_over_and_the_agent_learns_of_it(
    database: Database, cast: Cast
) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    claim = await agent.claim()

    held = (await cast.grace.call("PUT", "/tasks/API-1/hold")).json()

    assert held["status"] == "in_progress"
    assert held["hold"]["holder"] == {"id": cast.grace.id, "kind": "member", "name": "Grace"}
    assert held["hold"]["expires_at"] is None
    assert held["hold"]["fence"] == await fence_of(database, held)
    assert held["hold"]["fence"] > claim["fence"]
    beat = await agent.beat(claim)
    assert refusal(beat) == (409, "task.fence_superseded")
    assert "Grace holds it now" in beat.json()["detail"]
    run = await cast.ada.get(f"/runs/{claim['run_id']}")
    assert (run["state"], run["reason"]) == ("cancelled", "Grace took it over.")
    again = await agent.call("POST", "/agents/assign", json={"task": "API-1"})
    assert refusal(again) == (409, "task.already_held")
    assert "Grace (member) holds it until they let it go" in again.json()["detail"]


async def test_whoever_holds_a_task_takes_it_again_in_silence(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    held = (await cast.grace.call("PUT", "/tasks/API-1/hold")).json()
    before = await cast.ada.last_event()

    again = (await cast.grace.call("PUT", "/tasks/API-1/hold")).json()

    assert (again["hold"]["run_id"], again["hold"]["fence"]) == (
        held["hold"]["run_id"],
        held["hold"]["fence"],
    )
    assert await cast.ada.last_event() == before


@pytest.mark.parametrize("state", ["released", "cancelled"])
async def test_a_person_lets_go_and_the_task_can_be_taken_again(cast: Cast, state: str) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    held = (await cast.grace.call("PUT", "/tasks/API-1/hold")).json()["hold"]
    who = cast.grace if state == "released" else cast.ada

    freed = await who.call("DELETE", "/tasks/API-1/hold")
    again = await who.call("DELETE", "/tasks/API-1/hold")

    assert (freed.json()["status"], freed.json()["hold"]) == ("todo", None)
    assert (await cast.ada.get(f"/runs/{held['run_id']}"))["state"] == state
    assert again.status_code == 200
    names = [event["name"] for event in await cast.ada.events()]
    assert names.count(f"run.{state}") == 1
    assert (await agent.claim())["task"]["key"] == "API-1"


async def test_agents_take_over_from_nobody(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    await cast.grace.call("PUT", "/tasks/API-1/hold")

    refused = [
        await agent.call("PUT", "/tasks/API-1/hold"),
        await agent.call("DELETE", "/tasks/API-1/hold"),
        await agent.call("PATCH", "/tasks/API-1", json={"title": "Mine"}),
    ]
    by_viewer = await cast.vic.call("PUT", "/tasks/API-1/hold")

    assert [refusal(one) for one in refused] == [
        (403, "run.people_only"),
        (403, "run.people_only"),
        (409, "task.already_held"),
    ]
    assert by_viewer.status_code == 403
    hold = (await cast.ada.get("/tasks/API-1"))["hold"]
    assert hold["holder"]["name"] == "Grace"


async def test_a_lease_that_ran_out_is_expired_whoever_comes_then(
    database: Database, cast: Cast
) -> None:
    await cast.ada.a_project()
    agent = await an_agent(cast.ada, max_tasks=3)
    claims = [await agent.claim((await cast.ada.a_task())["key"]) for _ in range(3)]
    for claim in claims:
        await expire(database, claim)

    await cast.grace.call("PUT", "/tasks/API-1/hold")
    await cast.grace.call("DELETE", "/tasks/API-2/hold")
    await cast.grace.patch("/tasks/API-3/status", {"status": "done"})

    runs = [await cast.ada.get(f"/runs/{claim['run_id']}") for claim in claims]
    assert [run["state"] for run in runs] == ["expired"] * 3


async def test_a_person_may_say_that_they_are_alive_for_as_long_as_they_like(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    held = (await cast.grace.call("PUT", "/tasks/API-1/hold")).json()["hold"]
    path = f"/runs/{held['run_id']}"

    beat = await cast.grace.post(f"{path}/heartbeats", {"lease_s": 60}, 200)
    noted = await cast.grace.post(f"{path}/progress", {"note": "Half of it"}, 200)

    assert (beat["expires_at"], beat["must_stop"]) == (None, False)
    assert (noted["note"], noted["lease_s"]) == ("Half of it", None)


async def test_submitted_work_that_a_person_takes_over_is_not_left_undecided(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.call("PUT", "/projects/API/policy", json={"evidence": []})
    await cast.ada.a_task()
    agent = await an_agent(cast.ada)
    claim = await agent.claim()
    path = f"/runs/{claim['run_id']}"
    await agent.write("POST", f"{path}/submission", {"summary": "Done."}, fence=claim["fence"])

    taken = await cast.grace.call("PUT", "/tasks/API-1/hold")

    if taken.status_code == 200:
        assert (await cast.ada.get(path))["state"] != "submitted"
    else:
        assert (await cast.ada.post(f"{path}/acceptance", {}, 200))["state"] == "accepted"


async def test_a_member_who_leaves_the_workspace_holds_nothing_any_more(cast: Cast) -> None:
    await cast.ada.a_project()
    await cast.ada.a_task()
    await cast.grace.call("PUT", "/tasks/API-1/hold")

    await cast.ada.delete(f"/users/{cast.grace.id}")

    task = await cast.ada.get("/tasks/API-1")
    assert (task["status"], task["hold"]) == ("todo", None)
