"""Agents over HTTP: registered, limited, listed with what they do, paused, removed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from nexus.entrypoints.credentials import Credentials
from nexus.features.tasks.tables import AssignmentRow
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.http.authentication import Presented
from tests.cast import Cast, Person
from tests.features.agency import an_agent, fence_of
from tests.features.people import REFUSED, refusal


async def test_an_agent_is_registered_with_all_that_it_may_take(ada: Person) -> None:
    await ada.a_project("API")
    repository = await ada.post("/repositories", {"name": "a", "url": "https://x.test/a"})

    agent = await ada.post(
        "/agents",
        {
            "name": "  The   Coder ",
            "kind": "claude-code",
            "description": "Writes code.",
            "capabilities": ["Python", "python ", "db"],
            "min_complexity": 2,
            "max_complexity": 6,
            "projects": ["API", "API"],
            "repositories": [repository["id"]],
            "max_tasks": 3,
            "needs_review": True,
            "reserve_tokens": 1000,
            "reserve_cost": 1.25,
        },
    )

    assert (agent["name"], agent["handle"], agent["kind"]) == (
        "The Coder",
        "the-coder",
        "claude-code",
    )
    assert [label.casefold() for label in agent["capabilities"]] == ["db", "python"]
    assert (agent["projects"], agent["repositories"]) == (["API"], [repository["id"]])
    assert (agent["min_complexity"], agent["max_complexity"], agent["max_tasks"]) == (2, 6, 3)
    assert (agent["needs_review"], agent["reserve_tokens"], agent["reserve_cost"]) == (
        True,
        1000,
        1.25,
    )
    assert (agent["status"], agent["seen_at"], agent["assignments"]) == ("offline", None, [])
    assert agent["totals"] == {
        "runs": 0, "by_state": {}, "usage": {"tokens_in": 0, "tokens_out": 0, "cost": 0.0}
    }  # fmt: skip
    assert agent["registered_by"] == ada.id
    assert await ada.get(f"/agents/{agent['id']}") == await ada.get("/agents/the-coder") == agent
    event = await ada.last_event()
    assert (event["name"], event["subject"]) == ("agent.registered", f"agent:{agent['id']}")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"name": " "}, 400, "request.invalid"),
        ({"kind": "Claude Code"}, 400, "request.invalid"),
        ({"min_complexity": 5, "max_complexity": 4}, 422, "agent.complexity_range_empty"),
        ({"max_complexity": 11}, 400, "request.invalid"),
        ({"max_tasks": 0}, 400, "request.invalid"),
        ({"projects": ["NOPE"]}, 404, "project.not_found"),
        ({"repositories": ["01a1feaf-e580-753e-b963-71f8855cff76"]}, 404, "repository.not_found"),
        ({"reserve_cost": -1}, 400, "request.invalid"),
        ({"paused": True}, 400, "request.invalid"),
    ],
)
async def test_an_agent_that_makes_no_sense_is_not_registered(
    ada: Person, fields: dict[str, Any], status: int, code: str
) -> None:
    refused = await ada.call("POST", "/agents", json={"name": "Coder", **fields})

    assert refusal(refused) == (status, code), refused.text
    assert (await ada.get("/agents"))["items"] == []


async def test_agents_of_one_name_have_handles_of_their_own(ada: Person) -> None:
    for _ in range(3):
        await ada.post("/agents", {"name": "Coder"})

    first = await ada.get("/agents", limit=2)
    rest = await ada.get("/agents", limit=2, cursor=first["next_cursor"])

    handles = [agent["handle"] for agent in first["items"] + rest["items"]]
    assert handles == ["coder", "coder-2", "coder-3"]
    assert rest["next_cursor"] is None


async def test_the_list_shows_what_each_works_on_and_what_it_has_done(ada: Person) -> None:
    await ada.a_project()
    for title in ("One", "Two"):
        await ada.a_task(title=title)
    busy, idle = await an_agent(ada, "Busy"), await an_agent(ada, "Idle")
    await busy.release(await busy.claim("API-1"))
    held = await busy.claim("API-2")
    used = {"tokens_in": 10, "tokens_out": 5, "cost": 0.5}
    await busy.write("POST", f"/runs/{held['run_id']}/usage", used, fence=held["fence"])
    note = {"note": "Halfway", "progress": 50}
    await busy.write("POST", f"/runs/{held['run_id']}/progress", note, fence=held["fence"])

    found = {agent["id"]: agent for agent in (await ada.get("/agents"))["items"]}

    [assignment] = found[busy.id]["assignments"]
    assert (assignment["task"], assignment["title"], assignment["run_id"]) == (
        "API-2", "Two", held["run_id"],
    )  # fmt: skip
    assert (assignment["progress"], assignment["note"]) == (50, "Halfway")
    assert found[busy.id]["status"] == "working"
    totals = found[busy.id]["totals"]
    assert (totals["runs"], totals["by_state"]) == (2, {"released": 1, "working": 1})
    assert totals["usage"] == used
    assert (found[idle.id]["assignments"], found[idle.id]["totals"]["runs"]) == ([], 0)


async def test_the_status_follows_from_what_it_holds_and_its_last_sign_of_life(
    database: Database, ada: Person
) -> None:
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    path = f"/agents/{agent.id}"

    held = await agent.claim()
    working = (await ada.get(path))["status"]
    await agent.release(held)
    idle = (await ada.get(path))["status"]
    await silent(database, held, timedelta(minutes=4))
    offline = (await ada.get(path))["status"]
    await ada.call("PUT", f"{path}/pause", json={})
    paused = (await ada.get(path))["status"]

    assert (working, idle, offline, paused) == ("working", "idle", "offline", "paused")


async def test_showing_a_key_is_a_sign_of_life(database: Database, ada: Person) -> None:
    agent = await an_agent(ada)
    credentials = Credentials(database)
    shown = Presented(
        key=agent.key, session=None, workspace_id=None, address="192.0.2.1", user_agent=""
    )

    before = await ada.get(f"/agents/{agent.id}")
    await credentials.identify(shown)
    await credentials.write_last_use()
    after = await ada.get(f"/agents/{agent.id}")

    assert (before["status"], before["seen_at"]) == ("offline", None)
    assert after["status"] == "idle"
    assert after["seen_at"] is not None
    assert after["version"] == before["version"]


async def test_an_update_changes_what_is_given_and_says_what(ada: Person) -> None:
    await ada.a_project("API")
    agent = await ada.post("/agents", {"name": "Coder", "capabilities": ["db"], "max_tasks": 2})
    path = f"/agents/{agent['id']}"

    changed = await ada.patch(path, {"name": "Writer", "projects": ["API"], "reserve_tokens": 7})
    event = await ada.last_event()
    same = await ada.patch(path, {"name": "Writer"})

    assert (changed["name"], changed["projects"], changed["version"]) == ("Writer", ["API"], 2)
    assert (changed["capabilities"], changed["max_tasks"]) == (["db"], 2)
    assert (changed["handle"], changed["reserve_tokens"]) == ("coder", 7)
    assert event["name"] == "agent.updated"
    assert event["payload"]["changes"]["name"] == ["Coder", "Writer"]
    assert event["payload"]["changes"].keys() == {"name", "projects", "reserved"}
    assert same["version"] == 2
    assert await ada.last_event() == event


async def test_an_update_for_another_version_changes_nothing(ada: Person) -> None:
    agent = await ada.post("/agents", {"name": "Coder"})
    path = f"/agents/{agent['id']}"
    shown = await ada.call("GET", path)
    await ada.patch(path, {"max_tasks": 2}, **{"If-Match": shown.headers["ETag"]})

    refused = await ada.call(
        "PATCH", path, json={"max_tasks": 3}, headers={"If-Match": shown.headers["ETag"]}
    )
    empty_range = await ada.call("PATCH", path, json={"min_complexity": 9, "max_complexity": 8})

    assert refused.status_code == 412
    assert refusal(empty_range) == (422, "agent.complexity_range_empty")
    assert (await ada.get(path))["max_tasks"] == 2


async def test_a_removed_agent_holds_nothing_and_its_keys_are_dead_at_once(
    database: Database, cast: Cast
) -> None:
    ada = cast.ada
    await ada.a_project()
    await ada.a_task()
    agent = await an_agent(ada)
    held = await agent.claim()

    await ada.delete(f"/agents/{agent.id}")

    names = [event["name"] for event in await ada.events()]
    assert names[-3:] == ["run.cancelled", "task.status_changed", "agent.removed"]
    assert refusal(await agent.call("GET", "/me")) == REFUSED
    task = await ada.get("/tasks/API-1")
    assert (task["status"], task["hold"], task["is_ready"]) == ("todo", None, True)
    run = await ada.get(f"/runs/{held['run_id']}")
    assert (run["state"], run["reason"]) == ("cancelled", "Ada removed Coder.")
    assert await fence_of(database, held["task"]) > held["fence"]
    assert refusal(await ada.call("GET", f"/agents/{agent.id}")) == (404, "agent.not_found")
    assert (await ada.get("/agents"))["items"] == []


async def test_a_removed_agent_holds_nothing_that_its_remover_cannot_see_either(
    cast: Cast,
) -> None:
    await cast.grace.a_project("SEC", visibility="private")
    await cast.grace.a_task("SEC")
    agent = await an_agent(cast.grace)
    await cast.grace.call("PUT", f"/projects/SEC/members/{agent.id}")
    await agent.claim("SEC-1")

    await cast.ada.delete(f"/agents/{agent.id}")

    task = await cast.grace.get("/tasks/SEC-1")
    assert (task["status"], task["hold"]) == ("todo", None)


async def test_viewers_and_agents_look_and_change_nothing(cast: Cast) -> None:
    agent = await an_agent(cast.ada)
    path = f"/agents/{agent.id}"
    before = await cast.ada.get(path)
    writes = [
        ("POST", "/agents", {"name": "More"}),
        ("PATCH", path, {"max_tasks": 9}),
        ("PUT", f"{path}/pause", {}),
        ("DELETE", f"{path}/pause", None),
        ("PUT", "/agents/pause", {}),
        ("DELETE", "/agents/pause", None),
        ("POST", f"{path}/keys", {"name": "more"}),
        ("GET", f"{path}/keys", None),
        ("DELETE", path, None),
        ("PUT", "/work-limits", {"project": "API", "max_running": 1}),
    ]

    refused = [
        refusal(await one.call(method, at, json=body))
        for one in (cast.vic, agent)
        for method, at, body in writes
    ]

    assert refused == [(403, "permission.missing")] * 20
    assert await cast.vic.get(path) == await agent.get("/agents/me") == before
    assert refusal(await cast.vic.call("POST", "/agents/assign", json={"agent": agent.id})) == (
        403, "permission.missing",
    )  # fmt: skip


async def test_another_workspace_has_agents_of_its_own(cast: Cast) -> None:
    agent = await an_agent(cast.ada)
    path = f"/agents/{agent.id}"

    refused = [
        await cast.bob.call("GET", path),
        await cast.bob.call("PATCH", path, json={"max_tasks": 2}),
        await cast.bob.call("PUT", f"{path}/pause", json={}),
        await cast.bob.call("DELETE", path),
        await cast.bob.call("POST", "/agents/assign", json={"agent": agent.id}),
    ]

    assert [refusal(one) for one in refused] == [(404, "agent.not_found")] * 5
    assert (await cast.bob.get("/agents"))["items"] == []
    assert (await cast.ada.get(path))["status"] == "offline"


async def test_projects_that_somebody_cannot_see_stay_hidden_and_stay(cast: Cast) -> None:
    await cast.grace.a_project("SEC", visibility="private")
    await cast.grace.a_project("API")
    agent = await cast.grace.post("/agents", {"name": "Coder", "projects": ["SEC"]})
    path = f"/agents/{agent['id']}"

    shown = (await cast.ada.get(path))["projects"]
    changed = await cast.ada.patch(path, {"projects": ["API"]})

    assert (shown, changed["projects"]) == ([], ["API"])
    assert (await cast.grace.get(path))["projects"] == ["API", "SEC"]


async def test_events_of_an_agent_name_no_project_that_the_reader_cannot_see(cast: Cast) -> None:
    await cast.grace.a_project("SEC", visibility="private")
    agent = await cast.grace.post("/agents", {"name": "Coder"})

    await cast.grace.patch(f"/agents/{agent['id']}", {"projects": ["SEC"]})

    updated = [event for event in await cast.ada.events() if event["name"] == "agent.updated"]
    assert "SEC" not in str(updated)


@pytest.mark.parametrize("name", ["Pause", "Next", "Assign", "Me"])
async def test_an_agent_whose_name_is_a_word_of_the_routes_is_found_by_its_handle(
    ada: Person, name: str
) -> None:
    agent = await ada.post("/agents", {"name": name})

    found = await ada.call("GET", f"/agents/{agent['handle']}")
    await ada.call("DELETE", f"/agents/{agent['handle']}")

    assert found.json().get("id") == agent["id"]
    assert (await ada.get("/agents"))["items"] == []


async def silent(database: Database, claim: Any, for_: timedelta) -> None:
    """Let the last sign of life in a run be so long ago."""
    async with database.system() as tx:
        await tx.execute(
            update(AssignmentRow)
            .where(AssignmentRow.id == UUID(claim["run_id"]))
            .values(heartbeat_at=now() - for_)
        )
