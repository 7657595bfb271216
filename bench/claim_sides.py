"""Who claims: agents over HTTP, and the bare driver with the statements of such a claim."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from pydantic import SecretStr

from bench.claim_backlog import Backlog
from bench.claim_clients import Client, Registered
from bench.claim_scripts import script_of, under_name_of, watch, writes_of
from bench.processes import ServerEnded
from bench.replay import Driver, open_driver
from bench.scripts import Script
from nexus.entrypoints.http import Nexus
from nexus.entrypoints.processes import open_database
from nexus.platform.settings import DatabaseSettings, Settings


class Side(Protocol):
    async def claim(self, claimer: int) -> None:
        """One of the claimers takes the next task."""
        ...


async def claim_all(side: Side, claimers: int, each: int) -> tuple[float, Sequence[float]]:
    """So many claimers take so many tasks each, all at once: how long all took, and each claim."""
    took: list[float] = []

    async def take(claimer: int) -> None:
        for _ in range(each):
            began = time.perf_counter()
            await side.claim(claimer)
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*[take(claimer) for claimer in range(claimers)])
    return time.perf_counter() - began, took


class Agents:
    """Registered agents, who ask a server."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self._clients = clients

    async def claim(self, claimer: int) -> None:
        claim = await self._clients[claimer].ask("POST", "/agents/assign", {})
        if not claim["run_id"]:
            raise ServerEnded(f"There was nothing to claim: {claim}")


class Bare:
    """The same statements on the bare driver, under the names of the same agents."""

    def __init__(self, driver: Driver, scripts: Sequence[Script]) -> None:
        self._driver = driver
        self._scripts = scripts

    async def claim(self, claimer: int) -> None:
        await self._driver.run(self._scripts[claimer])

    async def commit(self, number: int) -> None:
        """What a claim of the task with this number writes, without a look before."""
        await self._driver.run(writes_of(self._scripts[0], number))


@asynccontextmanager
async def a_bare_side(
    url: str, backlog: Backlog, agents: Sequence[Registered]
) -> AsyncGenerator[Bare]:
    """Two claims through the application in this process show what one consists of."""
    settings = Settings(database=DatabaseSettings(url=SecretStr(url)))
    database = open_database(settings)
    nexus = Nexus(database, settings)
    driver = await open_driver(database)
    try:
        one, other = [await watch(nexus, database, driver, one.key, one.id) for one in agents[:2]]
        script = await script_of(one, other, driver, backlog.ids)
        await backlog.finish(expected=4)
        yield Bare(driver, [under_name_of(script, agents[0].id, one.id) for one in agents])
    finally:
        await driver.close()
        await database.close()
