"""Looking through a workspace's open tasks for those that cannot go on."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, exists, func, literal, or_, select, union_all, update
from sqlalchemy.orm import aliased

from nexus.features.tasks.belongings import is_live
from nexus.features.tasks.domain import TaskId, TaskStatus
from nexus.features.tasks.holds import UNDER_WAY, RunState
from nexus.features.tasks.liveness import MAX_SHOWN, Liveness, Standing, Violation, ViolationKind
from nexus.features.tasks.tables import (
    AssignmentRow,
    TaskAssigneeRow,
    TaskDependencyRow,
    TaskHoldRow,
    TaskRow,
)
from nexus.platform.actor import ActorKind, WorkspaceId
from nexus.platform.columns import database_clock
from nexus.platform.database import Transaction
from nexus.platform.rows import ActorRow, WorkspaceRow
from nexus.platform.sets import any_of
from nexus.platform.visibility import in_open_project, visible

_FINISHED = [status.value for status in TaskStatus if status.is_finished]
_UNDER_WAY = [state.value for state in UNDER_WAY]
_BY_PEOPLE = [TaskStatus.BACKLOG.value, TaskStatus.DEFERRED.value, TaskStatus.IN_REVIEW.value]


class LivenessReader:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def look(self) -> Liveness:
        """In two statements, as far as the viewer may see."""
        waits = or_(TaskRow.open_dependencies > 0, TaskRow.open_subtasks > 0)
        standing = case(
            (self._held(), Standing.HELD.value),
            (TaskRow.status.in_(_BY_PEOPLE), Standing.WAITS_FOR_PERSON.value),
            (TaskRow.status == TaskStatus.IN_PROGRESS.value, Standing.WAITS_FOR_PERSON.value),
            (waits, Standing.WAITS_FOR_TASK.value),
            else_=Standing.READY.value,
        )
        counted = await self._tx.execute(
            select(standing.label("standing"), func.count().label("tasks"))
            .where(*self._open())
            .group_by(standing)
        )
        counts = {Standing(row.standing): row.tasks for row in counted}
        return Liveness(counts=counts, violations=await self.violations(MAX_SHOWN))

    async def violations(self, limit: int) -> list[Violation]:
        found = await self._tx.execute(
            union_all(
                self._leases_expired(),
                self._runs_adrift(),
                self._counts_wrong(),
                self._nobody_works(),
                self._assignees_gone(),
                self._project_archived(),
                self._submissions_adrift(),
            ).limit(limit)
        )
        return [
            Violation(
                task_id=TaskId(row.id),
                key=row.key,
                title=row.title,
                kind=ViolationKind(row.kind),
            )
            for row in found
        ]

    async def named(self, task_ids: Collection[UUID], kind: ViolationKind) -> list[Violation]:
        """Those of these tasks that are open and may be seen, with what is wrong with them."""
        found = await self._tx.execute(
            select(TaskRow.id, TaskRow.key, TaskRow.title)
            .where(*self._open(), any_of(TaskRow.id, task_ids, self._tx))
            .order_by(TaskRow.id)
        )
        return [
            Violation(task_id=TaskId(row.id), key=row.key, title=row.title, kind=kind)
            for row in found
        ]

    async def list_workspaces(self, after: WorkspaceId | None, limit: int) -> Sequence[WorkspaceId]:
        query = select(WorkspaceRow.id).order_by(WorkspaceRow.id).limit(limit)
        if after:
            query = query.where(WorkspaceRow.id > after)
        return [WorkspaceId(one) for one in (await self._tx.execute(query)).scalars()]

    async def end_adrift(self) -> None:
        """Say of runs that hold nothing any more that they are over."""
        await self._tx.execute(
            update(AssignmentRow)
            .where(
                AssignmentRow.workspace_id == self._tx.workspace_id,
                AssignmentRow.state.in_(_UNDER_WAY),
                ~_holds_on(AssignmentRow),
            )
            .values(
                state=RunState.EXPIRED.value,
                reason="It held nothing any more.",
                ended_at=database_clock(),
            )
        )

    def _leases_expired(self) -> Any:
        lapsed = and_(TaskHoldRow.ended_at.is_(None), TaskHoldRow.expires_at <= database_clock())
        return self._tasks(ViolationKind.LEASE_EXPIRED, exists().where(_its_hold(), lapsed))

    def _runs_adrift(self) -> Any:
        adrift = exists().where(
            AssignmentRow.workspace_id == self._tx.workspace_id,
            AssignmentRow.task_id == TaskRow.id,
            AssignmentRow.state.in_(_UNDER_WAY),
            ~_holds_on(AssignmentRow),
        )
        return self._tasks(ViolationKind.RUN_ADRIFT, adrift)

    def _counts_wrong(self) -> Any:
        """Each must agree with its own edges and its parent's count: then all of them do."""
        parents, subtasks, needed = aliased(TaskRow), aliased(TaskRow), aliased(TaskRow)
        inherited = select(parents.open_dependencies).where(parents.id == TaskRow.parent_id)
        own = (
            select(func.count())
            .select_from(TaskDependencyRow)
            .join(needed, needed.id == TaskDependencyRow.depends_on_id)
            .where(
                TaskDependencyRow.workspace_id == self._tx.workspace_id,
                TaskDependencyRow.task_id == TaskRow.id,
                needed.status.not_in(_FINISHED),
            )
        )
        below = select(func.count()).where(
            subtasks.workspace_id == self._tx.workspace_id,
            subtasks.parent_id == TaskRow.id,
            subtasks.status.not_in(_FINISHED),
        )
        waits = own.scalar_subquery() + func.coalesce(inherited.scalar_subquery(), 0)
        is_wrong = or_(
            TaskRow.open_dependencies != waits, TaskRow.open_subtasks != below.scalar_subquery()
        )
        return self._tasks(ViolationKind.COUNTS_WRONG, is_wrong)

    def _nobody_works(self) -> Any:
        """In progress, though the last who held it were agents that let it go."""
        let_go = exists().where(
            _its_hold(),
            TaskHoldRow.ended_at.is_not(None),
            AssignmentRow.id == TaskHoldRow.assignment_id,
            AssignmentRow.ended_by == AssignmentRow.actor_id,
            ActorRow.id == AssignmentRow.actor_id,
            ActorRow.kind == ActorKind.AGENT.value,
        )
        return self._tasks(
            ViolationKind.NOBODY_WORKS,
            TaskRow.status == TaskStatus.IN_PROGRESS.value,
            ~exists().where(_its_assignee()),
            let_go,
        )

    def _assignees_gone(self) -> Any:
        present = exists().where(
            _its_assignee(), ActorRow.id == TaskAssigneeRow.actor_id, ActorRow.removed_at.is_(None)
        )
        return self._tasks(
            ViolationKind.ASSIGNEES_GONE, exists().where(_its_assignee()), ~present, ~self._held()
        )

    def _project_archived(self) -> Any:
        needed = aliased(TaskRow)
        stuck = exists().where(
            TaskDependencyRow.workspace_id == self._tx.workspace_id,
            TaskDependencyRow.task_id == TaskRow.id,
            needed.id == TaskDependencyRow.depends_on_id,
            needed.status.not_in(_FINISHED),
            ~in_open_project(needed.project_id, self._tx),
        )
        return self._tasks(ViolationKind.PROJECT_ARCHIVED, stuck)

    def _submissions_adrift(self) -> Any:
        adrift = exists().where(
            _its_hold(),
            AssignmentRow.id == TaskHoldRow.assignment_id,
            AssignmentRow.state == RunState.SUBMITTED.value,
        )
        return self._tasks(
            ViolationKind.SUBMISSION_ADRIFT, TaskRow.status != TaskStatus.IN_REVIEW.value, adrift
        )

    def _tasks(self, kind: ViolationKind, *wanted: Any) -> Any:
        columns = (literal(kind.value).label("kind"), TaskRow.id, TaskRow.key, TaskRow.title)
        return select(*columns).where(*self._open(), *wanted)

    def _open(self) -> list[Any]:
        return [
            TaskRow.workspace_id == self._tx.workspace_id,
            TaskRow.status.not_in(_FINISHED),
            in_open_project(TaskRow.project_id, self._tx),
            visible(TaskRow.project_id, self._tx),
        ]

    def _held(self) -> Any:
        return exists().where(_its_hold(), is_live(TaskHoldRow))


def _its_hold() -> Any:
    return and_(TaskHoldRow.workspace_id == TaskRow.workspace_id, TaskHoldRow.task_id == TaskRow.id)


def _its_assignee() -> Any:
    return and_(
        TaskAssigneeRow.workspace_id == TaskRow.workspace_id, TaskAssigneeRow.task_id == TaskRow.id
    )


def _holds_on(runs: Any) -> Any:
    """True for a run that holds its task, though its lease may have run out."""
    return exists().where(TaskHoldRow.assignment_id == runs.id, TaskHoldRow.ended_at.is_(None))
