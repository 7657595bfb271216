"""The verbs of comments."""

from collections.abc import Collection, Sequence
from datetime import datetime

from nexus.features.comments.domain import Comment, CommentId, mentioned_handles
from nexus.features.comments.events import CommentRemoved, CommentUpdated, TaskCommented
from nexus.features.comments.repository import CommentRepository
from nexus.features.tasks.domain import TaskId
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.service import TaskService
from nexus.platform.actor import Actor
from nexus.platform.clock import now
from nexus.platform.events import EventLog
from nexus.platform.ids import new_id
from nexus.platform.paging import Page


class CommentService:
    def __init__(
        self,
        comments: CommentRepository,
        tasks: TaskService,
        holds: HoldService,
        events: EventLog,
    ) -> None:
        self._comments = comments
        self._tasks = tasks
        self._holds = holds
        self._events = events

    async def comment(self, task_ref: str, body: str, *, by: Actor) -> Comment:
        """Comment on a task. Whom the text calls with @handle is on record as mentioned."""
        task, by = await self._holds.commented(task_ref, by=by)
        comment = Comment(
            id=CommentId(new_id()),
            workspace_id=by.workspace_id,
            task_id=task.id,
            author=await self._comments.author(by.id),
            body=body,
            created_at=now(),
            edited_at=None,
            removed_at=None,
        )
        mentioned = await self._comments.list_actors(mentioned_handles(body))

        await self._comments.add(comment)
        await self._tasks.index_comment(task.id, body)
        await self._comments.add_mentions(comment.id, mentioned)
        self._events.record(
            TaskCommented(
                task_id=task.id,
                project_id=task.project_id,
                key=task.key,
                comment_id=comment.id,
                mentioned=list(mentioned),
            ),
            by=by,
        )
        return comment

    async def take_in(
        self, said: Sequence[tuple[TaskId, str, datetime | None]], *, by: Actor
    ) -> None:
        """Comments from elsewhere, by whoever imports them; the text says who wrote them.

        They mention nobody, and the import's own event is their record.
        """
        author = await self._comments.author(by.id)
        comments = [
            Comment(
                id=CommentId(new_id()),
                workspace_id=by.workspace_id,
                task_id=task_id,
                author=author,
                body=body,
                created_at=at or now(),
                edited_at=None,
                removed_at=None,
            )
            for task_id, body, at in said
        ]

        for comment in comments:
            await self._comments.add(comment)
            await self._tasks.index_comment(comment.task_id, comment.body)

    async def list_comments(self, task_ref: str, cursor: str | None, limit: int) -> Page[Comment]:
        task = await self._tasks.brief(task_ref)
        return await self._comments.list_page(task.id, cursor, limit)

    async def list_of_tasks(self, task_ids: Collection[TaskId]) -> dict[TaskId, list[Comment]]:
        """The comments of several tasks, oldest first, without those that were removed."""
        found: dict[TaskId, list[Comment]] = {}
        for comment in await self._comments.list_of_tasks(task_ids):
            found.setdefault(comment.task_id, []).append(comment)
        return found

    async def update(
        self, task_ref: str, comment_id: CommentId, body: str, *, by: Actor
    ) -> Comment:
        """Edit one's own comment. The same text again changes nothing."""
        task = await self._tasks.brief(task_ref)
        old = await self._comments.get(comment_id, task.id, lock=True)
        new = old.edited(body, by=by, at=now())
        if new.body == old.body:
            return old

        await self._comments.save(new)
        await self._tasks.index_comments(task.id, await self._comments.list_bodies(task.id))
        mentioned = await self._comments.list_actors(mentioned_handles(body))
        fresh = await self._comments.replace_mentions(new.id, mentioned)
        self._events.record(
            CommentUpdated(
                comment_id=new.id,
                task_id=task.id,
                project_id=task.project_id,
                mentioned=list(fresh),
            ),
            by=by,
        )
        return new

    async def remove(self, task_ref: str, comment_id: CommentId, *, by: Actor) -> None:
        """Blank a comment. Its place, author and time stay."""
        task = await self._tasks.brief(task_ref)
        old = await self._comments.get(comment_id, task.id, lock=True)
        new = old.removed(by=by, at=now())
        if old.removed_at:
            return

        await self._comments.save(new)
        await self._tasks.index_comments(task.id, await self._comments.list_bodies(task.id))
        await self._comments.replace_mentions(new.id, [])
        self._events.record(
            CommentRemoved(comment_id=new.id, task_id=task.id, project_id=task.project_id), by=by
        )
