"""Which tasks, and in which order: filters and sorts as SQL."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Date,
    Integer,
    Text,
    Uuid,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import aliased

from nexus.features.tasks.customs import custom_condition
from nexus.features.tasks.domain import TaskSort
from nexus.features.tasks.search import matching, search_query
from nexus.features.tasks.selection import TaskFilter
from nexus.features.tasks.tables import (
    LabelRow,
    TaskAssigneeRow,
    TaskKeyRow,
    TaskLabelRow,
    TaskRow,
)
from nexus.platform.columns import Instant
from nexus.platform.database import Transaction
from nexus.platform.fields import folded
from nexus.platform.keyset import OrderBy
from nexus.platform.prepared import Template
from nexus.platform.sets import as_parameter
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


Shape = tuple[Any, ...]


def shape_of_filter(which: TaskFilter) -> Shape:
    """What of a filter changes the text of its query; everything else is a value."""
    parts = tuple(name for name, part in _PARTS.items() if part.is_in(which))
    return parts, which.is_archived, which.is_waiting, which.custom, bool(which.words)


def values_of_filter(which: TaskFilter, tx: Transaction) -> dict[str, Any]:
    values = {name: part.value(which, tx) for name, part in _PARTS.items() if part.is_in(which)}
    if which.parent:
        values["parent_id"] = which.parent.id
    if which.labels:
        values["label_count"] = len({folded(label) for label in which.labels})
    if which.words:
        values["search_query"] = search_query(which.words, tx)
    return values


def conditions(shape: Shape, of: Template) -> list[Any]:
    """What must hold of a task's row."""
    parts, is_archived, is_waiting, custom, has_words = shape
    archived = TaskRow.archived_at.is_not(None)
    wanted: list[Any] = [archived if is_archived else ~archived]
    wanted += [_PARTS[name].clause(of) for name in parts]
    if is_waiting is not None:
        waits = or_(TaskRow.open_dependencies > 0, TaskRow.open_subtasks > 0)
        wanted.append(waits if is_waiting else ~waits)
    wanted += [custom_condition(one, of.dialect) for one in custom]
    if has_words:
        wanted.append(matching(of))
    return wanted


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One filter: whether it is asked for, its value, and its condition on that value."""

    is_in: Callable[[TaskFilter], bool]
    value: Callable[[TaskFilter, Transaction], Any]
    clause: Callable[[Template], Any]


def _labelled(of: Template) -> Any:
    return TaskRow.id.in_(
        select(TaskLabelRow.task_id)
        .join(LabelRow, LabelRow.id == TaskLabelRow.label_id)
        .where(
            TaskLabelRow.workspace_id == of.workspace_id,
            LabelRow.workspace_id == of.workspace_id,
            of.is_given(LabelRow.name_key, "labels", Text()),
        )
        .group_by(TaskLabelRow.task_id)
        .having(func.count() == of.given("label_count", Integer()))
    )


def _below(of: Template) -> Any:
    """Below a task that is named by its key, a former one too, or by its id as text."""
    parents = aliased(TaskRow)
    name = of.given("parent", Text())
    mine = parents.workspace_id == of.workspace_id
    seen = visible(parents.project_id, of)
    by_key = select(parents.id).where(mine, seen, parents.key == name)
    by_id = select(parents.id).where(mine, seen, parents.id == of.given("parent_id", Uuid()))
    former = (
        select(TaskKeyRow.task_id)
        .join(parents, parents.id == TaskKeyRow.task_id)
        .where(TaskKeyRow.workspace_id == of.workspace_id, TaskKeyRow.key == name, mine, seen)
    )
    return TaskRow.parent_id.in_(union_all(by_key, by_id, former))


def _ready(of: Template) -> Any:
    return and_(
        # Written out as in the index, so that the database sees that it fits.
        TaskRow.status == literal("todo", literal_execute=True),
        TaskRow.open_dependencies == literal(0, literal_execute=True),
        TaskRow.open_subtasks == literal(0, literal_execute=True),
        or_(~_assigned(of), _assigned(of, "ready_for")),
    )


def _assigned(of: Template, to: str | None = None) -> Any:
    mine = [
        TaskAssigneeRow.workspace_id == of.workspace_id,
        TaskAssigneeRow.task_id == TaskRow.id,
    ]
    if to:
        mine.append(TaskAssigneeRow.actor_id == of.given(to, Uuid()))
    return exists().where(*mine)


_PARTS = {
    "statuses": _Part(
        is_in=lambda which: bool(which.statuses),
        value=lambda which, tx: as_parameter([status.value for status in which.statuses], tx),
        clause=lambda of: of.is_given(TaskRow.status, "statuses", Text()),
    ),
    "priorities": _Part(
        is_in=lambda which: bool(which.priorities),
        value=lambda which, tx: as_parameter([one.value for one in which.priorities], tx),
        clause=lambda of: of.is_given(TaskRow.priority, "priorities", Integer()),
    ),
    "projects": _Part(
        is_in=lambda which: bool(which.projects),
        value=lambda which, tx: as_parameter([key.upper() for key in which.projects], tx),
        clause=lambda of: of.is_given(TaskRow.project_key, "projects", Text()),
    ),
    "labels": _Part(
        is_in=lambda which: bool(which.labels),
        value=lambda which, tx: as_parameter({folded(label) for label in which.labels}, tx),
        clause=_labelled,
    ),
    "repository": _Part(
        is_in=lambda which: which.repository_id is not None,
        value=lambda which, _: which.repository_id,
        clause=lambda of: TaskRow.repository_id == of.given("repository", Uuid()),
    ),
    "top_level": _Part(
        is_in=lambda which: which.is_top_level,
        value=lambda _, __: None,
        clause=lambda _: TaskRow.parent_id.is_(None),
    ),
    "parent": _Part(
        is_in=lambda which: which.parent is not None,
        value=lambda which, _: which.parent.key if which.parent else None,
        clause=_below,
    ),
    "unassigned": _Part(
        is_in=lambda which: which.is_unassigned,
        value=lambda _, __: None,
        clause=lambda of: ~_assigned(of),
    ),
    "assignee": _Part(
        is_in=lambda which: which.assignee is not None,
        value=lambda which, _: which.assignee,
        clause=lambda of: _assigned(of, "assignee"),
    ),
    "ready_for": _Part(
        is_in=lambda which: which.ready_for is not None,
        value=lambda which, _: which.ready_for,
        clause=_ready,
    ),
    "due_from": _Part(
        is_in=lambda which: which.due_from is not None,
        value=lambda which, _: which.due_from,
        clause=lambda of: TaskRow.due_on >= of.given("due_from", Date()),
    ),
    "due_until": _Part(
        is_in=lambda which: which.due_until is not None,
        value=lambda which, _: which.due_until,
        clause=lambda of: TaskRow.due_on <= of.given("due_until", Date()),
    ),
    "updated_since": _Part(
        is_in=lambda which: which.updated_since is not None,
        value=lambda which, _: which.updated_since,
        clause=lambda of: TaskRow.updated_at >= of.given("updated_since", Instant()),
    ),
    "created_by": _Part(
        is_in=lambda which: which.created_by is not None,
        value=lambda which, _: which.created_by,
        clause=lambda of: TaskRow.created_by == of.given("created_by", Uuid()),
    ),
}
