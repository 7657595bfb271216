"""Fences over HTTP: nobody writes on a task that they have lost, or that somebody else holds."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import select, update

from nexus.features.runs.jobs import expire_all
from nexus.features.tasks.tables import TaskHoldRow, TaskRow
from nexus.platform.columns import database_clock
from nexus.platform.database import Database
from tests.cast import Cast, Person
from tests.features.agency import Robot, an_agent, expire, fence_of
from tests.features.people import refusal

MISSING, SUPERSEDED = (409, "task.fence_missing"), (409, "task.fence_superseded")
HELD, OVER = (409, "task.already_held"), (409, "run.over")

WRITES = [
    "fields", "parent", "acceptance", "depend", "undepend", "link", "unlink",
    "position", "recur", "unrecur", "transfer", "bulk",
]  # fmt: skip
FOR_OTHERS = {"acceptance": "task.acceptance_of_own_work", "transfer": "task.held_stays"}
LOSSES = ["expired", "swept", "retaken", "taken over", "moved", "cancelled"]
REPORTS = ["heartbeats", "progress", "log", "usage", "questions", "submission", "release",
           "failure", "cancellation"]  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A task with all that can be written on it, and the agent that holds it."""

    ada: Person
    agent: Robot
    task: Any
    claim: Any

    async def write(
        self, what: str, *, fence: object = None, by: Robot | None = None
    ) -> httpx.Response:
        key, task = self.task["key"], self.task
        item, link = task["acceptance"][0]["id"], task["links"][0]["id"]
        version = (await self.ada.get(f"/tasks/{key}"))["version"]
        ways: dict[str, tuple[str, str, Any]] = {
            "fields": ("PATCH", f"/tasks/{key}", {"title": "Written"}),
            "parent": ("PATCH", f"/tasks/{key}", {"parent": "API-2"}),
            "acceptance": ("PATCH", f"/tasks/{key}/acceptance/{item}", {"is_met": True}),
            "depend": ("POST", f"/tasks/{key}/dependencies", {"depends_on": "API-2"}),
            "undepend": ("DELETE", f"/tasks/{key}/dependencies/API-1", None),
            "link": ("POST", f"/tasks/{key}/links", {"kind": "related", "task": "API-2"}),
            "unlink": ("DELETE", f"/tasks/{key}/links/{link}", None),
            "position": ("PATCH", f"/tasks/{key}/position", {"before": "API-1"}),
            "recur": ("PUT", f"/tasks/{key}/recurrence", {"rule": "FREQ=MONTHLY"}),
            "unrecur": ("DELETE", f"/tasks/{key}/recurrence", None),
            "transfer": ("PATCH", f"/tasks/{key}/project", {"project": "WEB"}),
            "bulk": ("PATCH", "/tasks", {"items": [
                {"task": "API-2", "version": 1, "title": "Written"},
                {"task": key, "version": version, "title": "Written"},
            ]}),
        }  # fmt: skip
        method, path, body = ways[what]
        return await (by or self.agent).write(method, path, body, fence=fence)

    async def report(self, what: str, *, fence: object = None) -> httpx.Response:
        body = {
            "progress": {"note": "Going"},
            "log": {"lines": [{"text": "line"}]},
            "usage": {"tokens_in": 1},
            "questions": {"text": "Which?"},
            "submission": {"summary": "Done."},
            "release": {"reason": ""},
            "failure": {"reason": "Broken."},
            "cancellation": {"reason": ""},
        }.get(what, {})
        path = f"/runs/{self.claim['run_id']}/{what}"
        return await self.agent.write("POST", path, body, fence=fence)

    async def everything(self) -> Any:
        """All that is known of the task, but for what the clock alone changes."""
        task = await self.ada.get(f"/tasks/{self.task['key']}")
        last = (await self.ada.last_event())["seq"]
        return task | {"hold": None}, await self.ada.get("/tasks/API-2"), last


async def a_scene(ada: Person) -> Scene:
    for key in ("API", "WEB"):
        await ada.a_project(key)
    for _ in range(2):
        await ada.a_task()
    await ada.finish("API-1")
    key = (await ada.a_task(acceptance=["It works"], dependencies=["API-1"]))["key"]
    await ada.post(f"/tasks/{key}/links", {"kind": "related", "task": "API-1"})
    await ada.call("PUT", f"/tasks/{key}/recurrence", json={"rule": "FREQ=DAILY"})
    agent = await an_agent(ada)
    claim = await agent.claim(key)
    return Scene(ada=ada, agent=agent, task=await ada.get(f"/tasks/{key}"), claim=claim)


