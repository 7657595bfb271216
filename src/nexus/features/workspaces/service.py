"""The verbs of workspaces, members and invitations."""

from dataclasses import dataclass, replace
from datetime import timedelta

from nexus.features.identity.domain import User
from nexus.features.identity.service import UserService, hash_password
from nexus.features.tasks.holding import HoldService
from nexus.features.tasks.holds import Ending, RunState
from nexus.features.workspaces.domain import (
    Invitation,
    InvitationId,
    Member,
    NewInvitation,
    Workspace,
    new_handle,
)
from nexus.features.workspaces.errors import (
    AlreadyMember,
    InvitationAddressee,
    InvitationNeedsAccount,
    InvitationSignInFirst,
    WorkspaceCreationClosed,
)
from nexus.features.workspaces.events import (
    InvitationAccepted,
    InvitationCreated,
    InvitationExpired,
    InvitationRevoked,
    MemberJoined,
    MemberRemoved,
    MemberUpdated,
    WorkspaceCreated,
    WorkspaceUpdated,
)
from nexus.features.workspaces.repository import (
    InvitationRepository,
    MemberRepository,
    WorkspaceRepository,
)
from nexus.platform.actor import (
    ROLE_PERMISSIONS,
    Actor,
    ActorId,
    ActorKind,
    Role,
    UserId,
    WorkspaceId,
)
from nexus.platform.clock import now
from nexus.platform.database import Transaction
from nexus.platform.errors import NotAllowed, Stale
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import folded, tidy
from nexus.platform.ids import new_id
from nexus.platform.paging import Page
from nexus.platform.secrets import digest, new_secret


@dataclass(frozen=True, kw_only=True)
class MemberWithUser:
    member: Member
    user: User


class WorkspaceService:
    def __init__(self, tx: Transaction, workspaces: WorkspaceRepository, events: EventLog) -> None:
        self._tx = tx
        self._workspaces = workspaces
        self._events = events

    async def create(self, name: str, owner: User, *, is_open: bool = True) -> Actor:
        """A workspace with its first owner, who is returned as the actor there."""
        if not is_open:
            raise WorkspaceCreationClosed(permission="workspaces:create")
        workspace = Workspace(
            id=WorkspaceId(new_id()), name=tidy(name), version=1, created_at=now()
        )
        await self._workspaces.add(workspace)
        members = MemberRepository(self._tx, workspace.id)
        member = await join(members, workspace.id, owner, Role.ADMIN, is_owner=True)

        actor = _actor(member)
        self._events.record(
            WorkspaceCreated(workspace_id=workspace.id, title=workspace.name), by=actor
        )
        self._events.record(MemberJoined(member_id=member.id, role=Role.ADMIN), by=actor)
        return actor

    async def get(self, workspace_id: WorkspaceId) -> Workspace:
        return await self._workspaces.get(workspace_id)

    async def update(
        self, workspace_id: WorkspaceId, *, name: str, version: int | None, by: Actor
    ) -> Workspace:
        old = await self._workspaces.get(workspace_id, lock=True)
        if version not in {None, old.version}:
            raise Stale(what="workspace", current=old.version, given=version)
        new = replace(old, name=tidy(name), version=old.version + 1)
        changes = changes_between(old, new, "name")
        if not changes:
            return old

        await self._workspaces.save(new)
        self._events.record(WorkspaceUpdated(workspace_id=new.id, changes=changes), by=by)
        return new

    async def is_first(self) -> bool:
        """Whether this server has no workspace yet."""
        return await self._workspaces.count_all() == 0


class MemberService:
    def __init__(
        self,
        members: MemberRepository,
        users: UserService,
        holds: HoldService,
        events: EventLog,
    ) -> None:
        self._members = members
        self._users = users
        self._holds = holds
        self._events = events

    async def list_members(self, cursor: str | None, limit: int) -> Page[MemberWithUser]:
        page = await self._members.list_page(cursor, limit)
        users = await self._users.list_by_ids([member.user_id for member in page.items])
        return page.of(lambda member: MemberWithUser(member=member, user=users[member.user_id]))

    async def get(self, member_id: ActorId) -> MemberWithUser:
        return await self._with_user(await self._members.get(member_id))

    async def update(
        self,
        member_id: ActorId,
        *,
        role: Role | None,
        is_owner: bool | None,
        version: int | None,
        by: Actor,
    ) -> MemberWithUser:
        old, owners = await self._members.get_with_owners(member_id)
        if version not in {None, old.version}:
            raise Stale(what="member", current=old.version, given=version)
        new = old.changed_to(
            old.role if role is None else role,
            old.is_owner if is_owner is None else is_owner,
            by=by,
            owners=owners,
        )
        changes = changes_between(old, new, "role", "is_owner")
        if not changes:
            return await self._with_user(old)

        await self._members.save(new)
        self._events.record(MemberUpdated(member_id=new.id, changes=changes), by=by)
        return await self._with_user(new)

    async def remove(self, member_id: ActorId, *, by: Actor) -> None:
        """Remove a member, or leave: everybody may leave, only admins remove others.

        What they hold is free.
        """
        if member_id != by.id and not by.is_admin:
            raise NotAllowed(permission="users:write")
        old, owners = await self._members.get_with_owners(member_id)

        gone = old.removed(by=by, owners=owners, at=now())

        ending = Ending(state=RunState.RELEASED, reason=f"{old.name} left the workspace.")
        await self._holds.free_held_by(old.id, ending, by=by)
        await self._members.save(gone)
        self._events.record(MemberRemoved(member_id=old.id), by=by)

    async def _with_user(self, member: Member) -> MemberWithUser:
        users = await self._users.list_by_ids([member.user_id])
        return MemberWithUser(member=member, user=users[member.user_id])


