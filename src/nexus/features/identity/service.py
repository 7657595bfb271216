"""Signing in and out, and what users may do with their own account."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from nexus.features.identity.domain import Account, NewSession, Session, SessionId, User
from nexus.features.identity.errors import (
    PasswordWrong,
    SessionNotFound,
    SignInRefused,
    UserNotFound,
)
from nexus.features.identity.events import (
    SessionCreated,
    SessionRefused,
    SessionRevoked,
    UserPasswordChanged,
    UserUpdated,
)
from nexus.features.identity.repository import SessionRepository, UserRepository
from nexus.platform.actor import Actor, UserId, WorkspaceId
from nexus.platform.clock import now
from nexus.platform.events import EventLog, changes_between
from nexus.platform.fields import folded, tidy
from nexus.platform.ids import new_id
from nexus.platform.last_use import LastUse
from nexus.platform.secrets import digest, new_secret
from nexus.platform.throttle import Throttle

_HASHER = PasswordHasher()  # argon2id with the library's parameters (RFC 9106)
_NOBODYS_HASH = _HASHER.hash("nobody's password")
_LAST_USE_MATTERS_AFTER = timedelta(minutes=1)


class UserService:
    def __init__(self, users: UserRepository, events: EventLog) -> None:
        self._users = users
        self._events = events

    async def register(self, email: str, name: str, password_hash: str | None) -> User:
        """A new user, with the hash that `hash_password` made. Raises EmailTaken."""
        user = User(
            id=UserId(new_id()),
            email=email.strip(),
            name=tidy(name),
            password_hash=password_hash,
            created_at=now(),
        )
        await self._users.add(user)
        return user

    async def find(self, user_id: UserId) -> User | None:
        return await self._users.find(user_id)

    async def find_by_email(self, email: str) -> User | None:
        return await self._users.find_by_email(email)

    async def list_by_ids(self, user_ids: Sequence[UserId]) -> Mapping[UserId, User]:
        return {user.id: user for user in await self._users.list_by_ids(user_ids)}

    async def account(self, user_id: UserId) -> Account:
        user = await self._users.find(user_id)
        if user is None:
            raise SessionNotFound(id=user_id)
        memberships = await self._users.list_memberships(user_id)
        return Account(user=user, memberships=tuple(memberships))

    async def update(self, user_id: UserId, *, name: str) -> User:
        """Change a user's name, in all their workspaces."""
        old = await self._users.find(user_id, lock=True)
        if old is None:
            raise SessionNotFound(id=user_id)
        new = replace(old, name=tidy(name))
        changes = changes_between(old, new, "name")
        if not changes:
            return old

        await self._users.save(new)
        await self._users.rename_members(user_id, new.name)
        for membership in await self._users.list_memberships(user_id):
            self._events.record(UserUpdated(user_id=user_id, changes=changes), by=membership.actor)
        return new


