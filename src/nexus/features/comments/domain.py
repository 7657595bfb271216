"""Comments and the people they mention."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NewType
from uuid import UUID

from markdown_it import MarkdownIt

from nexus.features.comments.errors import CommentRemoved, NotYourComment
from nexus.features.tasks.domain import TaskId
from nexus.platform.actor import Actor, ActorId, WorkspaceId

CommentId = NewType("CommentId", UUID)

_MARKDOWN = MarkdownIt()
_MENTION = re.compile(r"(?<![\w@/.-])@([a-z0-9](?:-?[a-z0-9])*)(?!\w)", re.IGNORECASE)
MAX_MENTIONS = 50


@dataclass(frozen=True, kw_only=True)
class Author:
    id: ActorId
    name: str
    handle: str


@dataclass(frozen=True, kw_only=True)
class Comment:
    """`body` is Markdown. A removed comment keeps its place, without its text."""

    id: CommentId
    workspace_id: WorkspaceId
    task_id: TaskId
    author: Author
    body: str
    created_at: datetime
    edited_at: datetime | None
    removed_at: datetime | None

    def edited(self, body: str, *, by: Actor, at: datetime) -> "Comment":
        if self.author.id != by.id:
            raise NotYourComment
        if self.removed_at:
            raise CommentRemoved
        return replace(self, body=body, edited_at=at)

    def removed(self, *, by: Actor, at: datetime) -> "Comment":
        if self.author.id != by.id and not by.is_admin:
            raise NotYourComment
        return replace(self, body="", removed_at=at)


def mentioned_handles(body: str) -> list[str]:
    """The handles that a Markdown text calls with @, in their order; none in code or addresses."""
    handles: dict[str, None] = {}
    for block in _MARKDOWN.parse(body):
        for token in block.children or ():
            if token.type == "text":
                handles |= {match.lower(): None for match in _MENTION.findall(token.content)}
    return list(handles)[:MAX_MENTIONS]
