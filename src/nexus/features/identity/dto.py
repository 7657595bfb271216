"""Accounts and sessions on the wire."""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from nexus.features.identity.domain import Account, Membership, Session
from nexus.platform.actor import Actor, ActorKind, Role
from nexus.platform.fields import Email, Name, Password, Text


class SignInIn(Struct, forbid_unknown_fields=True, frozen=True):
    email: Email
    password: Text


class AccountPatch(Struct, forbid_unknown_fields=True, frozen=True):
    """`current_password` is needed for a new `password`, which ends all other sessions."""

    name: Name | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    current_password: Text | UnsetType = UNSET


class MembershipOut(Struct, frozen=True):
    workspace_id: UUID
    workspace_name: str
    actor_id: UUID
    role: Role
    is_owner: bool

    @classmethod
    def of(cls, membership: Membership) -> "MembershipOut":
        actor = membership.actor
        return cls(
            workspace_id=actor.workspace_id,
            workspace_name=membership.workspace_name,
            actor_id=actor.id,
            role=actor.role or Role.VIEWER,
            is_owner=actor.is_owner,
        )


class UserOut(Struct, frozen=True):
    id: UUID
    email: str
    name: str


class ActorOut(Struct, frozen=True):
    id: UUID
    kind: ActorKind
    name: str
    role: Role | None
    is_owner: bool
    permissions: list[str]

    @classmethod
    def of(cls, actor: Actor) -> "ActorOut":
        return cls(
            id=actor.id,
            kind=actor.kind,
            name=actor.name,
            role=actor.role,
            is_owner=actor.is_owner,
            permissions=sorted(actor.permissions),
        )


class MeOut(Struct, frozen=True):
    """Who the caller is. `user` is null for an agent, `csrf_token` for a key."""

    user: UserOut | None
    workspaces: list[MembershipOut]
    actor: ActorOut | None
    workspace_id: UUID | None
    csrf_token: str | None

    @classmethod
    def of(cls, account: Account | None, actor: Actor | None, csrf_token: str | None) -> "MeOut":
        user = account.user if account else None
        return cls(
            user=UserOut(user.id, user.email, user.name) if user else None,
            workspaces=[MembershipOut.of(m) for m in account.memberships] if account else [],
            actor=ActorOut.of(actor) if actor else None,
            workspace_id=actor.workspace_id if actor else None,
            csrf_token=csrf_token,
        )


class SessionOut(Struct, frozen=True):
    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    is_current: bool

    @classmethod
    def of(cls, session: Session, current: UUID | None) -> "SessionOut":
        return cls(
            id=session.id,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            address=session.address,
            user_agent=session.user_agent,
            is_current=session.id == current,
        )


class SessionPage(Struct, frozen=True):
    items: list[SessionOut]
    next_cursor: str | None


class SignedInOut(Struct, frozen=True):
    """A session's answer; its token travels in the cookie alone."""

    session: SessionOut
    csrf_token: str
