"""The verbs of tasks: load, decide, save, record."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from nexus.features.projects.service import ProjectService
from nexus.features.repositories.domain import RepositoryId
from nexus.features.repositories.errors import RepositoryNotFound
from nexus.features.repositories.service import RepositoryService
from nexus.features.tasks.dependencies import TaskGraph
from nexus.features.tasks.domain import (
    AcceptanceItem,
    ImportedTask,
    Task,
    TaskBrief,
    TaskDraft,
    TaskEdit,
    TaskFields,
    TaskFilter,
    TaskId,
    TaskRef,
    TaskSort,
    TaskStatus,
)
from nexus.features.tasks.edges import EdgeRepository
from nexus.features.tasks.errors import (
    BornFinished,
    CustomTooLarge,
    PositionNeighbour,
    RepositoryUnknown,
    TaskNotFound,
)
from nexus.features.tasks.events import (
    TaskCreated,
    TaskMoved,
    TasksImported,
    TaskStatusChanged,
    TaskUpdated,
)
from nexus.features.tasks.graph import finish, gate
from nexus.features.tasks.intake import plan_intake
from nexus.features.tasks.labels import LabelRepository
from nexus.features.tasks.ranks import rank_below, rank_between, rank_of_number
from nexus.features.tasks.repository import TaskRepository
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.errors import Stale
from nexus.platform.events import Changes, EventLog, changes_between
from nexus.platform.fields import folded, tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page

MAX_CUSTOM_BYTES = 32 * 1024
_PLAIN_FIELDS = (
    "title",
    "description",
    "details",
    "test_strategy",
    "priority",
    "complexity_manual",
    "due_on",
    "repository_id",
    "custom",
)


class TaskService:
    def __init__(
        self,
        tasks: TaskRepository,
        labels: LabelRepository,
        graph: TaskGraph,
        projects: ProjectService,
        repositories: RepositoryService,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._labels = labels
        self._graph = graph
        self._projects = projects
        self._repositories = repositories
        self._events = events

    async def create(self, draft: TaskDraft, *, by: Actor) -> Task:
        """A new task at the end of its project's board."""
        if draft.status.is_finished:
            raise BornFinished(field="status")
        fields = await self._checked(draft.fields)
        place = await self._graph.place_for(draft.parent, draft.dependencies)
        assignees = await self._tasks.get_assignees(draft.assignees)
        labels = await self._labels.ensure(draft.labels)
        project = await self._projects.take_numbers(draft.project, 1)
        at = now()
        task = Task(
            **fields,
            id=TaskId(new_id()),
            workspace_id=by.workspace_id,
            project_id=project.id,
            project_key=project.key,
            number=project.last_number,
            acceptance=tuple(_new_item(text) for text in draft.acceptance),
            status=draft.status,
            rank=rank_of_number(project.last_number),
            created_by=by.id,
            created_at=at,
            updated_at=at,
            started_at=at if draft.status is TaskStatus.IN_PROGRESS else None,
            labels=tuple(sorted((label.name for label in labels.values()), key=str.casefold)),
            assignees=assignees,
            parent_id=place.parent.id if place.parent else None,
            parent=place.parent.brief() if place.parent else None,
            dependencies=tuple(one.brief() for one in place.dependencies),
            open_dependencies=place.open_dependencies,
        )

        await self._tasks.add([task])
        await self._tasks.add_labels((task.id, label.id) for label in labels.values())
        await self._tasks.add_assignees((task.id, one.id) for one in assignees)
        task = await self._graph.born(task, place, by=by)
        self._events.record(TaskCreated(**about(task), title=task.title, status=task.status), by=by)
        return task

    async def get(self, ref: str) -> Task:
        return await self._tasks.get(TaskRef.of(ref))

    async def brief(self, ref: str) -> Task:
        """A task without what belongs to it: enough to say that it is there and can be seen."""
        return await self._tasks.get_plain(TaskRef.of(ref))

    async def list_tasks(
        self, which: TaskFilter, sort: TaskSort, cursor: str | None, limit: int
    ) -> Page[Task]:
        """A page of tasks. A project that does not exist is said so, not answered with nothing."""
        page = await self._tasks.list_page(which, sort, cursor, limit)
        if not page.items and len(which.projects) == 1:
            await self._projects.get(which.projects[0])
        return page

    async def update(self, ref: str, edit: TaskEdit, *, version: int | None, by: Actor) -> Task:
        """Change what is given. A change that changes nothing is silent and keeps the version."""
        if "parent" in edit:
            await self._graph.lock()
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        _check_version(old, version)
        at = now()
        if edit.get("archived") is not False and set(edit) != {"archived"}:
            old.check_not_archived()

        new = replace(old, **await self._checked(_fields_of(edit)))
        if "archived" in edit:
            new = new.archived(at=at) if edit["archived"] else replace(new, archived_at=None)
        if "acceptance" in edit:
            new = replace(new, acceptance=_edited_items(old, edit["acceptance"]))
        if "assignees" in edit:
            assignees = await self._tasks.get_assignees(edit["assignees"])
            new = replace(new, assignees=assignees)
        if "labels" in edit:
            labels = await self._labels.ensure(edit["labels"])
            names = sorted((label.name for label in labels.values()), key=str.casefold)
            new = replace(new, labels=tuple(names))
        if "parent" in edit:
            new = await self._graph.with_parent(new, edit["parent"])
        changes = _changes(old, new)
        if not changes:
            return old

        new = replace(new, version=old.version + 1, updated_at=at)
        await self._tasks.save(new)
        if "labels" in changes:
            known = await self._labels.ensure(new.labels)
            await self._tasks.clear_labels(new.id)
            await self._tasks.add_labels((new.id, label.id) for label in known.values())
        if "assignees" in changes:
            await self._tasks.clear_assignees(new.id)
            await self._tasks.add_assignees((new.id, one.id) for one in new.assignees)
        if "parent" in changes:
            new = await self._graph.parent_changed(old, new)
        self._events.record(TaskUpdated(**about(new), changes=changes), by=by)
        return new

    async def set_status(
        self, ref: str, status: TaskStatus, *, version: int | None, by: Actor
    ) -> Task:
        """Move a task. Setting the status that it has changes nothing and says nothing."""
        if status.is_finished or status is TaskStatus.TODO:
            await self._graph.lock()  # it may let others go, or hold them up again
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        _check_version(old, version)
        new = old.moved_to(status, at=now())
        if new is old:
            return old

        await self._tasks.save(new)
        freed: list[TaskBrief] = []
        if old.is_finished != new.is_finished:
            new, freed = await self._graph.finished_or_reopened(new)
        self._events.record(
            TaskStatusChanged(
                **about(new),
                changes=changes_between(old, new, "status"),
                became_ready=[task.key for task in freed],
                by_cancelling=status is TaskStatus.CANCELLED,
            ),
            by=by,
        )
        return new

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
        if anchor is None or anchor.project_id != task.project_id or anchor.id == task.id:
            raise PositionNeighbour
        other = await self._tasks.neighbour(anchor, below=after is not None)
        if other == task.rank:
            return task  # it stands there already
        rank = rank_below(anchor.rank, other) if after else rank_between(other, anchor.rank)

        moved = replace(task, rank=rank, version=task.version + 1, updated_at=now())
        await self._tasks.save(moved)
        self._events.record(TaskMoved(**about(moved)), by=by)
        return moved

    async def set_acceptance(self, ref: str, item_id: UUID, *, is_met: bool, by: Actor) -> Task:
        """Say that one acceptance item is met, or no longer is."""
        old = await self._tasks.get(TaskRef.of(ref), lock=True)
        old.check_not_archived()
        new = old.with_item_met(item_id, by=by.id if is_met else None, at=now())
        was_met = any(item.id == item_id and item.met_at for item in old.acceptance)
        if was_met == is_met:
            return old

        await self._tasks.save(new)
        self._events.record(TaskUpdated(**about(new), changes=_changes(old, new)), by=by)
        return new

    async def _checked(self, fields: TaskFields) -> TaskFields:
        """The fields, tidied. Raises what is wrong with them."""
        checked = fields.copy()
        if "title" in fields:
            checked["title"] = tidy(fields["title"])
        if "custom" in fields:
            size = len(msgspec.json.encode(fields["custom"]))
            if size > MAX_CUSTOM_BYTES:
                raise CustomTooLarge(limit=MAX_CUSTOM_BYTES, size=size, field="custom")
        if repository_id := fields.get("repository_id"):
            try:
                await self._repositories.get(RepositoryId(repository_id))
            except RepositoryNotFound as error:
                raise RepositoryUnknown(id=repository_id, field="repository_id") from error
        return checked


