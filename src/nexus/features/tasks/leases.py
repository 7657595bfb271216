"""Holds and runs in and out of the database: claims, heartbeats and ends, by its own clock."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    Uuid,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from nexus.features.tasks.belongings import is_live
from nexus.features.tasks.domain import TaskId
from nexus.features.tasks.holds import (
    UNDER_WAY,
    Claimed,
    Ending,
    Reservation,
    Result,
    RunId,
    RunState,
    Usage,
)
from nexus.features.tasks.tables import AssignmentRow, TaskHoldRow, TaskRow
from nexus.platform.actor import ActorId
from nexus.platform.columns import database_clock, seconds_from_now
from nexus.platform.database import Transaction
from nexus.platform.prepared import PreparedWrite
from nexus.platform.sets import any_of
from nexus.platform.upsert import upsert_of

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
        await self._begin(task_id, run_id, actor_id, lease_s, reserved, allows_overlap)
        taken = await _take(
            self._tx, to_task=task_id, to_run=run_id, to_actor=actor_id, seconds=lease_s
        )
        row = taken.first()
        if row is None:
            return None
        return Claimed(run_id=run_id, fence=row.fence, expires_at=row.expires_at)

    async def _begin(
        self,
        task_id: TaskId,
        run_id: RunId,
        actor_id: ActorId,
        lease_s: int | None,
        reserved: Reservation,
        allows_overlap: bool,
    ) -> None:
        await _begin(
            self._tx,
            to_task=task_id,
            to_run=run_id,
            to_actor=actor_id,
            seconds=lease_s,
            tokens=reserved.tokens,
            micros=reserved.cost_micros,
            overlaps=allows_overlap,
        )

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

    async def lock(self, run_id: RunId) -> None:
        """Let nobody else write on a run until the commit."""
        await self._tx.execute(
            select(AssignmentRow.id)
            .where(AssignmentRow.workspace_id == self._tx.workspace_id, AssignmentRow.id == run_id)
            .with_for_update(key_share=True)
        )

    async def set_proved(self, run_id: RunId, item_ids: Collection[UUID]) -> None:
        await self._tx.execute(
            update(AssignmentRow)
            .where(AssignmentRow.workspace_id == self._tx.workspace_id, AssignmentRow.id == run_id)
            .values(proved=[str(one) for one in item_ids])
        )

    async def add_usage(self, run_id: RunId, usage: Usage, model: str) -> Usage:
        """Put down what was used, a sign of life too; all that the run has used by now."""
        values: dict[str, Any] = {
            "heartbeat_at": database_clock(),
            "tokens_in": AssignmentRow.tokens_in + usage.tokens_in,
            "tokens_out": AssignmentRow.tokens_out + usage.tokens_out,
            "cost_micros": AssignmentRow.cost_micros + usage.cost_micros,
        }
        if model:
            values["model"] = model
        changed = await self._tx.execute(
            update(AssignmentRow)
            .where(AssignmentRow.workspace_id == self._tx.workspace_id, AssignmentRow.id == run_id)
            .values(values)
            .returning(AssignmentRow.tokens_in, AssignmentRow.tokens_out, AssignmentRow.cost_micros)
        )
        row = changed.one()
        return Usage(
            tokens_in=row.tokens_in, tokens_out=row.tokens_out, cost_micros=row.cost_micros
        )

    async def lock_due(self, task_ids: Collection[UUID]) -> set[UUID]:
        """Those of these tasks whose lease has run out, once renewals on their way are done.

        Until the commit nobody can renew them.
        """
        found = await self._tx.execute(
            select(TaskHoldRow.task_id)
            .where(
                TaskHoldRow.workspace_id == self._tx.workspace_id,
                any_of(TaskHoldRow.task_id, task_ids, self._tx),
                TaskHoldRow.ended_at.is_(None),
                TaskHoldRow.expires_at <= database_clock(),
            )
            .order_by(TaskHoldRow.task_id)
            .with_for_update(key_share=True)
        )
        return set(found.scalars())

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
        self,
        run_ids: Collection[RunId],
        ending: Ending,
        result: Result | None,
        *,
        by: ActorId | None,
    ) -> None:
        """Write how runs ended, and with what result; for submitted ones, what became of them."""
        values: dict[str, Any] = {}
        if result:
            values = {"summary": result.summary, "proved": [str(one) for one in result.proved]}
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
                ended_at=func.coalesce(AssignmentRow.ended_at, database_clock()),
                **values,
            )
        )

    async def find_live(self, actor_id: ActorId, fence: int) -> RunId | None:
        """The run of an actor that has a live lease under this fence, which stays to the commit."""
        found = await self._tx.execute(
            select(TaskHoldRow.assignment_id)
            .where(
                TaskHoldRow.workspace_id == self._tx.workspace_id,
                TaskHoldRow.actor_id == actor_id,
                TaskHoldRow.fence == fence,
                is_live(TaskHoldRow),
            )
            .with_for_update(key_share=True)
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

    async def list_held_by(self, actor_id: ActorId) -> Sequence[TaskId]:
        """Tasks that somebody holds, or held until a lease ran out."""
        found = await self._tx.execute(
            select(TaskHoldRow.task_id).where(
                TaskHoldRow.workspace_id == self._tx.workspace_id,
                TaskHoldRow.actor_id == actor_id,
                TaskHoldRow.ended_at.is_(None),
            )
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


def _take_statement(dialect: str, _shape: object) -> Any:
    hold: dict[str, Any] = {
        "assignment_id": bindparam("to_run", type_=Uuid()),
        "actor_id": bindparam("to_actor", type_=Uuid()),
        "expires_at": seconds_from_now(bindparam("seconds", type_=Integer())),
        "ended_at": None,
    }
    over = or_(TaskHoldRow.ended_at.is_not(None), TaskHoldRow.expires_at <= database_clock())
    return (
        upsert_of(dialect, TaskHoldRow)
        .values(
            workspace_id=bindparam("of_workspace", type_=Uuid()),
            task_id=bindparam("to_task", type_=Uuid()),
            fence=1,
            **hold,
        )
        .on_conflict_do_update(
            index_elements=[TaskHoldRow.task_id],
            set_={"fence": TaskHoldRow.fence + 1, **hold},
            where=over,
        )
        .returning(TaskHoldRow.fence, TaskHoldRow.expires_at)
    )


def _begin_statement(_dialect: str, _shape: object) -> Any:
    task_id = bindparam("to_task", type_=Uuid())
    fence = select(func.coalesce(func.max(TaskHoldRow.fence), 0) + 1).where(
        TaskHoldRow.task_id == task_id
    )
    return insert(AssignmentRow).values(
        id=bindparam("to_run", type_=Uuid()),
        workspace_id=bindparam("of_workspace", type_=Uuid()),
        task_id=task_id,
        actor_id=bindparam("to_actor", type_=Uuid()),
        fence=fence.scalar_subquery(),
        state=RunState.WORKING.value,
        lease_s=bindparam("seconds", type_=Integer()),
        claimed_at=database_clock(),
        heartbeat_at=database_clock(),
        reason="",
        note="",
        summary="",
        proved=[],
        model="",
        tokens_in=0,
        tokens_out=0,
        cost_micros=0,
        reserved_tokens=bindparam("tokens", type_=BigInteger()),
        reserved_cost_micros=bindparam("micros", type_=BigInteger()),
        is_overlapping=bindparam("overlaps", type_=Boolean()),
    )


_take = PreparedWrite(_take_statement)
_begin = PreparedWrite(_begin_statement)
