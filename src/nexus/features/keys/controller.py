"""API keys over HTTP."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import Provide

from nexus.features.keys.domain import KeyId
from nexus.features.keys.dto import KeyIn, KeyOut, KeyPage, NewKeyOut, RotationIn
from nexus.features.keys.service import KeyService
from nexus.features.keys.wiring import key_service
from nexus.platform.actor import Actor, ActorId
from nexus.platform.http.answers import CursorParameter, Limit, paged
from nexus.platform.http.guards import may


class KeyController(Controller):
    path = "/keys"
    tags = ["Keys"]
    dependencies = {"keys": Provide(key_service, sync_to_thread=False)}

    @get(
        guards=[may("keys:read")],
        operation_id="listKeys",
        summary="List your API keys (an admin: everybody's)",
    )
    async def list_keys(
        self,
        request: Request[Any, Any, Any],
        keys: KeyService,
        actor: Actor,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[KeyPage]:
        page = await keys.list_keys(cursor, limit, by=actor)
        items = [KeyOut.of(key) for key in page.items]
        return paged(request, KeyPage(items=items, next_cursor=page.next_cursor))

    @post(
        guards=[may("keys:write")],
        opt={"answers_secret": True},
        operation_id="createKey",
        summary="Create an API key for yourself",
    )
    async def create(self, data: KeyIn, keys: KeyService, actor: Actor) -> NewKeyOut:
        new = await keys.create(data.name, scopes=data.scopes, expires_at=data.expires_at, by=actor)
        return NewKeyOut.of(new)

    @get(
        "/{key_id:uuid}", guards=[may("keys:read")], operation_id="getKey", summary="Get an API key"
    )
    async def get_key(self, key_id: UUID, keys: KeyService, actor: Actor) -> KeyOut:
        return KeyOut.of(await keys.get(KeyId(key_id), by=actor))

    @post(
        "/{key_id:uuid}/rotations",
        guards=[may("keys:write")],
        opt={"answers_secret": True},
        operation_id="rotateKey",
        summary="Replace a key of yours by a new one",
    )
    async def rotate(
        self, key_id: UUID, data: RotationIn, keys: KeyService, actor: Actor
    ) -> NewKeyOut:
        overlap = timedelta(seconds=data.overlap_s)
        return NewKeyOut.of(await keys.rotate(KeyId(key_id), overlap=overlap, by=actor))

    @delete(
        "/{key_id:uuid}",
        guards=[may("keys:write")],
        operation_id="revokeKey",
        summary="Revoke an API key at once",
    )
    async def revoke(self, key_id: UUID, keys: KeyService, actor: Actor) -> None:
        await keys.revoke(KeyId(key_id), by=actor)


class AgentKeyController(Controller):
    """The keys of agents, looked after by people."""

    path = "/agents/{agent_id:uuid}/keys"
    tags = ["Agents"]
    dependencies = {"keys": Provide(key_service, sync_to_thread=False)}

    @get(
        guards=[may("agents:write")],
        operation_id="listAgentKeys",
        summary="List the API keys of an agent",
    )
    async def list_keys(
        self,
        agent_id: UUID,
        request: Request[Any, Any, Any],
        keys: KeyService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[KeyPage]:
        page = await keys.list_of(ActorId(agent_id), cursor, limit)
        items = [KeyOut.of(key) for key in page.items]
        return paged(request, KeyPage(items=items, next_cursor=page.next_cursor))

    @post(
        guards=[may("agents:write")],
        opt={"answers_secret": True},
        operation_id="createAgentKey",
        summary="Create an API key for an agent",
    )
    async def create(
        self, agent_id: UUID, data: KeyIn, keys: KeyService, actor: Actor
    ) -> NewKeyOut:
        new = await keys.create_for_agent(
            ActorId(agent_id), data.name, scopes=data.scopes, expires_at=data.expires_at, by=actor
        )
        return NewKeyOut.of(new)

    @post(
        "/{key_id:uuid}/rotations",
        guards=[may("agents:write")],
        opt={"answers_secret": True},
        operation_id="rotateAgentKey",
        summary="Replace a key of an agent by a new one",
    )
    async def rotate(
        self, agent_id: UUID, key_id: UUID, data: RotationIn, keys: KeyService, actor: Actor
    ) -> NewKeyOut:
        new = await keys.rotate_of(
            ActorId(agent_id), KeyId(key_id), overlap=timedelta(seconds=data.overlap_s), by=actor
        )
        return NewKeyOut.of(new)

    @delete(
        "/{key_id:uuid}",
        guards=[may("agents:write")],
        operation_id="revokeAgentKey",
        summary="Revoke a key of an agent at once",
    )
    async def revoke(self, agent_id: UUID, key_id: UUID, keys: KeyService, actor: Actor) -> None:
        await keys.revoke_of(ActorId(agent_id), KeyId(key_id), by=actor)