class TaskIntake:
    """Takes in many tasks at once, for imports."""

    def __init__(
        self,
        tasks: TaskRepository,
        labels: LabelRepository,
        edges: EdgeRepository,
        graph: TaskGraph,
        projects: ProjectService,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._labels = labels
        self._edges = edges
        self._graph = graph
        self._projects = projects
        self._events = events

    async def lock(self) -> None:
        """Let one arrival in a workspace follow the other."""
        await self._graph.lock()

    async def add(
        self, imported: Sequence[ImportedTask], *, import_id: UUID, by: Actor
    ) -> list[tuple[TaskId, TaskId]]:
        """Add tasks and what they wait for; the dependencies that would close a cycle.

        Those are left out. The tasks are numbered in the order in which they come.
        """
        if not imported:
            return []
        await self._graph.lock()
        new_ids = {task.id for task in imported}
        pointed_at = {one for task in imported for one in (task.parent_id, *task.depends_on) if one}
        present = await self._tasks.list_by_ids(pointed_at - new_ids)
        walk = await self._edges.needs_of(
            [moment(task_id) for task_id in present for moment in (gate, finish)]
        )
        plan = plan_intake(imported, present, walk.needs)
        labels = await self._labels.ensure({name for task in imported for name in task.labels})
        last_numbers = {
            project: await self._projects.take_numbers(project, count)
            for project, count in plan.counts.items()
        }
        tasks = plan.born(last_numbers, by=by, at=now())

        await self._tasks.add(tasks)
        await self._tasks.add_labels(
            (task.id, label_id)
            for task in imported
            for label_id in {labels[folded(name)].id for name in task.labels}
        )
        if plan.dependencies:
            await self._edges.add(plan.dependencies, by=by.id, at=now())
        for parent_id, count in plan.more_open_subtasks.items():
            await self._edges.change_open_subtasks(parent_id, count)
        await self._graph.refresh_unlocks([finish(task.id) for task in tasks])
        for project in last_numbers.values():
            self._events.record(
                TasksImported(
                    import_id=import_id,
                    project_id=project.id,
                    tasks=plan.counts[project.key],
                    dependencies=plan.dependency_counts[project.key],
                ),
                by=by,
            )
        return plan.refused


def _check_version(task: Task, version: int | None) -> None:
    if version not in {None, task.version}:
        raise Stale(what="task", current=task.version, given=version)


def about(task: Task) -> dict[str, Any]:
    return {"task_id": task.id, "project_id": task.project_id, "key": task.key}


def _fields_of(edit: TaskEdit) -> TaskFields:
    return TaskFields(**{name: value for name, value in edit.items() if name in _PLAIN_FIELDS})  # pyright: ignore[reportArgumentType]


def _new_item(text: str) -> AcceptanceItem:
    return AcceptanceItem(id=new_id(), text=tidy(text))


def _edited_items(
    task: Task, wanted: Sequence[tuple[UUID | None, str]]
) -> tuple[AcceptanceItem, ...]:
    """The items as wanted: a known id, or else an unchanged text, keeps what was met."""
    by_id = {item.id: item for item in task.acceptance}
    by_text = {folded(item.text): item for item in task.acceptance}
    items: dict[UUID, AcceptanceItem] = {}
    for item_id, text in wanted:
        known = by_id.get(item_id) if item_id else by_text.get(folded(text))
        item = replace(known, text=tidy(text)) if known else _new_item(text)
        if item.id in items:
            item = _new_item(text)
        items[item.id] = item
    return tuple(items.values())


def _changes(old: Task, new: Task) -> Changes:
    """Old and new of what changed, in the words of the wire."""
    changes = dict(changes_between(old, new, *_PLAIN_FIELDS, "labels", "archived_at"))
    if msgspec.json.encode(old.custom) != msgspec.json.encode(new.custom):
        changes["custom"] = (old.custom, new.custom)  # Python takes 1 and true for the same
    if "priority" in changes:
        changes["priority"] = (old.priority.word, new.priority.word)
    if old.acceptance != new.acceptance:
        changes["acceptance"] = (_plain_items(old), _plain_items(new))
    if old.assignees != new.assignees:
        changes["assignees"] = ([a.id for a in old.assignees], [a.id for a in new.assignees])
    if old.parent_id != new.parent_id:
        changes["parent"] = (
            old.parent.key if old.parent else None,
            new.parent.key if new.parent else None,
        )
    return changes


def _plain_items(task: Task) -> list[dict[str, Any]]:
    return [
        {"id": item.id, "text": item.text, "is_met": item.met_at is not None}
        for item in task.acceptance
    ]
