"""The graph kept true: places of new tasks, dependencies, parents, and who becomes ready."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from nexus.features.tasks.domain import Task, TaskBrief, TaskId, TaskRef
from nexus.features.tasks.edges import EdgeRepository
from nexus.features.tasks.errors import DependencyCycle, ReferenceUnknown
from nexus.features.tasks.events import TaskDependencyAdded, TaskDependencyRemoved
from nexus.features.tasks.graph import (
    Need,
    Node,
    Unlocks,
    acyclic,
    find_cycle,
    finish,
    gate,
    needs_of_dependency,
    needs_of_parent,
    needs_of_tasks,
    unlocks,
)
from nexus.features.tasks.holds import attributed
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.scoring import Scorer
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.events import EventLog


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in the graph a new task stands."""

    parent: Task | None = None
    dependencies: tuple[Task, ...] = ()

    @property
    def open_dependencies(self) -> int:
        inherited = self.parent.open_dependencies if self.parent else 0
        return inherited + sum(not task.is_finished for task in self.dependencies)


class TaskGraph:
    """What changes when edges do. Whoever calls it to change something locks the graph first."""

    def __init__(self, tasks: TaskRepository, edges: EdgeRepository) -> None:
        self._tasks = tasks
        self._edges = edges

    async def lock(self) -> None:
        await self._edges.lock()

    async def place_for(self, parent: str | None, dependencies: Sequence[str]) -> Place:
        """Where a task with these would stand. Raises ReferenceUnknown or DependencyCycle."""
        if parent is None and not dependencies:
            return Place()
        await self.lock()
        parent_ref = TaskRef.in_field(parent, "parent") if parent else None
        refs = {text: TaskRef.in_field(text, "dependencies") for text in dependencies}
        found = await self._tasks.find_by_refs(
            [*refs.values(), *([parent_ref] if parent_ref else [])]
        )
        above = _named(found, parent_ref, "parent") if parent_ref else None
        needed = {
            task.id: task for task in (_named(found, ref, "dependencies") for ref in refs.values())
        }
        if above:
            above.check_not_archived()
        if above and needed:
            walk = await self._edges.needs_of([finish(task_id) for task_id in needed])
            for task_id in needed:
                await self._check(walk.needs, (finish(above.id), finish(task_id)))
        by_key = sorted(needed.values(), key=lambda one: one.key)
        return Place(parent=above, dependencies=tuple(by_key))

    async def born(self, task: Task, place: Place, *, by: Actor) -> Task:
        """Save the edges of a new task, and what follows from them for it and the others."""
        if place.dependencies:
            pairs = [(task.id, other.id) for other in place.dependencies]
            await self._edges.add(pairs, by=by.id, at=task.created_at)
        if place.parent:
            await self._edges.change_open_subtasks(place.parent.id, +1)
        if place.parent or place.dependencies:
            return _with_unlocks(task, await self.refresh_unlocks([finish(task.id)]))
        return task

    async def born_together(self, tasks: Sequence[Task], parent: Task, *, by: Actor) -> list[Task]:
        """The same for new subtasks of one task that wait for earlier ones among them alone."""
        pairs = [(task.id, other.id) for task in tasks for other in task.dependencies]
        if pairs:
            await self._edges.add(pairs, by=by.id, at=tasks[0].created_at)
        await self._edges.change_open_subtasks(parent.id, len(tasks))
        changed = await self.refresh_unlocks([finish(task.id) for task in tasks])
        return [_with_unlocks(task, changed) for task in tasks]

    async def with_parent(self, task: Task, parent: str | None) -> Task:
        """The task below another one, or (None) on its own. Saves nothing."""
        wanted = TaskRef.in_field(parent, "parent") if parent else None
        found = await self._tasks.find_by_refs([wanted] if wanted else [])
        above = _named(found, wanted, "parent") if wanted else None
        if (above.id if above else None) == task.parent_id:
            return task
        left = needs_of_parent(task.id, task.parent_id) if task.parent_id else []
        if above:
            above.check_not_archived()
            walk = await self._edges.needs_of([finish(task.id), gate(above.id)])
            needs = [need for need in walk.needs if need not in left]
            for need in needs_of_parent(task.id, above.id):
                await self._check(needs, need)
        inherited = above.open_dependencies if above else 0
        if task.parent_id:
            inherited -= await self._edges.count_open_dependencies(task.parent_id)
        return replace(
            task,
            parent_id=above.id if above else None,
            parent=above.brief() if above else None,
            open_dependencies=task.open_dependencies + inherited,
        )

    async def parent_changed(self, old: Task, new: Task) -> Task:
        """Bring the columns of everybody concerned in line with a saved change of parent."""
        if more := new.open_dependencies - old.open_dependencies:
            await self._edges.waits_for_more(new.id, more)
        if not new.is_finished and old.parent_id:
            await self._edges.change_open_subtasks(old.parent_id, -1)
        if not new.is_finished and new.parent_id:
            await self._edges.change_open_subtasks(new.parent_id, +1)
        left = [gate(old.parent_id)] if old.parent_id else []
        return _with_unlocks(new, await self.refresh_unlocks([finish(new.id), *left]))

    async def finished_or_reopened(self, task: Task) -> tuple[Task, list[TaskBrief]]:
        """Free, or hold up again, all that waits for the task; those that are ready now."""
        if task.is_finished:
            return task, await self.finished([task])
        changed = await self.reopened([task])
        return _with_unlocks(task, changed), []

    async def finished(self, tasks: Sequence[Task]) -> list[TaskBrief]:
        """Free all that waits for these tasks; those that are ready now."""
        freed = await self._edges.tasks_finished([task.id for task in tasks])
        # Those that were finished before what they waited for: that unlocks less now.
        early = [task for task in tasks if task.open_dependencies or task.open_subtasks]
        if early:
            await self.refresh_unlocks([finish(task.id) for task in early])
        return freed

    async def reopened(self, tasks: Sequence[Task]) -> Mapping[UUID, Unlocks]:
        """Hold up again all that waits for these tasks; what has changed of what they unlock."""
        await self._edges.tasks_reopened([task.id for task in tasks])
        return await self.refresh_unlocks([finish(task.id) for task in tasks])

    async def check_dependency(self, task: Task, on: Task) -> None:
        """Raises DependencyCycle, with the cycle spelled out, where it would close one."""
        walk = await self._edges.needs_of([finish(on.id)])
        await self._check(walk.needs, (gate(task.id), finish(on.id)))

    async def hold_up(self, task_ids: Sequence[TaskId]) -> None:
        """Let tasks, and all below them, wait for one more that is not said yet."""
        for task_id in task_ids:
            await self._edges.waits_for_more(task_id, +1)

    async def more_subtasks(self, parent_id: TaskId, count: int) -> None:
        await self._edges.change_open_subtasks(parent_id, count)

    async def cyclic(self, pairs: Sequence[tuple[TaskId, TaskId]]) -> list[tuple[TaskId, TaskId]]:
        """Those of some dependencies that would close a cycle if they were added in this order."""
        walk = await self._edges.needs_of([finish(on) for _, on in pairs])
        needs = [*walk.needs, *needs_of_tasks({task_id for task_id, _ in pairs})]
        fits = acyclic(needs, [needs_of_dependency(task_id, on) for task_id, on in pairs])
        return [pair for pair, is_fit in zip(pairs, fits, strict=True) if not is_fit]

    async def add_dependency(self, task: Task, on: Task, *, by: Actor) -> None:
        await self._edges.add([(task.id, on.id)], by=by.id, at=task.updated_at)
        if not on.is_finished:
            await self._edges.waits_for_more(task.id, +1)
            await self.refresh_unlocks([finish(on.id)])

    async def remove_dependency(self, task: Task, on: TaskBrief) -> list[TaskBrief]:
        """Take the edge away; the tasks that are ready now."""
        await self._edges.remove(task.id, on.id)
        if on.status.is_finished:
            return []
        freed = await self._edges.waits_for_more(task.id, -1)
        await self.refresh_unlocks([finish(on.id)])
        return freed

    async def refresh_unlocks(self, starts: Collection[Node]) -> Mapping[UUID, Unlocks]:
        """Recompute what those unlock that the start moments wait for, and the start tasks.

        Returns what has changed.
        """
        above = await self._edges.needs_of(starts, live=True)
        concerned = [task_id for task_id, one in above.tasks.items() if one.is_open]
        if not concerned:
            return {}
        behind = await self._edges.waiting_for([finish(task_id) for task_id in concerned])
        open_ids = {task_id for task_id, one in behind.tasks.items() if one.is_open}
        fresh = unlocks(concerned, behind.needs, open_ids)
        changed = {
            task_id: one for task_id, one in fresh.items() if one != above.tasks[task_id].unlocks
        }
        if changed:
            await self._edges.save_unlocks(changed)
        return changed

    async def _check(self, needs: Sequence[Need], added: Need) -> None:
        cycle = find_cycle(needs, added)
        if cycle:
            keys = await self._tasks.list_keys(set(cycle))
            spelled = [keys.get(task_id, "(a task that you cannot see)") for task_id in cycle]
            raise DependencyCycle(cycle=" -> ".join(spelled), keys=spelled)


