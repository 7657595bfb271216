"""What happens to repositories."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class _RepositoryEvent(Event):
    subject_field: ClassVar[str] = "repository_id"

    repository_id: UUID


@dataclass(frozen=True, kw_only=True)
class RepositoryCreated(_RepositoryEvent):
    name: ClassVar[str] = "repository.created"

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class RepositoryUpdated(_RepositoryEvent):
    name: ClassVar[str] = "repository.updated"

    changes: Changes
