"""People at a browser or with a key, beside the cast: accounts, sessions, and their refusals."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2 as httpx

from nexus.entrypoints.http import Nexus
from nexus.features.identity.domain import User
from nexus.features.identity.service import hash_password
from nexus.features.identity.wiring import session_service, user_service
from nexus.features.workspaces.repository import MemberRepository
from nexus.features.workspaces.service import join
from nexus.platform.actor import Role
from nexus.platform.clock import now
from nexus.platform.database import Database
from nexus.platform.http.authentication import SESSION_COOKIE, csrf_token
from nexus.platform.throttle import Throttle
from tests.cast import API, PASSWORD, Person

REFUSED = (401, "authentication.refused")


@dataclass(frozen=True, kw_only=True)
class Browser:
    """Somebody who is signed in; `token` is what the cookie holds."""

    http: httpx.AsyncClient
    token: str
    session_id: str

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": csrf_token(self.token)} | options.pop("headers", {})
        return await self.http.request(method, API + path, headers=headers, **options)

    async def get(self, path: str, **params: Any) -> Any:
        """The answer's JSON; fails unless it is a 200."""
        response = await self.call("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()


def a_client(app: Nexus, **options: Any) -> httpx.AsyncClient:
    """Somebody at a network address of their own: failures are counted per address."""
    address = f"2001:db8::{uuid4().hex[:4]}:{uuid4().hex[:4]}"
    transport = httpx.ASGITransport(app=app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://nexus.test", **options)


async def an_account(
    database: Database, name: str = "Lin", password: str | None = PASSWORD
) -> User:
    """A user who is a member of no workspace."""
    hashed = await hash_password(password) if password else None
    async with database.system() as tx:
        return await user_service(tx).register(an_address(name), name, hashed)


async def a_member(
    database: Database, of: Person, role: Role = Role.DEVELOPER, *, password: str | None = PASSWORD
) -> User:
    """A user in the workspace of `of`."""
    user = await an_account(database, password=password)
    await joined(database, of, user, role)
    return user


async def joined(
    database: Database, of: Person, user: User, role: Role = Role.DEVELOPER, *, owner: bool = False
) -> str:
    """The id of the member that the user now is in the workspace of `of`."""
    async with database.transaction(of.actor.workspace_id) as tx:
        members = MemberRepository(tx, of.actor.workspace_id)
        member = await join(members, of.actor.workspace_id, user, role, is_owner=owner)
    return str(member.id)


async def sign_in(
    http: httpx.AsyncClient, email: str, password: str = PASSWORD, **headers: str
) -> httpx.Response:
    body = {"email": email, "password": password}
    return await http.post(f"{API}/sessions", json=body, headers=headers)


async def signed_in(database: Database, app: Nexus, user: User) -> Browser:
    """A session of the user, started without the cost of a password."""
    async with database.system() as tx:
        sessions = session_service(tx, Throttle(10), timedelta(days=30))
        new = await sessions.start(user, address="192.0.2.1", user_agent="Lynx")
    http = a_client(app, cookies={SESSION_COOKIE: new.token})
    return Browser(http=http, token=new.token, session_id=str(new.session.id))


def an_address(name: str) -> str:
    return f"{name.lower()}-{uuid4().hex[:12]}@nexus.test"


async def show(
    app: Nexus, key: str, path: str = "/me", method: str = "GET", **options: Any
) -> httpx.Response:
    """What is answered to whoever shows this key."""
    headers = {"Authorization": f"Bearer {key}"}
    return await a_client(app).request(method, API + path, headers=headers, **options)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code; what was answered where it is no refusal."""
    return answer.status_code, answer.json().get("code", answer.text)


async def keys_of(of: Person) -> list[Any]:
    return (await of.get("/keys", limit=200))["items"]


def in_hours(hours: int) -> str:
    return (now() + timedelta(hours=hours)).isoformat()
