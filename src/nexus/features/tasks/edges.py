"""The edges of the graph in and out of the database, and the columns that follow from them.

Its recursive statements are written out: the two databases take different forms of recursion.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Integer, Text, Uuid, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from nexus.features.tasks.domain import TaskBrief, TaskId, TaskStatus
from nexus.features.tasks.graph import Moment, Need, Node, Unlocks
from nexus.features.tasks.tables import TaskDependencyRow, TaskRow
from nexus.platform.actor import ActorId
from nexus.platform.database import Transaction
from nexus.platform.sets import as_parameter

# What a moment needs (see graph.py), one branch a kind of edge; {node} is a moment reached so far.
# {is_open} leaves out the finish of finished tasks: nothing waits for those any more.
_NEEDS = """
    SELECT n.kind, n.id, 'F', d.depends_on_id FROM {node}
      JOIN task_dependencies d ON n.kind = 'G' AND d.workspace_id = :workspace AND d.task_id = n.id
      JOIN tasks t ON t.id = d.depends_on_id {is_open}
    {union} SELECT n.kind, n.id, 'G', t.parent_id FROM {node}
      JOIN tasks t ON n.kind = 'G' AND t.id = n.id AND t.parent_id IS NOT NULL
    {union} SELECT n.kind, n.id, 'F', t.id FROM {node}
      JOIN tasks t ON n.kind = 'F' AND t.workspace_id = :workspace AND t.parent_id = n.id {is_open}
    {union} SELECT n.kind, n.id, 'G', n.id FROM {node} WHERE n.kind = 'F'
"""

# The same edges the other way: what waits for a moment.
_WAITING = """
    SELECT n.kind, n.id, 'G', d.task_id FROM {node}
      JOIN task_dependencies d
        ON n.kind = 'F' AND d.workspace_id = :workspace AND d.depends_on_id = n.id
    {union} SELECT n.kind, n.id, 'G', t.id FROM {node}
      JOIN tasks t ON n.kind = 'G' AND t.workspace_id = :workspace AND t.parent_id = n.id
    {union} SELECT n.kind, n.id, 'F', p.id FROM {node}
      JOIN tasks c ON n.kind = 'F' AND c.id = n.id JOIN tasks p ON p.id = c.parent_id {is_open_p}
    {union} SELECT n.kind, n.id, 'F', t.id FROM {node}
      JOIN tasks t ON n.kind = 'G' AND t.id = n.id {is_open}
"""

_IS_OPEN = "AND {task}.status NOT IN ('done', 'cancelled')"


_STARTS = {
    "postgresql": "SELECT unnest(CAST(:kinds AS TEXT[])), unnest(CAST(:ids AS UUID[]))",
    "sqlite": "SELECT value ->> 0, value ->> 1 FROM json_each(:starts)",
}
_START = "SELECT 'F', id FROM tasks WHERE workspace_id = :workspace AND id = :task"
_FOUND = """
    SELECT '{walk}' AS walk, r.from_kind, r.from_id, r.kind, r.id, t.status, t.unlock_depth,
           t.unlock_count, t.key, t.title, t.project_id
      FROM {walk} r JOIN tasks t ON t.id = r.id
"""


def _walked(walk: str, edges: str, dialect: str, *, live: bool) -> str:
    """A common table of all edges that can be walked from the start moments.

    It ends even where they go in circles. The start moments themselves come as edges from nowhere.
    """
    is_open = _IS_OPEN.format(task="t") if live else ""
    is_open_p = _IS_OPEN.format(task="p") if live else ""
    if dialect == "postgresql":
        branches = edges.format(
            node="(SELECT r.kind, r.id) n", union="UNION ALL", is_open=is_open, is_open_p=is_open_p
        )
        step = f"SELECT e.* FROM {walk} r CROSS JOIN LATERAL ({branches}) e"
    else:
        step = edges.format(node=f"{walk} n", union="UNION", is_open=is_open, is_open_p=is_open_p)
    return (
        f"{walk} (from_kind, from_id, kind, id) AS"
        f" (SELECT '', id, kind, id FROM starts UNION {step})"
    )


_BELOW = """
WITH RECURSIVE below (id, deps) AS (
    {heads}
    UNION ALL
    SELECT tasks.id, below.deps FROM tasks JOIN below ON tasks.parent_id = below.id
     WHERE tasks.workspace_id = :workspace
), delta (id, deps, subtasks) AS (
    SELECT id, sum(deps), sum(subtasks) FROM (
        SELECT id, deps, 0 AS subtasks FROM below {parents}
    ) AS parts GROUP BY id
)
UPDATE tasks SET open_dependencies = open_dependencies + delta.deps,
                 open_subtasks = open_subtasks + delta.subtasks
  FROM delta WHERE tasks.workspace_id = :workspace AND tasks.id = delta.id
