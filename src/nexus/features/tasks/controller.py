"""Tasks, what they wait for, and labels over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import Provide
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK

from nexus.features.tasks.dependencies import DependencyService
from nexus.features.tasks.domain import LabelId, TaskFilter, TaskRef, TaskSort, TaskStatus
from nexus.features.tasks.dto import (
    AcceptancePatch,
    DependencyIn,
    DependencyPage,
    LabelOut,
    LabelPage,
    LabelPatch,
    LinkIn,
    PositionIn,
    PriorityWord,
    StatusIn,
    TaskBriefOut,
    TaskIn,
    TaskOut,
    TaskPage,
    TaskPatch,
    TaskSummaryOut,
    priority_of,
)
from nexus.features.tasks.labelling import LabelService
from nexus.features.tasks.linking import LinkService
from nexus.features.tasks.service import TaskService
from nexus.features.tasks.wiring import (
    dependency_service,
    label_service,
    link_service,
    task_service,
)
from nexus.platform.actor import Actor, ActorId
from nexus.platform.errors import Invalid
from nexus.platform.http.answers import (
    CursorParameter,
    IfMatch,
    Limit,
    TaskPath,
    expected_version,
    paged,
    versioned,
)
from nexus.platform.http.guards import may
from nexus.platform.tokens import tokenise


def _many(description: str) -> Any:
    return QueryParameter(required=False, description=description, max_items=50)


def task_filter(
    actor: Actor,
    status: Annotated[list[TaskStatus] | None, _many("Any of these statuses.")] = None,
    priority: Annotated[list[PriorityWord] | None, _many("Any of these priorities.")] = None,
    project: Annotated[list[str] | None, _many("Any of these projects, by key.")] = None,
    label: Annotated[list[str] | None, _many("All of these labels.")] = None,
    repository: Annotated[
        UUID | None, QueryParameter(required=False, description="About this repository, by id.")
    ] = None,
    assignee: Annotated[
        str | None,
        QueryParameter(
            required=False, max_length=40, description="A member's or agent's id, `me` or `none`."
        ),
    ] = None,
    parent: Annotated[
        str | None,
        QueryParameter(
            required=False,
            max_length=60,
            description="Subtasks of this task; `none` for tasks that are no subtasks.",
        ),
    ] = None,
    ready: Annotated[
        bool, QueryParameter(description="Only what you could begin now.", required=False)
    ] = False,
    q: Annotated[
        str | None,
        QueryParameter(
            required=False,
            max_length=200,
            description="Words, or their beginnings, that all stand in the task.",
        ),
    ] = None,
    archived: Annotated[
        bool, QueryParameter(description="The archived ones instead.", required=False)
    ] = False,
) -> TaskFilter:
    return TaskFilter(
        statuses=tuple(status or ()),
        priorities=tuple(priority_of(word) for word in priority or ()),
        projects=tuple(project or ()),
        labels=tuple(label or ()),
        repository_id=repository,
        assignee=_assignee(assignee, actor),
        is_unassigned=assignee == "none",
        parent=TaskRef.of(parent) if parent and parent != "none" else None,
        is_top_level=parent == "none",
        ready_for=actor.id if ready else None,
        words=tuple(tokenise(q or "")),
        is_archived=archived,
    )


class TaskController(Controller):
    path = "/tasks"
    tags = ["Tasks"]
    dependencies = {"tasks": Provide(task_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="listTasks",
        summary="List tasks",
        dependencies={"which": Provide(task_filter, sync_to_thread=False)},
    )
    async def list_tasks(
        self,
        request: Request[Any, Any, Any],
        tasks: TaskService,
        which: TaskFilter,
        sort: Annotated[
            TaskSort,
            QueryParameter(description="`next` is the order in which to take ready tasks."),
        ] = TaskSort.NEWEST,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[TaskPage]:
        page = await tasks.list_tasks(which, sort, cursor, limit)
        items = [TaskSummaryOut.of(task) for task in page.items]
        return paged(request, TaskPage(items=items, next_cursor=page.next_cursor))

    @post(guards=[may("tasks:write")], operation_id="createTask", summary="Create a task")
    async def create(self, data: TaskIn, tasks: TaskService, actor: Actor) -> Response[TaskOut]:
        task = await tasks.create(data.draft(), by=actor)
        return versioned(TaskOut.of(task, actor.id), status=201)

    @get("/{task:str}", guards=[may("tasks:read")], operation_id="getTask", summary="Get a task")
    async def get_task(self, task: TaskPath, tasks: TaskService, actor: Actor) -> Response[TaskOut]:
        return versioned(TaskOut.of(await tasks.get(task), actor.id))

    @patch(
        "/{task:str}",
        guards=[may("tasks:write")],
        operation_id="updateTask",
        summary="Change a task's fields",
    )
    async def update(
        self,
        task: TaskPath,
        data: TaskPatch,
        tasks: TaskService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[TaskOut]:
        updated = await tasks.update(
            task, data.edit(), version=expected_version(if_match), by=actor
        )
        return versioned(TaskOut.of(updated, actor.id))

    @patch(
        "/{task:str}/status",
        guards=[may("tasks:write")],
        operation_id="setTaskStatus",
        summary="Set a task's status",
    )
    async def set_status(
        self,
        task: TaskPath,
        data: StatusIn,
        tasks: TaskService,
        actor: Actor,
        if_match: IfMatch = None,
    ) -> Response[TaskOut]:
        moved = await tasks.set_status(
            task, data.status, version=expected_version(if_match), by=actor
        )
        return versioned(TaskOut.of(moved, actor.id))

    @patch(
        "/{task:str}/position",
        guards=[may("tasks:write")],
        operation_id="moveTask",
        summary="Put a task next to another one on the board",
    )
    async def move(
        self, task: TaskPath, data: PositionIn, tasks: TaskService, actor: Actor
    ) -> Response[TaskOut]:
        moved = await tasks.move(task, after=data.after, before=data.before, by=actor)
        return versioned(TaskOut.of(moved, actor.id))

    @patch(
        "/{task:str}/acceptance/{item_id:uuid}",
        guards=[may("tasks:write")],
        operation_id="setTaskAcceptance",
        summary="Say that an acceptance item is met, or no longer is",
    )
    async def set_acceptance(
        self,
        task: TaskPath,
        item_id: UUID,
        data: AcceptancePatch,
        tasks: TaskService,
        actor: Actor,
    ) -> Response[TaskOut]:
        updated = await tasks.set_acceptance(task, item_id, is_met=data.is_met, by=actor)
        return versioned(TaskOut.of(updated, actor.id))


class LinkController(Controller):
    path = "/tasks/{task:str}/links"
    tags = ["Tasks"]
    dependencies = {"links": Provide(link_service, sync_to_thread=False)}

    @post(
        guards=[may("tasks:write")],
        operation_id="linkTask",
        summary="Relate a task to another one or to a page",
    )
    async def link(
        self, task: TaskPath, data: LinkIn, links: LinkService, actor: Actor
    ) -> Response[TaskOut]:
        linked = await links.link(
            task, data.kind, task=data.task, url=data.url, title=data.title, by=actor
        )
        return versioned(TaskOut.of(linked, actor.id), status=201)

    @delete(
        "/{link_id:uuid}",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="unlinkTask",
        summary="Remove a link",
    )
    async def unlink(
        self, task: TaskPath, link_id: UUID, links: LinkService, actor: Actor
    ) -> Response[TaskOut]:
        unlinked = await links.unlink(task, link_id, by=actor)
        return versioned(TaskOut.of(unlinked, actor.id))


class DependencyController(Controller):
    path = "/tasks/{task:str}/dependencies"
    tags = ["Tasks"]
    dependencies = {"waits": Provide(dependency_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="listTaskDependencies",
        summary="List what a task waits for",
    )
    async def list_dependencies(self, task: TaskPath, waits: DependencyService) -> DependencyPage:
        found = await waits.list_dependencies(task)
        return DependencyPage(items=[TaskBriefOut.of(one) for one in found], next_cursor=None)

    @post(
        guards=[may("tasks:write")],
        operation_id="dependTask",
        summary="Let a task wait for another one",
    )
    async def depend(
        self, task: TaskPath, data: DependencyIn, waits: DependencyService, actor: Actor
    ) -> Response[TaskOut]:
        changed = await waits.depend(task, data.depends_on, by=actor)
        return versioned(TaskOut.of(changed, actor.id), status=201)

    @delete(
        "/{depends_on:str}",
        status_code=HTTP_200_OK,
        guards=[may("tasks:write")],
        operation_id="undependTask",
        summary="Let a task no longer wait for another one",
    )
    async def undepend(
        self, task: TaskPath, depends_on: TaskPath, waits: DependencyService, actor: Actor
    ) -> Response[TaskOut]:
        changed = await waits.undepend(task, depends_on, by=actor)
        return versioned(TaskOut.of(changed, actor.id))


class LabelController(Controller):
    path = "/labels"
    tags = ["Labels"]
    dependencies = {"labels": Provide(label_service, sync_to_thread=False)}

    @get(guards=[may("tasks:read")], operation_id="listLabels", summary="List labels")
    async def list_labels(
        self,
        request: Request[Any, Any, Any],
        labels: LabelService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[LabelPage]:
        page = await labels.list_labels(cursor, limit)
        items = [LabelOut(id=label.id, name=label.name) for label in page.items]
        return paged(request, LabelPage(items=items, next_cursor=page.next_cursor))

    @patch(
        "/{label_id:uuid}",
        guards=[may("labels:write")],
        operation_id="updateLabel",
        summary="Rename a label on all tasks",
    )
    async def update(
        self, label_id: UUID, data: LabelPatch, labels: LabelService, actor: Actor
    ) -> LabelOut:
        label = await labels.update(LabelId(label_id), name=data.name, by=actor)
        return LabelOut(id=label.id, name=label.name)

    @delete(
        "/{label_id:uuid}",
        guards=[may("labels:write")],
        operation_id="removeLabel",
        summary="Take a label off all tasks",
    )
    async def remove(self, label_id: UUID, labels: LabelService, actor: Actor) -> None:
        await labels.remove(LabelId(label_id), by=actor)


def _assignee(text: str | None, actor: Actor) -> ActorId | None:
    match text:
        case None | "none":
            return None
        case "me":
            return actor.id
        case _:
            try:
                return ActorId(UUID(text))
            except ValueError:
                raise Invalid(
                    reason="'assignee' takes an id, 'me' or 'none'.", field="assignee"
                ) from None
