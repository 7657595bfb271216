"""Workspaces, members and invitations on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from nexus.features.workspaces.domain import Invitation, Member, NewInvitation, Workspace
from nexus.platform.actor import Role
from nexus.platform.fields import Email, Name, Password, Text

GitHubLogin = Annotated[str, Meta(pattern="^[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}$")]


class WorkspaceIn(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name


class WorkspacePatch(Struct, forbid_unknown_fields=True, frozen=True):
    name: Name | UnsetType = UNSET


class WorkspaceOut(Struct, frozen=True):
    id: UUID
    name: str
    version: int
    created_at: datetime

    @classmethod
    def of(cls, workspace: Workspace) -> "WorkspaceOut":
        return cls(
            id=workspace.id,
            name=workspace.name,
            version=workspace.version,
            created_at=workspace.created_at,
        )


class UserIn(Struct, forbid_unknown_fields=True, frozen=True):
    """Whom to invite: by e-mail address, or by GitHub login (a pending member)."""

    email: Email | None = None
    github_login: GitHubLogin | None = None
    role: Role = Role.DEVELOPER


class UserPatch(Struct, forbid_unknown_fields=True, frozen=True):
    role: Role | UnsetType = UNSET
    is_owner: bool | UnsetType = UNSET


class MemberOut(Struct, frozen=True):
    """A member. `id` is the actor: what assignees, authors and events point at."""

    id: UUID
    user_id: UUID
    name: str
    handle: str
    email: str
    role: Role
    is_owner: bool
    version: int
    joined_at: datetime

    @classmethod
    def of(cls, member: Member, email: str) -> "MemberOut":
        return cls(
            id=member.id,
            user_id=member.user_id,
            name=member.name,
            handle=member.handle,
            email=email,
            role=member.role,
            is_owner=member.is_owner,
            version=member.version,
            joined_at=member.joined_at,
        )


class MemberPage(Struct, frozen=True):
    items: list[MemberOut]
    next_cursor: str | None


class InvitationOut(Struct, frozen=True):
    id: UUID
    email: str | None
    github_login: str | None
    role: Role
    invited_by: UUID
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationOut":
        return cls(
            id=invitation.id,
            email=invitation.email,
            github_login=invitation.github_login,
            role=invitation.role,
            invited_by=invitation.invited_by,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )


class NewInvitationOut(Struct, frozen=True):
    """`token` and `link` are shown this once. Whoever has them can join."""

    invitation: InvitationOut
    token: str
    link: str

    @classmethod
    def of(cls, new: NewInvitation, public_url: str) -> "NewInvitationOut":
        return cls(
            invitation=InvitationOut.of(new.invitation),
            token=new.token,
            link=f"{public_url}/join#{new.token}",
        )


class InvitationPage(Struct, frozen=True):
    items: list[InvitationOut]
    next_cursor: str | None


class AcceptanceIn(Struct, forbid_unknown_fields=True, frozen=True):
    """With a session, the token is enough. Without one, the rest makes an account."""

    token: Text
    email: Email | None = None
    name: Name | None = None
    password: Password | None = None


class JoinedOut(Struct, frozen=True):
    workspace_id: UUID
    actor_id: UUID
    role: Role

    @classmethod
    def of(cls, member: Member) -> "JoinedOut":
        return cls(workspace_id=member.workspace_id, actor_id=member.id, role=member.role)
