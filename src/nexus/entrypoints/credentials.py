"""Who presents a credential: the one place where keys and sessions come together."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from cachetools import TTLCache
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from nexus.features.identity.service import SessionLookup
from nexus.features.identity.wiring import session_lookup
from nexus.features.keys.service import KeyFound, KeyLookup, record_refusal
from nexus.features.keys.wiring import key_lookup
from nexus.features.workspaces.errors import WorkspaceNotFound
from nexus.platform.actor import Caller, CredentialId
from nexus.platform.clock import now
from nexus.platform.database import Database, Transaction
from nexus.platform.http.authentication import CredentialRefused, Presented
from nexus.platform.last_use import LastUse
from nexus.platform.logging import logger
from nexus.platform.secrets import digest
from nexus.platform.wakeups import Wakeup

log = logger(__name__)


KEPT_S = 5
"""How long a caller is remembered, unless access changes before: see platform/wakeups.py.

It matters where a process is not told: a second one on SQLite, or one that lost its connection.
"""
MOST_KEPT = 10_000


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Who presents a credential, and until when it is good."""

    caller: Caller
    until: datetime | None

    def is_good(self, at: datetime) -> bool:
        return self.until is None or at < self.until


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

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys_used = LastUse()
        self._sessions_used = LastUse()
        self._once_a_minute = RateLimitItemPerMinute(1)
        self._refusals = FixedWindowRateLimiter(MemoryStorage())
        self._found: TTLCache[Hashable, _Found] = TTLCache(MOST_KEPT, KEPT_S)
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
        found = self._found.get(name)
        if found is None or not found.is_good(now()):
            # What was looked up while access changed may be old news, and is not remembered.
            era = self._era
            ask = self._by_key if presented.key else self._by_session
            found = await ask(presented, token)
            if era == self._era:
                self._found[name] = found
        return found.caller

    def _forget(self, wakeup: Wakeup) -> None:
        if wakeup.changes_access:
            self._era += 1
            self._found.clear()

    async def write_last_use(self) -> None:
        """Write when credentials were last used; called every few seconds and at the end."""
        async with self._database.system() as tx:
            await self._key_lookup(tx).write_last_use()
            await self._session_lookup(tx).write_last_use()

    async def _by_key(self, presented: Presented, text: str) -> _Found:
        async with self._database.system_reading() as tx:
            found = await self._key_lookup(tx).find(text)
        if found.refusal or found.key is None or found.actor is None:
            raise _Refused(found)
        if presented.workspace_id not in {None, found.key.workspace_id}:
            raise WorkspaceNotFound(id=presented.workspace_id)
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
        log.warning("key.refused", prefix=prefix, why=found.refusal, address=address)
        if prefix and await self._refusals.hit(
            self._once_a_minute, f"{prefix} {found.refusal} {found.actor is None}"
        ):
            async with self._database.system() as tx:
                record_refusal(tx.events, found, address=address)

    def _key_lookup(self, tx: Transaction) -> KeyLookup:
        return key_lookup(tx, self._keys_used)

    def _session_lookup(self, tx: Transaction) -> SessionLookup:
        return session_lookup(tx, self._sessions_used)
