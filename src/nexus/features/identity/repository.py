"""Users and sessions in and out of the database; they live above the workspaces."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from nexus.features.identity.domain import Membership, Session, SessionId, User
from nexus.features.identity.errors import EmailTaken, SessionNotFound
from nexus.features.identity.tables import SessionRow, UserRow
from nexus.platform.actor import Actor, UserId, WorkspaceId
from nexus.platform.actors import JOINED, joined_actor_columns, member_actor
from nexus.platform.database import Transaction
from nexus.platform.fields import folded
from nexus.platform.rows import ActorRow, WorkspaceRow


class UserRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def find(self, user_id: UserId, *, lock: bool = False) -> User | None:
        query = select(UserRow).where(UserRow.id == user_id)
        if lock:
            query = query.with_for_update(key_share=True)
        row = (await self._tx.execute(query)).first()
        return _user(row) if row else None

    async def find_by_email(self, email: str) -> User | None:
        found = await self._tx.execute(select(UserRow).where(UserRow.email_key == folded(email)))
        row = found.first()
        return _user(row) if row else None

    async def list_by_ids(self, user_ids: Sequence[UserId]) -> Sequence[User]:
        found = await self._tx.execute(select(UserRow).where(UserRow.id.in_(user_ids)))
        return [_user(row) for row in found]

    async def add(self, user: User) -> None:
        try:
            await self._tx.execute(
                insert(UserRow).values(
                    id=user.id,
                    email=user.email,
                    email_key=folded(user.email),
                    name=user.name,
                    password_hash=user.password_hash,
                    created_at=user.created_at,
                )
            )
        except IntegrityError as error:
            raise EmailTaken(email=user.email) from error

    async def save(self, user: User) -> None:
        await self._tx.execute(update(UserRow).where(UserRow.id == user.id).values(name=user.name))

    async def save_password(self, user_id: UserId, password_hash: str) -> None:
        await self._tx.execute(
            update(UserRow).where(UserRow.id == user_id).values(password_hash=password_hash)
        )

    async def rename_members(self, user_id: UserId, name: str) -> None:
        """The name that others see, in every workspace."""
        await self._tx.execute(
            update(ActorRow)
            .where(ActorRow.user_id == user_id)
            .values(name=name, version=ActorRow.version + 1)
        )

    async def list_memberships(self, user_id: UserId) -> Sequence[Membership]:
        """The workspaces of a user, in the order in which they joined them."""
        found = await self._tx.execute(
            select(ActorRow, WorkspaceRow.name.label("workspace_name"))
            .join(WorkspaceRow, WorkspaceRow.id == ActorRow.workspace_id)
            .where(ActorRow.user_id == user_id, ActorRow.removed_at.is_(None))
            .order_by(ActorRow.created_at, ActorRow.id)
        )
        return [
            Membership(workspace_name=row.workspace_name, actor=member_actor(row)) for row in found
        ]

    async def let_go(self) -> None:
        """Hold no connection while a password is being checked."""
        await self._tx.let_go()


class SessionRepository:
    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def find_by_digest(
        self, digest: str, workspace_id: WorkspaceId | None
    ) -> tuple[Session, Sequence[Actor]] | None:
        """A session and who its user is: in the named workspace, or in the first two of all."""
        member = (ActorRow.user_id == SessionRow.user_id) & ActorRow.removed_at.is_(None)
        if workspace_id:
            member &= ActorRow.workspace_id == workspace_id
        found = await self._tx.execute(
            select(
                SessionRow,
                *joined_actor_columns(),
            )
            .outerjoin(ActorRow, member)
            .where(SessionRow.token_digest == digest)
            .limit(2)
        )
        rows = found.all()
        if not rows:
            return None
        actors = [member_actor(row, prefix=JOINED) for row in rows if row.who_id]
        return _session(rows[0]), actors

    async def get(self, session_id: SessionId, user_id: UserId) -> Session:
        found = await self._tx.execute(
            select(SessionRow).where(SessionRow.id == session_id, SessionRow.user_id == user_id)
        )
        row = found.first()
        if row is None:
            raise SessionNotFound(id=session_id)
        return _session(row)

    async def list_of(self, user_id: UserId) -> Sequence[Session]:
        """The sessions that were not revoked, last used first; at most 200."""
        found = await self._tx.execute(
            select(SessionRow)
            .where(SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None))
            .order_by(SessionRow.last_used_at.desc(), SessionRow.id)
            .limit(200)
        )
        return [_session(row) for row in found]

    async def add(self, session: Session, digest: str) -> None:
        await self._tx.execute(
            insert(SessionRow).values(
                id=session.id,
                user_id=session.user_id,
                token_digest=digest,
                created_at=session.created_at,
                last_used_at=session.last_used_at,
                lifetime_s=int(session.lifetime.total_seconds()),
                address=session.address,
                user_agent=session.user_agent,
                revoked_at=None,
            )
        )

    async def revoke(self, session_id: SessionId, at: datetime) -> None:
        await self._tx.execute(
            update(SessionRow).where(SessionRow.id == session_id).values(revoked_at=at)
        )

    async def revoke_others(self, user_id: UserId, kept: UUID | None, at: datetime) -> None:
        await self._tx.execute(
            update(SessionRow)
            .where(
                SessionRow.user_id == user_id,
                SessionRow.revoked_at.is_(None),
                SessionRow.id != kept,
            )
            .values(revoked_at=at)
        )

    async def remove_ended(self, before: datetime, limit: int) -> int:
        """Forget sessions that had ended by then; how many there were."""
        old = await self._tx.execute(
            select(SessionRow)
            .where(or_(SessionRow.revoked_at < before, SessionRow.last_used_at < before))
            .order_by(SessionRow.last_used_at)
            .limit(limit)
        )
        ended = [session.id for session in map(_session, old) if not session.is_live(before)]
        if ended:
            await self._tx.execute(delete(SessionRow).where(SessionRow.id.in_(ended)))
        return len(ended)

    async def save_last_use(self, seen: Mapping[UUID, datetime]) -> None:
        await self._tx.execute(
            update(SessionRow)
            .where(SessionRow.id == bindparam("session"))
            .values(last_used_at=bindparam("at")),
            [{"session": session, "at": at} for session, at in seen.items()],
        )


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        password_hash=row.password_hash,
        created_at=row.created_at,
    )


def _session(row: Row[Any]) -> Session:
    return Session(
        id=row.id,
        user_id=row.user_id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        address=row.address,
        user_agent=row.user_agent,
        lifetime=timedelta(seconds=row.lifetime_s),
        revoked_at=row.revoked_at,
    )