RETURNING tasks.id, tasks.key, tasks.title, tasks.status,
          tasks.open_dependencies, tasks.open_subtasks
"""

_FINISHED_OR_REOPENED = _BELOW.format(
    heads="SELECT task_id, CAST(:by AS INTEGER) FROM task_dependencies"
    " WHERE workspace_id = :workspace AND depends_on_id IN ({tasks})",
    parents="UNION ALL SELECT parent_id, 0, CAST(:by AS INTEGER) FROM tasks"
    " WHERE workspace_id = :workspace AND id IN ({tasks}) AND parent_id IS NOT NULL",
)
_WAITS_FOR_MORE = _BELOW.format(
    heads="SELECT given.id, CAST(:by AS INTEGER) FROM ({tasks}) AS given", parents=""
)
_TASKS = {
    "postgresql": "SELECT unnest(CAST(:tasks AS UUID[])) AS id",
    "sqlite": "SELECT value AS id FROM json_each(:tasks)",
}


_ID_COLUMNS: Mapping[str, Any] = {"from_id": Uuid(), "id": Uuid(), "project_id": Uuid()}


@dataclass(frozen=True, kw_only=True)
class GraphTask:
    """What the graph needs to know of a task, and what its columns say it unlocks."""

    brief: TaskBrief
    project_id: UUID
    unlocks: Unlocks

    @property
    def is_open(self) -> bool:
        return not self.brief.status.is_finished


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The edges that a walk took and the tasks that it came by, its start included."""

    needs: list[Need]
    tasks: Mapping[UUID, GraphTask]


class EdgeRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def lock(self) -> None:
        """Stand in line: one writer at a time changes this workspace's graph."""
        await self._tx.lock_graph()

    async def needs_of(self, starts: Collection[Node], *, live: bool = False) -> "Walk":
        """All that leads on from `starts`; `live` leaves out what is finished already."""
        walk = await self._walk(_NEEDS, starts, live=live)
        return Walk(needs=walk.needs, tasks=walk.tasks)

    async def waiting_for(self, starts: Collection[Node]) -> "Walk":
        """All that leads to `starts` and is not finished yet."""
        walk = await self._walk(_WAITING, starts, live=True)
        return Walk(needs=[(b, a) for a, b in walk.needs], tasks=walk.tasks)

    async def add(
        self, pairs: Sequence[tuple[TaskId, TaskId]], *, by: ActorId, at: datetime
    ) -> None:
        await self._tx.execute(
            insert(TaskDependencyRow),
            [
                {
                    "workspace_id": self._tx.workspace_id,
                    "task_id": task_id,
                    "depends_on_id": depends_on_id,
                    "created_by": by,
                    "created_at": at,
                }
                for task_id, depends_on_id in pairs
            ],
        )

    async def remove(self, task_id: TaskId, depends_on_id: TaskId) -> bool:
        removed = await self._tx.execute(
            delete(TaskDependencyRow).where(
                TaskDependencyRow.workspace_id == self._tx.workspace_id,
                TaskDependencyRow.task_id == task_id,
                TaskDependencyRow.depends_on_id == depends_on_id,
            )
        )
        return removed.rowcount > 0

    async def tasks_finished(self, task_ids: Collection[TaskId]) -> list[TaskBrief]:
        """Let go of all that waited for these tasks; those that are ready now."""
        return await self._shift(_FINISHED_OR_REOPENED, task_ids, -1)

    async def tasks_reopened(self, task_ids: Collection[TaskId]) -> None:
        await self._shift(_FINISHED_OR_REOPENED, task_ids, +1)

    async def waits_for_more(self, task_id: TaskId, by: int) -> list[TaskBrief]:
        """The task and all below it wait for so many more (or fewer); those ready now."""
        return await self._shift(_WAITS_FOR_MORE, [task_id], by)

    async def count_open_dependencies(self, task_id: TaskId) -> int:
        """What the column says, of a task that may be hidden from the viewer."""
        found = await self._tx.execute(
            select(TaskRow.open_dependencies).where(
                TaskRow.workspace_id == self._tx.workspace_id, TaskRow.id == task_id
            )
        )
        return found.scalar_one()

    async def change_open_subtasks(self, parent_id: TaskId, by: int) -> None:
        await self._tx.execute(
            update(TaskRow)
            .where(TaskRow.workspace_id == self._tx.workspace_id, TaskRow.id == parent_id)
            .values(open_subtasks=TaskRow.open_subtasks + by)
        )

    async def save_unlocks(self, unlocks: Mapping[UUID, Unlocks]) -> None:
        await self._tx.execute(
            update(TaskRow)
            .where(TaskRow.workspace_id == self._tx.workspace_id, TaskRow.id == bindparam("task"))
            .values(unlock_depth=bindparam("depth"), unlock_count=bindparam("count")),
            [
                {"task": task_id, "depth": one.depth, "count": one.count}
                for task_id, one in unlocks.items()
            ],
        )

    async def surroundings(self, task_id: TaskId) -> tuple["Walk", "Walk"]:
        """What a task waits for and what waits for it, in one statement; nothing finished."""
        dialect = self._tx.dialect
        needed = _walked("needed", _NEEDS, dialect, live=True)
        waiting = _walked("waiting", _WAITING, dialect, live=True)
        found = " UNION ALL ".join(_FOUND.format(walk=walk) for walk in ("needed", "waiting"))
        statement = text(
            f"WITH RECURSIVE starts (kind, id) AS ({_START}), {needed}, {waiting} {found}"
        ).bindparams(
            bindparam("workspace", self._tx.workspace_id, type_=Uuid()),
            bindparam("task", task_id, type_=Uuid()),
        )
        rows = (await self._tx.execute(statement.columns(**_ID_COLUMNS))).all()
        back = _walk(row for row in rows if row.walk == "waiting")
        return (
            _walk(row for row in rows if row.walk == "needed"),
            Walk(needs=[(b, a) for a, b in back.needs], tasks=back.tasks),
        )

    async def _walk(self, edges: str, starts: Collection[Node], *, live: bool) -> "Walk":
        dialect = self._tx.dialect
        reached = _walked("reached", edges, dialect, live=live)
        statement = text(
            f"WITH RECURSIVE starts (kind, id) AS ({_STARTS[dialect]}), {reached}"
            f" {_FOUND.format(walk='reached')}"
        ).bindparams(bindparam("workspace", self._tx.workspace_id, type_=Uuid()))
        if dialect == "postgresql":
            statement = statement.bindparams(
                bindparam("kinds", [kind.value for kind, _ in starts], type_=ARRAY(Text())),
                bindparam("ids", [task_id for _, task_id in starts], type_=ARRAY(Uuid())),
            )
        else:
            pairs = [[kind.value, task_id.hex] for kind, task_id in starts]
            statement = statement.bindparams(starts=msgspec.json.encode(pairs).decode())
        return _walk(await self._tx.execute(statement.columns(**_ID_COLUMNS)))

    async def _shift(self, sql: str, task_ids: Collection[TaskId], by: int) -> list[TaskBrief]:
        statement = text(sql.format(tasks=_TASKS[self._tx.dialect])).bindparams(
            bindparam("workspace", self._tx.workspace_id, type_=Uuid()),
            bindparam("by", by, type_=Integer()),
            tasks=as_parameter(task_ids, self._tx),
        )
        rows = (await self._tx.execute(statement.columns(id=Uuid()))).all()
        return [
            TaskBrief(id=row.id, key=row.key, title=row.title, status=TaskStatus(row.status))
            for row in sorted(rows, key=lambda row: row.key)
            if row.status == TaskStatus.TODO and not row.open_dependencies and not row.open_subtasks
        ]


def _walk(rows: Iterable[Any]) -> Walk:
    needs: list[Need] = []
    tasks: dict[UUID, GraphTask] = {}
    for row in rows:
        if row.from_kind:
            needs.append(((Moment(row.from_kind), row.from_id), (Moment(row.kind), row.id)))
        if row.id not in tasks:
            tasks[row.id] = GraphTask(
                brief=TaskBrief(
                    id=row.id, key=row.key, title=row.title, status=TaskStatus(row.status)
                ),
                project_id=row.project_id,
                unlocks=Unlocks(depth=row.unlock_depth, count=row.unlock_count),
            )
    return Walk(needs=needs, tasks=tasks)
