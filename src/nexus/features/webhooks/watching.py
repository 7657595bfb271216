"""What a worker does beside its jobs: webhooks are told of events soon after they happen."""

import asyncio
from contextlib import suppress

from nexus.features.webhooks.jobs import hand_out
from nexus.platform.database import DATABASE_FAILURES, Database
from nexus.platform.logging import logger
from nexus.platform.wakeups import Wakeup

log = logger(__name__)

GATHERED_S = 0.05
LOOKS_AFTER_S = 2.0


async def watch(database: Database) -> None:
    """Hand events on whenever somebody has committed some, and every two seconds."""
    told = asyncio.Event()

    def hear(_: Wakeup) -> None:
        told.set()

    end = database.wakeups.listen(hear)
    try:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOKS_AFTER_S):
                    await told.wait()
            await asyncio.sleep(GATHERED_S)
            told.clear()
            try:
                while await hand_out(database):
                    pass
            except DATABASE_FAILURES:
                log.warning("webhooks.not_handed_out", exc_info=True)
                await asyncio.sleep(LOOKS_AFTER_S)
    finally:
        end()
