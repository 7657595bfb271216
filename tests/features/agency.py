"""What tests of agents begin with: agents that speak, leases that ran out, what was claimed."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2 as httpx
from sqlalchemy import select, update

from nexus.features.tasks.tables import TaskHoldRow
from nexus.platform.actor import AGENT_PERMISSIONS, Actor, ActorId, ActorKind
from nexus.platform.clock import now
from nexus.platform.database import Database
from tests.cast import Person

FENCE = "Nexus-Fence"


@dataclass(frozen=True, kw_only=True)
class Robot(Person):
    """An agent with a key, who speaks to the application."""

    async def claim(self, task: str | None = None, **wish: Any) -> Any:
        """What was given; all of it None where nothing fits."""
        return await self.post("/agents/assign", {"task": task, **wish}, 200)

    async def write(
        self, method: str, path: str, body: Any = None, *, fence: object = None
    ) -> httpx.Response:
        headers = {} if fence is None else {FENCE: str(fence)}
        return await self.call(method, path, json=body, headers=headers)

    async def beat(self, claim: Any, **body: Any) -> httpx.Response:
        """A heartbeat for what a claim gave."""
        path = f"/runs/{claim['run_id']}/heartbeats"
        return await self.write("POST", path, body, fence=claim["fence"])

    async def release(self, claim: Any) -> Any:
        path = f"/runs/{claim['run_id']}/release"
        answer = await self.write("POST", path, {"reason": "Enough."}, fence=claim["fence"])
        assert answer.status_code == 200, answer.text
        return answer.json()


async def an_agent(person: Person, name: str = "Coder", **fields: Any) -> Robot:
    """A new agent of the person's workspace, with a key that may do all that agents may."""
    agent = await person.post("/agents", {"name": name, **fields})
    key = await person.post(f"/agents/{agent['id']}/keys", {"name": "test"})
    actor = Actor(
        id=ActorId(UUID(agent["id"])),
        workspace_id=person.actor.workspace_id,
        kind=ActorKind.AGENT,
        name=agent["name"],
        permissions=AGENT_PERMISSIONS,
    )
    return Robot(actor=actor, user=person.user, key=key["secret"], http=person.http)


def with_key(robot: Robot, key: str) -> Robot:
    return replace(robot, key=key)


async def expire(database: Database, claim: Any) -> None:
    """Let the lease that a claim gave have run out a minute ago."""
    live = (
        TaskHoldRow.assignment_id == UUID(claim["run_id"]),
        TaskHoldRow.ended_at.is_(None),
        TaskHoldRow.expires_at.is_not(None),
    )
    async with database.system() as tx:
        changed = await tx.execute(
            update(TaskHoldRow).where(*live).values(expires_at=now() - timedelta(minutes=1))
        )
    assert changed.rowcount == 1


async def fence_of(database: Database, task: Any) -> int:
    """The fence of a task, as it stands in the database now."""
    async with database.system_reading() as tx:
        of = TaskHoldRow.task_id == UUID(task["id"])
        return (await tx.execute(select(TaskHoldRow.fence).where(of))).scalar_one()
