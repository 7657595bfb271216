"""What tasks have in other tables, written: assignees, labels and links."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select

from nexus.features.tasks.domain import Assignee, LabelId, NewLink, TaskId
from nexus.features.tasks.errors import AssigneeUnknown
from nexus.features.tasks.tables import TaskAssigneeRow, TaskLabelRow, TaskLinkRow
from nexus.platform.actor import ActorId, ActorKind
from nexus.platform.database import Transaction
from nexus.platform.ids import new_id
from nexus.platform.rows import ActorRow
from nexus.platform.sets import any_of


class PartRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get_assignees(self, actor_ids: Collection[ActorId]) -> tuple[Assignee, ...]:
        """Raises AssigneeUnknown for whoever is not in this workspace, or no longer."""
        found = await self.find_assignees(actor_ids)
        known = {one.id for one in found}
        for actor_id in actor_ids:
            if actor_id not in known:
                raise AssigneeUnknown(id=actor_id, field="assignees")
        return found

    async def find_assignees(self, actor_ids: Collection[ActorId]) -> tuple[Assignee, ...]:
        """Those among them who are in this workspace, by handle."""
        if not actor_ids:
            return ()
        found = await self._tx.execute(
            select(ActorRow)
            .where(
                ActorRow.workspace_id == self._tx.workspace_id,
                ActorRow.id.in_(actor_ids),
                ActorRow.removed_at.is_(None),
            )
            .order_by(ActorRow.handle)
        )
        people = [
            Assignee(id=row.id, kind=ActorKind(row.kind), name=row.name, handle=row.handle)
            for row in found
        ]
        return tuple(sorted(people, key=lambda one: one.handle))

    async def add_assignees(self, pairs: Iterable[tuple[TaskId, ActorId]]) -> None:
        await self._add_pairs(TaskAssigneeRow, "actor_id", pairs)

    async def add_labels(self, pairs: Iterable[tuple[TaskId, LabelId]]) -> None:
        await self._add_pairs(TaskLabelRow, "label_id", pairs)

    async def clear_assignees(self, task_ids: Collection[TaskId]) -> None:
        await self._tx.execute(
            delete(TaskAssigneeRow).where(
                TaskAssigneeRow.workspace_id == self._tx.workspace_id,
                any_of(TaskAssigneeRow.task_id, task_ids, self._tx),
            )
        )

    async def clear_labels(self, task_ids: Collection[TaskId]) -> None:
        await self._tx.execute(
            delete(TaskLabelRow).where(
                TaskLabelRow.workspace_id == self._tx.workspace_id,
                any_of(TaskLabelRow.task_id, task_ids, self._tx),
            )
        )

    async def add_links(self, links: Sequence[NewLink], *, at: datetime) -> Sequence[UUID]:
        ids = [new_id() for _ in links]
        rows = [
            {
                "id": link_id,
                "workspace_id": self._tx.workspace_id,
                "task_id": link.task_id,
                "kind": link.kind,
                "other_id": link.other_id,
                "url": link.url,
                "title": link.title,
                "created_at": at,
            }
            for link_id, link in zip(ids, links, strict=True)
        ]
        if rows:
            await self._tx.execute(insert(TaskLinkRow), rows)
        return ids

    async def remove_link(self, link_id: UUID) -> None:
        await self._tx.execute(
            delete(TaskLinkRow).where(
                TaskLinkRow.workspace_id == self._tx.workspace_id, TaskLinkRow.id == link_id
            )
        )

    async def _add_pairs(self, table: Any, column: str, pairs: Iterable[tuple[Any, Any]]) -> None:
        rows = [
            {"workspace_id": self._tx.workspace_id, "task_id": task_id, column: other_id}
            for task_id, other_id in pairs
        ]
        if rows:
            await self._tx.execute(insert(table), rows)
