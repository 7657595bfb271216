"""The verbs of agents: their registration, their keys, and the switch that stops them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from nexus.features.agents.domain import Agent, AgentLimits, AgentStanding
from nexus.features.agents.events import (
    AgentPausedByPerson,
    AgentRegistered,
    AgentRemoved,
    AgentResumed,
    AgentsPaused,
    AgentsResumed,
    AgentUpdated,
)
from nexus.features.agents.repository import AgentRepository
from nexus.features.projects.service import ProjectService
from nexus.features.repositories.domain import RepositoryId
from nexus.features.repositories.service import RepositoryService
from nexus.features.tasks.choosing import Wants
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.holds import Ending, RunState
from nexus.features.workspaces.domain import new_handle
from nexus.platform.actor import Actor, ActorId
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import folded, tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class AgentRules:
    """What the limits of an agent must fulfil that only the database knows."""

    def __init__(self, projects: ProjectService, repositories: RepositoryService) -> None:
        self._projects = projects
        self._repositories = repositories

    async def checked(self, limits: AgentLimits, known: AgentLimits | None = None) -> AgentLimits:
        """The limits, tidied. Raises what is wrong with what is new in them."""
        limits.check()
        for key in set(limits.projects) - set(known.projects if known else ()):
            await self._projects.get(key)
        for one in set(limits.repositories) - set(known.repositories if known else ()):
            await self._repositories.get(RepositoryId(one))
        labels = {folded(name): tidy(name) for name in limits.capabilities}
        return replace(
            limits,
            capabilities=tuple(sorted(labels.values(), key=str.casefold)),
            projects=tuple(sorted({key.upper() for key in limits.projects})),
            repositories=tuple(sorted(set(limits.repositories))),
        )


class AgentService:
    def __init__(
        self,
        agents: AgentRepository,
        rules: AgentRules,
        holds: HoldService,
        events: EventLog,
    ) -> None:
        self._agents = agents
        self._rules = rules
        self._holds = holds
        self._events = events

    async def register(
        self, name: str, kind: str, description: str, limits: AgentLimits, *, by: Actor
    ) -> Agent:
        limits = await self._rules.checked(limits)
        name = tidy(name)
        stem = new_handle(name, ())
        agent = Agent(
            id=ActorId(new_id()),
            workspace_id=by.workspace_id,
            name=name,
            handle=new_handle(stem, {*await self._agents.list_handles(stem), *_OF_ROUTES}),
            kind=kind,
            description=description,
            limits=limits,
            own_pause=None,
            switch=None,
            seen_at=None,
            registered_by=by.id,
            version=1,
            created_at=now(),
            removed_at=None,
        )

        await self._agents.add(agent)
        self._events.record(AgentRegistered(agent_id=agent.id, title=name, kind=kind), by=by)
        return agent

    async def get(self, ref: str, *, lock: bool = False) -> Agent:
        """By id or handle."""
        return await self._agents.get(ref, lock=lock)

    async def list_wants(self) -> Mapping[ActorId, Wants]:
        """What each agent of the workspace may take."""
        return {agent.id: agent.wants for agent in await self._agents.list_all()}

    async def standing(self, ref: str) -> AgentStanding:
        agent = await self._agents.get(ref)
        runs, totals = (await self._holds.standing_of([agent.id]))[agent.id]
        return AgentStanding(agent=agent, runs=runs, totals=totals)

    async def list_agents(self, cursor: str | None, limit: int) -> Page[AgentStanding]:
        page = await self._agents.list_page(cursor, limit)
        found = await self._holds.standing_of([agent.id for agent in page.items])
        return page.of(
            lambda agent: AgentStanding(
                agent=agent, runs=found[agent.id][0], totals=found[agent.id][1]
            )
        )

    async def update(
        self,
        ref: str,
        *,
        name: str | None,
        description: str | None,
        limits: Mapping[str, object],
        version: int | None,
        by: Actor,
    ) -> Agent:
        """Change what is given. Projects that `by` cannot see stay among those it may work in."""
        old = await self._agents.get(ref, lock=True)
        if version not in {None, old.version}:
            raise Stale(what="agent", current=old.version, given=version)
        wanted = replace(old.limits, **limits)  # pyright: ignore[reportArgumentType]
        if "projects" in limits:
            unseen = set(old.limits.projects) - set(old.shown_projects)
            wanted = replace(wanted, projects=(*wanted.projects, *unseen))
        new = replace(
            old,
            name=tidy(name) if name is not None else old.name,
            description=description if description is not None else old.description,
            limits=await self._rules.checked(wanted, old.limits),
            version=old.version + 1,
        )
        changes = {
            **changes_between(old, new, "name", "description"),
            **changes_between(old.limits, new.limits, *_LIMITS),
        }
        if not changes:
            return old
        if "projects" in changes:  # whoever reads of it may not know them all
            changes["projects"] = (len(old.limits.projects), len(new.limits.projects))

        await self._agents.save(new)
        self._events.record(AgentUpdated(agent_id=new.id, changes=changes), by=by)
        return new

    async def remove(self, ref: str, *, by: Actor) -> None:
        """Let an agent go for good: what it holds is free, and its keys are dead at once."""
        agent = await self._agents.get(ref, lock=True)
        ending = Ending(state=RunState.CANCELLED, reason=f"{by.name} removed {agent.name}.")
        await self._holds.free_held_by(agent.id, ending, by=by)

        await self._agents.save(agent.removed(now()))
        self._events.record(AgentRemoved(agent_id=agent.id), by=by)

    async def pause(self, ref: str, reason: str, *, by: Actor) -> Agent:
        """No work for an agent, whose heartbeats tell it to stop. Pausing twice changes nothing."""
        agent = await self._agents.get(ref, lock=True)
        if agent.own_pause:
            return agent

        await self._agents.set_pause(agent.id, now(), tidy(reason))
        self._events.record(AgentPausedByPerson(agent_id=agent.id, reason=tidy(reason)), by=by)
        return await self._agents.get(ref)

    async def resume(self, ref: str, *, by: Actor) -> Agent:
        """Let an agent work again; where all are paused it still has to wait for them."""
        agent = await self._agents.get(ref, lock=True)
        if agent.own_pause is None:
            return agent

        await self._agents.set_pause(agent.id, None, "")
        self._events.record(AgentResumed(agent_id=agent.id), by=by)
        return replace(agent, own_pause=None)

    async def pause_all(self, reason: str, *, by: Actor) -> None:
        """The big red switch: no work for anybody, those registered later included."""
        if await self._agents.switch_off(now(), by.id, tidy(reason)):
            self._events.record(
                AgentsPaused(workspace_id=by.workspace_id, reason=tidy(reason)), by=by
            )

    async def resume_all(self, *, by: Actor) -> None:
        """Work for all again, but for those that are paused each by itself."""
        if await self._agents.switch_on():
            self._events.record(AgentsResumed(workspace_id=by.workspace_id), by=by)

    async def save_seen(self, seen: Mapping[UUID, datetime]) -> None:
        """When agents of any workspaces last showed a key."""
        await self._agents.save_seen(seen)


_OF_ROUTES = {"assign", "me", "next", "pause"}
"""What stands in addresses where an agent's handle could stand."""

_LIMITS = (
    "capabilities",
    "min_complexity",
    "max_complexity",
    "projects",
    "repositories",
    "max_tasks",
    "needs_review",
    "reserved",
)
