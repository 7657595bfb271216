"""What processes share through Redis, where there is one: limits, callers, wake-ups.

Nothing is kept there alone. Without Redis, or while it is away, each process does with its own
memory, and looks again after a moment. Imported where a server is named in the settings.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from limits.aio.storage import RedisStorage
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from typing_extensions import override

from nexus.platform.logging import logger
from nexus.platform.relaying import CHANNEL, LOOKS_AFTER_S, Relay, changes_access
from nexus.platform.wakeups import Wakeups

log = logger(__name__)

T = TypeVar("T")

ANSWERS_WITHIN_S = 0.25
AWAY_S = 2.0
"""How long nobody asks a Redis that has not answered."""

FAILURES = (RedisError, OSError, TimeoutError)
PREFIX = "nexus"
_ERA = f"{PREFIX}:access"
"""Counts the changes of access; what was found before the last one is not believed."""


class SharedMemory:
    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its options are untyped
            url,
            socket_timeout=ANSWERS_WITHIN_S,
            socket_connect_timeout=ANSWERS_WITHIN_S,
            retry=Retry(NoBackoff(), 1),  # a connection from before a restart
        )
        self.url = url
        self._away_until = 0.0

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def limits(self) -> RedisStorage:
        """For rate limiters. Failures come as StorageError."""
        return RedisStorage(
            f"async+{self.url}",
            implementation="redispy",
            wrap_exceptions=True,
            key_prefix=f"{PREFIX}:limits",
            socket_timeout=ANSWERS_WITHIN_S,
            socket_connect_timeout=ANSWERS_WITHIN_S,
        )

    async def ping(self) -> bool:
        """Whether it answers now, whatever it did before."""
        self._away_until = 0.0

        async def ping() -> bool:
            await self._redis.execute_command("PING")  # pyright: ignore[reportUnknownMemberType]
            return True

        return await self.ask(ping) is not None

    async def find(self, name: str) -> tuple[bytes | None, float, bytes]:
        """What is kept under a name, for how many seconds more, and the era to keep it in."""

        async def look() -> tuple[bytes | None, float, bytes]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.get(_ERA)
                pipeline.get(f"{PREFIX}:{name}")
                pipeline.pttl(f"{PREFIX}:{name}")
                era, kept, left_ms = await pipeline.execute()
            era = era or b"0"
            if kept and kept.startswith(era + b" "):
                return kept[len(era) + 1 :], left_ms / 1000, era
            return None, 0.0, era

        return await self.ask(look) or (None, 0.0, b"")

    async def keep(self, name: str, value: bytes, era: bytes, for_s: float) -> None:
        """Until access changes, for a few seconds at most."""
        if era and for_s > 0:
            text = era + b" " + value
            await self.ask(
                lambda: self._redis.set(f"{PREFIX}:{name}", text, px=max(1, int(for_s * 1000)))
            )

    async def ask(self, act: Callable[[], Awaitable[T]]) -> T | None:
        """Do something with Redis; None while it is away."""
        if self.is_away:
            return None
        try:
            return await act()
        except FAILURES as error:
            self.went_away(error)
            return None

    def went_away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_S
        log.warning("redis.away", error=str(error))

    async def close(self) -> None:
        await self._redis.aclose()


class RedisRelay(Relay):
    """Wake-ups over a channel of Redis. A change of access begins a new era for all first."""

    failures = FAILURES

    def __init__(self, url: str, wakeups: Wakeups) -> None:
        super().__init__(wakeups)
        self._url = url
        self._redis: Any = None

    @override
    async def run(self) -> None:
        self._redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            self._url, socket_timeout=LOOKS_AFTER_S, socket_connect_timeout=LOOKS_AFTER_S
        )
        channel = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            await channel.subscribe(CHANNEL)
            self.connected()
            listening = asyncio.create_task(self._listen(channel))
            telling = asyncio.create_task(self._tell_forever())
            try:
                await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (listening, telling):
                    task.cancel()
                ended = await asyncio.gather(listening, telling, return_exceptions=True)
            for one in ended:
                if isinstance(one, Exception):
                    raise one
        finally:
            await channel.aclose()
            await self._redis.aclose()

    @override
    async def tell(self, told: Sequence[str]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            if any(changes_access(one) for one in told):
                pipeline.incr(_ERA)
            for one in told:
                pipeline.publish(CHANNEL, one)
            await pipeline.execute()

    @override
    async def look(self) -> None:
        await self._redis.ping()

    async def _tell_forever(self) -> None:
        while True:
            await self.pass_on_next()

    async def _listen(self, channel: Any) -> None:
        while True:
            message = await channel.get_message(timeout=LOOKS_AFTER_S)
            if message:
                self.hear(message["data"].decode())
