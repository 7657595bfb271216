"""A workspace with one of everything, or with many, and all of its rows to compare."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx
import msgspec
from sqlalchemy import select

from nexus.clients.webhooks import Answer
from nexus.entrypoints.http import API, Nexus
from nexus.features.alerts.domain import AlertRule
from nexus.features.alerts.wiring import alert_service
from nexus.features.estimates.calibrating import MIN_SAMPLES, calibrated
from nexus.features.estimates.wiring import estimate_service
from nexus.features.identity.domain import User
from nexus.features.identity.service import hash_password
from nexus.features.identity.wiring import session_service, user_service
from nexus.features.imports.jobs import run_waiting
from nexus.features.tasks.wiring import complexity_service
from nexus.features.webhooks.domain import DeliveryId
from nexus.features.webhooks.jobs import hand_out
from nexus.features.webhooks.wiring import handing
from nexus.features.workspaces.repository import MemberRepository
from nexus.features.workspaces.service import join
from nexus.platform.actor import ActorId, Role
from nexus.platform.clock import now
from nexus.platform.columns import Base
from nexus.platform.database import Database
from nexus.platform.http.authentication import csrf_token
from nexus.platform.throttle import Throttle
from tests.cast import PASSWORD, Person

Rows = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Somebody with a session instead of a key."""

    user: User
    session_id: UUID
    token: str
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {
            "Cookie": f"nexus_session={self.token}",
            "X-CSRF-Token": csrf_token(self.token),
        } | options.pop("headers", {})
        return await self.http.request(method, API + path, headers=headers, **options)


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """Somebody without a credential, who forgets the cookies that an answer sets."""

    app: Nexus

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://nexus.test") as http:
            return await http.request(method, API + path, **options)


