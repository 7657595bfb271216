"""Comments on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from nexus.features.comments.domain import Author, Comment
from nexus.platform.fields import NO_NUL

Body = Annotated[str, Meta(pattern=NO_NUL, min_length=1, max_length=50_000)]


class CommentIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`body` is Markdown; `@handle` mentions somebody."""

    body: Body


class AuthorOut(Struct, frozen=True):
    id: UUID
    name: str
    handle: str

    @classmethod
    def of(cls, author: Author) -> "AuthorOut":
        return cls(id=author.id, name=author.name, handle=author.handle)


class CommentOut(Struct, frozen=True):
    """A removed comment has an empty `body` and a `removed_at`."""

    id: UUID
    author: AuthorOut
    body: str
    created_at: datetime
    edited_at: datetime | None
    removed_at: datetime | None

    @classmethod
    def of(cls, comment: Comment) -> "CommentOut":
        return cls(
            id=comment.id,
            author=AuthorOut.of(comment.author),
            body=comment.body,
            created_at=comment.created_at,
            edited_at=comment.edited_at,
            removed_at=comment.removed_at,
        )


class CommentPage(Struct, frozen=True):
    items: list[CommentOut]
    next_cursor: str | None
