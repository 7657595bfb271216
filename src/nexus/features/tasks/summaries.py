"""Lists of tasks as their readers see them, page by page: two statements each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, Row, and_, func, select

from nexus.features.tasks.belongings import Belongings, belongings_of
from nexus.features.tasks.domain import Priority, TaskId, TaskSort, TaskStatus, TaskSummary
from nexus.features.tasks.errors import RelevanceWithoutSearch
from nexus.features.tasks.highlights import highlights
from nexus.features.tasks.listing import (
    ORDERS,
    Shape,
    conditions,
    ordered_values,
    shape_of,
    shape_of_filter,
    values_of_filter,
)
from nexus.features.tasks.project_graph import GraphEdge, GraphNode
from nexus.features.tasks.search import relevance, relevance_values
from nexus.features.tasks.selection import TaskFilter
from nexus.features.tasks.tables import TaskDependencyRow, TaskRow, TaskTextRow
from nexus.features.tasks.waiting import Because
from nexus.platform.database import Transaction
from nexus.platform.keyset import bounds_of, rows_after
from nexus.platform.paging import CursorNotUnderstood, Page, page_of, read_cursor
from nexus.platform.prepared import Prepared, Template
from nexus.platform.sets import any_of
from nexus.platform.visibility import visible

_COLUMNS = [
    TaskRow.id,
    TaskRow.project_key,
    TaskRow.number,
    TaskRow.key,
    TaskRow.title,
    TaskRow.status,
    TaskRow.priority,
    TaskRow.complexity_auto,
    TaskRow.complexity_manual,
    TaskRow.due_on,
    TaskRow.rank,
    TaskRow.version,
    TaskRow.created_at,
    TaskRow.updated_at,
    TaskRow.open_dependencies,
    TaskRow.open_subtasks,
    TaskRow.unlock_depth,
    TaskRow.unlock_count,
]
_TEXT_LOOKED_THROUGH = 20_000
_TEXTS = [
    func.substr(TaskRow.description, 1, _TEXT_LOOKED_THROUGH).label("description"),
    func.substr(TaskRow.details, 1, _TEXT_LOOKED_THROUGH).label("details"),
    func.substr(TaskRow.test_strategy, 1, _TEXT_LOOKED_THROUGH).label("test_strategy"),
    func.substr(TaskTextRow.comment_text, 1, _TEXT_LOOKED_THROUGH).label("comments"),
]
_FINISHED = [status.value for status in TaskStatus if status.is_finished]
_FIELDS = ("key", "title", "description", "details", "test_strategy", "comments")


class SummaryRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def list_page(
        self, which: TaskFilter, sort: TaskSort, cursor: str | None, limit: int
    ) -> Page[TaskSummary]:
        """Raises RelevanceWithoutSearch, CursorNotUnderstood."""
        if sort is TaskSort.RELEVANCE:
            return await self._best(which, cursor, limit)
        order = ORDERS[sort]
        values = values_of_filter(which, self._tx)
        if cursor:
            values |= bounds_of(read_cursor(sort.value, cursor, shape_of(order)))
        shape = (sort, shape_of_filter(which), bool(cursor))
        rows = (await _page(self._tx, shape, **values, limit=limit + 1)).all()
        summaries = await self._summaries(rows[:limit], which)
        # One row more than the page holds says that there is a next one.
        more = [*summaries, *summaries[-1:]] if len(rows) > limit else summaries
        return page_of(more, limit, sort.value, lambda task: ordered_values(task, order))

    async def _best(self, which: TaskFilter, cursor: str | None, limit: int) -> Page[TaskSummary]:
        if not which.words:
            raise RelevanceWithoutSearch(field="sort")
        if cursor:
            raise CursorNotUnderstood
        values = values_of_filter(which, self._tx) | relevance_values(which.words, self._tx)
        shape = (len(set(which.words)), shape_of_filter(which))
        rows = (await _best_page(self._tx, shape, **values, limit=limit)).all()
        return Page(items=await self._summaries(rows, which), next_cursor=None)

    async def list_nodes(
        self, project_key: str, *, finished: bool, limit: int
    ) -> tuple[list[GraphNode], int]:
        """The tasks of a project's graph by their numbers, and how many there would be."""
        query = select(*_COLUMNS, TaskRow.parent_id, func.count().over().label("in_all")).where(
            TaskRow.workspace_id == self._tx.workspace_id,
            TaskRow.project_key == project_key,
            TaskRow.archived_at.is_(None),
            visible(TaskRow.project_id, self._tx),
        )
        if not finished:
            query = query.where(TaskRow.status.not_in(_FINISHED))
        chosen = query.order_by(TaskRow.priority, TaskRow.number).limit(limit)
        rows = (await self._tx.execute(chosen)).all()
        nodes = [_node(row, is_outside=False) for row in sorted(rows, key=lambda row: row.number)]
        return nodes, rows[0].in_all if rows else 0

    async def list_edges(
        self, nodes: Sequence[GraphNode], *, finished: bool
    ) -> tuple[list[GraphEdge], list[GraphNode]]:
        """What these tasks wait for, and the tasks of other projects that they wait for."""
        known = {node.id for node in nodes}
        query = (
            select(
                *_COLUMNS,
                TaskRow.parent_id,
                TaskDependencyRow.task_id,
            )
            .join(TaskDependencyRow, TaskDependencyRow.depends_on_id == TaskRow.id)
            .where(
                TaskDependencyRow.workspace_id == self._tx.workspace_id,
                any_of(TaskDependencyRow.task_id, known, self._tx),
                visible(TaskRow.project_id, self._tx),
            )
            .order_by(TaskRow.key)
        )
        if not finished:
            query = query.where(TaskRow.status.not_in(_FINISHED))
        rows = (await self._tx.execute(query)).all()
        outside = {row.id: _node(row, is_outside=True) for row in rows if row.id not in known}
        edges = [
            GraphEdge(task=row.task_id, needs=TaskId(row.id), kind=Because.DEPENDENCY)
            for row in rows
        ]
        edges += [
            GraphEdge(task=node.parent_id, needs=node.id, kind=Because.SUBTASK)
            for node in nodes
            if node.parent_id in known and node.parent_id
        ]
        return edges, list(outside.values())

    async def _summaries(self, rows: Sequence[Row[Any]], which: TaskFilter) -> list[TaskSummary]:
        belongings = await belongings_of([row.id for row in rows], self._tx, links=False)
        return [_summary(row, belongings[row.id], which.words) for row in rows]


