"""Making tasks: one that somebody asks for, or the next one of a series."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from nexus.features.fields.service import FieldService
from nexus.features.projects.domain import Project, ProjectId
from nexus.features.projects.errors import ProjectArchived, ProjectNotFound
from nexus.features.projects.service import ProjectService
from nexus.features.repositories.domain import RepositoryId
from nexus.features.repositories.errors import RepositoryNotFound
from nexus.features.repositories.service import RepositoryService
from nexus.features.tasks.dependencies import Place, TaskGraph
from nexus.features.tasks.domain import Assignee, Task, TaskDraft, TaskFields, TaskId, TaskStatus
from nexus.features.tasks.editing import new_item
from nexus.features.tasks.errors import (
    BornFinished,
    CustomTooLarge,
    ReferenceUnknown,
    RepositoryUnknown,
    TaskArchived,
)
from nexus.features.tasks.events import TaskCreated
from nexus.features.tasks.footprints import checked as footprint_checked
from nexus.features.tasks.labels import Label, LabelRepository
from nexus.features.tasks.ranks import rank_of_number
from nexus.features.tasks.repository import TaskRepository
from nexus.features.tasks.scoring import Scorer
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.fields import tidy
from nexus.platform.ids import new_id

MAX_CUSTOM_BYTES = 32 * 1024


class FieldRules:
    """What the fields of a task must fulfil that only the database knows, and make of it."""

    def __init__(
        self, repositories: RepositoryService, fields: FieldService, scorer: Scorer
    ) -> None:
        self._repositories = repositories
        self._fields = fields
        self.scorer = scorer

    async def tidied(self, fields: TaskFields) -> TaskFields:
        """Raises CustomTooLarge, FootprintNotUsable or RepositoryUnknown."""
        checked = fields.copy()
        if "title" in fields:
            checked["title"] = tidy(fields["title"])
        if "footprint" in fields:
            checked["footprint"] = footprint_checked(fields["footprint"])
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

    async def check_custom(
        self, project_id: ProjectId, new: Mapping[str, Any], old: Mapping[str, Any] | None
    ) -> None:
        """Against the definitions of the project's custom fields."""
        await self._fields.check(project_id, new, old)


class TaskMaker:
    def __init__(
        self,
        tasks: TaskRepository,
        labels: LabelRepository,
        graph: TaskGraph,
        projects: ProjectService,
        rules: FieldRules,
        events: EventLog,
    ) -> None:
        self._tasks = tasks
        self._labels = labels
        self._graph = graph
        self._projects = projects
        self._rules = rules
        self._events = events

    async def create(self, draft: TaskDraft, *, by: Actor) -> Task:
        """A new task at the end of its project's board. Raises what is wrong with the draft."""
        if draft.status.is_finished:
            raise BornFinished(field="status")
        fields = await self._rules.tidied(draft.fields)
        place = await self._graph.place_for(draft.parent, draft.dependencies)
        assignees = await self._tasks.parts.get_assignees(draft.assignees)
        labels = await self._labels.ensure(draft.labels)
        project = await self._projects.take_numbers(draft.project, 1)
        await self._rules.check_custom(project.id, draft.fields.get("custom", {}), None)
        return await self._born(
            replace(draft, fields=fields), project, place, assignees, labels, by
        )

    async def again(self, draft: TaskDraft, *, by: Actor) -> Task | None:
        """The next task of a series; None where its project takes no more tasks.

        Who has left, or a parent that is archived, does not keep it from coming.
        """
        try:
            place = await self._graph.place_for(draft.parent, ())
        except (TaskArchived, ReferenceUnknown):
            place = Place()
        assignees = await self._tasks.parts.find_assignees(draft.assignees)
        labels = await self._labels.ensure(draft.labels)
        try:
            project = await self._projects.take_numbers(draft.project, 1)
        except (ProjectNotFound, ProjectArchived):
            return None
        return await self._born(draft, project, place, assignees, labels, by)

    async def checked(
        self, fields: TaskFields, project_id: ProjectId, old: Mapping[str, Any]
    ) -> TaskFields:
        """The changed fields of a task, tidied. Raises what is wrong with them."""
        if "custom" in fields:
            await self._rules.check_custom(project_id, fields["custom"], old)
        return await self._rules.tidied(fields)

    async def scored(self, task: Task, *, was: Task) -> Task:
        """A changed task with its complexity estimated anew."""
        return await self._rules.scorer.scored(task, was=was)

    async def _born(
        self,
        draft: TaskDraft,
        project: Project,
        place: Place,
        assignees: tuple[Assignee, ...],
        labels: Mapping[str, Label],
        by: Actor,
    ) -> Task:
        at = now()
        task = Task(
            **draft.fields,
            id=TaskId(new_id()),
            workspace_id=by.workspace_id,
            project_id=project.id,
            project_key=project.key,
            number=project.last_number,
            acceptance=tuple(new_item(text) for text in draft.acceptance),
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

        task = await self._rules.scorer.scored(task)
        await self._tasks.add([task])
        await self._tasks.parts.add_labels((task.id, label.id) for label in labels.values())
        await self._tasks.parts.add_assignees((task.id, one.id) for one in assignees)
        task = await self._graph.born(task, place, by=by)
        self._events.record(
            TaskCreated(**task.about(), title=task.title, status=task.status), by=by
        )
        return task
