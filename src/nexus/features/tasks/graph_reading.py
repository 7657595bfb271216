"""Reading and mending the graph of a whole workspace, a piece at a time."""

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, select, text, tuple_

from nexus.features.tasks.domain import TaskStatus
from nexus.features.tasks.graph import Unlocks
from nexus.features.tasks.tables import TaskDependencyRow, TaskRow
from nexus.features.tasks.workspace_graph import WorkspaceGraph
from nexus.platform.database import Transaction
from nexus.platform.rows import EventRow
from nexus.platform.sets import any_of, as_parameter

ROWS = 1000
"""Rows a statement reads or mends: some five milliseconds, in which a SQLite server stands."""

_CHANGERS = (
    "task.created",
    "task.updated",
    "task.status_changed",
    "task.dependency_added",
    "task.dependency_removed",
)

_COUNTED = """
WITH RECURSIVE above (id, task_id) AS (
    SELECT t.id, t.id FROM tasks t WHERE t.workspace_id = :workspace AND {chosen}
    UNION
    SELECT t.parent_id, above.task_id FROM above JOIN tasks t ON t.id = above.id
     WHERE t.parent_id IS NOT NULL
), waits (id, count) AS (
    SELECT above.task_id, count(*) FROM above
      JOIN task_dependencies d ON d.workspace_id = :workspace AND d.task_id = above.id
      JOIN tasks b ON b.id = d.depends_on_id AND b.status NOT IN ('done', 'cancelled')
     GROUP BY above.task_id
), parts (id, count) AS (
    SELECT t.parent_id, count(*) FROM tasks t
     WHERE t.workspace_id = :workspace AND t.status NOT IN ('done', 'cancelled')
       AND t.parent_id IN (SELECT task_id FROM above)
     GROUP BY t.parent_id
)
UPDATE tasks
   SET open_dependencies = coalesce((SELECT count FROM waits WHERE waits.id = tasks.id), 0),
       open_subtasks = coalesce((SELECT count FROM parts WHERE parts.id = tasks.id), 0)
 WHERE tasks.workspace_id = :workspace AND tasks.id IN (SELECT task_id FROM above)
   AND (open_dependencies != coalesce((SELECT count FROM waits WHERE waits.id = tasks.id), 0)
     OR open_subtasks != coalesce((SELECT count FROM parts WHERE parts.id = tasks.id), 0))
"""


class GraphReader:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def load(self) -> WorkspaceGraph:
        """All of it, in statements short enough for others to come in between."""
        graph = WorkspaceGraph(as_of=await self._newest_event())
        task = (
            TaskRow.id, TaskRow.parent_id, TaskRow.status, TaskRow.unlock_depth,
            TaskRow.unlock_count,
        )  # fmt: skip
        last: Any = None
        while rows := await self._rows(task, (TaskRow.id,), last):
            last = rows[-1][:1]
            for row in rows:
                graph.add_task(
                    row.id,
                    row.parent_id,
                    is_open=not TaskStatus(row.status).is_finished,
                    kept=Unlocks(depth=row.unlock_depth, count=row.unlock_count),
                )
        pair = (TaskDependencyRow.task_id, TaskDependencyRow.depends_on_id)
        last = None
        while rows := await self._rows(pair, pair, last):
            last = rows[-1]
            graph.dependencies += [
                (row.task_id, row.depends_on_id)
                for row in rows
                if row.task_id in graph.numbers and row.depends_on_id in graph.numbers
            ]
        return graph

    async def is_newer_than(self, graph: WorkspaceGraph) -> bool:
        """Whether somebody may have changed the graph since. Asked under the graph lock."""
        found = await self._tx.execute(
            select(EventRow.seq)
            .where(
                EventRow.workspace_id == self._tx.workspace_id,
                EventRow.seq > graph.as_of,
                EventRow.name.in_(_CHANGERS),
            )
            .limit(1)
        )
        return found.first() is not None

    async def recount(self, task_ids: Collection[UUID]) -> None:
        """Set what tasks wait for, and how many open subtasks they have, to what is the case."""
        is_postgresql = self._tx.dialect == "postgresql"
        chosen = (
            "= ANY(CAST(:ids AS UUID[]))"
            if is_postgresql
            else "IN (SELECT value FROM json_each(:ids))"
        )
        statement = text(_COUNTED.format(chosen=f"t.id {chosen}")).bindparams(
            bindparam("workspace", self._tx.workspace_id, type_=Uuid()),
            ids=as_parameter(task_ids, self._tx),
        )
        await self._tx.execute(statement)

    async def existing(self, pairs: Collection[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
        """Those dependencies among these that are there."""
        found = await self._tx.execute(
            select(TaskDependencyRow.task_id, TaskDependencyRow.depends_on_id).where(
                TaskDependencyRow.workspace_id == self._tx.workspace_id,
                any_of(TaskDependencyRow.task_id, {one for one, _ in pairs}, self._tx),
            )
        )
        return {(row.task_id, row.depends_on_id) for row in found} & set(pairs)

    async def _newest_event(self) -> int:
        found = await self._tx.execute(
            select(func.coalesce(func.max(EventRow.seq), 0)).where(
                EventRow.workspace_id == self._tx.workspace_id
            )
        )
        return found.scalar_one()

    async def _rows(self, columns: Any, key: Any, last: Any) -> list[Any]:
        """The next rows of a table by their key."""
        query = select(*columns).where(columns[0].class_.workspace_id == self._tx.workspace_id)
        if last is not None:
            query = query.where(tuple_(*key) > tuple_(*last))
        rows = (await self._tx.execute(query.order_by(*key).limit(ROWS))).all()
        await asyncio.sleep(0)  # let others in: on SQLite a statement runs in the event loop
        return list(rows)
