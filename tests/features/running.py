"""Agents at work: registered, with a key of their own, and what they say under their fences."""

from dataclasses import dataclass
from typing import Any

import httpx2 as httpx

from nexus.platform.actor import Actor, ActorId, ActorKind
from tests.cast import Person
from tests.features.people import refusal

COMMIT = {"kind": "commit", "sha": "abcdef0"}


@dataclass(frozen=True, kw_only=True)
class Work:
    """A task that an agent has claimed."""

    agent: Person
    claim: Any

    @property
    def run_id(self) -> str:
        return self.claim["run_id"]

    @property
    def key(self) -> str:
        return self.claim["task"]["key"]

    @property
    def path(self) -> str:
        return f"/runs/{self.run_id}"

    @property
    def fence(self) -> dict[str, str]:
        return {"Nexus-Fence": str(self.claim["fence"])}

    async def call(self, what: str, body: Any) -> httpx.Response:
        url = f"{self.path}/{what}"
        return await self.agent.call("POST", url, json=body, headers=self.fence)

    async def say(self, what: str, body: Any, status: int = 200) -> Any:
        return await self.agent.post(f"{self.path}/{what}", body, status, **self.fence)

    async def refused(self, what: str, body: Any) -> tuple[int, str]:
        return refusal(await self.call(what, body))

    async def submit(self, *evidence: Any, summary: str = "It is done.") -> Any:
        return await self.say("submission", {"summary": summary, "evidence": evidence or [COMMIT]})

    async def run(self) -> Any:
        return await self.agent.get(self.path)

    async def task(self) -> Any:
        return await self.agent.get(f"/tasks/{self.key}")


async def an_agent(by: Person, name: str = "Robo", **limits: Any) -> Person:
    """One who speaks as a person of the cast does, with a key of its own."""
    agent = await by.post("/agents", {"name": name, **limits})
    of, kind = by.workspace_id, ActorKind.AGENT
    actor = Actor(id=ActorId(agent["id"]), workspace_id=of, kind=kind, name=name)
    new = await by.post(f"/agents/{agent['id']}/keys", {"name": "test"})
    return Person(actor=actor, user=by.user, key=new["secret"], http=by.http)


async def a_claim(agent: Person, task: str | None = None, **wish: Any) -> Work:
    """The task that is named, or the next one."""
    claim = await agent.post("/agents/assign", {"task": task, **wish}, 200)
    assert claim["task"], claim
    return Work(agent=agent, claim=claim)


async def some_work(by: Person, project: str = "API", **task: Any) -> Work:
    """A new agent on the only task of a new project."""
    await by.a_project(project)
    made = await by.a_task(project, **task)
    return await a_claim(await an_agent(by), made["key"])
