"""Taking tasks, keeping them and letting them go: what agents and people do with holds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from nexus.features.tasks.candidates import CandidateRepository
from nexus.features.tasks.choosing import Running, Wants, WorkLimit
from nexus.features.tasks.domain import Task, TaskId, TaskRef, TaskStatus
from nexus.features.tasks.errors import FenceMissing, RunNotFound, RunNotYours, RunOver
from nexus.features.tasks.events import TaskClaimed
from nexus.features.tasks.footprints import MAX_LEARNED
from nexus.features.tasks.holds import (
    Claimed,
    Ending,
    Hold,
    Holder,
    Reservation,
    Run,
    RunFilter,
    RunId,
    RunState,
    Totals,
    Usage,
    already_held,
    attributed,
    superseded,
)
from nexus.features.tasks.leases import LeaseRepository
from nexus.features.tasks.moving import StatusMover, expiry_reason
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor, ActorId, ActorKind, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.ids import new_id
from nexus.platform.paging import Page

AT_ONCE = 50


class HoldService:
    def __init__(
        self,
        tasks: TaskRepository,
        leases: LeaseRepository,
        candidates: CandidateRepository,
        mover: StatusMover,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._candidates = candidates
        self._mover = mover
        self._events = events

    async def lock_dispatch(self) -> None:
        """Stand in line: one claim of a workspace chooses after the other."""
        await self._candidates.lock()

    async def running(self) -> Running:
        return await self._candidates.running()

    async def list_limits(self) -> Sequence[WorkLimit]:
        return await self._candidates.list_limits()

    async def set_limit(self, limit: WorkLimit) -> None:
        """While nobody chooses: a claim counts against the limit that it has read."""
        await self._candidates.lock()
        await self._candidates.set_limit(limit)

    async def list_ready(
        self, wants: Wants, running: Running, *, offset: int, limit: int
    ) -> list[Task]:
        """What an agent could take now, the first to take first, whatever files it is about."""
        return await self._candidates.list_ready(wants, running, offset=offset, limit=limit)

    async def list_open_to_all(self, running: Running, limit: int) -> list[Task]:
        """What somebody could take now, with labels and assignees, the first to take first."""
        return await self._tasks.complete(await self._candidates.list_open(running, limit))

    async def hidden_from(
        self, actor_ids: Collection[ActorId]
    ) -> Mapping[ActorId, Collection[UUID]]:
        """The private projects that each of them may not see."""
        return await self._candidates.hidden_from(actor_ids)

    async def task(self, ref: str, *, lock: bool = False) -> Task:
        """A whole task with its newest hold."""
        return await self._tasks.get(TaskRef.of(ref), lock=lock)

    async def take(
        self,
        task: Task,
        holder: Holder,
        *,
        lease_s: int | None,
        reserved: Reservation,
        allows_overlap: bool,
        by: Actor,
    ) -> tuple[Task, Claimed]:
        """Give a locked task to somebody. Raises AlreadyHeld.

        A lease that ran out is no obstacle: its run ends here, and the task changes hands.
        """
        if task.hold and task.hold.is_due:
            ending = Ending(state=RunState.EXPIRED, reason=expiry_reason(task.hold))
            await self._mover.holds.end([task], ending, by=None)
        run_id = RunId(new_id())
        claimed = await self._leases.take(
            task.id,
            run_id,
            holder.id,
            lease_s=lease_s,
            reserved=reserved,
            allows_overlap=allows_overlap,
        )
        if claimed is None:
            [fresh] = await self._tasks.complete([task])
            raise already_held(task.key, fresh.hold) if fresh.hold else RunNotFound(id=run_id)

        by = replace(by, run_id=run_id, fence=claimed.fence)
        self._events.record(
            TaskClaimed(
                **task.about(),
                run_id=run_id,
                fence=claimed.fence,
                holder_id=holder.id,
                lease_s=lease_s,
                expires_at=claimed.expires_at,
            ),
            by=by,
        )
        moved = await self._mover.move(task, TaskStatus.IN_PROGRESS, by=by)
        hold = Hold(
            run_id=run_id,
            fence=claimed.fence,
            holder=holder,
            is_live=True,
            expires_at=claimed.expires_at,
            heartbeat_at=now(),
            run_state=RunState.WORKING,
        )
        return replace(moved, hold=hold), claimed

    async def end_hold(self, task: Task, ending: Ending, *, by: Actor) -> None:
        """End the hold of a locked task, which stays where it is."""
        await self._mover.holds.end([task], ending, by=by)

    async def free(self, task: Task, ending: Ending, *, by: Actor | None) -> Task:
        """End the hold of a locked task and let it be taken again. `by` None: it ran out."""
        await self._mover.holds.end([task], ending, by=by)
        if task.status is TaskStatus.IN_PROGRESS:
            task = await self._mover.move(task, TaskStatus.TODO, by=by)
        return replace(task, hold=None)

    async def expire(self, task: Task) -> Task:
        """End the lease of a locked task that ran out."""
        if task.hold is None:
            return task
        ending = Ending(state=RunState.EXPIRED, reason=expiry_reason(task.hold))
        return await self.free(task, ending, by=None)

    async def is_seen_by(self, task: Task, actor_id: ActorId) -> bool:
        """Whether somebody else may see a task."""
        return await self._candidates.is_seen_by(task.id, actor_id)

    async def own_run(self, run_id: RunId, *, by: Actor) -> Run:
        """A run under way of `by`, who shows its fence where an agent must.

        Raises RunNotYours, FenceMissing, FenceSuperseded or RunOver.
        """
        run = await self._leases.get(run_id)
        if run.holder.id != by.id:
            raise RunNotYours(key=run.task_key, who=run.holder.name)
        if by.kind is ActorKind.AGENT and by.fence is None:
            raise FenceMissing(key=run.task_key)
        if not run.is_live or by.fence not in {None, run.fence}:
            raise await self._over(run.id, by)
        return run

    async def finish_run(
        self,
        run: Run,
        ending: Ending,
        status: TaskStatus,
        *,
        by: Actor,
        summary: str | None = None,
        met: Collection[UUID] = (),
    ) -> Task:
        """End a run under way, whose fence `by` shows if it is the holder, and move its task.

        `met` are the acceptance items that are proved. Raises FenceSuperseded, FenceMissing or
        RunOver.
        """
        if status.is_finished:
            await self._mover.lock_graph()
        task = await self._tasks.get(TaskRef(text=run.task_key, id=TaskId(run.task_id)), lock=True)
        if task.hold is None or task.hold.run_id != run.id or not task.hold.run_state.is_under_way:
            raise await self._over(run.id, by if by.id == run.holder.id else None)
        if by.id == run.holder.id:
            by = attributed(by, [task.hold], key=task.key)
            if not task.hold.is_live:
                raise superseded(task.key, task.hold.fence, task.hold)
        else:
            by = replace(by, run_id=run.id)
        await self._mover.holds.end([task], ending, by=by, summary=summary)
        return await self._mover.move(task, status, met=met, by=by)

    async def judge(
        self,
        run: Run,
        ending: Ending,
        status: TaskStatus,
        *,
        by: Actor,
        met: Collection[UUID] = (),
    ) -> Task:
        """Accept or reject submitted work. Raises RunOver, AcceptanceNotYours."""
        if status.is_finished:
            await self._mover.lock_graph()
        task = await self._tasks.get(TaskRef(text=run.task_key, id=TaskId(run.task_id)), lock=True)
        hold = task.hold
        if hold is None or hold.run_id != run.id or not hold.awaits_review:
            raise await self._over(run.id, None)
        await self._mover.holds.check_may_accept(task, hold, by=by)
        by = replace(by, run_id=run.id)
        await self._mover.holds.end([task], ending, by=by)
        return await self._mover.move(task, status, met=met, by=by)

    async def renew(self, run: Run, lease_s: int | None, *, by: Actor) -> datetime | None:
        """A sign of life of the holder, who shows its fence: the lease lasts so long from now.

        Raises FenceSuperseded where it is over; nobody can take it before the commit otherwise.
        """
        fence = run.fence if by.fence is None else by.fence
        if run.lease_s is None:
            return None
        until = await self._leases.renew(run.id, fence, lease_s or run.lease_s)
        if until is None:
            raise await self._over(run.id, replace(by, fence=fence))
        return until

    async def note(self, run_id: RunId, **values: Any) -> None:
        await self._leases.note(run_id, **values)

    async def set_state(self, run_id: RunId, state: RunState) -> None:
        """Somebody else's word on a run is no sign of life of its holder."""
        await self._leases.set_state(run_id, state)

    async def learn_paths(self, task: Task, paths: Sequence[str]) -> None:
        """Keep which files a task turned out to touch, for those like it and when it reopens."""
        known = (*task.learned_footprint, *paths)
        learned = tuple(sorted(set(known)))[:MAX_LEARNED]
        if learned != task.learned_footprint:
            await self._tasks.save(replace(task, learned_footprint=learned), was=task)

    async def add_usage(self, run_id: RunId, usage: Usage, model: str) -> None:
        await self._leases.add_usage(run_id, usage, model)

    async def get_run(self, run_id: RunId) -> Run:
        return await self._leases.get(run_id)

    async def list_runs(self, which: RunFilter, cursor: str | None, limit: int) -> Page[Run]:
        return await self._leases.list_page(which, cursor, limit)

    async def standing_of(
        self, actor_ids: Collection[ActorId]
    ) -> Mapping[ActorId, tuple[Sequence[Run], Totals]]:
        """What each of them works on now, and what all of it came to."""
        return await self._leases.standing_of(actor_ids)

    async def expire_due(self, limit: int = AT_ONCE) -> int:
        """End the leases that ran out and let their tasks be taken again; how many there were."""
        expired = 0
        for task_id in await self._leases.list_due(limit):
            task = await self._tasks.get(TaskRef(text=str(task_id), id=task_id), lock=True)
            if task.hold is None or not task.hold.is_due:
                continue
            await self.expire(task)
            expired += 1
        return expired

    async def list_workspaces_with_due(self) -> Sequence[WorkspaceId]:
        """For the sweep alone."""
        return [WorkspaceId(one) for one in await self._leases.list_workspaces_with_due(AT_ONCE)]

    async def _over(self, run_id: RunId, by: Actor | None) -> Exception:
        """Why a run's holder may write no more."""
        run = await self._leases.get(run_id)
        task = await self._tasks.get(TaskRef(text=run.task_key, id=TaskId(run.task_id)))
        if by and by.fence is not None and (run.state.is_under_way or not run.is_current):
            return superseded(run.task_key, by.fence, task.hold)
        why = run.reason or "it ended"
        return RunOver(key=run.task_key, state=run.state.value, reason=why.rstrip("."))
