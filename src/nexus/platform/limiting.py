"""Counting requests and attempts: in Redis for all processes, else in this one's memory."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from limits import RateLimitItem, WindowStats
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import RateLimiter
from limits.errors import StorageError

T = TypeVar("T")


class Shared(Protocol):
    """What Redis offers: see platform/redis.py."""

    @property
    def is_away(self) -> bool: ...

    def limits(self) -> Storage: ...

    def went_away(self, error: Exception) -> None: ...


class Limiter:
    """While Redis is away every process counts by itself, so the limit is that of one process."""

    def __init__(self, strategy: type[RateLimiter], shared: Shared | None) -> None:
        self._own = strategy(MemoryStorage())
        self._shared = shared
        self._of_all = strategy(shared.limits()) if shared else None

    async def hit(self, limit: RateLimitItem, who: str) -> bool:
        """Count one; False where that was one too many."""
        return await self._ask(lambda limiter: limiter.hit(limit, who))

    async def stats(self, limit: RateLimitItem, who: str) -> WindowStats:
        return await self._ask(lambda limiter: limiter.get_window_stats(limit, who))

    async def clear(self, limit: RateLimitItem, who: str) -> None:
        await self._ask(lambda limiter: limiter.clear(limit, who))

    async def _ask(self, act: Callable[[RateLimiter], Coroutine[Any, Any, T]]) -> T:
        if self._shared and self._of_all and not self._shared.is_away:
            try:
                return await act(self._of_all)
            except StorageError as error:
                self._shared.went_away(error.storage_error)
        return await act(self._own)
