"""Comments in and out of the database, always within one workspace."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update

from nexus.features.comments.domain import Author, Comment, CommentId
from nexus.features.comments.errors import CommentNotFound
from nexus.features.comments.tables import CommentRow, MentionRow
from nexus.features.tasks.domain import TaskId
from nexus.platform.actor import ActorId
from nexus.platform.database import Transaction
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow


class CommentRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, comment_id: CommentId, task_id: TaskId, *, lock: bool = False) -> Comment:
        query = self._comments([task_id]).where(CommentRow.id == comment_id)
        if lock:
            query = query.with_for_update(key_share=True, of=CommentRow)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise CommentNotFound(id=comment_id)
        return _comment(row)

    async def list_page(self, task_id: TaskId, cursor: str | None, limit: int) -> Page[Comment]:
        """The comments of a task, oldest first."""
        query = self._comments([task_id])
        if cursor:
            (last,) = read_cursor("comments", cursor, tuple[UUID])
            query = query.where(CommentRow.id > last)
        found = await self._tx.execute(query.order_by(CommentRow.id).limit(limit + 1))
        return page_of([_comment(row) for row in found], limit, "comments", lambda c: (c.id,))

    async def list_of_tasks(self, task_ids: Collection[TaskId]) -> Sequence[Comment]:
        """The comments of tasks that were not removed, oldest first."""
        query = self._comments(task_ids).where(CommentRow.removed_at.is_(None))
        return [_comment(row) for row in await self._tx.execute(query.order_by(CommentRow.id))]

    async def list_bodies(self, task_id: TaskId) -> Sequence[str]:
        """The texts of all comments of a task that were not removed, oldest first."""
        found = await self._tx.execute(
            select(CommentRow.body)
            .where(
                CommentRow.workspace_id == self._tx.workspace_id,
                CommentRow.task_id == task_id,
                CommentRow.removed_at.is_(None),
            )
            .order_by(CommentRow.id)
        )
        return found.scalars().all()

    async def add(self, comment: Comment) -> None:
        await self._tx.execute(
            insert(CommentRow).values(
                id=comment.id,
                workspace_id=comment.workspace_id,
                task_id=comment.task_id,
                author_id=comment.author.id,
                body=comment.body,
                created_at=comment.created_at,
                edited_at=None,
                removed_at=None,
            )
        )

    async def save(self, comment: Comment) -> None:
        await self._tx.execute(
            update(CommentRow)
            .where(CommentRow.workspace_id == self._tx.workspace_id, CommentRow.id == comment.id)
            .values(body=comment.body, edited_at=comment.edited_at, removed_at=comment.removed_at)
        )

    async def list_actors(self, handles: Collection[str]) -> Sequence[ActorId]:
        """Those present in the workspace who are called so."""
        if not handles:
            return []
        found = await self._tx.execute(
            select(ActorRow.id)
            .where(
                ActorRow.workspace_id == self._tx.workspace_id,
                ActorRow.handle.in_(handles),
                ActorRow.removed_at.is_(None),
            )
            .order_by(ActorRow.handle)
        )
        return [ActorId(actor_id) for actor_id in found.scalars()]

    async def author(self, actor_id: ActorId) -> Author:
        found = await self._tx.execute(
            select(ActorRow.id, ActorRow.name, ActorRow.handle).where(
                ActorRow.workspace_id == self._tx.workspace_id, ActorRow.id == actor_id
            )
        )
        row = found.one()
        return Author(id=row.id, name=row.name, handle=row.handle)

    async def replace_mentions(
        self, comment_id: CommentId, actor_ids: Collection[ActorId]
    ) -> Sequence[ActorId]:
        """Save who is mentioned; those who were not mentioned before."""
        mine = (
            MentionRow.workspace_id == self._tx.workspace_id,
            MentionRow.comment_id == comment_id,
        )
        gone = await self._tx.execute(
            delete(MentionRow).where(*mine).returning(MentionRow.actor_id)
        )
        before = set(gone.scalars())
        await self.add_mentions(comment_id, actor_ids)
        return [actor_id for actor_id in actor_ids if actor_id not in before]

    async def add_mentions(self, comment_id: CommentId, actor_ids: Collection[ActorId]) -> None:
        if actor_ids:
            await self._tx.execute(
                insert(MentionRow),
                [
                    {
                        "workspace_id": self._tx.workspace_id,
                        "comment_id": comment_id,
                        "actor_id": actor_id,
                    }
                    for actor_id in actor_ids
                ],
            )

    def _comments(self, task_ids: Collection[TaskId]) -> Any:
        return (
            select(CommentRow, ActorRow.name.label("author_name"), ActorRow.handle)
            .join(ActorRow, ActorRow.id == CommentRow.author_id)
            .where(
                CommentRow.workspace_id == self._tx.workspace_id, CommentRow.task_id.in_(task_ids)
            )
        )


def _comment(row: Row[Any]) -> Comment:
    return Comment(
        id=row.id,
        workspace_id=row.workspace_id,
        task_id=row.task_id,
        author=Author(id=row.author_id, name=row.author_name, handle=row.handle),
        body=row.body,
        created_at=row.created_at,
        edited_at=row.edited_at,
        removed_at=row.removed_at,
    )
