"""Who presents a credential: the one place where keys and sessions come together."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec
from cachetools import TLRUCache
from limits import RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter

from nexus.features.agents.wiring import agent_service
from nexus.features.identity.service import SessionLookup
from nexus.features.identity.wiring import session_lookup
from nexus.features.keys.service import KeyFound, KeyLookup, record_refusal
from nexus.features.keys.wiring import key_lookup
from nexus.features.workspaces.errors import WorkspaceNotFound
from nexus.platform import metrics
from nexus.platform.actor import ActorKind, Caller, CredentialId
from nexus.platform.clock import now
from nexus.platform.database import Database, Transaction
from nexus.platform.http.authentication import CredentialRefused, Presented
from nexus.platform.last_use import LastUse
from nexus.platform.limiting import Limiter
from nexus.platform.logging import logger
from nexus.platform.secrets import digest
from nexus.platform.wakeups import Wakeup

log = logger(__name__)


KEPT_S = 5
"""How long a caller is remembered, unless access changes before: see platform/wakeups.py.

It matters where a process is not told: a second one on SQLite, or one that lost its connection.
Through Redis it holds for all processes together: what one has found serves the others for the
rest of that time.
"""
MOST_KEPT = 10_000
MOST_NOTED = 5
"""Refusals of one key for one reason that are put on record in a minute: enough for an alert."""

_Name = tuple[str, UUID | None]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Who presents a credential, and until when it is good."""

    caller: Caller
    until: datetime | None

    def is_good(self, at: datetime) -> bool:
        return self.until is None or at < self.until


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What was found, and until when (of time.monotonic) it is believed."""

    found: _Found
    until_s: float


class CallerCache(Protocol):
    """What Redis offers: see platform/redis.py."""

    async def find(self, name: str) -> tuple[bytes | None, float, bytes]: ...

    async def keep(self, name: str, value: bytes, era: bytes, for_s: float) -> None: ...


class _Refused(Exception):
    """A key that was looked up and is not good."""

    def __init__(self, found: KeyFound) -> None:
        super().__init__()
        self.found = found

    @property
    def shown(self) -> CredentialRefused:
        return CredentialRefused(why=self.found.refusal or "there is no such key")


class Credentials:
    """Looks callers up, one statement each, and puts refused keys on record."""

    def __init__(self, database: Database, shared: CallerCache | None = None) -> None:
        self._database = database
        self._keys_used = LastUse()
        self._sessions_used = LastUse()
        self._agents_seen = LastUse()
        self._few_a_minute = RateLimitItemPerMinute(MOST_NOTED)
        self._refusals = Limiter(FixedWindowRateLimiter, None)
        self._shared = shared
        self._kept: TLRUCache[_Name, _Kept] = TLRUCache(
            MOST_KEPT, lambda _name, kept, _now: kept.until_s, timer=time.monotonic
        )
        self._era = 0
        database.wakeups.listen(self._forget)

    async def identify(self, presented: Presented) -> Caller | None:
        """The caller, or None without a credential. Raises CredentialRefused, and notes it."""
        try:
            return await self._look_up(presented)
        except _Refused as refused:
            await self._refuse(refused.found, presented.address)
            raise refused.shown from None

    async def identify_again(self, presented: Presented) -> Caller | None:
        """The same for whoever was identified before: nobody shows a key now, so none is noted."""
        try:
            return await self._look_up(presented)
        except _Refused as refused:
            raise refused.shown from None

    async def _look_up(self, presented: Presented) -> Caller | None:
        token = presented.key or presented.session
        if token is None:
            return None
        name = (digest(token), presented.workspace_id)
        kept = self._kept.get(name)
        if kept and kept.found.is_good(now()):
            metrics.CALLERS.labels("memory").inc()
            return kept.found.caller
        # What was looked up while access changed may be old news, and is not remembered.
        era = self._era
        fresh = await self._found(presented, token, name)
        if era == self._era:
            self._kept[name] = fresh
        return fresh.found.caller

    async def _found(self, presented: Presented, token: str, name: _Name) -> _Kept:
        """From the memory that the processes share, or else from the database."""
        began = time.monotonic()
        shared_name, shared_era = f"caller:{name[0]}:{name[1] or ''}", b""
        if self._shared:
            text, left_s, shared_era = await self._shared.find(shared_name)
            if text and (found := msgspec.json.decode(text, type=_Found)).is_good(now()):
                metrics.CALLERS.labels("redis").inc()
                return _Kept(found=found, until_s=began + left_s)
        metrics.CALLERS.labels("database").inc()
        ask = self._by_key if presented.key else self._by_session
        found = await ask(presented, token)
        if self._shared:
            left_s = KEPT_S - (time.monotonic() - began)
            await self._shared.keep(shared_name, msgspec.json.encode(found), shared_era, left_s)
        return _Kept(found=found, until_s=began + KEPT_S)

    def _forget(self, wakeup: Wakeup) -> None:
        if wakeup.changes_access:
            self._era += 1
            self._kept.clear()

    async def write_last_use(self) -> None:
        """Write when credentials were last used; called every few seconds and at the end."""
        async with self._database.system() as tx:
            await self._key_lookup(tx).write_last_use()
            await self._session_lookup(tx).write_last_use()
            if seen := self._agents_seen.drain():
                await agent_service(tx).save_seen(seen)

    async def _by_key(self, presented: Presented, text: str) -> _Found:
        async with self._database.system_reading() as tx:
            found = await self._key_lookup(tx).find(text)
        if found.refusal or found.key is None or found.actor is None:
            raise _Refused(found)
        if presented.workspace_id not in {None, found.key.workspace_id}:
            raise WorkspaceNotFound(id=presented.workspace_id)
        if found.actor.kind is ActorKind.AGENT:
            self._agents_seen.note(found.actor.id, now())
        caller = Caller(
            credential_id=CredentialId(found.key.id),
            user_id=found.actor.user_id,
            session_id=None,
            actor=found.actor,
        )
        return _Found(caller=caller, until=found.key.expires_at)

    async def _by_session(self, presented: Presented, token: str) -> _Found:
        async with self._database.system_reading() as tx:
            found = await self._session_lookup(tx).find(token, presented.workspace_id)
        if found is None:
            raise CredentialRefused(why="the session has ended")
        session, actor = found
        if presented.workspace_id and actor is None:
            raise WorkspaceNotFound(id=presented.workspace_id)
        caller = Caller(
            credential_id=CredentialId(session.id),
            user_id=session.user_id,
            session_id=session.id,
            actor=actor,
        )
        return _Found(caller=caller, until=session.expires_at)

    async def _refuse(self, found: KeyFound, address: str) -> None:
        prefix = found.key.prefix if found.key else None
        log.warning("key.refused", prefix=prefix, why=found.refusal)
        if prefix and await self._refusals.hit(
            self._few_a_minute, f"{prefix} {found.refusal} {found.actor is None}"
        ):
            async with self._database.system() as tx:
                record_refusal(tx.events, found, address=address)

    def _key_lookup(self, tx: Transaction) -> KeyLookup:
        return key_lookup(tx, self._keys_used)

    def _session_lookup(self, tx: Transaction) -> SessionLookup:
        return session_lookup(tx, self._sessions_used)
