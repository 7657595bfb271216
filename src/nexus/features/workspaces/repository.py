"""Workspaces, members and invitations in and out of the database."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from nexus.features.workspaces.domain import Invitation, InvitationId, Member, Workspace
from nexus.features.workspaces.errors import (
    AlreadyMember,
    HandleTaken,
    InvitationNotFound,
    MemberNotFound,
    WorkspaceNotFound,
)
from nexus.features.workspaces.tables import InvitationRow
from nexus.platform.actor import ActorId, ActorKind, Role, UserId, WorkspaceId
from nexus.platform.database import Transaction, violated_constraint
from nexus.platform.paging import Page, page_of, read_cursor
from nexus.platform.rows import ActorRow, WorkspaceRow


class WorkspaceRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, workspace_id: WorkspaceId, *, lock: bool = False) -> Workspace:
        query = select(WorkspaceRow).where(
            WorkspaceRow.id == workspace_id, WorkspaceRow.id == self._tx.workspace_id
        )
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise WorkspaceNotFound(id=workspace_id)
        return Workspace(id=row.id, name=row.name, version=row.version, created_at=row.created_at)

    async def count_all(self) -> int:
        """All workspaces of the server; for its first start."""
        found = await self._tx.execute(select(func.count()).select_from(WorkspaceRow))
        return found.scalar_one()

    async def add(self, workspace: Workspace) -> None:
        await self._tx.execute(
            insert(WorkspaceRow).values(
                id=workspace.id,
                name=workspace.name,
                version=workspace.version,
                created_at=workspace.created_at,
            )
        )

    async def save(self, workspace: Workspace) -> None:
        await self._tx.execute(
            update(WorkspaceRow)
            .where(WorkspaceRow.id == workspace.id)
            .values(name=workspace.name, version=workspace.version)
        )


class MemberRepository:
    """Members of one workspace: named, since people join ones that they are not yet in."""

    def __init__(self, tx: Transaction, workspace_id: WorkspaceId) -> None:
        self._tx = tx
        self._workspace_id = workspace_id

    async def get(self, member_id: ActorId) -> Member:
        query = self._members().where(ActorRow.id == member_id)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise MemberNotFound(id=member_id)
        return _member(row)

    async def get_with_owners(self, member_id: ActorId) -> tuple[Member, int]:
        """A member and the number of owners, locked so that the number stays true."""
        query = (
            self._members()
            .where((ActorRow.id == member_id) | ActorRow.is_owner)
            .order_by(ActorRow.id)
            .with_for_update(key_share=True)
        )
        members = [_member(row) for row in await self._tx.execute(query)]
        member = next((m for m in members if m.id == member_id), None)
        if member is None:
            raise MemberNotFound(id=member_id)
        return member, sum(m.is_owner for m in members)

    async def find_by_user(self, user_id: UserId) -> Member | None:
        """The member that this user is, or was: a removed one comes back as the same actor."""
        query = select(ActorRow).where(
            ActorRow.workspace_id == self._workspace_id, ActorRow.user_id == user_id
        )
        row = (await self._tx.execute(query)).first()
        return _member(row) if row else None

    async def list_page(self, cursor: str | None, limit: int) -> Page[Member]:
        query = self._members().order_by(ActorRow.handle, ActorRow.id).limit(limit + 1)
        if cursor:
            handle, last = read_cursor("members", cursor, tuple[str, UUID])
            query = query.where(tuple_(ActorRow.handle, ActorRow.id) > tuple_(handle, last))
        members = [_member(row) for row in await self._tx.execute(query)]
        return page_of(members, limit, "members", lambda m: (m.handle, m.id))

    async def list_handles(self, like: str) -> Collection[str]:
        found = await self._tx.execute(
            select(ActorRow.handle).where(
                ActorRow.workspace_id == self._workspace_id,
                ActorRow.handle.startswith(like, autoescape=True),
            )
        )
        return set(found.scalars())

    async def add(self, member: Member) -> None:
        """Raises AlreadyMember or HandleTaken where somebody else was quicker."""
        try:
            await self._insert(member)
        except IntegrityError as error:
            if "handle" in violated_constraint(error):
                raise HandleTaken(handle=member.handle) from error
            raise AlreadyMember(who=member.name) from error

    async def _insert(self, member: Member) -> None:
        await self._tx.execute(
            insert(ActorRow).values(
                id=member.id,
                workspace_id=member.workspace_id,
                kind=ActorKind.MEMBER.value,
                name=member.name,
                handle=member.handle,
                user_id=member.user_id,
                role=member.role.value,
                is_owner=member.is_owner,
                version=member.version,
                created_at=member.joined_at,
                removed_at=member.removed_at,
            )
        )

    async def save(self, member: Member) -> None:
        await self._tx.execute(
            update(ActorRow)
            .where(ActorRow.workspace_id == self._workspace_id, ActorRow.id == member.id)
            .values(
                role=member.role.value,
                is_owner=member.is_owner,
                version=member.version,
                created_at=member.joined_at,
                removed_at=member.removed_at,
            )
        )

    def _members(self) -> Select[Any]:
        return select(ActorRow).where(
            ActorRow.workspace_id == self._workspace_id,
            ActorRow.kind == ActorKind.MEMBER.value,
            ActorRow.removed_at.is_(None),
        )


class InvitationRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, invitation_id: InvitationId, *, lock: bool = False) -> Invitation:
        query = select(InvitationRow).where(
            InvitationRow.workspace_id == self._tx.workspace_id, InvitationRow.id == invitation_id
        )
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        if row is None:
            raise InvitationNotFound
        return _invitation(row)

    async def get_by_digest(self, digest: str) -> Invitation:
        """By its token, whatever the workspace: who accepts is in none yet."""
        query = select(InvitationRow).where(InvitationRow.token_digest == digest)
        row = (await self._tx.execute(query.with_for_update(key_share=True))).first()
        if row is None:
            raise InvitationNotFound
        return _invitation(row)

    async def list_open(self, cursor: str | None, limit: int) -> Page[Invitation]:
        """Neither accepted nor withdrawn, newest first; expired ones too, so they can be seen."""
        query = (
            select(InvitationRow)
            .where(
                InvitationRow.workspace_id == self._tx.workspace_id,
                InvitationRow.accepted_at.is_(None),
                InvitationRow.revoked_at.is_(None),
            )
            .order_by(InvitationRow.id.desc())
            .limit(limit + 1)
        )
        if cursor:
            (last,) = read_cursor("invitations", cursor, tuple[UUID])
            query = query.where(InvitationRow.id < last)
        found = [_invitation(row) for row in await self._tx.execute(query)]
        return page_of(found, limit, "invitations", lambda i: (i.id,))

    async def add(self, invitation: Invitation, digest: str) -> None:
        await self._tx.execute(
            insert(InvitationRow).values(
                id=invitation.id,
                workspace_id=invitation.workspace_id,
                email=invitation.email,
                github_login=invitation.github_login,
                role=invitation.role.value,
                invited_by=invitation.invited_by,
                token_digest=digest,
                created_at=invitation.created_at,
                expires_at=invitation.expires_at,
                accepted_at=None,
                revoked_at=None,
            )
        )

    async def end_expired(self, at: datetime, limit: int) -> list[Invitation]:
        """Withdraw open invitations of all workspaces that have expired; which those are."""
        expired = (
            select(InvitationRow.id)
            .where(
                InvitationRow.accepted_at.is_(None),
                InvitationRow.revoked_at.is_(None),
                InvitationRow.expires_at <= at,
            )
            .limit(limit)
        )
        ended = await self._tx.execute(
            update(InvitationRow)
            .where(InvitationRow.id.in_(expired), InvitationRow.revoked_at.is_(None))
            .values(revoked_at=at)
            .returning(InvitationRow)
        )
        return [_invitation(row) for row in ended]

    async def save(self, invitation: Invitation) -> None:
        await self._tx.execute(
            update(InvitationRow)
            .where(
                InvitationRow.workspace_id == invitation.workspace_id,
                InvitationRow.id == invitation.id,
            )
            .values(accepted_at=invitation.accepted_at, revoked_at=invitation.revoked_at)
        )


def _member(row: Row[Any]) -> Member:
    return Member(
        id=row.id,
        workspace_id=row.workspace_id,
        user_id=row.user_id,
        name=row.name,
        handle=row.handle,
        role=Role(row.role),
        is_owner=row.is_owner,
        version=row.version,
        joined_at=row.created_at,
        removed_at=row.removed_at,
    )


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        workspace_id=row.workspace_id,
        email=row.email,
        github_login=row.github_login,
        role=Role(row.role),
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        accepted_at=row.accepted_at,
        revoked_at=row.revoked_at,
    )
