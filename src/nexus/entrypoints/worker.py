"""The process behind `nexus worker`: carries out jobs and answers nobody."""

import asyncio

from nexus.entrypoints.processes import (
    leave,
    observed,
    on_signal,
    opened,
    told_of_commits,
    working,
)
from nexus.platform.settings import Settings


def work(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM. Raises CannotServe before a job is taken."""
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    asked_to_end = asyncio.Event()
    on_signal(asked_to_end.set)
    with observed(settings):
        async with (
            opened(settings, migrating=False) as database,
            told_of_commits(database, settings),
            working(database, settings),
        ):
            await asked_to_end.wait()
    leave()
