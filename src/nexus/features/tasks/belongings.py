"""What belongs to tasks in other tables, for a whole page in one statement."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, Uuid, and_, cast, literal, null, select, union_all
from sqlalchemy.orm import aliased

from nexus.features.tasks.domain import Assignee, Task, TaskBrief, TaskId, TaskLink, TaskStatus
from nexus.features.tasks.tables import (
    LabelRow,
    TaskAssigneeRow,
    TaskDependencyRow,
    TaskLabelRow,
    TaskLinkRow,
    TaskRow,
)
from nexus.platform.actor import ActorKind
from nexus.platform.database import Transaction
from nexus.platform.rows import ActorRow
from nexus.platform.visibility import visible

_NO_ID = cast(null(), Uuid())
_NO_TEXT = cast(null(), Text())

Belongings = dict[tuple[UUID, str], list[Row[Any]]]


async def completed(tasks: Sequence[Task], tx: Transaction) -> list[Task]:
    """The tasks with their labels, assignees, parents, dependencies and links.

    A task of a private project that the viewer may not see is left out where it is pointed at.
    """
    if not tasks:
        return []
    belongings: Belongings = {}
    for row in await tx.execute(_belongings([task.id for task in tasks], tx)):
        belongings.setdefault((row.task_id, row.what), []).append(row)
    return [_completed(task, belongings) for task in tasks]


def _belongings(task_ids: Collection[TaskId], tx: Transaction) -> Any:
    """Rows of one shape: what it is, whose, its id, another task's id, and up to six texts."""
    other = aliased(TaskRow)
    seen = visible(other.project_id, tx)
    brief = (other.key, other.title, other.status)

    def rows(what: str, table: Any, task_id: Any, *columns: Any) -> Any:
        return _rows(what, task_id, *columns).where(
            table.workspace_id == tx.workspace_id, task_id.in_(task_ids)
        )

    labels = rows("label", TaskLabelRow, TaskLabelRow.task_id, LabelRow.id, _NO_ID, LabelRow.name)
    people = (ActorRow.id, _NO_ID, ActorRow.name, ActorRow.handle, ActorRow.kind)
    assignees = rows("assignee", TaskAssigneeRow, TaskAssigneeRow.task_id, *people)
    edges = TaskDependencyRow
    dependencies = rows("dependency", edges, edges.task_id, other.id, _NO_ID, *brief)
    parents = rows("parent", TaskRow, TaskRow.id, other.id, _NO_ID, *brief)
    linked = (TaskLinkRow.id, other.id, *brief)
    own = (TaskLinkRow.kind, TaskLinkRow.url, TaskLinkRow.title)
    links = rows("link", TaskLinkRow, TaskLinkRow.task_id, *linked, *own)
    return union_all(
        labels.join(LabelRow, LabelRow.id == TaskLabelRow.label_id),
        assignees.join(ActorRow, ActorRow.id == TaskAssigneeRow.actor_id),
        dependencies.join(other, and_(other.id == edges.depends_on_id, seen)),
        parents.join(other, and_(other.id == TaskRow.parent_id, seen)),
        links.outerjoin(other, and_(other.id == TaskLinkRow.other_id, seen)),
    )


def _rows(what: str, task_id: Any, own_id: Any, other_id: Any, *texts: Any) -> Any:
    padded = [*texts, *[_NO_TEXT] * (6 - len(texts))]
    return select(
        literal(what).label("what"),
        task_id.label("task_id"),
        own_id.label("id"),
        other_id.label("other_id"),
        *[column.label(name) for name, column in zip("abcdef", padded, strict=True)],
    )


def _completed(task: Task, belongings: Belongings) -> Task:
    def of(what: str) -> list[Row[Any]]:
        return belongings.get((task.id, what), [])

    parents = [_brief(row.id, row) for row in of("parent")]
    return replace(
        task,
        labels=tuple(sorted((row.a for row in of("label")), key=str.casefold)),
        assignees=tuple(
            sorted(
                (
                    Assignee(id=row.id, kind=ActorKind(row.c), name=row.a, handle=row.b)
                    for row in of("assignee")
                ),
                key=lambda one: one.handle,
            )
        ),
        parent=parents[0] if parents else None,
        dependencies=tuple(
            sorted((_brief(row.id, row) for row in of("dependency")), key=lambda one: one.key)
        ),
        links=tuple(
            TaskLink(
                id=row.id,
                kind=row.d,
                task=_brief(row.other_id, row) if row.other_id else None,
                url=row.e,
                title=row.f,
            )
            for row in sorted(of("link"), key=lambda row: row.id)
            if row.other_id or row.e
        ),
    )


def _brief(task_id: UUID, row: Row[Any]) -> TaskBrief:
    return TaskBrief(id=TaskId(task_id), key=row.a, title=row.b, status=TaskStatus(row.c))
