"""Wake-ups between server processes on PostgreSQL: LISTEN and NOTIFY on a connection of their own.

Imported where the database is PostgreSQL alone. NOTIFY takes a lock that all commits of a
database share, so it is sent just after the commit, for all that was committed within 5 ms: inside
the transactions it would cost every write.
"""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from nexus.platform.actor import WorkspaceId
from nexus.platform.database_url import DatabaseUrl
from nexus.platform.logging import logger
from nexus.platform.wakeups import Wakeup, Wakeups

log = logger(__name__)

CHANNEL = "nexus_wakeups"
GATHERED_S = 0.005
AGAIN_AFTER_S = 1.0
LOOKS_AFTER_S = 5.0  # a connection that a firewall has dropped is noticed by using it
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError)
_connect: Any = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - it has no types
_NOTIFY = "SELECT pg_notify($1, told) FROM unnest($2::text[]) told"


class PostgresRelay:
    """Passes this process's wake-ups on, and hears those of the others."""

    def __init__(self, url: DatabaseUrl, wakeups: Wakeups) -> None:
        self._url = url
        self._wakeups = wakeups
        self._own_name = uuid4().hex
        self._pending: set[str] = set()
        self._has_pending = asyncio.Event()
        self.is_connected = False

    async def run_forever(self) -> None:
        """Until cancelled. Without a connection nobody is told, and listeners look on their own."""
        end = self._wakeups.relay(self._pass_on)
        try:
            while True:
                try:
                    await self._run()
                except (OSError, TimeoutError, *DRIVER_ERRORS) as error:
                    log.warning("wakeups.disconnected", error=str(error))
                await asyncio.sleep(AGAIN_AFTER_S)
        finally:
            end()

    async def _run(self) -> None:
        dsn = self._url.asynchronous.set(drivername="postgresql")
        options = dict(self._url.connect_args)
        options.pop("prepared_statement_cache_size", None)  # SQLAlchemy's own
        connection = await _connect(dsn.render_as_string(hide_password=False), **options)
        try:
            await connection.add_listener(CHANNEL, self._hear)
            self.is_connected = True
            # Whatever was told in the meantime is lost: everybody looks now.
            self._wakeups.heard(Wakeup(None, changes_access=True))
            while True:
                await self._send(connection)
        finally:
            self.is_connected = False
            await connection.close(timeout=1)

    async def _send(self, connection: Any) -> None:
        try:
            async with asyncio.timeout(LOOKS_AFTER_S):
                await self._has_pending.wait()
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=LOOKS_AFTER_S)
            return
        await asyncio.sleep(GATHERED_S)
        told, self._pending = self._pending, set()
        self._has_pending.clear()
        try:
            await connection.execute(_NOTIFY, CHANNEL, sorted(told), timeout=LOOKS_AFTER_S)
        except (OSError, TimeoutError, *DRIVER_ERRORS):
            self._pending |= told  # the next connection tells it
            self._has_pending.set()
            raise

    def _pass_on(self, wakeup: Wakeup) -> None:
        access = int(wakeup.changes_access)
        for workspace_id in wakeup.workspace_ids or ():
            self._pending.add(f"{self._own_name} {workspace_id.hex} {access}")
        self._has_pending.set()

    def _hear(self, *told: object) -> None:
        name, workspace, access = str(told[-1]).split(" ")
        if name != self._own_name:
            workspace_id = WorkspaceId(UUID(hex=workspace))
            self._wakeups.heard(Wakeup(frozenset([workspace_id]), changes_access=access == "1"))