class DependencyService:
    def __init__(
        self, tasks: TaskRepository, graph: TaskGraph, scorer: Scorer, events: EventLog
    ) -> None:
        self._tasks = tasks
        self._graph = graph
        self._scorer = scorer
        self._events = events

    async def list_dependencies(self, ref: str) -> Sequence[TaskBrief]:
        return (await self._tasks.get(TaskRef.of(ref))).dependencies

    async def depend(self, ref: str, on: str, *, by: Actor) -> Task:
        """Let a task wait for another one. Saying so twice changes nothing."""
        await self._graph.lock()
        wanted = TaskRef.in_field(on, "depends_on")
        old, other = await self._tasks.get_with_anchor(TaskRef.of(ref), wanted)
        if other is None:
            raise ReferenceUnknown(id=on, field="depends_on")
        old.check_not_archived()
        by = attributed(by, [old.hold], key=old.key)
        if any(one.id == other.id for one in old.dependencies):
            return old
        await self._graph.check_dependency(old, other)
        new = replace(
            old,
            dependencies=tuple(sorted((*old.dependencies, other.brief()), key=lambda one: one.key)),
            open_dependencies=old.open_dependencies + (not other.is_finished),
            version=old.version + 1,
            updated_at=now(),
        )

        new = await self._scorer.scored(new, was=old)
        await self._tasks.save(new, was=old)
        await self._graph.add_dependency(new, other, by=by)
        self._events.record(
            TaskDependencyAdded(
                task_id=new.id,
                project_id=new.project_id,
                key=new.key,
                depends_on_id=other.id,
                depends_on_key=other.key,
            ),
            by=by,
        )
        return new

    async def undepend(self, ref: str, on: str, *, by: Actor) -> Task:
        """Let a task no longer wait for another one. Where it did not, nothing changes."""
        await self._graph.lock()
        old, other = await self._tasks.get_with_anchor(TaskRef.of(ref), TaskRef.of(on))
        if other is None or all(one.id != other.id for one in old.dependencies):
            return old
        old.check_not_archived()
        by = attributed(by, [old.hold], key=old.key)
        new = replace(
            old,
            dependencies=tuple(one for one in old.dependencies if one.id != other.id),
            open_dependencies=old.open_dependencies - (not other.is_finished),
            version=old.version + 1,
            updated_at=now(),
        )

        new = await self._scorer.scored(new, was=old)
        await self._tasks.save(new, was=old)
        freed = await self._graph.remove_dependency(new, other.brief())
        self._events.record(
            TaskDependencyRemoved(
                task_id=new.id,
                project_id=new.project_id,
                key=new.key,
                depends_on_id=other.id,
                depends_on_key=other.key,
                became_ready=[task.key for task in freed],
            ),
            by=by,
        )
        return new


def _named(found: Mapping[TaskRef, Task], ref: TaskRef, field: str) -> Task:
    if ref not in found:
        raise ReferenceUnknown(id=ref.text, field=field)
    return found[ref]


def _with_unlocks(task: Task, changed: Mapping[UUID, Unlocks]) -> Task:
    fresh = changed.get(task.id)
    if fresh is None:
        return task
    return replace(task, unlock_depth=fresh.depth, unlock_count=fresh.count)
