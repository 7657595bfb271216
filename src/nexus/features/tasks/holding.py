"""Taking tasks and letting them go: what agents and people do with holds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from nexus.features.tasks.domain import Task, TaskRef, TaskStatus
from nexus.features.tasks.errors import RunNotFound
from nexus.features.tasks.events import TaskClaimed
from nexus.features.tasks.holds import (
    EXPIRY,
    Claimed,
    Ending,
    Hold,
    Holder,
    Reservation,
    Run,
    RunId,
    RunState,
    Totals,
    already_held,
    attributed,
)
from nexus.features.tasks.leases import LeaseRepository
from nexus.features.tasks.moving import StatusMover
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.run_reading import RunReader
from nexus.platform.actor import Actor, ActorId, ActorKind, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.ids import new_id

AT_ONCE = 50


class HoldService:
    def __init__(
        self,
        tasks: TaskRepository,
        leases: LeaseRepository,
        runs: RunReader,
        mover: StatusMover,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._runs = runs
        self._mover = mover
        self._events = events

    async def task(self, ref: str, *, lock: bool = False) -> Task:
        """A whole task with its newest hold."""
        return await self._tasks.get(TaskRef.of(ref), lock=lock)

    async def commented(self, ref: str, *, by: Actor) -> tuple[Task, Actor]:
        """A task that somebody comments on, and in which run they do so.

        No fence is needed; one that is shown must be good. Raises FenceSuperseded or AlreadyHeld.
        """
        if by.kind is not ActorKind.AGENT and by.fence is None:
            return await self._tasks.get_plain(TaskRef.of(ref)), by
        task = await self.task(ref, lock=True)  # or the hold could end before the comment is in
        hold = task.hold
        if by.fence is not None:
            return task, attributed(by, [hold], key=task.key)
        if hold and hold.is_live and hold.holder.id == by.id:
            return task, replace(by, run_id=hold.run_id, fence=hold.fence)
        return task, by

    async def list_keys(self, task_ids: Collection[UUID]) -> Mapping[UUID, str]:
        """The keys of those tasks that the viewer may see."""
        return await self._tasks.list_keys(task_ids)

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
            await self._mover.holds.end([task], EXPIRY, by=None)  # or the take will fail
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

    async def send_back(self, task: Task, reason: str, *, by: Actor) -> None:
        """Reject the submitted work on a locked task. Raises AcceptanceNotYours."""
        if task.hold:
            await self._mover.holds.check_may_accept(task, task.hold, by=by)
            ending = Ending(state=RunState.REJECTED, reason=reason)
            await self._mover.holds.end([task], ending, by=by)

    async def free(self, tasks: Sequence[Task], ending: Ending, *, by: Actor | None) -> list[Task]:
        """End the holds of locked tasks and let them be taken again. `by` None: they ran out.

        Returns those that are free by it.
        """
        ended = await self._mover.holds.end(tasks, ending, by=by)
        freed = await self._mover.free(ended, by=by)
        return [task.let_go(ending.state) for task in freed]

    async def free_held_by(self, actor_id: ActorId, ending: Ending, *, by: Actor) -> None:
        """Let all tasks go that somebody holds."""
        held = await self._tasks.lock_all(await self._leases.list_held_by(actor_id))
        own = [task for task in held if task.hold and task.hold.holder.id == actor_id]
        await self.free(own, ending, by=by)

    async def standing_of(
        self, actor_ids: Collection[ActorId]
    ) -> Mapping[ActorId, tuple[Sequence[Run], Totals]]:
        """What each of them works on now, and what all of it came to."""
        return await self._runs.standing_of(actor_ids)

    async def expire_due(self, limit: int = AT_ONCE) -> int:
        """End the leases that ran out and let their tasks be taken again; how many there were."""
        locked = await self._tasks.lock_all(await self._leases.list_due(limit))
        due = [task for task in locked if task.hold and task.hold.is_due]
        return len(await self.free(due, EXPIRY, by=None))

    async def list_workspaces_with_due(self) -> Sequence[WorkspaceId]:
        """For the sweep alone."""
        return [WorkspaceId(one) for one in await self._leases.list_workspaces_with_due(AT_ONCE)]
