"""The verbs of tasks: load, decide, save, record."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from uuid import UUID

from nexus.features.tasks.dependencies import TaskGraph
from nexus.features.tasks.domain import (
    Task,
    TaskDraft,
    TaskEdit,
    TaskId,
    TaskRef,
    TaskStatus,
)
from nexus.features.tasks.editing import changes_of, edited, fields_of
from nexus.features.tasks.errors import (
    AcceptanceOfOwnWork,
    AgentsSubmit,
    PositionNeighbour,
    TaskNotFound,
)
from nexus.features.tasks.events import (
    TaskComplexityInherited,
    TaskMoved,
    TaskUpdated,
)
from nexus.features.tasks.holds import RunState, attributed
from nexus.features.tasks.labels import LabelRepository
from nexus.features.tasks.making import TaskMaker
from nexus.features.tasks.moving import StatusMover
from nexus.features.tasks.ranks import rank_below, rank_between
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor, ActorKind
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import EventLog


class TaskService:
    def __init__(
        self,
        tasks: TaskRepository,
        labels: LabelRepository,
        graph: TaskGraph,
        maker: TaskMaker,
        mover: StatusMover,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._labels = labels
        self._graph = graph
        self._maker = maker
        self._mover = mover
        self._events = events

    async def create(self, draft: TaskDraft, *, by: Actor) -> Task:
        """A new task at the end of its project's board."""
        return await self._maker.create(draft, by=await self._mover.holds.writer(by))

    async def get(self, ref: str) -> Task:
        return await self._tasks.get(TaskRef.of(ref))

    async def brief(self, ref: str) -> Task:
        """A task without what belongs to it: enough to say that it is there and can be seen."""
        return await self._tasks.get_plain(TaskRef.of(ref))

    async def update(self, ref: str, edit: TaskEdit, *, version: int | None, by: Actor) -> Task:
        """Change what is given. A change that changes nothing is silent and keeps the version."""
        if "parent" in edit:
            await self._graph.lock()
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        _check_version(old, version)
        by = attributed(by, [old.hold], key=old.key)
        if "acceptance" in edit:
            _check_not_judging_itself(old, by)
        at = now()
        if edit.get("archived") is not False and set(edit) != {"archived"}:
            old.check_not_archived()

        fields = await self._maker.checked(fields_of(edit), old.project_id, old.custom)
        new = old.archived(at=at) if edit.get("archived") else old
        people = await self._tasks.parts.get_assignees(edit.get("assignees", ()))
        labels = await self._labels.ensure(edit.get("labels", ()))
        names = [label.name for label in labels.values()]
        new = edited(new, edit, fields, assignees=people, labels=names)
        if "parent" in edit:
            new = await self._graph.with_parent(new, edit["parent"])
        changes = changes_of(old, new)
        if not changes:
            return old

        new = replace(new, version=old.version + 1, updated_at=at)
        new = await self._maker.scored(new, was=old)
        await self._tasks.save(new, was=old)
        if "labels" in changes:
            known = await self._labels.ensure(new.labels)
            await self._tasks.parts.clear_labels([new.id])
            await self._tasks.parts.add_labels((new.id, label.id) for label in known.values())
        if "assignees" in changes:
            await self._tasks.parts.clear_assignees([new.id])
            await self._tasks.parts.add_assignees((new.id, one.id) for one in new.assignees)
        if "parent" in changes:
            new = await self._graph.parent_changed(old, new)
        self._events.record(TaskUpdated(**new.about(), changes=changes), by=by)
        return new

    async def set_status(
        self, ref: str, status: TaskStatus, *, version: int | None, by: Actor
    ) -> Task:
        """Move a task. Setting the status that it has changes nothing and says nothing.

        A person's move ends whatever hold the task has; agents move tasks through their runs.
        """
        await self._mover.lock_for(status)
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        if by.kind is ActorKind.AGENT:
            raise AgentsSubmit(key=old.key)
        _check_version(old, version)
        by = attributed(by, [old.hold], key=old.key)

        met = await self._mover.holds.overrule([(old, status)], by=by)
        moved = await self._mover.move(old, status, met=met.get(old.id, ()), by=by)
        return moved if moved is old else moved.let_go(RunState.CANCELLED)

    async def move(self, ref: str, *, after: str | None, before: str | None, by: Actor) -> Task:
        """Put a task right below or above another one on its project's board."""
        if (after is None) == (before is None):
            raise PositionNeighbour
        try:
            neighbour = TaskRef.of(after or before or "")
        except TaskNotFound as error:
            raise PositionNeighbour from error
        task, anchor = await self._tasks.get_with_anchor(TaskRef.of(ref), neighbour)
        task.check_not_archived()
        by = attributed(by, [task.hold], key=task.key)
        if anchor is None or anchor.project_id != task.project_id or anchor.id == task.id:
            raise PositionNeighbour
        other = await self._tasks.neighbour(anchor, below=after is not None)
        if other == task.rank:
            return task  # it stands there already
        rank = rank_below(anchor.rank, other) if after else rank_between(other, anchor.rank)

        moved = replace(task, rank=rank, version=task.version + 1, updated_at=now())
        await self._tasks.save(moved, was=task)
        self._events.record(TaskMoved(**moved.about()), by=by)
        return moved

    async def set_acceptance(self, ref: str, item_id: UUID, *, is_met: bool, by: Actor) -> Task:
        """Say that one acceptance item is met, or no longer is."""
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        old.check_not_archived()
        by = attributed(by, [old.hold], key=old.key)
        _check_not_judging_itself(old, by)
        new = old.with_item_met(item_id, by=by.id if is_met else None, at=now())
        was_met = any(item.id == item_id and item.met_at for item in old.acceptance)
        if was_met == is_met:
            return old

        await self._tasks.save(new, was=old)
        self._events.record(TaskUpdated(**new.about(), changes=changes_of(old, new)), by=by)
        return new

    async def list_by_ids(self, task_ids: Collection[TaskId]) -> dict[TaskId, Task]:
        """Whole tasks by id; those that cannot be seen are not among them."""
        return {task.id: task for task in await self._tasks.list_whole(task_ids)}

    async def pass_on_complexity(self, task_id: TaskId, *, by: Actor) -> int:
        """Let subtasks without a score of their own have their parent's; how many they are."""
        task = await self._tasks.get_plain(TaskRef(text=str(task_id), id=task_id))
        count = await self._tasks.set_complexity_below(task)
        if count:
            self._events.record(TaskComplexityInherited(**task.about(), count=count), by=by)
        return count

    async def count_unscored_below(self, task_id: TaskId) -> int:
        """How many subtasks have no score of their own."""
        return await self._tasks.count_unscored_below(task_id)

    async def index_comment(self, task_id: TaskId, body: str) -> None:
        """Let a search for the words of a new comment find its task."""
        await self._tasks.search.comment_added(task_id, body)

    async def index_comments(self, task_id: TaskId, bodies: Iterable[str]) -> None:
        """The same for all comments of a task, after one was edited or removed."""
        await self._tasks.search.comments_changed(task_id, bodies)


def _check_not_judging_itself(task: Task, by: Actor) -> None:
    """What a task asks for, and whether it is met, is not for the agent to say whose work it is."""
    hold = task.hold
    is_its_work = hold and hold.holder.id == by.id and (hold.is_live or hold.awaits_review)
    if by.kind is ActorKind.AGENT and is_its_work:
        raise AcceptanceOfOwnWork(key=task.key)


def _check_version(task: Task, version: int | None) -> None:
    if version not in {None, task.version}:
        raise Stale(what="task", current=task.version, given=version)
