"""A code repository, as far as a backlog needs to know it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.platform.actor import WorkspaceId

RepositoryId = NewType("RepositoryId", UUID)


class Provider(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Repository:
    id: RepositoryId
    workspace_id: WorkspaceId
    name: str
    url: str
    provider: Provider
    default_branch: str
    version: int
    created_at: datetime
    archived_at: datetime | None
