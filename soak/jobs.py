"""All kills at once: of workers and of servers, on both databases, each on its own."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from nexus.platform.database_url import understand_url
from nexus.platform.jobs.lease import LEASE_S
from nexus.platform.migrating import migrate
from soak import job_imports, job_kills
from soak.job_kills import PACE, Outcome
from tests.conftest import a_postgres_database
from tests.server import Machine

OF_SERVERS = 16
"""One kill of so many is of a server that carries out an import: on PostgreSQL it takes a lease."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    workers: Sequence[Outcome]
    servers: Sequence[Outcome]
    took_s: float

    def __str__(self) -> str:
        everything = [*self.workers, *self.servers]
        return (
            f"{sum(one.kills for one in everything)} kills in {self.took_s:.0f} s: "
            f"{sum(one.jobs for one in self.workers)} jobs and "
            f"{sum(one.jobs for one in self.servers)} imports ended as if nothing had happened, "
            f"{sum(one.repeated for one in everything)} steps were repeated; peers took over "
            f"within {_longest(self.workers) / PACE.lease_s:.2f} leases, "
            f"of servers within {_longest(self.servers) / LEASE_S:.2f}."
        )


def run(folder: Path, *, kills: int, seed: int) -> Summary:
    """Raises Broken."""
    with ExitStack() as stack:
        names = ["nexus_soak_jobs_1", "nexus_soak_jobs_2", "nexus_soak_imports"]
        urls = [stack.enter_context(a_postgres_database(name)) for name in names]
        return asyncio.run(_run(folder, urls, kills, seed))


async def _run(folder: Path, urls: Sequence[str], kills: int, seed: int) -> Summary:
    began_at = time.monotonic()
    alone, shared = kills - kills // 2, kills // 2
    left = shared - shared // OF_SERVERS
    workers = [
        _workers(folder, "sqlite", None, alone - alone // OF_SERVERS, seed),
        _workers(folder, "postgresql-1", urls[0], left - left // 2, seed),
        _workers(folder, "postgresql-2", urls[1], left // 2, seed),
    ]
    plans = [
        _imports(folder, "sqlite-imports", None, alone // OF_SERVERS, seed),
        _imports(folder, "postgresql-imports", urls[2], shared // OF_SERVERS, seed),
    ]
    servers = [asyncio.to_thread(job_imports.run, plan) for plan in plans]
    try:
        found = await asyncio.gather(*workers, *servers)
    finally:
        for plan in plans:
            plan.stopped.set()
    took_s = time.monotonic() - began_at
    return Summary(workers=found[: len(workers)], servers=found[len(workers) :], took_s=took_s)


async def _workers(folder: Path, name: str, url: str | None, kills: int, seed: int) -> Outcome:
    own, url = _place(folder, name, url)
    return await job_kills.run(
        job_kills.Plan(name=name, url=url, folder=own, kills=kills, seed=seed)
    )


def _imports(folder: Path, name: str, url: str | None, kills: int, seed: int) -> job_imports.Plan:
    own, url = _place(folder, name, url)
    limits = {"NEXUS_HTTP__REQUESTS_PER_MINUTE": "10000000"}
    machine = Machine(folder=own, database_url=url, extra=limits)
    return job_imports.Plan(name=name, machine=machine, kills=kills, seed=seed)


def _place(folder: Path, name: str, url: str | None) -> tuple[Path, str]:
    """A folder of its own, and a migrated database: in the folder, where none is given."""
    own = folder / name
    own.mkdir()
    url = url or f"sqlite:///{own}/nexus.db"
    migrate(understand_url(url))
    return own, url


def _longest(outcomes: Sequence[Outcome]) -> float:
    return max((took_s for one in outcomes for took_s in one.took_over_s), default=0)
