"""What hangs on tasks, over HTTP: links, dependencies and labels."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import Provide
from litestar.status_codes import HTTP_200_OK

from nexus.features.tasks.dependencies import DependencyService
from nexus.features.tasks.domain import LabelId
from nexus.features.tasks.dto import (
    DependencyIn,
    DependencyPage,
    LabelOut,
    LabelPage,
    LabelPatch,
    LinkIn,
    TaskBriefOut,
    TaskOut,
)
from nexus.features.tasks.labelling import LabelService
from nexus.features.tasks.linking import LinkService
from nexus.features.tasks.wiring import dependency_service, label_service, link_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import CursorParameter, Limit, TaskPath, paged, versioned
from nexus.platform.http.guards import may


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