class InvitationService:
    def __init__(
        self,
        tx: Transaction,
        invitations: InvitationRepository,
        users: UserService,
        events: EventLog,
        *,
        lifetime: timedelta,
    ) -> None:
        self._tx = tx
        self._invitations = invitations
        self._users = users
        self._events = events
        self._lifetime = lifetime

    async def expire(self, limit: int) -> int:
        """End the open invitations of all workspaces whose time is over; how many there were."""
        ended = await self._invitations.end_expired(now(), limit)
        for one in ended:
            self._events.record_by_system(
                InvitationExpired(invitation_id=one.id), workspace_id=one.workspace_id
            )
        return len(ended)

    async def invite(
        self, *, email: str | None, github_login: str | None, role: Role, by: Actor
    ) -> NewInvitation:
        if (email is None) == (github_login is None):
            raise InvitationAddressee
        if email and await self._member_with(email, by.workspace_id):
            raise AlreadyMember(who=email)
        at = now()
        token = new_secret()
        invitation = Invitation(
            id=InvitationId(new_id()),
            workspace_id=by.workspace_id,
            email=email.strip() if email else None,
            github_login=github_login,
            role=role,
            invited_by=by.id,
            created_at=at,
            expires_at=at + self._lifetime,
            accepted_at=None,
            revoked_at=None,
        )

        await self._invitations.add(invitation, digest(token))
        self._events.record(
            InvitationCreated(
                invitation_id=invitation.id,
                email=invitation.email,
                github_login=github_login,
                role=role,
            ),
            by=by,
        )
        return NewInvitation(invitation=invitation, token=token)

    async def list_invitations(self, cursor: str | None, limit: int) -> Page[Invitation]:
        return await self._invitations.list_open(cursor, limit)

    async def revoke(self, invitation_id: InvitationId, *, by: Actor) -> None:
        """Withdraw an invitation. Withdrawing a withdrawn one changes nothing."""
        invitation = await self._invitations.get(invitation_id, lock=True)
        if invitation.revoked_at:
            return
        invitation.check_usable(invitation.created_at)

        await self._invitations.save(replace(invitation, revoked_at=now()))
        self._events.record(InvitationRevoked(invitation_id=invitation.id), by=by)

    async def accept(
        self,
        token: str,
        *,
        email: str | None,
        name: str | None,
        password: str | None,
        signed_in: UserId | None,
    ) -> Member:
        """Take the place an invitation keeps: as the signed-in user, or with a new account."""
        hashed = await hash_password(password) if password else None  # before the lock is taken
        invitation = await self._invitations.get_by_digest(digest(token))
        at = now()
        invitation.check_usable(at)
        user = await self._accepting_user(invitation, email, name, hashed, signed_in)

        members = MemberRepository(self._tx, invitation.workspace_id)
        member = await join(members, invitation.workspace_id, user, invitation.role)
        await self._invitations.save(replace(invitation, accepted_at=at))

        actor = _actor(member)
        self._events.record(InvitationAccepted(invitation_id=invitation.id), by=actor)
        self._events.record(MemberJoined(member_id=member.id, role=member.role), by=actor)
        return member

    async def _accepting_user(
        self,
        invitation: Invitation,
        email: str | None,
        name: str | None,
        password_hash: str | None,
        signed_in: UserId | None,
    ) -> User:
        address = invitation.email or email
        user = await self._users.find(signed_in) if signed_in else None
        if user and (invitation.email is None or folded(user.email) == folded(invitation.email)):
            return user
        if address is None:
            raise InvitationNeedsAccount(missing="'email'", field="email")
        if await self._users.find_by_email(address):
            raise InvitationSignInFirst(email=address)
        if name is None or password_hash is None:
            missing = "'name'" if name is None else "'password'"
            raise InvitationNeedsAccount(missing=missing, field=missing.strip("'"))
        return await self._users.register(address, name, password_hash)

    async def _member_with(self, email: str, workspace_id: WorkspaceId) -> bool:
        user = await self._users.find_by_email(email)
        members = MemberRepository(self._tx, workspace_id)
        member = await members.find_by_user(user.id) if user else None
        return member is not None and member.removed_at is None


async def join(
    members: MemberRepository,
    workspace_id: WorkspaceId,
    user: User,
    role: Role,
    *,
    is_owner: bool = False,
) -> Member:
    known = await members.find_by_user(user.id)
    if known and known.removed_at is None:
        raise AlreadyMember(who=user.name)
    if known:
        back = replace(
            known,
            role=role,
            is_owner=is_owner,
            joined_at=now(),
            removed_at=None,
            version=known.version + 1,
        )
        await members.save(back)
        return back
    stem = new_handle(user.name, ())
    member = Member(
        id=ActorId(new_id()),
        workspace_id=workspace_id,
        user_id=user.id,
        name=user.name,
        handle=new_handle(stem, await members.list_handles(stem)),
        role=role,
        is_owner=is_owner,
        version=1,
        joined_at=now(),
        removed_at=None,
    )
    await members.add(member)
    return member


def _actor(member: Member) -> Actor:
    return Actor(
        id=member.id,
        workspace_id=member.workspace_id,
        kind=ActorKind.MEMBER,
        name=member.name,
        role=member.role,
        is_owner=member.is_owner,
        user_id=member.user_id,
        permissions=ROLE_PERMISSIONS[member.role],
    )
