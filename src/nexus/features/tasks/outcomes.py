"""What finished tasks took, in and out of the database."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, exists, func, select, update

from nexus.features.estimates.calibrating import MAX_SAMPLES, Outcome, PastTask, Sample
from nexus.features.tasks.domain import Task, TaskId, TaskStatus
from nexus.features.tasks.holds import RunState
from nexus.features.tasks.tables import AssignmentRow, TaskOutcomeRow, TaskRow
from nexus.platform.actor import WorkspaceId
from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.upsert import upsert
from nexus.platform.visibility import visible

_ATTEMPTS = {
    one.value
    for one in RunState
    if not one.is_under_way and one not in {RunState.RELEASED, RunState.CANCELLED}
}
_FINISHED = [status.value for status in TaskStatus if status.is_finished]
_COMMITS_WITHIN = timedelta(hours=1)


class OutcomeRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def newest_record(self) -> datetime | None:
        """When an outcome was written last."""
        newest = await self._tx.execute(
            select(func.max(TaskOutcomeRow.recorded_at)).where(
                TaskOutcomeRow.workspace_id == self._tx.workspace_id
            )
        )
        return newest.scalar()

    async def list_fresh(self, limit: int) -> list[TaskId]:
        """Tasks done since an outcome was written last, and not written yet, newest first."""
        since = await self.newest_record()
        written = exists().where(
            TaskOutcomeRow.task_id == TaskRow.id,
            TaskOutcomeRow.finished_at == TaskRow.finished_at,
        )
        held = exists().where(
            AssignmentRow.workspace_id == self._tx.workspace_id,
            AssignmentRow.task_id == TaskRow.id,
        )
        query = (
            select(TaskRow.id)
            .where(
                TaskRow.workspace_id == self._tx.workspace_id,
                TaskRow.status == TaskStatus.DONE.value,
                TaskRow.finished_at <= now(),  # files may say otherwise
                TaskRow.started_at.is_not(None) | held,
                ~written,
            )
            .order_by(TaskRow.finished_at.desc())
            .limit(limit)
        )
        if since:  # a commit may come somewhat later than the time that it says
            query = query.where(TaskRow.finished_at > since - _COMMITS_WITHIN)
        return [TaskId(one) for one in (await self._tx.execute(query)).scalars()]

    async def outcomes_of(self, tasks: Sequence[Task]) -> Mapping[TaskId, Outcome]:
        """From their holds; of those that nobody held, from their start to their end."""
        found = await self._tx.execute(
            select(
                AssignmentRow.task_id,
                AssignmentRow.state,
                AssignmentRow.claimed_at,
                AssignmentRow.ended_at,
                (AssignmentRow.tokens_in + AssignmentRow.tokens_out).label("tokens"),
            ).where(
                AssignmentRow.workspace_id == self._tx.workspace_id,
                AssignmentRow.task_id.in_([task.id for task in tasks]),
                AssignmentRow.ended_at.is_not(None),
            )
        )
        runs: defaultdict[UUID, list[Any]] = defaultdict(list)
        for row in found:
            runs[row.task_id].append(row)
        return {
            task.id: Outcome(
                seconds=sum(
                    ((one.ended_at - one.claimed_at).total_seconds() for one in runs[task.id]), 0.0
                )
                or _seconds(task.started_at, task.finished_at),
                attempts=max(1, sum(one.state in _ATTEMPTS for one in runs[task.id])),
                tokens=sum(one.tokens for one in runs[task.id]),
            )
            for task in tasks
        }

    async def save(self, tasks: Mapping[TaskId, tuple[datetime, Sample]]) -> None:
        statement = upsert(self._tx, TaskOutcomeRow)
        names = ("finished_at", "features", "seconds", "attempts", "tokens", "recorded_at")
        await self._tx.execute(
            statement.on_conflict_do_update(
                index_elements=[TaskOutcomeRow.task_id],
                set_={name: statement.excluded[name] for name in names},
            ),
            [
                {
                    "task_id": task_id,
                    "workspace_id": self._tx.workspace_id,
                    "finished_at": finished_at,
                    "features": dict(sample.features),
                    "seconds": round(sample.outcome.seconds),
                    "attempts": sample.outcome.attempts,
                    "tokens": sample.outcome.tokens,
                    "recorded_at": now(),
                }
                for task_id, (finished_at, sample) in sorted(tasks.items())
            ],
        )

    async def list_newest(self) -> list[PastTask]:
        """The latest finished tasks that the viewer may see, and what they took, newest first."""
        found = await self._tx.execute(
            select(TaskOutcomeRow, TaskRow.key, TaskRow.title)
            .join(
                TaskRow,
                and_(
                    TaskRow.id == TaskOutcomeRow.task_id,
                    TaskRow.finished_at == TaskOutcomeRow.finished_at,
                ),
            )
            .where(
                TaskOutcomeRow.workspace_id == self._tx.workspace_id,
                visible(TaskRow.project_id, self._tx),
            )
            .order_by(TaskOutcomeRow.finished_at.desc(), TaskOutcomeRow.task_id)
            .limit(MAX_SAMPLES)
        )
        return [
            PastTask(
                id=row.task_id,
                key=row.key,
                title=row.title,
                sample=Sample(
                    features=row.features,
                    outcome=Outcome(
                        seconds=float(row.seconds), attempts=row.attempts, tokens=row.tokens
                    ),
                ),
            )
            for row in found
        ]

    async def list_open(self, after: UUID | None, limit: int) -> list[TaskId]:
        """Open tasks by id, some at a time."""
        query = select(TaskRow.id).where(
            TaskRow.workspace_id == self._tx.workspace_id, TaskRow.status.not_in(_FINISHED)
        )
        if after:
            query = query.where(TaskRow.id > after)
        found = await self._tx.execute(query.order_by(TaskRow.id).limit(limit))
        return [TaskId(one) for one in found.scalars()]

    async def list_unscored(self, limit: int) -> list[TaskId]:
        found = await self._tx.execute(
            _unscored().where(TaskRow.workspace_id == self._tx.workspace_id).limit(limit)
        )
        return [TaskId(row.id) for row in found]

    async def list_workspaces_unscored(self, limit: int) -> list[WorkspaceId]:
        """For the job alone."""
        some = _unscored().limit(limit).subquery()
        found = await self._tx.execute(select(some.c.workspace_id).distinct())
        return [WorkspaceId(one) for one in found.scalars()]

    async def save_scores(self, tasks: Collection[Task]) -> None:
        """Their estimates, which are no change of the tasks: the versions stay."""
        table: Any = TaskRow.__table__
        await self._tx.execute(
            update(table)
            .where(table.c.workspace_id == self._tx.workspace_id, table.c.id == bindparam("of"))
            .values(complexity_auto=bindparam("score")),
            [{"of": task.id, "score": task.complexity_auto} for task in tasks],
        )


def _unscored() -> Any:
    return select(TaskRow.workspace_id, TaskRow.id).where(TaskRow.complexity_auto.is_(None))


def _seconds(began: datetime | None, ended: datetime | None) -> float:
    return (ended - began).total_seconds() if began and ended else 0.0
