"""Projects and who may manage them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from nexus.features.projects.errors import (
    AcceptanceNotYours,
    LastMember,
    ProjectArchived,
    ProjectLeadOnly,
)
from nexus.platform.actor import Actor, ActorId, ActorKind, WorkspaceId

ProjectId = NewType("ProjectId", UUID)


class Visibility(StrEnum):
    WORKSPACE = "workspace"
    PRIVATE = "private"


class Landing(StrEnum):
    """Where submitted work lands."""

    IN_REVIEW = "in_review"
    DONE = "done"


class Acceptors(StrEnum):
    """Who may accept what an agent submits; never the agent itself."""

    PEOPLE = "people"
    LEADS = "leads"
    ADMINS = "admins"
    ANYONE = "anyone"


class EvidenceKind(StrEnum):
    COMMIT = "commit"
    PULL_REQUEST = "pull_request"
    CHECK = "check"
    COMMAND = "command"
    LINK = "link"


class Expansion(StrEnum):
    """Who accepts a proposal to split a task: a person, or nobody needs to."""

    PERSON = "person"
    POLICY = "policy"


@dataclass(frozen=True, kw_only=True)
class WorkPolicy:
    """What it takes to split and to finish a task of a project.

    Each acceptance item needs evidence of one of the kinds in `evidence`; none of it is needed
    where there are no kinds. `leads` are the project's lead and admins.
    """

    landing: Landing = Landing.IN_REVIEW
    acceptors: Acceptors = Acceptors.PEOPLE
    evidence: tuple[EvidenceKind, ...] = tuple(EvidenceKind)
    expansion: Expansion = Expansion.PERSON

    def lets_accept(self, actor: Actor, lead_id: ActorId) -> bool:
        match self.acceptors:
            case Acceptors.ANYONE:
                return True
            case Acceptors.PEOPLE:
                return actor.kind is ActorKind.MEMBER
            case Acceptors.LEADS:
                return actor.is_admin or actor.id == lead_id
            case Acceptors.ADMINS:
                return actor.is_admin


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
    policy: WorkPolicy = WorkPolicy()

    def check_may_accept(self, holder_id: ActorId, holder: str, by: Actor) -> None:
        """Nobody accepts their own work, with whatever key, and the policy names who else may."""
        if by.id == holder_id:
            raise AcceptanceNotYours(who=holder, key=self.key, why="nobody accepts their own work")
        if not self.policy.lets_accept(by, self.lead_id):
            why = f"the policy of {self.key} leaves that to {self.policy.acceptors}"
            raise AcceptanceNotYours(who=holder, key=self.key, why=why)

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
