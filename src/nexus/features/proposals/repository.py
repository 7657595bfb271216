"""Proposals in and out of the database, always within one workspace."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.orm import aliased

from nexus.features.proposals.domain import (
    Content,
    Proposal,
    ProposalId,
    ProposalState,
    Proposer,
)
from nexus.features.proposals.errors import ProposalNotFound
from nexus.features.proposals.tables import ProposalRow
from nexus.features.tasks.domain import TaskId
from nexus.platform.actor import ActorId, ActorKind, WorkspaceId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow

_Decider = aliased(ActorRow)


class ProposalRepository:
    """Whoever calls it has seen to it that the task may be seen."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, proposal: Proposal) -> None:
        await self._tx.execute(
            insert(ProposalRow).values(
                id=proposal.id,
                workspace_id=proposal.workspace_id,
                task_id=proposal.task_id,
                instructions=proposal.instructions,
                proposed_by=proposal.proposed_by.id,
                created_at=proposal.created_at,
                **_changing(proposal),
            )
        )

    async def save(self, proposal: Proposal) -> None:
        await self._tx.execute(
            update(ProposalRow)
            .where(ProposalRow.workspace_id == self._tx.workspace_id, ProposalRow.id == proposal.id)
            .values(_changing(proposal))
        )

    async def get(self, proposal_id: ProposalId, *, lock: bool = False) -> Proposal:
        query = self._proposals().where(ProposalRow.id == proposal_id)
        if lock:
            query = query.with_for_update(key_share=True, of=ProposalRow)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise ProposalNotFound(id=proposal_id)
        return _proposal(row)

    async def list_page(
        self, task_id: TaskId | None, state: ProposalState | None, cursor: str | None, limit: int
    ) -> Page[Proposal]:
        """Newest first."""
        query = self._proposals()
        if task_id:
            query = query.where(ProposalRow.task_id == task_id)
        if state:
            query = query.where(ProposalRow.state == state.value)
        if cursor:
            at, last = read_cursor("proposals", cursor, tuple[datetime, UUID])
            query = query.where(
                ProposalRow.created_at <= at,
                or_(ProposalRow.created_at < at, ProposalRow.id < last),
            )
        newest = (ProposalRow.created_at.desc(), ProposalRow.id.desc())
        query = query.order_by(*newest).limit(limit + 1)
        found = [_proposal(row) for row in await self._tx.execute(query)]
        return page_of(found, limit, "proposals", lambda one: (one.created_at, one.id))

    async def is_asked_for(self, task_id: TaskId) -> bool:
        """Whether a language model is being asked about a task."""
        found = await self._tx.execute(
            select(ProposalRow.id)
            .where(
                ProposalRow.workspace_id == self._tx.workspace_id,
                ProposalRow.task_id == task_id,
                ProposalRow.state == ProposalState.ASKED.value,
            )
            .limit(1)
        )
        return found.first() is not None

    async def list_unanswered(
        self, before: datetime, limit: int
    ) -> Sequence[tuple[WorkspaceId, ProposalId]]:
        """Those that a language model has been asked for before that; for the sweep alone."""
        found = await self._tx.execute(
            select(ProposalRow.workspace_id, ProposalRow.id)
            .where(ProposalRow.state == ProposalState.ASKED.value, ProposalRow.created_at < before)
            .limit(limit)
        )
        return [(WorkspaceId(row.workspace_id), ProposalId(row.id)) for row in found]

    def _proposals(self) -> Any:
        return (
            select(
                ProposalRow,
                ActorRow.kind.label("proposer_kind"),
                ActorRow.name.label("proposer_name"),
                _Decider.kind.label("decider_kind"),
                _Decider.name.label("decider_name"),
            )
            .join(ActorRow, ActorRow.id == ProposalRow.proposed_by)
            .outerjoin(_Decider, _Decider.id == ProposalRow.decided_by)
            .where(ProposalRow.workspace_id == self._tx.workspace_id)
        )


def _changing(proposal: Proposal) -> dict[str, Any]:
    return {
        "state": proposal.state.value,
        "content": msgspec.to_builtins(proposal.content),
        "model": proposal.model,
        "reason": proposal.reason,
        "created": list(proposal.created),
        "decided_at": proposal.decided_at,
        "decided_by": proposal.decided_by.id if proposal.decided_by else None,
    }


def _proposal(row: Row[Any]) -> Proposal:
    decider = (
        Proposer(
            id=ActorId(row.decided_by), kind=ActorKind(row.decider_kind), name=row.decider_name
        )
        if row.decider_kind  # not there yet where this waited for whoever decides
        else None
    )
    return Proposal(
        id=row.id,
        workspace_id=row.workspace_id,
        task_id=row.task_id,
        state=ProposalState(row.state),
        instructions=row.instructions,
        content=msgspec.convert(row.content, Content | None),
        model=row.model,
        reason=row.reason,
        created=tuple(row.created),
        proposed_by=Proposer(
            id=ActorId(row.proposed_by),
            kind=ActorKind(row.proposer_kind),
            name=row.proposer_name,
        ),
        created_at=row.created_at,
        decided_at=row.decided_at,
        decided_by=decider,
    )
