"""Which tasks, and in which order: filters and sorts as SQL."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, and_, exists, func, literal, or_, select, type_coerce
from sqlalchemy.orm import aliased

from nexus.features.tasks.customs import custom_condition
from nexus.features.tasks.domain import TaskSort
from nexus.features.tasks.search import matching
from nexus.features.tasks.selection import TaskFilter
from nexus.features.tasks.tables import LabelRow, TaskAssigneeRow, TaskLabelRow, TaskRow
from nexus.platform.actor import ActorId, WorkspaceId
from nexus.platform.database import Transaction
from nexus.platform.fields import folded
from nexus.platform.keyset import OrderBy
from nexus.platform.visibility import visible

_NEVER = date(9999, 12, 31)
_ID = OrderBy(column=TaskRow.id, attribute="id", type=UUID)
_CREATED = OrderBy(column=TaskRow.created_at, attribute="created_at", type=datetime)
_PRIORITY = OrderBy(column=TaskRow.priority, attribute="priority", type=int)
_PROJECT = OrderBy(column=TaskRow.project_key, attribute="project_key", type=str)

ORDERS: dict[TaskSort, list[OrderBy]] = {
    TaskSort.NEWEST: [
        OrderBy(column=TaskRow.created_at, attribute="created_at", type=datetime, descending=True),
        OrderBy(column=TaskRow.id, attribute="id", type=UUID, descending=True),
    ],
    TaskSort.OLDEST: [_CREATED, _ID],
    TaskSort.UPDATED: [
        OrderBy(column=TaskRow.updated_at, attribute="updated_at", type=datetime, descending=True),
        OrderBy(column=TaskRow.id, attribute="id", type=UUID, descending=True),
    ],
    TaskSort.PRIORITY: [_PRIORITY, _CREATED, _ID],
    TaskSort.DUE: [
        OrderBy(
            column=type_coerce(func.coalesce(TaskRow.due_on, literal(_NEVER, Date())), Date()),
            attribute="due_on",
            type=date,
        ),
        _ID,
    ],
    TaskSort.RANK: [
        _PROJECT,
        OrderBy(column=TaskRow.rank, attribute="rank", type=str),
        _ID,
    ],
    TaskSort.KEY: [_PROJECT, OrderBy(column=TaskRow.number, attribute="number", type=int)],
    TaskSort.NEXT: [
        _PRIORITY,
        OrderBy(column=TaskRow.unlock_depth, attribute="unlock_depth", type=int, descending=True),
        OrderBy(column=TaskRow.unlock_count, attribute="unlock_count", type=int, descending=True),
        _CREATED,
        _ID,
    ],
}


def ordered_values(task: object, order: Sequence[OrderBy]) -> list[Any]:
    values = [getattr(task, by.attribute) for by in order]
    return [_NEVER if value is None else value for value in values]


def shape_of(order: Sequence[OrderBy]) -> Any:
    """The tuple type of a cursor's values."""
    return tuple[tuple(by.type for by in order)]  # pyright: ignore[reportInvalidTypeForm]


def conditions(which: TaskFilter, tx: Transaction) -> list[Any]:
    """What must hold of a task's row."""
    wanted = [*_own(which), *_related(which, tx), *_ready(which, tx.workspace_id)]
    wanted += [custom_condition(one, tx) for one in which.custom]
    if which.words:
        wanted.append(matching(which.words, tx))
    return wanted


def _own(which: TaskFilter) -> list[Any]:
    archived = TaskRow.archived_at.is_not(None)
    wanted: list[Any] = [archived if which.is_archived else ~archived]
    if which.statuses:
        wanted.append(TaskRow.status.in_([status.value for status in which.statuses]))
    if which.priorities:
        wanted.append(TaskRow.priority.in_([p.value for p in which.priorities]))
    if which.projects:
        wanted.append(TaskRow.project_key.in_([key.upper() for key in which.projects]))
    if which.repository_id:
        wanted.append(TaskRow.repository_id == which.repository_id)
    if which.is_top_level:
        wanted.append(TaskRow.parent_id.is_(None))
    if which.is_waiting is not None:
        waits = or_(TaskRow.open_dependencies > 0, TaskRow.open_subtasks > 0)
        wanted.append(waits if which.is_waiting else ~waits)
    if which.due_from:
        wanted.append(TaskRow.due_on >= which.due_from)
    if which.due_until:
        wanted.append(TaskRow.due_on <= which.due_until)
    if which.updated_since:
        wanted.append(TaskRow.updated_at >= which.updated_since)
    if which.created_by:
        wanted.append(TaskRow.created_by == which.created_by)
    return wanted


def _related(which: TaskFilter, tx: Transaction) -> list[Any]:
    workspace_id = tx.workspace_id
    wanted: list[Any] = []
    for label in which.labels:
        named = (
            select(TaskLabelRow.task_id)
            .join(LabelRow, LabelRow.id == TaskLabelRow.label_id)
            .where(
                TaskLabelRow.workspace_id == workspace_id,
                LabelRow.workspace_id == workspace_id,
                LabelRow.name_key == folded(label),
            )
        )
        wanted.append(TaskRow.id.in_(named))
    if which.is_unassigned:
        wanted.append(~_assigned(workspace_id))
    if which.assignee:
        wanted.append(_assigned(workspace_id, which.assignee))
    if which.parent:
        parents = aliased(TaskRow)
        named = select(parents.id).where(
            parents.workspace_id == workspace_id,
            visible(parents.project_id, tx),
            or_(parents.key == which.parent.key, parents.id == which.parent.id),
        )
        wanted.append(TaskRow.parent_id.in_(named))
    return wanted


def _ready(which: TaskFilter, workspace_id: WorkspaceId) -> list[Any]:
    if which.ready_for is None:
        return []
    return [
        # Written out as in the index, so that the database sees that it fits.
        and_(
            TaskRow.status == literal("todo", literal_execute=True),
            TaskRow.open_dependencies == literal(0, literal_execute=True),
            TaskRow.open_subtasks == literal(0, literal_execute=True),
        ),
        or_(~_assigned(workspace_id), _assigned(workspace_id, which.ready_for)),
    ]


def _assigned(workspace_id: WorkspaceId, to: ActorId | None = None) -> Any:
    mine = [
        TaskAssigneeRow.workspace_id == workspace_id,
        TaskAssigneeRow.task_id == TaskRow.id,
    ]
    if to:
        mine.append(TaskAssigneeRow.actor_id == to)
    return exists().where(*mine)
