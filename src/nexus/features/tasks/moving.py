"""A task in another status, and all that follows from it: who goes on, whose hold is over."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from nexus.features.projects.service import ProjectService
from nexus.features.tasks.dependencies import TaskGraph
from nexus.features.tasks.domain import Task, TaskBrief, TaskStatus
from nexus.features.tasks.editing import changes_of
from nexus.features.tasks.errors import FenceSuperseded
from nexus.features.tasks.events import (
    RunAccepted,
    RunCancelled,
    RunEnded,
    RunExpired,
    RunFailed,
    RunRejected,
    RunReleased,
    RunSubmitted,
    TaskStatusChanged,
    TaskUpdated,
)
from nexus.features.tasks.holds import EXPIRY, Ending, Hold, Result, RunState
from nexus.features.tasks.leases import LeaseRepository
from nexus.features.tasks.recurring import Series
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor, ActorId
from nexus.platform.clock import now
from nexus.platform.events import EventLog, changes_between

_ENDED: Mapping[RunState, type[RunEnded]] = {
    RunState.SUBMITTED: RunSubmitted,
    RunState.ACCEPTED: RunAccepted,
    RunState.REJECTED: RunRejected,
    RunState.FAILED: RunFailed,
    RunState.RELEASED: RunReleased,
    RunState.EXPIRED: RunExpired,
    RunState.CANCELLED: RunCancelled,
}


class StatusMover:
    def __init__(
        self,
        tasks: TaskRepository,
        graph: TaskGraph,
        series: Series,
        holds: "HoldEnder",
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._graph = graph
        self.series = series
        self._events = events
        self.holds = holds

    async def lock_for(self, status: TaskStatus) -> None:
        """Before the task itself: a finish lets others go, a reopening holds them up again."""
        if status.is_finished or status is TaskStatus.TODO:
            await self.lock_graph()

    async def lock_graph(self) -> None:
        await self._graph.lock()

    async def move(
        self, old: Task, status: TaskStatus, *, met: Collection[UUID] = (), by: Actor | None
    ) -> Task:
        """Save a status and what follows from it in the graph. The one it has changes nothing.

        `met` are acceptance items that are met by it. `by` is None where it happens by itself.
        """
        new = old.moved_to(status, at=now())
        if new is old:
            return old

        if by and met:
            new = new.with_items_met(met, by=by.id, at=now())
            self._events.record(TaskUpdated(**new.about(), changes=changes_of(old, new)), by=by)
        await self._tasks.save(new, was=old)
        freed: list[TaskBrief] = []
        if old.is_finished != new.is_finished:
            new, freed = await self._graph.finished_or_reopened(new)
        if by and new.is_finished and not old.is_finished:
            await self.series.finished(new, by=by)
        self._record_move(old, new, freed, by=by)
        return new

    async def free(self, tasks: Sequence[Task], *, by: Actor | None) -> list[Task]:
        """Let those of these tasks that are in progress wait to be taken again."""
        at = now()
        moves = [
            (task.moved_to(TaskStatus.TODO, at=at), task)
            for task in tasks
            if task.status is TaskStatus.IN_PROGRESS
        ]
        await self._tasks.save_many(moves)
        for new, old in moves:
            self._record_move(old, new, [], by=by)
        moved = {new.id: new for new, _ in moves}
        return [moved.get(task.id, task) for task in tasks]

    def _record_move(
        self, old: Task, new: Task, freed: Sequence[TaskBrief], *, by: Actor | None
    ) -> None:
        event = TaskStatusChanged(
            **new.about(),
            changes=changes_between(old, new, "status"),
            became_ready=[task.key for task in freed],
            by_cancelling=new.status is TaskStatus.CANCELLED,
        )
        if by:
            self._events.record(event, by=by)
        else:
            self._events.record_by_system(event, workspace_id=new.workspace_id)


class HoldEnder:
    """Ends holds, for whatever reason, and puts it on record."""

    def __init__(self, leases: LeaseRepository, projects: ProjectService, events: EventLog) -> None:
        self._leases = leases
        self._projects = projects
        self._events = events

    async def end(
        self,
        tasks: Sequence[Task],
        ending: Ending,
        *,
        by: Actor | None,
        result: Result | None = None,
    ) -> Sequence[Task]:
        """End the newest hold of each of these tasks; those whose hold has ended by it.

        A lease that ran out may have been renewed in the very moment, and then it goes on.
        """
        held = [task for task in tasks if task.hold]
        if ending.state is RunState.EXPIRED and held:
            due = await self._leases.lock_due([task.id for task in held])
            held = [task for task in held if task.id in due]
        holds = [(task, task.hold) for task in held if task.hold]
        if not holds:
            return []
        run_ids = [hold.run_id for _, hold in holds]
        if any(hold.run_state.is_under_way for _, hold in holds):
            await self._leases.let_go(run_ids)
        await self._leases.end(run_ids, ending, result, by=by.id if by else None)
        for task, hold in holds:
            self._record(task, hold, ending, by)
        return held

    async def overrule(
        self, changes: Sequence[tuple[Task, TaskStatus]], *, by: Actor
    ) -> Mapping[UUID, Collection[UUID]]:
        """A person moves tasks: live holds of them end, and submitted work is judged by it.

        Returns the acceptance items that are proved by what was accepted, by task. Raises
        AcceptanceNotYours where a project leaves that to others.
        """
        endings: defaultdict[Ending, list[Task]] = defaultdict(list)
        met: dict[UUID, Collection[UUID]] = {}
        for task, status in changes:
            hold = task.hold
            if status is task.status or hold is None:
                continue
            if hold.run_state.is_under_way:
                endings[_interrupted(hold, status, by.id, by.name)].append(task)
            elif hold.awaits_review and task.status is TaskStatus.IN_REVIEW:
                await self.check_may_accept(task, hold, by=by)
                if status is TaskStatus.DONE:
                    met[task.id] = hold.proved
                endings[_judged(status, by.name)].append(task)
        for ending, tasks in endings.items():
            ended = await self.end(tasks, ending, by=by)
            renewed = [task for task in tasks if task not in ended]
            stopped = Ending(state=RunState.CANCELLED, reason=f"{by.name} moved the task.")
            await self.end(renewed, stopped, by=by)
        return met

    async def check_may_accept(self, task: Task, hold: Hold, *, by: Actor) -> None:
        project = await self._projects.get(task.project_key)
        project.check_may_accept(hold.holder.id, hold.holder.name, by)

    async def writer(self, by: Actor) -> Actor:
        """`by` in the run whose fence it shows, where it writes on no task that exists yet.

        Raises FenceSuperseded.
        """
        if by.fence is None:
            return by
        run_id = await self._leases.find_live(by.id, by.fence)
        if run_id is None:
            raise FenceSuperseded(
                key="the task you hold", fence=by.fence, reason="you hold none under it any more"
            )
        return replace(by, run_id=run_id)

    def _record(self, task: Task, hold: Hold, ending: Ending, by: Actor | None) -> None:
        event = _ENDED[ending.state](
            **task.about(),
            run_id=hold.run_id,
            fence=hold.fence,
            holder_id=hold.holder.id,
            reason=ending.reason,
        )
        if by:
            is_own = by.id == hold.holder.id
            fence = hold.fence if is_own and hold.expires_at else None
            self._events.record(event, by=replace(by, run_id=hold.run_id, fence=fence))
        else:
            self._events.record_by_system(event, workspace_id=task.workspace_id, run_id=hold.run_id)


def _interrupted(hold: Hold, status: TaskStatus, actor_id: ActorId, name: str) -> Ending:
    if not hold.is_live:
        return EXPIRY
    if hold.holder.id == actor_id:
        is_done = status is TaskStatus.DONE
        state = RunState.ACCEPTED if is_done else RunState.RELEASED
        return Ending(state=state, reason=f"{name} set the status to {status}.")
    return Ending(state=RunState.CANCELLED, reason=f"{name} set the status to {status}.")


def _judged(status: TaskStatus, name: str) -> Ending:
    match status:
        case TaskStatus.DONE:
            return Ending(state=RunState.ACCEPTED, reason=f"{name} set the status to done.")
        case TaskStatus.CANCELLED:
            return Ending(state=RunState.CANCELLED, reason=f"{name} cancelled the task.")
        case _:
            return Ending(state=RunState.REJECTED, reason=f"{name} sent it back to {status}.")