@dataclass
class Robot:
    """An agent, whose first claim of any task has the fence that it always shows."""

    http: httpx.AsyncClient
    key: str = ""

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", "Nexus-Fence": "1"}
        headers |= options.pop("headers", {})
        return await self.http.request(method, API + path, headers=headers, **options)

    async def post(self, path: str, body: Any) -> Any:
        answer = await self.call("POST", path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()


@dataclass(frozen=True, kw_only=True)
class World:
    """What stands in a workspace. `things` names one of each, `marker` is in every project text."""

    owner: Person
    second: SignedIn
    stranger: Stranger
    robot: Robot
    marker: str
    things: dict[str, str] = field(default_factory=dict[str, str])


async def a_world(
    database: Database,
    app: Nexus,
    owner: Person,
    key: str,
    *,
    size: int = 1,
    visibility: str = "workspace",
) -> World:
    """Build a project with everything in and around it, `size` times each."""
    marker = f"marker-{uuid4().hex[:12]}"
    members = [await _member(database, owner, f"{key} {n}", Role.DEVELOPER) for n in range(size)]
    admin, _ = await _member(database, owner, f"{key} second", Role.ADMIN, PASSWORD)
    sessions = [await sign_in(database, owner.http, admin) for _ in range(size + 1)]
    world = World(
        owner=owner,
        second=sessions[0],
        stranger=Stranger(app=app),
        robot=Robot(owner.http),
        marker=marker,
        things={
            "workspace": str(owner.workspace_id),
            "user": str(members[0][1]),
            "email": admin.email,
            "session": str(sessions[-1].session_id),
        },
    )
    project = await owner.post(
        "/projects",
        {
            "key": key,
            "name": marker,
            "description": marker,
            "visibility": visibility,
            "lead_id": owner.id,
        },
    )
    world.things.update(project=key, project_id=project["id"])
    for number in range(1, size):
        await owner.a_project(f"{key}{number}")
    await owner.a_project(f"{key}O")
    world.things["other"] = f"{key}O"
    await _add_repositories(world, size)
    for _, actor_id in members:
        await owner.call("PUT", f"/projects/{key}/members/{actor_id}")
    world.things["handle"] = (await owner.get(f"/users/{world.things['user']}"))["handle"]
    await _add_tasks(world, [str(actor_id) for _, actor_id in members], size)
    await _add_the_rest(world, size)
    await _add_agents(world, size)
    await _add_runs(world, size)
    await run_waiting(database)
    await _send_webhooks(database, world, size)
    async with database.transaction(world.owner.workspace_id) as tx:
        causes = {(AlertRule.JOB_FAILED, f"job:{number}"): "It failed." for number in range(size)}
        await alert_service(tx).settle(causes)
    await _learn(database, world)
    await ask_for_import(world, "that waits")
    return world


async def rows_of(database: Database, workspace_id: UUID) -> Rows:
    """Every row of a workspace, by table: what nobody else may change."""
    found: Rows = {}
    async with database.system_reading() as tx:
        for table in Base.metadata.sorted_tables:
            column = table.c.id if table.name == "workspaces" else table.c.get("workspace_id")
            if column is not None:
                rows = await tx.execute(select(table).where(column == workspace_id))
                found[table.name] = sorted(repr(tuple(row)) for row in rows)
    return found


def ids_in(rows: Rows, *tables: str) -> set[str]:
    """The ids of these rows, of all tables unless some are named."""
    chosen = tables or tuple(rows)
    return {
        part.split("')")[0]
        for table in chosen
        for row in rows[table]
        for part in row.split("UUID('")[1:]
    }


async def sign_in(database: Database, http: httpx.AsyncClient, user: User) -> SignedIn:
    """A session, begun without the password check that costs its time on purpose."""
    async with database.system() as tx:
        service = session_service(tx, Throttle(10), timedelta(days=1))
        new = await service.start(user, address="127.0.0.1", user_agent="test")
    return SignedIn(user=user, session_id=new.session.id, token=new.token, http=http)


async def _member(
    database: Database, owner: Person, name: str, role: Role, password: str | None = None
) -> tuple[User, ActorId]:
    email = f"{uuid4().hex}@nexus.test"
    hashed = await hash_password(password) if password else None
    async with database.transaction(owner.workspace_id) as tx:
        user = await user_service(tx).register(email, name, hashed)
        members = MemberRepository(tx, owner.workspace_id)
        member = await join(members, owner.workspace_id, user, role)
    return user, member.id


async def _add_repositories(world: World, size: int) -> None:
    owner, things = world.owner, world.things
    for number in range(size):
        address = f"https://git.test/{things['project']}/{number}"
        body = {"name": f"{things['project']} {number}", "url": address}
        things["repository"] = (await owner.post("/repositories", body))["id"]
        await owner.call(
            "PUT", f"/projects/{things['project']}/repositories/{things['repository']}"
        )


async def _add_tasks(world: World, assignees: list[str], size: int) -> None:
    owner, things, marker = world.owner, world.things, world.marker
    project = things["project"]
    needed = [await owner.a_task(project, marker) for _ in range(size)]
    task = await owner.a_task(
        project,
        marker,
        description=marker,
        details=marker,
        acceptance=[f"{marker} {number}" for number in range(size)],
        labels=[f"label {project} {number}" for number in range(size)],
        assignees=assignees,
        repository_id=things["repository"],
        dependencies=[one["key"] for one in needed],
    )
    free = await owner.a_task(project, marker)
    root = await owner.a_task(project, marker)
    loose = await owner.a_task(project, marker)
    moved = await owner.a_task(things["other"], "It comes from elsewhere")
    await owner.call("PUT", f"/tasks/{root['key']}/recurrence", json={"rule": "FREQ=DAILY"})
    await owner.call("PATCH", f"/tasks/{moved['key']}/project", json={"project": project})
    things.update(
        task=task["key"],
        task_id=task["id"],
        item=task["acceptance"][0]["id"],
        dependency=needed[0]["key"],
        dependency_id=needed[0]["id"],
        free=free["key"],
        free_id=free["id"],
        root=root["key"],
        loose=loose["key"],
    )
    for _ in range(size):
        await owner.a_task(project, marker, parent=task["key"])
        await owner.a_task(project, marker, dependencies=[task["key"]])
        link = {"kind": "related", "task": free["key"], "title": marker}
        linked = await owner.post(f"/tasks/{task['key']}/links", link)
        said = {"body": f"{marker} @{things['handle']}"}
        comment = await owner.post(f"/tasks/{task['key']}/comments", said)
        proposal = {"subtasks": [{"title": marker, "description": marker}] * max(size // 2, 1)}
        split = await owner.a_task(project, marker)
        for name in ("proposal", "rejected_proposal"):
            made = await owner.post(f"/tasks/{split['key']}/proposals", proposal)
            things[name] = made["id"]
        things.update(link=linked["links"][0]["id"], comment=comment["id"])


async def _add_agents(world: World, size: int) -> None:
    """Agents with keys, of which the last one works; limits and budgets."""
    owner, things = world.owner, world.things
    for number in range(size):
        body = {"name": f"Agent {number}", "max_tasks": 100, "reserve_tokens": 10}
        things["agent"] = (await owner.post("/agents", body))["id"]
        budget = {"agent": things["agent"], "tokens": 10**12}
        answer = await owner.call("PUT", "/budgets", json=budget)
        assert answer.status_code == 200, answer.text
        limit = {"repository_id": things["repository"], "max_running": 100}
        await owner.call("PUT", "/work-limits", json=limit)
    for repository in (await owner.get("/repositories", limit=200))["items"]:
        limit = {"repository_id": repository["id"], "max_running": 100}
        await owner.call("PUT", "/work-limits", json=limit)
    things["budget"] = (await owner.call("PUT", "/budgets", json={"cost": 10**9})).json()["id"]
    await owner.call("PUT", f"/projects/{things['project']}/members/{things['agent']}")
    for number in range(size):
        key = await owner.post(f"/agents/{things['agent']}/keys", {"name": f"key {number}"})
        things["agent_key"] = key["key"]["id"]
        world.robot.key = key["secret"]


async def _add_runs(world: World, size: int) -> None:
    """A run for each of its ends, one of them with a log, questions and evidence."""
    for name in ("run", "released", "failed", "cancelled", "submitted", "accepted", "rejected"):
        world.things[f"{name}_run"] = await _a_run(world)
    for _ in range(size):
        await _a_run(world)
    run = world.things["run_run"]
    world.things["run"] = run
    for number in range(size):
        line = {"text": f"{world.marker} {number}"}
        await world.robot.post(f"/runs/{run}/log", {"lines": [line]})
        await world.robot.post(f"/runs/{run}/usage", {"tokens_in": 1})
        question = await world.robot.post(f"/runs/{run}/questions", {"text": world.marker})
        world.things["question"] = question["id"]
    proof = {"kind": "link", "url": "https://proof.test/"}
    submission = {"summary": world.marker, "evidence": [proof] * max(size, 1)}
    for name in ("accepted_run", "rejected_run"):
        await world.robot.post(f"/runs/{world.things[name]}/submission", submission)
    evidence = await world.owner.get(f"/runs/{world.things['accepted_run']}/evidence")
    world.things["evidence"] = evidence["items"][0]["id"]


async def _a_run(world: World) -> str:
    task = await world.owner.a_task(world.things["project"], world.marker)
    return (await world.robot.post("/agents/assign", {"task": task["key"]}))["run_id"]


async def _add_the_rest(world: World, size: int) -> None:
    owner, things = world.owner, world.things
    labels = await owner.get("/labels", limit=200)
    mine = f"label {things['project']}"
    things["label"] = next(one["id"] for one in labels["items"] if one["name"].startswith(mine))
    for number in range(size):
        key = await owner.post("/keys", {"name": f"key {number}"})
        things["key"] = key["key"]["id"]
        invited = await owner.post("/users", {"email": f"{uuid4().hex}@nexus.test"})
        things["invitation"] = invited["invitation"]["id"]
        accepted = await owner.post("/users", {"email": f"{uuid4().hex}@nexus.test"})
        things["token"] = accepted["token"]
        things["import"] = await ask_for_import(world, str(number), size if number else 2)
        things["job"] = f"imports.carry_out:{things['import']}"
        stopped = await owner.call("DELETE", f"/jobs/{things['job']}")  # one that may be retried
        assert stopped.status_code == 204, stopped.text
        query = {"project": [things["project"]], "q": world.marker}
        view = await owner.post("/views", {"name": f"{world.marker} {number}", "query": query})
        things["view"] = view["id"]
        field = {"key": f"f{number}_{things['project'].lower()}", "name": "Field", "type": "text"}
        things["field"] = (await owner.post(f"/projects/{things['project']}/fields", field))["key"]


async def _learn(database: Database, world: World) -> None:
    """A finished task and what it took, and a model that has learned from a dozen of it."""
    done = await world.owner.a_task(world.things["project"], world.marker)
    for status in ("in_progress", "done"):
        await world.owner.call("PATCH", f"/tasks/{done['key']}/status", json={"status": status})
    async with database.transaction(world.owner.workspace_id) as tx:
        complexities = complexity_service(tx)
        await complexities.take_in()
        model = calibrated((await complexities.samples())[:1] * MIN_SAMPLES, now())
        await estimate_service(tx).learn(world.owner.workspace_id, model)


async def _send_webhooks(database: Database, world: World, size: int) -> None:
    """Webhooks, and what they were told, taken but for the last of it."""
    for number in range(size):
        hook = {"name": f"hook {number}", "url": f"https://hook.test/{number}"}
        made = await world.owner.post("/webhooks", hook)
        world.things["webhook"] = made["webhook"]["id"]
    for _ in range(size + 1):
        await world.owner.call("POST", f"/webhooks/{world.things['webhook']}/tests")
    await hand_out(database)
    path = f"/webhooks/{world.things['webhook']}/deliveries"
    told = (await world.owner.get(path, limit=200))["items"]
    async with database.transaction(world.owner.workspace_id) as tx:
        for one in told[1:]:
            taken = Answer(status=200, error=None, took_ms=1)
            await handing(tx).settle(DeliveryId(UUID(one["id"])), taken)
    world.things["delivery"] = told[-1]["id"]


async def ask_for_import(world: World, name: str, size: int = 2) -> str:
    """Ask for one, which is carried out when somebody runs what waits."""
    things = world.things
    answer = await world.owner.call(
        "POST",
        "/imports",
        params={"project": things["project"], "source": f"file {things['project']} {name}"},
        content=backlog(world.marker, size),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def backlog(title: str, size: int = 2) -> bytes:
    """A file in the form of Task Master."""
    tasks = [
        {"id": number, "title": title, "status": "pending", "dependencies": [1] * (number > 1)}
        for number in range(1, size + 1)
    ]
    return msgspec.json.encode({"master": {"tasks": tasks}})
