"""Agents over HTTP."""

from typing import Annotated, Any

from litestar import Controller, Request, Response, delete, get, patch, post, put
from litestar.di import Provide
from litestar.params import PathParameter
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from nexus.features.agents.domain import Agent
from nexus.features.agents.dto import AgentIn, AgentOut, AgentPage, AgentPatch, PauseIn
from nexus.features.agents.service import AgentService
from nexus.features.agents.wiring import agent_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    expected_version,
    given,
    paged,
    versioned,
)
from nexus.platform.http.guards import may

AgentPath = Annotated[
    str, PathParameter(description="The agent's id or handle; `me` for the agent that asks.")
]


def agent_named(agent: AgentPath, actor: Actor) -> str:
    """`me` is whoever asks."""
    return str(actor.id) if agent == "me" else agent


class AgentController(Controller):
    path = "/agents"
    tags = ["Agents"]
    dependencies = {"agents": Provide(agent_service, sync_to_thread=False)}

    @get(
        guards=[may("agents:read")],
        operation_id="listAgents",
        summary="List agents with what they work on, their status and totals",
    )
    async def list_agents(
        self,
        request: Request[Any, Any, Any],
        agents: AgentService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[AgentPage]:
        page = await agents.list_agents(cursor, limit)
        items = [AgentOut.of(one) for one in page.items]
        return paged(request, AgentPage(items=items, next_cursor=page.next_cursor))

    @post(guards=[may("agents:write")], operation_id="registerAgent", summary="Register an agent")
    async def register(
        self, data: AgentIn, agents: AgentService, actor: Actor
    ) -> Response[AgentOut]:
        agent = await agents.register(
            data.name, data.kind, data.description, data.limits(), by=actor
        )
        return await _shown(agent, agents, status=201)

    @put(
        "/pause",
        status_code=HTTP_204_NO_CONTENT,
        guards=[may("agents:write")],
        operation_id="pauseAgents",
        summary="Pause all agents, those that come later too",
    )
    async def pause_all(self, data: PauseIn, agents: AgentService, actor: Actor) -> None:
        await agents.pause_all(data.reason, by=actor)

    @delete(
        "/pause",
        guards=[may("agents:write")],
        operation_id="resumeAgents",
        summary="Let all agents work again that are not paused each by itself",
    )
    async def resume_all(self, agents: AgentService, actor: Actor) -> None:
        await agents.resume_all(by=actor)

    @get(
        "/{agent:str}",
        guards=[may("agents:read")],
        operation_id="getAgent",
        summary="Get an agent with what it works on, its status and totals",
    )
    async def get_agent(
        self, agent: AgentPath, agents: AgentService, actor: Actor
    ) -> Response[AgentOut]:
        return versioned(AgentOut.of(await agents.standing(agent_named(agent, actor))))

    @patch(
        "/{agent:str}",
        guards=[may("agents:write")],
        operation_id="updateAgent",
        summary="Change what an agent may take",
    )
    async def update(
        self,
        agent: AgentPath,
        data: AgentPatch,
        agents: AgentService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[AgentOut]:
        old = await agents.get(agent)
        updated = await agents.update(
            agent,
            name=given(data.name),
            description=given(data.description),
            limits=data.limits(old.limits),
            version=expected_version(if_match),
            by=actor,
        )
        return await _shown(updated, agents)

    @delete(
        "/{agent:str}",
        guards=[may("agents:write")],
        operation_id="removeAgent",
        summary="Remove an agent: its keys are dead, and what it holds is free",
    )
    async def remove(self, agent: AgentPath, agents: AgentService, actor: Actor) -> None:
        await agents.remove(agent, by=actor)

    @put(
        "/{agent:str}/pause",
        status_code=HTTP_200_OK,
        guards=[may("agents:write")],
        operation_id="pauseAgent",
        summary="Pause an agent: it gets no work, and its heartbeats tell it to stop",
    )
    async def pause(
        self, agent: AgentPath, data: PauseIn, agents: AgentService, actor: Actor
    ) -> Response[AgentOut]:
        return await _shown(await agents.pause(agent, data.reason, by=actor), agents)

    @delete(
        "/{agent:str}/pause",
        status_code=HTTP_200_OK,
        guards=[may("agents:write")],
        operation_id="resumeAgent",
        summary="Let an agent work again",
    )
    async def resume(
        self, agent: AgentPath, agents: AgentService, actor: Actor
    ) -> Response[AgentOut]:
        return await _shown(await agents.resume(agent, by=actor), agents)


async def _shown(agent: Agent, agents: AgentService, status: int = 200) -> Response[AgentOut]:
    return versioned(AgentOut.of(await agents.standing(str(agent.id))), status=status)
