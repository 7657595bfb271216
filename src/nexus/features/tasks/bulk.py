"""Changing many tasks in one call, all or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from nexus.features.tasks.dependencies import TaskGraph
from nexus.features.tasks.domain import (
    Assignee,
    BulkItem,
    Task,
    TaskBrief,
    TaskStatus,
)
from nexus.features.tasks.editing import changes_of, edited, fields_of
from nexus.features.tasks.errors import (
    AcceptanceOfOwnWork,
    AgentsSubmit,
    ReferenceUnknown,
    StaleTasks,
    TaskTwice,
)
from nexus.features.tasks.events import TaskStatusChanged, TaskUpdated
from nexus.features.tasks.holds import attributed
from nexus.features.tasks.labels import Label, LabelRepository
from nexus.features.tasks.making import TaskMaker
from nexus.features.tasks.moving import StatusMover
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor, ActorId, ActorKind
from nexus.platform.clock import now
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import folded


@dataclass(frozen=True, kw_only=True)
class _Change:
    """`placed` is the task below its new parent, which is saved already."""

    old: Task
    placed: Task
    new: Task


class BulkService:
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

    async def update_many(self, items: Sequence[BulkItem], *, by: Actor) -> list[Task]:
        """Change all of them, or raise what is wrong with one; the tasks in the order given.

        Raises StaleTasks, which names all that are at another version. Statements do not grow with
        the number of tasks, but for new parents and values of custom fields.
        """
        if any(item.status or "parent" in item.edit for item in items):
            await self._graph.lock()
        olds = await self._load(items)
        writers = _writers(items, olds, by)
        changes = await self._decide(items, olds, await self._placed(items, olds))
        changed = [one for one in changes if one.new.version != one.old.version]
        if not changed:
            return [one.new for one in changes]

        moved = [(one.old, one.new.status) for one in changed]
        met = await self._mover.holds.overrule(moved, by=by)
        changed = [_with_items_met(one, met.get(one.new.id, ()), by) for one in changed]
        await self._tasks.save_many([(one.new, one.placed) for one in changed])
        await self._save_labels(changed)
        await self._save_assignees(changed)
        freed = await self._pass_on_statuses(changed, by)
        self._record(changed, freed, writers)
        return [one.new for one in changes]

    async def _load(self, items: Sequence[BulkItem]) -> list[Task]:
        found = await self._tasks.find_by_refs([item.ref for item in items], lock=True)
        for item in items:
            if item.ref not in found:
                raise ReferenceUnknown(id=item.ref.text, field="items")
        whole = {task.id: task for task in await self._tasks.complete(found.values())}
        olds = [whole[found[item.ref].id] for item in items]
        if len(whole) < len(items):
            keys = [task.key for task in olds]
            raise TaskTwice(key=next(key for key in keys if keys.count(key) > 1), field="items")
        stale = [
            {"key": old.key, "current": old.version, "given": item.version}
            for item, old in zip(items, olds, strict=True)
            if item.version != old.version
        ]
        if stale:
            keys = ", ".join(str(one["key"]) for one in stale)
            raise StaleTasks(keys=keys, items=stale)
        return olds

    async def _placed(self, items: Sequence[BulkItem], olds: Sequence[Task]) -> list[Task]:
        """The tasks below their new parents, one after the other: each must see the ones before.

        Two of them could close a circle that neither closes alone.
        """
        placed: list[Task] = []
        for item, old in zip(items, olds, strict=True):
            if set(item.edit) - {"archived"} or item.status:
                _check_changeable(old, item)
            new = old
            if "parent" in item.edit:
                new = await self._graph.with_parent(old, item.edit["parent"])
            if new.parent_id != old.parent_id:
                await self._tasks.save(new, was=old)
                new = await self._graph.parent_changed(old, new)
            placed.append(new)
        return placed

    async def _decide(
        self, items: Sequence[BulkItem], olds: Sequence[Task], placed: Sequence[Task]
    ) -> list[_Change]:
        wanted = {one for item in items for one in item.edit.get("assignees", ())}
        people = {one.id: one for one in await self._tasks.parts.get_assignees(wanted)}
        names = {name for item in items for name in item.edit.get("labels", ())}
        labels = await self._labels.ensure(names)
        changes: list[_Change] = []
        for item, old, at_place in zip(items, olds, placed, strict=True):
            new = await self._edited(at_place, item, people, labels)
            if changes_of(old, new) or new.status is not old.status:
                new = replace(new, version=old.version + 1, updated_at=now())
                new = await self._maker.scored(new, was=old)
            changes.append(_Change(old=old, placed=at_place, new=new))
        return changes

    async def _edited(
        self,
        old: Task,
        item: BulkItem,
        people: Mapping[ActorId, Assignee],
        labels: Mapping[str, Label],
    ) -> Task:
        edit = item.edit
        new = edited(
            old,
            edit,
            await self._maker.checked(fields_of(edit), old.project_id, old.custom),
            assignees={people[one] for one in edit.get("assignees", ())},
            labels={labels[folded(name)].name for name in edit.get("labels", ())},
        )
        if item.status:
            new = new.moved_to(item.status, at=now())
        return new.archived(at=now()) if edit.get("archived") else new

    async def _save_labels(self, changed: Sequence[_Change]) -> None:
        relabelled = [one.new for one in changed if one.new.labels != one.old.labels]
        if relabelled:
            known = await self._labels.ensure({name for task in relabelled for name in task.labels})
            await self._tasks.parts.clear_labels([task.id for task in relabelled])
            await self._tasks.parts.add_labels(
                (task.id, known[folded(name)].id) for task in relabelled for name in task.labels
            )

    async def _save_assignees(self, changed: Sequence[_Change]) -> None:
        reassigned = [one.new for one in changed if one.new.assignees != one.old.assignees]
        if reassigned:
            await self._tasks.parts.clear_assignees([task.id for task in reassigned])
            await self._tasks.parts.add_assignees(
                (task.id, one.id) for task in reassigned for one in task.assignees
            )

    async def _pass_on_statuses(self, changed: Sequence[_Change], by: Actor) -> list[TaskBrief]:
        """Free and hold up what waits for them; what is ready once all of it is done."""
        reopened = [one.new for one in changed if one.old.is_finished and not one.new.is_finished]
        finished = [one.new for one in changed if one.new.is_finished and not one.old.is_finished]
        if reopened:
            await self._graph.reopened(reopened)
        freed = await self._graph.finished(finished) if finished else []
        for task in finished:
            await self._mover.series.finished(task, by=by)
        return freed

    def _record(
        self, changed: Sequence[_Change], freed: Sequence[TaskBrief], writers: Mapping[UUID, Actor]
    ) -> None:
        """One event for the fields and one for the status of each task.

        What became ready stands in the last finish: that one has let it go.
        """
        finishes = [one for one in changed if one.new.is_finished and not one.old.is_finished]
        for one in changed:
            by = writers[one.new.id]
            fields = changes_of(one.old, one.new)
            if fields:
                self._events.record(TaskUpdated(**one.new.about(), changes=fields), by=by)
            if one.new.status is not one.old.status:
                is_last = bool(finishes) and one is finishes[-1]
                self._events.record(
                    TaskStatusChanged(
                        **one.new.about(),
                        changes=changes_between(one.old, one.new, "status"),
                        became_ready=[task.key for task in freed] if is_last else [],
                        by_cancelling=one.new.status is TaskStatus.CANCELLED,
                    ),
                    by=by,
                )


def _check_changeable(task: Task, item: BulkItem) -> None:
    """An archived task is changed only in the step that takes it out of the archive."""
    if item.edit.get("archived") is not False:
        task.check_not_archived()


def _with_items_met(change: _Change, met: Collection[UUID], by: Actor) -> _Change:
    if not met:
        return change
    return replace(change, new=change.new.with_items_met(met, by=by.id, at=now()))


def _writers(items: Sequence[BulkItem], olds: Sequence[Task], by: Actor) -> Mapping[UUID, Actor]:
    """Who writes on each: an agent in its run, where it holds the task; never a status."""
    if by.kind is ActorKind.AGENT:
        for item, old in zip(items, olds, strict=True):
            if item.status:
                raise AgentsSubmit(key=old.key)
            if "acceptance" in item.edit and old.hold and old.hold.holder.id == by.id:
                raise AcceptanceOfOwnWork(key=old.key)
    attributed(by, [old.hold for old in olds], key=", ".join(old.key for old in olds))
    bare = replace(by, fence=None)
    return {
        old.id: attributed(by, [old.hold], key=old.key)
        if old.hold and old.hold.is_live and old.hold.holder.id == by.id
        else bare
        for old in olds
    }
