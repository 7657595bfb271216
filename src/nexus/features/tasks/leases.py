"""Holds and runs in and out of the database: claims, heartbeats and ends, by its own clock."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, and_, cast, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from nexus.features.projects.domain import ProjectId
from nexus.features.tasks.belongings import is_live
from nexus.features.tasks.domain import TaskId
from nexus.features.tasks.errors import RunNotFound
from nexus.features.tasks.holds import (
    UNDER_WAY,
    Claimed,
    Ending,
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
from nexus.platform.columns import database_clock, seconds_from_now
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow
from nexus.platform.sets import any_of
from nexus.platform.upsert import upsert
from nexus.platform.visibility import visible

_UNDER_WAY = [state.value for state in UNDER_WAY]


class LeaseRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def take(
        self,
        task_id: TaskId,
        run_id: RunId,
        actor_id: ActorId,
        *,
        lease_s: int | None,
        reserved: Reservation,
        allows_overlap: bool,
    ) -> Claimed | None:
        """A hold under the next fence, or None where somebody holds the task.

        Whether somebody does is asked of the database's clock by the very statement that takes it.
        """
        fence = select(func.coalesce(func.max(TaskHoldRow.fence), 0) + 1).where(
            TaskHoldRow.task_id == task_id
        )
        await self._tx.execute(
            insert(AssignmentRow).values(
                id=run_id,
                workspace_id=self._tx.workspace_id,
                task_id=task_id,
                actor_id=actor_id,
                fence=fence.scalar_subquery(),
                state=RunState.WORKING.value,
                lease_s=lease_s,
                claimed_at=database_clock(),
                heartbeat_at=database_clock(),
                reason="",
                note="",
                summary="",
                model="",
                tokens_in=0,
                tokens_out=0,
                cost_micros=0,
                reserved_tokens=reserved.tokens,
                reserved_cost_micros=reserved.cost_micros,
                allows_overlap=allows_overlap,
            )
        )
        hold: dict[str, Any] = {
            "assignment_id": run_id,
            "actor_id": actor_id,
            "expires_at": None if lease_s is None else seconds_from_now(lease_s),
            "ended_at": None,
        }
        taken = await self._tx.execute(
            upsert(self._tx, TaskHoldRow)
            .values(workspace_id=self._tx.workspace_id, task_id=task_id, fence=1, **hold)
            .on_conflict_do_update(
                index_elements=[TaskHoldRow.task_id],
                set_={"fence": TaskHoldRow.fence + 1, **hold},
                where=or_(
                    TaskHoldRow.ended_at.is_not(None), TaskHoldRow.expires_at <= database_clock()
                ),
            )
            .returning(TaskHoldRow.fence, TaskHoldRow.expires_at)
        )
        row = taken.first()
        if row is None:
            return None
        return Claimed(run_id=run_id, fence=row.fence, expires_at=row.expires_at)

    async def renew(self, run_id: RunId, fence: int, lease_s: int) -> datetime | None:
        """Let a live lease last so long from now; None where there is none under this fence.

        Until the commit nobody else can end or take it.
        """
        renewed = await self._tx.execute(
            update(TaskHoldRow)
            .where(
                TaskHoldRow.workspace_id == self._tx.workspace_id,
                TaskHoldRow.assignment_id == run_id,
                TaskHoldRow.fence == fence,
                TaskHoldRow.ended_at.is_(None),
                TaskHoldRow.expires_at > database_clock(),
            )
            .values(expires_at=seconds_from_now(lease_s))
            .returning(TaskHoldRow.expires_at)
        )
        row = renewed.first()
        return row.expires_at if row else None

    async def note(self, run_id: RunId, **values: Any) -> None:
        """Write what a run says of itself; any word from it is a sign of life."""
        await self._tx.execute(
            update(AssignmentRow)
            .where(AssignmentRow.workspace_id == self._tx.workspace_id, AssignmentRow.id == run_id)
            .values(heartbeat_at=database_clock(), **values)
        )

    async def set_state(self, run_id: RunId, state: RunState) -> None:
        await self._tx.execute(
            update(AssignmentRow)
            .where(
                AssignmentRow.workspace_id == self._tx.workspace_id,
                AssignmentRow.id == run_id,
                AssignmentRow.state.in_(_UNDER_WAY),
            )
            .values(state=state.value)
        )

    async def add_usage(self, run_id: RunId, usage: Usage, model: str) -> None:
        values: dict[str, Any] = {
            "tokens_in": AssignmentRow.tokens_in + usage.tokens_in,
            "tokens_out": AssignmentRow.tokens_out + usage.tokens_out,
            "cost_micros": AssignmentRow.cost_micros + usage.cost_micros,
        }
        if model:
            values["model"] = model
        await self._tx.execute(
            update(AssignmentRow)
            .where(AssignmentRow.workspace_id == self._tx.workspace_id, AssignmentRow.id == run_id)
            .values(values)
        )

    async def let_go(self, run_ids: Collection[RunId]) -> None:
        """End the holds of these runs and raise their fences, so that the holders' are dead."""
        await self._tx.execute(
            update(TaskHoldRow)
            .where(
                TaskHoldRow.workspace_id == self._tx.workspace_id,
                any_of(TaskHoldRow.assignment_id, run_ids, self._tx),
                TaskHoldRow.ended_at.is_(None),
            )
            .values(ended_at=database_clock(), fence=TaskHoldRow.fence + 1)
        )

    async def end(
        self, run_ids: Collection[RunId], ending: Ending, *, by: ActorId | None, **values: Any
    ) -> None:
        """Write how runs ended."""
        await self._tx.execute(
            update(AssignmentRow)
            .where(
                AssignmentRow.workspace_id == self._tx.workspace_id,
                any_of(AssignmentRow.id, run_ids, self._tx),
            )
            .values(
                state=ending.state.value,
                reason=ending.reason,
                ended_by=by,
                ended_at=database_clock(),
                **values,
            )
        )

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

    async def find_live(self, actor_id: ActorId, fence: int) -> RunId | None:
        """The run of an actor that has a live lease under this fence."""
        found = await self._tx.execute(
            select(TaskHoldRow.assignment_id).where(
                TaskHoldRow.workspace_id == self._tx.workspace_id,
                TaskHoldRow.actor_id == actor_id,
                TaskHoldRow.fence == fence,
                is_live(TaskHoldRow),
            )
        )
        run_id = found.scalars().first()
        return RunId(run_id) if run_id else None

    async def list_due(self, limit: int) -> Sequence[TaskId]:
        """Tasks whose lease ran out, locked, but for those that somebody is about to take."""
        found = await self._tx.execute(
            select(TaskRow.id)
            .join(TaskHoldRow, TaskHoldRow.task_id == TaskRow.id)
            .where(
                TaskRow.workspace_id == self._tx.workspace_id,
                TaskHoldRow.workspace_id == self._tx.workspace_id,
                TaskHoldRow.ended_at.is_(None),
                TaskHoldRow.expires_at <= database_clock(),
            )
            .order_by(TaskRow.id)
            .limit(limit)
            .with_for_update(key_share=True, skip_locked=True, of=TaskRow)
        )
        return [TaskId(task_id) for task_id in found.scalars()]

    async def list_workspaces_with_due(self, limit: int) -> Sequence[UUID]:
        """Workspaces in which leases ran out; for the sweep alone."""
        found = await self._tx.execute(
            select(TaskHoldRow.workspace_id)
            .where(TaskHoldRow.ended_at.is_(None), TaskHoldRow.expires_at <= database_clock())
            .distinct()
            .limit(limit)
        )
        return list(found.scalars())

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

    def add(self, row: Row[Any]) -> None:
        state = RunState(row.sum_state)
        self._counts[state] = row.sum_runs
        self._usages[state] = Usage(
            tokens_in=row.sum_tokens_in,
            tokens_out=row.sum_tokens_out,
            cost_micros=row.sum_cost_micros,
        )
        if row.id:
            self._runs.append(_run(row))

    def read(self) -> tuple[Sequence[Run], Totals]:
        usage = Usage()
        for one in self._usages.values():
            usage = usage.plus(one)
        runs = sorted(self._runs, key=lambda run: (run.claimed_at, run.id))
        return runs, Totals(runs=self._counts, usage=usage)


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
        allows_overlap=bool(row.allows_overlap),
    )
