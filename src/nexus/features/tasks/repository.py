"""Tasks in and out of the database, always within one workspace and for one viewer."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    insert,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from nexus.features.tasks.belongings import completed
from nexus.features.tasks.domain import (
    Assignee,
    Task,
    TaskId,
    TaskRef,
)
from nexus.features.tasks.errors import TaskNotFound
from nexus.features.tasks.parts import PartRepository
from nexus.features.tasks.records import columns_of, is_same, task_of
from nexus.features.tasks.search import SearchIndex
from nexus.features.tasks.tables import (
    TaskAssigneeRow,
    TaskKeyRow,
    TaskRow,
)
from nexus.platform.actor import ActorKind
from nexus.platform.database import Transaction
from nexus.platform.prepared import Prepared, PreparedWrite, Template
from nexus.platform.rows import ActorRow
from nexus.platform.sets import any_of
from nexus.platform.visibility import hidden_keys, visible

_DERIVED = {"open_dependencies", "open_subtasks", "unlock_depth", "unlock_count"}
_SEARCHED = {"key", "title", "description", "details", "test_strategy"}


class TaskRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.search = SearchIndex(tx)
        self.parts = PartRepository(tx)

    async def get(self, ref: TaskRef, *, lock: bool = False) -> Task:
        """One task with all that belongs to it, by id, key or former key."""
        [task] = await self.complete([await self.get_plain(ref, lock=lock)])
        return task

    async def get_plain(self, ref: TaskRef, *, lock: bool = False) -> Task:
        """One task without what belongs to it."""
        named = {"id": ref.id} if ref.id else {"key": ref.key}
        row = (await _one_task(self._tx, (bool(ref.id), lock), **named)).first()
        if row is None:
            raise TaskNotFound(id=ref.text)
        return task_of(row)

    async def get_assigned(self, ref: TaskRef) -> tuple[Task, set[str]]:
        """One task with its assignees alone, and the keys of projects that are hidden."""
        rows = await self._tx.execute(
            self._tasks()
            .add_columns(
                ActorRow.id.label("who_id"),
                ActorRow.kind.label("who_kind"),
                ActorRow.name.label("who_name"),
                ActorRow.handle.label("who_handle"),
                hidden_keys(self._tx).label("hidden_keys"),
            )
            .outerjoin(
                TaskAssigneeRow,
                and_(
                    TaskAssigneeRow.workspace_id == TaskRow.workspace_id,
                    TaskAssigneeRow.task_id == TaskRow.id,
                ),
            )
            .outerjoin(ActorRow, ActorRow.id == TaskAssigneeRow.actor_id)
            .where(self._named([ref]))
            .order_by(ActorRow.handle)
        )
        found = rows.all()
        if not found:
            raise TaskNotFound(id=ref.text)
        people = [
            Assignee(
                id=row.who_id,
                kind=ActorKind(row.who_kind),
                name=row.who_name,
                handle=row.who_handle,
            )
            for row in found
            if row.who_id
        ]
        hidden: set[str] = {key for key in (found[0].hidden_keys or "").split(",") if key}
        return replace(task_of(found[0]), assignees=tuple(people)), hidden

    async def get_with_anchor(self, ref: TaskRef, anchor: TaskRef) -> tuple[Task, Task | None]:
        """A task to change, whole, and another one beside it (None if there is none), locked."""
        found = await self.find_by_refs([ref, anchor], lock=True)
        if ref not in found:
            raise TaskNotFound(id=ref.text)
        [task] = await self.complete([found[ref]])
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
        tasks = [task_of(row) for row in await self._tx.execute(query)]
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

    async def lock_all(self, task_ids: Collection[TaskId]) -> list[Task]:
        """Whole tasks by id, locked in the order of their ids, whoever may see them."""
        if not task_ids:
            return []
        query = (
            select(TaskRow)
            .where(TaskRow.workspace_id == self._tx.workspace_id, TaskRow.id.in_(task_ids))
            .order_by(TaskRow.id)
        )
        found = await self._tx.execute(query.with_for_update(key_share=True))
        return await self.complete([task_of(row) for row in found])

    async def complete(self, tasks: Iterable[Task]) -> list[Task]:
        """Tasks with what belongs to them."""
        return await completed(list(tasks), self._tx)

    async def list_whole(self, task_ids: Collection[TaskId]) -> list[Task]:
        """Tasks by id with all that belongs to them, as far as the viewer may see them."""
        found = await self._tx.execute(self._tasks().where(TaskRow.id.in_(task_ids)))
        return await self.complete([task_of(row) for row in found])

    async def count_unscored_below(self, task_id: TaskId) -> int:
        found = await self._tx.execute(
            select(func.count()).where(
                TaskRow.workspace_id == self._tx.workspace_id,
                TaskRow.parent_id == task_id,
                TaskRow.complexity_given.is_(None),
            )
        )
        return found.scalar_one()

    async def set_complexity_below(self, parent: Task) -> int:
        """Let the subtasks without a score have their parent's; how many they are."""
        changed = await self._tx.execute(
            update(TaskRow)
            .where(
                TaskRow.workspace_id == self._tx.workspace_id,
                TaskRow.parent_id == parent.id,
                TaskRow.complexity_given.is_(None),
            )
            .values(
                complexity_given=parent.complexity_given, complexity_auto=parent.complexity_given
            )
        )
        return changed.rowcount

    async def forget_estimates(self, task_ids: Collection[TaskId]) -> None:
        """Have tasks estimated anew by the job that looks for those without an estimate."""
        await self._tx.execute(
            update(TaskRow)
            .where(
                TaskRow.workspace_id == self._tx.workspace_id,
                any_of(TaskRow.id, task_ids, self._tx),
                TaskRow.complexity_given.is_(None),
            )
            .values(complexity_auto=None)
        )

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
        await self._tx.execute(insert(TaskRow), [columns_of(task) for task in tasks])
        await self.search.add(tasks)

    async def save(self, task: Task, *, was: Task) -> None:
        """What has changed of the task's own columns; the derived ones belong to EdgeRepository."""
        old = columns_of(was)
        values = {
            name: value
            for name, value in columns_of(task).items()
            if name not in _DERIVED and not is_same(value, old[name])
        }
        if values:
            fresh = {f"new_{name}": value for name, value in values.items()}
            await _change(self._tx, tuple(values), of_task=task.id, **fresh)
        if values.keys() & _SEARCHED:
            await self.search.save([task])

    async def save_many(self, changes: Sequence[tuple[Task, Task]]) -> None:
        """As `save`, for (new, old) pairs: one statement, however many they are."""
        columns = [(columns_of(new), columns_of(old)) for new, old in changes]
        names = {
            name
            for new, old in columns
            for name in new
            if name not in _DERIVED and not is_same(new[name], old[name])
        }
        if names:
            table: Any = TaskRow.__table__
            await self._tx.execute(
                update(table)
                .where(table.c.workspace_id == self._tx.workspace_id, table.c.id == bindparam("of"))
                .values(
                    {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
                ),
                [{"of": new["id"]} | {f"new_{n}": new[n] for n in names} for new, _ in columns],
            )
        if names & _SEARCHED:
            await self.search.save([new for new, _ in changes])

    async def list_below(self, task: Task) -> list[Task]:
        """All subtasks of a task in its own project, their subtasks too, locked, by number."""
        below = (
            select(TaskRow.id)
            .where(TaskRow.workspace_id == self._tx.workspace_id, TaskRow.parent_id == task.id)
            .cte("below", recursive=True)
        )
        children = aliased(TaskRow)
        below = below.union(
            select(children.id).where(
                children.workspace_id == self._tx.workspace_id, children.parent_id == below.c.id
            )
        )
        rows = await self._tx.execute(
            self._tasks()
            .where(TaskRow.id.in_(select(below.c.id)), TaskRow.project_id == task.project_id)
            .order_by(TaskRow.number)
            .with_for_update(key_share=True)
        )
        return [task_of(row) for row in rows]

    async def add_former_keys(self, tasks: Sequence[Task]) -> None:
        """Let the keys that tasks have now lead to them for ever."""
        await self._tx.execute(
            insert(TaskKeyRow),
            [
                {
                    "workspace_id": self._tx.workspace_id,
                    "project_id": task.project_id,
                    "number": task.number,
                    "key": task.key,
                    "task_id": task.id,
                }
                for task in tasks
            ],
        )

    def _tasks(self) -> Select[Any]:
        return select(TaskRow).where(
            TaskRow.workspace_id == self._tx.workspace_id, visible(TaskRow.project_id, self._tx)
        )

    def _named(self, refs: Collection[TaskRef]) -> Any:
        """By their ids, looked up first: with OR, SQLite would walk through the workspace."""
        ids = [ref.id for ref in refs if ref.id]
        keys = [ref.key for ref in refs if ref.key]
        if not keys:
            return TaskRow.id.in_(ids)
        now = aliased(TaskRow)
        workspace_id = self._tx.workspace_id
        named = [
            select(now.id).where(now.workspace_id == workspace_id, now.key.in_(keys)),
            select(TaskKeyRow.task_id).where(
                TaskKeyRow.workspace_id == workspace_id, TaskKeyRow.key.in_(keys)
            ),
        ]
        if ids:
            named.append(select(now.id).where(now.workspace_id == workspace_id, now.id.in_(ids)))
        return TaskRow.id.in_(union_all(*named))


def _one_task_query(of: Template, shape: Any) -> Select[Any]:
    by_id, lock = shape
    if by_id:
        is_named = TaskRow.id == of.given("id", Uuid())
    else:
        key = of.given("key", Text())
        now = aliased(TaskRow)
        current = select(now.id).where(now.workspace_id == of.workspace_id, now.key == key)
        former = select(TaskKeyRow.task_id).where(
            TaskKeyRow.workspace_id == of.workspace_id, TaskKeyRow.key == key
        )
        # Not by OR, for which SQLite would walk through the workspace.
        is_named = TaskRow.id == func.coalesce(current.scalar_subquery(), former.scalar_subquery())
    query = select(TaskRow).where(
        TaskRow.workspace_id == of.workspace_id, visible(TaskRow.project_id, of), is_named
    )
    return query.with_for_update(key_share=True) if lock else query


_one_task = Prepared(_one_task_query)


def _change_statement(_dialect: str, names: Any) -> Any:
    table: Any = TaskRow.__table__
    return (
        update(table)
        .where(
            table.c.workspace_id == bindparam("of_workspace", type_=Uuid()),
            table.c.id == bindparam("of_task", type_=Uuid()),
        )
        .values({name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names})
    )


_change = PreparedWrite(_change_statement)
