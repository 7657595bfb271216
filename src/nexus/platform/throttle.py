"""Counting failures, so that guessing takes longer than it is worth."""

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from nexus.platform.clock import now
from nexus.platform.errors import RateLimited

WINDOW_MINUTES = 15


class Throttle:
    """At most `attempts` failures per key in any 15 minutes."""

    def __init__(self, attempts: int) -> None:
        self._limit = RateLimitItemPerMinute(attempts, WINDOW_MINUTES)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def check(self, *keys: str) -> None:
        """Raises RateLimited, with the wait in seconds, where a key has failed too often."""
        for key in keys:
            if not await self._limiter.test(self._limit, key):
                stats = await self._limiter.get_window_stats(self._limit, key)
                raise RateLimited(retry_after=max(1, round(stats.reset_time - now().timestamp())))

    async def count_failure(self, *keys: str) -> None:
        for key in keys:
            await self._limiter.hit(self._limit, key)
