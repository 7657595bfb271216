"""Projects on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from nexus.features.projects.domain import (
    Acceptors,
    EvidenceKind,
    Expansion,
    Landing,
    Project,
    ProjectMember,
    Visibility,
    WorkPolicy,
)
from nexus.features.repositories.domain import Repository
from nexus.platform.fields import NO_NUL, Name, ProjectKey

Description = Annotated[str, Meta(pattern=NO_NUL, max_length=20_000)]


class ProjectIn(Struct, forbid_unknown_fields=True, frozen=True):
    """`lead_id` null: you."""

    key: ProjectKey
    name: Name
    description: Description = ""
    visibility: Visibility = Visibility.WORKSPACE
    lead_id: UUID | None = None


class ProjectPatch(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    visibility: Visibility | UnsetType = UNSET
    lead_id: UUID | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class PolicyIn(Struct, forbid_unknown_fields=True, frozen=True):
    """What it takes to split and to finish a task. What is left out is as in a new project.

    `landing`: where submitted work lands. `acceptors`: who may accept it, never its agent;
    `leads` are the project's lead and admins. `evidence`: each acceptance item needs some of one
    of these kinds; with none of them, none is needed. `expansion`: whether a person accepts
    proposals to split tasks, or they are accepted by this policy as they come.
    """

    landing: Landing = Landing.IN_REVIEW
    acceptors: Acceptors = Acceptors.PEOPLE
    evidence: Annotated[list[EvidenceKind], Meta(max_length=5)] = field(
        default_factory=lambda: list(EvidenceKind)
    )
    expansion: Expansion = Expansion.PERSON

    def policy(self) -> WorkPolicy:
        kinds = tuple(kind for kind in EvidenceKind if kind in self.evidence)
        return WorkPolicy(
            landing=self.landing,
            acceptors=self.acceptors,
            evidence=kinds,
            expansion=self.expansion,
        )


class PolicyOut(Struct, frozen=True):
    landing: Landing
    acceptors: Acceptors
    evidence: list[EvidenceKind]
    expansion: Expansion

    @classmethod
    def of(cls, policy: WorkPolicy) -> "PolicyOut":
        return cls(
            landing=policy.landing,
            acceptors=policy.acceptors,
            evidence=list(policy.evidence),
            expansion=policy.expansion,
        )


class ProjectOut(Struct, frozen=True):
    id: UUID
    key: str
    name: str
    description: str
    lead_id: UUID
    visibility: Visibility
    policy: PolicyOut
    version: int
    created_at: datetime
    archived_at: datetime | None

    @classmethod
    def of(cls, project: Project) -> "ProjectOut":
        return cls(
            id=project.id,
            key=project.key,
            name=project.name,
            description=project.description,
            lead_id=project.lead_id,
            visibility=project.visibility,
            policy=PolicyOut.of(project.policy),
            version=project.version,
            created_at=project.created_at,
            archived_at=project.archived_at,
        )


class ProjectPage(Struct, frozen=True):
    items: list[ProjectOut]
    next_cursor: str | None


class ProjectMemberOut(Struct, frozen=True):
    id: UUID
    name: str
    handle: str
    is_lead: bool

    @classmethod
    def of(cls, member: ProjectMember) -> "ProjectMemberOut":
        return cls(
            id=member.actor_id, name=member.name, handle=member.handle, is_lead=member.is_lead
        )


class ProjectMemberPage(Struct, frozen=True):
    items: list[ProjectMemberOut]
    next_cursor: str | None


class ProjectRepositoryOut(Struct, frozen=True):
    id: UUID
    name: str
    url: str

    @classmethod
    def of(cls, repository: Repository) -> "ProjectRepositoryOut":
        return cls(id=repository.id, name=repository.name, url=repository.url)


class ProjectRepositoryPage(Struct, frozen=True):
    items: list[ProjectRepositoryOut]
    next_cursor: str | None
