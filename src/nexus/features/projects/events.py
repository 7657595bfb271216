"""What happens to projects."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class _ProjectEvent(Event):
    subject_field: ClassVar[str] = "project_id"

    project_id: UUID


@dataclass(frozen=True, kw_only=True)
class ProjectCreated(_ProjectEvent):
    name: ClassVar[str] = "project.created"

    key: str
    title: str
    visibility: str


@dataclass(frozen=True, kw_only=True)
class ProjectUpdated(_ProjectEvent):
    name: ClassVar[str] = "project.updated"

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class ProjectPolicyChanged(_ProjectEvent):
    """What it takes to finish a task of it."""

    name: ClassVar[str] = "project.policy_changed"

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class ProjectMemberAdded(_ProjectEvent):
    name: ClassVar[str] = "project.member_added"

    member_id: UUID


@dataclass(frozen=True, kw_only=True)
class ProjectMemberRemoved(_ProjectEvent):
    name: ClassVar[str] = "project.member_removed"

    member_id: UUID


@dataclass(frozen=True, kw_only=True)
class ProjectRepositoryAdded(_ProjectEvent):
    name: ClassVar[str] = "project.repository_added"

    repository_id: UUID


@dataclass(frozen=True, kw_only=True)
class ProjectRepositoryRemoved(_ProjectEvent):
    name: ClassVar[str] = "project.repository_removed"

    repository_id: UUID
