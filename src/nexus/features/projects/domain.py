"""Projects and who may manage them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.features.projects.errors import LastMember, ProjectArchived, ProjectLeadOnly
from nexus.platform.actor import Actor, ActorId, WorkspaceId

ProjectId = NewType("ProjectId", UUID)


class Visibility(StrEnum):
    WORKSPACE = "workspace"
    PRIVATE = "private"


@dataclass(frozen=True, kw_only=True)
class Project:
    id: ProjectId
    workspace_id: WorkspaceId
    key: str
    name: str
    description: str
    lead_id: ActorId
    visibility: Visibility
    last_number: int
    version: int
    created_at: datetime
    archived_at: datetime | None

    def check_managed_by(self, actor: Actor) -> None:
        """Its lead and the workspace's admins change a project; everybody else works in it."""
        if actor.id != self.lead_id and not actor.is_admin:
            raise ProjectLeadOnly(key=self.key)

    def check_open(self) -> None:
        if self.archived_at:
            raise ProjectArchived(key=self.key)

    def check_not_last(self, members: int) -> None:
        """Nobody could ever see a private project without members again."""
        if self.visibility is Visibility.PRIVATE and members == 1:
            raise LastMember(key=self.key)


@dataclass(frozen=True, kw_only=True)
class ProjectMember:
    actor_id: ActorId
    name: str
    handle: str
    is_lead: bool
