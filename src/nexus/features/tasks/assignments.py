"""Runs from their claim to their end: signs of life, usage, submission and judgement."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from nexus.features.tasks.domain import Task, TaskId, TaskRef, TaskStatus
from nexus.features.tasks.errors import FenceMissing, RunNotYours, RunOver
from nexus.features.tasks.footprints import MAX_LEARNED
from nexus.features.tasks.holds import (
    Ending,
    Result,
    Run,
    RunFilter,
    RunId,
    RunState,
    Usage,
    attributed,
    superseded,
)
from nexus.features.tasks.leases import LeaseRepository
from nexus.features.tasks.moving import StatusMover
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.run_reading import RunReader
from nexus.platform.actor import Actor, ActorKind
from nexus.platform.paging import Page

AT_ONCE = 50


class AssignmentService:
    def __init__(
        self,
        tasks: TaskRepository,
        leases: LeaseRepository,
        runs: RunReader,
        mover: StatusMover,
    ) -> None:
        self._tasks = tasks
        self._leases = leases
        self._runs = runs
        self._mover = mover

    async def get_run(self, run_id: RunId) -> Run:
        return await self._runs.get(run_id)

    async def list_runs(
        self, which: RunFilter, cursor: str | None, limit: int, *, task: str | None = None
    ) -> Page[Run]:
        """Newest first, of one task where it is named."""
        if task is not None:
            named = await self._tasks.get_plain(TaskRef.of(task))
            which = replace(which, task_id=named.id)
        return await self._runs.list_page(which, cursor, limit)

    async def lock_run(self, run_id: RunId) -> None:
        """Let nobody else write on a run until the commit."""
        await self._leases.lock(run_id)

    async def own_run(self, run_id: RunId, *, by: Actor) -> Run:
        """A run under way of `by`, who shows its fence where an agent must.

        Raises RunNotYours, FenceMissing, FenceSuperseded or RunOver.
        """
        run = await self._runs.get(run_id)
        if run.holder.id != by.id:
            raise RunNotYours(key=run.task_key, who=run.holder.name)
        if by.kind is ActorKind.AGENT and by.fence is None:
            raise FenceMissing(key=run.task_key)
        if not run.is_live or by.fence not in {None, run.fence}:
            raise await self._over(run.id, by)
        return run

    async def renew(self, run: Run, lease_s: int | None, *, by: Actor) -> datetime | None:
        """A sign of life of the holder, who shows its fence: the lease lasts so long from now.

        Raises FenceSuperseded where it is over; nobody can take it before the commit otherwise.
        """
        fence = run.fence if by.fence is None else by.fence
        if run.lease_s is None:
            await self._leases.lock(run.id)
            return None
        until = await self._leases.renew(run.id, fence, lease_s or run.lease_s)
        if until is None:
            raise await self._over(run.id, replace(by, fence=fence))
        return until

    async def note(self, run_id: RunId, **values: Any) -> None:
        await self._leases.note(run_id, **values)

    async def amend(
        self,
        run_id: RunId,
        *,
        state: RunState | None = None,
        proved: Collection[UUID] | None = None,
    ) -> None:
        """Somebody else's word on a run, which is no sign of life of its holder."""
        if state:
            await self._leases.set_state(run_id, state)
        if proved is not None:
            await self._leases.set_proved(run_id, proved)

    async def add_usage(self, run_id: RunId, usage: Usage, model: str) -> Usage:
        """All that the run has used by now."""
        return await self._leases.add_usage(run_id, usage, model)

    async def lock_task(self, run: Run, *, by: Actor, may_finish: bool = False) -> Task:
        """The task of a run under way, locked until the commit.

        Raises FenceSuperseded, FenceMissing or RunOver where the run may no longer end.
        """
        if may_finish:
            await self._mover.lock_graph()
        task = await self._tasks.get(TaskRef(text=run.task_key, id=TaskId(run.task_id)), lock=True)
        is_own = by.id == run.holder.id
        if task.hold is None or task.hold.run_id != run.id or not task.hold.run_state.is_under_way:
            raise await self._over(run.id, by if is_own else None)
        if is_own:
            attributed(by, [task.hold], key=task.key)
            if not task.hold.is_live:
                raise superseded(task.key, task.hold.fence, task.hold)
        return task

    async def finish_run(
        self,
        run: Run,
        task: Task,
        ending: Ending,
        status: TaskStatus,
        *,
        by: Actor,
        result: Result | None = None,
    ) -> Task:
        """End a run whose task is locked, and move the task.

        What it proved is met where it finishes the task, and the task learns the files.
        """
        by = replace(by, run_id=run.id, fence=run.fence if by.id == run.holder.id else None)
        await self._mover.holds.end([task], ending, by=by, result=result)
        met: Collection[UUID] = ()
        if result:
            met = result.proved if status.is_finished else ()
            learned = tuple(sorted({*task.learned_footprint, *result.paths}))[:MAX_LEARNED]
            if learned != task.learned_footprint:
                taught = replace(task, learned_footprint=learned)
                await self._tasks.save(taught, was=task)
                task = taught
        return await self._mover.move(task, status, met=met, by=by)

    async def judge(self, run: Run, ending: Ending, status: TaskStatus, *, by: Actor) -> Task:
        """Accept or reject submitted work; what it proved is met where it is accepted.

        Raises RunOver, AcceptanceNotYours.
        """
        by = await self.beside(run, by=by)
        if status.is_finished:
            await self._mover.lock_graph()
        task = await self._tasks.get(TaskRef(text=run.task_key, id=TaskId(run.task_id)), lock=True)
        hold = task.hold
        if hold is None or hold.run_id != run.id or not hold.awaits_review:
            raise await self._over(run.id, None)
        await self._mover.holds.check_may_accept(task, hold, by=by)
        await self._mover.holds.end([task], ending, by=by)
        met = hold.proved if status.is_finished else ()
        return await self._mover.move(task, status, met=met, by=by)

    async def beside(self, run: Run, *, by: Actor) -> Actor:
        """`by` as somebody else who writes in a run. A fence that it shows must be a live one."""
        await self._mover.holds.writer(by)
        return replace(by, run_id=run.id, fence=None)

    async def _over(self, run_id: RunId, by: Actor | None) -> Exception:
        """Why a run's holder may write no more."""
        run = await self._runs.get(run_id)
        task = await self._tasks.get(TaskRef(text=run.task_key, id=TaskId(run.task_id)))
        if by and by.fence is not None and (run.state.is_under_way or not run.is_current):
            return superseded(run.task_key, by.fence, task.hold)
        why = run.reason or "it ended"
        return RunOver(key=run.task_key, state=run.state.value, reason=why.rstrip("."))
