"""Comments over HTTP."""

from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import Provide

from nexus.features.comments.domain import CommentId
from nexus.features.comments.dto import CommentIn, CommentOut, CommentPage
from nexus.features.comments.service import CommentService
from nexus.features.comments.wiring import comment_service
from nexus.platform.actor import Actor
from nexus.platform.http.answers import CursorParameter, Limit, TaskPath, paged
from nexus.platform.http.guards import may


class CommentController(Controller):
    path = "/tasks/{task:str}/comments"
    tags = ["Comments"]
    dependencies = {"comments": Provide(comment_service, sync_to_thread=False)}

    @get(
        guards=[may("tasks:read")],
        operation_id="listTaskComments",
        summary="List a task's comments, oldest first",
    )
    async def list_comments(
        self,
        task: TaskPath,
        request: Request[Any, Any, Any],
        comments: CommentService,
        cursor: CursorParameter = None,
        limit: Limit = 50,
    ) -> Response[CommentPage]:
        page = await comments.list_comments(task, cursor, limit)
        items = [CommentOut.of(comment) for comment in page.items]
        return paged(request, CommentPage(items=items, next_cursor=page.next_cursor))

    @post(
        guards=[may("comments:write")],
        operation_id="commentTask",
        summary="Comment on a task",
    )
    async def comment(
        self, task: TaskPath, data: CommentIn, comments: CommentService, actor: Actor
    ) -> CommentOut:
        return CommentOut.of(await comments.comment(task, data.body, by=actor))

    @patch(
        "/{comment_id:uuid}",
        guards=[may("comments:write")],
        operation_id="updateComment",
        summary="Edit a comment of yours",
    )
    async def update(
        self,
        task: TaskPath,
        comment_id: UUID,
        data: CommentIn,
        comments: CommentService,
        actor: Actor,
    ) -> CommentOut:
        updated = await comments.update(task, CommentId(comment_id), data.body, by=actor)
        return CommentOut.of(updated)

    @delete(
        "/{comment_id:uuid}",
        guards=[may("comments:write")],
        operation_id="removeComment",
        summary="Remove a comment: its text, not its place",
    )
    async def remove(
        self, task: TaskPath, comment_id: UUID, comments: CommentService, actor: Actor
    ) -> None:
        await comments.remove(task, CommentId(comment_id), by=actor)
