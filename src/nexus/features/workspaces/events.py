"""What happens to workspaces, members and invitations."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from nexus.platform.events import Changes, Event


@dataclass(frozen=True, kw_only=True)
class _WorkspaceEvent(Event):
    subject_field: ClassVar[str] = "workspace_id"

    workspace_id: UUID


@dataclass(frozen=True, kw_only=True)
class WorkspaceCreated(_WorkspaceEvent):
    name: ClassVar[str] = "workspace.created"
    changes_access: ClassVar[bool] = True

    title: str


@dataclass(frozen=True, kw_only=True)
class WorkspaceUpdated(_WorkspaceEvent):
    name: ClassVar[str] = "workspace.updated"
    changes_access: ClassVar[bool] = True

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class _MemberEvent(Event):
    subject_field: ClassVar[str] = "member_id"

    member_id: UUID


@dataclass(frozen=True, kw_only=True)
class MemberJoined(_MemberEvent):
    name: ClassVar[str] = "member.joined"
    changes_access: ClassVar[bool] = True

    role: str


@dataclass(frozen=True, kw_only=True)
class MemberUpdated(_MemberEvent):
    name: ClassVar[str] = "member.updated"
    changes_access: ClassVar[bool] = True

    changes: Changes


@dataclass(frozen=True, kw_only=True)
class MemberRemoved(_MemberEvent):
    name: ClassVar[str] = "member.removed"
    changes_access: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class _InvitationEvent(Event):
    subject_field: ClassVar[str] = "invitation_id"

    invitation_id: UUID


@dataclass(frozen=True, kw_only=True)
class InvitationCreated(_InvitationEvent):
    name: ClassVar[str] = "invitation.created"

    email: str | None
    github_login: str | None
    role: str


@dataclass(frozen=True, kw_only=True)
class InvitationAccepted(_InvitationEvent):
    name: ClassVar[str] = "invitation.accepted"
    changes_access: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class InvitationExpired(_InvitationEvent):
    name: ClassVar[str] = "invitation.expired"


@dataclass(frozen=True, kw_only=True)
class InvitationRevoked(_InvitationEvent):
    name: ClassVar[str] = "invitation.revoked"