class SessionService:
    """`seen` finds users before the transaction opens: hashing must not hold the write lock."""

    def __init__(
        self,
        seen: UserRepository,
        users: UserRepository,
        sessions: SessionRepository,
        events: EventLog,
        *,
        throttle: Throttle,
        lifetime: timedelta,
    ) -> None:
        self._seen = seen
        self._users = users
        self._sessions = sessions
        self._events = events
        self._throttle = throttle
        self._lifetime = lifetime

    async def sign_in(
        self, email: str, password: str, *, address: str, user_agent: str
    ) -> NewSession:
        """Start a session. Raises SignInRefused, or RateLimited after too many failures.

        An unknown address takes as long and says the same as a wrong password.
        """
        attempt = f"sign-in {folded(email)} {address}"
        await self._throttle.attempt(attempt, address)
        user = await self._seen.find_by_email(email)
        await self._seen.let_go()
        stored = user.password_hash if user else None
        if not await _verify(stored or _NOBODYS_HASH, password) or user is None or stored is None:
            if user:
                await self._record_refusal(user, address)
            raise SignInRefused

        await self._throttle.succeeded(attempt)
        return await self.start(user, address=address, user_agent=user_agent)

    async def start(self, user: User, *, address: str, user_agent: str) -> NewSession:
        """A session for someone who has just proved who they are."""
        at = now()
        token = new_secret()
        session = Session(
            id=SessionId(new_id()),
            user_id=user.id,
            created_at=at,
            last_used_at=at,
            address=address,
            user_agent=user_agent,
            lifetime=self._lifetime,
            revoked_at=None,
        )
        await self._sessions.add(session, digest(token))
        for membership in await self._users.list_memberships(user.id):
            self._events.record(
                SessionCreated(session_id=session.id, address=address), by=membership.actor
            )
        return NewSession(session=session, token=token, user=user)

    async def list_sessions(self, user_id: UserId) -> Sequence[Session]:
        at = now()
        return [s for s in await self._sessions.list_of(user_id) if s.is_live(at)]

    async def revoke(self, session_id: SessionId, user_id: UserId) -> None:
        """End a session of this user. Ending an ended one changes nothing."""
        session = await self._sessions.get(session_id, user_id)
        if session.revoked_at:
            return

        await self._sessions.revoke(session_id, now())
        for membership in await self._users.list_memberships(user_id):
            self._events.record(
                SessionRevoked(session_id=session_id, reason="signed out"), by=membership.actor
            )

    async def change_password(
        self,
        user_id: UserId,
        *,
        current: str,
        new: str,
        kept: SessionId | None,
        address: str,
    ) -> None:
        """Set a new password and end all other sessions. Guessing the current one is throttled."""
        attempt = f"password {user_id}"
        await self._throttle.attempt(attempt, address)
        user = await self._seen.find(user_id)
        await self._seen.let_go()
        stored = user.password_hash if user else None
        if stored and not await _verify(stored, current):
            raise PasswordWrong(field="current_password")
        await self._throttle.succeeded(attempt)
        hashed = await hash_password(new)

        await self._users.save_password(user_id, hashed)
        await self._sessions.revoke_others(user_id, kept, now())
        for membership in await self._users.list_memberships(user_id):
            self._events.record(UserPasswordChanged(user_id=user_id), by=membership.actor)

    async def _record_refusal(self, user: User, address: str) -> None:
        for membership in await self._seen.list_memberships(user.id):
            self._events.record_refusal(
                SessionRefused(user_id=user.id, address=address, reason="wrong password"),
                workspace_id=membership.actor.workspace_id,
                actor_id=membership.actor.id,
            )


class PasswordReset:
    """For operators: a new password for whoever has lost theirs, or came without one."""

    def __init__(
        self, users: UserRepository, sessions: SessionRepository, events: EventLog
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._events = events

    async def reset(self, email: str, password_hash: str) -> User:
        """Set it and end all sessions. Raises UserNotFound."""
        user = await self._users.find_by_email(email)
        if user is None:
            raise UserNotFound(email=email)
        await self._users.save_password(user.id, password_hash)
        await self._sessions.revoke_others(user.id, None, now())
        for membership in await self._users.list_memberships(user.id):
            self._events.record_by_system(
                UserPasswordChanged(user_id=user.id), workspace_id=membership.actor.workspace_id
            )
        return user


class SessionLookup:
    """From a session cookie to who that is; one statement, before every request."""

    def __init__(self, sessions: SessionRepository, last_use: LastUse) -> None:
        self._sessions = sessions
        self._last_use = last_use

    async def find(
        self, token: str, workspace_id: WorkspaceId | None
    ) -> tuple[Session, Actor | None] | None:
        """The live session of a token, with the actor in the named or the only workspace.

        The actor is None where the user is no member there, or where several would do.
        """
        found = await self._sessions.find_by_digest(digest(token), workspace_id)
        at = now()
        if found is None or not found[0].is_live(at):
            return None
        session, actors = found
        if at - session.last_used_at > _LAST_USE_MATTERS_AFTER:
            self._last_use.note(session.id, at)
        return session, actors[0] if len(actors) == 1 else None

    async def forget_ended(self, before: datetime, limit: int) -> int:
        """Forget the sessions that had ended by then; how many there were."""
        return await self._sessions.remove_ended(before, limit)

    async def write_last_use(self) -> None:
        if seen := self._last_use.drain():
            await self._sessions.save_last_use(seen)


async def hash_password(password: str) -> str:
    """An argon2id hash, made in a thread: it takes tens of milliseconds and much memory."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def _verify(stored: str, password: str) -> bool:
    try:
        return await asyncio.to_thread(_HASHER.verify, stored, password)
    except (VerificationError, InvalidHashError):
        return False