@pytest.mark.parametrize("what", [what for what in WRITES if what not in FOR_OTHERS])
async def test_what_is_written_under_a_fence_carries_run_and_fence(ada: Person, what: str) -> None:
    scene = await a_scene(ada)
    before = (await ada.last_event())["seq"]

    written = await scene.write(what, fence=scene.claim["fence"])

    assert written.status_code in {200, 201}, written.text
    event = await ada.last_event()
    assert event["seq"] > before
    assert event["actor"]["id"] == scene.agent.id
    assert (event["run_id"], event["fence"]) == (scene.claim["run_id"], scene.claim["fence"])


@pytest.mark.parametrize("what", FOR_OTHERS)
async def test_what_is_not_for_who_works_on_it_is_not_for_its_fence_either(
    ada: Person, what: str
) -> None:
    scene = await a_scene(ada)
    before = await scene.everything()

    refused = await scene.write(what, fence=scene.claim["fence"])

    assert refusal(refused) == (403, FOR_OTHERS[what])
    assert await scene.everything() == before


async def test_an_agent_does_not_rewrite_what_its_own_work_has_to_fulfil(ada: Person) -> None:
    scene = await a_scene(ada)
    key, version, fence = scene.task["key"], scene.task["version"], scene.claim["fence"]
    wanted: dict[str, Any] = {"acceptance": [{"text": "It exists"}]}
    items = [{"task": key, "version": version, **wanted}]
    before = await scene.everything()

    alone = await scene.agent.write("PATCH", f"/tasks/{key}", wanted, fence=fence)
    many = await scene.agent.write("PATCH", "/tasks", {"items": items}, fence=fence)

    assert refusal(alone) == refusal(many) == (403, "task.acceptance_of_own_work")
    assert await scene.everything() == before


async def test_an_agent_shows_its_fence_to_write_on_what_it_holds(ada: Person) -> None:
    scene = await a_scene(ada)
    before = await scene.everything()

    for what in WRITES:
        refused = await scene.write(what)
        assert (what, refusal(refused)) == (what, MISSING), refused.text
    for what in REPORTS:
        refused = await scene.report(what)
        assert (what, refusal(refused)) == (what, MISSING), refused.text

    assert await scene.everything() == before


@pytest.mark.parametrize("lost", LOSSES)
async def test_a_superseded_fence_changes_nothing_and_says_why(
    database: Database, cast: Cast, lost: str
) -> None:
    scene = await a_scene(cast.ada)
    await lose(database, cast, scene, lost)
    before = await scene.everything()

    for what in WRITES:
        refused = await scene.write(what, fence=scene.claim["fence"])
        assert (what, refusal(refused)) in {(what, SUPERSEDED), (what, HELD)}, refused.text
        assert "Nothing was changed" in refused.text or "holds it" in refused.text

    assert await scene.everything() == before


@pytest.mark.parametrize("lost", LOSSES)
async def test_a_run_that_is_lost_takes_no_more_reports_and_says_why(
    database: Database, cast: Cast, lost: str
) -> None:
    scene = await a_scene(cast.ada)
    await lose(database, cast, scene, lost)
    path = f"/runs/{scene.claim['run_id']}"
    before, run = await scene.everything(), await cast.ada.get(path)

    for what in REPORTS:
        refused = await scene.report(what, fence=scene.claim["fence"])
        assert (what, refusal(refused)) in {(what, SUPERSEDED), (what, OVER)}, refused.text
        assert "Nothing was changed" in refused.text

    assert await scene.everything() == before
    assert await cast.ada.get(path) == run


async def test_nobody_but_people_writes_on_what_another_agent_holds(ada: Person) -> None:
    scene = await a_scene(ada)
    other = await an_agent(ada, "Other")
    before = await scene.everything()

    for what in WRITES:
        plain = await scene.write(what, by=other)
        borrowed = await scene.write(what, by=other, fence=scene.claim["fence"])
        assert (what, refusal(plain)) == (what, HELD), plain.text
        assert (what, refusal(borrowed)) in {(what, HELD), (what, SUPERSEDED)}, borrowed.text

    assert await scene.everything() == before


