"""The people of every test, in workspaces of their own: nothing is shared, nothing is cleaned up.

Ada owns the workspace, Grace is a developer in it and Vic a viewer; Bob owns another workspace.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2 as httpx

from nexus.entrypoints.http import Nexus
from nexus.features.identity.domain import User
from nexus.features.identity.wiring import user_service
from nexus.features.keys.wiring import key_service
from nexus.features.workspaces.repository import MemberRepository
from nexus.features.workspaces.service import join
from nexus.features.workspaces.wiring import workspace_service
from nexus.platform.actor import ROLE_PERMISSIONS, Actor, ActorKind, Role
from nexus.platform.database import Database

API = "/api/v1"
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with an API key, who speaks to the application."""

    actor: Actor
    user: User
    key: str
    http: httpx.AsyncClient

    @property
    def id(self) -> str:
        return str(self.actor.id)

    @property
    def workspace_id(self) -> UUID:
        return self.actor.workspace_id

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return await self.http.request(method, API + path, headers=headers, **options)

    async def get(self, path: str, **params: Any) -> Any:
        """The answer's JSON; fails unless it is a 200."""
        return _expected(await self.call("GET", path, params=params), 200)

    async def post(self, path: str, body: Any, status: int = 201, **headers: str) -> Any:
        return _expected(await self.call("POST", path, json=body, headers=headers), status)

    async def patch(self, path: str, body: Any, status: int = 200, **headers: str) -> Any:
        return _expected(await self.call("PATCH", path, json=body, headers=headers), status)

    async def delete(self, path: str, status: int = 204) -> Any:
        return _expected(await self.call("DELETE", path), status)

    async def a_project(self, key: str = "API", **fields: Any) -> str:
        """A new project's key."""
        created = await self.post("/projects", {"key": key, "name": f"Project {key}", **fields})
        return created["key"]

    async def a_task(self, project: str = "API", title: str = "A task", **fields: Any) -> Any:
        return await self.post("/tasks", {"project": project, "title": title, **fields})

    async def finish(self, key: str) -> Any:
        return await self.patch(f"/tasks/{key}/status", {"status": "done"})

    async def events(self, **params: Any) -> list[Any]:
        """The workspace's events, oldest first."""
        return (await self.get("/events", limit=200, **params))["items"]

    async def last_event(self) -> Any:
        return (await self.get("/events", sort="newest", limit=1))["items"][0]


@dataclass(frozen=True, kw_only=True)
class Cast:
    ada: Person
    grace: Person
    vic: Person
    bob: Person


async def enter(database: Database, app: Nexus) -> Cast:
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://nexus.test")
    ada = await _owner(database, http, "Ada")
    return Cast(
        ada=ada,
        grace=await _member(database, http, ada, "Grace", Role.DEVELOPER),
        vic=await _member(database, http, ada, "Vic", Role.VIEWER),
        bob=await _owner(database, http, "Bob"),
    )


async def _owner(database: Database, http: httpx.AsyncClient, name: str) -> Person:
    async with database.system() as tx:
        user = await user_service(tx).register(_email(name), name, None)
        actor = await workspace_service(tx).create(f"{name}'s workspace", user)
        key = await key_service(tx).create("test", scopes=None, expires_at=None, by=actor)
    return Person(actor=actor, user=user, key=key.text, http=http)


async def _member(
    database: Database, http: httpx.AsyncClient, owner: Person, name: str, role: Role
) -> Person:
    async with database.transaction(owner.actor.workspace_id) as tx:
        user = await user_service(tx).register(_email(name), name, None)
        members = MemberRepository(tx, owner.actor.workspace_id)
        member = await join(members, owner.actor.workspace_id, user, role)
        actor = Actor(
            id=member.id,
            workspace_id=member.workspace_id,
            kind=ActorKind.MEMBER,
            name=name,
            role=role,
            user_id=user.id,
            permissions=ROLE_PERMISSIONS[role],
        )
        key = await key_service(tx).create("test", scopes=None, expires_at=None, by=actor)
    return Person(actor=actor, user=user, key=key.text, http=http)


def _email(name: str) -> str:
    return f"{name.lower()}-{uuid4().hex[:12]}@nexus.test"


def _expected(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    return response.json() if response.content else None
