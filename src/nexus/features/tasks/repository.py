"""Tasks in and out of the database, always within one workspace and for one viewer."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, delete, insert, or_, select, update

from nexus.features.tasks.belongings import completed
from nexus.features.tasks.domain import (
    AcceptanceItem,
    Assignee,
    LabelId,
    Priority,
    Task,
    TaskFilter,
    TaskId,
    TaskLink,
    TaskRef,
    TaskSort,
    TaskStatus,
)
from nexus.features.tasks.errors import AssigneeUnknown, TaskNotFound
from nexus.features.tasks.listing import ORDERS, conditions, ordered_values, shape_of
from nexus.features.tasks.tables import (
    TaskAssigneeRow,
    TaskKeyRow,
    TaskLabelRow,
    TaskLinkRow,
    TaskRow,
)
from nexus.platform.actor import ActorId, ActorKind
from nexus.platform.database import Transaction
from nexus.platform.keyset import rows_after
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow
from nexus.platform.tokens import tokenise
from nexus.platform.visibility import visible

_WORDS_KEPT = 20_000


class TaskRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, ref: TaskRef, *, lock: bool = False) -> Task:
        """One task with all that belongs to it, by id, key or former key."""
        [task] = await self._complete([await self.get_plain(ref, lock=lock)])
        return task

    async def get_plain(self, ref: TaskRef, *, lock: bool = False) -> Task:
        """One task without what belongs to it."""
        query = self._tasks().where(self._named([ref]))
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise TaskNotFound(id=ref.text)
        return _task(row)

    async def get_with_anchor(self, ref: TaskRef, anchor: TaskRef) -> tuple[Task, Task | None]:
        """A task to change, whole, and another one beside it (None if there is none), locked."""
        found = await self.find_by_refs([ref, anchor], lock=True)
        if ref not in found:
            raise TaskNotFound(id=ref.text)
        [task] = await self._complete([found[ref]])
        return task, found.get(anchor)

    async def find_by_refs(
        self, refs: Collection[TaskRef], *, lock: bool = False
    ) -> dict[TaskRef, Task]:
        """The tasks among these that exist and can be seen, without what belongs to them."""
        if not refs:
            return {}
        query = self._tasks().where(self._named(refs)).order_by(TaskRow.id)
        if lock:
            query = query.with_for_update(key_share=True)
        tasks = [_task(row) for row in await self._tx.execute(query)]
        by_id: dict[UUID, Task] = {task.id: task for task in tasks}
        by_key = {task.key: task for task in tasks}
        if any(ref.key and ref.key not in by_key for ref in refs) and tasks:
            former = await self._tx.execute(
                select(TaskKeyRow.key, TaskKeyRow.task_id).where(
                    TaskKeyRow.workspace_id == self._tx.workspace_id,
                    TaskKeyRow.task_id.in_(by_id),
                )
            )
            by_key = {row.key: by_id[row.task_id] for row in former} | by_key
        found = {ref: by_key.get(ref.key) if ref.key else by_id.get(ref.id) for ref in refs}  # pyright: ignore[reportArgumentType]
        return {ref: task for ref, task in found.items() if task}

    async def list_by_ids(self, task_ids: Collection[TaskId]) -> dict[TaskId, Task]:
        """Tasks by id, without what belongs to them, locked."""
        found = await self.find_by_refs(
            [TaskRef(text=str(task_id), id=task_id) for task_id in task_ids], lock=True
        )
        return {task.id: task for task in found.values()}

    async def list_keys(self, task_ids: Collection[UUID]) -> dict[UUID, str]:
        """Keys by id of those tasks that the viewer may see."""
        found = await self._tx.execute(
            select(TaskRow.id, TaskRow.key).where(
                TaskRow.workspace_id == self._tx.workspace_id,
                TaskRow.id.in_(task_ids),
                visible(TaskRow.project_id, self._tx),
            )
        )
        return {row.id: row.key for row in found}

    async def list_page(
        self, which: TaskFilter, sort: TaskSort, cursor: str | None, limit: int
    ) -> Page[Task]:
        order = ORDERS[sort]
        query = self._tasks().where(*conditions(which, self._tx))
        if cursor:
            values = read_cursor(sort.value, cursor, shape_of(order))
            query = query.where(rows_after(order, values))
        query = query.order_by(*[by.clause for by in order]).limit(limit + 1)
        tasks = [_task(row) for row in await self._tx.execute(query)]
        page = page_of(tasks, limit, sort.value, lambda task: ordered_values(task, order))
        return Page(items=await self._complete(page.items), next_cursor=page.next_cursor)

    async def neighbour(self, anchor: Task, *, below: bool) -> str | None:
        """The rank next to a task on its project's board; None at the end."""
        query = select(TaskRow.rank).where(
            TaskRow.workspace_id == self._tx.workspace_id,
            TaskRow.project_key == anchor.project_key,
        )
        if below:
            query = query.where(TaskRow.rank > anchor.rank).order_by(TaskRow.rank)
        else:
            query = query.where(TaskRow.rank < anchor.rank).order_by(TaskRow.rank.desc())
        return (await self._tx.execute(query.limit(1))).scalar()

    async def add(self, tasks: Sequence[Task]) -> None:
        """New tasks without their labels and assignees, parents before their subtasks."""
        await self._tx.execute(insert(TaskRow), [_columns(task) for task in tasks])

    async def save(self, task: Task) -> None:
        """The task's own columns; the derived ones belong to EdgeRepository."""
        values = _columns(task)
        for derived in ("open_dependencies", "open_subtasks", "unlock_depth", "unlock_count"):
            del values[derived]
        await self._tx.execute(
            update(TaskRow)
            .where(TaskRow.workspace_id == self._tx.workspace_id, TaskRow.id == task.id)
            .values(values)
        )

    async def get_assignees(self, actor_ids: Collection[ActorId]) -> tuple[Assignee, ...]:
        """Raises AssigneeUnknown for whoever is not in this workspace, or no longer."""
        if not actor_ids:
            return ()
        found = await self._tx.execute(
            select(ActorRow).where(
                ActorRow.workspace_id == self._tx.workspace_id,
                ActorRow.id.in_(actor_ids),
                ActorRow.removed_at.is_(None),
            )
        )
        known = {
            row.id: Assignee(id=row.id, kind=ActorKind(row.kind), name=row.name, handle=row.handle)
            for row in found
        }
        for actor_id in actor_ids:
            if actor_id not in known:
                raise AssigneeUnknown(id=actor_id, field="assignees")
        return tuple(sorted(known.values(), key=lambda one: one.handle))

    async def add_assignees(self, pairs: Iterable[tuple[TaskId, ActorId]]) -> None:
        await self._add_pairs(TaskAssigneeRow, "actor_id", pairs)

    async def add_labels(self, pairs: Iterable[tuple[TaskId, LabelId]]) -> None:
        await self._add_pairs(TaskLabelRow, "label_id", pairs)

    async def clear_assignees(self, task_id: TaskId) -> None:
        await self._tx.execute(
            delete(TaskAssigneeRow).where(
                TaskAssigneeRow.workspace_id == self._tx.workspace_id,
                TaskAssigneeRow.task_id == task_id,
            )
        )

    async def clear_labels(self, task_id: TaskId) -> None:
        await self._tx.execute(
            delete(TaskLabelRow).where(
                TaskLabelRow.workspace_id == self._tx.workspace_id,
                TaskLabelRow.task_id == task_id,
            )
        )

    async def add_link(self, task: Task, link: TaskLink) -> None:
        await self._tx.execute(
            insert(TaskLinkRow).values(
                id=link.id,
                workspace_id=self._tx.workspace_id,
                task_id=task.id,
                kind=link.kind,
                other_id=link.task.id if link.task else None,
                url=link.url,
                title=link.title,
                created_at=task.updated_at,
            )
        )

    async def remove_link(self, link_id: UUID) -> None:
        await self._tx.execute(
            delete(TaskLinkRow).where(
                TaskLinkRow.workspace_id == self._tx.workspace_id, TaskLinkRow.id == link_id
            )
        )

    def _tasks(self) -> Select[Any]:
        return select(TaskRow).where(
            TaskRow.workspace_id == self._tx.workspace_id, visible(TaskRow.project_id, self._tx)
        )

    def _named(self, refs: Collection[TaskRef]) -> Any:
        ids = [ref.id for ref in refs if ref.id]
        keys = [ref.key for ref in refs if ref.key]
        if not keys:
            return TaskRow.id.in_(ids)
        former = select(TaskKeyRow.task_id).where(
            TaskKeyRow.workspace_id == self._tx.workspace_id, TaskKeyRow.key.in_(keys)
        )
        return or_(TaskRow.key.in_(keys), TaskRow.id.in_(former), TaskRow.id.in_(ids))

    async def _complete(self, tasks: Sequence[Task]) -> list[Task]:
        return await completed(tasks, self._tx)

    async def _add_pairs(self, table: Any, column: str, pairs: Iterable[tuple[Any, Any]]) -> None:
        rows = [
            {"workspace_id": self._tx.workspace_id, "task_id": task_id, column: other_id}
            for task_id, other_id in pairs
        ]
        if rows:
            await self._tx.execute(insert(table), rows)


