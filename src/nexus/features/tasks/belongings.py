"""What belongs to tasks in other tables, for a whole page in one statement."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Text, Uuid, and_, case, cast, literal, null, or_, select, union_all
from sqlalchemy.orm import aliased

from nexus.features.tasks.domain import (
    Assignee,
    Recurrence,
    Task,
    TaskBrief,
    TaskId,
    TaskLink,
    TaskStatus,
)
from nexus.features.tasks.holds import Hold, Holder, RunId, RunState
from nexus.features.tasks.tables import (
    AssignmentRow,
    LabelRow,
    TaskAssigneeRow,
    TaskDependencyRow,
    TaskHoldRow,
    TaskLabelRow,
    TaskLinkRow,
    TaskRecurrenceRow,
    TaskRow,
)
from nexus.platform.actor import ActorKind
from nexus.platform.columns import database_clock, moment_text, read_moment
from nexus.platform.database import Transaction
from nexus.platform.prepared import Prepared, Template
from nexus.platform.rows import ActorRow
from nexus.platform.sets import as_parameter
from nexus.platform.visibility import visible

_NO_ID = cast(null(), Uuid())
_NO_TEXT = cast(null(), Text())


class Belongings:
    """The rows that belong to one task, by what they are."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row[Any]]] = {}

    def add(self, row: Row[Any]) -> None:
        self._rows.setdefault(row.what, []).append(row)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted((row.a for row in self._of("label")), key=str.casefold))

    @property
    def assignees(self) -> tuple[Assignee, ...]:
        people = [
            Assignee(id=row.id, kind=ActorKind(row.c), name=row.a, handle=row.b)
            for row in self._of("assignee")
        ]
        return tuple(sorted(people, key=lambda one: one.handle))

    @property
    def parent(self) -> TaskBrief | None:
        rows = self._of("parent")
        return _brief(rows[0].id, rows[0]) if rows else None

    @property
    def dependencies(self) -> tuple[TaskBrief, ...]:
        briefs = [_brief(row.id, row) for row in self._of("dependency")]
        return tuple(sorted(briefs, key=lambda one: one.key))

    @property
    def links(self) -> tuple[TaskLink, ...]:
        return tuple(
            TaskLink(
                id=row.id,
                kind=row.d,
                task=_brief(row.other_id, row) if row.other_id else None,
                url=row.e,
                title=row.f,
            )
            for row in sorted(self._of("link"), key=lambda row: row.id)
            if row.other_id or row.e
        )

    @property
    def hold(self) -> Hold | None:
        for row in self._of("hold"):
            fence_and_proved, lease, expires, heartbeat, state, holder = (
                row.a,
                row.b,
                row.c,
                row.d,
                row.e,
                row.f,
            )
            kind, _, name = holder.partition(":")
            fence, _, proved = fence_and_proved.partition(" ")
            return Hold(
                run_id=RunId(row.id),
                fence=int(fence),
                holder=Holder(id=row.other_id, kind=ActorKind(kind), name=name),
                is_live=lease == "live",
                expires_at=read_moment(expires) if expires else None,
                heartbeat_at=read_moment(heartbeat),
                run_state=RunState(state),
                proved=msgspec.json.decode(proved, type=tuple[UUID, ...]),
            )
        return None

    @property
    def recurrence(self) -> Recurrence | None:
        for row in self._of("recurrence"):
            return Recurrence.read(row.a, row.b, row.c, row.d)
        return None

    def _of(self, what: str) -> Sequence[Row[Any]]:
        return self._rows.get(what, ())


async def completed(tasks: Sequence[Task], tx: Transaction) -> list[Task]:
    """The tasks with their labels, assignees, parents, dependencies, links and recurrences.

    A task of a private project that the viewer may not see is left out where it is pointed at.
    """
    found = await belongings_of([task.id for task in tasks], tx, links=True)
    return [
        replace(
            task,
            labels=own.labels,
            assignees=own.assignees,
            parent=own.parent,
            dependencies=own.dependencies,
            links=own.links,
            recurrence=own.recurrence,
            hold=own.hold,
        )
        for task in tasks
        for own in [found[task.id]]
    ]


async def belongings_of(
    task_ids: Collection[TaskId], tx: Transaction, *, links: bool
) -> Mapping[UUID, Belongings]:
    """What belongs to each of the tasks; `links` asks for links and recurrences as well."""
    found: defaultdict[UUID, Belongings] = defaultdict(Belongings)
    if task_ids:
        ask = _of_whole_tasks if links else _of_summaries
        for row in (await ask(tx, task_ids=as_parameter(task_ids, tx))).all():
            found[row.task_id].add(row)
    return found


