"""Counting failures, so that guessing takes longer than it is worth."""

from limits import RateLimitItemPerMinute
from limits.aio.strategies import MovingWindowRateLimiter

from nexus.platform.clock import now
from nexus.platform.errors import RateLimited
from nexus.platform.limiting import Limiter, Shared

WINDOW_MINUTES = 15
ADDRESS_FACTOR = 20  # many people may share an address


class Throttle:
    """At most `attempts` failures per key in any 15 minutes, and 20 times as many per address.

    An attempt counts as a failure until it has succeeded, so guesses at the same moment count too.
    """

    def __init__(self, attempts: int, shared: Shared | None = None) -> None:
        self._per_key = RateLimitItemPerMinute(attempts, WINDOW_MINUTES)
        self._per_address = RateLimitItemPerMinute(attempts * ADDRESS_FACTOR, WINDOW_MINUTES)
        self._limiter = Limiter(MovingWindowRateLimiter, shared)

    async def attempt(self, key: str, address: str) -> None:
        """Count an attempt. Raises RateLimited, with the wait in seconds, after too many."""
        for limit, who in ((self._per_address, address), (self._per_key, key)):
            if not await self._limiter.hit(limit, who):
                stats = await self._limiter.stats(limit, who)
                raise RateLimited(retry_after=max(1, round(stats.reset_time - now().timestamp())))

    async def succeeded(self, key: str) -> None:
        """Forget the key's failures. The address keeps its own: it may be guessing elsewhere."""
        await self._limiter.clear(self._per_key, key)
