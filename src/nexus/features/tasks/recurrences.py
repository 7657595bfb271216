"""Recurrences in and out of the database: one a series, at its newest task."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from nexus.features.tasks.domain import Task, TaskId
from nexus.features.tasks.recurrence import Recurrence
from nexus.features.tasks.tables import TaskRecurrenceRow
from nexus.platform.actor import Actor, ActorId, WorkspaceId
from nexus.platform.actors import member_actor
from nexus.platform.database import Transaction
from nexus.platform.ids import new_id
from nexus.platform.rows import ActorRow


class RecurrenceRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def set(self, task: Task, recurrence: Recurrence, *, by: ActorId, at: datetime) -> None:
        """In place of the one that the task has."""
        await self.remove(task.id)
        await self._tx.execute(
            insert(TaskRecurrenceRow).values(
                id=new_id(),
                workspace_id=task.workspace_id,
                task_id=task.id,
                rule=recurrence.rule,
                trigger=recurrence.trigger.value,
                starts_on=recurrence.starts_on,
                next_on=recurrence.next_on,
                created_by=by,
                created_at=at,
            )
        )

    async def remove(self, task_id: TaskId) -> None:
        await self._tx.execute(delete(TaskRecurrenceRow).where(*self._of(task_id)))

    async def hand_on(self, old: TaskId, new: TaskId, *, next_on: date | None) -> None:
        """Let a series go on at its next task."""
        await self._tx.execute(
            update(TaskRecurrenceRow).where(*self._of(old)).values(task_id=new, next_on=next_on)
        )

    async def list_due(self, today: date) -> Sequence[tuple[WorkspaceId, TaskId]]:
        """The tasks of all workspaces whose next one is due; for the job alone."""
        found = await self._tx.execute(
            select(TaskRecurrenceRow.workspace_id, TaskRecurrenceRow.task_id)
            .where(TaskRecurrenceRow.next_on <= today)
            .order_by(TaskRecurrenceRow.next_on)
            .limit(100)
        )
        return [(WorkspaceId(row.workspace_id), TaskId(row.task_id)) for row in found]

    async def maker_of(self, task_id: TaskId) -> Actor | None:
        """Who set a series up, with what they may now; it is locked. None if it has gone on."""
        found = await self._tx.execute(
            select(ActorRow)
            .join(TaskRecurrenceRow, TaskRecurrenceRow.created_by == ActorRow.id)
            .where(*self._of(task_id))
            .with_for_update(of=TaskRecurrenceRow)
        )
        row = found.first()
        return member_actor(row) if row else None

    def _of(self, task_id: TaskId) -> tuple[Any, Any]:
        return (
            TaskRecurrenceRow.workspace_id == self._tx.workspace_id,
            TaskRecurrenceRow.task_id == task_id,
        )
