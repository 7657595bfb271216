"""Agents in and out of the database, always within one workspace."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from nexus.features.agents.domain import Agent, AgentLimits, Pause
from nexus.features.agents.errors import AgentHandleTaken, AgentNotFound
from nexus.features.agents.tables import AgentRow, AgentSwitchRow
from nexus.features.tasks.holds import Reservation
from nexus.platform.actor import ActorId, ActorKind, WorkspaceId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.prepared import Looking, Prepared, Template
from nexus.platform.rows import ActorRow
from nexus.platform.upsert import insert_missing
from nexus.platform.visibility import hidden_keys


class AgentRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, ref: str, *, lock: bool = False) -> Agent:
        """By id, or by handle with or without its @."""
        named: dict[str, Any]
        try:
            named = {"id": UUID(ref)}
        except ValueError:
            named = {"handle": ref.removeprefix("@").casefold()}
        row = (await _one(self._tx, ("id" in named, lock), **named)).first()
        if row is None:
            raise AgentNotFound(id=ref[:60])
        return _agent(row)

    async def list_page(self, cursor: str | None, limit: int) -> Page[Agent]:
        query = _agents(self._tx).order_by(ActorRow.handle, ActorRow.id).limit(limit + 1)
        if cursor:
            handle, last = read_cursor("agents", cursor, tuple[str, UUID])
            query = query.where(tuple_(ActorRow.handle, ActorRow.id) > tuple_(handle, last))
        agents = [_agent(row) for row in await self._tx.execute(query)]
        return page_of(agents, limit, "agents", lambda one: (one.handle, one.id))

    async def list_all(self) -> list[Agent]:
        """For those who wait for work, of whom there are as many in memory."""
        return [_agent(row) for row in await self._tx.execute(_agents(self._tx))]

    async def list_handles(self, like: str) -> Collection[str]:
        found = await self._tx.execute(
            select(ActorRow.handle).where(
                ActorRow.workspace_id == self._tx.workspace_id,
                ActorRow.handle.startswith(like, autoescape=True),
            )
        )
        return set(found.scalars())

    async def add(self, agent: Agent) -> None:
        """Raises AgentHandleTaken where somebody else was quicker."""
        try:
            await self._tx.execute(
                insert(ActorRow).values(
                    id=agent.id,
                    workspace_id=agent.workspace_id,
                    kind=ActorKind.AGENT.value,
                    name=agent.name,
                    handle=agent.handle,
                    user_id=None,
                    role=None,
                    is_owner=False,
                    version=agent.version,
                    created_at=agent.created_at,
                    removed_at=None,
                )
            )
        except IntegrityError as error:
            raise AgentHandleTaken(handle=agent.handle) from error
        await self._tx.execute(
            insert(AgentRow).values(
                id=agent.id,
                workspace_id=agent.workspace_id,
                registered_by=agent.registered_by,
                paused_at=None,
                pause_reason="",
                seen_at=None,
                **_own_columns(agent),
            )
        )

    async def save(self, agent: Agent) -> None:
        await self._tx.execute(
            update(ActorRow)
            .where(ActorRow.workspace_id == self._tx.workspace_id, ActorRow.id == agent.id)
            .values(name=agent.name, version=agent.version, removed_at=agent.removed_at)
        )
        await self._tx.execute(
            update(AgentRow)
            .where(AgentRow.workspace_id == self._tx.workspace_id, AgentRow.id == agent.id)
            .values(_own_columns(agent))
        )

    async def set_pause(self, agent_id: ActorId, at: datetime | None, reason: str) -> None:
        await self._tx.execute(
            update(AgentRow)
            .where(AgentRow.workspace_id == self._tx.workspace_id, AgentRow.id == agent_id)
            .values(paused_at=at, pause_reason=reason)
        )

    async def switch_off(self, at: datetime, by: ActorId, reason: str) -> bool:
        """Pause all; False if they are paused already."""
        added = await self._tx.execute(
            insert_missing(self._tx, AgentSwitchRow)
            .values(workspace_id=self._tx.workspace_id, paused_at=at, paused_by=by, reason=reason)
            .returning(AgentSwitchRow.workspace_id)
        )
        return added.first() is not None

    async def switch_on(self) -> bool:
        """Pause all no longer; False if they were not."""
        removed = await self._tx.execute(
            delete(AgentSwitchRow).where(AgentSwitchRow.workspace_id == self._tx.workspace_id)
        )
        return removed.rowcount > 0

    async def save_seen(self, seen: Mapping[UUID, datetime]) -> None:
        """When agents of any workspaces last showed a key."""
        await self._tx.execute(
            update(AgentRow)
            .where(AgentRow.id == bindparam("agent"))
            .values(seen_at=bindparam("at")),
            [{"agent": agent_id, "at": at} for agent_id, at in seen.items()],
        )


def _agents(of: Looking) -> Any:
    return (
        select(
            AgentRow,
            ActorRow.name,
            ActorRow.handle,
            ActorRow.version,
            ActorRow.created_at,
            ActorRow.removed_at,
            AgentSwitchRow.paused_at.label("all_paused_at"),
            AgentSwitchRow.reason.label("all_paused_reason"),
            hidden_keys(of).label("hidden_keys"),
        )
        .join(ActorRow, ActorRow.id == AgentRow.id)
        .outerjoin(AgentSwitchRow, AgentSwitchRow.workspace_id == AgentRow.workspace_id)
        .where(AgentRow.workspace_id == of.workspace_id, ActorRow.removed_at.is_(None))
    )


def _one_query(of: Template, shape: Any) -> Any:
    by_id, lock = shape
    if by_id:
        query = _agents(of).where(ActorRow.id == of.given("id", Uuid()))
    else:
        query = _agents(of).where(ActorRow.handle == of.given("handle", Text()))
    return query.with_for_update(key_share=True, of=AgentRow) if lock else query


_one = Prepared(_one_query)


def _own_columns(agent: Agent) -> dict[str, Any]:
    limits = agent.limits
    return {
        "kind": agent.kind,
        "description": agent.description,
        "capabilities": list(limits.capabilities),
        "min_complexity": limits.min_complexity,
        "max_complexity": limits.max_complexity,
        "projects": list(limits.projects),
        "repositories": [str(one) for one in limits.repositories],
        "max_tasks": limits.max_tasks,
        "is_reviewed": limits.needs_review,
        "reserved_tokens": limits.reserved.tokens,
        "reserved_cost_micros": limits.reserved.cost_micros,
    }


def _agent(row: Row[Any]) -> Agent:
    return Agent(
        id=ActorId(row.id),
        workspace_id=WorkspaceId(row.workspace_id),
        name=row.name,
        handle=row.handle,
        kind=row.kind,
        description=row.description,
        limits=AgentLimits(
            capabilities=tuple(row.capabilities),
            min_complexity=row.min_complexity,
            max_complexity=row.max_complexity,
            projects=tuple(row.projects),
            repositories=tuple(UUID(one) for one in row.repositories),
            max_tasks=row.max_tasks,
            needs_review=row.is_reviewed,
            reserved=Reservation(tokens=row.reserved_tokens, cost_micros=row.reserved_cost_micros),
        ),
        own_pause=_pause(row.paused_at, row.pause_reason, is_for_all=False),
        switch=_pause(row.all_paused_at, row.all_paused_reason, is_for_all=True),
        seen_at=row.seen_at,
        registered_by=ActorId(row.registered_by),
        version=row.version,
        created_at=row.created_at,
        removed_at=row.removed_at,
        hidden_projects=frozenset((row.hidden_keys or "").split(",")),
    )


def _pause(at: datetime | None, reason: str, *, is_for_all: bool) -> Pause | None:
    return Pause(at=at, reason=reason, is_for_all=is_for_all) if at else None