def _query(shape: Shape, of: Template) -> Any:
    *_, has_words = shape
    if has_words:
        query = select(*_COLUMNS, *_TEXTS).join(
            TaskTextRow,
            and_(TaskTextRow.workspace_id == of.workspace_id, TaskTextRow.task_id == TaskRow.id),
        )
    else:
        query = select(*_COLUMNS)
    return query.where(
        TaskRow.workspace_id == of.workspace_id,
        visible(TaskRow.project_id, of),
        *conditions(shape, of),
    ).limit(of.given("limit", Integer()))


def _page_query(of: Template, shape: Any) -> Any:
    sort, filters, has_cursor = shape
    order = ORDERS[sort]
    query = _query(filters, of).order_by(*[by.clause for by in order])
    return query.where(rows_after(order)) if has_cursor else query


def _best_query(of: Template, shape: Any) -> Any:
    count, filters = shape
    best = relevance(count, of).desc()
    return _query(filters, of).order_by(best, TaskRow.updated_at.desc(), TaskRow.id.desc())


_page = Prepared(_page_query)
_best_page = Prepared(_best_query)


def _node(row: Row[Any], *, is_outside: bool) -> GraphNode:
    return GraphNode(
        id=TaskId(row.id),
        key=row.key,
        title=row.title,
        status=TaskStatus(row.status),
        priority=Priority(row.priority),
        complexity=row.complexity_manual or row.complexity_auto,
        parent_id=row.parent_id,
        is_outside=is_outside,
    )


def _summary(row: Row[Any], own: Belongings, words: Sequence[str]) -> TaskSummary:
    texts = [(field, getattr(row, field)) for field in _FIELDS] if words else []
    return TaskSummary(
        id=TaskId(row.id),
        project_key=row.project_key,
        number=row.number,
        key=row.key,
        title=row.title,
        status=TaskStatus(row.status),
        priority=Priority(row.priority),
        complexity=row.complexity_manual or row.complexity_auto,
        due_on=row.due_on,
        rank=row.rank,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        open_dependencies=row.open_dependencies,
        open_subtasks=row.open_subtasks,
        unlock_depth=row.unlock_depth,
        unlock_count=row.unlock_count,
        labels=own.labels,
        assignees=own.assignees,
        parent=own.parent,
        dependencies=own.dependencies,
        hold=own.hold,
        highlights=highlights(texts, words),
    )
