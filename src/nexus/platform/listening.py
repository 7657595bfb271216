"""Wake-ups between processes on PostgreSQL: LISTEN and NOTIFY on a connection of their own.

Imported where the database is PostgreSQL alone. NOTIFY takes a lock that all commits of a
database share, which is why it is no part of the transactions.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg
from typing_extensions import override

from nexus.platform.database_url import DatabaseUrl
from nexus.platform.relaying import CHANNEL, LOOKS_AFTER_S, Relay
from nexus.platform.wakeups import Wakeups

_connect: Any = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - it has no types
_NOTIFY = "SELECT pg_notify($1, told) FROM unnest($2::text[]) told"


class PostgresRelay(Relay):
    failures = (*Relay.failures, asyncpg.PostgresError, asyncpg.InterfaceError)

    def __init__(self, url: DatabaseUrl, wakeups: Wakeups) -> None:
        super().__init__(wakeups)
        self._url = url
        self._connection: Any = None

    @override
    async def run(self) -> None:
        dsn = self._url.asynchronous.set(drivername="postgresql")
        options = dict(self._url.connect_args)
        options.pop("prepared_statement_cache_size", None)  # SQLAlchemy's own
        self._connection = await _connect(dsn.render_as_string(hide_password=False), **options)
        try:
            await self._connection.add_listener(CHANNEL, self._heard)
            self.connected()
            while True:
                await self.pass_on_next()
        finally:
            await self._connection.close(timeout=1)

    @override
    async def tell(self, told: Sequence[str]) -> None:
        await self._connection.execute(_NOTIFY, CHANNEL, told, timeout=LOOKS_AFTER_S)

    @override
    async def look(self) -> None:
        await self._connection.execute("SELECT 1", timeout=LOOKS_AFTER_S)

    def _heard(self, *told: object) -> None:
        self.hear(str(told[-1]))