def _words(task: Task) -> str:
    """What `q` looks into: every word after a space, so that a word's beginning can be found."""
    text = f"{task.key} {task.title} {task.description} {task.details}"
    return "".join(f" {word}" for word in tokenise(text[:_WORDS_KEPT]))


def _columns(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "workspace_id": task.workspace_id,
        "project_id": task.project_id,
        "project_key": task.project_key,
        "number": task.number,
        "key": task.key,
        "title": task.title,
        "description": task.description,
        "details": task.details,
        "test_strategy": task.test_strategy,
        "acceptance": [
            {"id": item.id, "text": item.text, "met_at": item.met_at, "met_by": item.met_by}
            for item in task.acceptance
        ],
        "status": task.status.value,
        "priority": task.priority.value,
        "complexity_auto": task.complexity_auto,
        "complexity_manual": task.complexity_manual,
        "due_on": task.due_on,
        "repository_id": task.repository_id,
        "parent_id": task.parent_id,
        "custom": dict(task.custom),
        "rank": task.rank,
        "version": task.version,
        "created_by": task.created_by,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "archived_at": task.archived_at,
        "open_dependencies": task.open_dependencies,
        "open_subtasks": task.open_subtasks,
        "unlock_depth": task.unlock_depth,
        "unlock_count": task.unlock_count,
        "words": _words(task),
    }


def _task(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        workspace_id=row.workspace_id,
        project_id=row.project_id,
        project_key=row.project_key,
        number=row.number,
        title=row.title,
        description=row.description,
        details=row.details,
        test_strategy=row.test_strategy,
        acceptance=tuple(msgspec.convert(row.acceptance, list[AcceptanceItem])),
        status=TaskStatus(row.status),
        priority=Priority(row.priority),
        complexity_auto=row.complexity_auto,
        complexity_manual=row.complexity_manual,
        due_on=row.due_on,
        repository_id=row.repository_id,
        parent_id=row.parent_id,
        custom=row.custom,
        rank=row.rank,
        version=row.version,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        archived_at=row.archived_at,
        open_dependencies=row.open_dependencies,
        open_subtasks=row.open_subtasks,
        unlock_depth=row.unlock_depth,
        unlock_count=row.unlock_count,
    )