def _shown_in_lists(of: Template) -> list[Any]:
    other = aliased(TaskRow)
    seen = visible(other.project_id, of)
    brief = (other.key, other.title, other.status)
    people = (ActorRow.id, _NO_ID, ActorRow.name, ActorRow.handle, ActorRow.kind)
    edges = TaskDependencyRow
    labels = _rows("label", TaskLabelRow.task_id, _NO_ID, _NO_ID, LabelRow.name)
    assignees = _rows("assignee", TaskAssigneeRow.task_id, *people)
    dependencies = _rows("dependency", edges.task_id, other.id, _NO_ID, *brief)
    parents = _rows("parent", TaskRow.id, other.id, _NO_ID, *brief)
    holds, runs = TaskHoldRow, AssignmentRow
    lease = case((is_live(holds), "live"), else_="")
    times = (moment_text(holds.expires_at), moment_text(runs.heartbeat_at))
    holder = ActorRow.kind.concat(":").concat(ActorRow.name)
    of_hold = (
        cast(runs.fence, Text()).concat(" ").concat(cast(runs.proved, Text())),
        lease,
        *times,
        runs.state,
        holder,
    )
    held = _rows("hold", holds.task_id, runs.id, ActorRow.id, *of_hold)
    return [
        _of(TaskLabelRow, of, labels).join(LabelRow, LabelRow.id == TaskLabelRow.label_id),
        _of(TaskAssigneeRow, of, assignees).join(ActorRow, ActorRow.id == TaskAssigneeRow.actor_id),
        _of(edges, of, dependencies).join(other, and_(other.id == edges.depends_on_id, seen)),
        _of(holds, of, held)
        .join(runs, runs.id == holds.assignment_id)
        .join(ActorRow, ActorRow.id == holds.actor_id),
        parents.join(other, and_(other.id == TaskRow.parent_id, seen)).where(
            TaskRow.workspace_id == of.workspace_id, of.is_given(TaskRow.id, "task_ids", Uuid())
        ),
    ]


def is_live(holds: Any) -> Any:
    """True for a hold that the database's clock says is not over."""
    not_expired = or_(holds.expires_at.is_(None), holds.expires_at > database_clock())
    return and_(holds.ended_at.is_(None), not_expired)


def _only_of_one(of: Template) -> list[Any]:
    other = aliased(TaskRow)
    seen = visible(other.project_id, of)
    linked = (TaskLinkRow.id, other.id, other.key, other.title, other.status)
    own = (TaskLinkRow.kind, TaskLinkRow.url, TaskLinkRow.title)
    series = TaskRecurrenceRow
    days = (cast(series.starts_on, Text()), cast(series.next_on, Text()))
    links = _rows("link", TaskLinkRow.task_id, *linked, *own)
    own_series = (series.id, _NO_ID, series.rule, series.trigger, *days)
    recurrences = _rows("recurrence", series.task_id, *own_series)
    return [
        _of(TaskLinkRow, of, links).outerjoin(other, and_(other.id == TaskLinkRow.other_id, seen)),
        _of(series, of, recurrences),
    ]


def _of(table: Any, of: Template, rows: Any) -> Any:
    return rows.where(
        table.workspace_id == of.workspace_id, of.is_given(table.task_id, "task_ids", Uuid())
    )


_of_summaries = Prepared(lambda of, _: union_all(*_shown_in_lists(of)))
_of_whole_tasks = Prepared(lambda of, _: union_all(*_shown_in_lists(of), *_only_of_one(of)))


def _rows(what: str, task_id: Any, own_id: Any, other_id: Any, *texts: Any) -> Any:
    """Rows of one shape: what it is, whose, its id, another task's id, and up to six texts."""
    padded = [*texts, *[_NO_TEXT] * (6 - len(texts))]
    return select(
        literal(what).label("what"),
        task_id.label("task_id"),
        own_id.label("id"),
        other_id.label("other_id"),
        *[column.label(name) for name, column in zip("abcdef", padded, strict=True)],
    )


def _brief(task_id: UUID, row: Row[Any]) -> TaskBrief:
    return TaskBrief(id=TaskId(task_id), key=row.a, title=row.b, status=TaskStatus(row.c))
