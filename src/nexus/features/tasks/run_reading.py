"""Runs out of the database, always within one workspace and for one viewer."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, and_, cast, func, or_, select
from sqlalchemy.orm import aliased

from nexus.features.projects.domain import ProjectId
from nexus.features.tasks.belongings import is_live
from nexus.features.tasks.errors import RunNotFound
from nexus.features.tasks.holds import (
    UNDER_WAY,
    Holder,
    Reservation,
    Run,
    RunFilter,
    RunId,
    RunState,
    Totals,
    Usage,
)
from nexus.features.tasks.tables import AssignmentRow, TaskHoldRow, TaskRow
from nexus.platform.actor import ActorId, ActorKind, WorkspaceId
from nexus.platform.columns import Instant
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow
from nexus.platform.sets import any_of
from nexus.platform.visibility import visible

_UNDER_WAY = [state.value for state in UNDER_WAY]


class RunReader:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, run_id: RunId) -> Run:
        """A run of a task that the viewer may see."""
        row = (await self._tx.execute(self._runs().where(AssignmentRow.id == run_id))).first()
        if row is None:
            raise RunNotFound(id=run_id)
        return _run(row)

    async def list_page(self, which: RunFilter, cursor: str | None, limit: int) -> Page[Run]:
        """Newest first."""
        query = self._runs().where(*_conditions(which))
        if cursor:
            at, last = read_cursor("runs", cursor, tuple[datetime, UUID])
            query = query.where(
                AssignmentRow.claimed_at <= at,
                or_(AssignmentRow.claimed_at < at, AssignmentRow.id < last),
            )
        newest = (AssignmentRow.claimed_at.desc(), AssignmentRow.id.desc())
        found = await self._tx.execute(query.order_by(*newest).limit(limit + 1))
        return page_of(
            [_run(row) for row in found], limit, "runs", lambda run: (run.claimed_at, run.id)
        )

    async def standing_of(
        self, actor_ids: Collection[ActorId]
    ) -> Mapping[ActorId, tuple[Sequence[Run], Totals]]:
        """What each works on now, as far as the viewer may see it, and what all of it came to."""
        mine = [
            AssignmentRow.workspace_id == self._tx.workspace_id,
            any_of(AssignmentRow.actor_id, actor_ids, self._tx),
        ]
        sums = (AssignmentRow.tokens_in, AssignmentRow.tokens_out, AssignmentRow.cost_micros)
        totals = (
            select(
                AssignmentRow.actor_id,
                AssignmentRow.state,
                func.count().label("runs"),
                func.max(AssignmentRow.heartbeat_at, type_=Instant()).label("seen_at"),
                *[cast(func.sum(one), BigInteger()).label(one.key) for one in sums],
            )
            .where(*mine)
            .group_by(AssignmentRow.actor_id, AssignmentRow.state)
            .subquery()
        )
        runs = self._runs().where(*mine, AssignmentRow.state.in_(_UNDER_WAY)).subquery()
        found = await self._tx.execute(
            select(
                *[column.label(f"sum_{column.key}") for column in totals.c], *runs.c
            ).outerjoin_from(
                totals,
                runs,
                and_(runs.c.actor_id == totals.c.actor_id, runs.c.state == totals.c.state),
            )
        )
        standing: dict[ActorId, _Standing] = {actor_id: _Standing() for actor_id in actor_ids}
        for row in found:
            standing[row.sum_actor_id].add(row)
        return {actor_id: one.read() for actor_id, one in standing.items()}

    def _runs(self) -> Any:
        holder, ender = aliased(ActorRow), aliased(ActorRow)
        is_current = TaskHoldRow.assignment_id == AssignmentRow.id
        return (
            select(
                AssignmentRow,
                TaskRow.key,
                TaskRow.title,
                TaskRow.project_id,
                TaskRow.project_key,
                holder.kind.label("holder_kind"),
                holder.name.label("holder_name"),
                ender.kind.label("ender_kind"),
                ender.name.label("ender_name"),
                TaskHoldRow.expires_at,
                is_current.label("is_current"),
                and_(is_current, is_live(TaskHoldRow)).label("is_live"),
            )
            .join(TaskRow, TaskRow.id == AssignmentRow.task_id)
            .join(holder, holder.id == AssignmentRow.actor_id)
            .outerjoin(ender, ender.id == AssignmentRow.ended_by)
            .join(TaskHoldRow, TaskHoldRow.task_id == AssignmentRow.task_id)
            .where(
                AssignmentRow.workspace_id == self._tx.workspace_id,
                visible(TaskRow.project_id, self._tx),
            )
        )


class _Standing:
    """What the rows of one actor say; a row stands there once a run that is under way."""

    def __init__(self) -> None:
        self._runs: list[Run] = []
        self._counts: dict[RunState, int] = {}
        self._usages: dict[RunState, Usage] = {}
        self._seen: list[datetime] = []

    def add(self, row: Row[Any]) -> None:
        state = RunState(row.sum_state)
        self._counts[state] = row.sum_runs
        self._usages[state] = Usage(
            tokens_in=row.sum_tokens_in,
            tokens_out=row.sum_tokens_out,
            cost_micros=row.sum_cost_micros,
        )
        self._seen.append(row.sum_seen_at)
        if row.id:
            self._runs.append(_run(row))

    def read(self) -> tuple[Sequence[Run], Totals]:
        usage = Usage()
        for one in self._usages.values():
            usage = usage.plus(one)
        runs = sorted(self._runs, key=lambda run: (run.claimed_at, run.id))
        seen_at = max(self._seen, default=None)
        return runs, Totals(runs=self._counts, usage=usage, seen_at=seen_at)


def _conditions(which: RunFilter) -> list[Any]:
    wanted: list[Any] = []
    if which.actor_id:
        wanted.append(AssignmentRow.actor_id == which.actor_id)
    if which.task_id:
        wanted.append(AssignmentRow.task_id == which.task_id)
    if which.states:
        wanted.append(AssignmentRow.state.in_([state.value for state in which.states]))
    if which.projects:
        wanted.append(TaskRow.project_key.in_([key.upper() for key in which.projects]))
    return wanted


def _run(row: Row[Any]) -> Run:
    return Run(
        id=RunId(row.id),
        workspace_id=WorkspaceId(row.workspace_id),
        task_id=row.task_id,
        task_key=row.key,
        task_title=row.title,
        project_id=ProjectId(row.project_id),
        project_key=row.project_key,
        holder=Holder(id=row.actor_id, kind=ActorKind(row.holder_kind), name=row.holder_name),
        fence=row.fence,
        state=RunState(row.state),
        lease_s=row.lease_s,
        claimed_at=row.claimed_at,
        heartbeat_at=row.heartbeat_at,
        expires_at=row.expires_at if row.is_current else None,
        is_live=bool(row.is_live),
        is_current=bool(row.is_current),
        ended_at=row.ended_at,
        ended_by=Holder(id=row.ended_by, kind=ActorKind(row.ender_kind), name=row.ender_name)
        if row.ended_by
        else None,
        reason=row.reason,
        progress=row.progress,
        note=row.note,
        summary=row.summary,
        model=row.model,
        usage=Usage(
            tokens_in=row.tokens_in, tokens_out=row.tokens_out, cost_micros=row.cost_micros
        ),
        reserved=Reservation(tokens=row.reserved_tokens, cost_micros=row.reserved_cost_micros),
        allows_overlap=bool(row.is_overlapping),
    )
