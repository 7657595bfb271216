"""Workspaces, members, invitations, and what keeps a workspace from losing its last owner."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NewType
from uuid import UUID

from nexus.features.workspaces.errors import (
    InvitationNotUsable,
    LastOwner,
    OwnersOnly,
    OwnerWithoutAdmin,
)
from nexus.platform.actor import Actor, ActorId, Role, UserId, WorkspaceId

InvitationId = NewType("InvitationId", UUID)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    id: WorkspaceId
    name: str
    version: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Member:
    """A user in a workspace; the id is the member's actor."""

    id: ActorId
    workspace_id: WorkspaceId
    user_id: UserId
    name: str
    handle: str
    role: Role
    is_owner: bool
    version: int
    joined_at: datetime
    removed_at: datetime | None

    def changed_to(self, role: Role, is_owner: bool, *, by: Actor, owners: int) -> "Member":
        """The member in another role. Only owners make and unmake owners, and one must remain."""
        if is_owner and role is not Role.ADMIN:
            raise OwnerWithoutAdmin
        if is_owner != self.is_owner and not by.is_owner:
            raise OwnersOnly
        if self.is_owner and not is_owner and owners == 1:
            raise LastOwner(name=self.name)
        return replace(self, role=role, is_owner=is_owner, version=self.version + 1)

    def removed(self, *, by: Actor, owners: int, at: datetime) -> "Member":
        if self.is_owner and self.id != by.id and not by.is_owner:
            raise OwnersOnly
        if self.is_owner and owners == 1:
            raise LastOwner(name=self.name)
        return replace(self, removed_at=at, is_owner=False, version=self.version + 1)


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """A place kept for somebody; whoever has the token may take it, once, until it expires."""

    id: InvitationId
    workspace_id: WorkspaceId
    email: str | None
    github_login: str | None
    role: Role
    invited_by: ActorId
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None

    def check_usable(self, at: datetime) -> None:
        if self.accepted_at:
            raise InvitationNotUsable(why="it was accepted already")
        if self.revoked_at:
            raise InvitationNotUsable(why="it was withdrawn")
        if at >= self.expires_at:
            raise InvitationNotUsable(why="it has expired")


@dataclass(frozen=True, kw_only=True)
class NewInvitation:
    """An invitation and its token, which is shown this once."""

    invitation: Invitation
    token: str


_NOT_IN_HANDLES = re.compile(r"[^a-z0-9]+")


def new_handle(name: str, taken: Collection[str]) -> str:
    """What `@mentions` call somebody: from the name, unique in the workspace."""
    plain = unicodedata.normalize("NFKD", name.partition("@")[0]).casefold()
    ascii_only = plain.encode("ascii", "ignore").decode()
    stem = _NOT_IN_HANDLES.sub("-", ascii_only).strip("-")[:40] or "member"
    handle, count = stem, 1
    while handle in taken:
        count += 1
        handle = f"{stem}-{count}"
    return handle
