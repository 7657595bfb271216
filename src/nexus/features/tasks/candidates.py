"""Ready tasks in the order to take them, for one agent, and what is held already."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    Text,
    Uuid,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
)

from nexus.features.tasks.belongings import is_live
from nexus.features.tasks.choosing import Running, RunningTask, Wants, WorkLimit
from nexus.features.tasks.domain import Task, TaskId, TaskSort
from nexus.features.tasks.holds import UNDER_WAY, Reservation, RunId
from nexus.features.tasks.listing import ORDERS
from nexus.features.tasks.records import task_of
from nexus.features.tasks.tables import (
    AssignmentRow,
    LabelRow,
    TaskAssigneeRow,
    TaskHoldRow,
    TaskLabelRow,
    TaskRow,
    WorkLimitRow,
)
from nexus.platform.actor import ActorId, ActorKind
from nexus.platform.database import Transaction
from nexus.platform.fields import folded
from nexus.platform.ids import new_id
from nexus.platform.prepared import Prepared, Template
from nexus.platform.rows import ActorRow
from nexus.platform.sets import as_parameter
from nexus.platform.visibility import in_open_project, private_projects, visible


class CandidateRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def lock(self) -> None:
        """Stand in line: one claim of a workspace after the other."""
        await self._tx.lock_dispatch()

    async def list_limits(self) -> Sequence[WorkLimit]:
        """All limits, but for those of projects that the viewer may not see."""
        found = await self._tx.execute(
            select(WorkLimitRow.project_id, WorkLimitRow.repository_id, WorkLimitRow.max_running)
            .where(
                WorkLimitRow.workspace_id == self._tx.workspace_id,
                visible(WorkLimitRow.project_id, self._tx),
            )
            .order_by(WorkLimitRow.id)
            .limit(1000)
        )
        return [
            WorkLimit(
                project_id=row.project_id,
                repository_id=row.repository_id,
                max_running=row.max_running,
            )
            for row in found
        ]

    async def set_limit(self, limit: WorkLimit) -> None:
        """Put it in the place of the one that is there, or take that away."""
        mine = [
            WorkLimitRow.workspace_id == self._tx.workspace_id,
            WorkLimitRow.project_id == limit.project_id
            if limit.project_id
            else WorkLimitRow.repository_id == limit.repository_id,
        ]
        await self._tx.execute(delete(WorkLimitRow).where(*mine))
        if limit.max_running is not None:
            await self._tx.execute(
                insert(WorkLimitRow).values(
                    id=new_id(),
                    workspace_id=self._tx.workspace_id,
                    project_id=limit.project_id,
                    repository_id=limit.repository_id,
                    max_running=limit.max_running,
                )
            )

    async def running(self) -> Running:
        """All that is held, by whom, and the limits; nothing of it is hidden from a limit."""
        rows = (await _running(self._tx)).all()
        limits = [row for row in rows if row.most is not None]
        return Running(
            tasks=[
                RunningTask(
                    task_id=row.task_id,
                    key=row.key,
                    run_id=RunId(row.run_id),
                    actor_id=ActorId(row.actor_id),
                    holder=row.holder,
                    is_agent=row.kind == ActorKind.AGENT,
                    is_due=not row.is_live,
                    project_id=row.project_id,
                    repository_id=row.repository_id,
                    paths=tuple(row.footprint or row.learned_footprint),
                    is_shown=bool(row.is_shown),
                    reserved=Reservation(tokens=row.tokens_left, cost_micros=row.cost_left)
                    if row.tokens_left or row.cost_left
                    else _NOTHING,
                )
                for row in rows
                if row.most is None
            ],
            project_limits={row.project_id: row.most for row in limits if row.project_id},
            repository_limits={row.repository_id: row.most for row in limits if row.repository_id},
        )

    async def is_seen_by(self, task_id: TaskId, actor_id: ActorId) -> bool:
        """Whether somebody who does not ask may see a task."""
        looking = _Looking(self._tx.dialect, self._tx.workspace_id, actor_id)
        found = await self._tx.execute(
            select(TaskRow.id).where(
                TaskRow.workspace_id == self._tx.workspace_id,
                TaskRow.id == task_id,
                visible(TaskRow.project_id, looking),
            )
        )
        return found.first() is not None

    async def list_open(self, running: Running, limit: int) -> list[Task]:
        """As `list_ready`, for whoever may come: without what only one of them could say."""
        full = (running.full_projects, running.full_repositories)
        shape = (False, False, False, False, False, False, bool(full[0]), bool(full[1]))
        found = await _ready(
            self._tx,
            shape,
            full_projects=as_parameter(full[0], self._tx),
            full_repositories=as_parameter(full[1], self._tx),
            offset=0,
            limit=limit,
        )
        return [task_of(row) for row in found]

    async def hidden_from(
        self, actor_ids: Collection[ActorId]
    ) -> Mapping[ActorId, Collection[UUID]]:
        rows = (await self._tx.execute(private_projects(self._tx))).all()
        members = {(row.id, row.actor_id) for row in rows}
        projects = {row.id for row in rows}
        return {
            actor_id: [one for one in projects if (one, actor_id) not in members]
            for actor_id in actor_ids
        }

    async def list_ready(
        self, wants: Wants, running: Running, *, offset: int, limit: int
    ) -> list[Task]:
        """Tasks without what belongs to them, the first to take first."""
        full = (running.full_projects, running.full_repositories)
        due = [task.task_id for task in running.due]
        shape = (
            True,
            bool(due),
            bool(wants.labels),
            not wants.takes_any_complexity,
            bool(wants.projects),
            bool(wants.repositories),
            bool(full[0]),
            bool(full[1]),
        )
        found = await _ready(
            self._tx,
            shape,
            agent=wants.actor_id,
            due=as_parameter(due, self._tx),
            labels=as_parameter({folded(one) for one in wants.labels}, self._tx),
            least=wants.min_complexity,
            most=wants.max_complexity,
            projects=as_parameter(wants.projects, self._tx),
            repositories=as_parameter(wants.repositories, self._tx),
            full_projects=as_parameter(full[0], self._tx),
            full_repositories=as_parameter(full[1], self._tx),
            offset=offset,
            limit=limit,
        )
        return [task_of(row) for row in found]


_NOTHING = Reservation()


def _ready_query(of: Template, shape: Any) -> Any:
    has_agent, has_due, *limits = shape
    # Written out as in the index, so that the database sees that it fits.
    is_free = TaskRow.status == literal("todo", literal_execute=True)
    if has_due:  # nobody holds it any more, though nobody has drawn the consequence
        is_free = or_(is_free, of.is_given(TaskRow.id, "due", Uuid()))
    wanted: list[Any] = [
        TaskRow.workspace_id == of.workspace_id,
        is_free,
        TaskRow.open_dependencies == literal(0, literal_execute=True),
        TaskRow.open_subtasks == literal(0, literal_execute=True),
        TaskRow.archived_at.is_(None),
        in_open_project(TaskRow.project_id, of),
        visible(TaskRow.project_id, of),
    ]
    if has_agent:
        agent = of.given("agent", Uuid())
        looking = _Looking(of.dialect, of.workspace_id, agent)
        assigned = exists().where(
            TaskAssigneeRow.workspace_id == of.workspace_id, TaskAssigneeRow.task_id == TaskRow.id
        )
        to_agent = assigned.where(TaskAssigneeRow.actor_id == agent)
        wanted += [or_(~assigned, to_agent), visible(TaskRow.project_id, looking)]
    return (
        select(TaskRow)
        .where(*wanted, *_within_limits(of, limits))
        .order_by(*[by.clause for by in ORDERS[TaskSort.NEXT]])
        .limit(of.given("limit", Integer()))
        .offset(of.given("offset", Integer()))
    )


def _within_limits(of: Template, limits: Any) -> list[Any]:
    has_labels, has_range, has_projects, has_repositories, some_full, other_full = limits
    wanted: list[Any] = []
    if has_labels:
        wanted.append(_has_label(of))
    if has_range:
        size = func.coalesce(TaskRow.complexity_manual, TaskRow.complexity_auto)
        fits = size.between(of.given("least", Integer()), of.given("most", Integer()))
        wanted.append(or_(size.is_(None), fits))
    if has_projects:
        wanted.append(of.is_given(TaskRow.project_key, "projects", Text()))
    if has_repositories:
        wanted.append(of.is_given(TaskRow.repository_id, "repositories", Uuid()))
    if some_full:
        wanted.append(~of.is_given(TaskRow.project_id, "full_projects", Uuid()))
    if other_full:
        is_full = of.is_given(TaskRow.repository_id, "full_repositories", Uuid())
        wanted.append(or_(TaskRow.repository_id.is_(None), ~is_full))
    return wanted


def _has_label(of: Template) -> Any:
    return exists().where(
        TaskLabelRow.workspace_id == of.workspace_id,
        TaskLabelRow.task_id == TaskRow.id,
        TaskLabelRow.label_id == LabelRow.id,
        of.is_given(LabelRow.name_key, "labels", Text()),
    )


@dataclass(frozen=True)
class _Looking:
    """Who looks, where somebody else asks for an agent."""

    dialect: str
    workspace_id: Any
    viewer: Any


def _left(used: Any, reserved: Any) -> Any:
    return case((reserved > used, reserved - used), else_=0)


def _running_query(of: Template, _shape: Any) -> Any:
    used_tokens = AssignmentRow.tokens_in + AssignmentRow.tokens_out
    held = (
        select(
            TaskHoldRow.task_id,
            TaskRow.key,
            TaskHoldRow.assignment_id.label("run_id"),
            TaskHoldRow.actor_id,
            ActorRow.name.label("holder"),
            ActorRow.kind,
            is_live(TaskHoldRow).label("is_live"),
            case((visible(TaskRow.project_id, of), True), else_=False).label("is_shown"),
            TaskRow.project_id,
            TaskRow.repository_id,
            TaskRow.footprint,
            TaskRow.learned_footprint,
            _left(used_tokens, AssignmentRow.reserved_tokens).label("tokens_left"),
            _left(AssignmentRow.cost_micros, AssignmentRow.reserved_cost_micros).label("cost_left"),
            null().cast(Integer()).label("most"),
        )
        .join(TaskRow, TaskRow.id == TaskHoldRow.task_id)
        .join(ActorRow, ActorRow.id == TaskHoldRow.actor_id)
        .join(AssignmentRow, AssignmentRow.id == TaskHoldRow.assignment_id)
        .where(
            TaskHoldRow.workspace_id == of.workspace_id,
            TaskHoldRow.ended_at.is_(None),
            AssignmentRow.state.in_([state.value for state in UNDER_WAY]),
        )
    )
    nothing = {column.name: column.type for column in held.selected_columns}
    limits = select(
        *[
            {
                "project_id": WorkLimitRow.project_id,
                "repository_id": WorkLimitRow.repository_id,
                "most": WorkLimitRow.max_running,
            }.get(name, null().cast(type_).label(name))
            for name, type_ in nothing.items()
        ]
    ).where(and_(WorkLimitRow.workspace_id == of.workspace_id))
    return held.union_all(limits)


_ready = Prepared(_ready_query)
_running = Prepared(_running_query)
