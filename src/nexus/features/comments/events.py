"""What happens to comments."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Event


@dataclass(frozen=True, kw_only=True)
class TaskCommented(Event):
    name: ClassVar[str] = "task.commented"
    subject_field: ClassVar[str] = "task_id"

    task_id: UUID
    project_id: UUID
    key: str
    comment_id: UUID
    mentioned: list[UUID]


@dataclass(frozen=True, kw_only=True)
class _CommentEvent(Event):
    subject_field: ClassVar[str] = "comment_id"

    comment_id: UUID
    task_id: UUID
    project_id: UUID


@dataclass(frozen=True, kw_only=True)
class CommentUpdated(_CommentEvent):
    """`mentioned` are those whom the text did not mention before."""

    name: ClassVar[str] = "comment.updated"

    mentioned: list[UUID]


@dataclass(frozen=True, kw_only=True)
class CommentRemoved(_CommentEvent):
    name: ClassVar[str] = "comment.removed"