async def test_what_hangs_below_a_moving_task_is_fenced_too(ada: Person) -> None:
    for key in ("API", "WEB"):
        await ada.a_project(key)
    await ada.a_task()
    await ada.a_task(parent="API-1")
    holder, other = await an_agent(ada, "Holder"), await an_agent(ada, "Other")
    await holder.claim("API-2")

    by_other = await other.write("PATCH", "/tasks/API-1/project", {"project": "WEB"})
    without = await holder.write("PATCH", "/tasks/API-1/project", {"project": "WEB"})

    assert (await ada.get("/tasks/API-2"))["key"] == "API-2"
    assert refusal(by_other) == HELD
    assert refusal(without) in {MISSING, (403, FOR_OTHERS["transfer"])}


@pytest.mark.parametrize("status", ["todo", "done", "in_progress"])
async def test_agents_do_not_set_a_status(ada: Person, status: str) -> None:
    scene = await a_scene(ada)
    key, fence = scene.task["key"], scene.claim["fence"]
    items = [{"task": key, "version": scene.task["version"], "status": status}]
    before = await scene.everything()

    refused = [
        await scene.agent.write("PATCH", f"/tasks/{key}/status", {"status": status}, fence=fence),
        await scene.agent.write("PATCH", "/tasks/API-2/status", {"status": status}),
        await scene.agent.write("PATCH", "/tasks", {"items": items}, fence=fence),
    ]

    assert [refusal(one) for one in refused] == [(403, "task.agents_submit")] * 3
    assert await scene.everything() == before


async def test_comments_need_no_fence_and_belong_to_the_run(
    database: Database, ada: Person
) -> None:
    scene = await a_scene(ada)
    path, body = f"/tasks/{scene.task['key']}/comments", {"body": "Half of it works."}

    without = await scene.agent.write("POST", path, body)
    event = await ada.last_event()
    await expire(database, scene.claim)
    afterwards = await scene.agent.write("POST", path, body)

    assert (without.status_code, afterwards.status_code) == (201, 201)
    assert (event["name"], event["run_id"]) == ("task.commented", scene.claim["run_id"])
    assert (await ada.last_event())["fence"] is None


async def test_a_comment_under_a_fence_that_is_over_is_refused(
    database: Database, ada: Person
) -> None:
    scene = await a_scene(ada)
    path, body = f"/tasks/{scene.task['key']}/comments", {"body": "Half of it works."}
    good = await scene.agent.write("POST", path, body, fence=scene.claim["fence"])
    await expire(database, scene.claim)

    late = await scene.agent.write("POST", path, body, fence=scene.claim["fence"])

    assert (good.status_code, refusal(late)) == (201, SUPERSEDED)
    assert len((await ada.get(path))["items"]) == 1


async def test_a_comment_waits_for_whoever_ends_the_run_of_it(
    database: Database, ada: Person
) -> None:
    """Or it would be written under the fence of a run that is over."""
    scene = await a_scene(ada)
    path, body = f"/tasks/{scene.task['key']}/comments", {"body": "Half of it works."}

    async with database.transaction(ada.actor.workspace_id) as tx:
        held = select(TaskRow.id).where(TaskRow.id == UUID(scene.task["id"]))
        await tx.execute(held.with_for_update())
        ending = update(TaskHoldRow).where(TaskHoldRow.task_id == UUID(scene.task["id"]))
        await tx.execute(ending.values(ended_at=database_clock()))
        comment = asyncio.create_task(scene.agent.write("POST", path, body))
        await asyncio.sleep(0.2)
        waited = not comment.done()

    assert (waited, (await comment).status_code) == (True, 201)
    assert ((await ada.last_event())["name"], (await ada.last_event())["run_id"]) == (
        "task.commented",
        None,
    )


@pytest.mark.parametrize(
    "fence",
    ["0", "-1", "x", "1.0", "1e3", "", " 1", "٣", "99999999999", "21474836470",
     pytest.param("1" * 60, id="60 digits"), pytest.param("1" * 5000, id="5000 digits")],
)  # fmt: skip
async def test_a_fence_that_is_no_fence_is_refused(ada: Person, fence: str) -> None:
    scene = await a_scene(ada)
    before = await scene.everything()
    headers = {b"Nexus-Fence": fence.encode()}

    for method, path, body in [
        ("PATCH", f"/tasks/{scene.task['key']}", {"title": "Written"}),
        ("POST", "/tasks", {"project": "API", "title": "Written"}),
        ("POST", f"/runs/{scene.claim['run_id']}/heartbeats", {}),
    ]:
        answer = await scene.agent.call(method, path, json=body, headers=headers)
        assert refusal(answer) in {(400, "request.malformed"), SUPERSEDED}, answer.text

    assert await scene.everything() == before


