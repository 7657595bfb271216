"""Who presents a credential: the one place where keys and sessions come together."""

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from nexus.features.identity.service import SessionLookup
from nexus.features.identity.wiring import session_lookup
from nexus.features.keys.service import KeyFound, KeyLookup, record_refusal
from nexus.features.keys.wiring import key_lookup
from nexus.features.workspaces.errors import WorkspaceNotFound
from nexus.platform.actor import Caller, CredentialId
from nexus.platform.database import Database, Transaction
from nexus.platform.http.authentication import CredentialRefused, Presented
from nexus.platform.last_use import LastUse
from nexus.platform.logging import logger

log = logger(__name__)


class Credentials:
    """Looks callers up, one statement each, and puts refused keys on record."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys_used = LastUse()
        self._sessions_used = LastUse()
        self._once_a_minute = RateLimitItemPerMinute(1)
        self._refusals = FixedWindowRateLimiter(MemoryStorage())

    async def identify(self, presented: Presented) -> Caller | None:
        """The caller, or None without a credential. Raises CredentialRefused."""
        if presented.key:
            return await self._by_key(presented, presented.key)
        if presented.session:
            return await self._by_session(presented, presented.session)
        return None

    async def write_last_use(self) -> None:
        """Write when credentials were last used; called every few seconds and at the end."""
        async with self._database.system() as tx:
            await self._key_lookup(tx).write_last_use()
            await self._session_lookup(tx).write_last_use()

    async def _by_key(self, presented: Presented, text: str) -> Caller:
        async with self._database.system_reading() as tx:
            found = await self._key_lookup(tx).find(text)
        if found.refusal or found.key is None or found.actor is None:
            await self._refuse(found, presented.address)
            raise CredentialRefused(why=found.refusal or "there is no such key")
        if presented.workspace_id not in {None, found.key.workspace_id}:
            raise WorkspaceNotFound(id=presented.workspace_id)
        return Caller(
            credential_id=CredentialId(found.key.id),
            user_id=found.actor.user_id,
            session_id=None,
            actor=found.actor,
        )

    async def _by_session(self, presented: Presented, token: str) -> Caller:
        async with self._database.system_reading() as tx:
            found = await self._session_lookup(tx).find(token, presented.workspace_id)
        if found is None:
            raise CredentialRefused(why="the session has ended")
        session, actor = found
        if presented.workspace_id and actor is None:
            raise WorkspaceNotFound(id=presented.workspace_id)
        return Caller(
            credential_id=CredentialId(session.id),
            user_id=session.user_id,
            session_id=session.id,
            actor=actor,
        )

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
