"""What a cache of lists in Redis could save: `python -m bench.caching`.

A list of 50 tasks as the application makes it, beside fetching the same bytes from a Redis on this
machine, in one process; and how many reads a cached list serves before a write makes it wrong.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2 as httpx
from pydantic import SecretStr
from redis.asyncio import Redis

from nexus.entrypoints.first_start import prepare
from nexus.entrypoints.http import Nexus
from nexus.entrypoints.processes import migrate_settings, open_database
from nexus.platform.settings import DatabaseSettings, HttpSettings, Settings
from tools.redis import provide_server

TASKS, TIMES = 500, 400
LIST = "/api/v1/tasks?limit=50"


def main() -> None:
    with TemporaryDirectory() as folder, provide_server() as redis:
        url = SecretStr(f"sqlite:///{Path(folder) / 'nexus.db'}")
        settings = Settings(
            database=DatabaseSettings(url=url), http=HttpSettings(requests_per_minute=10**9)
        )
        migrate_settings(settings)
        made_ms, fetched_ms, size = asyncio.run(_measure(settings, redis.url))
    print(
        f"A list of 50 tasks, {size / 1000:.0f} kB: made in {made_ms:.2f} ms (median of {TIMES}),"
    )
    print(f"fetched from Redis in {fetched_ms:.2f} ms, {fetched_ms / made_ms:.2f} of that.")
    print("With one write a second to its workspace, and n reads of the same page, viewer and")
    print("filter a second, a cache takes this part of the time that making each list takes:")
    for reads in (1, 2, 10, 100):
        part = (made_ms + (reads - 1) * fetched_ms + fetched_ms) / (reads * made_ms)
        print(f"  n = {reads:3}: {part:.2f}")


async def _measure(settings: Settings, redis_url: str) -> tuple[float, float, int]:
    database = open_database(settings)
    first = await prepare(database)
    if first is None:
        raise RuntimeError("The database is not new.")
    headers = {"Authorization": f"Bearer {first.key}"}
    transport = httpx.ASGITransport(app=Nexus(database, settings))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://bench", headers=headers
    ) as http:
        await _ok(http.post("/api/v1/projects", json={"key": "API", "name": "API"}))
        for number in range(TASKS):
            body = {"project": "API", "title": f"Task {number}", "labels": ["bench"]}
            await _ok(http.post("/api/v1/tasks", json=body))
        answer = await _ok(http.get(LIST))
        made_ms = await _median_ms(lambda: _ok(http.get(LIST)))
    redis: Redis = Redis.from_url(redis_url)  # pyright: ignore[reportUnknownMemberType]
    await redis.set("list", answer.content)
    fetched_ms = await _median_ms(lambda: redis.get("list"))
    await redis.aclose()
    await database.close()
    return made_ms, fetched_ms, len(answer.content)


async def _ok(asked: Awaitable[httpx.Response]) -> httpx.Response:
    return (await asked).raise_for_status()


async def _median_ms(act: Callable[[], Awaitable[object]]) -> float:
    took: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await act()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


if __name__ == "__main__":
    main()