@pytest.mark.parametrize("ahead", [1, 5, 2**30])
async def test_a_fence_of_another_number_is_refused(ada: Person, ahead: int) -> None:
    scene = await a_scene(ada)
    before = await scene.everything()

    refused = [
        await scene.write("fields", fence=scene.claim["fence"] + ahead),
        await scene.report("progress", fence=scene.claim["fence"] + ahead),
    ]

    assert [refusal(one) for one in refused] == [SUPERSEDED] * 2
    assert await scene.everything() == before


async def test_new_tasks_are_made_in_the_run_whose_fence_is_shown(
    database: Database, ada: Person
) -> None:
    scene = await a_scene(ada)
    body = {"project": "API", "title": "Found on the way"}

    made = await scene.agent.write("POST", "/tasks", body, fence=scene.claim["fence"])
    event = await ada.last_event()
    await expire(database, scene.claim)
    refused = await scene.agent.write("POST", "/tasks", body, fence=scene.claim["fence"])

    assert made.status_code == 201
    assert (event["name"], event["run_id"]) == ("task.created", scene.claim["run_id"])
    assert refusal(refused) == SUPERSEDED


async def test_what_is_written_on_two_tasks_at_once_belongs_to_the_run_of_each(
    ada: Person,
) -> None:
    await ada.a_project()
    agent = await an_agent(ada, max_tasks=2)
    claims = [await agent.claim((await ada.a_task())["key"]) for _ in range(2)]
    items = [{"task": one["task"]["key"], "version": 2, "title": "Both"} for one in claims]

    written = await agent.write("PATCH", "/tasks", {"items": items}, fence=claims[0]["fence"])

    assert written.status_code == 200, written.text
    updated = [event for event in await ada.events() if event["name"] == "task.updated"]
    of_runs = {event["task_id"]: event["run_id"] for event in updated}
    assert of_runs == {claim["task"]["id"]: claim["run_id"] for claim in claims}


async def test_a_stored_answer_is_repeated_under_a_fence_that_is_superseded_now(
    database: Database, ada: Person
) -> None:
    scene = await a_scene(ada)
    path, fence = f"/tasks/{scene.task['key']}", str(scene.claim["fence"])
    headers = {"Nexus-Fence": fence, "Idempotency-Key": f"once-{uuid4()}"}
    first = await scene.agent.call("PATCH", path, json={"title": "Once"}, headers=headers)
    await expire(database, scene.claim)

    again = await scene.agent.call("PATCH", path, json={"title": "Once"}, headers=headers)

    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotent-replayed"] == "true"


async def test_of_a_write_and_a_person_who_takes_over_at_once_one_comes_first(
    cast: Cast,
) -> None:
    scene = await a_scene(cast.ada)
    path = f"/tasks/{scene.task['key']}"

    written, taken = await asyncio.gather(
        scene.write("fields", fence=scene.claim["fence"]), cast.grace.call("PUT", f"{path}/hold")
    )

    assert taken.status_code == 200
    events = await cast.ada.events()
    takeover = next(i for i, event in enumerate(events) if event["name"] == "run.cancelled")
    updated = [i for i, event in enumerate(events) if event["name"] == "task.updated"]
    assert (written.status_code, len(updated)) in {(200, 1), (409, 0)}
    assert all(i < takeover for i in updated)


async def lose(database: Database, cast: Cast, scene: Scene, how: str) -> None:
    """Let the agent lose what it holds."""
    path = f"/tasks/{scene.task['key']}"
    if how in {"expired", "swept", "retaken"}:
        await expire(database, scene.claim)
    match how:
        case "swept":
            await expire_all(database)
        case "retaken":
            await (await an_agent(cast.ada, "Quick")).claim(scene.task["key"])
        case "taken over":
            await cast.grace.call("PUT", f"{path}/hold")
        case "moved":
            await cast.grace.patch(f"{path}/status", {"status": "todo"})
        case "cancelled":
            await cast.grace.post(f"/runs/{scene.claim['run_id']}/cancellation", {}, 200)
        case _:
            return
    assert await fence_of(database, scene.task) > scene.claim["fence"]
